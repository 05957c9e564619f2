"""Every f-divergence against its definition, and its losses against the divergence."""

import math
from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from compiling import AS_USED
from numpy.testing import assert_allclose
from scipy import special, stats
from scipy.special import xlogy
from tables import DIVERGENCES

from ganjax.losses import _special, scores
from ganjax.losses.f_divergence import (
    f_divergence_direct_generator,
    f_divergence_discriminator,
    f_divergence_fake,
    f_divergence_generator,
    f_divergence_real,
)

close = partial(assert_allclose, rtol=1e-6, atol=1e-6)
exactly = partial(assert_allclose, rtol=1e-10, atol=1e-10)  # in float64

INF = math.inf


class Case(NamedTuple):
    """One divergence as the paper writes it, in NumPy.

    `threshold` is f'(1) and `divergence` that of N(0, 1) from N(1, 1.2^2). In float32
    g(v) is finite for v above `real_from`, f*(g(v)) between the two of `fake_within`.
    """

    name: str
    f: Callable
    conjugate: Callable
    supremum: float
    activation: Callable
    inverse: Callable  # of the activation
    optimal: Callable
    threshold: float
    divergence: float
    numbers: dict[str, float] = {}  # noqa: RUF012
    real_from: float = -INF
    fake_within: tuple[float, float] = (-INF, INF)


def softplus(x):
    return np.logaddexp(0.0, x)


def inverse_softplus(y):
    return y + np.log(-np.expm1(-y))


def jeffrey_conjugate(t):
    w = special.lambertw(np.exp(1 - t)).real
    return w + 1 / w + t - 2


def pearson_conjugate(t):
    return np.where(t < -2, -1.0, t**2 / 4 + t)


def weighted(pi, divergence):
    top = -pi * math.log(pi)
    return Case(
        "weighted_jensen_shannon",
        f=lambda u: pi * xlogy(u, u) - xlogy(1 - pi + pi * u, 1 - pi + pi * u),
        conjugate=lambda t: (1 - pi) * np.log((1 - pi) / (1 - pi * np.exp(t / pi))),
        supremum=top,
        activation=lambda v: top - softplus(-v),
        inverse=lambda t: -inverse_softplus(top - t),
        optimal=lambda u: pi * np.log(u / (1 - pi + pi * u)),
        threshold=0.0,
        divergence=divergence,
        numbers={"pi": pi},
    )


def alpha_f(alpha):
    return lambda u: (u**alpha - 1 - alpha * (u - 1)) / (alpha * (alpha - 1))


def alpha_optimal(alpha):
    return lambda u: (u ** (alpha - 1) - 1) / (alpha - 1)


def below_one(alpha, divergence, **limits):
    top = 1 / (1 - alpha)
    return Case(
        "alpha_below_one",
        f=alpha_f(alpha),
        conjugate=lambda t: (
            ((t * (alpha - 1) + 1) ** (alpha / (alpha - 1)) - 1) / alpha
        ),
        supremum=top,
        activation=lambda v: top - softplus(-v),
        inverse=lambda t: -inverse_softplus(top - t),
        optimal=alpha_optimal(alpha),
        threshold=0.0,
        divergence=divergence,
        numbers={"alpha": alpha},
        **limits,
    )


def above_one(alpha, divergence, **limits):
    return Case(
        "alpha_above_one",
        f=alpha_f(alpha),
        conjugate=lambda t: (
            (np.maximum(t * (alpha - 1) + 1, 0) ** (alpha / (alpha - 1)) - 1) / alpha
        ),
        supremum=INF,
        activation=lambda v: v,
        inverse=lambda t: t,
        optimal=alpha_optimal(alpha),
        threshold=0.0,
        divergence=divergence,
        numbers={"alpha": alpha},
        **limits,
    )


