"""Losses on class logits and on features: hand values, references, limits."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import AS_USED
from numpy.testing import assert_allclose
from scipy.special import log_softmax, softmax

from ganjax.losses.labels import (
    auxiliary_classifier_discriminator,
    auxiliary_classifier_generator,
    cross_entropy,
    semi_supervised_discriminator,
    semi_supervised_generator,
    semi_supervised_score,
)
from ganjax.losses.reconstruction import feature_matching
from ganjax.losses.scores import (
    minimax_discriminator,
    non_saturating_discriminator,
    non_saturating_generator,
)
from ganjax.testing import check_slope

close = partial(assert_allclose, rtol=1e-6, atol=1e-6)

REAL_LOGITS = np.log([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
FAKE_LOGITS = np.log([[0.25, 0.5, 0.25], [0.1, 0.3, 0.6]])
LABEL = np.array([0, 2])


def random_rows(count=32, classes=4, seed=0):
    """Real logits, fake logits, labels, which are known."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=3.0, size=(2, count, classes))
    return *logits, rng.integers(classes, size=count), np.arange(count) % 3 == 0


def test_cross_entropy_by_hand():
    # -(log 0.5 + log 0.6) / 2 = (0.693147 + 0.510826) / 2
    close(cross_entropy(REAL_LOGITS, LABEL), 0.6019865)
    close(cross_entropy(REAL_LOGITS + 7.0, LABEL), 0.6019865)
    # K classes alike: log K.
    close(cross_entropy(np.zeros((5, 8)), np.arange(5)), np.log(8))


def test_gradient_of_cross_entropy_is_the_error_of_the_probabilities():
    real, _, label, _ = random_rows()
    expected = (softmax(real, axis=-1) - np.eye(4)[label]) / 32
    close(jax.grad(cross_entropy)(real, label), expected)


def cross_entropy_rows(logits, label):
    return jax.vmap(cross_entropy)(logits[:, None], label[:, None])


def test_auxiliary_classifier_by_hand():
    scores = np.zeros(2), np.zeros(2)
    fake_label = np.array([1, 1])
    # 2 log 2 + 0.6019865 - (log 0.5 + log 0.3) / 2
    # = 1.386294 + 0.601986 + (0.693147 + 1.203973) / 2
    loss = auxiliary_classifier_discriminator(
        *scores, REAL_LOGITS, FAKE_LOGITS, LABEL, fake_label
    )
    close(loss, 2.9368409)
    # log 2 + 0.948560
    loss = auxiliary_classifier_generator(scores[1], FAKE_LOGITS, fake_label)
    close(loss, 1.6417072)


def test_auxiliary_classifier_is_the_adversarial_loss_and_two_cross_entropies():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(2, 32))
    real, fake, label, _ = random_rows()
    rows = np.arange(32)
    other = label[::-1]
    classes = -log_softmax(real, -1)[rows, label].mean()
    fakes = -log_softmax(fake, -1)[rows, other].mean()
    close(
        auxiliary_classifier_discriminator(*scores, real, fake, label, other),
        non_saturating_discriminator(*scores) + classes + fakes,
    )
    close(
        auxiliary_classifier_generator(scores[1], fake, other),
        non_saturating_generator(scores[1]) + fakes,
    )


def test_semi_supervised_by_hand():
    # Probabilities sum to 1, so the score is log 1 = 0; adding log 3 makes it log 3.
    close(semi_supervised_score(REAL_LOGITS), [0.0, 0.0])
    real = REAL_LOGITS + np.log(3)
    # D = 3/4 on real, 1/2 on fake: -log 3/4 - log 1/2 = 0.287682 + 0.693147, and the
    # first row is labelled: (log 2) / 2 = 0.346574
    loss = semi_supervised_discriminator(
        real, FAKE_LOGITS, LABEL, np.array([True, False])
    )
    close(loss, 1.3274028)
    close(semi_supervised_generator(real), 0.2876821)


def test_semi_supervised_is_a_classifier_of_one_more_class():
    # Salimans et al. 2016, section 5: with a logit 0 for "generated".
    real, fake, label, known = random_rows()

    def more(logits):
        return log_softmax(np.pad(logits, [(0, 0), (0, 1)]), axis=-1)

    is_real = np.log1p(-np.exp(more(real)[:, -1]))
    labelled = log_softmax(real, axis=-1)[np.arange(32), label]
    expected = -(is_real + np.where(known, labelled, 0)).mean()
    expected -= more(fake)[:, -1].mean()
    with jax.enable_x64(True):
        loss = semi_supervised_discriminator(real, fake, label, known)
    assert loss.dtype == jnp.float64
    assert_allclose(loss, expected, rtol=1e-12)


def test_one_class_is_minimax():
    scores = np.random.default_rng(0).normal(scale=3.0, size=(2, 16))
    label = np.zeros(16, int)
    for known in (True, False):
        loss = semi_supervised_discriminator(
            *scores[..., None], label, np.full(16, known)
        )
        close(loss, minimax_discriminator(*scores))
    close(
        semi_supervised_generator(scores[1, :, None]),
        non_saturating_generator(scores[1]),
    )


