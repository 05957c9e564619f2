"""A training in the process that asks for it."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from compiling import FLAGS

import ganjax
from ganjax.config import load
from ganjax.record.files import read_json
from ganjax.training.inline import DivergedError

EXPERIMENT = """
from ganjax.config import defaults

def get_config(arg=""):
    config = defaults(data="ring", network="mlp", objective="hinge")
    for network in config.networks.values():
        network.widths = (4,)
    config.steps, config.batch_size, config.evaluation.samples = 12, 8, 12
    config.parallel.mode = "jit"
    config.record.update(every=2, pictures_every=12, checkpoint_every=4)
    return config
"""


@pytest.fixture(scope="module")
def experiment(tmp_path_factory):
    path = tmp_path_factory.mktemp("experiment") / "tiny.py"
    path.write_text(EXPERIMENT)
    return path


@pytest.fixture(scope="module")
def commanded(experiment):
    """The same run, by the command line."""
    folder = experiment.parent / "run"
    words = ["-m", "ganjax.main", f"--config={experiment}", f"--workdir={folder}"]
    flags = f"{os.environ['XLA_FLAGS']} {FLAGS}"  # compiled as it is in this process
    env = os.environ | {"XLA_FLAGS": flags}
    subprocess.run([sys.executable, *words], check=True, timeout=300, env=env)
    return ganjax.load(folder)


def assert_same(run, other):
    assert run.step == other.step
    np.testing.assert_array_equal(run.sample(5), other.sample(5))
    for name, (steps, values) in run.metrics().items():
        if "second" not in name:
            np.testing.assert_array_equal(steps, other.metrics()[name][0])
            np.testing.assert_array_equal(values, other.metrics()[name][1])
    assert run.evaluation == other.evaluation


@pytest.fixture
def handler():
    """Python's own, as in a notebook, whatever runs the tests; and it stays."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("handler")
def test_it_is_the_run_of_the_command(experiment, commanded, tmp_path):
    seen = []
    run = ganjax.train(
        experiment, tmp_path / "a", on_record=lambda step, x: seen.append((step, x))
    )
    assert_same(run, commanded)
    assert [step for step, _ in seen] == [2, 4, 6, 8, 10, 12]
    values = run.metrics()["generator/loss"][1]
    np.testing.assert_allclose([x["generator/loss"] for _, x in seen], values)
    names = {path.name for path in run.folder.iterdir()}
    assert names == {path.name for path in commanded.folder.iterdir()}
    # From a ConfigDict, as a notebook changes it, and from the config of a run.
    config = load(str(experiment))
    for index, given in enumerate((config, run.config)):
        assert_same(ganjax.train(given, tmp_path / f"b{index}"), commanded)
    assert config.steps == 12
    changed = ganjax.train(
        config, tmp_path / "c", overrides={"steps": 4, "networks.generator.slope": 0.5}
    )
    assert (changed.step, changed.config["networks"]["generator"]["slope"]) == (4, 0.5)
    table = ganjax.frame([run.folder, changed.folder])
    np.testing.assert_array_equal(table["networks.generator.slope"], [0.2, 0.5])
    np.testing.assert_array_equal(table["step"], [12, 4])


@pytest.mark.usefixtures("handler")
def test_an_interrupt_saves_and_the_same_call_resumes(experiment, commanded, tmp_path):
    def interrupt(step, metrics):
        if step == 4:
            signal.raise_signal(signal.SIGINT)

    run = ganjax.train(experiment, tmp_path / "run", on_record=interrupt)
    assert run.step == 6
    assert run.record.status["state"] == "preempted"
    assert run.sample(3).shape == (3, 2)
    assert_same(ganjax.train(experiment, tmp_path / "run"), commanded)


@pytest.mark.usefixtures("handler")
def test_an_interrupt_of_the_evaluation_keeps_the_steps(
    experiment, tmp_path, monkeypatch
):
    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr("ganjax.training.loop.write_evaluation", interrupt)
        run = ganjax.train(experiment, tmp_path / "run")
    assert run.step == 12
    status = read_json(tmp_path / "run/status.json")
    assert (status["state"], status["step"]) == ("preempted", 12)
    assert ganjax.train(experiment, tmp_path / "run").record.status["state"] == "done"