# Float32 ends at e^88.72. The divergences are quadratures of q f(p / q), apart from
# this file; those of 0.7, 1.5 and pi = 0.8 were found in the same way.
CASES = {
    "total_variation": Case(
        "total_variation",
        f=lambda u: np.abs(u - 1) / 2,
        conjugate=lambda t: np.maximum(t, -0.5),
        supremum=0.5,
        activation=lambda v: np.tanh(v) / 2,
        inverse=lambda t: np.arctanh(2 * np.clip(t, -0.5 + 1e-16, 0.5 - 1e-16)),
        optimal=lambda u: np.sign(u - 1) / 2,
        threshold=0.0,
        divergence=0.356916,
    ),
    "kl": Case(
        "kl",
        f=lambda u: xlogy(u, u),
        conjugate=lambda t: np.exp(t - 1),
        supremum=INF,
        activation=lambda v: v,
        inverse=lambda t: t,
        optimal=lambda u: 1 + np.log(u),
        threshold=1.0,
        divergence=0.376766,
        fake_within=(-INF, 89.7),  # v - 1 < 88.72
    ),
    "reverse_kl": Case(
        "reverse_kl",
        f=lambda u: -np.log(u),
        conjugate=lambda t: -1 - np.log(-t),
        supremum=0.0,
        activation=lambda v: -np.exp(-v),
        inverse=lambda t: -np.log(-t),
        optimal=lambda u: -1 / u,
        threshold=-1.0,
        divergence=0.537678,
        real_from=-88.7,
    ),
    "pearson": Case(
        "pearson",
        f=lambda u: (u - 1) ** 2,
        conjugate=pearson_conjugate,
        supremum=INF,
        activation=lambda v: v,
        inverse=lambda t: t,
        optimal=lambda u: 2 * (u - 1),
        threshold=0.0,
        divergence=0.787686,
    ),
    "neyman": Case(
        "neyman",
        f=lambda u: (1 - u) ** 2 / u,
        conjugate=lambda t: 2 - 2 * np.sqrt(1 - t),
        supremum=1.0,
        activation=lambda v: 1 - np.exp(-v),
        inverse=lambda t: -np.log1p(-t),
        optimal=lambda u: 1 - 1 / u**2,
        threshold=0.0,
        divergence=5.641262,
        real_from=-88.7,
        fake_within=(-176.0, INF),  # -2 e^(-v / 2): v > -2 (88.72 - log 2)
    ),
    "squared_hellinger": Case(
        "squared_hellinger",
        f=lambda u: (np.sqrt(u) - 1) ** 2,
        conjugate=lambda t: t / (1 - t),
        supremum=1.0,
        activation=lambda v: 1 - np.exp(-v),
        inverse=lambda t: -np.log1p(-t),
        optimal=lambda u: 1 - np.sqrt(1 / u),
        threshold=0.0,
        divergence=0.209628,
        real_from=-88.7,
        fake_within=(-INF, 88.7),
    ),
    "jeffrey": Case(
        "jeffrey",
        f=lambda u: xlogy(u - 1, u),
        conjugate=jeffrey_conjugate,
        supremum=INF,
        activation=lambda v: v,
        inverse=lambda t: t,
        optimal=lambda u: 1 + np.log(u) - 1 / u,
        threshold=0.0,
        divergence=0.914444,
        fake_within=(-INF, 89.7),  # 1 / W(e^(1 - v)) is e^(v - 1)
    ),
    "jensen_shannon": Case(
        "jensen_shannon",
        f=lambda u: xlogy(u, u) - (u + 1) * np.log((1 + u) / 2),
        conjugate=lambda t: -np.log(2 - np.exp(t)),
        supremum=math.log(2),
        activation=lambda v: math.log(2) - softplus(-v),
        inverse=lambda t: -inverse_softplus(math.log(2) - t),
        optimal=lambda u: np.log(2 * u / (1 + u)),
        threshold=0.0,
        divergence=0.196734,
    ),
    "weighted_jensen_shannon 0.3": weighted(0.3, 0.079942),
    "weighted_jensen_shannon 0.8": weighted(0.8, 0.070112),
    "gan": Case(
        "gan",
        f=lambda u: xlogy(u, u) - xlogy(u + 1, u + 1),
        conjugate=lambda t: -np.log(1 - np.exp(t)),
        supremum=0.0,
        activation=lambda v: -softplus(-v),
        inverse=lambda t: -inverse_softplus(-t),
        optimal=lambda u: np.log(u / (u + 1)),
        threshold=-math.log(2),
        divergence=-1.189560,
    ),
    # (s / 2)^-1 for small s = e^-v: v < 88.72 - 2 log 2
    "alpha 0.5": below_one(0.5, 0.419256, fake_within=(-INF, 87.3)),
    # (0.3 s)^(-7/3) / 0.7, and 7/3 of it in the gradient:
    # 7/3 (v + 1.204) < 88.72 - 0.357 - 0.847
    "alpha 0.7": below_one(0.7, 0.396338, fake_within=(-INF, 36.3)),
    "alpha -1": below_one(-1.0, 2.820631),
    "alpha 1.5": above_one(1.5, 0.371827),
    "alpha 2": above_one(2.0, 0.393843),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)

