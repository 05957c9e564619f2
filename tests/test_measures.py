"""Which way is better, and by which measure a run is judged first."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ganjax.config import measures
from ganjax.metrics import neighbour_quality
from ganjax.train.journal import write_evaluation


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


def test_noise_that_beats_the_data_ranks_nothing():
    # Noise of the data's own mean and covariance, a third as strong, of 8 x 8 digits.
    rng = np.random.default_rng(0)
    images = rng.permutation(load_digits().data)
    data, others = images[:400], images[400:800]
    low = np.linalg.cholesky(np.cov(images.T) + 1e-3 * np.eye(64))
    noise = images.mean(axis=0) + rng.normal(size=data.shape) @ low.T / 3
    of_noise, of_data = (neighbour_quality(data, fake) for fake in (noise, others))
    for name in of_data:
        key = measures.key_measure([name])
        noise_is_better = of_noise[name] > of_data[name]
        assert noise_is_better == (name in ("precision", "density")) == (key is None)
    assert math.isinf(measures.cost("precision", 1.0))


def test_measures_of_pixels_are_never_shown_without_a_remark():
    assert "compare pixels" in measures.remark(["error", "precision"])
    assert measures.remark(["high_quality", "error"]) == ""


def test_evaluation_line_has_the_remark(tmp_path, capsys):
    found = SimpleNamespace(metrics=lambda state, count: {"precision": 0.99})
    config = {"evaluation": {"samples": 10}}
    write_evaluation(config, tmp_path, found, 3, None)
    line, remark = capsys.readouterr().out.splitlines()
    assert line.endswith("evaluation.json: precision 0.99")
    assert remark == measures.remark(["precision"])


def test_scale_is_that_of_meaningful_differences():
    assert measures.scale("reverse_kl", 0.25) == 0.25
    assert measures.scale("fid", 30.0) == 30.0
    # Half and twice the right variance are equally far from it.
    assert measures.scale("variance_ratio", 0.5) == pytest.approx(math.log(2))
    assert measures.scale("variance_ratio", 2.0) == pytest.approx(math.log(2))
