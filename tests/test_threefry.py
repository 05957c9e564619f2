"""Our generator's bits are those of `jax.random`, wherever keys come from."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax.threefry import THREEFRY, threefry_2x32


def test_the_hash_is_that_of_its_authors():
    # The known answers of Random123's kat_vectors, threefry2x32 of 20 rounds.
    def hashed(key, count):
        words = threefry_2x32(
            tuple(map(jnp.uint32, key)), tuple(map(jnp.uint32, count))
        )
        return [int(word) for word in words]

    ones = 0xFFFFFFFF
    assert hashed((0, 0), (0, 0)) == [0x6B200159, 0x99BA4EFE]
    assert hashed((ones, ones), (ones, ones)) == [0x1CB996FC, 0xBB002BE7]
    digits = (0x13198A2E, 0x03707344), (0x243F6A88, 0x85A308D3)
    assert hashed(*digits) == [0xC4923A9C, 0x483DF7A0]


def both(look):
    return [look(impl) for impl in (THREEFRY, "threefry2x32")]


@pytest.mark.parametrize("seed", [0, 7, 2**31 - 1, np.uint32(2**32 - 1)])
def test_keys_are_those_of_jax(seed):
    def look(impl):
        key = jax.random.fold_in(jax.random.key(seed, impl=impl), 12)
        keys = [key, *jax.random.split(key), *jax.random.split(key, (2, 3)).ravel()]
        keys += list(jax.vmap(jax.random.fold_in, (None, 0))(key, np.arange(3)))
        return [jax.random.key_data(key) for key in keys]

    np.testing.assert_array_equal(*both(look))


@pytest.mark.parametrize("width", [8, 16, 32, 64])
def test_bits_are_those_of_jax(width):
    def look(impl):
        key = jax.random.key(3, impl=impl)
        with jax.enable_x64(True):
            return [
                jax.random.bits(key, shape, f"uint{width}") for shape in ((), (2, 3))
            ]

    for found, expected in zip(*both(look), strict=True):
        np.testing.assert_array_equal(found, expected)
        assert found.dtype == expected.dtype


def test_draws_under_vmap_are_those_of_jax():
    def look(impl):
        keys = jax.random.split(jax.random.key(5, impl=impl), 4)
        draws = (
            lambda key: jax.random.normal(key, (3,)),
            lambda key: jax.random.uniform(key, (2, 2), "bfloat16").astype("float32"),
            lambda key: jax.random.randint(key, (5,), 0, 17),
            lambda key: jax.random.bernoulli(key, 0.3, (6,)),
            lambda key: jax.random.permutation(key, 9),
        )
        return [jax.vmap(draw)(keys) for draw in draws]

    for found, expected in zip(*both(look), strict=True):
        np.testing.assert_array_equal(found, expected)
