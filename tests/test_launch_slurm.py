"""Sweeps on a real Slurm, handed over by `python -m launch` as on a login node."""

import os
import shutil

import jax
import numpy as np
import pytest
from processes import finish, is_alive, wait_for
from test_launch import (
    ALONE,
    EXPERIMENT,
    STAND_IN,
    assert_refused,
    launch,
    result,
    stand_ins,
    start,
    tries,
)

from ganjax.record.files import read_json
from launch import arrays
from launch.runs import saved_step

pytestmark = pytest.mark.needs("slurm")

SLURM = "--backend=slurm"
TINY = "--config=tiny.py"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slurm_sweeps")
    (folder / "tiny.py").write_text(EXPERIMENT)
    (folder / "stand_in.py").write_text(STAND_IN)
    return folder


@pytest.fixture(autouse=True)
def _on_a_login_node(slurm, monkeypatch):
    monkeypatch.setenv("SLURM_CONF", slurm.environment["SLURM_CONF"])
    # Or within a job of another's, which is not to be mistaken for the tasks' own.
    for name in ("JOB_ID", "NTASKS", "STEP_NUM_TASKS", "MEM_PER_CPU", "MEM_PER_NODE"):
        monkeypatch.setenv(f"SLURM_{name}", "3")
    monkeypatch.setenv("SQUEUE_STATES", "COMPLETED")


def states(home, name):
    """The state of each run as `launch status` has it, and its further lines."""
    code, output, errors = launch(home, "status", f"--workdir={name}")
    assert (code, errors) == (0, "")
    rows = [line.split() for line in output.splitlines()[1:]]
    known = [
        point["folder"] for point in read_json(home / name / "sweep.json")["points"]
    ]
    return {row[0]: row[1] for row in rows if row[0] in known}, output


def job_of(folder):
    """The number of the one job that a sweep was handed over as."""
    [path] = arrays.paths(folder)
    return read_json(path)["key"]


def test_each_task_ends_as_its_exit_code_says(home, slurm):
    with stand_ins(
        home,
        "codes",
        good=["0"],
        again=["1", "0"],
        bad=["1", "1"],
        wild=["3"],
        refused=["2"],
        moved=["75", "0"],
        slain=["killed", "0"],
    ) as folder:
        words = ("--workdir=codes", SLURM, ALONE, "--wait")
        code, output, errors = launch(home, "resume", *words)
        assert tries(folder) == {
            **{"good": 1, "again": 2, "bad": 2, "wild": 1},
            **{"refused": 1, "moved": 2, "slain": 2},
        }
        assert code == 1, errors
        assert f"codes: 7 tasks handed to slurm as {job_of(folder)}\n" in output
        assert "codes: 4 done, 2 failed, 1 diverged\n" in output
        assert "refused: failed at 0/3, ended with 2\n" in errors
        assert (folder / "report.html").exists()


def test_a_sweep_is_left_looked_at_and_cancelled(home, slurm):
    does = {"a": ["wait", "0"], "b": ["wait", "0"], "c": ["0"]}
    with stand_ins(home, "left", **does) as folder:
        words = (SLURM, ALONE, "--workdir=left", "--max_parallel=2")
        code, output, errors = launch(home, "resume", *words)
        assert (code, errors) == (0, "")
        again = "how they stand: python -m launch status --workdir=left"
        assert f"left: with slurm, 3 waiting; {again}\n" in output
        wait_for(lambda: len(list(folder.glob("*/status.json"))) == 2)
        assert states(home, "left")[0] == {
            **dict.fromkeys("ab", "running"),
            "c": "waiting",
        }

        code, output, errors = launch(home, "resume", "--workdir=left")
        assert (code, errors, "handed" in output) == (0, "", False)
        refused = launch(home, "resume", "--workdir=left", "--backend=local")
        assert_refused(refused, "; leave --backend away, or first python -m launch can")

        assert launch(home, "cancel", "--workdir=left")[0] == 0
        assert tries(folder) == {"a": 1, "b": 1}
        assert slurm.run("squeue", "-h") == ""
        assert states(home, "left")[0] == {
            **dict.fromkeys("ab", "preempted"),
            "c": "waiting",
        }
        words = ("resume", "--workdir=left", "--wait")  # and Slurm, as it was
        assert launch(home, *words)[0] == 0
        assert tries(folder) == {"a": 2, "b": 2, "c": 1}
        nothing = launch(home, "cancel", "--workdir=left")
        assert_refused(nothing, "no launcher works on left")


