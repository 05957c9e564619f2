"""The discriminator alone on a line: the score's curve, its chains and its density.

    python -m ganjax.main --config=experiments/langevin.py --workdir=runs/langevin
    python -m launch --config=experiments/langevin.py --workdir=sweeps/langevin

experiments/energy.py trains a discriminator against the ends of chains that climb its
own score D, x <- x + s grad D(x) + n e, with normal e. Where steps are small, these are
Langevin's, and long ones settle in the density exp(D / T) / Z, T = n^2 / (2 s). Does
that become the data's, two Gaussians, and do chains end where it says?

With a buffer it nearly does, in 1,000 steps and a few seconds: the total variation
between that density and the data's falls from 0.43 to 0.06. With chains that begin at
noise each time, too short to get there, it ends at 0.16: the broader Gaussian gets too
much. Either way long chains end where the score says, to 0.06, about what a histogram
of 2,000 of them can tell.

Arguments, as in experiments/langevin.py:noise:

  begin   buffer (default): chains continue earlier ones; or noise: each begins anew
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from ganjax.config import ConfigDict, defaults, parse_arg, schedule
from ganjax.study import Figure, Run, plot

MOMENTS = 6
LINE = np.linspace(-3, 3, 301)
SAMPLES = 2_000


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    begin = parse_arg(arg, begin=("buffer", "noise")).begin
    config = defaults(data="mixture", network="mlp", objective="energy", game="energy")
    config.steps, config.batch_size = 1_000, 256
    config.data.update(means=((-1.5,), (1.0,)), sds=(0.3, 0.6), weights=(0.4, 0.6))
    config.networks.discriminator.widths = (64, 64)
    optimizer = config.optimizers.discriminator
    optimizer.update(learning_rate=2e-3, b1=0.0, b2=0.99)
    optimizer.learning_rate_schedule = schedule("cosine", 0.0)
    config.ema.discriminator = {"decay": 0.99}
    config.objective.square_weight = 0.001
    # Their temperature is 0.2^2 / (2 0.05) = 0.4.
    config.game.update(step_size=0.05, noise=0.2, reach=3.0)
    if begin == "noise":
        config.game.buffer_size = 0
    config.evaluation.update(every=config.steps // 4, samples=1_000)
    config.record.update(pictures_every=config.steps // 10)
    return config


def sweep(add: Callable[..., None]) -> None:
    """Chains of either kind."""
    for begin in ("buffer", "noise"):
        add(arg=begin)


def study(runs: Sequence[Run]) -> Iterator[Figure]:
    """A film of each run: the score, what is pressed where, and the densities."""
    import ganjax
    from ganjax.measures import mixture_log_density

    for run in runs:
        steps, game = run.config["steps"], run.config["game"]
        data = np.exp(mixture_log_density(LINE[:, None], run.config["data"]))
        size = {"width": 2.2, "height": 1.7}
        figure, axes = plot(2, MOMENTS, **size, sharex=True, sharey="row")
        moments = ganjax.load(run.workdir).replay(steps // (MOMENTS - 1))
        for (above, below), moment in zip(axes.T, moments, strict=True):
            score = moment.score(LINE[:, None])
            real, made = moment.real(SAMPLES)[:, 0], moment.sample(SAMPLES)[:, 0]
            above.plot(LINE, score, color="black", lw=1)
            for examples, marker in ((real[:40], "^C0"), (made[:40], "vC1")):
                height = np.interp(examples, LINE, score)
                above.plot(examples, height, marker, ms=4, alpha=0.6)
            above.set(title=f"step {moment.step:,}", xlim=LINE[[0, -1]])
            below.fill_between(LINE, data, color="C0", alpha=0.3, lw=0)
            below.hist(made, LINE[::6], density=True, color="C1", alpha=0.5)
            below.plot(LINE, density_of(score, game), color="black", lw=1)
        axes[0, 0].set_ylabel("score")
        axes[1, 0].set_ylabel("density")
        begin = "a buffer" if game["buffer_size"] else "noise"
        yield Figure(
            f"Chains that begin in {begin}",
            figure,
            "Above, the score: a round lifts it at real examples (blue), presses it "
            "down at its negatives (orange). Below, densities: the data's (blue), "
            "where long chains from noise end (orange), and the one that the score "
            "stands for, exp(D / T) / Z (black).",
        )


def density_of(score: np.ndarray, game: Mapping[str, float]) -> np.ndarray:
    """exp(D / T) / Z `[X]` of scores along `LINE`, T = noise^2 / (2 step_size)."""
    temperature = game["noise"] ** 2 / (2 * game["step_size"])
    density = np.exp((score - score.max()).astype(float) / temperature)
    return density / np.trapezoid(density, LINE)
