"""The loss-sensitive family: hand values, its limits, margins, the Dirac problem."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import AS_USED
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import log_softmax

from ganjax.losses.loss_sensitive import (
    conditional_loss_sensitive_discriminator,
    conditional_loss_sensitive_generator,
    feature_margin,
    generalized_loss_sensitive_discriminator,
    generalized_loss_sensitive_generator,
    l1_margin,
    l2_margin,
    loss_sensitive_discriminator,
    loss_sensitive_generator,
    semi_supervised_loss_sensitive_discriminator,
    semi_supervised_loss_sensitive_generator,
)
from ganjax.losses.scores import wasserstein_discriminator
from ganjax.testing import check_slope

close = partial(assert_allclose, rtol=1e-6, atol=1e-6)

REAL = np.array([2.0, 0.5, -1.0, 1.5])
FAKE = np.array([-0.5, 1.0, -2.0, 0.0])
MARGIN = np.array([1.0, 2.0, 0.5, 0.25])

# Probabilities of three classes, so that L(x, y) is a logarithm known by heart.
REAL_LOGITS = np.log([[0.5, 0.25, 0.25], [0.2, 0.2, 0.6]])
FAKE_LOGITS = np.log([[0.25, 0.5, 0.25], [0.1, 0.3, 0.6]])
LABEL = np.array([0, 1])
LABEL_MARGIN = np.array([1.0, 0.1])


def random_scores(*shape, seed=0):
    """Real and fake scores and margins, float64, with violations of both signs."""
    rng = np.random.default_rng(seed)
    real, fake = rng.normal(scale=3.0, size=(2, *shape))
    return real, fake, rng.uniform(0.5, 2.0, size=shape[0])


def random_rows(count=32, classes=4, seed=0):
    """Real logits, fake logits, labels, which are known, margins."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=3.0, size=(2, count, classes))
    label = rng.integers(classes, size=count)
    return *logits, label, np.arange(count) % 3 == 0, rng.uniform(0.5, 2.0, count)


# Delta + s - r: 1 - 0.5 - 2 = -1.5, 2 + 1 - 0.5 = 2.5, 0.5 - 2 + 1 = -0.5 and
# 0.25 + 0 - 1.5 = -1.25.
@pytest.mark.parametrize(
    ("slope", "expected"),
    [
        (0.0, 0.625),  # 2.5 / 4
        (0.5, 0.21875),  # (-0.75 + 2.5 - 0.25 - 0.625) / 4
        (1.0, -0.1875),  # (-1.5 + 2.5 - 0.5 - 1.25) / 4
        (-1.0, 1.4375),  # (1.5 + 2.5 + 0.5 + 1.25) / 4
    ],
)
def test_hand_value_of_generalized(slope, expected):
    loss = generalized_loss_sensitive_discriminator(REAL, FAKE, MARGIN, slope=slope)
    close(loss, expected)


def test_hand_values():
    # 2.5 / 4 - 0.5 E r with E r = (2 + 0.5 - 1 + 1.5) / 4 = 0.75
    loss = loss_sensitive_discriminator(REAL, FAKE, MARGIN, real_weight=0.5)
    close(loss, 0.25)
    # -(-0.5 + 1 - 2 + 0) / 4
    close(loss_sensitive_generator(FAKE), 0.375)
    close(generalized_loss_sensitive_generator(FAKE), 0.375)


def test_hand_values_of_conditional():
    # L(x, y) = log 2, log 5 = 0.693147, 1.609438;
    # L(G, y) = log 4, log 10/3 = 1.386294, 1.203973
    # 1 + 0.693147 - 1.386294 = 0.306853, 0.1 + 1.609438 - 1.203973 = 0.505465
    # (0.306853 + 0.505465) / 2 + 0.5 (0.693147 + 1.609438) / 2
    loss = conditional_loss_sensitive_discriminator(
        REAL_LOGITS, FAKE_LOGITS, LABEL, LABEL_MARGIN, real_weight=0.5
    )
    close(loss, 0.9818053)
    # (1.386294 + 1.203973) / 2
    for generator in (
        conditional_loss_sensitive_generator,
        semi_supervised_loss_sensitive_generator,
    ):
        close(generator(FAKE_LOGITS, LABEL), 1.2951335)


def test_hand_value_of_semi_supervised():
    # The second row is unlabelled: min_y L = log(1 / 0.6) = 0.510826, and
    # 0.1 + 0.510826 - 1.203973 < 0. The first is as above:
    # (0.306853 + 0) / 2 + 0.5 (0.693147 + 0.510826) / 2
    loss = semi_supervised_loss_sensitive_discriminator(
        REAL_LOGITS,
        FAKE_LOGITS,
        LABEL,
        np.array([True, False]),
        LABEL_MARGIN,
        real_weight=0.5,
    )
    close(loss, 0.4544197)


