"""Auto-encoder, VAE, VAE-GAN, energy and GAN, under the same networks and budget.

    python -m launch --config=experiments/basics.py --workdir=sweeps/basics

Five ways to learn to draw digits, each with layers of 200 and 200 units in every
player, 3,000 steps of 64 images, and the other settings of its own experiment; a step
of energy also climbs the score 20 times. What do their samples, their reconstructions
and the images halfway between two codes look like?

Then the argument of structure: a reconstruction is judged number by number, a
discriminator judges the whole. Points lie on two diagonals: one coordinate says nothing
of the other's sign, but both have the same size. How often do the points of a generator
with one hidden layer break that, trained in the one way and in the other?

What it showed over three seeds, 27 runs in nine minutes on a busy core:

  - The auto-encoder reconstructs best, at 1.4 in squared distance where the VAE-GAN has
    5.0 and the VAE 7.6, of a sharpness of 0.81, 0.62 and 0.31.
  - Samples of the VAE are near the data and near its middle: precision 1.00, recall
    0.02. Energy has 0.70 and 0.84, VAE-GAN 0.78 and 0.71, the GAN 0.75 and 0.67.
  - At 8 x 8 pixels the eye hardly tells halfway images apart: experiments/halfway.py
    asks a classifier.
  - With 8 units the VAE's points violate the dependence in 55 %, the GAN's in 29 %;
    with 64 units in 47 % and 10 %. Of the data 0.2 % do, and 62 % of coordinates that
    are drawn apart. Neither leaves out a part of the diagonals.

Arguments, as in experiments/basics.py:vae,diagonals:

  method  gan (default), auto_encoder, vae, vae_gan or energy
  data    digits (default); or diagonals, of which gan and vae make points
"""

import itertools
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganjax.config import ConfigDict, ConfigError, defaults, parse_arg, penalty, sibling
from ganjax.study import (
    Cell,
    Figure,
    Run,
    Table,
    group_by,
    mean_and_sd,
    measure,
    picture_grid,
    plot,
    samples,
    setting,
)

# The file of each method's own settings, and what its config calls the objective.
METHODS = {
    "gan": ("digits.py", "non_saturating"),
    "auto_encoder": ("auto_encoder.py", "auto_encoder"),
    "vae": ("vae.py", "vae"),
    "vae_gan": ("vae_gan.py", "vae_gan"),
    "energy": ("energy.py", "energy"),
}
NAMES = {objective: method for method, (_, objective) in METHODS.items()}
OF_POINTS = ("vae", "gan")

PICTURES = {
    "sample": ("Samples", ""),
    "nearest": ("Samples, each beside the training image nearest to it", ""),
    "reconstruction": ("Reconstructions, each beside its original", ""),
    "interpolation": (
        "From one code to another",
        "In the middle column is 0.5 a + 0.5 b. Rows lead between codes of two images, "
        "or for the GAN, which has no encoder, of the prior.",
    ),
    "chain": ("From noise up the score", ""),
}
OF_SAMPLES = ("coverage", "precision", "recall")
OF_CODES = ("reconstruction_error", "sharpness")

WIDTHS = "networks.generator.widths"
SD = 0.05
MEANS = tuple(
    (x, sign * x)
    for sign in (-1.0, 1.0)
    for x in (-1.0, -0.8, -0.6, -0.4, -0.2, 0.2, 0.4, 0.6, 0.8, 1.0)
)
SAMPLES = 5_000
SHOWN = 1_000


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, method=METHODS, data=("digits", "diagonals"))
    of_data = _digits if chosen.data == "digits" else _diagonals
    config = of_data(chosen.method)
    config.steps = 3_000
    config.evaluation.every = 0
    config.record.update(pictures_every=3_000, checkpoint_every=3_000, examples=36)
    return config


def _digits(method: str) -> ConfigDict:
    config = sibling(__file__, METHODS[method][0])()
    config.data.split = "train"
    config.batch_size, config.evaluation.samples = 64, 1_000
    if "latent_size" in config.game:
        config.game.latent_size = 16
    for network in config.networks.values():
        network.update(widths=(200, 200), normalization="none")
    return config