@pytest.mark.usefixtures("handler")
def test_an_interrupt_before_anything_is_saved(experiment, tmp_path, monkeypatch):
    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("ganjax.training.loop.build_setup", interrupt)
    with pytest.raises(KeyboardInterrupt):
        ganjax.train(experiment, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("handler")
def test_a_second_interrupt_is_as_it_was(experiment, tmp_path):
    """Whoever asks twice wants it now."""
    asked = []

    def interrupt(step, metrics):
        for _ in range(2 if step == 4 else 0):
            asked.append(step)
            signal.raise_signal(signal.SIGINT)

    run = ganjax.train(
        experiment,
        tmp_path / "run",
        overrides={"record.checkpoint_every": 2},
        on_record=interrupt,
    )
    assert (asked, run.step) == ([4, 4], 2)  # the steps of the last save
    assert run.record.status["state"] == "preempted"


def test_a_thread_trains_and_heeds_no_signal(experiment, commanded, tmp_path):
    runs = []
    thread = threading.Thread(
        target=lambda: runs.append(ganjax.train(experiment, tmp_path / "run"))
    )
    thread.start()
    thread.join(timeout=300)
    assert_same(runs[0], commanded)


def test_an_error_of_the_callback_is_the_callers(experiment, tmp_path):
    def fail(step, metrics):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        ganjax.train(experiment, tmp_path / "run", on_record=fail)
    assert read_json(tmp_path / "run/status.json")["message"] == "RuntimeError: mine"


def test_a_training_that_diverged(experiment, tmp_path):
    rates = {
        f"optimizers.{x}.learning_rate": 1e30 for x in ("discriminator", "generator")
    }
    with pytest.raises(DivergedError, match="not finite between steps"):
        ganjax.train(experiment, tmp_path / "run", overrides=rates)


@pytest.mark.parametrize(
    ("config", "overrides", "words"),
    [
        ("nope.py", {}, r"there is no file nope\.py"),
        (3, {}, "config: a file, a ConfigDict or a run's config, not int"),
        (None, {"stepz": 3}, r"has no such key; did you mean steps\?"),
        (None, {"steps": "many"}, r"config\.steps: must be a whole number, not 'many'"),
        ({"steps": 3}, {}, r"^config\."),
    ],
)
def test_what_is_refused_leaves_nothing(experiment, tmp_path, config, overrides, words):
    with pytest.raises(ValueError, match=words):
        ganjax.train(
            experiment if config is None else config,
            tmp_path / "run",
            overrides=overrides,
        )
    assert list(tmp_path.iterdir()) == []


def test_a_config_that_names_parts_of_a_file(experiment, tmp_path):
    config = load(str(experiment))
    config.networks.generator.name = "mine"
    with pytest.raises(ValueError, match=r"'mine' is none of .*own give its file$"):
        ganjax.train(config, tmp_path / "run")


def test_another_runs_folder_is_refused(experiment, commanded):
    with pytest.raises(ValueError, match="holds another run: seed was 0, is 4"):
        ganjax.train(experiment, commanded.folder, overrides={"seed": 4})
    with pytest.raises(ValueError, match="exists and is not a folder"):
        ganjax.train(experiment, experiment)


def test_the_package_in_a_tenth_of_a_second():
    """Nothing is imported that only a run needs."""
    script = (
        "import sys, time; began = time.process_time(); import ganjax; "
        "print(*dir(ganjax)); heavy = {'jax', 'numpy', 'ml_collections', 'absl'}; "
        "assert not heavy & set(sys.modules); "
        "assert all(getattr(ganjax, name).__doc__ for name in ganjax.__all__)"
    )
    root = Path(__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=root,
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.split() == [
        *("__doc__", "__name__", "__version__", "frame", "load", "train"),
    ], done.stderr
