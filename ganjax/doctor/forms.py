"""Which form of convolution is faster: that of ganjax or that of lax."""

from collections.abc import Callable, Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from ganjax.doctor.row import Row
from ganjax.doctor.sizes import Sizes
from ganjax.doctor.timing import Call, in_turns
from ganjax.networks.convolution import convolve, convolve_transpose

_ORDER = ("NHWC", "HWIO", "NHWC")
_STRIDES, _SIDE, _STEPS = (2, 2), 14, 5


def convolutions(sizes: Sizes) -> Iterator[Row]:
    """Down and up again, with gradients, in a loop as steps are."""
    draw, channels = np.random.default_rng(0).normal, sizes.channels
    images = draw(size=(sizes.batch, _SIDE, _SIDE, channels))
    kernel = draw(size=(4, 4, channels, 2 * channels)) / channels
    given = [jax.device_put(x.astype(np.float32)) for x in (images, kernel)]

    def call(down_and_up: Callable[[Array, Array], Array]) -> Call:
        @jax.jit
        def steps(images: Array, kernel: Array) -> Array:
            def step(kernel: Array, _: None) -> tuple[Array, None]:
                return kernel - 1e-3 * jax.grad(loss)(kernel), None

            def loss(kernel: Array) -> Array:
                return jnp.mean(jnp.sin(down_and_up(images, kernel)))

            return lax.scan(step, kernel, length=_STEPS)[0]

        return lambda: steps(*given)

    ours, of_lax = in_turns([call(_ours), call(_of_lax)], sizes.seconds)
    found = f"ours are {of_lax / ours:.2f} times as fast as lax's, in a scan"
    yield Row("convolutions and gradients", found)


def _ours(images: Array, kernel: Array) -> Array:
    low = jnp.tanh(convolve(images, kernel, strides=_STRIDES))
    return convolve_transpose(low, kernel, size=images.shape[1:3], strides=_STRIDES)


def _of_lax(images: Array, kernel: Array) -> Array:
    low = lax.conv_general_dilated(
        images, kernel, _STRIDES, "SAME", dimension_numbers=_ORDER
    )
    return lax.conv_transpose(
        *(jnp.tanh(low), kernel, _STRIDES, "SAME"),
        dimension_numbers=_ORDER,
        transpose_kernel=True,
    )