def test_no_labelled_row_is_minimax_of_the_scores():
    real, fake, label, _ = random_rows()
    none = np.full(32, False)
    loss = jax.value_and_grad(semi_supervised_discriminator)
    value, gradient = loss(real, fake, label, none)
    scores = semi_supervised_score(real), semi_supervised_score(fake)
    close(value, minimax_discriminator(*scores))
    # Minimax raises all logits of a real row; only a label lowers any.
    assert (gradient < 0).all()
    assert (jax.grad(semi_supervised_discriminator)(real, fake, label, ~none) > 0).any()


def test_semi_supervised_refuses_a_mask_of_another_shape():
    real, fake, label, known = random_rows()
    with pytest.raises(ValueError, match=r"label \(32,\), is_labelled \(32, 1\)"):
        semi_supervised_discriminator(real, fake, label, known[:, None])


# Each loss as a function of (real logits, fake logits, label, known).
LOSSES = {
    "cross_entropy": lambda r, s, y, k: cross_entropy(r, y),
    "auxiliary_discriminator": lambda r, s, y, k: auxiliary_classifier_discriminator(
        r[:, 0], s[:, 0], r, s, y, y
    ),
    "auxiliary_generator": lambda r, s, y, k: auxiliary_classifier_generator(
        s[:, 0], s, y
    ),
    "semi_supervised_discriminator": semi_supervised_discriminator,
    "semi_supervised_generator": lambda r, s, y, k: semi_supervised_generator(s),
}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@each_loss
def test_gradient(loss):
    real, fake, *rest = random_rows(8)
    check_slope(lambda r, s: loss(r, s, *rest), real, fake)


@each_loss
def test_half_precision_gives_a_float32_scalar(loss):
    real, fake, *rest = random_rows(8)
    half = [jnp.asarray(logits, jnp.bfloat16) for logits in (real, fake)]
    value = loss(*half, *rest)
    assert (value.shape, value.dtype) == ((), jnp.float32)
    # The logits are the same; a score's own softplus is rounded to 2^-8.
    same = [logits.astype(jnp.float32) for logits in half]
    assert_allclose(value, loss(*same, *rest), rtol=2**-8)


@cache
def as_used(loss):
    return jax.jit(jax.value_and_grad(loss, (0, 1)), compiler_options=AS_USED)


@each_loss
@pytest.mark.parametrize("size", [50.0, 1e4])
def test_large_logits(loss, size):
    real, fake, *rest = random_rows(16)
    real, fake = size * np.sign(real), size * np.sign(fake)
    value, gradients = as_used(loss)(real, fake, *rest)
    with jax.enable_x64(True):
        assert_allclose(value, loss(real, fake, *rest), rtol=1e-6)
    assert np.isfinite(gradients).all()


@each_loss
def test_mean_over_devices_is_the_loss_of_the_batch(loss):
    rows = [*random_rows(8)[:3], np.arange(8) < 3]
    shards = [row.reshape(2, 4, *row.shape[1:]) for row in rows]
    close(jax.jit(jax.vmap(loss))(*shards).mean(), jax.jit(loss)(*rows))


def random_features(count, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 3, 3, 2)), rng.normal(size=(count, 5))


def test_feature_matching_by_hand():
    real = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0], [7.0]])
    fake = np.array([[0.0, 1.0], [2.0, 1.0]]), np.array([[4.0], [4.0]])
    # Means: (2, 3) against (1, 1), and 6 against 4: 1 + 4 + 4
    close(feature_matching(real, fake), 9.0)
    # 2 (fake - real) / 2 of the means, for each of the two examples.
    of_fake = jax.grad(feature_matching, 1)(real, fake)
    close(of_fake[0], [[-1, -2], [-1, -2]])
    close(of_fake[1], [[-2], [-2]])


def test_feature_matching_compares_means_only():
    real, fake = random_features(6, 0), random_features(4, 1)
    expected = sum(
        np.square(r.mean(axis=0) - s.mean(axis=0)).sum()
        for r, s in zip(real, fake, strict=True)
    )
    close(feature_matching(real, fake), expected)
    twice = [np.concatenate([layer, layer]) for layer in real]
    close(feature_matching(tuple(twice), real), 0.0)


def test_feature_matching_is_over_all_devices():
    real, fake = random_features(8, 0), random_features(8, 1)

    def shared(real, fake):
        shards = jax.tree.map(lambda x: x.reshape(4, 2, *x.shape[1:]), (real, fake))
        mapped = jax.vmap(
            partial(feature_matching, axis_name="device"), axis_name="device"
        )
        return mapped(*shards).mean()

    results = [
        jax.jit(jax.value_and_grad(loss, 1))(real, fake)
        for loss in (shared, feature_matching)
    ]
    jax.tree.map(close, *results)


def test_feature_matching_of_half_precision():
    # 1 + 2^-9 is no bfloat16: a mean in half precision would lose the difference.
    real = (jnp.full((512, 1), 1.0, jnp.bfloat16).at[0].set(2.0),)
    fake = (jnp.ones((512, 1), jnp.bfloat16),)
    loss = feature_matching(real, fake)
    assert (loss, loss.dtype) == (2.0**-18, jnp.float32)


def test_feature_matching_refuses_other_layers():
    with pytest.raises(ValueError, match="zip"):
        feature_matching((jnp.zeros((4, 3)),) * 2, (jnp.zeros((4, 3)),))
