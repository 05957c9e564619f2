"""Successive halving: what a rung decides, and a sweep that is halved and killed."""

import json
import os
import subprocess
import sys
from pathlib import Path

import compiling
import pytest
from processes import finish, wait_for

from ganjax.config import ConfigError
from ganjax.record.files import read_json, write_bytes
from ganjax.record.status import write_status
from launch.halving import Rung, decide, is_judged, read_rungs

ROOT = Path(__file__).parents[1]

EXPERIMENT = """
from ganjax.config import defaults

def get_config(arg=""):
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.steps, config.batch_size = 200, 8
    for network in config.networks.values():
        network.widths = (4,)
    config.record.update(every=5, pictures_every=200, checkpoint_every=100, examples=4)
    config.evaluation.samples = 20
    return config

def sweep(add):
    for seed in range(5):
        add(seed=seed)

def halve(at):
    at(50, by="cell_distance", keep=0.5)
    at(100, by="cell_distance", keep=0.5)
"""


def write_records(run, *records):
    lines = [json.dumps(record).encode() + b"\n" for record in records]
    run.mkdir()
    write_bytes(run / "metrics.jsonl", b"".join(lines))


def test_the_best_go_on(tmp_path):
    by = "evaluation/variance_ratio"  # of which 1 is the best
    for run, value in {"a": 0.5, "b": 1.25, "c": 0.9, "d": 3.0, "e": 1.25}.items():
        write_records(
            tmp_path / run, {"step": 10, by: value}, {"step": 20, by: 1.0, "x": 2.0}
        )
    write_records(tmp_path / "f", {"step": 5, "x": 1.0})
    write_status(tmp_path / "f", state="diverged", step=5, steps=30)
    # Of six runs 0.4, so 2.4, rounded up: c, then b, which comes before its equal e.
    rung = decide(tmp_path, Rung(10, "variance_ratio", 0.4), "abcdef")
    assert rung.lost == ["a", "d", "f"]
    assert rung.values["c"] == 0.9
    assert rung.values["f"] is None
    assert decide(tmp_path, Rung(10, "variance_ratio", 0.1), "abc").lost == ["b", "a"]


def test_a_share_is_rounded_as_written(tmp_path):
    runs = [str(number) for number in range(100)]
    for run in runs:
        write_records(tmp_path / run, {"step": 10, "evaluation/recall": 0.5})
    # 0.07 * 100 is 7.000000000000001.
    assert decide(tmp_path, Rung(10, "recall", 0.07), runs).lost == runs[7:]


def test_what_was_not_measured_is_not_taken_for_bad(tmp_path):
    write_records(tmp_path / "a", {"step": 10, "evaluation/recall": 0.5})
    write_records(tmp_path / "b", {"step": 10, "x": 0.5})
    write_status(tmp_path / "b", state="preempted", step=10, steps=30)
    assert [is_judged(tmp_path / run, 10) for run in "ab"] == [True, False]
    with pytest.raises(ConfigError, match=r"b has no recall of step 10: it was beyond"):
        decide(tmp_path, Rung(10, "recall", 0.5), "ab")


CONFIG = {
    **{"steps": 60, "record.every": 5},
    **{"data.name": "digits", "game.name": "adversarial"},
}


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("at(50, by='no', keep=0.5)", "halve: by='no' ranks nothing; known: "),
        ("at(50, by='coverage', keep=1)", "keep must lie in (0, 1), not 1"),
        ("at(50, by='coverage', keep='x')", "keep must lie in (0, 1), not 'x'"),
        ("at(5, by='coverage', keep=.5); at(5, by='coverage', keep=.5)", "and rise: 5"),
        ("at(.5, by='coverage', keep=.5)", "steps must be whole and rise: 0.5"),
        ("at(52, by='coverage', keep=.5)", "step 52 must be a multiple of record.ev"),
        ("at(60, by='coverage', keep=.5)", "5, and below steps, 60"),
        ("at(50, 'coverage')", "TypeError: "),
        ("at(True, by='coverage', keep=.5)", "steps must be whole and rise: True"),
        ("at(50, by=['coverage'], keep=.5)", "by must be a string"),
        ("at(50, by='reverse_kl', keep=.5)", "there is no reverse_kl of digits in the"),
    ],
)
def test_rungs_that_cannot_be(tmp_path, source, words):
    path = tmp_path / "bad.py"
    path.write_text(f"def get_config(): ...\ndef halve(at):\n    {source}\n")
    with pytest.raises(ConfigError) as caught:
        read_rungs(str(path), [CONFIG])
    assert words in str(caught.value)
    assert str(caught.value).count(str(path)) == 1


