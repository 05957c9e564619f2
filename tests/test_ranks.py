"""Which way is better, and by which measure a run is judged first."""

import math
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn.datasets import load_digits

from ganjax.config import ranks
from ganjax.measures import neighbour_quality
from ganjax.record.reading import read_evaluation
from ganjax.training.journal import write_evaluation


def test_key_measure_is_the_first_that_a_run_has():
    names = ["reverse_kl", "modes_covered"]
    assert ranks.key_measure(names, ranks.BEST) == "modes_covered"
    assert ranks.key_measure(["fid"], ranks.BEST) is None


def test_own_numbers_rank_behind_the_built_in_ones_in_the_order_of_the_runs():
    runs = [
        {"roughness": "lowest", "high_quality": "lowest"},
        {},  # older, or without a measure of its own
        {"evenness": "one", "roughness": "lowest", "fid": "lowest"},
        {"fid": "highest"},
    ]
    found, disputed = ranks.ranking_of(runs)
    own = {"roughness": "lowest", "evenness": "one"}
    assert list(found.items()) == [*ranks.BEST.items(), *own.items()]
    assert disputed == ("fid",)
    assert ranks.key_measure(["fid", "evenness", "roughness"], found) == "roughness"
    assert ranks.key_measure(["roughness", "recall"], found) == "recall"


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
    ranking = ranks.BEST
    assert ranks.cost(name, better, ranking) < ranks.cost(name, worse, ranking)


def test_noise_that_beats_the_data_ranks_nothing():
    # Noise of the data's own mean and covariance, a third as strong, of 8 x 8 digits.
    rng = np.random.default_rng(0)
    images = rng.permutation(load_digits().data)
    data, others = images[:400], images[400:800]
    low = np.linalg.cholesky(np.cov(images.T) + 1e-3 * np.eye(64))
    noise = images.mean(axis=0) + rng.normal(size=data.shape) @ low.T / 3
    of_noise, of_data = (neighbour_quality(data, fake) for fake in (noise, others))
    for name in of_data:
        key = ranks.key_measure([name], ranks.BEST)
        noise_is_better = of_noise[name] > of_data[name]
        assert noise_is_better == (name in ("precision", "density")) == (key is None)
    assert math.isinf(ranks.cost("precision", 1.0, ranks.BEST))


def test_measures_of_pixels_are_never_shown_without_a_remark():
    assert "compare pixels" in ranks.remark(["error", "precision"])
    assert ranks.remark(["high_quality", "error"]) == ""


def test_evaluation_line_has_the_remark(tmp_path, capsys):
    setup = SimpleNamespace(measures={})
    found = SimpleNamespace(
        measure=lambda state, count: {"precision": 0.99}, setup=setup
    )
    config = {"evaluation": {"samples": 10}}
    write_evaluation(config, tmp_path, found, 3, None)
    line, remark = capsys.readouterr().out.splitlines()
    assert line.endswith("evaluation.json: precision 0.99")
    assert remark == ranks.remark(["precision"])


def test_evaluation_says_where_the_best_of_its_numbers_lies(tmp_path):
    better = {"unevenness": "one", "not_taken": "lowest"}
    setup = SimpleNamespace(measures={"own": SimpleNamespace(better=better)})
    found = SimpleNamespace(
        measure=lambda state, count: {"unevenness": 0.9, "other": 3.0},
        setup=setup,
    )
    write_evaluation({"evaluation": {"samples": 10}}, tmp_path, found, 3, None)
    assert read_evaluation(tmp_path)["better"] == {"unevenness": "one"}


def test_scale_is_that_of_meaningful_differences():
    scale = partial(ranks.scale, ranking=ranks.BEST)
    assert scale("reverse_kl", 0.25) == 0.25
    assert scale("fid", 30.0) == 30.0
    # Half and twice the right variance are equally far from it.
    assert scale("variance_ratio", 0.5) == pytest.approx(math.log(2))
    assert scale("variance_ratio", 2.0) == pytest.approx(math.log(2))
