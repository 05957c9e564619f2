"""A pack of runs as the whole command trains it: folders, kills, bad usage."""

import json
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest
from processes import finish, wait_for

from ganjax.checkpoint import CheckpointError, Checkpoints, SaveError
from ganjax.command.stopping import StopRequest
from ganjax.config import ConfigError
from ganjax.config.faults import MachineError
from ganjax.config.program import read_program
from ganjax.record.files import read_json, write_json
from ganjax.record.status import write_status
from ganjax.training import loop
from ganjax.training.journal import Journal
from ganjax.training.member import told

RATE = "optimizers.discriminator.learning_rate"
EXPERIMENT = """
from ganjax.config import defaults

def get_config(arg=""):
    config = defaults(data="ring", network="mlp", objective="least_squares")
    config.steps, config.batch_size = 200, 8
    for network in config.networks.values():
        network.widths = (8,)
    config.record.update(every=5, pictures_every=100, checkpoint_every=20, examples=4)
    config.evaluation.update(every=100, samples=20)
    return config
"""
ENVIRONMENT = {**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packs")
    (folder / "tiny.py").write_text(EXPERIMENT)
    (folder / "mine").mkdir()
    (folder / "mine/report.txt").touch()
    return folder


def start(home, *flags):
    return subprocess.Popen(
        [sys.executable, "-m", "ganjax.main", *flags],
        cwd=home,
        env={**ENVIRONMENT, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def points(home, name):
    """A pack of two runs that differ in their seeds, and one that diverges."""
    overrides = [["seed=0"], ["seed=1"], ["seed=2", f"{RATE}=1e30"]]
    listed = [
        {"config": "tiny.py", "overrides": own, "workdir": f"{name}/{index}"}
        for index, own in enumerate(overrides)
    ]
    write_json(home / f"{name}.json", listed)
    return f"--points={name}.json"


@pytest.fixture(scope="module")
def alone(home):
    """Each run as a process of its own trains it."""
    for seed in range(2):
        flags = ("--config=tiny.py", f"--config.seed={seed}", f"--workdir=alone/{seed}")
        code, _, errors = finish(start(home, *flags))
        assert code == 0, errors
    return home / "alone"


def result(run):
    with Checkpoints(run / "checkpoints", keep=3) as saved:
        step, leaves = saved.read(None)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    records = [{**json.loads(line), "seconds": None} for line in lines]
    config, evaluation = (
        read_json(run / f"{x}.json") for x in ("config", "evaluation")
    )
    pictures = {
        path.name: path.read_bytes() for path in (run / "samples").glob("*.png")
    }
    samples = np.load(run / "samples/final.npz")["samples"]
    return (step, records, config, evaluation, pictures), (leaves, samples)


def assert_same_runs(one, other):
    (numbers, arrays), (others, same) = result(one), result(other)
    assert numbers == others
    jax.tree.map(np.testing.assert_array_equal, arrays, same)


def assert_ended(home, name):
    for seed in range(2):
        assert_same_runs(home / "alone" / str(seed), home / name / str(seed))
    status = read_json(home / name / "2/status.json")
    assert status["state"] == "diverged"
    assert (
        " not finite between steps 0 and 5; no checkpoint was saved"
        in (status["message"])
    )


def test_folders_of_a_pack_are_those_of_single_runs(home, alone):
    code, output, errors = finish(start(home, points(home, "whole")))
    assert code == 3, errors
    assert "whole/0: done at step 200\n" in output
    assert "whole/2: diverged at step 5: " in output
    assert "; pack of 3 on " in errors.splitlines()[0]
    assert_ended(home, "whole")
    one, other = (
        {path.name for path in folder.iterdir()}
        for folder in (alone / "0", home / "whole/0")
    )
    assert one == other
    assert read_json(home / "whole/0/environment.json")["pack"].startswith("pack of 3")


def test_a_pack_that_was_killed_has_the_same_bits(home, alone):
    flag = points(home, "killed")
    process = start(home, flag)
    ended = home / "killed/0/checkpoints/60"
    wait_for(ended.exists, process)
    process.kill()
    finish(process)
    # As when it was killed between two saves.
    newest = max(
        (home / "killed/1/checkpoints").glob("[0-9]*[0-9]"), key=lambda x: int(x.name)
    )
    shutil.rmtree(newest)
    code, _, errors = finish(start(home, flag))
    assert code == 3, errors
    assert "; pack of 1 on " in errors  # it comes up to the other
    assert_ended(home, "killed")


def test_a_member_goes_on_alone_and_a_stopped_pack_resumes(home, alone):
    flag = points(home, "parted")
    process = start(home, flag)
    wait_for((home / "parted/0/checkpoints/20").exists, process)
    process.terminate()
    code, output, errors = finish(process)
    assert code == 75, errors
    assert output.count("preempted at step ") == 2
    assert (home / "parted/2/report.html").exists()  # it had diverged
    again = ("--config=tiny.py", "--config.seed=1", "--workdir=parted/1")
    assert finish(start(home, *again))[0] == 0
    assert finish(start(home, flag))[0] == 3
    assert_ended(home, "parted")


def test_a_run_that_pauses_is_the_run_that_does_not(home, alone):
    flags = ("--config=tiny.py", "--workdir=paused")
    code, output, errors = finish(start(home, *flags, "--until=100"))
    assert code == 0, errors
    assert "paused at step 100: paused as --until says; a later one" in output
    status = read_json(home / "paused/status.json")
    assert (status["state"], status["step"]) == ("preempted", 100)
    before = (home / "paused/metrics.jsonl").read_bytes()
    program = read_program(str(home / "tiny.py"))
    again = partial(loop.run, program, home / "paused", "train")
    assert again(until=50) == 0  # it is beyond
    assert (home / "paused/metrics.jsonl").read_bytes() == before
    assert read_json(home / "paused/status.json")["step"] == 100
    assert finish(start(home, *flags))[0] == 0
    assert_same_runs(alone / "0", home / "paused")
    assert again(until=100) == 0
    assert read_json(home / "paused/status.json")["state"] == "done"


def test_seeds_are_compared(home, alone):
    seeds = ("--config=tiny.py", "--seeds=2", "--workdir=seeds")
    code, output, errors = finish(start(home, *seeds))
    assert code == 0, errors
    assert output.splitlines()[-1] == "seeds/report.html"
    page = (home / "seeds/report.html").read_text()
    assert "seed-0" in page
    assert "seed-1" in page
    for seed in range(2):
        assert_same_runs(alone / str(seed), home / f"seeds/seed-{seed}")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (
            ("--seeds=2", "--workdir=alone/0"),
            "; several seeds need a folder of th",
        ),
        (("--seeds=2", "--workdir=mine"), "mine holds report.txt; several seeds need"),
        (("--seeds=2",), "--workdir is missing"),
        (("--seeds=0", "--workdir=new"), "--seeds=0"),
        (("--until=7", "--workdir=new"), "--until=7: must be a multiple of record.ev"),
        (("--until=5", "--mode=sample", "--workdir=alone/0"), "--until goes with tra"),
        (("--seeds=2", "--workdir=new", "--mode=check"), "--seeds: trains, in one"),
        (("--seeds=2", "--workdir=new", "--num_processes=2"), "--seeds: trains, in"),
        (("--seeds=2", "--workdir=new", "--config.seed=4294967295"), "config.seed: mu"),
    ],
)
def test_bad_usage(home, alone, flags, words):
    code, output, errors = finish(start(home, "--config=tiny.py", *flags))
    assert (code, output) == (2, ""), errors
    assert errors.startswith("ganjax: error: ")
    assert errors.count("\n") == 1
    assert words in errors
    assert not (home / "new").exists()


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ([], "--points: there is no point"),
        ([{"config": "tiny.py", "overrides": []}], "point 0 needs a workdir of its"),
        ([{"config": "tiny.py", "overrides": [], "workdir": "x"}] * 2, "point 1 needs"),
        (
            [
                {"config": "tiny.py", "overrides": [f"steps={n}"], "workdir": f"x{n}"}
                for n in (5, 6)
            ],
            "config.steps: 5 and 6 are different programs, which cannot be packed",
        ),
        (
            [{"config": "tiny.py", "overrides": ["sed=1"], "workdir": "x"}],
            "tiny.py sed=1: --config.sed: tiny.py has no such key; did you mean seed",
        ),
    ],
)
def test_points_that_cannot_be_trained(home, listed, words):
    write_json(home / "bad.json", listed)
    code, output, errors = finish(start(home, "--points=bad.json"))
    assert (code, output) == (2, ""), errors
    assert errors.count("\n") == 1
    assert words in errors
    assert not list(home.glob("x*"))


