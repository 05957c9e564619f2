"""Sources: their distributions, and that a batch follows from its indices alone."""

import re
from collections import Counter

import jax
import numpy as np
import pytest
from tables import SOURCES

from ganjax.data import DataError
from ganjax.data.images import few_labels, resident
from ganjax.keys import Purpose, purpose_key

KEY = purpose_key(0, Purpose.DATA)


def digits_of(split="all", labelled=0, labelled_share=0.5):
    return SOURCES["digits"](
        split=split, labelled=labelled, labelled_share=labelled_share
    )


@pytest.fixture(scope="module")
def digits():
    return digits_of()


@pytest.fixture(scope="module", params=["ring", "digits", "few labels"])
def source(request, digits):
    made = {"ring": ring, "digits": lambda: digits}
    return made.get(request.param, lambda: digits_of(labelled=100))()


def batch(source, count=64, *, key=KEY, step=0, round=0, first=0, arrays=None):
    index = first + np.arange(count)
    arrays = source.arrays if arrays is None else arrays
    return jax.device_get(jax.jit(source.batch)(arrays, key, step, round, index))


def ring(modes=8, sd=0.01):
    return SOURCES["ring"](modes=modes, radius=2.0, sd=sd)


@pytest.mark.parametrize("modes", [2, 3, 8])
def test_centres_of_a_ring_are_distinct_and_evenly_spaced(modes):
    centres = ring(modes=modes).arrays["means"]
    assert centres.shape == (modes, 2)
    np.testing.assert_allclose(np.linalg.norm(centres, axis=1), 2.0, rtol=1e-6)
    # The chord of 1/modes of a circle of radius 2, also from the last to the first.
    chords = np.linalg.norm(centres - np.roll(centres, 1, axis=0), axis=1)
    np.testing.assert_allclose(chords, 2 * 2.0 * np.sin(np.pi / modes), rtol=1e-6)


@pytest.mark.parametrize(
    ("side", "ticks"), [(1, [0]), (2, [-1, 1]), (5, [-4, -2, 0, 2, 4])]
)
def test_grid_is_centred_and_spaced(side, ticks):
    centres = SOURCES["grid"](side=side, spacing=2.0, sd=0.1).arrays["means"]
    expected = {(x, y) for x in ticks for y in ticks}
    assert set(map(tuple, centres.tolist())) == expected
    assert len(centres) == side**2


def test_without_spread_there_are_only_the_centres():
    source = ring(sd=0.0)
    points = batch(source, 256).real
    found = (points[:, None] == source.arrays["means"]).all(axis=-1)
    assert found.any(axis=1).all()  # every point is a centre
    assert found.any(axis=0).all()  # and every centre is drawn


def test_moments_of_a_mixture():
    count, sds, weights = 8192, np.array([0.2, 0.1]), np.array([0.25, 0.75])
    means = np.array([[-2.0, 0.0], [1.0, 1.0]])
    source = SOURCES["mixture"](
        means=tuple(map(tuple, means)), sds=tuple(sds), weights=(1.0, 3.0)
    )
    points = batch(source, count).real
    assert points.dtype == np.float32
    # The centres are more than ten standard deviations of either apart.
    component = (points[:, 0] > -0.5).astype(int)
    for k in (0, 1):
        own = points[component == k] - means[k]
        share = len(own) / count
        # All within five standard errors: of a share p that is sqrt(p (1 - p) / N),
        assert abs(share - weights[k]) < 5 * np.sqrt(0.25 * 0.75 / count)
        # of a mean sd / sqrt(n), of a variance sd^2 sqrt(2 / n), of a covariance of
        # independent coordinates sd^2 / sqrt(n).
        n, sd = len(own), sds[k]
        assert np.abs(own.mean(axis=0)).max() < 5 * sd / np.sqrt(n)
        (xx, xy), (_, yy) = np.cov(own.T)
        assert max(abs(xx - sd**2), abs(yy - sd**2)) < 5 * sd**2 * np.sqrt(2 / n)
        assert abs(xy) < 5 * sd**2 / np.sqrt(n)


