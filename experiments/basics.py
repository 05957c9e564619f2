"""Auto-encoder, VAE, VAE-GAN, energy and GAN, under the same networks and budget.

    python -m launch --config=experiments/basics.py --workdir=sweeps/basics

Five ways to learn to draw digits, each with layers of 200 and 200 units in every
player, 3,000 steps of 64 images, and the other settings of its own experiment; a step
of energy also climbs the score 20 times. What do their samples, their reconstructions
and the images halfway between two codes look like?

What it showed over three seeds, 15 runs; with the 12 of experiments/diagonals.py nine
minutes on a busy core:

  - The auto-encoder reconstructs best, at 1.4 in squared distance where the VAE-GAN has
    5.0 and the VAE 7.6, of a sharpness of 0.81, 0.62 and 0.31.
  - Samples of the VAE are near the data and near its middle: precision 1.00, recall
    0.02. Energy has 0.70 and 0.84, VAE-GAN 0.78 and 0.71, the GAN 0.75 and 0.67.
  - At 8 x 8 pixels the eye hardly tells halfway images apart: experiments/halfway.py
    asks a classifier.

Arguments, as in experiments/basics.py:vae:

  method  gan (default), auto_encoder, vae, vae_gan or energy
"""

from collections.abc import Callable, Iterator, Sequence

import auto_encoder
import digits
import energy
import vae
import vae_gan
from ganjax.config import ConfigDict, parse_arg
from ganjax.study import Figure, Run, Table, picture_grid, setting, table_of

# The experiment of each method's own settings, and what its config calls the objective.
METHODS = {
    "gan": (digits, "non_saturating"),
    "auto_encoder": (auto_encoder, "auto_encoder"),
    "vae": (vae, "vae"),
    "vae_gan": (vae_gan, "vae_gan"),
    "energy": (energy, "energy"),
}
NAMES = {objective: method for method, (_, objective) in METHODS.items()}

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
TABLES = {
    "Samples of digits": ("coverage", "precision", "recall"),
    "Reconstructions of test digits": ("reconstruction_error", "sharpness"),
}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    method = parse_arg(arg, method=METHODS).method
    config = METHODS[method][0].get_config()
    config.data.split = "train"
    config.steps, config.batch_size = 3_000, 64
    if "latent_size" in config.game:
        config.game.latent_size = 16
    for network in config.networks.values():
        network.update(widths=(200, 200), normalization="none")
    config.evaluation.update(every=0, samples=1_000)
    config.record.update(pictures_every=3_000, checkpoint_every=3_000, examples=36)
    return config


def sweep(add: Callable[..., None]) -> None:
    """Each method, three seeds."""
    for seed in range(3):
        for method in METHODS:
            add(arg=method, seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """What each method draws, side by side, and how good it is."""
    for name, (title, note) in PICTURES.items():
        if any(name in run.samples for run in runs):
            yield Figure(title, picture_grid(runs, name, columns=method), note)
    for title, measures in TABLES.items():
        having = [run for run in runs if measures[0] in run.evaluation["metrics"]]
        yield table_of(title, having, method, measures)


def method(run: Run) -> str:
    """What a run's method is called here."""
    return NAMES[setting(run, "objective.name")]
