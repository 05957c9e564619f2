"""Products of matrices: how precise they are, how fast, and what steps make of it."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.build import Setup, build_setup
from ganjax.config.program import read_program
from ganjax.data.images import resident
from ganjax.doctor.row import Row
from ganjax.doctor.sizes import Sizes
from ganjax.doctor.timing import Call, in_turns, stepping
from ganjax.parallel import jit_layout

_SIDE = 512  # of the product whose error is measured
_REPEATS = 4  # in one dispatch
_STEPS = 5  # in one dispatch
# The relative error of such a product is 4e-7 in float32; of arrays that were rounded
# to 10 bits of a mantissa, as NVIDIA's TF32 has, 3e-4; to the 7 of bfloat16 2e-3.
_FLOAT32, _TF32 = 1e-5, 1e-3


def precision() -> Iterator[Row]:
    """Which precision is asked for, and the error of a float32 product."""
    asked = jax.config.jax_default_matmul_precision  # type: ignore[attr-defined]
    yield Row("default matmul precision", asked or "not set: as the device has it")
    error = _error()
    as_of = "float32" if error < _FLOAT32 else "TF32" if error < _TF32 else "bfloat16"
    yield Row(
        "product of float32 matrices",
        f"relative error {error:.1e}, as of {as_of}",
        "float32",
        error < _FLOAT32,
        "set JAX_DEFAULT_MATMUL_PRECISION=highest",
    )


def shares(sizes: Sizes) -> Iterator[Row]:
    """What the steps of two experiments reach of the rate of large products."""
    products = _products(sizes)
    for name, setup in (("ring", _ring(sizes)), ("mnist, dcgan", _mnist(sizes))):
        operations, steps = _steps(setup)
        of_products, of_steps = in_turns([products, steps], sizes.seconds)
        rate = _operations(sizes) / of_products
        seconds = of_steps / _STEPS
        share, beside = operations / seconds / rate, f"{rate / 1e9:,.0f} GFLOP/s"
        found = f"{share:.1%} of the rate of products, {beside}"
        if share > 1:
            found = f"above the rate of products, {beside}: the machine is busy"
        yield Row(f"a step of {name}", f"{1e3 * seconds:.3g} ms, {found}")


def _error() -> float:
    one, other = np.random.default_rng(0).normal(size=(2, _SIDE, _SIDE))
    one, other = one.astype(np.float32), other.astype(np.float32)
    exact = one.astype(np.float64) @ other
    found = np.asarray(jax.jit(jnp.matmul)(one, other), np.float64)
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def _operations(sizes: Sizes) -> int:
    """Of the large products of one dispatch, additions counted as such."""
    return 2 * sizes.matrix**3 * _REPEATS


def _products(sizes: Sizes) -> Call:
    side = sizes.matrix
    matrix = np.random.default_rng(0).normal(size=(side, side)) / side**0.5

    @jax.jit
    def products(matrix: jax.Array) -> jax.Array:
        return jax.lax.fori_loop(0, _REPEATS, lambda _, x: x @ matrix, matrix)

    placed = jax.device_put(matrix.astype(np.float32))
    return lambda: products(placed)


def _ring(sizes: Sizes) -> Setup:
    program = read_program("ring", sizes.ring)
    return build_setup(program.config, program.catalogue)


def _mnist(sizes: Sizes) -> Setup:
    """Of no images: what is computed is the same."""
    program = read_program("mnist", sizes.mnist)
    images = np.zeros((1_000, 28, 28, 1), np.uint8)
    source = resident(images, np.arange(1_000) % 10, classes=10)
    return build_setup(program.config, program.catalogue, source)


def _steps(setup: Setup) -> tuple[float, Call]:
    """The operations of a step, as XLA counts them before it compiles, and a call."""
    layout = jit_layout(jax.devices()[0])
    advance = layout.compile(setup.make_step(None))
    data = layout.place_data(setup.source.arrays)
    state = layout.place(setup.init())
    given = state, setup.numbers, data, _STEPS
    # Of a loop it counts the body once.
    lowered = advance.lower(*given)  # type: ignore[attr-defined]
    return lowered.cost_analysis()["flops"], stepping(advance, *given)