U = np.concatenate([np.geomspace(1e-3, 0.9, 25), [1.0], np.geomspace(1.1, 1e3, 25)])
SCORES = np.linspace(-6.0, 6.0, 48)  # none at a kink, such as -2 of pearson


@pytest.fixture
def x64():
    with jax.enable_x64(True):
        yield


def build(case):
    return DIVERGENCES[case.name](**case.numbers)


def test_every_divergence_has_a_case():
    assert {case.name for case in CASES.values()} == set(DIVERGENCES)


@each_case
@pytest.mark.usefixtures("x64")
def test_is_what_the_paper_writes(case):
    row = build(case)
    exactly(row.f(U), case.f(U))
    exactly(row.optimal(U), case.optimal(U))
    exactly(row.real(SCORES), case.activation(SCORES))
    exactly(row.supremum, case.supremum)
    reached = case.activation(SCORES)
    assert_allclose(row.conjugate(reached), case.conjugate(reached), rtol=1e-9)
    # Near the end of the domain the paper's composition itself cancels.
    assert_allclose(row.fake(SCORES), case.conjugate(reached), rtol=1e-8, atol=1e-12)


@each_case
@pytest.mark.usefixtures("x64")
def test_fenchel_identity(case):
    # f(u) + f*(t) >= u t for any t, with equality at t = f'(u).
    row = build(case)
    t = row.optimal(U)
    scale = 1 + np.abs(row.f(U)) + np.abs(U * t)
    assert_allclose((row.f(U) + row.conjugate(t) - U * t) / scale, 0.0, atol=1e-12)
    any_t = row.real(SCORES)[:, None]
    assert (row.f(U) + row.conjugate(any_t) - U * any_t > -1e-9).all()


@each_case
@pytest.mark.usefixtures("x64")
def test_conjugate_is_the_supremum(case):
    row = build(case)
    u = np.concatenate([[0.0], np.geomspace(1e-6, 1e6, 100_001)])
    f = np.asarray(row.f(jnp.asarray(u)))
    # Also where no score leads: u t - f(u) may be largest at u = 0.
    for t in [-30.0, -3.0, *np.asarray(row.real(np.linspace(-5.0, 2.0, 8)))]:
        close(np.max(u * t - f), row.conjugate(t), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "case",
    [case for case in CASES.values() if case.supremum < INF],
    ids=[name for name, case in CASES.items() if case.supremum < INF],
)
@pytest.mark.usefixtures("x64")
def test_conjugate_is_infinite_above_its_domain(case):
    # u t - f(u) grows like u (t - sup) without end; below sup it falls.
    row, u = build(case), np.array([1e6, 1e9, 1e12])
    assert (u * (row.supremum + 0.1) - row.f(u) > 0.09 * u).all()
    assert (u * (row.supremum - 0.1) - row.f(u) < 0).all()


@each_case
@pytest.mark.usefixtures("x64")
def test_derivatives_of_f_and_of_its_conjugate_invert_each_other(case):
    row = build(case)
    u = U[U != 1]  # where total variation has a kink
    exactly(jax.jit(jax.vmap(jax.grad(row.f)))(u), row.optimal(u))
    if case.name != "total_variation":  # whose T* takes two values only
        slopes = jax.jit(jax.vmap(jax.grad(row.conjugate)))(row.optimal(u))
        assert_allclose(slopes, u, rtol=1e-8)


@each_case
@pytest.mark.usefixtures("x64")
def test_activation_maps_reals_into_the_domain(case):
    row = build(case)
    t = np.asarray(row.real(SCORES))
    assert (np.diff(t) > 0).all()
    assert (t < case.supremum).all()
    assert row.real(1e4) <= case.supremum
    exactly(case.inverse(t), SCORES)


@each_case
@pytest.mark.usefixtures("x64")
def test_threshold_is_the_score_at_equal_densities(case):
    row = build(case)
    exactly(row.optimal(1.0), case.threshold)
    exactly(row.real(row.threshold), case.threshold)
    assert row.real(row.threshold + 0.01) > case.threshold


