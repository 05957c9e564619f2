"""What lies halfway between the codes of two images?

    python -m launch --config=experiments/halfway.py --workdir=sweeps/halfway
    python -m launch --config=experiments/halfway.py:mnist --workdir=sweeps/mnist

An auto-encoder is asked for nothing but its own codes: what it decodes between them is
left to chance. A VAE sees each code with noise around it, so that codes fill the space;
a discriminator looks at samples of the whole of it. Is 0.5 a + 0.5 b a digit, for the
codes a and b of two images of different classes?

The judge is a classifier of real images. It is sure of an image where it gives one
class more than 0.9: of how many images at the ends is it, and of how many halfway
between them?

Expect the auto-encoder to fail: with 50 numbers the judge is sure of 97 % of its digits
and of 67 % halfway, on MNIST of 96 and 42 %; of the VAE's 94 and 78 %, on MNIST 95 and
58 %; of the GAN's hardly fewer halfway than anywhere (docs/results.md). 25 runs, of
digits in 13 minutes on a busy core, of MNIST in 40.

All have the same networks and budget. A code has 50 numbers; or 2, of which the page
shows the map: what is decoded where, beside where test images are encoded.

Arguments, as in experiments/halfway.py:vae,mnist:

  method  auto_encoder (default), vae, vae_gan, gan, or judge
  data    digits (default), mnist or fashion_mnist
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from ganjax.config import ConfigDict, defaults, parse_arg, penalty, schedule
from ganjax.study import Figure, Run, Table, measure, picture_grid, setting, table_of

# The objective and the game of each method.
METHODS = {
    "auto_encoder": ("auto_encoder", "auto_encoder"),
    "vae": ("vae", "vae"),
    "vae_gan": ("vae_gan", "vae_gan"),
    "gan": ("non_saturating", "adversarial"),
    "judge": ("classification", "supervised"),
}
CODERS = tuple(name for name in METHODS if name != "judge")
NAMES = {game: name for name, (_, game) in METHODS.items()}

SIZE = "game.latent_size"
ROOM = 50  # numbers in a code that is not in the plane
SURE = 0.9
IMAGES = 1_000  # whose codes are the ends, at most
MIDDLE = "Of either coordinate the middle 98 % of codes."
PICTURES = {
    "interpolation": (
        "From one code to another",
        "In the middle column is 0.5 a + 0.5 b. Codes at the ends are of training "
        "images, or for the GAN, which has no encoder, of the prior.",
    ),
    "map": ("What is decoded where", MIDDLE),
    "codes": ("Codes by class", MIDDLE),
}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg, method=tuple(METHODS), data=("digits", "mnist", "fashion_mnist")
    )
    objective, game = METHODS[chosen.method]
    config = defaults(data=chosen.data, network="mlp", objective=objective, game=game)
    config.data.split = "train"
    config.steps, config.batch_size = 6_000, 100
    for network in config.networks.values():
        network.widths = (200, 200) if chosen.data == "digits" else (512, 256)
    if chosen.method in CODERS:
        config.game.latent_size = ROOM
        # A Bernoulli likelihood takes logits.
        if chosen.method != "vae":
            config.networks.generator.output = "tanh"
    has_opponent = chosen.method in ("vae_gan", "gan")
    for optimizer in config.optimizers.values():
        optimizer.update(learning_rate=1e-3, b1=0.5 if has_opponent else 0.9)
        optimizer.learning_rate_schedule = schedule("cosine", 0.0)
    if has_opponent:
        config.penalties.r1 = penalty("r1", weight=1.0)
    if chosen.method == "vae_gan":
        config.objective.reconstruction_weight = 0.1
    config.record.update(pictures_every=config.steps, checkpoint_every=config.steps)
    config.evaluation.samples = 1_000
    return config


def sweep(add: Callable[..., None]) -> None:
    """A judge; and each method with either kind of code, three seeds."""
    add(arg="judge")
    for seed in range(3):
        for method in CODERS:
            for size in (2, ROOM):
                add(arg=method, seed=seed, **{SIZE: size})


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """What is decoded between codes, and of how much of it the judge is sure."""
    judges = [run for run in runs if method(run) == "judge"]
    coders = [run for run in runs if method(run) != "judge"]
    for name, (title, note) in PICTURES.items():
        if any(name in run.samples for run in coders):
            rows = {"codes of": SIZE}
            grid = picture_grid(coders, name, columns=method, rows=rows)
            yield Figure(title, grid, note)
    if judges and coders:
        found = judged(judges[0], coders)
        yield table_of(
            "Of how many images the judge is sure, %",
            sorted(coders, key=lambda run: setting(run, SIZE)),
            {"method": method, "numbers": SIZE},
            {
                "ends": lambda run: found[run.workdir][0],
                "halfway": lambda run: found[run.workdir][1],
                "lost": lambda run: np.subtract(*found[run.workdir]),
            },
            note=f"The judge errs in {100 * measure(judges[0], 'error'):.2g} % of test "
            "images. Ends are test images as they are decoded, for the GAN samples.",
        )


def method(run: Run) -> str:
    """What a run's method is called here."""
    return NAMES[setting(run, "game.name")]


def judged(judge: Run, coders: Sequence[Run]) -> dict[Path, tuple[float, float]]:
    """Of how many ends the judge is sure, and of how many images halfway, in percent.

    Only of pairs whose ends it takes for different classes.
    """
    import ganjax
    from ganjax.measures import sure_share

    critic = ganjax.load(judge.workdir)
    found = {}
    for run in map(ganjax.load, (coder.workdir for coder in coders)):
        has_codes = "encoder" in run.config["networks"]
        given = {"real": run.test_examples(IMAGES).real} if has_codes else {"n": IMAGES}
        rows = run.probe("interpolation", **given)
        columns = (0, -1, rows.shape[1] // 2)
        first, last, halfway = (critic.classify(rows[:, i]) for i in columns)
        differ = first.argmax(axis=1) != last.argmax(axis=1)
        ends, between = (100 * sure_share(x[differ], SURE) for x in (first, halfway))
        found[run.folder] = ends, between
    return found