def test_mixture_of_one_dimension():
    source = SOURCES["mixture"](means=((3.0,),), sds=(0.0,), weights=(1.0,))
    np.testing.assert_array_equal(batch(source, 5).real, np.full((5, 1), 3.0))


def test_digits(digits):
    images, labels = digits.arrays["examples"], digits.arrays["labels"]
    assert (images.shape, images.dtype) == ((1797, 8, 8, 1), np.uint8)
    assert (images.min(), images.max()) == (0, 255)
    assert set(labels.tolist()) == set(range(10))
    drawn = batch(digits, 512)
    assert (drawn.real.shape, drawn.real.dtype) == ((512, 8, 8, 1), np.float32)
    assert (drawn.real.min(), drawn.real.max()) == (-1.0, 1.0)
    assert drawn.label.dtype == np.int32
    assert drawn.is_labelled.dtype == bool
    assert drawn.is_labelled.all()
    known = {
        (image.tobytes(), label) for image, label in zip(images, labels, strict=True)
    }
    bytes_again = np.round((drawn.real + 1) * 127.5).astype(np.uint8)
    pairs = zip(bytes_again, drawn.label, strict=True)
    assert {(image.tobytes(), label) for image, label in pairs} <= known


def test_rows_are_drawn_evenly_with_their_labels():
    values = np.arange(256)
    source = resident(values.astype(np.uint8).reshape(-1, 1, 1, 1), values, classes=256)
    drawn = batch(source, 8192)
    levels = np.round((drawn.real.reshape(-1) + 1) * 127.5).astype(int)
    np.testing.assert_array_equal(levels, drawn.label)
    # Pearson's chi-square of 256 equal cells, of mean 255 and variance 2 * 255.
    counts = np.bincount(drawn.label, minlength=256)
    assert counts.min() > 0  # a row is missed with probability (255/256)^8192 = 1e-14
    chi_square = np.square(counts - 32).sum() / 32
    assert abs(chi_square - 255) < 5 * np.sqrt(2 * 255)


