"""`python -m launch` as a user runs it: sweeps of processes, killed and resumed."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import compiling
import jax
import numpy as np
import pytest
from processes import finish, is_alive, wait_for

from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import flatten, load
from ganjax.config.experiment import file_hash
from ganjax.config.validation import validate
from ganjax.record.files import read_json, write_json
from launch import sweep as sweeps
from launch.sweep import Run, Sweep

ROOT = Path(__file__).parents[1]

EXPERIMENT = """
from ganjax.config import defaults, parse_arg

def get_config(arg=""):
    chosen = parse_arg(arg, objective=("hinge", "wasserstein"))
    config = defaults(data="mixture", network="mlp", objective=chosen.objective)
    config.steps = 300
    config.batch_size = 8
    config.networks.generator.widths = (4,)
    config.networks.discriminator.widths = (4,)
    config.record.update(every=5, pictures_every=300, checkpoint_every=50, examples=4)
    config.evaluation.samples = 20
    return config

def sweep(add):
    for seed in range(3):
        add("hinge", seed=seed)
"""

# An experiment that is loaded by a run takes the run's place: each try does the next of
# the words of its argument, an exit code, or "wait" for a stop that it answers with 75,
# "deaf" to wait for a kill, or "killed".
STAND_IN = """
import os, signal, sys, time
from pathlib import Path
from ganjax.config import defaults
from ganjax.record.files import write_json
from ganjax.record.status import write_status

def get_config(arg=""):
    for word in sys.argv:
        if word.startswith("--points=") and word != "--points=-":  # a pack
            end(1)
        if word.startswith("--workdir="):
            act(arg.split("."), Path(word.removeprefix("--workdir=")))
    config = defaults(data="mixture", network="mlp", objective="hinge")
    config.steps = 3
    return config

def end(code):
    sys.stdout.flush()
    os._exit(code)

def act(words, folder):
    folder.mkdir(exist_ok=True)
    tries = folder / "tries"
    count = len(tries.read_text()) if tries.exists() else 0
    tries.write_text("x" * (count + 1))
    word = words[count]
    if word == "wait":
        def save(*_):
            write_status(folder, state="preempted", step=1, steps=3)
            end(75)
        signal.signal(signal.SIGTERM, save)
    elif word == "deaf":
        signal.signal(signal.SIGTERM, lambda *_: print("asked", flush=True))
    if word in ("wait", "deaf", "killed"):
        write_status(folder, state="running", step=0, steps=3)
        if word == "killed":
            signal.raise_signal(signal.SIGKILL)
        time.sleep(300)  # longer than anybody waits, and not for ever
    states = {"0": "done", "3": "diverged", "75": "preempted"}
    step = 0 if word == "2" else 3
    write_status(folder, state=states.get(word, "failed"), step=step, steps=3)
    if word == "0":
        write_json(folder / "config.json", {"steps": 3})
        write_json(folder / "evaluation.json", {"metrics": {"high_quality": 0.5}})
    print(f"ganjax: error: ended with {word}")
    end(int(word))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("launch")
    (folder / "tiny.py").write_text(EXPERIMENT)
    (folder / "stand_in.py").write_text(STAND_IN)
    return folder


def start(home, *arguments):
    """Starts `python -m launch`, whose runs are compiled quickly."""
    environment = {
        **os.environ,
        "XLA_FLAGS": compiling.FLAGS,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "launch", *arguments],
        cwd=home,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def launch(home, *arguments):
    return finish(start(home, *arguments))


def assert_refused(done, words):
    code, output, errors = done
    assert (code, output) == (2, ""), errors
    assert errors.startswith("launch: error: ")
    assert errors.count("\n") == 1
    assert words in errors


@contextmanager
def stand_ins(home, name, **words):
    """A sweep of stand-ins, by folder what each does; ends what is left of them."""
    path = str(home / "stand_in.py")
    runs = []
    for index, (folder, does) in enumerate(words.items()):
        arg, own = ".".join(does), {"seed": index}
        config = flatten(validate(load(f"{path}:{arg}", [f"seed={index}"])))
        digest = sweeps._hash(json.loads(json.dumps(config)))
        runs.append(Run(index, folder, arg, own, digest, {"seed": index}))
    common = {"steps": 3}
    sweeps.write(home / name, Sweep(path, file_hash(path), [], common, runs))
    yield home / name
    for status in (home / name).glob("*/status.json"):
        assert not is_alive(read_json(status)["process"])


