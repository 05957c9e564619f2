"""The whole command, as a user runs it: train, stop, resume, look."""

import json
import os
import platform
import random
import shutil
import signal
import socket
import subprocess
import sys
from functools import partial
from pathlib import Path

import compiling
import jax
import numpy as np
import pytest
from processes import finish, virtual, wait_for

from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import ConfigError, load
from ganjax.config.program import read_program
from ganjax.config.validation import validate
from ganjax.record import lock
from ganjax.record.files import read_json, write_json
from ganjax.record.records import read_records, series
from ganjax.record.status import write_status
from ganjax.training import folder as folder_care
from ganjax.training import loop
from ganjax.training.folder import check_run

EXPERIMENT = """
from ganjax.config import defaults, parse_arg, penalty, schedule

def get_config(arg=""):
    chosen = parse_arg(
        arg,
        data=("ring", "digits"),
        optimizer=("adam", "sgd"),
        network=("mlp", "dcgan"),
        conditioning=("unconditional", "conditional"),
        normalization=("batch", "spectral"),
    )
    config = defaults(
        data=chosen.data,
        network=chosen.network,
        objective="relativistic",
        optimizer=chosen.optimizer,
    )
    config.steps = 600
    config.batch_size = 16
    generator, discriminator = config.networks.generator, config.networks.discriminator
    if chosen.network == "mlp":
        generator.update(widths=(16,), normalization="batch")
        discriminator.widths = (16,)
    else:
        generator.channels, discriminator.channels = (4,), (4,)
        discriminator.normalization = chosen.normalization
    if discriminator.normalization == "batch":  # of each layer but the first
        discriminator.channels = (4, 4)
    if chosen.conditioning == "conditional":
        generator.conditioning = "embedding"
        discriminator.conditioning = "projection"
    if discriminator.normalization != "batch":
        config.penalties.r1 = penalty("r1", every=2)
    decay = schedule("cosine", 0.1)
    config.optimizers.generator.learning_rate_schedule = decay
    config.record.update(every=5, pictures_every=300, checkpoint_every=20, examples=40)
    config.evaluation.update(every=300, samples=40)
    return config
"""

# One device: conftest asks for eight in this process, and children inherit that.
ENVIRONMENT = {**os.environ, "XLA_FLAGS": "", "JAX_PLATFORMS": "cpu"}
# For runs whose bits are compared with none.
QUICKLY = ENVIRONMENT | {"XLA_FLAGS": compiling.FLAGS}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    (folder / "tiny.py").write_text(EXPERIMENT)
    return folder


def start(home, workdir, *flags, experiment="tiny.py", environment=ENVIRONMENT):
    named = [f"--config={experiment}"] if experiment else []
    command = [sys.executable, "-m", "ganjax.main", *named]
    return subprocess.Popen(
        [*command, f"--workdir={workdir}", *flags],
        cwd=home,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments, **keywords):
    return finish(start(*arguments, **keywords))


def final_state(home, workdir, *overrides, experiment="tiny.py"):
    config = validate(load(f"{home}/{experiment}", overrides))
    target = jax.eval_shape(build_setup(config).init)
    with Checkpoints(home / workdir / "checkpoints", keep=3) as saved:
        return saved.restore(target)


def records(home, workdir):
    lines = (home / workdir / "metrics.jsonl").read_text().splitlines()
    return [{**json.loads(line), "seconds": None} for line in lines]


def assert_same_run(home, one, other, *flags, **experiment):
    overrides = [flag.removeprefix("--config.") for flag in flags]
    (step, a), (end, b) = (
        final_state(home, name, *overrides, **experiment) for name in (one, other)
    )
    assert step == end
    jax.tree.map(np.testing.assert_array_equal, a, b)
    assert records(home, one) == records(home, other)
    samples = [np.load(home / name / "samples/final.npz") for name in (one, other)]
    np.testing.assert_array_equal(samples[0]["samples"], samples[1]["samples"])
    evaluations = [read_json(home / name / "evaluation.json") for name in (one, other)]
    assert evaluations[0] == evaluations[1]


@pytest.fixture(scope="module")
def whole(home):
    """The run that nobody disturbs."""
    code, _, errors = run(home, "whole")
    assert (code, errors.count("Traceback")) == (0, 0), errors
    assert errors.splitlines()[0] == (
        "ring: examples of 2, drawn anew; parameters: discriminator 65, generator 98; "
        "devices: 1 cpu; compiling, then from step 0"
    )
    return "whole"


