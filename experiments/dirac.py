"""The Dirac-GAN: the smallest game there is, and which training settles in it.

    python -m ganjax.main --config=experiments/dirac.py:hinge --workdir=runs/dirac
    python -m launch --config=experiments/dirac.py --workdir=sweeps/dirac

The data is the point 0, the generator the point theta, the score psi x. Everything is
known on paper: near the equilibrium (0, 0) training follows the gradient field, whose
eigenvalues say whether it circles, leaves or settles (Mescheder et al. 2018, "Which
Training Methods for GANs do actually Converge?", section 2). Both start at 1.

The study draws where training went over the arrows of the field, and puts the exact
rate of decay beside the measured one. Records hold no parameters, so it plays each run
again from its config, which takes a second, and once more from close to 0, where the
exact rate holds.

Arguments, as in experiments/dirac.py:wasserstein,real_gradient,alternating:

  objective  minimax (default), non_saturating, least_squares, hinge, wasserstein,
             relativistic, relativistic_average, f_divergence, loss_sensitive or
             generalized_loss_sensitive; these two with a margin of theta / 2
  constraint none (default), real_gradient, fake_gradient, interpolated_gradient,
             consensus or instance_noise, each of strength 1
  play       simultaneous (default) or alternating
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ganjax.config import (
    ConfigDict,
    augmentation,
    correction,
    defaults,
    parse_arg,
    penalty,
)
from ganjax.study import Figure, Run, Table, group_by, plot, setting

PLAYERS = ("discriminator", "generator")
OBJECTIVES = (
    *("minimax", "non_saturating", "least_squares", "hinge", "wasserstein"),
    *("relativistic", "relativistic_average", "f_divergence"),
    *("loss_sensitive", "generalized_loss_sensitive"),
)
# The section of the config that holds a constraint, and the number that is its strength.
CONSTRAINTS = {
    "real_gradient": ("penalties", "weight"),
    "fake_gradient": ("penalties", "weight"),
    "interpolated_gradient": ("penalties", "weight"),
    "consensus": ("corrections", "weight"),
    "instance_noise": ("augment", "strength"),
}
SECTIONS = {
    "penalties": penalty,
    "corrections": correction,
    "augment": augmentation,
}
MARGIN = 0.5
NEAR = 0.01  # where psi and theta start to measure the rate


class Exact(NamedTuple):
    """Eigenvalues of the flow's Jacobian at 0, and spectral radii of one step."""

    eigenvalues: str
    simultaneous: float
    alternating: float | None


_TURNS = Exact("± 0.5i", 1.00124922, 1.0)
_TURNS_FASTER = Exact("± i", 1.00498756, 1.0)

# At a learning rate of 0.1, by the name of the game; worked out on paper.
EXACT = {
    "minimax": _TURNS,
    "non_saturating": _TURNS,
    "relativistic": _TURNS,
    "hinge": _TURNS_FASTER,
    "wasserstein": _TURNS_FASTER,
    "least_squares": Exact("0, 0", 1.0, 1.0),
    "minimax, real_gradient 0.3": Exact("-0.15 ± 0.477i", 0.98615415, 0.98488578),
    "minimax, real_gradient 1": Exact("-0.5, -0.5", 0.95, 0.96),
    "minimax, fake_gradient 1": Exact("-0.5, -0.5", 0.95, 0.96),
    "non_saturating, real_gradient 1": Exact("-0.5, -0.5", 0.95, 0.96),
    "wasserstein, real_gradient 1": Exact("-0.5 ± 0.866i", 0.9539392, 0.9486833),
    # Of the simultaneous ones |1 + 0.1 lambda|.
    "minimax, consensus 1": Exact("-0.25 ± 0.5i", 0.97628121, None),
    "minimax, instance_noise 1": Exact("-0.25 ± 0.433i", 0.97596106, None),
}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=OBJECTIVES,
        constraint=("none", *CONSTRAINTS),
        play=("simultaneous", "alternating"),
    )
    config = defaults(
        data="mixture",
        network="dirac",
        objective=chosen.objective,
        optimizer="sgd",
        play=chosen.play,
    )
    config.data.update(means=((0.0,),), sds=(0.0,), weights=(1.0,))
    config.steps = 500
    config.batch_size = 256  # All are alike, but for their instance noise.
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = 0.1
    config.average = ConfigDict()  # It is the play itself that is looked at.
    if "margin_scale" in config.objective:
        config.objective.margin_scale = MARGIN
    if chosen.constraint != "none":
        section, strength = CONSTRAINTS[chosen.constraint]
        made = SECTIONS[section](chosen.constraint, **{strength: 1.0})
        config[section][chosen.constraint] = made
    config.record.update(every=10, pictures_every=50, checkpoint_every=500)
    config.evaluation.samples = 1_000
    return config


def sweep(add: Callable[..., None]) -> None:
    """What turns and what settles; one seed, for only instance noise is random."""
    both = ("simultaneous", "alternating")
    for objective in OBJECTIVES[:6]:
        for play in both:
            add(arg=f"{objective},{play}")
    for play in both:
        add(arg=f"loss_sensitive,{play}")
        add(arg=f"generalized_loss_sensitive,{play}", **{"objective.slope": 0.5})
    for game in ("minimax", "non_saturating", "wasserstein"):
        for play in both:
            add(arg=f"{game},real_gradient,{play}")
    for play in both:
        weak = {"penalties.real_gradient.weight": 0.3}
        add(arg=f"minimax,real_gradient,{play}", **weak)
        add(arg=f"wasserstein,interpolated_gradient,{play}")
        add(arg=f"minimax,instance_noise,{play}")
    add(arg="minimax,consensus")
