"""The suite that every objective passes; one joins by its row in `conformance.py`."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from compiling import AS_USED
from conformance import (
    FAKE,
    LOSSES,
    OF_SCORES,
    PLAYERS,
    REAL,
    ROWS,
    make_loss,
    make_objective,
    make_outcome,
    random_scores,
)
from numpy.testing import assert_allclose
from slopes import check_slope
from tables import PARTS, takes_axis

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import keys_of
from ganjax.metrics import score_statistics

close = partial(assert_allclose, rtol=1e-6, atol=1e-6)
each_objective = pytest.mark.parametrize("name", ROWS)
each_loss = pytest.mark.parametrize(("name", "player"), LOSSES)


def reference(name, player, real, fake):
    return ROWS[name].reference(real, fake)[PLAYERS.index(player)]


def test_each_objective_has_a_row_with_its_numbers():
    assert set(ROWS) == set(OF_SCORES)
    for name, row in ROWS.items():
        keys = keys_of(BUILT_IN, PARTS["objective"][name])
        floats = {key for key, k in keys.items() if float in (type(k.default), k.kind)}
        given = {key for key, value in row.structure.items() if value is None}
        assert set(row.numbers) == floats - given
        assert {*row.numbers, *row.structure} == set(keys)


@each_loss
def test_hand_value(name, player):
    expected = {"discriminator": ROWS[name].discriminator}
    expected["generator"] = ROWS[name].generator
    close(make_loss(name, player)(REAL, FAKE), expected[player])


@each_loss
def test_equals_float64_reference(name, player):
    real, fake = random_scores(64)
    with jax.enable_x64(True):
        loss = make_loss(name, player)(real, fake)
    assert loss.dtype == jnp.float64
    assert_allclose(loss, reference(name, player, real, fake), rtol=1e-13)


@each_loss
@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32])
def test_is_a_float32_scalar(name, player, dtype):
    # These scores are exact in bfloat16, and widened before anything is made of them.
    loss = make_loss(name, player)(REAL.astype(dtype), FAKE.astype(dtype))
    assert (loss.shape, loss.dtype) == ((), jnp.float32)
    assert_allclose(loss, reference(name, player, REAL, FAKE), 1e-6, 1e-7)


@each_loss
@pytest.mark.parametrize("dtype", [jnp.float16, jnp.bfloat16])
def test_half_precision_is_widened_before_all_else(name, player, dtype):
    # Up to 2,000: the square of 256 is infinite in float16, and 8 bits lose digits of
    # every sum.
    scores = [jnp.asarray(x, dtype) for x in random_scores(64)]
    scores = [x.at[0].multiply(300) for x in scores]
    both = jax.value_and_grad(make_loss(name, player), (0, 1))
    value, gradients = both(*scores)
    expected, slopes = both(*(x.astype(jnp.float32) for x in scores))
    assert np.isfinite(expected)
    assert_allclose(value, expected, rtol=1e-6)
    assert [x.dtype for x in gradients] == [dtype, dtype]
    for gradient, slope in zip(gradients, slopes, strict=True):
        assert_allclose(gradient, slope, atol=2**-8 * np.abs(slope).max())


@each_loss
def test_a_batch_of_no_examples_is_refused(name, player):
    with pytest.raises(ValueError, match="a batch of 0 examples"):
        make_loss(name, player)(np.zeros(0), np.zeros(0))


@each_loss
def test_scores_of_patches_are_scores(name, player):
    loss, patches = make_loss(name, player), (2, 2)
    close(loss(REAL.reshape(patches), FAKE.reshape(patches)), loss(REAL, FAKE))


@each_loss
def test_compiled_and_mapped_values_are_the_eager_ones(name, player):
    loss = make_loss(name, player)
    scores = random_scores(3, 4)
    eager = [loss(real, fake) for real, fake in zip(*scores, strict=True)]
    close(jax.jit(loss)(scores[0][0], scores[1][0]), eager[0])
    close(jax.jit(jax.vmap(loss))(*scores), eager)


@each_loss
def test_gradient(name, player):
    check_slope(make_loss(name, player), *random_scores(8))


@cache
def as_used(name, player):
    both = jax.value_and_grad(make_loss(name, player), (0, 1))
    return jax.jit(both, compiler_options=AS_USED)


@each_loss
@pytest.mark.parametrize("size", [50.0, 1e4])
def test_large_scores(name, player, size):
    real = size * np.array([1.0, 1.0, -1.0, -1.0])
    fake = size * np.array([1.0, -1.0, 1.0, -1.0])
    value, gradients = as_used(name, player)(real, fake)
    assert_allclose(value, reference(name, player, real, fake), rtol=1e-6)
    assert np.isfinite(gradients).all()


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name].rises])
def test_scores_rise_with_realness(name):
    zeros = np.zeros(4)
    if "discriminator" in ROWS[name].rises:
        loss = make_loss(name, "discriminator")
        of_real, of_fake = jax.grad(loss, (0, 1))(zeros, zeros)
        assert (of_real < 0).all()
        assert (of_fake > 0).all()
    if "generator" in ROWS[name].rises:
        of_fake = jax.grad(make_loss(name, "generator"), 1)(zeros, zeros)
        assert (of_fake < 0).all()


@each_loss
def test_order_of_examples(name, player):
    loss = make_loss(name, player)
    real, fake = random_scores(64)
    one, other = np.roll(np.arange(64), 3), np.arange(64)[::-1]
    close(loss(real[one], fake[one]), loss(real, fake))
    apart = loss(real[one], fake[other])
    assert np.allclose(apart, loss(real, fake), rtol=1e-6) != (
        player in ROWS[name].paired
    )


@pytest.mark.parametrize(
    ("name", "player"), [(n, player) for n, player in LOSSES if not ROWS[n].paired]
)
def test_unpaired_scores_may_differ_in_number(name, player):
    real, fake = random_scores(8)
    expected = reference(name, player, real, fake[:4])
    close(make_loss(name, player)(real, fake[:4]), expected)


@each_loss
def test_mean_over_devices_is_the_loss_of_the_batch(name, player):
    axis = {"axis_name": "device"} if takes_axis("objective", name) else {}
    real, fake = random_scores(8)
    shards = real.reshape(2, 4), fake.reshape(2, 4)
    parts = jax.vmap(make_loss(name, player, **axis), axis_name="device")
    close(jax.jit(parts)(*shards).mean(), make_loss(name, player)(real, fake))


@each_objective
def test_declared_fields_are_those_it_reads(name):
    # That it reads no others is seen by every test: they are None.
    objective = make_objective(name)

    def losses(outcome):
        return [loss(outcome) for loss in objective.losses.values()]

    def other(values):
        if values.dtype == bool:
            return ~values
        return 1 - values if values.dtype == jnp.int32 else 2 * values

    outcome = make_outcome(name, REAL, FAKE)
    for field in PARTS["objective"][name].reads:
        changed = jax.tree.map(other, getattr(outcome, field))
        assert losses(outcome._replace(**{field: changed})) != losses(outcome)
        with pytest.raises(ValueError, match="the game makes no such array"):
            losses(outcome._replace(**{field: None}))


@pytest.mark.parametrize("name", [name for name in ROWS if ROWS[name].numbers])
def test_numbers_may_be_traced(name):
    outcome = make_outcome(name, REAL, FAKE)

    def values(numbers):
        objective = make_objective(name, **numbers)
        losses = [loss(outcome) for loss in objective.losses.values()]
        return losses, objective.threshold

    traces = []
    compiled = jax.jit(lambda numbers: traces.append(name) or values(numbers))
    before = jax.tree.leaves(compiled(ROWS[name].numbers))
    for key, number in ROWS[name].numbers.items():
        changed = ROWS[name].numbers | {key: 0.5 * number}
        after = jax.tree.leaves(compiled(changed))
        close(after, jax.tree.leaves(values(changed)))
        assert not np.array_equal(after, before)
    assert len(traces) == 1


@pytest.mark.parametrize("name", [n for n in ROWS if ROWS[n].accuracies is not None])
def test_threshold_tells_real_from_fake(name):
    threshold = make_objective(name).threshold
    measured = score_statistics(make_outcome(name, REAL, FAKE), threshold)
    accuracies = {k: v for k, v in measured.items() if k.endswith("accuracy")}
    assert accuracies == ROWS[name].accuracies
