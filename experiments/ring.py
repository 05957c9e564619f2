"""A ring of 8 Gaussians, radius 1, sd 0.01: the first experiment.

    python -m ganjax.main --config=experiments/ring.py --workdir=runs/ring
    python -m launch --config=experiments/ring.py:small --workdir=sweeps/ring

Does the generator find all modes, how many of its samples lie within three standard
deviations of a mode (a perfect generator: 98.889 %), and are the modes as wide as they
should be (variance ratio 1)?

Expect 8 modes, 96.2 to 97.5 % and a ratio of 0.88 to 0.92 over eight seeds, after
50,000 steps (docs/results.md). The sweep asks which of seven objectives does best, each
with its usual constraint, over four seeds.

Arguments, as in experiments/ring.py:hinge or ring.py:wasserstein,wgan_gp:

  objective  relativistic (default), relativistic_average, minimax, non_saturating,
             least_squares, hinge, wasserstein, f_divergence, loss_sensitive,
             generalized_loss_sensitive or feature_matching: all that a discriminator
             and a generator play without labels
  play       alternating (default) or simultaneous
  constraint usual (default): zero-centred gradient penalties on both sides, and for
             wasserstein clipped weights; none; or wgan_gp
  size       full (default): 50,000 steps, and a discriminator that is given waves of
             its inputs; or small: 10,000 without them, for a sweep in ten minutes
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import cycle

from ganjax.config import (
    ConfigDict,
    defaults,
    objectives,
    parse_arg,
    penalty,
    schedule,
)
from ganjax.study import Figure, Run, group_by, measure, plot

OBJECTIVES = (
    *("minimax", "non_saturating", "least_squares", "hinge", "wasserstein"),
    *("relativistic", "relativistic_average"),
)


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=objectives("relativistic"),
        play=("alternating", "simultaneous"),
        constraint=("usual", "none", "wgan_gp"),
        size=("full", "small"),
    )
    clipped = chosen.objective == "wasserstein" and chosen.constraint == "usual"
    config = defaults(
        data="ring",
        network="mlp",
        objective=chosen.objective,
        optimizer="rmsprop" if clipped else "adam",
        play=chosen.play,
    )
    config.steps = 50_000 if chosen.size == "full" else 10_000
    config.batch_size = 256

    falling = schedule("cosine", 0.0)
    if chosen.size == "full":
        # Without waves of its inputs the discriminator hardly sees how wide a mode is.
        # While the rate is high the modes tremble, and their average is too narrow: so
        # half of the run has a small one.
        config.networks.discriminator.octaves = 6
        falling = schedule("exponential", 1e-3)
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = 2e-3
        optimizer.learning_rate_schedule = falling
        if not clipped:
            # Momentum makes the players circle.
            optimizer.update(b1=0.0, b2=0.99)

    if clipped:
        # Arjovsky et al. 2017, algorithm 1, but with weights ten times and a learning
        # rate forty times as large: a small network and a short run.
        config.optimizers.discriminator.clip_weights = 0.1
    elif chosen.constraint == "usual":
        # Strong while the distributions are apart, weak when the modes narrow.
        for name in ("r1", "r2"):
            weaker = schedule("cosine", 0.03)
            config.penalties[name] = penalty(name, weight=0.1, weight_schedule=weaker)
    elif chosen.constraint == "wgan_gp":
        # Weight 0.1 for toys, as in the authors' code.
        config.penalties.wgan_gp = penalty("wgan_gp", weight=0.1)
    rounds_matter = clipped or chosen.constraint == "wgan_gp"
    if rounds_matter and chosen.play == "alternating":
        config.play.discriminator_rounds = 5

    config.record.pictures_every = 2_500
    config.evaluation.every = config.steps // 20
    return config


def sweep(add: Callable[..., None]) -> None:
    """The seven objectives, each with its usual constraint, over four seeds."""
    for seed in range(4):
        for objective in OBJECTIVES:
            add(arg=objective, seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Figure]:
    """How good against how wide: a generator can buy the one with the other."""
    figure, ax = plot(width=6.0, height=3.6)
    groups = group_by(runs, "objective.name")
    for marker, (objective, group) in zip(
        cycle("os^vD*P"), groups.items(), strict=False
    ):
        ax.plot(
            [measure(run, "variance_ratio") for run in group],
            [measure(run, "high_quality") for run in group],
            marker,
            label=objective.replace("_", " "),
        )
    ax.plot(1.0, 0.98889, "x", color="black", ms=9, label="the data itself")
    ax.set(xlabel="variance ratio", ylabel="high quality")
    ax.legend()
    yield Figure("Quality and width of the modes", figure, "A mark for each seed.")
