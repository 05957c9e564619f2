"""The command line as a user runs it: exit codes, and one line that says what to do."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from processes import virtual

ROOT = Path(__file__).parents[1]

EXPERIMENT = """
from ganjax.config import defaults, parse_arg

def get_config(arg=""):
    chosen = parse_arg(arg, objective=("hinge", "wasserstein"))
    config = defaults(data="ring", network="mlp", objective=chosen.objective)
    config.steps = 1
    config.batch_size = 4
    config.networks.generator.widths = (4,)
    config.networks.discriminator.widths = (4,)
    return config
"""


@pytest.fixture
def ganjax(tmp_path):
    """Runs `python -m ganjax.main ...` in a folder that holds experiment.py."""
    (tmp_path / "experiment.py").write_text(EXPERIMENT)
    inherited = {k: v for k, v in os.environ.items() if k != "XLA_FLAGS"}
    always = {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }

    def run(*arguments, program="-mganjax.main", stdin=None, **env):
        return subprocess.run(
            [sys.executable, program, *arguments],
            cwd=tmp_path,
            env=inherited | always | env,
            input=stdin,
            capture_output=True,
            text=True,
        )

    return run


def assert_refused(done, words):
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("ganjax: error: ")
    assert done.stderr.count("\n") == 1
    assert words in done.stderr


def test_help(ganjax):
    done = ganjax("--help")
    assert done.returncode == 0
    assert done.stderr == ""
    for flag in (
        "--config=FILE.py",
        "--workdir: ",
        "train|evaluate|sample|export|check",
    ):
        assert flag in done.stdout


def test_classes_of_samples_are_a_tuple(ganjax):
    program = """