def test_a_sweep_of_which_nothing_has_begun_is_cancelled(home, slurm):
    with stand_ins(home, "held", a=["0"], b=["0"]) as folder:
        words = ("--workdir=held", SLURM, ALONE, "--options.sbatch=--hold")
        assert launch(home, "resume", *words)[0] == 0
        known, output = states(home, "held")
        assert known == dict.fromkeys("ab", "waiting")
        assert "JobHeldUser" in output
        assert launch(home, "cancel", "--workdir=held")[0] == 0
        assert slurm.run("squeue", "-h") == ""
        assert tries(folder) == {}


def test_a_launcher_that_dies_as_it_hands_over_hands_nothing_over_twice(
    home, slurm, monkeypatch, tmp_path
):
    real = shutil.which("sbatch")
    script = f'#!/bin/sh\n{real} "$@"; kill -9 $PPID\n'
    (tmp_path / "sbatch").write_text(script)
    (tmp_path / "sbatch").chmod(0o755)
    with stand_ins(home, "twice", a=["wait", "0"]) as folder:
        monkeypatch.setenv("SBATCH_JOB_NAME", "of-the-user")
        with monkeypatch.context() as patch:
            patch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
            assert launch(home, "resume", SLURM, "--workdir=twice")[0] == -9
        assert job_of(folder) is None
        wait_for((folder / "a/status.json").exists)
        assert states(home, "twice")[0] == {"a": "running"}
        code, output, errors = launch(home, "resume", "--workdir=twice")
        assert (code, errors, "handed" in output) == (0, "", False)
        assert slurm.run("squeue", "-h", "-r", "-o", "%F") == job_of(folder)
        assert launch(home, "cancel", "--workdir=twice")[0] == 0
        assert tries(folder) == {"a": 1}


def test_a_scheduler_that_is_gone_is_said(home, slurm):
    with stand_ins(home, "gone", a=["wait"]) as folder:
        assert launch(home, "resume", SLURM, "--workdir=gone")[0] == 0
        wait_for((folder / "a/status.json").exists)
        slurm.stop_controller()
        known, output = states(home, "gone")
        assert known == {"a": "running"}
        said = f"slurm cannot be asked for {job_of(folder)}, of "
        assert said in output
        assert "the table is from the run folders" in output
        assert_refused(launch(home, "resume", "--workdir=gone"), said)
        assert_refused(launch(home, "cancel", "--workdir=gone"), said)
        assert tries(folder) == {"a": 1}
        run = read_json(folder / "a/status.json")["process"]
        slurm.start_controller()  # which knows no job, and ends its processes
        wait_for(lambda: not is_alive(run))
        assert states(home, "gone")[0] == {"a": "failed"}


def test_limits_and_urgent_jobs_cost_a_run_nothing(home, slurm):
    """A task saves before its time limit, and when an urgent job takes its place."""
    with stand_ins(home, "short", a=["wait", "0"]) as short:
        own = ("--options.time=1", "--options.warning=55", "--retries=0")
        words = (SLURM, "--workdir=short", *own)
        limited = start(home, "resume", *words, "--wait")
        with stand_ins(home, "low", b=["wait", "0"]) as low:
            wait_for((short / "a/status.json").exists, limited)
            words = (SLURM, "--workdir=low", "--options.cpus=3", "--retries=0")
            pushed = start(home, "resume", *words, "--wait")
            wait_for((low / "b/status.json").exists, pushed)
            job = slurm.submit("-p", "urgent", "-c3", "-o/dev/null", "--wrap=true")
            for process, folder in ((limited, short), (pushed, low)):
                code, _, errors = finish(process)
                assert code == 0, errors
                assert tries(folder) == {"a" if folder is short else "b": 2}
            slurm.wait(job, "COMPLETED")


def test_a_sweep_in_packs_that_is_requeued_has_the_bits_of_one_that_is_not(home, slurm):
    """On Slurm, a run alone and a pack of two; on this machine, undisturbed."""
    longer = (TINY, "--config.steps=4_000", "--config.record.every=50")
    words = (*longer, "--workdir=handed", SLURM, "--pack=2")
    code, _, errors = launch(home, *words)
    assert (code, errors) == (0, "")
    runs = [home / f"handed/00{seed}_hinge_seed={seed}" for seed in range(3)]
    wait_for(lambda: all(map(saved_step, runs)))
    job = job_of(home / "handed")
    slurm.run("scontrol", "requeue", job)
    local = launch(home, *longer, "--workdir=local")
    assert local[0] == 0, local[2]
    code, _, errors = launch(home, "resume", "--workdir=handed", "--wait")
    assert code == 0, errors
    assert job_of(home / "handed") == job
    for log in ("000_hinge_seed=0", "001_hinge_seed=1+1"):
        said = (home / f"handed/logs/{log}.log").read_text()
        assert "preempted at step" in said
    for seed, run in enumerate(runs):
        one, other = result(run, seed), result(home / "local" / run.name, seed)
        assert one[0] == other[0]
        jax.tree.map(np.testing.assert_array_equal, one[1], other[1])
