"""What is measured: a config, and the arithmetic of a step, counted by hand.

A multiply-add is two operations; only products of matrices and convolutions count. A
layer's product costs as much forwards, as the gradient of its weights and as that of
its inputs; F is the sum over a network's layers for one batch, f its first layer's.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from ganjax.config import ConfigDict, load, penalty

EXPERIMENTS = Path(__file__).parents[1] / "experiments"

# How many images there are, and of what shape.
_DIGITS, _FACES = (6_000, 28, 28, 1), (512, 32, 32, 3)

Config = Any  # a validated config: nested mappings


class Cost(NamedTuple):
    """Operations of one batch through a network."""

    whole: int
    first: int
    last: int


class Workload(NamedTuple):
    """A row of the table.

    `configure(data)` makes the config, whose data is in that folder; `flops(config)`
    counts a step.
    """

    title: str
    configure: Callable[[Path], ConfigDict]
    flops: Callable[[Config], int]


def write_data(folder: Path) -> None:
    """Random images, as MNIST's files and as a folder of coloured ones."""
    random = np.random.default_rng(0)
    for split, count in (("train", _DIGITS[0]), ("t10k", 1_000)):
        images = random.integers(0, 256, (count, *_DIGITS[1:3]), dtype=np.uint8)
        labels = random.integers(0, 10, count, dtype=np.uint8)
        for name, array in (("images-idx3", images), ("labels-idx1", labels)):
            sizes = np.array(array.shape, ">i4").tobytes()
            magic = bytes([0, 0, 8, array.ndim])
            path = folder / f"{split}-{name}-ubyte"
            path.write_bytes(magic + sizes + array.tobytes())
    (folder / "images").mkdir()
    for index in range(_FACES[0]):
        pixels = random.integers(0, 256, _FACES[1:], dtype=np.uint8)
        Image.fromarray(pixels).save(folder / "images" / f"{index}.png")


def random_arrays(config: Config) -> dict[str, np.ndarray]:
    """Data of the same sizes for a twin, which is to import nothing of ours."""
    random, kind = np.random.default_rng(0), config["data"]["name"]
    if kind == "ring":
        return {}
    shape = _FACES if kind == "own_images" else _DIGITS
    return {
        "examples": random.integers(0, 256, shape, dtype=np.uint8),
        "labels": random.integers(0, 10, shape[0]),
    }


def _dense(batch: int, sizes: Sequence[int]) -> Cost:
    layers = [2 * batch * inputs * units for inputs, units in pairwise(sizes)]
    return Cost(sum(layers), layers[0], layers[-1])


def _dcgan(batch: int, latent: int) -> tuple[Cost, Cost]:
    """Generator and discriminator of 28 x 28 images, 64 and 128 channels."""
    narrow, wide = (2 * batch * n * 4 * 4 for n in (14**2 * 64, 7**2 * 64 * 128))
    below = 2 * batch * latent * 7**2 * 128
    above = 2 * batch * 7**2 * 128
    return (
        Cost(below + wide + narrow, below, narrow),
        Cost(narrow + wide + above, narrow, above),
    )


def networks(config: Config, image: int) -> tuple[Cost, Cost]:
    """Generator and discriminator of examples of so many numbers."""
    batch, latent = config["batch_size"], config["game"]["latent_size"]
    if config["networks"]["discriminator"]["name"] == "dcgan":
        return _dcgan(batch, latent)
    made, judged = (
        config["networks"][player]["widths"]
        for player in ("generator", "discriminator")
    )
    return (
        _dense(batch, (latent, *made, image)),
        _dense(batch, (image, *judged, 1)),
    )


def _adversarial(config: Config, image: int) -> int:
    """The discriminator's rounds, each with its penalties, and the generator's one.

    A gradient penalty pulls a score back to the example, and differentiates that once
    more by the weights and by what comes down from above, of which the last layer's is
    a constant; between reals and fakes it needs another pass forwards as well. A
    relativistic generator has the scores of reals as well.
    """
    made, judged = networks(config, image)
    round = made.whole + 2 * (3 * judged.whole - judged.first)
    for name in config["penalties"]:
        round += 3 * judged.whole - judged.last
        round += judged.whole - judged.last if name == "wgan_gp" else 0
    scored = 2 if config["objective"]["name"] == "relativistic" else 1
    moves = 3 * made.whole - made.first + (1 + scored) * judged.whole
    return config["play"]["discriminator_rounds"] * round + moves