from ganjax import main
main._parse(["ganjax", "--mode=sample", "--label=3,7", "--number=4"])
print(main._choice())
"""
    done = ganjax(program, program="-c")
    assert done.stdout == "{'number': 4, 'label': ('3', '7')}\n"


@pytest.mark.parametrize(
    ("location", "arguments"),
    [
        ("experiment.py", ("--config=experiment.py", "--mode=check")),
        ("experiment.py", ("--config", "experiment.py", "--mode", "check")),
        (
            "experiment.py:wasserstein",
            ("--config=experiment.py:wasserstein", "--config.steps=9", "--mode=check"),
        ),
    ],
)
def test_check_of_a_good_config(ganjax, tmp_path, location, arguments):
    done = ganjax(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"{location}: good\n"
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.py"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "--config is missing; write --config=experiments/ring.py"),
        (("--config=",), "--config is missing"),
        (("--config",), "Missing value for flag --config"),
        (("--config=nothing.py",), "--config: there is no file nothing.py"),
        (("--config=.",), "--config: . is a folder, not a file"),
        (("--config=a\nb.py",), "--config: there is no file a b.py"),
        (("--config=experiment.py:hing",), "experiment.py: argument 'hing' is unknown"),
        (
            ("--config=experiment.py",),
            "--workdir is missing; write --workdir=runs/NAME",
        ),
        (("--config=experiment.py", "--workdir="), "--workdir is missing"),
        (("--confg=experiment.py",), "Unknown command line flag 'confg'"),
        (
            ("--mode=trian",),
            "should be one of <train|evaluate|sample|export|check|memory>",
        ),
        (("experiment.py",), "'experiment.py' is not a flag; write --name=value"),
        (("--config.steps", "100"), "'100' is not a flag; write --name=value"),
        (("--config=experiment.py", "--config.steps"), "write --config.steps=VALUE"),
        (("--config=experiment.py", "--config.stesp=3"), "did you mean steps?"),
        (
            ("--config=experiment.py", "--config.steps=0"),
            "config.steps: must lie in [1",
        ),
        (
            ("--config=experiment.py", "--config.objective.name=hinge"),
            "as the experiment's argument, such as --config=experiment.py:hinge",
        ),
        (("--config=experiment.py", "--seed=3"), "a run's is --config.seed"),
        (("--batch_size=32",), "write --config.batch_size=VALUE"),
        (("--mode=sample",), "--workdir is missing; write --workdir=runs/NAME"),
        (
            ("--config=experiment.py", "--seed=3"),
            "--seed goes with --mode=sample; a run's is --config.seed",
        ),
        (
            ("--mode=evaluate", "--workdir=run", "--number=3"),
            "--number goes with --mode=sample",
        ),
        (("--mode=sample", "--number=0"), "flag --number=0: 0 is not a positive"),
        (
            ("--mode=sample", "--workdir=.", "--truncation=nan"),
            "--truncation: must be a number, not nan",
        ),
        (("--num_processes=0",), "flag --num_processes=0: 0 is not a positive"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_usage(ganjax, tmp_path, arguments, words):
    assert_refused(ganjax(*arguments), words)
    assert [path.name for path in tmp_path.iterdir()] == ["experiment.py"]


def points(*runs):
    return json.dumps([{"config": c, "overrides": given} for c, given in runs])


CHECK = ("--mode=check", "--points=-")


def test_check_of_many_points_prints_each_config_flat(ganjax, tmp_path):
    loud = f"print('a file may print')\n{EXPERIMENT}"
    (tmp_path / "experiment.py").write_text(loud)
    two = points(
        ("experiment.py", ["seed=3", "steps=1e3"]), ("experiment.py:wasserstein", [])
    )
    done = ganjax(*CHECK, stdin=two)
    assert done.returncode == 0, done.stderr
    first, second = map(json.loads, done.stdout.splitlines())
    assert (first["seed"], first["steps"]) == (3, 1000)
    assert first["networks.generator.widths"] == [4]
    names = [x["objective.name"] for x in (first, second)]
    assert names == ["hinge", "wasserstein"]
    assert (second["seed"], second["steps"]) == (0, 1)
    (tmp_path / "points.json").write_text(two)
    assert ganjax(CHECK[0], "--points=points.json").stdout == done.stdout


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            points(("experiment.py", []), ("experiment.py:hinge", ["seed=1", "sed=2"])),
            "point 1 (experiment.py:hinge seed=1 sed=2): --config.sed: experiment.py:",
        ),
        (
            points(("experiment.py", ["steps=0"])),
            "point 0 (experiment.py steps=0): config.steps: must lie in [1",
        ),
        ("[", "--points: -: must hold a JSON list of"),
        ('["experiment.py"]', "--points: -: must hold a JSON list of"),
        ('[{"config": "experiment.py"}]', "--points: -: must hold a JSON list of"),
    ],
    ids=["key", "range", "torn", "strings", "keys"],
)
def test_check_names_the_bad_point(ganjax, text, words):
    assert_refused(ganjax(*CHECK, stdin=text), words)


def test_points_go_with_the_mode_alone(ganjax):
    words = "--points goes with --mode=check, memory or train, and no other flag"
    assert_refused(ganjax("--points=-", "--mode=sample", stdin="[]"), words)
    assert_refused(ganjax(*CHECK, "--config=experiment.py", stdin="[]"), words)
    assert_refused(ganjax(*CHECK, "--config.steps=3", stdin="[]"), words)
    words = "--points: points.json: must hold"
    assert_refused(ganjax(CHECK[0], "--points=points.json"), words)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def get_config(:", "experiment.py: SyntaxError: "),
        ("\nimport nothing_like_it", "experiment.py:2: ModuleNotFoundError: "),
        ("def get_config():\n    raise ValueError('a\\nb')", ":2: ValueError: a b"),
        ("", "experiment.py: has no function get_config(argument)"),
    ],
    ids=["syntax", "import", "exception", "empty"],
)
def test_broken_experiment(ganjax, tmp_path, source, words):
    (tmp_path / "experiment.py").write_text(source)
    assert_refused(ganjax("--config=experiment.py", "--mode=check"), words)


@pytest.mark.parametrize(
    ("folder", "mode", "words"),
    [
        ("foreign", "train", "foreign exists and is not a run folder"),
        ("foreign", "evaluate", "foreign is not a run folder; train first"),
        ("nothing", "sample", "nothing is not a run folder; train first"),
        ("foreign", "look", "foreign is not a run folder; train first"),
        ("experiment.py", "train", "experiment.py exists and is not a folder"),
        ("experiment.py/run", "train", "experiment.py/run: Not a directory"),
    ],
)
def test_folder_that_holds_no_run(ganjax, tmp_path, folder, mode, words):
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign/notes.txt").write_text("mine")
    flags = ("--config=experiment.py", f"--mode={mode}")
    if mode == "look":
        flags = ("--mode=evaluate",)
    done = ganjax(f"--workdir={folder}", *flags)
    assert_refused(done, words)
    assert done.stderr.startswith("ganjax: error: ")
    paths = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    found = sorted(str(path) for path in paths if path.parts[0] != "cache")
    assert found == ["experiment.py", "foreign", "foreign/notes.txt"]


def test_batch_that_the_devices_cannot_share(ganjax):
    done = ganjax("--config=experiment.py", "--workdir=run", XLA_FLAGS=virtual(3))
    words = "config.batch_size: 4 examples cannot be shared evenly by 3 devices"
    assert_refused(done, words)


def test_several_processes_need_a_coordinator(ganjax):
    run = ("--config=experiment.py", "--workdir=run", "--num_processes=2")
    assert_refused(ganjax(*run), "--coordinator_address: write HOST:PORT")
    done = ganjax(*run, "--process_id=2", "--coordinator_address=localhost:1")
    assert_refused(done, "--process_id: must be below 2")


STEP = {
    "SLURM_JOB_ID": "7",
    "SLURM_STEP_ID": "0",
    "SLURM_STEP_NODELIST": "node",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_PROCID": "0",
}


def test_tasks_of_a_step_are_several_processes_unless_they_are_told(ganjax):
    run = ("--config=experiment.py", "--workdir=run")
    refused = "trains, in one process, not in 2"
    assert_refused(ganjax(*run, "--seeds=2", **STEP), f"--seeds: {refused}")
    points = '[{"config": "experiment.py", "overrides": [], "workdir": "run"}]'
    done = ganjax("--points=-", stdin=points, **STEP)
    assert_refused(done, f"--points: {refused}")
    done = ganjax(*run, **(STEP | {"SLURM_PROCID": "2"}))
    assert_refused(done, "SLURM_PROCID: 2 must be below 2")
    off = "--distributed=off"
    done = ganjax(*run, off, "--num_processes=2", "--coordinator_address=localhost:1")
    assert_refused(done, f"{off} goes without --coordinator_address")
    assert_refused(ganjax(*run, off, "--mode=evaluate", **STEP), "train first")
    launch = ("--config=ring:small", "--workdir=new")
    done = ganjax(*launch, program="-mlaunch", **STEP)
    assert done.returncode == 2
    assert done.stderr == "launch: error: works in one process, not in 2\n"


def test_a_coordinator_that_never_comes(ganjax, tmp_path):
    (tmp_path / "impatient.py").write_text(
        "import runpy, ganjax.training.peers\n"
        "ganjax.training.peers.JOIN_SECONDS = 1.0\n"
        "runpy.run_module('ganjax.main', run_name='__main__')\n"
    )
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unheard.getsockname()[1]}"
        done = ganjax(
            *("--config=experiment.py", "--workdir=run", "--num_processes=2"),
            *("--process_id=1", f"--coordinator_address={address}"),
            program="impatient.py",
        )
    assert done.returncode == 75
    assert done.stderr == (
        f"ganjax: error: process 0 at {address} did not say within 1 s that all 2 "
        "processes have come\n"
    )