def tries(folder):
    return {path.parent.name: len(path.read_text()) for path in folder.glob("*/tries")}


TINY = "--config=tiny.py"
ALONE = "--pack=off"  # as a stand-in stands for one run


@pytest.fixture(scope="module")
def whole(home):
    """The sweep that nobody disturbs, a run after another, none in a pack."""
    code, output, errors = launch(
        home, TINY, "--workdir=whole", "--max_parallel=1", ALONE
    )
    assert code == 0, errors
    assert "whole: 3 done\n" in output
    for seed in range(3):
        name = f"00{seed}_hinge_seed={seed}"
        assert f"{name}: running at 0/300\n" in errors
        assert f"{name}: done at 300/300, high_quality" in errors
    return home / "whole"


def result(run, seed):
    """All that a run came to."""
    config = validate(load(str(run.parents[1] / "tiny.py"), [f"seed={seed}"]))
    target = jax.eval_shape(build_setup(config).init)
    with Checkpoints(run / "checkpoints", keep=3) as saved:
        step, state = saved.restore(target)
    lines = (run / "metrics.jsonl").read_text().splitlines()
    records = [{**json.loads(line), "seconds": None} for line in lines]
    return (step, records, read_json(run / "evaluation.json")), state


def test_killed_sweep_resumes_to_the_same_bits(home, whole):
    process = start(home, TINY, "--workdir=killed", "--max_parallel=2")
    first = home / "killed/000_hinge_seed=0/metrics.jsonl"
    wait_for(lambda: first.exists() and first.stat().st_size > 2_000, process)
    again = launch(home, TINY, "--workdir=killed")
    assert_refused(again, f"a launcher works on killed: process {process.pid} on ")
    runs = list((home / "killed").glob("*/status.json"))
    process.kill()
    finish(process)

    code, output, errors = launch(home, "resume", "--workdir=killed")
    assert code == 0, errors
    assert "killed: 3 done\n" in output
    assert {read_json(path)["state"] for path in runs} == {"done"}
    for seed in range(3):
        name = f"00{seed}_hinge_seed={seed}"
        (one, state), (other, same) = (
            result(home / sweep / name, seed) for sweep in ("whole", "killed")
        )
        assert one == other
        jax.tree.map(np.testing.assert_array_equal, state, same)
    # Of runs one by one, and of runs in packs, some of them killed.
    pages = [(home / name / "report.html").read_text() for name in ("whole", "killed")]
    one, other = (re.sub(r"\b(whole|killed)\b", "", page) for page in pages)
    assert one == other


def test_same_command_has_nothing_left_to_run_and_another_is_refused(home, whole):
    before = (whole / "sweep.json").read_bytes()
    code, output, errors = launch(home, TINY, "--workdir=whole")
    assert (code, "running" in errors) == (0, False)
    assert "whole: 3 done" in output
    assert (whole / "sweep.json").read_bytes() == before
    refused = launch(home, TINY, "--workdir=whole", "--config.steps=40")
    assert_refused(refused, "point 0 (hinge seed=0): steps was 300, is 40; choose")
    assert (whole / "sweep.json").read_bytes() == before


def test_exit_codes_of_runs_decide(home):
    with stand_ins(
        home,
        "codes",
        good=["0"],
        again=["1", "0"],
        bad=["1", "-1", "0"],
        wild=["3"],
        moved=["75", "1", "0"],
    ) as folder:
        code, output, errors = launch(home, "resume", ALONE, "--workdir=codes")
        assert code == 1
        assert "codes: 3 done, 1 failed, 1 diverged\n" in output
        assert "bad: failed at 3/3, ended with -1\n" in errors
        assert "to be tried again: ended with 1\n" in errors
        assert "was preempted, resumes\n" in errors
        counts = {"good": 1, "again": 2, "bad": 2, "wild": 1, "moved": 3}
        assert tries(folder) == counts
        log = (folder / "logs/again.log").read_text()
        assert log == "ganjax: error: ended with 1\nganjax: error: ended with 0\n"

        code, output, _ = launch(home, "resume", ALONE, "--workdir=codes")
        assert (code, "4 done, 1 diverged" in output) == (0, True)
        assert tries(folder) == counts | {"bad": 3}


