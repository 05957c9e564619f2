"""Sweeps planned: points checked in a child, named, hashed, written, extended."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from ganjax.config import flatten, load
from ganjax.config.experiment import ConfigError
from ganjax.config.validation import validate
from ganjax.record.files import read_json, write_json
from launch import sweep as sweeps
from launch.sweep import (
    Run,
    Sweep,
    check_unchanged,
    command,
    extend,
    find,
    plan,
    write,
)

EXPERIMENT = """
from ganjax.config import defaults, parse_arg, penalty

def get_config(arg=""):
    print("an experiment file may print")
    chosen = parse_arg(arg, objective=("hinge", "wasserstein"), size=("large", "small"))
    config = defaults(data="ring", network="mlp", objective=chosen.objective)
    config.steps = 7 if chosen.size == "small" else 100
    config.penalties.r1 = penalty("r1")
    return config
"""
SWEEP = """
def sweep(add):
    for arg in ("hinge", "wasserstein"):
        for seed in range(2):
            weight = {"penalties.r1.weight": 0.1}
            add(arg, seed=seed, **weight)
"""


@pytest.fixture
def experiment(tmp_path):
    def make(sweep=SWEEP):
        path = tmp_path / "experiment.py"
        path.write_text(EXPERIMENT + sweep)
        return str(path)

    return make


def refuses(words, function, *arguments):
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)


def test_plan_and_what_is_written(experiment, tmp_path):
    path = experiment()
    sweep = plan(f"{path}:small", ["batch_size=16"])
    write(tmp_path / "sweep", sweep)
    found = read_json(tmp_path / "sweep/sweep.json")
    assert list(found) == [
        *("experiment", "experiment_hash", "overrides", "common", "follow", "rungs"),
        "points",
    ]
    assert found["follow"] == "none"
    assert found["experiment"] == f"{path}:small"
    source = (tmp_path / "experiment.py").read_bytes()
    assert found["experiment_hash"] == hashlib.sha256(source).hexdigest()
    assert found["overrides"] == ["batch_size=16"]
    assert (found["common"]["steps"], found["common"]["batch_size"]) == (7, 16)

    last = found["points"][3]
    resolved = {"seed": 1, "objective.name": "wasserstein"}
    config = flatten(
        validate(
            load(
                f"{path}:small,wasserstein",
                ["batch_size=16", "seed=1", "penalties.r1.weight=0.1"],
            )
        )
    )
    # Canonical: sorted keys, no blanks.
    text = json.dumps(config, sort_keys=True, separators=(",", ":"))
    assert last == {
        "index": 3,
        "folder": "003_wasserstein_seed=1_weight=0.1",
        "arg": "wasserstein",
        "overrides": {"seed": 1, "penalties.r1.weight": 0.1},
        "hash": hashlib.sha256(text.encode()).hexdigest(),
        "config": resolved,
        "stage": 0,
    }
    assert found["common"] | resolved == json.loads(json.dumps(config))
    assert find(tmp_path / "sweep") == sweep
    assert command(Path("s"), sweep, sweep.runs[3]) == [
        *("-m", "ganjax.main", f"--config={path}:small,wasserstein"),
        "--config.batch_size=16",
        "--config.seed=1",
        "--config.penalties.r1.weight=0.1",
        "--workdir=s/003_wasserstein_seed=1_weight=0.1",
    ]


@pytest.mark.parametrize(
    ("sweep", "overrides", "words"),
    [
        (
            SWEEP,
            ["seed=3"],
            "--config.seed: the sweep sets it itself, as in hinge seed",
        ),
        (
            SWEEP,
            ["stesp=3"],
            "stesp: {path}:hinge has no such key; did you mean steps?",
        ),
        (
            "def sweep(add):\n    add()\n    add('hinge', sede=3)",
            [],
            "point 1 ({path}:hinge sede=3): --config.sede: {path}:hinge has no such",
        ),
        (
            "def sweep(add):\n    add(steps=0)",
            [],
            "point 0 ({path} steps=0): config.steps: must lie in [1, ",
        ),
        (
            "def sweep(add):\n    add('hing')",
            [],
            "point 0 ({path}:hing): {path}: argument 'hing' is unknown",
        ),
        (
            "def sweep(add):\n    add()\n    add('hinge', seed=0)",
            [],
            "point 0 (a point without argument or override) and point 1 (hinge seed=0) "
            "have the same config",
        ),
    ],
)
def test_plan_refuses(experiment, sweep, overrides, words):
    path = experiment(sweep)
    refuses(words.format(path=path), plan, path, overrides)


def run_of(index, seed, *, digest=None):
    return Run(
        index=index,
        folder=f"00{index}_seed={seed}",
        arg="",
        overrides={"seed": seed},
        hash=digest or f"hash of {seed}",
        config={"seed": seed},
    )


def sweep_of(*seeds, common=None):
    runs = [run_of(index, seed) for index, seed in enumerate(seeds)]
    return Sweep("x.py", "", [], common or {"steps": 5}, runs)


def test_new_points_join_at_the_end_and_old_ones_keep_their_folders(tmp_path):
    old = sweep_of(4, 5)
    runs = [replace(run, folder=f"0{run.folder}") for run in old.runs]
    new = sweep_of(4, 5, 6)
    merged = extend(tmp_path, old._replace(runs=runs), new)
    folders = [run.folder for run in merged.runs]
    assert folders == ["0000_seed=4", "0001_seed=5", "002_seed=6"]
    assert [run.hash for run in merged.runs] == [run.hash for run in new.runs]


def test_changed_point_is_refused_with_its_keys(tmp_path):
    words = "point 1 (seed=7): seed was 5, is 7; choose another folder"
    refuses(words, extend, tmp_path, sweep_of(4, 5), sweep_of(4, 7))
    new = sweep_of(4, common={"steps": 9, "width": 3})
    new = new._replace(runs=[run_of(0, 4, digest="other")])
    words = "point 0 (seed=4): steps was 5, is 9; width was missing, is 3; choose"
    refuses(words, extend, tmp_path, sweep_of(4, 5), new)


def test_missing_points_are_refused(tmp_path):
    words = f"{tmp_path} holds more points, 2, than the sweep, 1; choose another folder"
    refuses(words, extend, tmp_path, sweep_of(4, 5), sweep_of(4))


def test_folder_names_are_safe_and_short():
    name = sweeps._folder
    long = {f"a.key{i}": "x" * 20 for i in range(9)}
    assert (
        name(3, 12, sweeps.Point("hinge,dense", {"a.b": 1.0}))
        == "003_hinge-dense_b=1.0"
    )
    assert name(3, 2_000, sweeps.Point("", {})) == "0003"
    assert name(0, 1, sweeps.Point("", {"dir": "../é x/"})) == "000_dir=..-x"
    assert len(name(0, 1, sweeps.Point("", long))) == 80
    assert name(0, 1, sweeps.Point("", {"w": (4, 4)})) == "000_w=-4-4"


def test_folders_that_hold_no_sweep(tmp_path):
    assert find(tmp_path / "nothing") is None
    assert find(tmp_path) is None
    (tmp_path / "launch.lock").touch()
    (tmp_path / ".sweep.json.7.tmp").touch()
    assert find(tmp_path) is None  # killed before sweep.json was there
    (tmp_path / "x.tmp").touch()  # somebody's, not ours
    refuses("exists and is not a sweep folder", find, tmp_path)
    (tmp_path / "x.tmp").rename(tmp_path / "notes.txt")
    words = f"--workdir: {tmp_path} exists and is not a sweep folder"
    refuses(words, find, tmp_path)
    refuses("exists and is not a sweep folder", find, tmp_path / "notes.txt")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not JSON"),
        ("[]", "a JSON object is expected, not list"),
        ("{}", "damaged, experiment is missing"),
        ("[" * 100_000, "not JSON, nested more than 32 deep"),
    ],
)
def test_damaged_sweep(tmp_path, text, words):
    (tmp_path / "sweep.json").write_text(text)
    refuses(f"{tmp_path}/sweep.json: {words}", find, tmp_path)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"folder": "../../out"}, "folder must be the name of a folder in the sweep"),
        ({"folder": "/tmp/out"}, "folder must be the name of a folder in the sweep"),
        ({"folder": ".."}, "folder must be the name of a folder in the sweep"),
        ({"folder": "x" * 81}, "folder must be the name of a folder in the sweep"),
        ({"folder": "001_seed=5"}, "damaged, two points have one folder"),
        ({"arg": "a\0b"}, "point 0: damaged, arg must be a string, not 'a\\x00b'"),
        ({"index": None}, "point 0: damaged, index must be a whole number, not None"),
        ({"config": []}, "point 0: damaged, config must be an object, not []"),
        ({"stage": -1}, "point 0: damaged, stage must be a whole number, not -1"),
    ],
)
def test_damaged_point(tmp_path, change, words):
    write(tmp_path, sweep_of(4, 5))
    found = read_json(tmp_path / "sweep.json")
    found["points"][0] |= change
    write_json(tmp_path / "sweep.json", found)
    refuses(words, find, tmp_path)


def test_older_files_have_no_stages(tmp_path):
    sweep = sweep_of(4, 5)
    write(tmp_path, sweep)
    found = read_json(tmp_path / "sweep.json")
    del found["follow"], found["rungs"], found["points"][0]["stage"]
    write_json(tmp_path / "sweep.json", found)
    assert find(tmp_path) == sweep
    write_json(tmp_path / "sweep.json", found | {"follow": "later"})
    refuses("damaged, follow must be one of none, open, ended, not", find, tmp_path)


@pytest.mark.parametrize("name", ["000_seed=4", "logs"])
def test_links_do_not_lead_out_of_a_sweep(tmp_path, name):
    folder = tmp_path / "sweep"
    write(folder, sweep_of(4, 5))
    (folder / name).symlink_to(tmp_path)
    refuses(f"{folder}/{name}: a link that leads out of {folder}", find, folder)


def test_commands_are_built_and_not_read(tmp_path):
    write(tmp_path, sweep_of(4))
    found = read_json(tmp_path / "sweep.json")
    found["points"][0]["command"] = ["-c", "pass"]
    write_json(tmp_path / "sweep.json", found)
    sweep = find(tmp_path)
    assert command(tmp_path, sweep, sweep.runs[0]) == [
        *("-m", "ganjax.main", "--config=x.py", "--config.seed=4"),
        f"--workdir={tmp_path}/000_seed=4",
    ]


def test_tuples_are_written_and_read_alike(tmp_path):
    sweep = sweep_of(4)
    own = {"networks.generator.widths": (64, 64)}
    sweep = sweep._replace(runs=[replace(sweep.runs[0], overrides=own)])
    write(tmp_path, sweep)
    assert find(tmp_path) == sweep


def test_only_what_was_launched_is_resumed(experiment, tmp_path):
    path = experiment()
    sweep = plan(path, ["steps=9"])
    check_unchanged(tmp_path, sweep, sweep.runs)
    again = f"python -m launch --config={path} --config.steps=9 --workdir={tmp_path}"
    old = sweep._replace(experiment_hash="")
    refuses(
        f"was written before files were hashed; to run it as it is now: {again}",
        *((check_unchanged, tmp_path, old, sweep.runs)),
    )
    # The same file may come to another config, by what it builds on.
    other = replace(sweep.runs[1], hash="other", config={"seed": 7})
    words = "point 1 (hinge seed=1 penalties.r1.weight=0.1) is not what was"
    refuses(words, check_unchanged, tmp_path, sweep, [sweep.runs[0], other])
    Path(path).write_text(Path(path).read_text() + "\n")
    words = f"{path} is not the file that was launched; to run it as it is now: {again}"
    refuses(words, check_unchanged, tmp_path, sweep, sweep.runs)
    Path(path).unlink()
    refuses(f"no file {path}", check_unchanged, tmp_path, sweep, sweep.runs)