def _diagonals(method: str) -> ConfigDict:
    if method not in OF_POINTS:
        raise ConfigError(f"{method} makes no points; {', '.join(OF_POINTS)} do")
    config = defaults(
        data="mixture",
        network="mlp",
        objective=METHODS[method][1],
        game="adversarial" if method == "gan" else method,
    )
    count = len(MEANS)
    config.data.update(means=MEANS, sds=(SD,) * count, weights=(1.0,) * count)
    config.batch_size, config.evaluation.samples = 256, SAMPLES
    for network in config.networks.values():
        network.widths = (64, 64)
    config.networks.generator.widths = (8,)
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = 2e-3
    if method == "gan":
        config.penalties.r1 = penalty("r1", weight=0.1)
    else:
        config.objective.update(likelihood="gaussian", noise_variance=SD**2)
    return config


def sweep(add: Callable[..., None]) -> None:
    """Digits by each method; points by two, with few units and with more."""
    for seed in range(3):
        for method in METHODS:
            add(arg=method, seed=seed)
        for method in OF_POINTS:
            for width in (8, 64):
                add(arg=f"{method},diagonals", seed=seed, **{WIDTHS: (width,)})


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """Digits side by side, and how often points leave the diagonals."""
    by_data = group_by(runs, "data.name")
    if digits := by_data.get("digits"):
        yield from _side_by_side(digits)
        yield _quality("Samples of digits", digits, OF_SAMPLES)
        yield _quality("Reconstructions of test digits", digits, OF_CODES)
    if points := by_data.get("mixture"):
        yield from _dependence(points)


def violations(points: np.ndarray, sd: float) -> float:
    """The share of points `[N, 2]` further than 3 sd from the nearer diagonal.

    From the lines y = x and y = -x the nearer distance is ||x| - |y|| / sqrt(2).
    """
    distance = np.abs(np.diff(np.abs(points), axis=1)) / np.sqrt(2)
    return float((distance > 3 * sd).mean())


def _method(run: Run) -> str:
    return NAMES[setting(run, "objective.name")].replace("_", " ")


def _side_by_side(runs: Sequence[Run]) -> Iterator[Figure]:
    for name, (title, note) in PICTURES.items():
        if any(name in run.samples for run in runs):
            yield Figure(title, picture_grid(runs, name, columns=_method), note)


def _quality(title: str, runs: Sequence[Run], measures: Sequence[str]) -> Table:
    """Means over seeds, of the methods that have the measures."""
    having = [run for run in runs if measures[0] in run.evaluation.get("metrics", {})]
    rows = []
    for group in group_by(having, "objective.name").values():
        cells = (mean_and_sd(measure(run, name) for run in group) for name in measures)
        rows.append((_method(group[0]), len(group), *itertools.chain(*cells)))
    heads = itertools.chain(*((name.replace("_", " "), "sd") for name in measures))
    return Table(title, ("method", "seeds", *heads), rows)


def _dependence(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    groups = group_by(runs, "objective.name", WIDTHS)
    figure, axes = plot(
        1, len(groups), width=2.6, height=2.6, sharey=True, squeeze=False
    )
    rows: list[tuple[Cell, ...]] = []
    for ax, ((_, (width,)), group) in zip(axes[0], groups.items(), strict=True):
        made = [samples(run) for run in group]
        found, sd = mean_and_sd(100 * violations(points, SD) for points in made)
        modes, _ = mean_and_sd(measure(run, "modes_covered") for run in group)
        title = f"{_method(group[0])}, {width} units"
        rows.append((title, len(group), found, sd, modes))
        ax.plot(*made[0][:SHOWN].T, ".", ms=2)
        ax.set(title=title, xlim=(-1.5, 1.5), ylim=(-1.5, 1.5), aspect="equal")
    real = _points_of_data()
    apart = np.stack([real[:, 0], np.roll(real[:, 1], 1)], axis=1)
    for name, points in (("the data", real), ("coordinates drawn apart", apart)):
        rows.append((name, None, 100 * violations(points, SD), None, None))
    yield Figure("Points by generators with one hidden layer", figure, "First seed.")
    yield Table(
        "How often the dependence is violated",
        ("points of", "seeds", "violations, %", "sd", f"modes of {len(MEANS)}"),
        rows,
        "A point violates it where it lies further than 3 sd from both diagonals.",
    )


def _points_of_data() -> np.ndarray:
    rng = np.random.default_rng(0)
    return rng.choice(MEANS, SAMPLES) + rng.normal(0, SD, (SAMPLES, 2))
