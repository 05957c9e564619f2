"""Auto-encoder, VAE and VAE-GAN: their losses by hand, and what is known of them."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.test_util import check_grads
from numpy.testing import assert_allclose
from scipy import stats
from scipy.special import expit
from tables import GAMES, LIKELIHOODS, OBJECTIVES

from ganjax import losses
from ganjax.keys import example_keys
from ganjax.measures.reconstruction import (
    laplacian_variance,
    likelihood_bounds,
    reconstruction_quality,
)
from ganjax.parallel import jit_layout
from ganjax.state import init_state
from ganjax.step import make_train_step
from ganjax.types import Batch, Examples, Network, Outcome, Parts

close = partial(assert_allclose, rtol=1e-6, atol=1e-6)

MEAN = np.array([[1.0, 0.0], [-2.0, 1.0]])
LOG_VAR = np.log([[1.0, 4.0], [0.25, 1.0]])


def test_gaussian_kl():
    # 1/2 (m^2 + s^2 - 1 - log s^2): of the first, 1/2 and 1/2 (3 - log 4) = 0.806853,
    # of the second 1/2 (4 - 0.75 + log 4) = 2.318147 and 1/2.
    close(losses.gaussian_kl(MEAN, LOG_VAR), (0.5 + 0.806853 + 2.318147 + 0.5) / 2)
    assert losses.gaussian_kl(np.zeros((3, 2)), np.zeros((3, 2))) == 0.0


def test_free_bits_are_of_the_mean_of_each_latent():
    # The means are (0.5 + 2.318147) / 2 = 1.409074 and (0.806853 + 0.5) / 2 = 0.653426.
    close(losses.gaussian_kl(MEAN, LOG_VAR, free_bits=1.0), 1.409074 + 1.0)
    close(losses.gaussian_kl(MEAN, LOG_VAR, free_bits=0.5), 1.409074 + 0.653426)
    gradient = jax.grad(losses.gaussian_kl)(MEAN, LOG_VAR, free_bits=1.0)
    close(gradient, [[0.5, 0.0], [-1.0, 0.0]])


def test_free_bits_see_the_batch_of_all_devices():
    kl = partial(losses.gaussian_kl, free_bits=1.0)
    each = jax.vmap(partial(kl, axis_name="device"), axis_name="device")
    close(each(MEAN[:, None], LOG_VAR[:, None]), [kl(MEAN, LOG_VAR)] * 2)


@pytest.mark.parametrize("size", [-1e4, -50.0, 50.0])
def test_kl_and_its_gradient_at_large_codes(size):
    loss = lambda m, v: losses.gaussian_kl(m, v)  # noqa: E731
    m, v = np.full((2, 3), size), np.full((2, 3), min(size, 50.0))
    value, gradients = jax.value_and_grad(loss, (0, 1))(m, v)
    expected = 1.5 * (size**2 + np.expm1(v[0, 0]) - v[0, 0])
    assert_allclose(value, expected, rtol=1e-6)
    assert np.isfinite(gradients).all()


def test_bernoulli_likelihood():
    # Black and white at the logits 0, log 3 and -log 3: log 1/2 + log 3/4 + log 1/4,
    # and grey, t = 1/2, at log 3: (log 3/4 + log 1/4) / 2.
    likelihood = LIKELIHOODS["bernoulli"]()
    l3 = math.log(3)
    made = np.array([[[0.0], [l3], [-l3]], [[0.0], [0.0], [l3]]])
    images = np.array([[[1.0], [1.0], [1.0]], [[0.0], [0.0], [0.0]]])
    expected = [math.log(3 / 32), 2 * math.log(0.5) + math.log(3 / 16) / 2]
    close(likelihood.log_p(images, made), expected)
    close(likelihood.mean(made)[0, :, 0], [0.0, 0.5, -0.5])
    loss = losses.negative_log_likelihood(images, made, likelihood=likelihood)
    close(loss, -np.mean(expected))


def test_likelihoods_equal_scipy_in_float64():
    rng = np.random.default_rng(0)
    made = 3 * rng.normal(size=(5, 4, 3, 1))
    pixels = rng.choice([-1.0, 1.0], made.shape)
    bernoulli = stats.bernoulli.logpmf(pixels > 0, expit(made)).sum(axis=(1, 2, 3))
    points = rng.normal(size=made.shape)
    gaussian = stats.norm.logpdf(points, made, np.sqrt(0.3)).sum(axis=(1, 2, 3))
    with jax.enable_x64(True):
        likelihood = LIKELIHOODS["bernoulli"]()
        assert_allclose(likelihood.log_p(pixels, made), bernoulli, rtol=1e-13)
        likelihood = LIKELIHOODS["gaussian"](noise_variance=0.3)
        assert_allclose(likelihood.log_p(points, made), gaussian, rtol=1e-13)
        assert_allclose(likelihood.mean(made), made)


def test_certain_logits_keep_their_gradient():
    likelihood = LIKELIHOODS["bernoulli"]()
    log_p = lambda made: likelihood.log_p(np.ones((2, 1)), made).sum()  # noqa: E731
    value, gradient = jax.value_and_grad(log_p)(np.array([[-1e4], [1e4]]))
    assert value == -1e4
    close(gradient, [[1.0], [0.0]])


def test_squared_error_and_features_are_summed_within_an_example():
    one, other = np.zeros((2, 2, 1)), np.array([[[1.0], [2.0]], [[0.0], [3.0]]])
    # (1 + 4 + 0 + 9) / 2
    close(losses.squared_error(one, other), 7.0)
    close(losses.feature_reconstruction(one, other), 3.5)


@pytest.mark.parametrize(
    "loss",
    [
        losses.squared_error,
        losses.feature_reconstruction,
        losses.gaussian_kl,
        *(
            partial(losses.negative_log_likelihood, likelihood=likelihood)
            for likelihood in (
                LIKELIHOODS["bernoulli"](),
                LIKELIHOODS["gaussian"](noise_variance=0.3),
            )
        ),
    ],
)
def test_what_every_loss_of_a_pair_holds_to(loss):
    one, other = np.random.default_rng(1).normal(size=(2, 6, 3))
    value = loss(one, other)
    for dtype in (jnp.float16, jnp.bfloat16):
        # Up to 600, whose square float16 does not hold.
        large = [jnp.asarray(x, dtype) for x in (300 * one, other)]
        half, slopes = jax.value_and_grad(loss, (0, 1))(*large)
        assert (half.shape, half.dtype) == ((), jnp.float32)
        assert_allclose(half, loss(*(x.astype(jnp.float32) for x in large)), rtol=1e-6)
        assert np.isfinite(slopes).all()
    close(loss(one[::-1], other[::-1]), value)
    close(np.mean([loss(one[:3], other[:3]), loss(one[3:], other[3:])]), value)
    close(jax.vmap(loss)(one[None], other[None])[0], value)
    with jax.enable_x64(True):
        check_grads(loss, (one, other), order=1)
    with pytest.raises(ValueError, match="of one shape"):
        loss(one, other[:, :1])


# A linear VAE of a Gaussian, of which everything is known: probabilistic PCA.

VARIANCES = np.array([5.0, 3.0, 1.0, 0.5, 0.25])
NOISE = 7 / 12  # the mean of those that the two latents leave
BEST_ELBO = -7.640223015475


def linear_network(shapes, apply):
    def init(key, inputs, label):
        keys = jax.random.split(key, len(shapes))
        params = {
            name: 0.3 * jax.random.normal(k, shape)
            for k, (name, shape) in zip(keys, shapes.items(), strict=True)
        }
        return {"params": params}

    def applied(variables, inputs, label, keys, *, train):
        return apply(variables["params"], inputs), {}

    return Network(init, applied)


def encode(params, x):
    mean = x @ params["kernel"]
    return mean, jnp.broadcast_to(params["log_var"], mean.shape)


LINEAR = {
    "encoder": linear_network({"kernel": (5, 2), "log_var": (2,)}, encode),
    "generator": linear_network({"kernel": (2, 5)}, lambda p, z: z @ p["kernel"]),
}


def linear_game(importance_samples=1):
    return GAMES["vae"](
        LINEAR,
        Examples((5,), 0),
        LIKELIHOODS["gaussian"](noise_variance=NOISE),
        latent_size=2,
        pixels="grey",
        importance_samples=importance_samples,
    )


def exact_elbo(params):
    """Of the data's distribution, in float64."""
    encoder, generator = (
        {name: np.asarray(x, np.float64) for name, x in params[player].items()}
        for player in ("encoder", "generator")
    )
    kernel, made, log_var = encoder["kernel"], generator["kernel"], encoder["log_var"]
    residual = np.eye(5) - kernel @ made
    square = np.trace(residual.T * VARIANCES @ residual)
    square += np.exp(log_var) @ np.square(made).sum(axis=1)
    reconstruction = -0.5 * (square / NOISE + 5 * np.log(2 * np.pi * NOISE))
    codes = VARIANCES @ np.square(kernel)
    return reconstruction - 0.5 * np.sum(codes + np.exp(log_var) - 1 - log_var)