def test_a_run_folder_holds_what_the_contract_says(home, whole):
    folder = home / whole
    names = {path.name for path in folder.iterdir()}
    assert names == {
        *("config.json", "environment.json", "metrics.jsonl", "events", "samples"),
        *("checkpoints", "evaluation.json", "report.html", "status.json", "run.lock"),
        "source",
    }
    assert read_json(folder / "config.json")["optimizers"]["generator"]["b1"] == 0.5
    status = read_json(folder / "status.json")
    assert (status["state"], status["step"], status["steps"]) == ("done", 600, 600)
    assert "-m ganjax.main" in read_json(folder / "environment.json")["command"]
    metrics = series(read_records(folder)[0])
    steps, losses = metrics["generator/loss"]
    np.testing.assert_array_equal(steps, np.arange(5, 601, 5))
    assert np.isfinite(losses).all()
    assert metrics["evaluation/modes_covered"][0].tolist() == [300, 600]
    assert {"discriminator/gradient_norm", "discriminator/pair_accuracy"} <= set(
        metrics
    )
    assert len(list(folder.glob("samples/scatter_*.png"))) == 3
    assert np.load(folder / "samples/final.npz")["samples"].shape == (40, 2)
    evaluation = read_json(folder / "evaluation.json")
    assert evaluation["step"] == 600
    assert {"high_quality", "reverse_kl", "variance_ratio"} <= set(
        evaluation["metrics"]
    )


def is_longer(path, size):
    return path.exists() and path.stat().st_size > size


def test_killed_three_times_it_ends_with_the_same_bits(home, whole):
    chance = random.Random(0)
    metrics = home / "killed/metrics.jsonl"
    killed = 0
    for _ in range(3):
        process = start(home, "killed")
        known = metrics.stat().st_size if metrics.exists() else 0
        enough = known + chance.randrange(1, 12_000)
        wait_for(partial(is_longer, metrics, enough), process)
        process.kill()
        code, _, errors = finish(process)
        if code == 0:  # this process was starved, that one was not
            break
        assert code == -signal.SIGKILL, errors
        killed += 1
    assert killed
    code, _, errors = run(home, "killed")
    assert code == 0, errors
    assert_same_run(home, whole, "killed")


def test_a_signal_saves_and_the_same_command_resumes(home, whole):
    process = start(home, "stopped")
    wait_for((home / "stopped/checkpoints/20").exists, process)
    process.send_signal(signal.SIGSTOP)
    before = files(home / "stopped")
    code, _, errors = run(home, "stopped")
    assert (code, errors) == (
        2,
        f"ganjax: error: a training works on stopped: process {process.pid} "
        f"on {platform.node()}\n",
    )
    assert files(home / "stopped") == before
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGTERM)
    code, _, errors = finish(process)
    assert (code, errors.count("Traceback")) == (75, 0), errors
    torn = [
        home / f"stopped/{name}.{process.pid}.tmp"
        for name in (".status.json", "samples/.final.npz")
    ]
    (home / "stopped/samples").mkdir(exist_ok=True)
    for path in torn:
        path.touch()  # as a kill would have left it
    status = read_json(home / "stopped/status.json")
    assert status["state"] == "preempted"
    assert final_state(home, "stopped")[0] == status["step"]
    assert run(home, "stopped")[0] == 0
    assert not any(path.exists() for path in torn)
    assert_same_run(home, whole, "stopped")


def test_a_signal_after_the_last_step_leaves_the_evaluation_to_the_same_command(
    home, whole
):
    shutil.copytree(home / whole, home / "[late]")
    (home / "[late]/evaluation.json").unlink()
    process = start(home, "[late]")
    status = home / "[late]/status.json"
    wait_for(lambda: read_json(status)["state"] == "running", process)
    process.send_signal(signal.SIGTERM)
    code, _, errors = finish(process)
    assert (code, errors.count("Traceback")) == (75, 0), errors
    assert (read_json(status)["state"], read_json(status)["step"]) == ("preempted", 600)
    code, _, errors = run(home, "[late]")
    assert code == 0, errors
    assert_same_run(home, whole, "[late]")