def test_equals_float64_reference():
    real, fake, label, known, margin = random_rows()
    rows = np.arange(len(label))
    real_loss, fake_loss = -log_softmax(real, axis=-1), -log_softmax(fake, axis=-1)
    own = real_loss[rows, label]
    mixed = np.where(known, own, real_loss.min(axis=-1))
    hinges = [
        np.maximum(margin + loss - fake_loss[rows, label], 0) for loss in (own, mixed)
    ]
    with jax.enable_x64(True):
        conditional = conditional_loss_sensitive_discriminator(
            real, fake, label, margin, real_weight=0.3
        )
        semi_supervised = semi_supervised_loss_sensitive_discriminator(
            real, fake, label, known, margin, real_weight=0.3
        )
    assert conditional.dtype == semi_supervised.dtype == jnp.float64
    close = partial(assert_allclose, rtol=1e-13)
    close(conditional, hinges[0].mean() + 0.3 * own.mean())
    close(semi_supervised, hinges[1].mean() + 0.3 * mixed.mean())


def test_slope_one_has_the_gradients_of_wasserstein():
    real, fake, margin = random_scores(64)
    loss = partial(generalized_loss_sensitive_discriminator, slope=1.0)
    value, gradients = jax.value_and_grad(loss, (0, 1))(real, fake, margin)
    expected, exact = jax.value_and_grad(wasserstein_discriminator, (0, 1))(real, fake)
    assert_array_equal(gradients, exact)
    close(value, expected + margin.mean())


def test_slope_zero_is_the_hinge_of_loss_sensitive():
    # The first pair violates its margin by exactly 0, where relu has no gradient.
    real, fake, margin = random_scores(64)
    real[0], fake[0], margin[0] = 1.0, 0.5, 0.5
    results = [
        jax.value_and_grad(loss, (0, 1))(real, fake, margin)
        for loss in (
            partial(generalized_loss_sensitive_discriminator, slope=0.0),
            partial(loss_sensitive_discriminator, real_weight=0.0),
        )
    ]
    jax.tree.map(assert_array_equal, *results)
    assert results[0][1][0][0] == 0


def test_slope_minus_one_is_the_absolute_value():
    real, fake, margin = random_scores(64)
    loss = generalized_loss_sensitive_discriminator(real, fake, margin, slope=-1.0)
    close(loss, np.abs(margin + fake - real).mean())


def test_real_weight_raises_the_real_scores_only():
    real, fake, margin = random_scores(8)
    loss = jax.grad(loss_sensitive_discriminator, (0, 1))
    of_real, of_fake = loss(real, fake, margin, real_weight=0.0)
    weighted, same = loss(real, fake, margin, real_weight=2.0)
    close(weighted, of_real - 2.0 / 8)
    assert_array_equal(same, of_fake)


def test_raising_all_scores_lowers_the_loss_without_end():
    # Only differences enter the hinge: for any weight above 0, L needs a lower bound.
    real, fake, margin = random_scores(8)
    loss = partial(loss_sensitive_discriminator, real_weight=0.25)
    change = loss(real + 8.0, fake + 8.0, margin) - loss(real, fake, margin)
    close(change, -0.25 * 8.0, rtol=1e-5)


def test_scores_of_patches_share_the_margin_of_their_example():
    real, fake, margin = random_scores(3, 2, 2)
    loss = partial(generalized_loss_sensitive_discriminator, slope=0.3)
    flat = real.ravel(), fake.ravel(), margin.repeat(4)
    close(loss(real, fake, margin), loss(*flat))


@pytest.mark.parametrize("shapes", [((4,), (4, 1), (4,)), ((4, 1), (4, 1), (4, 1))])
def test_refuses_what_does_not_pair(shapes):
    with pytest.raises(ValueError, match=r"compared by index|one number per example"):
        loss_sensitive_discriminator(*map(jnp.zeros, shapes))


def test_refuses_a_mask_of_another_shape():
    real, fake, label, known, margin = random_rows(4)
    with pytest.raises(ValueError, match=r"label \(4,\), is_labelled \(4, 1\)"):
        semi_supervised_loss_sensitive_discriminator(
            real, fake, label, known[:, None], margin
        )


# Each discriminator as a function of (real, fake, label, known, margin) of logits.
LOSSES = {
    "loss_sensitive": lambda r, s, y, k, m: loss_sensitive_discriminator(
        r[:, 0], s[:, 0], m, real_weight=0.5
    ),
    "generalized": lambda r, s, y, k, m: generalized_loss_sensitive_discriminator(
        r[:, 0], s[:, 0], m, slope=-0.5
    ),
    "conditional": lambda r, s, y, k, m: conditional_loss_sensitive_discriminator(
        r, s, y, m, real_weight=0.5
    ),
    "semi_supervised": semi_supervised_loss_sensitive_discriminator,
}
each_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


