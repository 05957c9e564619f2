"""A small game with every objective and penalty at once, each with its own weight.

Weights are numbers of the step, so a test may compile once and then try one objective
after the other.
"""

from functools import partial
from types import MappingProxyType

import numpy as np
import optax
from conformance import OF_SCORES
from tables import GAMES, NETWORKS, OBJECTIVES, PARTS, PENALTIES, SOURCES, takes_axis

from ganjax.config.consistency import LOGIT_FIELDS
from ganjax.monitors import score_statistics
from ganjax.types import Examples, Objective, Parts, Penalty

_RING = SOURCES["ring"](modes=3, radius=1.0, sd=0.1)
CLASSES = 3
EXAMPLES = Examples((2,), CLASSES)
ALTERNATING = ((("discriminator",), 2), (("generator",), 1))
SIMULTANEOUS = ((("discriminator", "generator"), 1),)
LAZY = "lazy_r1"  # a penalty at every second step only


def _draw(arrays, key, step, round, index):
    """A ring whose examples have labels, of which only some are known."""
    batch = _RING.batch(arrays, key, step, round, index)
    return batch._replace(label=index % CLASSES, is_labelled=index % 4 != 1)


SOURCE = _RING._replace(batch=_draw, classes=CLASSES)


def numbers(objective=None, penalty=None, learning_rate=0.05):
    """One objective and one penalty; all others weigh nothing."""
    return {
        "objective": {name: np.float32(name == objective) for name in OF_SCORES},
        "penalty": {name: np.float32(name == penalty) for name in [*PENALTIES, LAZY]},
        "learning_rate": {
            player: np.float32(learning_rate)
            for player in ("discriminator", "generator")
        },
        "decay": np.float32(0.9),
    }


def make_build(
    *,
    axis_name=None,
    normalization="batch",
    optimizer=optax.sgd,
    objective_names=tuple(OF_SCORES),
    penalty_names=(*PENALTIES, LAZY),
    networks=None,
    examples=EXAMPLES,
    corrections=MappingProxyType({}),
    view=lambda examples, keys: examples,
):
    needs_logits = any(
        LOGIT_FIELDS.intersection(PARTS["objective"][name].reads)
        for name in objective_names
    )

    def build(numbers, step):
        made = networks or {
            "generator": NETWORKS["mlp"]["generator"](
                EXAMPLES,
                axis_name=axis_name,
                conditioning="none",
                widths=(8,),
                slope=0.2,
                normalization=normalization,
                output="linear",
            ),
            "discriminator": NETWORKS["mlp"]["discriminator"](
                EXAMPLES,
                axis_name=axis_name,
                conditioning="none",
                widths=(8,),
                slope=0.2,
                normalization=normalization,
                head="score_and_logits" if needs_logits else "score",
                octaves=0,
            ),
        }
        objectives = {}
        for name in objective_names:
            axis = {"axis_name": axis_name} if takes_axis("objective", name) else {}
            objectives[name] = OBJECTIVES[name](**axis)

        def losses(player, outcome):
            return {
                name: numbers["objective"][name]
                * sum(objective.losses[player](outcome).values())
                for name, objective in objectives.items()
                if player in objective.losses
            }

        def penalty(name):
            value = PENALTIES["r1" if name == LAZY else name]
            axis = (
                {"axis_name": axis_name}
                if name != LAZY and takes_axis("penalty", name)
                else {}
            )
            value = partial(value, weight=numbers["penalty"][name], **axis)
            return Penalty(value, every=2 if name == LAZY else 1)

        return Parts(
            game=GAMES["adversarial"](
                made, examples, view, latent_size=3, prior="normal"
            ),
            objective=Objective(
                {p: partial(losses, p) for p in ("discriminator", "generator")}, 0.0
            ),
            optimizers={
                player: optimizer(rate)
                for player, rate in numbers["learning_rate"].items()
            },
            penalties={name: penalty(name) for name in penalty_names},
            average={"generator": numbers["decay"]},
            monitors={"discriminator": lambda o: score_statistics(o, 0.0)},
            corrections=corrections,
        )

    return build
