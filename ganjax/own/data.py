"""Data of an experiment's file: NumPy arrays, or what is drawn on the device."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.config.catalogue import Part
from ganjax.data.files import DataError
from ganjax.data.images import resident
from ganjax.keys import example_keys
from ganjax.types import Batch, PartError, Source


def held(part: Part) -> Callable[..., Source]:
    """The builder of a row of `ganjax.config.parts.data`.

    It raises `DataError` where the arrays are not what they must be.
    """
    where = f"data {part.name}"

    def build(**keys: Any) -> Source:
        made = part.builder(**keys)
        examples, label, *names = made if isinstance(made, tuple) else (made, None)
        examples = _examples(where, examples)
        if (label is not None) != (part.labels == "all"):
            what = "returns no labels" if label is None else "returns labels"
            raise DataError(
                f"{where}: {what}, and labels={part.labels == 'all'} says otherwise"
            )
        if label is None:
            blank = np.zeros(len(examples), np.int32)
            return resident(examples, blank, classes=0)
        label = _labels(where, label, len(examples))
        class_names = tuple(map(str, names[0])) if names else ()
        classes = len(class_names) or int(label.max()) + 1
        if label.max() >= classes:
            raise DataError(
                f"{where}: label {label.max()} has no name; there are {classes} names"
            )
        return resident(examples, label, classes=classes, class_names=class_names)

    return build


def _examples(where: str, examples: Any) -> np.ndarray:
    examples = np.asarray(examples)
    if examples.dtype != np.uint8:
        if examples.dtype.kind not in "fiub":
            raise DataError(f"{where}: examples of {examples.dtype} are no numbers")
        examples = examples.astype(np.float32)
        if not np.isfinite(examples).all():
            raise DataError(f"{where}: some numbers of the examples are not finite")
    if examples.ndim < 2 or not examples.size:
        raise DataError(
            f"{where}: examples must be [N, ...], not {list(examples.shape)}"
        )
    return examples


def _labels(where: str, label: Any, count: int) -> np.ndarray:
    label = np.asarray(label)
    if label.shape != (count,) or label.dtype.kind not in "iu" or label.min() < 0:
        raise DataError(
            f"{where}: labels must be whole numbers from 0, [{count}] as there are "
            f"examples, not {label.dtype} {list(label.shape)}"
        )
    return label


def drawn(part: Part) -> Callable[..., Source]:
    """The builder of a row of `ganjax.config.parts.drawn`."""
    where, is_labelled = f"data {part.name}", part.labels == "all"

    def build(**keys: Any) -> Source:
        def one(key: Array) -> Any:
            return part.builder(key, **keys)

        def batch(
            arrays: Any,
            key: Array,
            step: Array | int,
            round: Array | int,
            index: Array,
        ) -> Batch:
            made = jax.vmap(one)(example_keys(key, step, round, index))
            real, label = made if is_labelled else (made, None)
            real = _float32(where, real)
            if label is None:
                return Batch(real)
            label = label.astype(jnp.int32)
            return Batch(real, label, is_labelled=jnp.ones(label.shape, bool))

        return Source({}, batch, keys["classes"] if is_labelled else 0)

    return build


def _float32(where: str, real: Any) -> Array:
    if not isinstance(real, jax.Array) or real.dtype != jnp.float32 or real.ndim < 2:
        found = getattr(real, "dtype", type(real).__name__)
        shape = list(getattr(real, "shape", ()))[1:]
        raise PartError(
            f"{where}: an example must be a float32 array of one or more numbers, not "
            f"{found} {shape}"
        )
    return real