@each_loss
def test_gradient(loss):
    real, fake, *rest = random_rows(8)
    check_slope(lambda r, s: loss(r, s, *rest), real, fake)


@each_loss
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_is_a_float32_scalar(loss, dtype):
    real, fake, *rest = random_rows(8)
    value = loss(jnp.asarray(real, dtype), jnp.asarray(fake, dtype), *rest)
    assert (value.shape, value.dtype) == ((), jnp.float32)
    # Logits within 10 lose 10 * 2^-8 at most, and the loss is 4-Lipschitz in them.
    assert_allclose(value, loss(real, fake, *rest), atol=4 * 10 * 2**-8)


@each_loss
def test_large_logits(loss):
    real, fake, label, known, margin = random_rows(8)
    real, fake = 1e4 * np.sign(real), 1e4 * np.sign(fake)
    as_used = jax.jit(jax.value_and_grad(loss, (0, 1)), compiler_options=AS_USED)
    value, gradients = as_used(real, fake, label, known, margin)
    with jax.enable_x64(True):
        assert_allclose(value, loss(real, fake, label, known, margin), rtol=1e-6)
    assert np.isfinite(gradients).all()


@each_loss
def test_mean_over_devices_is_the_loss_of_the_batch(loss):
    # The second device has no labelled row.
    rows = list(random_rows(8))
    rows[3] = np.arange(8) < 3
    shards = [row.reshape(2, 4, *row.shape[1:]) for row in rows]
    close(jax.jit(jax.vmap(loss))(*shards).mean(), loss(*rows))


@each_loss
def test_compiled_value_is_the_eager_one(loss):
    rows = random_rows(8)
    close(jax.jit(loss)(*rows), loss(*rows))


def test_numbers_may_be_traced():
    scores = random_scores(8)
    for name, loss in {
        "slope": generalized_loss_sensitive_discriminator,
        "real_weight": loss_sensitive_discriminator,
    }.items():
        numbers = np.array([-1.0, 0.0, 0.5])
        mapped = jax.vmap(lambda x, loss=loss, name=name: loss(*scores, **{name: x}))
        close(mapped(numbers), [loss(*scores, **{name: x}) for x in numbers])


def test_all_rows_labelled_is_conditional():
    real, fake, label, _, margin = random_rows()
    close(
        semi_supervised_loss_sensitive_discriminator(
            real, fake, label, np.full(32, True), margin, real_weight=0.7
        ),
        conditional_loss_sensitive_discriminator(
            real, fake, label, margin, real_weight=0.7
        ),
    )


def test_without_a_labelled_row_each_is_taken_for_its_likeliest_class():
    real, fake, _, _, margin = random_rows()
    likeliest = real.argmax(axis=-1)
    rows = real, fake, likeliest
    loss = jax.value_and_grad(semi_supervised_loss_sensitive_discriminator, (0, 1))
    found = loss(*rows, np.full(32, False), margin)
    expected = loss(*rows, np.full(32, True), margin)
    jax.tree.map(close, found, expected)


def test_label_of_an_unlabelled_row_is_that_of_its_fake_only():
    real, fake, label, known, margin = random_rows()
    other = np.where(known, label, (label + 1) % 4)
    loss = semi_supervised_loss_sensitive_discriminator
    change = loss(real, fake, other, known, margin) - loss(
        real, fake, label, known, margin
    )
    assert abs(change) > 1e-3
    # Where a fake fits all classes alike, its label says nothing.
    blank = np.zeros_like(fake)
    close(
        loss(real, blank, other, known, margin),
        loss(real, blank, label, known, margin),
    )


def test_real_examples_move_to_their_label_and_fakes_away():
    real, fake = np.zeros((2, 2, 3))
    rows = LABEL, np.array([True, False]), np.ones(2)
    of_real, of_fake = jax.grad(
        partial(semi_supervised_loss_sensitive_discriminator, real_weight=0.0), (0, 1)
    )(real, fake, *rows)
    # d/d logits of L(x, y) is softmax - onehot(y), each row weighs 1/2.
    close(of_real[0], [-1 / 3, 1 / 6, 1 / 6])
    close(of_fake, [[1 / 3, -1 / 6, -1 / 6], [-1 / 6, 1 / 3, -1 / 6]])
    of_fake = jax.grad(conditional_loss_sensitive_generator)(fake, LABEL)
    close(of_fake, [[-1 / 3, 1 / 6, 1 / 6], [1 / 6, -1 / 3, 1 / 6]])


