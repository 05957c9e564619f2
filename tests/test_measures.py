"""Which way is better, and by which measure a run is judged first."""

import math

import pytest

from ganjax import measures


def test_key_measure_is_the_first_that_a_run_has():
    assert measures.key_measure(["reverse_kl", "modes_covered"]) == "modes_covered"
    assert measures.key_measure(["fid"]) is None


@pytest.mark.parametrize(
    ("name", "better", "worse"),
    [
        ("high_quality", 0.9, 0.8),
        ("reverse_kl", 0.1, 0.2),
        ("variance_ratio", 0.8, 1.3),  # |log 0.8| = 0.223, |log 1.3| = 0.262
        ("variance_ratio", 3.0, 0.0),
        ("high_quality", -1e9, math.nan),
    ],
)
def test_cost_orders_values(name, better, worse):
    assert measures.cost(name, better) < measures.cost(name, worse)


def test_scale_is_that_of_meaningful_differences():
    assert measures.scale("reverse_kl", 0.25) == 0.25
    assert measures.scale("fid", 30.0) == 30.0
    # Half and twice the right variance are equally far from it.
    assert measures.scale("variance_ratio", 0.5) == pytest.approx(math.log(2))
    assert measures.scale("variance_ratio", 2.0) == pytest.approx(math.log(2))