def test_rungs_may_depend_on_the_argument_and_be_numpys(tmp_path):
    (tmp_path / "some.py").write_text(
        "import numpy as np\ndef halve(at, arg):\n"
        "    step = np.int64(50 if arg == 'small' else 55)\n"
        "    at(step, by='recall', keep=np.float32(0.5))"
    )
    for arg, step in (("", 55), (":small", 50)):
        found = read_rungs(f"{tmp_path}/some.py{arg}", [CONFIG])
        assert found == (Rung(step, "recall", 0.5),)


def test_without_halve_there_is_no_rung(tmp_path):
    (tmp_path / "plain.py").write_text("def get_config(): ...")
    assert read_rungs(str(tmp_path / "plain.py"), []) == ()


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("halving")
    (folder / "tiny.py").write_text(EXPERIMENT)
    return folder


def start(home, *arguments):
    flags = {"XLA_FLAGS": compiling.FLAGS, "JAX_PLATFORMS": "cpu"}
    return subprocess.Popen(
        [sys.executable, "-m", "launch", *arguments],
        cwd=home,
        env={**os.environ, **flags, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


LAUNCH = ("--config=tiny.py", "--max_parallel=1")


def records(folder):
    return {
        path.parent.name: [
            {**json.loads(line), "seconds": None}
            for line in path.read_text().splitlines()
        ]
        for path in folder.glob("*/metrics.jsonl")
    }


@pytest.fixture(scope="module")
def whole(home):
    code, output, errors = finish(start(home, *LAUNCH, "--workdir=whole"))
    assert code == 0, errors
    first = "whole: the best 0.5 by cell_distance at step 50: 3 of 5 runs go on\n"
    assert first in output
    assert "at step 100: 2 of 3 runs go on\n" in output
    assert "whole: 2 done, 3 lost\n" in output or "whole: 3 lost, 2 done\n" in output
    return home / "whole"


def test_losers_stop_at_their_rung_and_stay(home, whole):
    rungs = read_json(whole / "sweep.json")["rungs"]
    assert [len(rung["lost"]) for rung in rungs] == [2, 1]
    assert [len(rung["values"]) for rung in rungs] == [5, 3]
    for rung in rungs:
        worst = max(
            value for run, value in rung["values"].items() if run not in rung["lost"]
        )
        assert all(rung["values"][run] >= worst for run in rung["lost"])
        for run in rung["lost"]:
            status = read_json(whole / run / "status.json")
            assert (status["state"], status["step"]) == ("preempted", rung["step"])
            assert status["message"].startswith("was not of the best 0.5 by cell_dist")
            assert (whole / run / "checkpoints" / str(rung["step"])).is_dir()
    code, output, _ = finish(start(home, "status", "--workdir=whole"))
    assert code == 0
    assert output.count("was not of the best 0.5 by cell_distance at step") == 3


def test_a_killed_search_decides_the_same(home, whole):
    process = start(home, *LAUNCH, "--workdir=killed")
    plan = home / "killed/sweep.json"
    wait_for(lambda: plan.exists() and '"lost": [' in plan.read_text(), process)
    process.kill()
    finish(process)
    code, output, errors = finish(start(home, "resume", "--workdir=killed"))
    assert code == 0, errors
    assert "at step 50: " not in output  # that is decided
    assert read_json(plan)["rungs"] == read_json(whole / "sweep.json")["rungs"]
    assert records(home / "killed") == records(whole)


def test_rungs_that_are_decided_stay(home, whole):
    more = EXPERIMENT.replace("range(5)", "range(6)")
    other = EXPERIMENT.replace("at(100", "at(150")
    for name, text in {"more.py": more, "other.py": other}.items():
        (home / name).write_text(text)
        launched = start(home, f"--config={name}", "--workdir=whole")
        code, output, errors = finish(launched)
        assert (code, output) == (2, "")
        assert "was halved at the best 0.5 by cell_distance at step 50" in errors
