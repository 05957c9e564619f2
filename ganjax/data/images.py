"""Examples that are resident on the device: images, or arrays of any shape."""

from collections.abc import Iterable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.data.files import DataError
from ganjax.keys import example_keys, fold
from ganjax.types import Batch, Source

DIGITS = tuple("0123456789")

# What an example's key is used for besides, by itself, its row among all.
_IS_LABELLED, _LABELLED_ROW, _GUESS = range(3)


def resident(
    examples: np.ndarray,
    labels: np.ndarray,
    *,
    classes: int,
    class_names: tuple[str, ...] = (),
) -> Source:
    """Draws from all with replacement, so that a batch is i.i.d. of the data.

    Args:
      examples: uint8 images `[N, H, W, C]`, which stay uint8 on the device, and only
        what a batch gathers becomes float32 in [-1, 1]; or float32 `[N, ...]`.
      labels: int `[N]`.
      classes: how many there are, also where not all occur; 0 where there are no
        labels, whatever the array holds.
      class_names: by label, where the classes have names.
    """
    arrays = {"examples": examples, "labels": labels.astype(np.int32)}

    def batch(
        arrays: dict[str, Array],
        key: Array,
        step: Array | int,
        round: Array | int,
        index: Array,
    ) -> Batch:
        keys = example_keys(key, step, round, index)
        row = _draw(keys, arrays["examples"].shape[0])
        real = as_seen(jnp.asarray(arrays["examples"])[row])
        if not classes:
            return Batch(real)
        label = jnp.asarray(arrays["labels"])[row]
        return Batch(real, label=label, is_labelled=jnp.ones(row.shape, bool))

    return Source(arrays, batch, classes, class_names)


def few_labels(source: Source, *, labelled: int, labelled_share: float) -> Source:
    """A resident source of which only some images keep their label.

    A row of a batch is labelled with probability `labelled_share`: such a row is drawn
    from the labelled images, another from all. The label of an unlabelled row says
    nothing of its image: it is drawn uniformly, so that a generator always has a class
    to make.

    Args:
      source: of labelled images.
      labelled: how many keep their label, as many of each class, the same in every run;
        fewer are a part of more. 0 is all, and then `labelled_share` is not read.
      labelled_share: the expected share of a batch.

    Raises:
      DataError: so many cannot be labelled.
    """
    if not labelled:
        return source
    rows = _labelled_rows(source.arrays["labels"], source.classes, labelled)

    def batch(
        arrays: dict[str, Array],
        key: Array,
        step: Array | int,
        round: Array | int,
        index: Array,
    ) -> Batch:
        drawn = source.batch(arrays, key, step, round, index)
        keys = example_keys(key, step, round, index)
        is_labelled = jax.vmap(jax.random.bernoulli, (0, None))(
            fold(keys, _IS_LABELLED), labelled_share
        )
        which = _draw(fold(keys, _LABELLED_ROW), labelled)
        row = jnp.asarray(arrays["labelled"])[which]
        known = as_seen(jnp.asarray(arrays["examples"])[row])
        return Batch(
            real=jnp.where(_beside(is_labelled, known), known, drawn.real),
            label=jnp.where(
                is_labelled,
                jnp.asarray(arrays["labels"])[row],
                _draw(fold(keys, _GUESS), source.classes),
            ),
            is_labelled=is_labelled,
        )

    return source._replace(arrays=source.arrays | {"labelled": rows}, batch=batch)


def as_seen(examples: Array | np.ndarray) -> Array:
    """Examples as networks see them: uint8 as float32 in [-1, 1], others unchanged."""
    if examples.dtype != np.uint8:
        return jnp.asarray(examples)
    # Compiled, pixels / 127.5 - 1 would make white 1.0000001.
    return (jnp.asarray(examples).astype(jnp.float32) - 127.5) / 127.5


def as_held(seen: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """The way back, on the scale of the examples of a source, but not rounded."""
    return np.clip(seen, -1, 1) * 127.5 + 127.5 if dtype == np.uint8 else seen


def _beside(flags: Array, examples: Array) -> Array:
    return flags.reshape(-1, *[1] * (examples.ndim - 1))


def _draw(keys: Array, count: int) -> Array:
    return jax.vmap(lambda key: jax.random.randint(key, (), 0, count))(keys)


def _labelled_rows(labels: np.ndarray, classes: int, labelled: int) -> np.ndarray:
    each, rest = divmod(labelled, classes)
    if rest:
        raise DataError(
            f"labelled={labelled} is not the same number of each of {classes} classes; "
            f"choose a multiple of {classes}"
        )
    sizes = np.bincount(labels, minlength=classes)
    if each > sizes.min():
        raise DataError(
            f"labelled={labelled} is {each} of each class, but class {sizes.argmin()} "
            f"has {sizes.min()} examples; choose at most {classes * sizes.min()}"
        )
    return _some_of_each(labels, [each] * classes)


def _some_of_each(labels: np.ndarray, counts: Iterable[int]) -> np.ndarray:
    """Rows int32 of so many examples of each class, whatever the seed of the run."""
    rng = np.random.default_rng(0)
    chosen = [
        rng.permutation(np.flatnonzero(labels == label))[:count]
        for label, count in enumerate(counts)
    ]
    return np.sort(np.concatenate(chosen)).astype(np.int32)


def digits(*, split: str, labelled: int, labelled_share: float) -> Source:
    """scikit-learn's 1,797 handwritten digits, 8 x 8 x 1, ten classes; offline.

    E. Alpaydin and C. Kaynak 1998, "Optical Recognition of Handwritten Digits".

    Args:
      split: "all"; "test", a fifth of each class, 355 in all, always the same; or
        "train", the others. A writer's digits are in both.
      labelled: see `few_labels`.
      labelled_share: see `few_labels`.

    Raises:
      DataError: so many cannot be labelled.
    """
    from sklearn.datasets import load_digits

    data = load_digits()
    images, labels = np.round(data.images * (255 / 16)).astype(np.uint8), data.target
    in_test = np.zeros(len(labels), bool)
    in_test[_some_of_each(labels, np.bincount(labels) // 5)] = True
    rows = {"all": in_test | ~in_test, "train": ~in_test, "test": in_test}[split]
    source = resident(
        images[rows][..., None], labels[rows], classes=10, class_names=DIGITS
    )
    return few_labels(source, labelled=labelled, labelled_share=labelled_share)
