"""Parts of an experiment's own file, as docs/extending.md and README.md have them."""

import json
import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import compiling
import jax
import numpy as np
import pytest
from processes import PATIENCE, finish, wait_for

from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import ConfigError, defaults
from ganjax.config.builtin import BUILT_IN
from ganjax.config.program import read_program, read_stored, stored_catalogue
from ganjax.config.validation import validate
from ganjax.record.files import write_json

ROOT = Path(__file__).parents[1]
FAST = [
    *("--config.steps=30", "--config.record.every=5", "--config.batch_size=8"),
    *("--config.record.checkpoint_every=10", "--config.record.pictures_every=1000"),
    *("--config.record.examples=4", "--config.evaluation.samples=20"),
    *("--config.data.count=40", "--config.networks.discriminator.width=4"),
]


def python_of(document, holds):
    """The block of Python in a document that holds some words."""
    text = (ROOT / document).read_text("utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    (code,) = (block for block in blocks if holds in block)
    return code


STRIPES = python_of("docs/extending.md", "def get_config")
PROOF = python_of("docs/extending.md", "def test_own_parts")
SQUARED = python_of("README.md", "def get_config")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder with an unpacked wheel in it, and an experiment outside of it."""
    folder = tmp_path_factory.mktemp("own")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=PATIENCE)
    (wheel,) = folder.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(folder / "site")
    (folder / "stripes.py").write_text(STRIPES)
    return folder


def start(home, *arguments):
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=home,
        env=os.environ
        | {"PYTHONPATH": str(home / "site"), "XLA_FLAGS": compiling.FLAGS},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(home, *arguments):
    code, output, errors = finish(start(home, *arguments))
    assert code == 0, errors
    return output


def state_of(folder, program):
    setup = build_setup(program.config, program.catalogue)
    with Checkpoints(folder / "checkpoints", keep=3) as saved:
        step, state = saved.restore(jax.eval_shape(setup.init))
    return step, jax.device_get(state)


def test_all_that_is_done_with_an_experiment(home):
    """Swept, killed, resumed to the same bits, sampled, reported without the file."""
    run(home, "launch", "--config=stripes.py", "--workdir=sweep", *FAST)
    swept = json.loads((home / "sweep/sweep.json").read_text())["points"]
    keys = ("objective.sharpness", "networks.generator.width")
    assert {tuple(p["config"][key] for key in keys) for p in swept} == {
        (0.5, 16),
        (2.0, 32),
    }

    # Not a run of the sweep, which has other cores: thus it is another program.
    train = ["ganjax.main", "--config=stripes.py", *FAST]
    run(home, *train, "--workdir=whole")
    train += ["--workdir=killed"]
    process = start(home, *train)
    wait_for((home / "killed/checkpoints/10").exists, process)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=PATIENCE)
    run(home, *train)
    program = read_program(
        str(home / "stripes.py"), [f.removeprefix("--config.") for f in FAST]
    )
    (step, one), (end, other) = (
        state_of(folder, program) for folder in (home / "killed", home / "whole")
    )
    assert step == end == 30
    jax.tree.map(np.testing.assert_array_equal, one, other)

    (home / "stripes.py").unlink()
    run(home, "ganjax.main", "--mode=sample", "--workdir=killed", "--number=7")
    drawn = np.load(home / "killed/samples/sample-number7.npz")["samples"]
    assert drawn.shape == (7, 8, 8, 1)
    evaluation = json.loads((home / "killed/evaluation.json").read_text())
    run(home, "ganjax.main", "--mode=evaluate", "--workdir=killed")
    assert json.loads((home / "killed/evaluation.json").read_text()) == evaluation
    assert evaluation["metrics"]["unevenness"] > 0
    assert evaluation["better"]["unevenness"] == "one"
    page = home / "killed/report.html"
    page.unlink()
    run(home, "ganjax.report", "killed")
    assert "unevenness" in page.read_text()
    run(home, "launch", "report", "--workdir=sweep")
    assert "unevenness" in (home / "sweep/report.html").read_text()

    (home / "stripes.py").write_text(STRIPES + "# changed\n")
    code, _, errors = finish(start(home, *train, "--config.steps=40"))
    assert code == 2
    assert "killed/source/stripes.py" in errors
    assert errors.count("\n") == 1


def test_what_is_wrong_with_own_parts_is_one_line(home):
    """With its file and line; before there is a folder, and of a stored file too."""
    broken = STRIPES.replace("hidden = images\n", "hidden = imagse\n")
    assert broken != STRIPES
    (home / "broken.py").write_text(broken)
    line = broken[: broken.index("imagse")].count("\n") + 1
    train = ["ganjax.main", "--config=broken.py", "--workdir=broken", *FAST]
    code, output, errors = finish(start(home, *train))
    words = f"broken.py:{line}: NameError: name 'imagse' is not defined"
    assert (code, output, errors) == (2, "", f"ganjax: error: {words}\n")
    assert not (home / "broken").exists()


def test_the_experiment_in_the_readme_is_good(home):
    (home / "squared.py").write_text(SQUARED)
    output = run(home, "ganjax.main", "--config=squared.py", "--mode=check")
    assert output == "squared.py: good\n"


def test_a_stored_file_is_run_only_where_it_is_needed(tmp_path, monkeypatch):
    """A config of built-in parts runs no program of the folder that it lies in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "source").mkdir()
    trap = "open('trodden', 'w')\nPARTS = []\n"
    (tmp_path / "source/trap.py").write_text(trap)
    (tmp_path / "source/experiment.json").write_text('{"file": "trap.py"}')
    config = validate(defaults(data="ring", network="mlp", objective="hinge"))
    write_json(tmp_path / "config.json", config)
    assert stored_catalogue(tmp_path, config) == BUILT_IN
    other = config | {"data": {"name": "mine"}}
    for name in ("../trap.py", "nothing.py", 3):
        write_json(tmp_path / "source/experiment.json", {"file": name})
        with pytest.raises(ConfigError, match=r"experiment.json|no file"):
            stored_catalogue(tmp_path, other)
    (tmp_path / "source/experiment.json").unlink()
    write_json(tmp_path / "config.json", other)
    with pytest.raises(ConfigError, match=r"'mine' is none of .*json is missing$"):
        read_stored(tmp_path)
    assert not Path("trodden").exists()


def test_own_parts_are_proven_by_five_lines(home):
    (home / "proven").mkdir()
    (home / "proven/stripes.py").write_text(STRIPES)
    (home / "proven/test_stripes.py").write_text(PROOF)
    output = run(home, "pytest", "-q", "-p", "no:cacheprovider", "proven")
    passed = int(re.search(r"(\d+) passed", output)[1])
    assert passed > 20
    assert "failed" not in output
