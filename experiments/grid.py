"""A grid of 25 Gaussians, spacing 2, sd 0.05: does the generator drop modes?

    python -m ganjax.main --config=experiments/grid.py --workdir=runs/grid
    python -m launch --config=experiments/grid.py:small --workdir=sweeps/grid

Expect 25 modes, 95.3 to 96.2 % high quality and a variance ratio of 0.88 to 0.92 over
eight seeds, after 100,000 steps (docs/results.md). The sweep asks which of seven
objectives does best, each with its usual constraint, over four seeds.

Arguments, as in experiments/grid.py:hinge:

  objective  relativistic (default), or any other of experiments/ring.py
  constraint usual (default): zero-centred gradient penalties on both sides; none; or
             wgan_gp
  size       full (default): 100,000 steps, and a discriminator that is given waves of
             its inputs; or small: 10,000 without them, for a sweep in ten minutes
"""

from collections.abc import Callable, Iterator, Sequence

import ring
from ganjax.config import (
    ConfigDict,
    defaults,
    objectives,
    parse_arg,
    penalty,
    schedule,
)
from ganjax.study import Figure, Run


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=objectives("relativistic"),
        constraint=("usual", "none", "wgan_gp"),
        size=("full", "small"),
    )
    config = defaults(data="grid", network="mlp", objective=chosen.objective)
    config.steps = 100_000 if chosen.size == "full" else 10_000
    config.batch_size = 256

    falling = schedule("cosine", 0.0)
    if chosen.size == "full":  # for what the ring's are for
        config.networks.discriminator.octaves = 4
        falling = schedule("exponential", 1e-3)
    for optimizer in config.optimizers.values():
        optimizer.update(learning_rate=2e-3, b1=0.0, b2=0.99)
        optimizer.learning_rate_schedule = falling

    if chosen.constraint == "usual":
        # Ten times the ring's: slopes shrink as the data grows.
        for name in ("r1", "r2"):
            weaker = schedule("cosine", 0.01)
            config.penalties[name] = penalty(name, weight=1.0, weight_schedule=weaker)
    elif chosen.constraint == "wgan_gp":
        # Weight 0.1 for toys, as in the authors' code.
        config.penalties.wgan_gp = penalty("wgan_gp", weight=0.1)
        config.play.discriminator_rounds = 5

    config.record.pictures_every = 2_500
    config.evaluation.every = config.steps // 20
    return config


def sweep(add: Callable[..., None]) -> None:
    """The seven objectives, each with its usual constraint, over four seeds."""
    for seed in range(4):
        for objective in ring.OBJECTIVES:
            penalised = objective == "wasserstein"
            arg = f"{objective},wgan_gp" if penalised else objective
            add(arg=arg, seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Figure]:
    """Quality against width, as for the ring."""
    return ring.study(runs)