def _conditional(config: Config) -> int:
    """Class logits in place of a score; latents beside a vector of their class."""
    batch, latent = config["batch_size"], config["game"]["latent_size"]
    widths = {p: config["networks"][p]["widths"] for p in config["networks"]}
    made = _dense(batch, (2 * latent, *widths["generator"], 28**2))
    judged = _dense(batch, (28**2, *widths["discriminator"], 10))
    round = made.whole + 2 * (3 * judged.whole - judged.first)
    return round + 3 * made.whole + 2 * judged.whole


def _vae(config: Config) -> int:
    batch, latent = config["batch_size"], config["game"]["latent_size"]
    widths = {p: config["networks"][p]["widths"] for p in config["networks"]}
    encoder = _dense(batch, (28**2, *widths["encoder"], 2 * latent))
    generator = _dense(batch, (latent, *widths["generator"], 28**2))
    return 3 * (encoder.whole + generator.whole) - encoder.first


def _energy(config: Config) -> int:
    """Chains climb by the gradient of a score; then both kinds are scored."""
    widths = config["networks"]["discriminator"]["widths"]
    judged = _dense(config["batch_size"], (28**2, *widths, 1))
    chain = config["game"]["chain_steps"] * (2 * judged.whole - judged.last)
    return chain + 2 * (3 * judged.whole - judged.first)


def _ring(arg: str) -> Callable[[Path], ConfigDict]:
    # Of the small size, whose discriminator has plain inputs, as its twin's.
    return lambda data: load(f"{EXPERIMENTS}/ring.py:small,{arg}", [])


def _mnist(
    name: str = "", rounds: int = 1, batch_size: int = 64
) -> Callable[[Path], ConfigDict]:
    def configure(data: Path) -> ConfigDict:
        # Batch statistics couple examples, whose own gradients a penalty needs.
        kind = "none" if name else "batch"
        overrides = [
            f"networks.discriminator.normalization={kind}",
            f"play.discriminator_rounds={rounds}",
            f"batch_size={batch_size}",
            f"data.directory={data}",
        ]
        config = load(f"{EXPERIMENTS}/mnist.py", overrides)
        if name:
            config.penalties[name] = penalty(name)
        return config

    return configure


def _faces(batch_size: int) -> Callable[[Path], ConfigDict]:
    def configure(data: Path) -> ConfigDict:
        overrides = [
            "networks.generator.conditioning=none",
            "networks.discriminator.conditioning=none",
            f"batch_size={batch_size}",
            f"data.directory={data / 'images'}",
        ]
        config = load(f"{EXPERIMENTS}/own_images.py:dense", overrides)
        del config.penalties["r1"]
        return config

    return configure


def _of_mnist(experiment: str) -> Callable[[Path], ConfigDict]:
    return lambda data: load(f"{EXPERIMENTS}/{experiment}", [f"data.directory={data}"])


def _points(config: Config) -> int:
    return _adversarial(config, 2)


def _grey(config: Config) -> int:
    return _adversarial(config, 28**2)


def _colour(config: Config) -> int:
    return _adversarial(config, 32**2 * 3)


WORKLOADS = {
    "ring": Workload(
        "MLP on points, non-saturating",
        _ring("non_saturating,alternating,none"),
        _points,
    ),
    "ring_r1_r2": Workload(
        "MLP on points, relativistic with R1 and R2", _ring("relativistic"), _points
    ),
    "dcgan": Workload("DCGAN, batch norm", _mnist(), _grey),
    "dcgan_128": Workload("DCGAN, batch norm", _mnist(batch_size=128), _grey),
    "dcgan_rounds": Workload(
        "DCGAN, batch norm, 5 discriminator rounds", _mnist(rounds=5), _grey
    ),
    "dcgan_r1": Workload("DCGAN with R1", _mnist("r1"), _grey),
    "dcgan_wgan_gp": Workload("DCGAN with WGAN-GP", _mnist("wgan_gp"), _grey),
    "dense": Workload("Dense GAN, 32 x 32 x 3", _faces(32), _colour),
    "dense_128": Workload("Dense GAN, 32 x 32 x 3", _faces(128), _colour),
    "vae": Workload("VAE, 784-200-200-50", _of_mnist("vae.py:mnist,binary"), _vae),
    "energy": Workload(
        "Discriminator alone, 20 chain steps", _of_mnist("energy.py:mnist"), _energy
    ),
    "cls_gan": Workload("CLS-GAN, dense", _of_mnist("few_labels.py"), _conditional),
}
