"""The experiments come with the wheel: whoever has only that can copy and run them."""

import os
import shlex
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from ganjax import copy_experiments
from ganjax.config import ConfigError

ROOT = Path(__file__).parents[1]
SHIPPED = sorted(path.name for path in (ROOT / "experiments").glob("*.py"))


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Runs `python -m ...` of an unpacked wheel, in an empty folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    (folder / "work").mkdir()

    def run(*arguments):
        return subprocess.run(
            [sys.executable, "-m", *arguments],
            cwd=folder / "work",
            env=os.environ | {"PYTHONPATH": str(folder / "site")},
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run, folder / "work"


def test_a_wheel_has_experiments_to_run(installed):
    run, work = installed
    done = run("ganjax.copy_experiments")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"experiments: {len(SHIPPED)} experiments")
    assert sorted(path.name for path in (work / "experiments").iterdir()) == SHIPPED
    for name in ("ring.py", "mnist.py"):
        checked = run("ganjax.main", f"--config=experiments/{name}", "--mode=check")
        assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr


def test_a_wheel_trains_an_experiment_by_its_name(installed):
    run, work = installed
    small = [f"--config.{x}" for x in ("steps=2", "batch_size=8")]
    few = ("--config.evaluation.samples=20", "--workdir=run")
    done = run("ganjax.main", "--config=ring:hinge", *small, *few)
    assert done.returncode == 0, done.stderr
    assert (work / "run/source/ring.py").is_file()
    for name in ("fashion_mnist", "basics:energy"):
        checked = run("ganjax.main", f"--config={name}", "--mode=check")
        assert (checked.returncode, checked.stderr) == (0, ""), checked.stderr
    planned = run("launch", "--config=ring:small", "--workdir=sweep", "--dry_run")
    assert planned.returncode == 0, planned.stderr
    lost = run("ganjax.main", "--config=rign", "--mode=check")
    assert lost.returncode == 2
    assert lost.stderr.endswith("there is no file rign; did you mean ring?\n")


def test_chosen_ones_bring_what_they_build_on(tmp_path):
    copies = copy_experiments.copy(tmp_path / "mine", ["fashion_mnist", "ring"])
    names = ["fashion_mnist.py", "mnist.py", "ring.py"]
    assert [path.name for path in copies] == names
    with pytest.raises(ConfigError, match="no experiment rign; did you mean ring"):
        copy_experiments.copy(tmp_path / "other", ["rign"])
    assert not (tmp_path / "other").exists()


def test_a_checkout_copies_its_own(tmp_path):
    copies = copy_experiments.copy(tmp_path / "mine")
    assert [path.name for path in copies] == SHIPPED
    ring = (ROOT / "experiments" / "ring.py").read_text()
    assert (tmp_path / "mine" / "ring.py").read_text() == ring


def test_no_file_is_overwritten(tmp_path):
    (tmp_path / "ring.py").write_text("mine")
    with pytest.raises(FileExistsError, match=r"ring.py is there already"):
        copy_experiments.copy(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["ring.py"]
    assert (tmp_path / "ring.py").read_text() == "mine"


def test_a_reader_that_has_gone_is_no_error(tmp_path):
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as output:
        done = subprocess.run(
            [sys.executable, "-m", "ganjax.copy_experiments", tmp_path / "mine"],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stdout=output,
            stderr=subprocess.PIPE,
            timeout=120,
        )
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_command_that_is_shown_can_be_pasted(tmp_path, capsys):
    copy_experiments._main(["", str(tmp_path / "my own")])
    command = capsys.readouterr().out.splitlines()[-1]
    assert f"--config={tmp_path}/my own/ring.py" in shlex.split(command)
