"""The comparison of objectives: its points, what follows, and what its study says."""

from pathlib import Path

import pytest
from fake_runs import write_sweep

from ganjax.config import experiment, flatten, load
from ganjax.config.experiment import join_args
from ganjax.config.schema import TRACED
from ganjax.config.validation import validate
from ganjax.record.files import read_json, write_json
from ganjax.study import Figure, Table, check, read_sweep

PATH = str(Path(__file__).parents[1] / "experiments/compare_objectives.py")
FILE = experiment.run_file(PATH)


def config_of(point, size="small"):
    own = [f"{key}={value}" for key, value in point.overrides.items()]
    return flatten(validate(load(join_args(f"{PATH}:{size}", point.arg), own)))


@pytest.mark.parametrize("size", ["small", "full"])
def test_each_entrant_has_as_many_trials_on_each_data_set(size):
    points = experiment.sweep(f"{PATH}:{size}")
    groups = {}
    for point in points:
        groups.setdefault(point.arg, []).append(point)
    names = FILE["SMALL" if size == "small" else "ENTRANTS"]
    assert list(groups) == [f"{name},{data}" for data in FILE["DATA"] for name in names]
    assert {len(own) for own in groups.values()} == {4 if size == "small" else 16}
    for own in groups.values():
        first, last = (config_of(point, size) for point in (own[0], own[-1]))
        differ = [key for key in first if first[key] != last[key]]
        # So that one process can train all of them.
        assert {key.partition(".")[0] for key in differ} <= set(TRACED)
        assert {type(first[key]) for key in differ} == {float}
        assert first.keys() == last.keys()


def test_trials_are_the_same_for_all_on_a_data_set():
    points = experiment.sweep(f"{PATH}:small")
    for data in FILE["DATA"]:
        tried = {}
        for point in points:
            name, on = point.arg.split(",")
            if on == data:
                rates = [point.overrides[FILE[x]] for x in ("GENERATOR_RATE", "RATE")]
                tried.setdefault(name, []).append(rates)
        assert all(found == tried["hinge"] for found in tried.values())
    (point, *_) = (x for x in points if x.arg == "relativistic,ring")
    weights = {f"penalties.{name}.weight" for name in ("r1", "r2")}
    assert weights <= point.overrides.keys()
    assert len({point.overrides[key] for key in weights}) == 1


def swept(folder, *, stages):
    """Results of two entrants on two data sets, the second of which diverges at 0.3."""
    runs, args = [], []
    for data in ("ring", "digits"):
        for entrant, level in (("hinge", 0.5), ("wgan", 0.7)):
            for rate in (0.1, 0.2, 0.3):
                args.append((f"{entrant},{data}", 0))
                runs.append((f"{data}-{entrant}-{rate}", *tried(0, rate, level)))
            for seed in range(1, 5) if stages else ():
                args.append((f"{entrant},{data}", 1))
                runs.append((f"{data}-{entrant}-s{seed}", *tried(seed, 0.2, level)))
    write_sweep(folder, runs, records=2, size=4)
    found = read_json(folder / "sweep.json")
    for point, (arg, stage) in zip(found["points"], args, strict=True):
        point |= {"arg": arg, "stage": stage}
    write_json(folder / "sweep.json", found)
    return read_sweep(folder)


def tried(seed, rate, level):
    config = {"seed": seed, FILE["GENERATOR_RATE"]: rate, FILE["RATE"]: rate}
    if level == 0.7 and (rate == 0.3 or seed == 4):
        return config, {"state": "diverged"}
    distance = level + abs(rate - 0.2) + 0.001 * seed
    details = {"modes_covered": 8.0, "high_quality": 0.5, "variance_ratio": 1.0}
    measures = {"cell_distance": distance, "coverage": 1 - distance, "recall": 0.5}
    return config, {"evaluation": measures | details}


def test_best_trial_gets_fresh_seeds_once(tmp_path):
    points = experiment.follow(PATH, swept(tmp_path / "first", stages=False))
    assert [point.arg for point in points[::8]] == [
        f"{entrant},{data}"
        for data in ("ring", "digits")
        for entrant in ("hinge", "wgan")
    ]
    assert {point.overrides[FILE["RATE"]] for point in points} == {0.2}
    assert [point.overrides["seed"] for point in points] == [*range(1, 9)] * 4
    assert experiment.follow(PATH, swept(tmp_path / "both", stages=True)) == []


def studied(folder, *, stages):
    done = [
        run for run in swept(folder, stages=stages) if run.status["state"] == "done"
    ]
    return {item.title: check(item) for item in experiment.study(PATH, done)}


def test_study_ranks_and_says_how_sure_that_is(tmp_path):
    items = studied(tmp_path / "sweep", stages=True)
    table = items["Ranking, ring"]
    assert isinstance(table, Table)
    rows = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["objective"] for row in rows] == ["hinge, R1", "wasserstein, clipped"]
    assert [(row["rank"], row["first, %"]) for row in rows] == [(1, 100), (2, 0)]
    # Seeds 1 to 4: 0.501 to 0.504; 0.701 to 0.703, and one that diverged is 1.
    assert rows[0]["distance"] == pytest.approx(0.5025)
    assert rows[1]["distance"] == pytest.approx((0.701 + 0.702 + 0.703 + 1) / 4)
    assert (rows[1]["seeds"], rows[1]["diverged"]) == (4, 1)
    assert rows[0]["from"] < 0.5025 < rows[0]["to"]

    tried = dict(
        zip(
            items["What was tried, ring"].columns,
            items["What was tried, ring"].rows[1],
            strict=True,
        )
    )
    assert (tried["trials"], tried["diverged"], tried["worst"]) == (3, 1, 1.0)
    assert (tried["generator's rate"], tried["best"]) == (0.2, 0.7)
    assert items["Ranks over the data sets"].rows == [
        ("hinge, R1", 1, 1, 1),
        ("wasserstein, clipped", 2, 2, 2),
    ]
    said = "1 on ring, 1 on digits."
    assert items["Ranks over the data sets"].note.endswith(said)
    sizes = items["What matters: the objective, its tuning, the seed"]
    assert [row[0] for row in sizes.rows] == ["ring", "digits"]
    # Trials: 0.5, 0.6, 0.6 and 0.7, 0.8, 1.
    assert sizes.rows[0][4:6] == (pytest.approx(0.2), pytest.approx(0.1))
    assert isinstance(items["Tuned objectives, and all that was tried"], Figure)
    assert "Samples, digits" in items


def test_study_of_the_trials_alone_is_a_figure(tmp_path):
    items = studied(tmp_path / "sweep", stages=False)
    assert list(items) == ["Tuned objectives, and all that was tried"]