def posterior(made):
    """The encoder of the exact posterior of a generator whose rows are orthogonal."""
    precision = np.square(made).sum(axis=1) / NOISE + 1
    return {"kernel": made.T / NOISE / precision, "log_var": -np.log(precision)}


def principal():
    """The best parameters: the axes of the two largest variances."""
    made = np.zeros((2, 5))
    made[[0, 1], [0, 1]] = np.sqrt(VARIANCES[:2] - NOISE)
    return {"encoder": posterior(made), "generator": {"kernel": made}}


def draw_gaussian(arrays, key, step, round, index):
    keys = example_keys(key, step, round, index)
    normal = jax.vmap(lambda key: jax.random.normal(key, (5,)))(keys)
    return Batch(normal * np.sqrt(VARIANCES))


def linear_parts(numbers, step):
    rate = numbers["rate"] * 0.5 * (1 + jnp.cos(jnp.pi * step / 2_000))
    objective = OBJECTIVES["vae"](
        likelihood="gaussian", noise_variance=NOISE, beta=1.0, free_bits=0.0
    )
    optimizers = {player: optax.adam(rate) for player in LINEAR}
    return Parts(linear_game(), objective, optimizers, {}, {}, {})


def test_exact_elbo_of_the_best_is_the_one_of_the_table():
    assert_allclose(exact_elbo(principal()), BEST_ELBO, rtol=1e-12)