@each_case
@pytest.mark.usefixtures("x64")
def test_better_fakes_lower_the_generators_losses(case):
    v = np.linspace(-50.0, 30.0, 161)
    for loss in (f_divergence_generator, f_divergence_direct_generator):
        loss = jax.jit(jax.vmap(partial(loss, divergence=build(case))))
        assert (np.diff(loss(v)) <= 0).all()


# P = N(0, 1) and Q = N(1, 1.2^2) on a grid that carries all their mass.
GRID = np.linspace(-20.0, 20.0, 20_001)
P, Q = stats.norm.pdf(GRID, 0.0, 1.0), stats.norm.pdf(GRID, 1.0, 1.2)
RATIO = P / Q


def bound(row, score, grid=GRID, p=P, q=Q):
    """Minus the discriminator's loss in expectation over P and Q, of a score [grid]."""
    real = jax.vmap(partial(f_divergence_real, divergence=row))(score)
    fake = jax.vmap(partial(f_divergence_fake, divergence=row))(score)
    return -jnp.trapezoid(p * real + q * fake, grid)


@each_case
@pytest.mark.usefixtures("x64")
def test_bound_is_the_divergence_at_the_best_score_and_less_at_others(case):
    row = build(case)
    divergence = np.trapezoid(Q * case.f(RATIO), GRID)
    assert_allclose(divergence, case.divergence, atol=1e-6)
    t = row.optimal(RATIO)
    exactly(np.trapezoid(P * t - Q * row.conjugate(t), GRID), divergence)
    best = case.inverse(case.optimal(RATIO))
    exactly(bound(row, best), divergence, rtol=1e-9)
    noise = np.random.default_rng(0).normal(size=GRID.shape)
    for change in (0.1, -0.1, 0.1 * noise, np.sin(GRID), -0.5 * best):
        # Total variation's best score is infinite: 0.1 more or less changes nothing.
        gap = divergence - bound(row, best + change)
        assert gap > (1e-4 if case.name != "total_variation" else -1e-12)


GIVEN = np.linspace(-6.0, 7.0, 131)
REAL, FAKE = stats.norm.pdf(GIVEN, 0.0, 1.0), stats.norm.pdf(GIVEN, 0.7, 1.0)


@cache
def trained():
    """Of every case the bound before each step of training a score, 2 x 16 tanh.

    Its output starts as the threshold everywhere, where real and generated look alike.
    All are trained at once: of the sum of their losses each has its own gradient.
    """
    rows = [build(case) for case in CASES.values()]
    shapes = [(1, 16), (16, 16), (16, 1)]
    keys = jax.random.split(jax.random.key(0), 3)
    first, second, _ = map(jax.random.normal, keys, shapes)
    each = [
        [
            (first, jnp.zeros(16)),
            (second / 4, jnp.zeros(16)),
            (jnp.zeros((16, 1)), jnp.full(1, row.threshold)),
        ]
        for row in rows
    ]
    params = jax.tree.map(lambda *leaves: jnp.stack(leaves), *each)
    optimizer = optax.adam(0.02)

    def score(params):
        *hidden_layers, (weight, bias) = params
        hidden = GIVEN[:, None]
        for inner_weight, inner_bias in hidden_layers:
            hidden = jnp.tanh(hidden @ inner_weight + inner_bias)
        return (hidden @ weight + bias)[:, 0]

    def loss(params):
        scores = zip(rows, jax.vmap(score)(params), strict=True)
        bounds = jnp.stack([bound(row, x, GIVEN, REAL, FAKE) for row, x in scores])
        return -bounds.sum(), bounds

    def step(carry, _):
        params, state = carry
        gradient, bounds = jax.grad(loss, has_aux=True)(params)
        updates, state = optimizer.update(gradient, state)
        return (optax.apply_updates(params, updates), state), bounds

    carry = params, optimizer.init(params)
    run = jax.jit(lambda carry: jax.lax.scan(step, carry, length=400)[1])
    return dict(zip(CASES, np.asarray(run(carry)).T, strict=True))


@pytest.mark.parametrize("name", CASES)
@pytest.mark.usefixtures("x64")
def test_training_rises_to_the_divergence_and_not_above(name):
    case, bounds = CASES[name], trained()[name]
    divergence = np.trapezoid(FAKE * case.f(REAL / FAKE), GIVEN)
    # T = f'(1) everywhere has the bound f(1), which is 0, or -log 4 for gan.
    nothing = float(case.f(np.ones(())))
    reached = (bounds - nothing) / (divergence - nothing)
    assert_allclose(reached[0], 0.0, atol=1e-6)
    assert reached[-1] > 0.98
    assert (reached <= 1 + 1e-9).all()


