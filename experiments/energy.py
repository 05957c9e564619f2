"""The discriminator alone: images and points that climb its score, no generator.

    python -m ganjax.main --config=experiments/energy.py --workdir=runs/energy
    python -m ganjax.main --config=experiments/energy.py:ring --workdir=runs/energy_ring
    python -m launch --config=experiments/energy.py --workdir=sweeps/energy

Each round raises the scores of real examples and lowers those of its own negatives,
which are where short chains up the score have come to. Samples are the ends of long
chains that begin at noise: can the discriminator alone find all modes of a ring, and
draw digits that one can read?

Expect 8 modes, 99.9 % of samples within three standard deviations and a variance ratio
of 0.7 to 0.8 (modes too narrow), after 1 minute on a busy core; digits that one can
read, coverage 0.97 and precision 0.97, after 5 minutes; of mnist a coverage of 0.63 and
a precision of 0.78, after as long.

The sweep asks what a buffer of earlier chains is for, and shows the iteration itself on
a line: the score's curve, the data under it, and where chains end.

Arguments, as in experiments/energy.py:ring or energy.py:mnist:

  data    digits (default), mnist or fashion_mnist; ring; or line, two Gaussians
  begin   buffer (default): chains continue earlier ones; or noise: each begins anew
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import norm

from ganjax.config import ConfigDict, augmentation, defaults, parse_arg, schedule
from ganjax.study import Figure, Run, Table, group_by, mean_and_sd, measure, plot

MOMENTS = 6
LINE = np.linspace(-3, 3, 301)
SAMPLES = 2_000


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        data=("digits", "mnist", "fashion_mnist", "ring", "line"),
        begin=("buffer", "noise"),
    )
    config = defaults(
        data="mixture" if chosen.data == "line" else chosen.data,
        network="mlp",
        objective="energy",
        game="energy",
    )
    optimizer = config.optimizers.discriminator
    # Momentum makes the score chase chains that have left.
    optimizer.update(b1=0.0, b2=0.99)
    optimizer.learning_rate_schedule = schedule("cosine", 0.0)
    config.ema.discriminator = {"decay": 0.99}
    scenes = {"digits": _digits, "ring": _ring, "line": _line}
    scenes.get(chosen.data, _images)(config)
    if chosen.begin == "noise":
        config.game.buffer_size = 0
    config.evaluation.update(every=config.steps // 4, samples=1_000)
    config.record.update(pictures_every=config.steps // 10)
    return config


def _digits(config: ConfigDict) -> None:
    config.steps, config.batch_size = 6_000, 64
    config.networks.discriminator.widths = (512, 512)
    config.optimizers.discriminator.learning_rate = 5e-4
    config.game.update(step_size=0.1, noise=0.01, buffer_size=4_096)
    # Many pixels are exactly black, where a density would have no bound.
    config.augment.instance_noise = augmentation("instance_noise", strength=0.05)


def _images(config: ConfigDict) -> None:
    _digits(config)
    config.steps = 4_000
    config.optimizers.discriminator.learning_rate = 3e-4
    # Slopes are as long as those of digits, and the way is longer.
    config.game.step_size = 2.0


def _ring(config: ConfigDict) -> None:
    config.steps, config.batch_size = 4_000, 256
    config.networks.discriminator.widths = (128, 128)
    config.optimizers.discriminator.learning_rate = 1e-3
    config.game.update(chain_steps=10, step_size=0.01, noise=0.005, reach=1.5)
    # A mode is 0.01 wide: a longer step would leap over it and throw the chains about.
    config.game.update(clip_gradient=3.0, buffer_size=10_240)


def _line(config: ConfigDict) -> None:
    config.steps, config.batch_size = 1_000, 256
    config.data.update(means=((-1.5,), (1.0,)), sds=(0.3, 0.6), weights=(0.4, 0.6))
    config.networks.discriminator.widths = (64, 64)
    config.optimizers.discriminator.learning_rate = 2e-3
    config.objective.square_weight = 0.001
    # Their temperature is 0.2^2 / (2 0.05) = 0.4.
    config.game.update(step_size=0.05, noise=0.2, reach=3.0)


def sweep(add: Callable[..., None]) -> None:
    """Points and digits with the buffer and without, two seeds each; and the line."""
    for data in ("ring", "digits"):
        for begin in ("buffer", "noise"):
            for seed in range(2):
                add(arg=f"{data},{begin}", seed=seed)
    add(arg="line")


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """The iteration on a line, and what the buffer does for samples elsewhere."""
    for run in runs:
        if run.config["data"]["name"] == "mixture":
            yield Figure(
                "The iteration on a line",
                _film(run.config["data"], moments_of(run.config)),
                "Above, the score: a round lifts it at real examples (blue), presses "
                "it down at its negatives (orange). Below, densities: the data's "
                "(blue), where long chains end (orange), and the one that the score "
                "stands for, exp(D / T) / Z (black).",
            )
    yield from _compared(runs)


class Moment(NamedTuple):
    """What there is before a step: along `LINE`, `[X]`, or of examples, `[N]`."""

    step: int
    score: np.ndarray
    density: np.ndarray  # exp(D / T) / Z
    real: np.ndarray
    samples: np.ndarray


def moments_of(config: Mapping[str, Any]) -> list[Moment]:
    """The run at evenly spaced moments, from before its first step to its end."""
    import jax

    from ganjax.look.evaluate import Evaluator
    from ganjax.look.replay import replay

    every = config["steps"] // (MOMENTS - 1)
    setup, states = replay(config, every)
    evaluator, game = Evaluator(setup), config["game"]
    given = LINE[:, None].astype(np.float32)
    moments = []
    for index in range(MOMENTS):
        state = jax.tree.map(lambda values, index=index: values[index], states)
        score = evaluator.probe("score", state, len(LINE), real=given)
        temperature = game["noise"] ** 2 / (2 * game["step_size"])
        density = np.exp((score - score.max()).astype(float) / temperature)
        moments.append(
            Moment(
                index * every,
                score,
                density / np.trapezoid(density, LINE),
                evaluator.real(SAMPLES)[:, 0],
                evaluator.probe("sample", state, SAMPLES)[:, 0],
            )
        )
    return moments


def density_of(data: Mapping[str, Any]) -> np.ndarray:
    """The density `[X]` of a config's mixture along `LINE`."""
    weights = np.array(data["weights"]) / np.sum(data["weights"])
    parts = [
        w * norm.pdf(LINE, m[0], s)
        for w, m, s in zip(weights, data["means"], data["sds"], strict=True)
    ]
    return np.sum(parts, axis=0)