def test_what_fails_in_one_run_leaves_the_others_their_end(home, alone, monkeypatch):
    """The evaluation of the first fails, that of the second is done."""
    folders = [home / "failing" / str(seed) for seed in range(2)]
    program = read_program(str(home / "tiny.py"))
    runs = [
        (program._replace(config={**program.config, "seed": seed}), folder)
        for seed, folder in enumerate(folders)
    ]
    for seed, folder in enumerate(folders):
        shutil.copytree(alone / str(seed), folder)
        write_status(folder, state="preempted", step=200, steps=200)
        (folder / "evaluation.json").unlink()
    write = loop.write_evaluation

    def fail_once(config, folder, *rest):
        if folder == folders[0]:
            raise RuntimeError("no")
        write(config, folder, *rest)

    monkeypatch.setattr(loop, "write_evaluation", fail_once)
    with pytest.raises(RuntimeError, match="no"):
        loop.run_pack(runs, StopRequest())
    states = [read_json(folder / "status.json")["state"] for folder in folders]
    assert states == ["failed", "done"]
    assert (folders[1] / "evaluation.json").exists()
    for seed, folder in enumerate(folders):  # which no step was taken for here
        one, other = (x / "environment.json" for x in (alone / str(seed), folder))
        assert one.read_bytes() == other.read_bytes()


def test_a_save_that_failed_is_of_the_machine_and_damage_is_not():
    found = [told(x, Path("run")) for x in (SaveError("full"), CheckpointError("torn"))]
    assert [type(error) for error in found] == [MachineError, ConfigError]
    assert [str(error) for error in found] == ["run: full", "run: torn"]
    assert told(found[0]) is found[0]


def test_a_signal_while_a_pause_is_evaluated_is_heeded(home, monkeypatch):
    stop = StopRequest()
    evaluated = []

    def evaluate(journal, state):
        evaluated.append(int(state.step))
        stop.requested = True

    monkeypatch.setattr(Journal, "evaluate", evaluate)
    given = (read_program(str(home / "tiny.py")), home / "told", "train")
    assert loop.run(*given, stop=stop, until=5) == 75
    assert evaluated == [5]
    status = read_json(home / "told/status.json")
    assert (status["state"], status["message"]) == ("preempted", loop.AGAIN)
    monkeypatch.undo()
    assert loop.run(*given, stop=StopRequest(), until=5) == 0
    assert read_json(home / "told/status.json")["message"] == loop.PAUSED