def files(folder):
    """What lies in a folder: its files and when each was changed."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_folder_of_others_is_not_taken_for_one_of_ours(home, tmp_path):
    program = read_program(f"{home}/tiny.py")
    for name in ("run.lock", ".config.json.7.tmp"):
        (tmp_path / name).touch()
    check_run(program, tmp_path, "train")  # killed before it wrote its config
    (tmp_path / "x.tmp").touch()
    with pytest.raises(ConfigError, match="exists and is not a run folder"):
        check_run(program, tmp_path, "train")


def test_only_who_holds_the_folder_writes_that_it_was_preempted(tmp_path):
    write_status(tmp_path, state="running", step=0, steps=9)
    written = read_json(tmp_path / "status.json")
    write_json(tmp_path / "status.json", written | {"process": os.getppid()})
    folder_care.write_preempted(tmp_path, "gone")
    assert read_json(tmp_path / "status.json")["state"] == "running"
    (tmp_path / "checkpoints/4").mkdir(parents=True)
    # Its lock is free by then, as its work has ended before its last words.
    write_status(tmp_path, state="failed", step=0, steps=9)
    folder_care.write_preempted(tmp_path, "gone")
    status = read_json(tmp_path / "status.json")
    assert (status["state"], status["step"]) == ("preempted", 4)


def test_another_config_is_refused_and_harmless_keys_are_not(home, whole):
    before = (home / whole / "config.json").read_bytes()
    code, _, errors = run(home, whole, "--config.batch_size=32")
    assert code == 2
    assert errors.count("\n") == 1
    assert "batch_size was 16, is 32" in errors
    assert (home / whole / "config.json").read_bytes() == before
    program = read_program(f"{home}/tiny.py", ["evaluation.samples=30"])
    assert loop.run(program, home / whole, "sample") == 0
    assert np.load(home / whole / "samples/final.npz")["samples"].shape == (30, 2)


def test_looking_needs_the_folder_alone(home, whole):
    evaluation = home / whole / "evaluation.json"
    before, config = read_json(evaluation), (home / whole / "config.json").read_bytes()
    evaluation.unlink()
    with lock.hold(home / whole / lock.RUN, "a training"):  # trains beside it
        assert run(home, whole, "--mode=evaluate", experiment=None)[0] == 0
    assert read_json(evaluation) == before
    flags = ("--mode=sample", "--number=1", "--seed=5")
    code, output, errors = run(home, whole, *flags, experiment=None)
    assert code == 0, errors
    assert "sample-number1-seed5.npz: samples [1, 2] of step 600" in output
    drawn = np.load(home / whole / "samples/sample-number1-seed5.npz")
    assert drawn["samples"].shape == (1, 2)
    assert (home / whole / "config.json").read_bytes() == config


def test_a_run_that_began_from_another_needs_it_no_more(home, whole, monkeypatch):
    flags = ["--config.steps=60", "--config.seed=1", "--config.evaluation.every=0"]
    rate = "--config.optimizers.discriminator.learning_rate=1e-5"
    code, _, errors = run(home, whole, rate)
    assert code == 2
    assert (
        f"another folder, which may begin from this state by --init_from={whole}"
        in (errors)
    )
    shutil.copytree(home / whole, home / "copy@1")
    begin = (*flags, rate, "--init_from=copy@1")
    assert run(home, "tuned", *begin)[0] == 0
    assert read_json(home / "tuned/config.json")["init_from"] == "copy@1"
    init = read_json(home / "tuned/init.json")
    assert (init["folder"], init["step"]) == ("copy@1", 600)
    process = start(home, "tuned-cut", *begin)
    wait_for((home / "tuned-cut/checkpoints/0").exists, process)
    process.kill()
    finish(process)
    shutil.rmtree(home / "copy@1")
    code, _, errors = run(home, "tuned-cut", *begin)
    assert code == 0, errors
    overrides = [*flags, rate, "--config.init_from=copy@1"]
    assert_same_run(home, "tuned", "tuned-cut", *overrides)
    monkeypatch.chdir(home)
    overrides = [x.removeprefix("--config.") for x in overrides]
    program = read_program("tiny.py", overrides)
    words = "config.init_from: copy@1: copy has no checkpoints"
    with pytest.raises(ConfigError, match=words):
        loop.run(program, Path("tuned-late"), "train")
    assert not (home / "tuned-late").exists()


def test_divergence_is_stopped_or_skipped(home):
    flags = [
        "--config.optimizers.discriminator.learning_rate=1e38",
        "--config.steps=60",
    ]
    code, _, errors = run(home, "diverged", *flags, environment=QUICKLY)
    assert (code, errors.count("Traceback")) == (3, 0), errors
    status = read_json(home / "diverged/status.json")
    assert status["state"] == "diverged"
    assert "discriminator" in status["message"]
    assert status["message"].endswith(
        f"no checkpoint was saved; set record.checkpoint_every below {status['step']}"
    )
    assert list((home / "diverged/checkpoints").iterdir()) == []
    skip = "--config.non_finite=skip"
    code, _, _ = run(home, "skipped", *flags, skip, environment=QUICKLY)
    assert code == 0
    overrides = [flag.removeprefix("--config.") for flag in flags]
    _, state = final_state(home, "skipped", *overrides)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(state))
    assert state.skipped["discriminator"] > 0


# Of documentation, so that nobody answers there.
PROXY = dict.fromkeys(("http_proxy", "https_proxy", "grpc_proxy"), "http://192.0.2.1:9")


# Adam makes a whole step of the rounding of a gradient that should be zero.
SGD = {"experiment": "tiny.py:sgd"}


def start_pair(home, workdir, *flags, **experiment):
    """Starts two processes of one run, where all but this machine is behind a proxy."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"--coordinator_address=localhost:{probe.getsockname()[1]}"
    return [
        start(
            home,
            workdir,
            *flags,
            address,
            "--num_processes=2",
            f"--process_id={rank}",
            environment=QUICKLY | PROXY,
            **experiment,
        )
        for rank in range(2)
    ]


