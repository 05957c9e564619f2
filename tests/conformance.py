"""What an objective states to join the suite of `test_objectives.py`: one row here.

The suite gives each objective an outcome of the fields that its row in
`ganjax.schema.OBJECTIVES` declares, and of no other.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from ganjax import schema
from ganjax.objectives import OBJECTIVES
from ganjax.types import Outcome

PLAYERS = ("discriminator", "generator")

REAL = np.array([2.0, 0.5, -1.0, 1.5])
FAKE = np.array([-0.5, 1.0, -2.0, 0.0])


class Row(NamedTuple):
    """One objective's numbers, and what must come of them.

    `numbers` differ from each other and from the defaults, so that none can stand in
    for another. `discriminator`, `generator` and `accuracies` belong to `REAL` and
    `FAKE` and are found by hand; `reference(real, fake)` gives both losses in float64
    NumPy. `paired`: the loss compares scores by index.
    """

    numbers: dict[str, float]
    discriminator: float
    generator: float
    reference: Callable[[np.ndarray, np.ndarray], tuple[float, float]]
    accuracies: dict[str, float]
    paired: bool = False


def softplus(x):
    return np.logaddexp(0.0, x)


def relu(x):
    return np.maximum(x, 0.0)


def average_margins(real, fake):
    return np.mean(softplus(fake.mean() - real)) + np.mean(softplus(fake - real.mean()))


# Above 0 are 2, 0.5 and 1.5 of REAL, and not above it -0.5, -2 and 0 of FAKE.
ABOVE_ZERO = {"real_accuracy": 3 / 4, "fake_accuracy": 3 / 4}
# 2 > -0.5, not 0.5 > 1, -1 > -2, 1.5 > 0.
PAIRS = {"pair_accuracy": 3 / 4}

ROWS = {
    "minimax": Row(
        numbers={},
        # softplus(-r): 0.126928 + 0.474077 + 1.313262 + 0.201413 = 2.115680
        # softplus(s):  0.474077 + 1.313262 + 0.126928 + 0.693147 = 2.607414
        # (2.115680 + 2.607414) / 4
        discriminator=1.1807735,
        # -2.607414 / 4
        generator=-0.6518535,
        reference=lambda r, s: (
            np.mean(softplus(-r)) + np.mean(softplus(s)),
            np.mean(-softplus(s)),
        ),
        accuracies=ABOVE_ZERO,
    ),
    "non_saturating": Row(
        numbers={"real_target": 0.75},
        # softplus(r) = softplus(-r) + r, so smoothing adds (1 - 0.75) E r to minimax,
        # E r = (2 + 0.5 - 1 + 1.5) / 4 = 0.75: 1.1807735 + 0.25 * 0.75
        discriminator=1.3682735,
        # softplus(-s): (0.974077 + 0.313262 + 2.126928 + 0.693147) / 4
        generator=1.0268535,
        reference=lambda r, s: (
            np.mean(0.75 * softplus(-r) + 0.25 * softplus(r)) + np.mean(softplus(s)),
            np.mean(softplus(-s)),
        ),
        accuracies=ABOVE_ZERO,
    ),
    "least_squares": Row(
        numbers={"real_target": 2.0, "fake_target": -1.0, "generator_target": 0.5},
        # (r - 2)^2: 0 + 2.25 + 9 + 0.25 = 11.5; (s + 1)^2: 0.25 + 4 + 1 + 1 = 6.25
        # 1/2 (11.5 + 6.25) / 4
        discriminator=2.21875,
        # (s - 0.5)^2: 1 + 0.25 + 6.25 + 0.25 = 7.75; 1/2 * 7.75 / 4
        generator=0.96875,
        reference=lambda r, s: (
            np.mean((r - 2.0) ** 2) / 2 + np.mean((s + 1.0) ** 2) / 2,
            np.mean((s - 0.5) ** 2) / 2,
        ),
        # The threshold is (2 - 1) / 2 = 0.5: above it are 2 and 1.5 of REAL, and not
        # above it -0.5, -2 and 0 of FAKE.
        accuracies={"real_accuracy": 2 / 4, "fake_accuracy": 3 / 4},
    ),
    "hinge": Row(
        numbers={},
        # relu(1 - r): 0 + 0.5 + 2 + 0 = 2.5; relu(1 + s): 0.5 + 2 + 0 + 1 = 3.5
        # (2.5 + 3.5) / 4
        discriminator=1.5,
        # -(-0.5 + 1 - 2 + 0) / 4
        generator=0.375,
        reference=lambda r, s: (
            np.mean(relu(1 - r)) + np.mean(relu(1 + s)),
            np.mean(-s),
        ),
        accuracies=ABOVE_ZERO,
    ),
    "wasserstein": Row(
        numbers={},
        # E s = (-0.5 + 1 - 2 + 0) / 4 = -0.375; E r = (2 + 0.5 - 1 + 1.5) / 4 = 0.75
        # -0.375 - 0.75
        discriminator=-1.125,
        generator=0.375,
        reference=lambda r, s: (np.mean(s) - np.mean(r), np.mean(-s)),
        accuracies=PAIRS,
    ),
    "relativistic": Row(
        numbers={},
        paired=True,
        # r - s: 2.5, -0.5, 1, 1.5
        # softplus(s - r): (0.078889 + 0.974077 + 0.313262 + 0.201413) / 4
        discriminator=0.3919104,
        # softplus(r - s): (2.578889 + 0.474077 + 1.313262 + 1.701413) / 4
        generator=1.5169104,
        reference=lambda r, s: (np.mean(softplus(s - r)), np.mean(softplus(r - s))),
        accuracies=PAIRS,
    ),
    "relativistic_average": Row(
        numbers={},
        # r - E s = r + 0.375: 2.375, 0.875, -0.625, 1.875
        # s - E r = s - 0.75: -1.25, 0.25, -2.75, -0.75
        # softplus(-(r - E s)): 0.088940 + 0.348445 + 1.053701 + 0.142675 = 1.633760
        # softplus(s - E r):    0.251929 + 0.825939 + 0.061968 + 0.386871 = 1.526707
        # (1.633760 + 1.526707) / 4
        discriminator=0.7901167,
        # The signs exchanged adds the sums (softplus(x) = softplus(-x) + x) of r - E s,
        # 4.5, and of E r - s, 4.5: (1.633760 + 4.5 + 1.526707 + 4.5) / 4
        generator=3.0401167,
        reference=lambda r, s: (average_margins(r, s), average_margins(s, r)),
        accuracies=PAIRS,
    ),
}


def make_outcome(name, real, fake):
    """An outcome of the declared fields: any other is `None`."""
    made = {"real_score": jnp.asarray(real), "fake_score": jnp.asarray(fake)}
    return Outcome(**{field: made[field] for field in schema.OBJECTIVES[name].fields})


def make_loss(name, player, **structure):
    """`loss(real, fake) -> scalar` of the objective's row: the sum of its terms."""
    objective = OBJECTIVES[name](**ROWS[name].numbers, **structure)

    def loss(real, fake):
        terms = objective.losses[player](make_outcome(name, real, fake))
        return sum(terms.values())

    return loss


def random_scores(*shape, seed=0):
    """Real and fake scores, float64: most within 6, on both sides of each margin."""
    real, fake = np.random.default_rng(seed).normal(scale=3.0, size=(2, *shape))
    return real + 1.0, fake
