"""f-divergences by quadrature, against closed forms and against the losses' f."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import norm

from ganjax.config import divergences
from ganjax.losses import f_divergence as losses
from ganjax.measures import best_gaussian, f_divergence
from ganjax.measures.f_divergence import INTEGRANDS

X = np.linspace(-30, 30, 20_001)
NUMBERS = {
    "weighted_jensen_shannon": {"pi": 0.3},
    "alpha_below_one": {"alpha": -0.5},
    "alpha_above_one": {"alpha": 1.5},
}


def between(p, q, divergence, **numbers):
    """Of two Gaussians (mean, sd)."""
    return f_divergence(
        norm.logpdf(X, *p), norm.logpdf(X, *q), X, divergence, **numbers
    )


def kl(p, q):
    """log(t / s) + (s^2 + (m - n)^2) / (2 t^2) - 1/2 of N(m, s^2), N(n, t^2)."""
    (m, s), (n, t) = p, q
    return np.log(t / s) + (s**2 + (m - n) ** 2) / (2 * t**2) - 0.5


def bhattacharyya(p, q):
    """int sqrt(p q)."""
    (m, s), (n, t) = p, q
    total = s**2 + t**2
    return np.sqrt(2 * s * t / total) * np.exp(-((m - n) ** 2) / (4 * total))


def test_there_is_one_for_each_of_the_configs():
    assert set(INTEGRANDS) == set(divergences("kl"))


@pytest.mark.parametrize(
    ("p", "q"), [((0, 1), (1, 2)), ((-1, 0.5), (2, 1)), ((3, 1), (3, 1))]
)
def test_gaussians_of_any_width_in_closed_form(p, q):
    expected = {
        "kl": kl(p, q),
        "reverse_kl": kl(q, p),
        "jeffrey": kl(p, q) + kl(q, p),
        "squared_hellinger": 2 - 2 * bhattacharyya(p, q),
    }
    found = {name: between(p, q, name) for name in expected}
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_gaussians_of_one_width_in_closed_form():
    # 1.5 apart: int p^a q^(1 - a) = exp(a (a - 1) 1.5^2 / 2).
    p, q, square = (0, 1), (1.5, 1), 1.5**2
    expected = {
        "total_variation": 2 * norm.cdf(0.75) - 1,
        "pearson": np.exp(square) - 1,
        "neyman": np.exp(square) - 1,
        "alpha_below_one": (np.exp(0.75 * square / 2) - 1) / 0.75,
        "alpha_above_one": (np.exp(0.75 * square / 2) - 1) / 0.75,
    }
    found = {name: between(p, q, name, **NUMBERS.get(name, {})) for name in expected}
    assert found == pytest.approx(expected, rel=1e-6)


def test_entropies_where_nothing_overlaps():
    p, q = (-12, 1), (12, 1)
    expected = {
        "total_variation": 1,
        "squared_hellinger": 2,
        "jensen_shannon": np.log(4),
        "gan": 0,
        "weighted_jensen_shannon": -0.3 * np.log(0.3) - 0.7 * np.log(0.7),
    }
    found = {name: between(p, q, name, **NUMBERS.get(name, {})) for name in expected}
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("name", INTEGRANDS)
def test_it_is_the_divergence_whose_bound_the_loss_descends(name):
    x = np.linspace(-7, 7, 2_001)  # where float32 holds p / q
    p, q = norm.logpdf(x, 0.5, 1), norm.logpdf(x, 0, 1.2)
    numbers = NUMBERS.get(name, {})
    f = getattr(losses, name)(**numbers).f
    value = np.asarray(f(np.exp(p - q).astype(np.float32)), float)
    expected = np.trapezoid(np.exp(q) * value, x)
    found = f_divergence(p, q, x, name, **numbers)
    assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize("name", INTEGRANDS)
def test_best_gaussian_of_a_gaussian_is_itself(name):
    found = best_gaussian(norm.logpdf(X, 0.7, 1.3), X, name, **NUMBERS.get(name, {}))
    least = -np.log(4) if name == "gan" else 0
    assert found == pytest.approx((0.7, 1.3, least), abs=2e-4)


def test_best_gaussian_of_a_mixture():
    parts = norm.logpdf(X, -1, 0.065**0.5), norm.logpdf(X, 2, 2**0.5)
    log_p = np.logaddexp(np.log(0.33) + parts[0], np.log(0.67) + parts[1])
    # That of KL has the mean and sd of P: 0.33 (-1) + 0.67 2, and of the squares.
    square = 0.33 * (0.065 + 1) + 0.67 * (2 + 4)
    found = best_gaussian(log_p, X, "kl")
    assert found[:2] == pytest.approx((1.01, np.sqrt(square - 1.01**2)), abs=1e-5)
    # That of total variation is better than any of a grid around it.
    best = best_gaussian(log_p, X, "total_variation")
    near = [
        f_divergence(log_p, norm.logpdf(X, mean, sd), X, "total_variation")
        for mean in np.linspace(-1.5, 2.5, 17)
        for sd in np.linspace(0.3, 2.7, 17)
    ]
    assert best.value < min(near) < best.value + 0.01