def _film(data: Mapping[str, Any], moments: Sequence[Moment]) -> object:
    figure, axes = plot(2, MOMENTS, width=2.2, height=1.7, sharex=True, sharey="row")
    for (above, below), moment in zip(axes.T, moments, strict=True):
        above.plot(LINE, moment.score, color="black", lw=1)
        for examples, marker in ((moment.real, "^C0"), (moment.samples, "vC1")):
            some = examples[:40]
            height = np.interp(some, LINE, moment.score)
            above.plot(some, height, marker, ms=4, alpha=0.6)
        above.set(title=f"step {moment.step:,}", xlim=LINE[[0, -1]])
        below.fill_between(LINE, density_of(data), color="C0", alpha=0.3, lw=0)
        below.hist(moment.samples, LINE[::6], density=True, color="C1", alpha=0.5)
        below.plot(LINE, moment.density, color="black", lw=1)
    axes[0, 0].set_ylabel("score")
    axes[1, 0].set_ylabel("density")
    return figure


def _compared(runs: Sequence[Run]) -> Iterator[Table]:
    """A table for each kind of data, as points and images are measured differently."""
    columns = {
        "ring": ("modes_covered", "high_quality", "reverse_kl", "variance_ratio"),
        "digits": ("coverage", "precision", "recall", "density"),
    }
    for name, measures in columns.items():
        chosen = [run for run in runs if run.config["data"]["name"] == name]
        rows = []
        for size, group in group_by(chosen, "game.buffer_size").items():
            means = [
                mean_and_sd(measure(run, each) for run in group)[0] for each in measures
            ]
            rows.append((f"buffer of {size:,}" if size else "noise", *means))
        if rows:
            heads = [each.replace("_", " ") for each in measures]
            yield Table(
                f"Samples of the {name}, by where chains begin in training",
                ("begin", *heads),
                rows,
                "Means over seeds. Samples are chains from noise in either case.",
            )
