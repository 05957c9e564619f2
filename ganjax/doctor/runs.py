"""Tiny trainings through the loop of all trainings: what becomes of their bits."""

import os
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import jax
import numpy as np

import ganjax
from ganjax.config import ConfigDict, defaults
from ganjax.config.program import Program
from ganjax.config.validation import validate
from ganjax.doctor.row import Row
from ganjax.doctor.sizes import Sizes
from ganjax.state import TrainState
from ganjax.training import loop

MEND = (
    "on a GPU set XLA_FLAGS=--xla_gpu_deterministic_ops=true; elsewhere it is a bug, "
    "of ganjax or below it"
)


def images(sizes: Sizes, optimizer: str = "adam") -> ConfigDict:
    """A convolutional GAN of images, which has a dense layer and batch norm too."""
    config = defaults(
        data="digits", network="dcgan", objective="hinge", optimizer=optimizer
    )
    config.update(steps=sizes.steps, batch_size=sizes.batch)
    config.record.every = sizes.steps // 2
    config.measures = ConfigDict()
    config.parallel.mode = "jit"
    for network in config.networks.values():
        network.channels = (sizes.width, sizes.width)
    return config


def bits(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """Whether a run that is trained again, or paused and resumed, is the same run."""
    config = images(sizes)
    first = train(config, folder / "first")
    again = train(config, folder / "again")
    yield _compared("two runs", first, again)
    train(config, folder / "resumed", until=config.record.every)
    resumed = train(config, folder / "resumed")
    yield _compared("a run, paused and resumed", first, resumed)


def train(config: ConfigDict, folder: Path, until: int | None = None) -> TrainState:
    """The state at the end of a training, or where it pauses, read from its folder."""
    program = Program(validate(config))
    with open(os.devnull, "w") as nothing:
        with redirect_stdout(nothing), redirect_stderr(nothing):
            loop.run(program, folder, "train", until=until)
        return ganjax.load(folder).state


def _compared(what: str, one: TrainState, other: TrainState) -> Row:
    """A row on whether two states are the same, bit for bit."""
    lost = differing(one, other)
    found = f"{lost:,} numbers differ" if lost else "the same bits"
    return Row(what, found, "the same bits", not lost, MEND)


def differing(one: TrainState, other: TrainState) -> int:
    """How many numbers of two states are not the same, bit for bit."""
    pairs = zip(*map(jax.tree.leaves, jax.device_get((one, other))), strict=True)
    return sum(int(np.sum(_bits(a) != _bits(b))) for a, b in pairs)


def _bits(leaf: np.ndarray) -> np.ndarray:
    """As whole numbers, since -0 equals 0 and nan does not equal itself."""
    array = np.asarray(leaf)
    return array.view(f"u{array.itemsize}")
