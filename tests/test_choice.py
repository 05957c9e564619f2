"""Choosing the best of the settings that a sweep tried."""

import math

import pytest
from fake_runs import write_sweep

from ganjax.config.experiment import Point
from ganjax.record.files import read_json, write_json
from ganjax.record.reading import RunError
from ganjax.record.status import write_status
from ganjax.study import best_setting, by_setting, cost, measure, read_sweep

RATE = "optimizers.generator.learning_rate"
# By learning rate the high quality of the seeds, None where the run diverged.
TRIED = {0.1: (0.9, None), 0.2: (0.5, 0.7), 0.3: (0.6, 0.5)}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Two seeds of each rate, one that has not begun, one that is running."""
    folder = tmp_path_factory.mktemp("choice") / "sweep"
    runs = [
        (f"{rate}_{seed}", {"seed": seed, RATE: rate}, _run(quality))
        for rate, found in TRIED.items()
        for seed, quality in enumerate(found)
    ]
    more = [("waits", {"seed": 7}, None), ("runs", {"seed": 8}, {"state": "running"})]
    return write_sweep(folder, [*runs, *more], records=1, size=4)


def _run(quality):
    if quality is None:
        return {"state": "diverged"}
    found = {"high_quality": quality, "variance_ratio": 2 * quality, "own": 1.0}
    return {"evaluation": found}


def test_runs_that_ended_are_read_with_their_points(folder):
    runs = read_sweep(folder)
    assert [run.workdir.name for run in runs] == [
        f"{rate}_{seed}" for rate in TRIED for seed in range(2)
    ]
    assert runs[3].point == Point("", {"seed": 1, RATE: 0.2})
    assert {run.stage for run in runs} == {0}
    assert runs[1].evaluation == {}


def test_stage_and_tuples_are_read(folder, tmp_path):
    write_sweep(tmp_path / "s", [("a", {"seed": 3}, {"evaluation": {}})], records=1)
    found = read_json(tmp_path / "s/sweep.json")
    found["points"][0] |= {"stage": 2, "arg": "hinge", "overrides": {"x": [4, [5]]}}
    write_json(tmp_path / "s/sweep.json", found)
    (run,) = read_sweep(tmp_path / "s")
    assert (run.stage, run.point) == (2, Point("hinge", {"x": (4, (5,))}))


def test_cost_falls_where_a_run_is_better(folder):
    runs = read_sweep(folder)
    assert cost(runs[0], "high_quality") < cost(runs[3], "high_quality")
    # |log 1.8| = 0.588 and |log 1.4| = 0.336: best is a ratio of 1.
    assert cost(runs[0], "variance_ratio") == pytest.approx(math.log(1.8))
    assert cost(runs[3], "variance_ratio") == pytest.approx(math.log(1.4))
    assert cost(runs[0], lambda run: 3) == 3
    assert cost(runs[0], lambda run: math.nan) == math.inf
    for number in ("high_quality", "no such", lambda run: 0):
        assert cost(runs[1], number) == math.inf
    with pytest.raises(ValueError, match=r"0.1_0: own has no better and worse"):
        cost(runs[0], "own")
    with pytest.raises(KeyError, match="no measure no such"):
        cost(runs[0], "no such")


def test_best_setting_is_that_of_the_least_mean(folder):
    runs = read_sweep(folder)
    assert [len(group) for group in by_setting(runs)] == [2, 2, 2]
    # 0.1 diverged once; 0.2 has a mean of 0.6, 0.3 one of 0.55.
    best = best_setting(runs, "high_quality")
    assert [run.point.overrides[RATE] for run in best] == [0.2, 0.2]
    best = best_setting(runs, lambda run: measure(run, "high_quality"))
    assert best[0].point.overrides[RATE] == 0.3
    assert best_setting([runs[1]], "high_quality") == [runs[1]]
    with pytest.raises(ValueError, match="of no runs"):
        best_setting([], "high_quality")


def test_no_sweep_and_a_damaged_run_are_said(tmp_path):
    with pytest.raises(RunError, match=r"sweep.json: there is no such file"):
        read_sweep(tmp_path)
    run = {"evaluation": {}, "records": 1, "size": 4}
    write_sweep(tmp_path / "s", [("a", {"seed": 3}, run)])
    write_status(tmp_path / "s/a", state="done", step=1, steps=1)
    (tmp_path / "s/a/config.json").write_text("{")
    with pytest.raises(RunError, match=r"a/config.json: not JSON"):
        read_sweep(tmp_path / "s")
