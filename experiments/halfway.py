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

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from ganjax.config import ConfigDict, defaults, parse_arg, penalty, schedule
from ganjax.study import (
    Figure,
    Run,
    Table,
    group_by,
    mean_and_sd,
    measure,
    picture_grid,
    setting,
)

# The objective and the game of each method.
METHODS = {
    "auto_encoder": ("auto_encoder", "auto_encoder"),
    "vae": ("vae", "vae"),
    "vae_gan": ("vae_gan", "vae_gan"),
    "gan": ("non_saturating", "adversarial"),
    "judge": ("classification", "supervised"),
}
CODERS = tuple(name for name in METHODS if name != "judge")
NAMES = {game: name.replace("_", " ") for name, (_, game) in METHODS.items()}

SIZE = "game.latent_size"
ROOM = 50  # numbers in a code that is not in the plane
SURE = 0.9
IMAGES = 1_000  # whose codes are the ends, at most


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
    judges = [run for run in runs if _method(run) == "judge"]
    coders = [run for run in runs if _method(run) != "judge"]
    by_size = group_by(coders, SIZE)
    for size, group in by_size.items():
        yield from _side_by_side(
            group,
            "interpolation",
            f"From one code to another, of {size} numbers",
            "In the middle column is 0.5 a + 0.5 b. Codes at the ends are of training "
            "images, or for the GAN, which has no encoder, of the prior.",
        )
    for name, title in (("map", "What is decoded where"), ("codes", "Codes by class")):
        note = "Of either coordinate the middle 98 % of codes."
        yield from _side_by_side(by_size.get(2, []), name, title, note)
    if judges and coders:
        yield _judged(judges[0], coders)


def sure_shares(
    first: np.ndarray, last: np.ndarray, halfway: np.ndarray
) -> tuple[float, float]:
    """Of how many first ends, and images halfway, one class is likelier than `SURE`.

    Only of pairs whose ends are of different classes; NaN where there is none. All are
    log probabilities of classes, `[N, K]`.
    """
    differ = first.argmax(axis=1) != last.argmax(axis=1)
    if not differ.any():
        return math.nan, math.nan
    at_end, between = (
        float((np.exp(log_p[differ]).max(axis=1) > SURE).mean())
        for log_p in (first, halfway)
    )
    return at_end, between


def _method(run: Run) -> str:
    return NAMES[setting(run, "game.name")]


def _side_by_side(
    runs: Sequence[Run], name: str, title: str, note: str
) -> Iterator[Figure]:
    """A picture of each method that has it, of the first seed."""
    if any(name in run.samples for run in runs):
        yield Figure(title, picture_grid(runs, name, columns=_method), note)


def _judged(judge: Run, coders: Sequence[Run]) -> Table:
    import jax

    from ganjax.look.evaluate import Evaluator
    from ganjax.look.restore import restore

    def look(run: Run) -> tuple[Evaluator, Any]:
        setup, _, state = restore(run.config, run.workdir)
        return Evaluator(setup), state

    critic, opinion = look(judge)

    def shares(run: Run) -> tuple[float, float]:
        evaluator, state = look(run)
        batch = jax.tree.map(lambda x: x[:IMAGES], evaluator.examples_to_judge(IMAGES))
        rows = evaluator.probe_batch("interpolation", state, batch)
        return sure_shares(
            *(
                critic.probe("classify", opinion, len(rows), real=rows[:, column])
                for column in (0, -1, rows.shape[1] // 2)
            )
        )

    rows = []
    for (size, _), group in group_by(coders, SIZE, "game.name").items():
        ends, between = zip(*map(shares, group), strict=True)
        lost = np.subtract(ends, between)
        cells = np.concatenate([mean_and_sd(each) for each in (ends, between, lost)])
        rows.append((_method(group[0]), size, len(group), *(100 * cells)))
    return Table(
        "Of how many images the judge is sure, %",
        ("method", "numbers", "seeds", "ends", "sd", "halfway", "sd", "lost", "sd"),
        rows,
        f"The judge errs in {100 * measure(judge, 'error'):.2g} % of test images. Ends "
        "are test images as they are decoded, for the GAN samples.",
    )