def test_linear_vae_reaches_its_best_elbo_and_never_exceeds_it():
    numbers = {"rate": np.float32(0.03)}
    rounds = ((("encoder", "generator"), 1),)
    step = make_train_step(linear_parts, draw_gaussian, rounds, batch_size=256)
    layout = jit_layout(jax.devices()[0])
    advance = layout.compile(step)
    state = layout.place(init_state(linear_parts(numbers, 0), 0))
    elbos = [exact_elbo(state.params)]
    for _ in range(20):
        state, metrics = advance(state, numbers, layout.place_data({}), 100)
        elbos.append(exact_elbo(jax.device_get(state.params)))
    assert max(elbos) <= BEST_ELBO
    assert elbos[0] < BEST_ELBO - 1
    assert elbos[-1] > BEST_ELBO - 0.01
    # The loss of the last batch is an estimate of it: each of 256 examples has a
    # variance of about 5 / 2.
    close(metrics["encoder/loss"], metrics["generator/loss"])
    assert_allclose(metrics["encoder/loss"], -BEST_ELBO, atol=5 * (2.5 / 256) ** 0.5)


def test_loss_is_minus_the_elbo_in_expectation():
    params = {
        "encoder": {"kernel": np.eye(5, 2) * 0.4, "log_var": np.array([-1.0, 0.5])},
        "generator": {"kernel": np.eye(2, 5) * 1.5},
    }
    variables = {player: {"params": params[player]} for player in params}
    index = np.arange(200_000)
    batch = draw_gaussian({}, jax.random.key(1), 0, 0, index)
    keys = example_keys(jax.random.key(2), 0, 0, index)
    outcome, _ = jax.jit(linear_game().play)(variables, batch, keys)
    terms = linear_parts({"rate": 0.0}, 0).objective.losses["encoder"](outcome)
    loss = terms["reconstruction"] + terms["kl"]
    # A standard error of about 5 / sqrt(200,000) = 0.011.
    assert_allclose(loss, -exact_elbo(params), atol=0.05)


def exact_log_likelihood(made, x):
    covariance = made.T @ made + NOISE * np.eye(5)
    return stats.multivariate_normal(cov=covariance).logpdf(x).mean()


def bounds(params, samples, count=100):
    variables = {player: {"params": params[player]} for player in params}
    index = np.arange(count)
    batch = draw_gaussian({}, jax.random.key(3), 0, 0, index)
    keys = example_keys(jax.random.key(4), 0, 0, index)
    probe = jax.jit(linear_game(samples).probes["log_weights"])
    weights = probe(variables, batch, keys)
    assert weights.shape == (count, samples)
    truth = exact_log_likelihood(params["generator"]["kernel"], np.asarray(batch.real))
    return likelihood_bounds(weights), truth


def test_importance_weighted_bound_rises_to_the_exact_log_likelihood():
    # This encoder knows nothing: its codes are those of the prior.
    blind = {"kernel": np.zeros((5, 2)), "log_var": np.zeros(2)}
    params = principal() | {"encoder": blind}
    measured = [bounds(params, samples) for samples in (1, 10, 100, 10_000)]
    values = [bound["log_likelihood"] for bound, _ in measured]
    truth = measured[0][1]
    assert values[0] == pytest.approx(measured[0][0]["elbo"])
    assert all(np.diff(values) > 0.01)
    assert values[-1] == pytest.approx(truth, abs=0.02)
    # The ELBO does not rise with the number of latents: it becomes exact.
    assert values[0] < truth - 1
    assert measured[-1][0]["elbo"] < truth - 1


def test_bound_of_the_exact_posterior_is_the_log_likelihood():
    for samples in (1, 8):
        bound, truth = bounds(principal(), samples)
        assert bound["log_likelihood"] == pytest.approx(truth, abs=1e-5)
        assert bound["elbo"] == pytest.approx(truth, abs=1e-5)