def assert_same(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_batch_is_a_function_of_its_arguments(source):
    assert_same(batch(source, step=3, round=1), batch(source, step=3, round=1))


@pytest.mark.parametrize(
    "changes",
    [
        {"key": purpose_key(1, Purpose.DATA)},
        {"key": purpose_key(0, Purpose.PLAY)},
        {"step": 1},
        {"round": 1},
        {"first": 64},
    ],
    ids=lambda changes: "-".join(changes),
)
def test_other_seed_step_round_or_index_is_another_batch(source, changes):
    one, other = batch(source).real, batch(source, **changes).real
    same = (one == other).reshape(64, -1).all(axis=1)
    # Of 1797 digits two draws agree once in a while: 64 / 1797 times on average.
    assert same.sum() <= 2


def test_batch_is_its_parts(source):
    whole, head = batch(source), batch(source, 24)
    tail = batch(source, 40, first=24)
    parts = jax.tree.map(lambda *rows: np.concatenate(rows), head, tail)
    assert_same(whole, parts)


def test_arrays_are_an_argument():
    source = ring()
    moved = source.arrays | {"means": source.arrays["means"] + np.float32(10)}
    shift = batch(source, arrays=moved).real - batch(source).real
    np.testing.assert_allclose(shift, 10, rtol=1e-6)


def test_mixture_knows_no_labels():
    drawn = batch(ring())
    assert drawn.label is None
    assert drawn.is_labelled is None


def test_splits_of_the_digits(digits):
    """The test part is a fifth of each class, and the training part the rest."""
    parts = {split: digits_of(split).arrays for split in ("all", "train", "test")}
    assert_same(parts["all"], digits.arrays)

    def counted(split):
        rows = zip(parts[split]["examples"], parts[split]["labels"], strict=True)
        return Counter((image.tobytes(), int(label)) for image, label in rows)

    assert counted("train") + counted("test") == counted("all")
    sizes = {split: np.bincount(part["labels"]) for split, part in parts.items()}
    np.testing.assert_array_equal(sizes["test"], sizes["all"] // 5)
    assert len(parts["test"]["labels"]) == 355
    # No part of the source's own order: every fifth, the first or the last.
    order = np.flatnonzero(np.diff(parts["test"]["labels"]))
    assert len(order) > 200
    assert_same(parts, {split: digits_of(split).arrays for split in parts})


@pytest.mark.parametrize("labelled", [10, 100, 500])
def test_few_labels_are_of_each_class_alike(labelled):
    arrays = digits_of("train", labelled).arrays
    rows = arrays["labelled"]
    assert len(set(rows.tolist())) == labelled
    counts = np.bincount(arrays["labels"][rows], minlength=10)
    np.testing.assert_array_equal(counts, labelled // 10)
    # Fewer are a part of more, so that runs with more labels know all that others do.
    assert set(rows) <= set(digits_of("train", 1000).arrays["labelled"])


def numbered(count, classes, labelled, share):
    """Images of one pixel that says their row; their class is row modulo classes."""
    rows = np.arange(count)
    images = rows.astype(np.uint8).reshape(-1, 1, 1, 1)
    source = resident(images, rows % classes, classes=classes)
    source = few_labels(source, labelled=labelled, labelled_share=share)
    drawn = batch(source, 8192)
    return source, drawn, np.round((drawn.real.reshape(-1) + 1) * 127.5).astype(int)


def test_rows_with_few_labels():
    count, classes, labelled, share = 200, 4, 20, 0.3
    source, drawn, row = numbered(count, classes, labelled, share)
    known, size = drawn.is_labelled, len(row)
    # All within four standard errors of a proportion.
    assert abs(known.mean() - share) < 4 * np.sqrt(share * (1 - share) / size)
    # A labelled row is one of the 20, evenly drawn, and its label is true:
    np.testing.assert_array_equal(drawn.label[known], row[known] % classes)
    counts = np.bincount(row[known], minlength=count)
    assert set(np.flatnonzero(counts)) == set(source.arrays["labelled"].tolist())
    per_row = known.sum() / labelled
    chi_square = np.square(counts[counts > 0] - per_row).sum() / per_row
    assert abs(chi_square - 19) < 4 * np.sqrt(2 * 19)
    # an unlabelled row is any of the 200,
    assert set(row[~known].tolist()) == set(range(count))
    # and its label tells nothing: uniform, and true as often as by chance.
    others, guess = (~known).sum(), drawn.label[~known]
    error = 4 * np.sqrt(0.25 * 0.75 / others)
    np.testing.assert_allclose(np.bincount(guess) / others, 0.25, atol=error)
    assert abs((guess == row[~known] % classes).mean() - 0.25) < error


def test_all_of_a_batch_may_be_labelled():
    source, drawn, row = numbered(200, 4, 20, 1.0)
    assert drawn.is_labelled.all()
    np.testing.assert_array_equal(drawn.label, row % 4)
    assert set(row.tolist()) == set(source.arrays["labelled"].tolist())


@pytest.mark.parametrize(
    ("labelled", "words"),
    [
        (95, "labelled=95 is not the same number of each of 10 classes; choose a mult"),
        (2000, "labelled=2000 is 200 of each class, but class 8 has 174 examples; ch"),
    ],
)
def test_labels_that_cannot_be_had(labelled, words):
    with pytest.raises(DataError, match=re.escape(words)):
        digits_of(labelled=labelled)


def test_images_without_labels():
    images = np.zeros((3, 1, 1, 1), np.uint8)
    drawn = batch(resident(images, np.zeros(3), classes=0))
    assert (drawn.label, drawn.is_labelled) == (None, None)
