"""Augmentations: what the discriminator is shown, and what is left alone."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from tables import GAMES

from ganjax.augment import compose, instance_noise
from ganjax.keys import fold
from ganjax.types import Batch, Examples, Network

COUNT = 8
KEYS = jax.random.split(jax.random.key(0), COUNT)
IMAGES = jax.random.uniform(jax.random.key(1), (COUNT, 4, 3, 2))


def test_noise_is_normal_and_as_strong_as_said():
    zeros = np.zeros((1000, 5, 4), np.float32)
    keys = jax.random.split(jax.random.key(2), 1000)
    noise = np.asarray(instance_noise(zeros, keys, strength=0.5)).ravel()
    # Of 20,000 numbers of N(0, 1/4) the mean has sd 0.5 / sqrt(20000) = 0.0035; the
    # squares' mean, of variance 2/16, has 0.0025; the fourth powers' mean, 3/16, of
    # variance 96/256, has 0.0043: allow four.
    assert_allclose(noise.mean(), 0, atol=0.014)
    assert_allclose(np.square(noise).mean(), 1 / 4, atol=0.01)
    assert_allclose((noise**4).mean(), 3 / 16, atol=0.018)
    assert len(set(noise.tolist())) > 0.99 * noise.size


def test_noise_is_added_in_proportion_to_its_strength():
    at = partial(instance_noise, IMAGES, KEYS)
    assert_array_equal(at(strength=0.0), IMAGES)
    once, twice = at(strength=1.0) - IMAGES, at(strength=2.0) - IMAGES
    assert_allclose(twice, 2 * once, atol=1e-6)
    assert_allclose(jax.jit(at)(strength=0.3), at(strength=0.3), atol=1e-6)


def test_noise_of_an_example_follows_from_its_key():
    whole = instance_noise(IMAGES, KEYS, strength=1.0)
    part = instance_noise(IMAGES[3:5], KEYS[3:5], strength=1.0)
    assert_array_equal(part, whole[3:5])
    noise = np.asarray(whole - IMAGES).reshape(COUNT, -1)
    assert (np.diff(np.sort(noise, axis=0), axis=0) > 0).all()


def test_gradient_passes_through():
    def total(images):
        return jnp.sum(jnp.square(instance_noise(images, KEYS, strength=0.5)))

    # d/dx (x + n)^2 = 2 (x + n)
    seen = instance_noise(IMAGES, KEYS, strength=0.5)
    assert_allclose(jax.grad(total)(IMAGES), 2 * seen, rtol=1e-6)


def test_views_come_one_after_the_other_with_keys_of_their_own():
    noise = partial(instance_noise, strength=1.0)
    double = lambda examples, keys: 2 * examples  # noqa: E731
    assert_array_equal(compose({})(IMAGES, KEYS), IMAGES)
    one = compose({"one": noise})(0 * IMAGES, KEYS)
    both = compose({"one": noise, "double": double, "other": noise})(0 * IMAGES, KEYS)
    other = both - 2 * one
    assert_allclose(other, compose({"other": noise})(0 * IMAGES, KEYS), atol=1e-6)
    assert not np.isclose(one, other).any()


def showing_discriminator():
    """Its features are the examples that it is shown, and uniform draws of its keys."""

    def apply(variables, examples, label, keys, *, train):
        draws = jax.vmap(lambda key: jax.random.normal(key, (3,)))(keys)
        return (examples[:, 0], None, (examples, draws)), {}

    return Network(init=lambda key, examples, label: {"params": {}}, apply=apply)


def game(view):
    networks = {
        "generator": Network(
            init=lambda key, latents, label: {"params": {}},
            apply=lambda variables, latents, label, keys, *, train: (latents, {}),
        ),
        "discriminator": showing_discriminator(),
    }
    return GAMES["adversarial"](
        networks, Examples((3,), 0), view, latent_size=3, prior="normal"
    )


CLEAN = game(lambda examples, keys: examples)
NOISY = game(partial(instance_noise, strength=1.0))
VARIABLES = {"generator": {"params": {}}, "discriminator": {"params": {}}}
BATCH = Batch(jnp.zeros((COUNT, 3)))


@pytest.fixture(scope="module")
def outcomes():
    return [made.play(VARIABLES, BATCH, KEYS)[0] for made in (CLEAN, NOISY)]


def test_outcome_is_before_the_view(outcomes):
    clean, noisy = outcomes
    assert_array_equal(noisy.real, BATCH.real)
    assert_array_equal(noisy.fake, clean.fake)
    # The discriminator draws what it draws without a view.
    assert_array_equal(noisy.real_features[1], clean.real_features[1])
    assert_array_equal(noisy.fake_features[1], clean.fake_features[1])


def test_discriminator_sees_both_sides_through_the_view(outcomes):
    _, noisy = outcomes
    real = np.asarray(noisy.real_features[0] - noisy.real)
    fake = np.asarray(noisy.fake_features[0] - noisy.fake)
    # No two purposes have the same noise, nor that of the latents or the networks.
    draws = [real, fake, noisy.fake, noisy.real_features[1], noisy.fake_features[1]]
    draws = np.round(np.concatenate([np.ravel(draw) for draw in draws]), 4)
    assert len(set(draws.tolist())) > 0.98 * draws.size
    assert np.abs(real).min() > 0


def test_score_sees_what_play_showed_of_the_real_examples(outcomes):
    _, noisy = outcomes
    score = NOISY.score(VARIABLES, BATCH.real, None, KEYS)
    assert_array_equal(score, noisy.real_score)


@pytest.mark.parametrize("probe", ["sample", "interpolation", "score"])
def test_probes_see_clean_examples(probe):
    clean = CLEAN.probes[probe](VARIABLES, BATCH, fold(KEYS, 1))
    assert_array_equal(NOISY.probes[probe](VARIABLES, BATCH, fold(KEYS, 1)), clean)