def test_likelihood_bounds_by_hand():
    # log (1 + 3) / 2 and log 2, of mean log 2; the mean of all is log(12) / 4.
    weights = np.log([[1.0, 3.0], [2.0, 2.0]])
    measured = likelihood_bounds(weights)
    assert measured["log_likelihood"] == pytest.approx(math.log(2))
    assert measured["elbo"] == pytest.approx(math.log(12) / 4)
    assert np.isfinite(likelihood_bounds(weights - 1e4)["log_likelihood"])


def test_sharpness_is_one_of_itself_and_less_of_a_blurred_image():
    images = np.random.default_rng(0).normal(size=(3, 8, 8, 1))
    blurred = (images + np.roll(images, 1, 1) + np.roll(images, -1, 1)) / 3
    same = reconstruction_quality(images, images)
    assert same == {"reconstruction_error": 0.0, "sharpness": 1.0}
    assert reconstruction_quality(images, blurred)["sharpness"] < 0.5
    points = reconstruction_quality(np.zeros((2, 2)), np.array([[1.0, 2.0], [0, 0]]))
    assert points == {"reconstruction_error": 2.5}
    # One point: itself gives -4, its four neighbours 1, and of 9 inner pixels 4 give 0.
    dot = np.zeros((1, 5, 5, 1))
    dot[0, 2, 2] = 1.0
    assert laplacian_variance(dot) == pytest.approx((16 + 4) / 9)


# Which losses read what: gradients of the objective in the outcome's fields.

SCORES = ("real_score", "fake_score", "reconstruction_score")
CODES = ("mean", "log_var")


def vae_gan_outcome():
    rng = np.random.default_rng(0)
    draw = lambda *shape: jnp.asarray(rng.normal(size=(4, *shape)))  # noqa: E731
    features = {
        name: (draw(3), draw(2))
        for name in ("real_features", "reconstruction_features")
    }
    return Outcome(
        **{name: draw() for name in SCORES},
        **{name: draw(2) for name in CODES},
        **features,
    )


def vae_gan_objective(**changes):
    values = {"feature_layer": 1, "fakes": "both", "beta": 0.5}
    return OBJECTIVES["vae_gan"](**values | {"reconstruction_weight": 2.0} | changes)


def fields_read(player, **changes):
    loss = vae_gan_objective(**changes).losses[player]
    gradients = jax.grad(lambda outcome: sum(loss(outcome).values()))(vae_gan_outcome())
    return {
        (field, layer) if layer else field
        for field in Outcome._fields
        for layer, leaf in enumerate(jax.tree.leaves(getattr(gradients, field)))
        if np.any(leaf != 0)
    }


def test_gradients_go_only_where_they_should():
    features = {("real_features", 1), ("reconstruction_features", 1)}
    assert fields_read("encoder") == features | set(CODES)
    made = {"fake_score", "reconstruction_score"}
    assert fields_read("generator") == features | made
    assert fields_read("discriminator") == made | {"real_score"}


def test_named_values_choose_what_is_read():
    first = {"real_features", "reconstruction_features"}
    assert fields_read("encoder", feature_layer=2) == first | set(CODES)
    assert fields_read("encoder", feature_layer=2, beta=0.0) == first
    for fakes, score in (
        ("prior", "fake_score"),
        ("reconstruction", "reconstruction_score"),
    ):
        assert fields_read("discriminator", fakes=fakes) == {"real_score", score}
        alone = fields_read("generator", fakes=fakes, reconstruction_weight=0.0)
        assert alone == {score}


def test_vae_gan_by_hand():
    column = lambda x: jnp.full((2,), x)  # noqa: E731
    outcome = Outcome(
        real_score=column(2.0),
        fake_score=column(-1.0),
        reconstruction_score=column(0.0),
        real_features=(jnp.zeros((2, 3)),),
        reconstruction_features=(jnp.full((2, 3), 2.0),),
        mean=jnp.asarray(MEAN),
        log_var=jnp.asarray(LOG_VAR),
    )
    terms = {p: f(outcome) for p, f in vae_gan_objective().losses.items()}
    # Three features of distance 2: 1/2 * 12; the KL is (0.5 + ... + 0.5) / 2 = 2.0625.
    close(terms["encoder"]["reconstruction"], 6.0)
    close(terms["encoder"]["kl"], 0.5 * 2.0625)
    close(terms["generator"]["reconstruction"], 2.0 * 6.0)
    # softplus(1) + softplus(0) = 1.313262 + 0.693147
    close(terms["generator"]["adversarial"], 2.006409)
    # softplus(-2) = 0.126928; softplus(-1) + softplus(0) = 0.313262 + 0.693147
    close(terms["discriminator"]["real_loss"], 0.126928)
    close(terms["discriminator"]["fake_loss"], 1.006409)