def test_a_pack_that_fails_is_tried_run_by_run(home):
    with stand_ins(home, "split", a=["0"], b=["3"], c=["1", "0"]) as folder:
        resume = ("resume", "--workdir=split", "--max_parallel=1")
        code, output, errors = launch(home, *resume)
        assert code == 0, errors
        assert "split: 2 done, 1 diverged\n" in output
        assert tries(folder) == {"a": 1, "b": 1, "c": 2}
        assert (folder / "logs/a+2.log").exists()


def test_killed_run_is_said_to_have_failed_and_by_what(home):
    with stand_ins(home, "slain", a=["killed", "killed", "0"], b=["0"]) as folder:
        code, _, errors = launch(home, "resume", ALONE, "--workdir=slain")
        assert code == 1
        assert "a: failed at 0/3, ended by signal 9 (Killed)\n" in errors
        status = read_json(folder / "a/status.json")
        assert status["state"] == "failed"
        assert status["message"] == "ended by signal 9 (Killed)"
        rows = launch(home, "status", "--workdir=slain")[1].splitlines()
        assert rows[1].split()[:2] == ["a", "failed"]
        assert launch(home, "resume", ALONE, "--workdir=slain")[0] == 0
        assert tries(folder) == {"a": 3, "b": 1}


def test_failed_study_is_said_and_the_page_is_there(home, whole):
    (home / "study.py").write_text("def study(runs):\n    yield 3\n")
    named = {
        "experiment": "study.py",
        "experiment_hash": file_hash(str(home / "study.py")),
    }
    plan = read_json(whole / "sweep.json") | named
    shutil.copytree(whole, home / "odd", ignore=shutil.ignore_patterns("report*"))
    write_json(home / "odd/sweep.json", plan)
    code, output, errors = launch(home, "resume", "--workdir=odd")
    assert (code, output) == (0, "odd: 3 done\nodd/report.html\n")
    assert errors.splitlines() == [
        "ganjax.report: study.py: study: a study gives Tables and Figures, not int",
        "launch: the report is not whole; once repaired: "
        "python -m launch report --workdir=odd",
    ]
    assert (home / "odd/report.html").exists()


def test_bad_config_of_a_run_stops_the_sweep(home):
    with stand_ins(home, "bad", slow=["wait"], bad=["2"], never=["0"]) as folder:
        code, _, errors = launch(
            home, "resume", ALONE, "--workdir=bad", "--max_parallel=2"
        )
        assert code == 2
        last = "launch: error: point 1 (2 seed=1): ended with 2"
        assert errors.splitlines()[-1] == last
        # On a busy machine the slow one may be stopped before it has begun to count.
        assert tries(folder) | {"slow": 1} == {"slow": 1, "bad": 1}


@pytest.mark.parametrize("how", ["cancel", signal.SIGINT, signal.SIGHUP])
def test_stop_lets_the_runs_save(home, how):
    name = str(how)
    with stand_ins(home, name, a=["wait", "0"], b=["wait", "0"], c=["0"]) as folder:
        process = start(home, "resume", ALONE, f"--workdir={name}", "--max_parallel=2")
        wait_for(lambda: len(list(folder.glob("*/status.json"))) == 2, process)
        code, output, _ = launch(home, "status", f"--workdir={name}")
        assert code == 0
        states = [line.split()[:2] for line in output.splitlines()]
        assert states[1:] == [["a", "running"], ["b", "running"], ["c", "waiting"]]
        if how == "cancel":
            code, output, errors = launch(home, "cancel", f"--workdir={name}")
            assert (code, errors) == (0, "")
        else:
            process.send_signal(how)
        code, output, _ = finish(process)
        assert code == 75
        resume = f"python -m launch resume --workdir={name}"
        assert f"{name}: stopped, 3 waiting; to resume: {resume}\n" in output
        assert tries(folder) == {"a": 1, "b": 1}
        assert launch(home, "resume", ALONE, f"--workdir={name}")[0] == 0
    assert_refused(
        launch(home, "cancel", f"--workdir={name}"), f"no launcher works on {name}"
    )


