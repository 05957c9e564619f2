"""Two tasks of a real srun train one run, and neither outlives the other."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import jax
import numpy as np
import pytest
from jax.experimental import multihost_utils
from processes import finish, virtual, wait_for

from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.command.scheduler import Place
from ganjax.config import ConfigError
from ganjax.config.program import read_program
from ganjax.record.files import read_json
from ganjax.record.records import read_records, series
from ganjax.training.together import check_alike, initialize

ROOT = Path(__file__).parents[1]
# SGD, as Adam makes a whole step of the rounding of a gradient that should be zero.
EXPERIMENT = """
from ganjax.config import defaults

def get_config():
    config = defaults(
        data="ring", network="mlp", objective="hinge", optimizer="sgd"
    )
    config.steps, config.batch_size = 15, 16
    config.networks.generator.widths = config.networks.discriminator.widths = (16,)
    config.record.update(every=5, pictures_every=15, checkpoint_every=5)
    config.evaluation.update(every=0, samples=40)
    return config
"""
COMMAND = ("-m", "ganjax.main", "--config=tiny.py")
# Each task says its number first, and becomes the training.
TASK = 'echo $$ > process-$SLURM_PROCID; exec "$@"'


@pytest.fixture
def home(tmp_path):
    (tmp_path / "tiny.py").write_text(EXPERIMENT)
    return tmp_path


def environment(devices, **more):
    own = {"XLA_FLAGS": virtual(devices), "JAX_PLATFORMS": "cpu", "PYTHONPATH": ROOT}
    return {**os.environ, **more, **{key: str(x) for key, x in own.items()}}


def start(home, slurm, *flags):
    """Two tasks that are told nothing of each other, each with a device."""
    program = (sys.executable, *COMMAND, *flags)
    with open(home / "errors", "w") as errors:
        return subprocess.Popen(
            ["srun", "-n2", "-l", "bash", "-c", TASK, "task", *program],
            cwd=home,
            env=environment(1, **slurm.environment),
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )


def wait_until_it_compiles(home, srun):
    words = "; 2 processes; compiling, then from step "
    wait_for(lambda: words in (home / "errors").read_text(), srun)


def how_tasks_ended(home):
    """Such as {"0": "Exited with exit code 75"}; of those that failed."""
    found = re.findall(r"tasks? ([\d,-]+): (.+)", (home / "errors").read_text())
    ends = {}
    for tasks, end in found:
        first, _, last = tasks.replace(",", "-").partition("-")
        ends |= dict.fromkeys((first, last or first), end)
    return ends


def final_state(folder):
    program = read_program(str(folder.parent / "tiny.py"), [])
    target = jax.eval_shape(build_setup(program.config, program.catalogue).init)
    with Checkpoints(folder / "checkpoints", keep=3) as saved:
        return saved.restore(target)


def test_data_that_is_not_that_of_process_0_is_refused(monkeypatch):
    first = []  # what process 0 sends

    def broadcast(mine):
        first[:] = first or [mine]
        return first[0]

    monkeypatch.setattr(jax, "process_count", lambda: 2)
    monkeypatch.setattr(jax, "process_index", lambda: 1)
    monkeypatch.setattr(multihost_utils, "broadcast_one_to_all", broadcast)
    check_alike({"examples": 3, "fingerprint": "a"})
    check_alike({"fingerprint": "a", "examples": 3})
    with pytest.raises(ConfigError, match="process 1 reads other than process 0"):
        check_alike({"examples": 3, "fingerprint": "b"})


def test_jax_is_told_which_gpus_are_this_process_s(monkeypatch):
    told = {}
    monkeypatch.setenv("no_grpc_proxy", "")  # and put back
    monkeypatch.setattr(jax.config, "update", lambda *_: None)
    monkeypatch.setattr(jax.distributed, "initialize", lambda *_, **x: told.update(x))
    joined = SimpleNamespace(coordinator=lambda: "127.0.0.1:5000")
    initialize(joined, Place("node:5000", 2, 1), (2, 3))
    assert told["local_device_ids"] == (2, 3)
    # Else JAX would take the second of them, as this is the second task of its node.
    assert told["cluster_detection_method"] == "deactivate"


@pytest.mark.needs("slurm")
def test_what_was_stopped_and_killed_equals_one_process_of_two_devices(home, slurm):
    process = start(home, slurm, "--workdir=pair")
    wait_until_it_compiles(home, process)
    slurm.run(
        "scancel", "--signal=USR1", *slurm.run("squeue", "-h", "-o", "%i").split()
    )
    finish(process)
    assert how_tasks_ended(home) == dict.fromkeys("01", "Exited with exit code 75")
    status = read_json(home / "pair/status.json")
    assert (status["state"], status["step"]) == ("preempted", 5)

    process = start(home, slurm, "--workdir=pair")
    wait_until_it_compiles(home, process)
    os.kill(int((home / "process-1").read_text()), signal.SIGKILL)
    finish(process)
    message = "process 1 is gone; run the same command again to resume"
    assert f"0: ganjax: {message}\n" in (home / "errors").read_text()
    ends = how_tasks_ended(home)
    assert ends == {"0": "Exited with exit code 75", "1": "Killed"}
    assert read_json(home / "pair/status.json")["message"] == message

    process = start(home, slurm, "--workdir=pair")
    code, said, _ = finish(process)
    assert (code, said.count("done at step 15")) == (0, 1), (
        home / "errors"
    ).read_text()

    subprocess.run(
        [sys.executable, *COMMAND, "--workdir=one"],
        cwd=home,
        env=environment(2),
        capture_output=True,
        check=True,
    )
    (_, one), (step, pair) = (final_state(home / x) for x in ("one", "pair"))
    assert step == 15
    jax.tree.map(np.testing.assert_array_equal, one, pair)
    one, pair = (series(read_records(home / x)[0]) for x in ("one", "pair"))
    for name in one.keys() - {"seconds"}:
        np.testing.assert_array_equal(one[name], pair[name])
