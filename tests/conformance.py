"""What an objective states to join the suite of `test_objectives.py`: one row here."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from tables import OBJECTIVES, PARTS, with_encoder

from ganjax.testing import objective_checks

PLAYERS = ("discriminator", "generator")


def game_of(objective):
    """The first game that an objective can be played in."""
    row = PARTS["objective"][objective]
    return next(
        name
        for name, game in PARTS["game"].items()
        if set(row.reads) <= set(game.makes) and set(game.players) <= set(row.players)
    )


# Those with an encoder have a suite of their own in test_variational.py.
OF_SCORES = [name for name in OBJECTIVES if name not in with_encoder()]


class Row(NamedTuple):
    """One objective's numbers, and what must come of them.

    `numbers` differ from each other and from the defaults, so that none can stand in
    for another; `structure` are the other keys. `discriminator`, `generator` and
    `accuracies` belong to `REAL` and `FAKE` of `ganjax.testing` and are found by hand;
    `generator` is None where there is none, `accuracies` where no scores are read. The
    others are as `objective_checks` says.
    """

    numbers: dict[str, float]
    discriminator: float
    generator: float | None
    reference: Callable[[np.ndarray, np.ndarray], tuple[float, float]]
    accuracies: dict[str, float] | None
    paired: tuple[str, ...] = ()
    structure: Mapping[str, str | None] = {}
    rises: tuple[str, ...] | None = None


def softplus(x):
    return np.logaddexp(0.0, x)


def relu(x):
    return np.maximum(x, 0.0)


def weighted_conjugate(v, pi=0.3):
    """f*(g(v)) of the weighted Jensen-Shannon divergence."""
    # log(1 - sigmoid(v)^(1 / pi)), of which 1 - x is lost to rounding for large v.
    log_rest = np.log(-np.expm1(-softplus(-np.minimum(v, 30)) / pi))
    log_rest = np.where(v > 30, -v - np.log(pi), log_rest)
    return (1 - pi) * (np.log(1 - pi) - log_rest)


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
        paired=PLAYERS,
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
    "f_divergence": Row(
        structure={
            "divergence": "weighted_jensen_shannon",
            "generator": "saturating",
            "alpha": None,
        },
        numbers={"pi": 0.3},
        # g(r) = -0.3 log 0.3 - softplus(-r), and -0.3 log 0.3 = 0.361192
        # -E g(r) = 2.115680 / 4 - 0.361192 = 0.167728
        # With S = sigmoid(s)^(1 / 0.3): 0.038894, 0.351971, 0.000834, 0.099213
        # f*(g(s)) = 0.7 (log 0.7 - log(1 - S)):
        # -0.221903, 0.054002, -0.249089, -0.176532, of sum -0.593523
        # 0.167728 - 0.593523 / 4
        discriminator=0.0193475,
        # 0.593523 / 4
        generator=0.1483806,
        reference=lambda r, s: (
            np.mean(softplus(-r)) + 0.3 * np.log(0.3) + np.mean(weighted_conjugate(s)),
            -np.mean(weighted_conjugate(s)),
        ),
        # g rises, and is f'(1) = 0 where softplus(-v) = 0.361192: v = 0.832320.
        accuracies={"real_accuracy": 2 / 4, "fake_accuracy": 3 / 4},
    ),
    "loss_sensitive": Row(
        structure={"margin": "l1"},
        numbers={"margin_scale": 0.25, "real_weight": 0.5},
        paired=("discriminator",),
        # The margin is 0.25. s - r: -2.5, 0.5, -1, -1.5
        # relu(0.25 + s - r): 0.75 / 4 = 0.1875; -0.5 E r = -0.5 * 0.75
        discriminator=-0.1875,
        generator=0.375,
        reference=lambda r, s: (
            np.mean(relu(0.25 + s - r)) - 0.5 * np.mean(r),
            np.mean(-s),
        ),
        accuracies=PAIRS,
    ),
    "generalized_loss_sensitive": Row(
        structure={"margin": "l2"},
        numbers={"margin_scale": 0.25, "slope": -0.5},
        paired=("discriminator",),
        # 0.25 + s - r: -2.25, 0.75, -0.75, -1.25; those below 0 times -0.5:
        # (1.125 + 0.75 + 0.375 + 0.625) / 4
        discriminator=0.71875,
        generator=0.375,
        reference=lambda r, s: (
            np.mean(np.maximum(0.25 + s - r, -0.5 * (0.25 + s - r))),
            np.mean(-s),
        ),
        accuracies=PAIRS,
    ),
    "conditional_loss_sensitive": Row(
        structure={"margin": "l1"},
        numbers={"margin_scale": 0.25, "real_weight": 0.5},
        paired=("discriminator",),
        # L = softplus(-x / 2) of r: 0.313262, 0.575939, 0.974077, 0.386871
        # and of s: 0.825939, 0.474077, 1.313262, 0.693147
        # relu(0.25 + L(r) - L(s)): 0, 0.351862, 0, 0, of mean 0.087966
        # 0.5 E L(r) = 0.5 * 2.250149 / 4 = 0.281269
        discriminator=0.3692342,
        # 3.306425 / 4
        generator=0.8266063,
        reference=lambda r, s: (
            np.mean(relu(0.25 + softplus(-r / 2) - softplus(-s / 2)))
            + 0.5 * np.mean(softplus(-r / 2)),
            np.mean(softplus(-s / 2)),
        ),
        accuracies=None,
    ),
    "semi_supervised_loss_sensitive": Row(
        structure={"margin": "l1"},
        numbers={"margin_scale": 0.25, "real_weight": 0.5},
        paired=("discriminator",),
        # All rows being labelled, that of conditional_loss_sensitive.
        discriminator=0.3692342,
        generator=0.8266063,
        reference=lambda r, s: (
            np.mean(relu(0.25 + softplus(-r / 2) - softplus(-s / 2)))
            + 0.5 * np.mean(softplus(-r / 2)),
            np.mean(softplus(-s / 2)),
        ),
        accuracies=None,
    ),
    "auxiliary_classifier": Row(
        numbers={},
        # Minimax, 1.1807735, and softplus(-x / 2) of r, 2.250149 / 4 = 0.562537, and of
        # s, 3.306425 / 4 = 0.826606
        discriminator=2.5699171,
        # Non-saturating at target 1, 1.0268535, and 0.8266063
        generator=1.8534598,
        reference=lambda r, s: (
            np.mean(softplus(-r) + softplus(-r / 2))
            + np.mean(softplus(s) + softplus(-s / 2)),
            np.mean(softplus(-s) + softplus(-s / 2)),
        ),
        accuracies=ABOVE_ZERO,
    ),
    "semi_supervised": Row(
        numbers={},
        # The score is log(e^(x / 2) + 1) = softplus(x / 2).
        # Of r: 1.313262, 0.825939, 0.474077, 1.136871; softplus of minus that:
        # 0.238183, 0.363131, 0.483943, 0.278254, of mean 0.340878
        # Of s: 0.575939, 0.974077, 0.313262, 0.693147; softplus:
        # 1.022019, 1.294377, 0.861995, 1.098612, of mean 1.069251
        # and the cross-entropy of r, 0.562537
        discriminator=1.9726657,
        # softplus(-x) = softplus(x) - x: 0.446080, 0.320300, 0.548733, 0.405465
        generator=0.4301445,
        reference=lambda r, s: (
            np.mean(softplus(-softplus(r / 2)) + softplus(-r / 2))
            + np.mean(softplus(softplus(s / 2))),
            np.mean(softplus(-softplus(s / 2))),
        ),
        accuracies=None,
    ),
    "semi_supervised_feature_matching": Row(
        numbers={},
        discriminator=1.9726657,
        # The feature is the score: (0.75 + 0.375)^2
        generator=1.265625,
        reference=lambda r, s: (
            np.mean(softplus(-softplus(r / 2)) + softplus(-r / 2))
            + np.mean(softplus(softplus(s / 2))),
            (np.mean(r) - np.mean(s)) ** 2,
        ),
        accuracies=None,
        rises=("discriminator",),
    ),
    "feature_matching": Row(
        numbers={},
        discriminator=1.1807735,
        generator=1.265625,
        reference=lambda r, s: (
            np.mean(softplus(-r)) + np.mean(softplus(s)),
            (np.mean(r) - np.mean(s)) ** 2,
        ),
        accuracies=ABOVE_ZERO,
        rises=("discriminator",),
    ),
    "classification": Row(
        numbers={},
        # softplus(-r / 2), as above
        discriminator=0.5625373,
        generator=None,
        reference=lambda r, s: (np.mean(softplus(-r / 2)),),
        accuracies=None,
        rises=(),
    ),
    "energy": Row(
        numbers={"square_weight": 0.25},
        # E s - E r = -1.125, as for wasserstein
        # E r^2 = (4 + 0.25 + 1 + 2.25) / 4 = 1.875; E s^2 = (0.25 + 1 + 4) / 4 = 1.3125
        # -1.125 + 0.25 (1.875 + 1.3125)
        discriminator=-0.328125,
        generator=None,
        reference=lambda r, s: (
            np.mean(s) - np.mean(r) + 0.25 * (np.mean(r**2) + np.mean(s**2)),
        ),
        accuracies=PAIRS,
        rises=("discriminator",),
    ),
}


def checks_of(name):
    """What an objective is asked, with the numbers of its row."""
    row = ROWS[name]
    values = {player: getattr(row, player) for player in PLAYERS}
    return objective_checks(
        PARTS["objective"][name],
        keys={**row.structure, **row.numbers},
        reference=row.reference,
        paired=row.paired,
        rises=row.rises,
        **{player: value for player, value in values.items() if value is not None},
    )


def make_objective(name):
    """The objective of a row."""
    return OBJECTIVES[name](**{**ROWS[name].structure, **ROWS[name].numbers})