as_used = partial(jax.jit, compiler_options=AS_USED)


def derivatives(row, side, scores):
    """The function of one side, its first and its second derivative."""
    function = getattr(row, side)
    slope = jax.grad(function)
    return [jax.vmap(order)(scores) for order in (function, slope, jax.grad(slope))]


@cache
def all_derivatives(given, jit=as_used):
    """Those of every case and side, `given` scores of each, in one program."""
    keys = [(name, side) for name in CASES for side in ("real", "fake")]

    @jit
    def program(scores):
        pairs = zip(keys, scores, strict=True)
        return [derivatives(build(CASES[n]), side, x) for (n, side), x in pairs]

    found = program([given(CASES[name], side) for name, side in keys])
    return dict(zip(keys, jax.device_get(found), strict=True))


def domain(case, side):
    """Where a function of the scores is finite in float32."""
    return (case.real_from, INF) if side == "real" else case.fake_within


def large_scores(case, side):
    low, high = domain(case, side)
    scores = np.array([-1e4, -200, -50, -40, -20, 0, 20, 40, 50, 200, 1e4])
    edges = np.array([low + 0.4, high - 0.4, low - 0.4, high + 0.4])
    return np.concatenate([scores, edges[np.isfinite(edges)]]).astype(np.float32)


def large_scores_in_float64(case, side):
    return large_scores(case, side).astype(np.float64)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("side", ["real", "fake"])
def test_large_scores(name, side):
    low, high = domain(CASES[name], side)
    scores = large_scores(CASES[name], side)
    finite = (low < scores) & (scores < high)

    value, slope, curvature = all_derivatives(large_scores)[name, side]
    with jax.enable_x64(True):
        expected = all_derivatives(large_scores_in_float64)[name, side]
    # Float32 keeps a v of 89 to 4e-6, and so e^v.
    for found, exact in zip((value, slope), expected, strict=False):
        assert_allclose(found[finite], exact[finite], rtol=3e-5, atol=1e-37)
    assert np.isinf(value[~finite]).all()
    assert not np.isnan(slope).any()
    assert np.isfinite(curvature[finite]).all()


def stencils(case, side):
    return (SCORES[:, None] + np.array([-1e-4, 0.0, 1e-4])).ravel()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("side", ["real", "fake"])
@pytest.mark.usefixtures("x64")
def test_derivatives_are_those_of_central_differences(name, side):
    value, slope, curvature = all_derivatives(stencils, jax.jit)[name, side]
    # The second too: a gradient penalty takes it.
    for function, derivative in ((value, slope), (slope, curvature)):
        low, _, high = np.asarray(function).reshape(-1, 3).T
        found = derivative.reshape(-1, 3)[:, 1]
        assert_allclose(found, (high - low) / 2e-4, rtol=1e-6, atol=1e-8)


def test_hand_values():
    real, fake = np.array([[0.0, 2.0], [3.0, -1.0]]), np.array([1.0, 0.0])
    row = DIVERGENCES["kl"]()
    # -E r = -4/4; E exp(s - 1) = (1 + 0.3678794) / 2 = 0.6839397
    close(f_divergence_real(real, divergence=row), -1.0)
    close(f_divergence_fake(fake, divergence=row), 0.6839397)
    close(f_divergence_discriminator(real, fake, divergence=row), -0.3160603)
    close(f_divergence_generator(fake, divergence=row), -0.6839397)
    close(f_divergence_direct_generator(fake, divergence=row), -0.5)


