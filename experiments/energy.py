"""The discriminator alone: images and points that climb its score, no generator.

    python -m ganjax.main --config=experiments/energy.py --workdir=runs/energy
    python -m ganjax.main --config=experiments/energy.py:ring --workdir=runs/energy_ring
    python -m launch --config=experiments/energy.py --workdir=sweeps/energy

Each round raises the scores of real examples and lowers those of its own negatives,
which are where short chains up the score have come to. Samples are the ends of long
chains that begin at noise: can the discriminator alone find all modes of a ring, and
draw digits that one can read? The sweep asks what a buffer of earlier chains is for;
experiments/langevin.py shows the iteration itself on a line.

Expect 8 modes, 99.9 % of samples within three standard deviations and a variance ratio
of 0.7 to 0.8 (modes too narrow), after 1 minute on a busy core; digits that one can
read, coverage 0.97 and precision 0.97, after 5 minutes; of mnist a coverage of 0.63 and
a precision of 0.78, after as long.

Arguments, as in experiments/energy.py:ring or energy.py:mnist:

  data    digits (default), mnist or fashion_mnist; or ring
  begin   buffer (default): chains continue earlier ones; or noise: each begins anew
"""

from collections.abc import Callable, Iterator, Sequence

from ganjax.config import ConfigDict, augmentation, defaults, parse_arg, schedule
from ganjax.study import Run, Table, setting, table_of

MEASURES = {
    "ring": ("modes_covered", "high_quality", "reverse_kl", "variance_ratio"),
    "digits": ("coverage", "precision", "recall", "density"),
}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        data=("digits", "mnist", "fashion_mnist", "ring"),
        begin=("buffer", "noise"),
    )
    config = defaults(
        data=chosen.data, network="mlp", objective="energy", game="energy"
    )
    optimizer = config.optimizers.discriminator
    # Momentum makes the score chase chains that have left.
    optimizer.update(b1=0.0, b2=0.99)
    optimizer.learning_rate_schedule = schedule("cosine", 0.0)
    config.ema.discriminator = {"decay": 0.99}
    if chosen.data == "ring":
        config.steps, config.batch_size = 4_000, 256
        config.networks.discriminator.widths = (128, 128)
        optimizer.learning_rate = 1e-3
        config.game.update(chain_steps=10, step_size=0.01, noise=0.005, reach=1.5)
        # A mode is 0.01 wide: a longer step would leap over it and throw chains about.
        config.game.update(clip_gradient=3.0, buffer_size=10_240)
    else:
        is_small = chosen.data == "digits"
        config.steps, config.batch_size = 6_000 if is_small else 4_000, 64
        config.networks.discriminator.widths = (512, 512)
        optimizer.learning_rate = 5e-4 if is_small else 3e-4
        # Slopes of larger images are as long, and the way is longer.
        config.game.step_size = 0.1 if is_small else 2.0
        config.game.update(noise=0.01, buffer_size=4_096)
        # Many pixels are exactly black, where a density would have no bound.
        config.augment.instance_noise = augmentation("instance_noise", strength=0.05)
    if chosen.begin == "noise":
        config.game.buffer_size = 0
    config.evaluation.update(every=config.steps // 4, samples=1_000)
    config.record.update(pictures_every=config.steps // 10)
    return config


def sweep(add: Callable[..., None]) -> None:
    """Points and digits with the buffer and without, two seeds each."""
    for data in MEASURES:
        for begin in ("buffer", "noise"):
            for seed in range(2):
                add(arg=f"{data},{begin}", seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Table]:
    """What the buffer does for samples: of points and of images by what fits them."""
    for name, measures in MEASURES.items():
        if chosen := [run for run in runs if setting(run, "data.name") == name]:
            title = f"Samples of the {name}, by where chains begin in training"
            note = "Means over seeds. Samples are chains from noise in either case."
            yield table_of(title, chosen, begin, measures, beside=(), note=note)


def begin(run: Run) -> str:
    """Where chains begin in training."""
    size = setting(run, "game.buffer_size")
    return f"buffer of {size:,}" if size else "noise"