def test_two_processes_train_as_one(home):
    flags = ["--config.steps=20", "--config.evaluation.every=0"]
    pair = start_pair(home, "pair", *flags, **SGD)
    for process in pair:
        code, _, errors = finish(process)
        assert code == 0, errors
    # Where Orbax would take the path for a pattern.
    alone = run(home, "runs[x]/one\\", *flags, environment=QUICKLY, **SGD)
    assert alone[0] == 0
    (_, one), (_, two) = (
        final_state(home, name, "steps=20", **SGD) for name in ("runs[x]/one\\", "pair")
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), one, two
    )
    np.testing.assert_allclose(
        series(read_records(home / "pair")[0])["discriminator/loss"][1],
        series(read_records(home / "runs[x]/one\\")[0])["discriminator/loss"][1],
        rtol=1e-5,
    )
    with lock.hold(home / "pair" / lock.RUN, "a training"):
        ends = [finish(process) for process in start_pair(home, "pair", *flags, **SGD)]
    assert [code for code, _, _ in ends] == [2, 2]
    assert f"a training works on pair: process {os.getpid()} on " in ends[0][2]


def test_of_two_processes_none_outlives_the_other(home):
    for victim, enough in ((1, 20), (0, 80)):
        pair = start_pair(home, "parted", "--config.steps=100000", **SGD)
        wait_for((home / f"parted/checkpoints/{enough}").exists, pair[1 - victim])
        pair[victim].kill()
        code, _, errors = finish(pair[1 - victim])
        message = f"process {victim} is gone; run the same command again to resume"
        assert code == 75, errors
        said = [x for x in errors.splitlines() if not x.startswith("step ")]
        assert said.pop() == f"ganjax: {message}"
        finish(pair[victim])
        if victim == 1:  # else it was for the dead one to write
            (opening,) = said
            assert opening.endswith(" cpu; 2 processes; compiling, then from step 0")
            status = read_json(home / "parted/status.json")
            assert (status["state"], status["message"]) == ("preempted", message)
            assert (home / f"parted/checkpoints/{status['step']}").exists()
        else:
            assert not said


@pytest.mark.parametrize(
    ("argument", "compiled"),
    [
        # As used for the richest, with all that the other keeps beside its parameters
        # but the statistics of batch norm, which a state holds whatever compiled it.
        ("digits,dcgan,conditional,spectral", ""),
        # What is killed on two devices is in test_pack_runs and test_together.
        ("digits,dcgan", compiling.FLAGS),
    ],
)
def test_other_runs_resume_with_the_same_bits(home, argument, compiled):
    flags = ["--config.steps=120", "--config.evaluation.every=0"]
    tiny = {
        "experiment": f"tiny.py:{argument}",
        "environment": ENVIRONMENT | {"XLA_FLAGS": f"{virtual(1)} {compiled}"},
    }
    whole, cut = argument, f"{argument}-cut"
    assert run(home, whole, *flags, **tiny)[0] == 0
    process = start(home, cut, *flags, **tiny)
    wait_for((home / cut / "checkpoints/40").exists, process)
    process.kill()
    finish(process)
    code, _, errors = run(home, cut, *flags, **tiny)
    assert code == 0, errors
    assert ": 1,797 examples of 8 x 8 x 1 in 10 classes; parameters: " in errors
    assert "; devices: 1 cpu; compiling, then from step " in errors
    assert "from step 0\n" not in errors
    assert_same_run(home, whole, cut, *flags, experiment=tiny["experiment"])
    assert_images_were_drawn(home / whole)


def assert_images_were_drawn(folder):
    names = {path.name for path in (folder / "samples").iterdir()}
    assert {"sample_00000120.png", "interpolation_00000120.png"} <= names
    assert np.load(folder / "samples/final.npz")["samples"].shape == (40, 8, 8, 1)
    measures = read_json(folder / "evaluation.json")["metrics"]
    assert "pair_accuracy" in measures
    assert "real_accuracy" not in measures