@each_case
def test_half_precision_scores_are_widened(case):
    score = jnp.array([-3.0, 0.5, 6.0, 20.0], jnp.bfloat16)  # exact in bfloat16
    for loss in (f_divergence_real, f_divergence_fake):
        value, slope = jax.value_and_grad(partial(loss, divergence=build(case)))(score)
        assert (value.dtype, slope.dtype) == (jnp.float32, jnp.bfloat16)
        wide = loss(score.astype(jnp.float32), divergence=build(case))
        assert_allclose(value, wide, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "key", "values"),
    [
        ("weighted_jensen_shannon", "pi", [0.1, 0.5, 0.9]),
        ("alpha_below_one", "alpha", [-3.0, 0.0, 0.6]),
        ("alpha_above_one", "alpha", [1.1, 2.0, 4.0]),
    ],
)
def test_numbers_may_be_traced(name, key, values):
    score = jnp.array([-4.0, -0.5, 0.0, 3.0])

    def results(number):
        row = DIVERGENCES[name](**{key: number})
        loss = partial(f_divergence_discriminator, divergence=row)
        value, slope = jax.value_and_grad(loss)(score, score)
        return value, slope, row.threshold

    traces = []
    compiled = jax.jit(lambda number: traces.append(name) or results(number))
    eager = [results(number) for number in values]
    for number, expected in zip(values, eager, strict=True):
        jax.tree.map(close, compiled(number), expected)
    assert len(traces) == 1
    mapped = jax.vmap(results)(jnp.array(values))
    jax.tree.map(close, mapped, tuple(map(np.stack, zip(*eager, strict=True))))


def test_gan_is_minimax_and_its_direct_generator_non_saturating():
    real, fake = np.random.default_rng(0).normal(scale=3.0, size=(2, 16))
    row = DIVERGENCES["gan"]()
    close(
        f_divergence_discriminator(real, fake, divergence=row),
        scores.minimax_discriminator(real, fake),
    )
    close(f_divergence_generator(fake, divergence=row), scores.minimax_generator(fake))
    close(
        f_divergence_direct_generator(fake, divergence=row),
        scores.non_saturating_generator(fake),
    )
    # Jensen-Shannon is the same game, shifted so that its value is 0 at P = Q.
    row = DIVERGENCES["jensen_shannon"]()
    close(
        f_divergence_discriminator(real, fake, divergence=row),
        scores.minimax_discriminator(real, fake) - math.log(4),
    )


@pytest.mark.usefixtures("x64")
def test_alpha_divergences_contain_others():
    def alpha(value):
        side = "below" if value < 1 else "above"
        return DIVERGENCES[f"alpha_{side}_one"](alpha=value)

    # (u^2 - 1 - 2 (u - 1)) / 2 = (u - 1)^2 / 2, and so f*(t) = h*(2 t) / 2
    pearson = DIVERGENCES["pearson"]()
    exactly(alpha(2.0).f(U), pearson.f(U) / 2)
    exactly(alpha(2.0).fake(SCORES), pearson.fake(2 * SCORES) / 2)
    # (sqrt u - 1 - (u - 1) / 2) / (-1/4) = 2 u - 4 sqrt u + 2 = 2 (sqrt u - 1)^2
    exactly(alpha(0.5).f(U), 2 * DIVERGENCES["squared_hellinger"]().f(U))
    # (1 / u - 1 + (u - 1)) / 2 = (1 - 2 u + u^2) / (2 u)
    exactly(alpha(-1.0).f(U), DIVERGENCES["neyman"]().f(U) / 2)
    # (u^a - 1) / a -> log u, and int q (u - 1) = 0. At 0 itself the limit is taken.
    reverse_kl = DIVERGENCES["reverse_kl"]().f(U) + (U - 1)
    exactly(alpha(0.0).f(U), reverse_kl)
    # f*(t) = -log(1 - t), the conjugate of -log u + u - 1, at t = 1 - softplus(-v)
    exactly(alpha(0.0).fake(SCORES), -np.log(softplus(-SCORES)))
    # (u^a - 1) / (a - 1) -> u log u at 1, of conjugate e^t - 1
    kl = DIVERGENCES["kl"]().f(U) - (U - 1)
    for near in (1e-6, -1e-6):
        assert_allclose(alpha(near).f(U), reverse_kl, rtol=1e-4, atol=1e-9)
        assert_allclose(alpha(1 + near).f(U), kl, rtol=1e-4, atol=1e-9)
        assert_allclose(alpha(1 + near).conjugate(SCORES), np.expm1(SCORES), rtol=1e-4)


@pytest.mark.usefixtures("x64")
def test_weighted_jensen_shannon_turns_round():
    def weighted(pi):
        return DIVERGENCES["weighted_jensen_shannon"](pi=pi)

    exactly(weighted(0.5).f(U), DIVERGENCES["jensen_shannon"]().f(U) / 2)
    # D_pi(P || Q) = D_(1 - pi)(Q || P), whose f is u f(1 / u)
    exactly(weighted(0.2).f(U), U * weighted(0.8).f(1 / U))