def test_second_interrupt_kills(home):
    with stand_ins(home, "deaf", a=["deaf", "0"]) as folder:
        process = start(home, "resume", ALONE, "--workdir=deaf", "--retries=0")
        wait_for((folder / "a/status.json").exists, process)
        process.send_signal(signal.SIGINT)
        wait_for(lambda: "asked" in (folder / "logs/a.log").read_text(), process)
        process.send_signal(signal.SIGTERM)  # only a second Ctrl-C is impatient
        time.sleep(0.3)
        assert process.poll() is None
        process.send_signal(signal.SIGINT)
        code, output, _ = finish(process)
        assert (code, "deaf: stopped, 1 waiting" in output) == (75, True)


def test_run_left_behind_reads_stopped(home):
    with stand_ins(home, "left", a=["wait"]) as folder:
        process = start(home, "resume", "--workdir=left")
        wait_for((folder / "a/status.json").exists, process)
        run = read_json(folder / "a/status.json")["process"]
        os.kill(run, signal.SIGSTOP)  # it cannot save yet
        process.kill()
        finish(process)
        held = launch(home, "status", "--workdir=left")[1]
        assert held.splitlines()[1].split()[:2] == ["a", "running"]
        os.kill(run, signal.SIGKILL)
        wait_for(lambda: not is_alive(run))
        free = launch(home, "status", "--workdir=left")[1]
        assert free.splitlines()[1].split()[:2] == ["a", "stopped"]


def test_dry_run_of_many_points(home):
    many = EXPERIMENT.replace("range(3)", "range(200)")
    (home / "many.py").write_text(many)
    code, output, errors = launch(
        home, "--config=many.py", "--workdir=many", "--dry_run", "--config.steps=5"
    )
    assert (code, errors) == (0, "")
    rows = [line.split() for line in output.splitlines()]
    assert rows[1] == ["0", "000_hinge_seed=0", "0", "hinge", "seed=0"]
    assert rows[200] == ["199", "199_hinge_seed=199", "3", "hinge", "seed=199"]
    assert output.splitlines()[-1] == (
        "python -m ganjax.main --config=many.py:hinge --config.steps=5 "
        "--config.seed=0 --workdir=many/000_hinge_seed=0"
    )
    assert not (home / "many").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--workdir=new",), "--config is missing; write --config=experiments/ring.py"),
        ((TINY,), "--workdir is missing; write --workdir=sweeps/NAME"),
        (("stauts", "--workdir=new"), "'stauts' is no command; known are status, re"),
        (("status", "new"), "'new' is not a flag; write --name=value"),
        (("status", "--workdir=new", "--retries=3"), "--retries is not for status"),
        (("resume", "--workdir=new", "--config.seed=3"), "--config.seed is not for re"),
        (("resume", "--workdir=new"), "--workdir: new is not a sweep folder"),
        (
            (TINY, "--workdir=new", "--backend=slurn"),
            "--backend: 'slurn' is none of local,",
        ),
        ((TINY, "--workdir=new", "--options.time=1"), "--options and --wait go with a"),
        (
            (TINY, "--workdir=new", "--backend=slurm", "--options.tim=1"),
            "--options.tim: slurm has no option 'tim'; did you mean time? (it has pa",
        ),
        (
            (TINY, "--workdir=new", "--backend=slurm", "--options.nodes=x"),
            "--options.nodes: must be a whole number from 0, not 'x'",
        ),
        (
            (
                *(TINY, "--workdir=new", "--backend=kubernetes", "--options.image=x"),
                *("--options.claim=y", "--options.mount=/other"),
            ),
            "new is not under --options.mount=/other, where the claim is mounted",
        ),
        (
            (TINY, "--workdir=new", "--backend=slurm", "--options=no.toml"),
            "--options: no.toml: ",
        ),
        ((TINY, "--workdir=new", "--max_parallel=0"), "--max_parallel=0"),
        (
            (TINY, "--workdir=new", "--pack=all"),
            "--pack: 'all' is neither auto, off nor",
        ),
        ((TINY, "--workdir=new", "--config.seed=1"), "--config.seed: the sweep sets"),
        ((TINY, "--workdir=new", "--config.batch_size=0"), "config.batch_size: must"),
        ((TINY, "--workdir=tiny.py"), "--workdir: tiny.py exists and is not a folder"),
        (("--config=no.py", "--workdir=new"), "--config: there is no file no.py"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_usage(home, arguments, words):
    assert_refused(launch(home, *arguments), words)
    assert not (home / "new").exists()
