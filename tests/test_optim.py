"""Optimizers against their published updates, and schedules by hand."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from numpy.testing import assert_allclose
from tables import OPTIMIZERS, PARTS

from ganjax.config import schema
from ganjax.optim import SHAPES, resolve_schedules

close = partial(assert_allclose, rtol=1e-6, atol=1e-7)

# An eps as large as the gradients shows where it is added.
NUMBERS = {
    "sgd": {"learning_rate": 0.1, "momentum": 0.8},
    "rmsprop": {"learning_rate": 0.1, "decay": 0.7, "eps": 0.3},
    "adam": {"learning_rate": 0.1, "b1": 0.6, "b2": 0.9, "eps": 0.3},
}
CLIPS = ("clip_gradient_norm", "clip_weights", "max_column_norm")
each_optimizer = pytest.mark.parametrize("name", NUMBERS)

START = np.array([1.0, -2.0, 0.5])
GRADIENTS = np.array([[0.5, -1.0, 2.0], [0.25, 1.0, -0.5], [-1.0, 0.125, 0.0]])


def run(name, start=START, gradients=GRADIENTS, **numbers):
    """The weights after each of the gradients."""
    optimizer = OPTIMIZERS[name](**NUMBERS[name] | numbers)
    params = jax.tree.map(jnp.float32, start)
    state, path = optimizer.init(params), []
    for gradient in gradients:
        gradient = jax.tree.map(jnp.float32, gradient)
        updates, state = optimizer.update(gradient, state, params)
        params = optax.apply_updates(params, updates)
        path.append(params)
    return path


def sgd(weights, gradients, *, learning_rate, momentum):
    velocity = 0.0
    for gradient in gradients:
        velocity = momentum * velocity + gradient
        yield (weights := weights - learning_rate * velocity)


def rmsprop(weights, gradients, *, learning_rate, decay, eps):
    square = 0.0
    for gradient in gradients:
        square = decay * square + (1 - decay) * gradient**2
        yield (weights := weights - learning_rate * gradient / (square**0.5 + eps))


def adam(weights, gradients, *, learning_rate, b1, b2, eps):
    mean = square = 0.0
    for step, gradient in enumerate(gradients, start=1):
        mean = b1 * mean + (1 - b1) * gradient
        square = b2 * square + (1 - b2) * gradient**2
        size = (square / (1 - b2**step)) ** 0.5 + eps
        yield (weights := weights - learning_rate * mean / (1 - b1**step) / size)


REFERENCES = {"sgd": sgd, "rmsprop": rmsprop, "adam": adam}


def test_each_optimizer_is_tested_with_its_numbers():
    assert set(NUMBERS) == set(OPTIMIZERS)
    for name, numbers in NUMBERS.items():
        assert {*numbers, *CLIPS} == set(PARTS["optimizer"][name].keys)


@each_optimizer
def test_three_steps(name):
    expected = list(REFERENCES[name](START, GRADIENTS, **NUMBERS[name]))
    close(run(name), expected)


@each_optimizer
def test_clipped_weights_are_within_the_limit(name):
    # Of the three weights, the second starts beyond 1.5, the others stay within.
    [free] = REFERENCES[name](START, GRADIENTS[:1], **NUMBERS[name])
    close(run(name, clip_weights=1.5)[0], [free[0], -1.5, free[2]])
    path = np.stack(run(name, gradients=10 * GRADIENTS, clip_weights=0.01))
    assert (np.abs(path) <= 0.01 * (1 + 1e-4)).all()


@each_optimizer
def test_columns_are_no_longer_than_the_limit(name):
    # Columns of length 5 and 1 at a limit of 2; the gradient is 0.
    weights = {"kernel": np.array([[3.0, 0.6], [4.0, 0.8]]), "bias": np.array([9.0])}
    still = jax.tree.map(np.zeros_like, weights)
    [moved] = run(name, weights, [still], max_column_norm=2.0)
    close(moved["kernel"], [[1.2, 0.6], [1.6, 0.8]])
    close(moved["bias"], [9.0])


@each_optimizer
def test_clipped_gradients_have_the_norm_of_all_leaves(name):
    weights = {"kernel": np.zeros(2), "bias": np.zeros(1)}
    gradient = {"kernel": np.array([2.0, 3.0]), "bias": np.array([6.0])}  # norm 7
    shrunk = jax.tree.map(lambda leaf: leaf * (3.5 / 7), gradient)
    step = partial(run, name, weights)
    [clipped] = step([gradient], clip_gradient_norm=3.5)
    jax.tree.map(close, clipped, *step([shrunk]))
    [kept] = step([gradient], clip_gradient_norm=8.0)
    jax.tree.map(close, kept, *step([gradient]))


@each_optimizer
def test_absent_clips_leave_no_trace_in_the_state(name):
    def links(**clips):
        return len(OPTIMIZERS[name](**NUMBERS[name], **clips).init(START))

    assert links() == links(clip_gradient_norm=None, clip_weights=None)
    assert links(clip_gradient_norm=1.0) == links(clip_weights=1.0) == links() + 1
    assert links(clip_gradient_norm=1.0, clip_weights=1.0) == links() + 2
    assert links(max_column_norm=1.0) == links() + 1


@each_optimizer
def test_numbers_may_be_traced(name):
    traces = []

    @jax.jit
    def compiled(numbers):
        traces.append(numbers)
        return run(name, **numbers)

    given = NUMBERS[name] | {"clip_gradient_norm": 1.5, "clip_weights": 1.8}
    before = compiled(given)
    for key, number in given.items():
        changed = given | {key: 0.9 * number}
        after = compiled(changed)
        close(after, run(name, **changed))
        assert not np.array_equal(after, before)
    assert len(traces) == 1


def test_shapes_are_those_of_the_schema():
    assert tuple(SHAPES) == schema.NUMBER_SCHEDULE["shape"].choices


@pytest.mark.parametrize(
    ("shape", "factors"),
    [
        # A final factor of 1/4. 1 - 3/4 progress
        ("linear", [1.0, 0.8125, 0.625, 0.25]),
        # 1/4 + 3/4 (1 + cos(pi progress)) / 2, cos(pi / 4) = 0.7071068
        ("cosine", [1.0, 0.8901650, 0.625, 0.25]),
        # (1/4)^progress: 1 / sqrt 2 at 1/4
        ("exponential", [1.0, 0.7071068, 0.5, 0.25]),
    ],
)
def test_schedule(shape, factors):
    numbers = {"x": 3.0, "x_schedule": {shape: 0.25}}
    for progress, factor in zip([0.0, 0.25, 0.5, 1.0], factors, strict=True):
        resolved = resolve_schedules(numbers, jnp.float32(progress))
        assert set(resolved) == {"x"}
        close(resolved["x"], 3.0 * factor)


@pytest.mark.parametrize("shape", SHAPES)
def test_schedule_to_nothing(shape):
    numbers = {"x": 3.0, "x_schedule": {shape: 0.0}}
    ends = [resolve_schedules(numbers, jnp.float32(end))["x"] for end in (0, 1)]
    close(ends, [3.0, 0.0])


def test_schedules_of_nested_numbers():
    numbers = {
        "objective": {},
        "optimizers": {
            "discriminator": {
                "learning_rate": 0.1,
                "learning_rate_schedule": {"linear": 0.0},
                "b1": 0.5,
                "b1_schedule": {"exponential": 0.25},
                "b2": 0.9,
            },
            "generator": {"learning_rate": 0.2},
        },
        "steps": 100.0,
    }
    resolved = resolve_schedules(numbers, jnp.float32(0.5))
    expected = {
        "objective": {},
        "optimizers": {
            "discriminator": {"learning_rate": 0.05, "b1": 0.25, "b2": 0.9},
            "generator": {"learning_rate": 0.2},
        },
        "steps": 100.0,
    }
    jax.tree.map(close, resolved, expected)
    assert jax.tree.structure(resolved) == jax.tree.structure(expected)