def test_log_lambert_w_at_known_points():
    # W(e) = 1; W(2 e^2) = 2; W(1) is the omega constant. For large x, W(e^x) is
    # x - log x + log(x) / x: 1e4 - 9.210340 + 0.000921 = 9990.790581, log 9.209419;
    # for small ones e^x.
    x = np.array([1.0, 2 + math.log(2), 0.0, 1e4, -1e4])
    expected = [0.0, math.log(2), math.log(0.5671433), 9.209419, -1e4]
    close(as_used(_special.log_lambert_w)(x), expected)


@pytest.mark.usefixtures("x64")
def test_log_lambert_w_solves_its_equation_and_agrees_with_scipy():
    x = np.concatenate([np.linspace(-300.0, 300.0, 6001), [-1e4, 1e3, 1e4, 1e8]])
    y = np.asarray(as_used(_special.log_lambert_w)(x))
    assert_allclose(y + np.exp(y), x, rtol=1e-14, atol=1e-14)
    some = np.linspace(-300.0, 300.0, 6001)
    y = np.asarray(as_used(_special.log_lambert_w)(some))
    assert_allclose(np.exp(y), special.wrightomega(some), rtol=1e-13)
    moderate = np.linspace(-5.0, 5.0, 41)
    w = special.lambertw(np.exp(moderate)).real
    assert_allclose(np.exp(as_used(_special.log_lambert_w)(moderate)), w, rtol=1e-14)


@pytest.mark.usefixtures("x64")
def test_log_lambert_w_derivatives():
    x = np.array([-1e4, -30.0, -2.0, 0.0, 1.0, 3.0, 50.0, 1e4])
    w = special.wrightomega(x)
    first = jax.grad(lambda x: jnp.exp(_special.log_lambert_w(x)))
    # d/dx W(e^x) = W / (1 + W), and once more W / (1 + W)^3
    assert_allclose(as_used(jax.vmap(first))(x), w / (1 + w), rtol=1e-12)
    assert_allclose(as_used(jax.vmap(jax.grad(first)))(x), w / (1 + w) ** 3, rtol=1e-10)


def test_log_scale_functions_do_not_underflow():
    x = np.array([-1e4, -200.0, -39.0, 0.0, 1.0, 80.0])
    # Far below 0 both are x; log log 2, log log(1 + e), log 80
    expected = [-1e4, -200.0, -39.0, -0.3665129, 0.2725137, 4.3820266]
    close(as_used(_special.log_softplus)(x), expected)
    # log(1 - 1/e), log(1 - e^-e), 0
    expected = [-1e4, -200.0, -39.0, -0.4586751, -0.0682661, 0.0]
    close(as_used(_special.log_one_minus)(x), expected)
    for function in (_special.log_softplus, _special.log_one_minus):
        slope = as_used(jax.vmap(jax.grad(function)))(x)
        close(slope[:3], 1.0)
        assert np.isfinite(slope).all()


def test_inverse_softplus():
    # softplus(log(e^y - 1)) = y; for large y it is y, and for small ones log y
    inverse = as_used(_special.inverse_softplus)
    close(inverse(softplus(SCORES)), SCORES, rtol=1e-5, atol=1e-5)
    close(inverse(np.array([1e4, 1e-30])), [1e4, -69.0775528])


def test_derivatives_are_kept_where_the_function_is_flat():
    # e^-30 and e^-50, where 1 + expm1(x) is 0; sech^2 = 4 e^-2x at 15 and -25
    slope = as_used(jax.vmap(jax.grad(_special.expm1)))(np.array([-30.0, -50.0]))
    assert_allclose(slope, [9.3576230e-14, 1.9287498e-22], rtol=1e-5)
    slope = as_used(jax.vmap(jax.grad(_special.tanh)))(np.array([15.0, -25.0]))
    assert_allclose(slope, [3.7430492e-13, 7.7149992e-22], rtol=1e-5)


def test_power_ratio_passes_through_the_logarithm():
    # (e^(p l) - 1) / p = l + p l^2 / 2 + ... at l = 2
    power = np.array([-1e-4, 0.0, 1e-4, 1.0])
    expected = [1.9998000, 2.0, 2.0002000, math.exp(2) - 1]
    ratio = as_used(jax.vmap(partial(_special.power_ratio, jnp.asarray(2.0))))
    close(ratio(power), expected)