def make_images(dtype=np.float64, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, (2, 5, 4, 4, 3)).astype(dtype)


def test_margins():
    real, fake = make_images()
    gap = (real - fake).reshape(5, -1)
    l1, l2 = np.abs(gap).sum(axis=1), np.sqrt(np.square(gap).sum(axis=1))
    assert_allclose(l1_margin(real, fake, scale=0.5), 0.5 * l1, rtol=1e-6)
    assert_allclose(l2_margin(real, fake, scale=0.5), 0.5 * l2, rtol=1e-6)
    features = feature_margin((real, 2 * real), (fake, 2 * fake), scale=0.5)
    assert_allclose(features, 0.5 * (l1 + 2 * l1), rtol=1e-6)


def test_margin_of_half_precision_is_summed_in_single():
    real, fake = np.ones((1, 4096)), np.zeros((1, 4096))
    half = partial(jnp.asarray, dtype=jnp.bfloat16)
    margin = l1_margin(half(real), half(fake), scale=1.0)
    assert (margin[0], margin.dtype) == (4096, jnp.float32)


@pytest.mark.parametrize("margin", [l1_margin, l2_margin])
def test_margin_refuses_what_does_not_pair(margin):
    with pytest.raises(ValueError, match="compared by index"):
        margin(jnp.zeros((4, 3)), jnp.zeros((1, 3)), scale=1.0)


def test_feature_margin_refuses_other_layers():
    with pytest.raises(ValueError, match="zip"):
        feature_margin((jnp.zeros((4, 3)),) * 2, (jnp.zeros((4, 3)),), scale=1.0)


def test_gradient_of_margins_is_zero_at_no_distance():
    real = np.array([[1.0, 2.0], [4.0, 6.0]])
    fake = np.array([[1.0, 2.0], [1.0, 2.0]])

    def gradient(margin):
        return jax.grad(lambda x: margin(real, x, scale=2.0).sum())(fake)

    close(gradient(l1_margin), [[0, 0], [-2, -2]])
    # 2 (fake - real) / 5
    close(gradient(l2_margin), [[0, 0], [-1.2, -1.6]])


# The Dirac problem: data at 0, the generator's only point at theta, L(x) = psi x.
SCALE, STEP = 0.5, 1e-3


def dirac_discriminator(psi, theta, slope):
    real, fake = jnp.zeros((1, 1)), theta.reshape(1, 1)
    margin = jax.lax.stop_gradient(l1_margin(real, fake, scale=SCALE))
    return generalized_loss_sensitive_discriminator(
        -psi * real[:, 0], -psi * fake[:, 0], margin, slope=slope
    )


def dirac_generator(psi, theta):
    return generalized_loss_sensitive_generator(-psi * theta[None])


def dirac_radii(starts, slopes, time):
    """Radii `[slopes, starts]` after simultaneous gradient flow by Euler steps."""

    def move(slope, state):
        psi, theta = state
        of_psi = jax.grad(dirac_discriminator)(psi, theta, slope)
        of_theta = jax.grad(dirac_generator, 1)(psi, theta)
        return psi - STEP * of_psi, theta - STEP * of_theta

    def end(start, slope):
        steps = round(time / STEP)
        state = jax.lax.fori_loop(0, steps, lambda _, s: move(slope, s), tuple(start))
        return jnp.hypot(*state)

    with jax.enable_x64(True):
        mapped = jax.vmap(jax.vmap(end, (0, None)), (None, 0))
        return jax.jit(mapped)(jnp.asarray(starts), jnp.asarray(slopes))


def circle(radius, count=6):
    angle = 0.1 + 2 * np.pi * np.arange(count) / count
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def test_dirac_problem_ends_on_the_margin():
    radii = dirac_radii(circle(3 * SCALE), [-1.0, -0.5, 0.0, 0.5], time=60.0)
    # One turn of Euler steps widens a circle by a factor of 1 + pi STEP, 0.3 %.
    assert_allclose(radii, SCALE, rtol=4e-3)


def test_dirac_problem_keeps_its_radius_with_slope_one():
    # Wasserstein: each Euler step is a rotation and a factor of sqrt(1 + STEP^2).
    radii = dirac_radii(circle(3 * SCALE), [1.0], time=6.0)
    assert_allclose(radii, 3 * SCALE * (1 + STEP**2) ** 3000, rtol=1e-9)
    # Within the margin all pairs violate theirs, and every slope is slope 1.
    radii = dirac_radii(circle(SCALE / 2), [-1.0, 0.0, 0.5], time=6.0)
    assert_allclose(radii, SCALE / 2 * (1 + STEP**2) ** 3000, rtol=1e-9)
