"""The third back end of docs/clusters.md, as it stands there."""

import re
from pathlib import Path

import pytest
from processes import wait_for
from test_launch import ALONE, STAND_IN, assert_refused, launch, stand_ins, tries

DOC = Path(__file__).parents[1] / "docs/clusters.md"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detached")
    (folder / "stand_in.py").write_text(STAND_IN)
    [program] = [
        code
        for code in re.findall(r"^```python\n(.*?)^```$", DOC.read_text(), re.M | re.S)
        if code.startswith('"""detached.py')
    ]
    (folder / "detached.py").write_text(program)
    return folder


@pytest.fixture
def words(tmp_path):
    own = ("--backend=detached.py", f"--options.state={tmp_path}/state", ALONE)
    return ("resume", *own, "--max_parallel=2")


def test_tasks_end_as_their_exit_codes_say(home, words):
    does = {"good": ["0"], "again": ["1", "0"], "bad": ["1", "1"]}
    does |= {"wild": ["3"], "moved": ["75", "0"]}
    with stand_ins(home, "codes", **does) as folder:
        code, output, errors = launch(home, *words, "--workdir=codes", "--wait")
        assert code == 1, errors
        assert "codes: 3 done, 1 failed, 1 diverged\n" in output
        assert "bad: failed at 3/3, ended with 1\n" in errors
        assert tries(folder) == {"good": 1, "again": 2, "bad": 2, "wild": 1, "moved": 2}


def test_a_sweep_is_left_cancelled_and_resumed(home, words):
    with stand_ins(home, "left", a=["wait", "0"], b=["0"]) as folder:
        few = (*words[:-1], "--max_parallel=1", "--workdir=left")
        assert launch(home, *few)[0] == 0
        wait_for((folder / "a/status.json").exists)
        code, output, _ = launch(home, "status", "--workdir=left")
        rows = [line.split()[:2] for line in output.splitlines()]
        assert (code, rows[1:]) == (0, [["a", "running"], ["b", "waiting"]])
        code, output, _ = launch(home, "cancel", "--workdir=left")
        assert (code, output[:14]) == (0, "left: stopped;")
        assert tries(folder) == {"a": 1}
        code, output, errors = launch(home, "resume", "--workdir=left", "--wait")
        assert (code, "left: 2 done\n" in output) == (0, True), errors
        assert tries(folder) == {"a": 2, "b": 1}


def test_a_file_that_is_no_back_end(home):
    run = ("--config=stand_in.py", "--workdir=new")
    no = launch(home, *run, "--backend=no.py")
    assert_refused(no, f"--backend: {home / 'no.py'}: FileNotFoundError: ")
    assert not (home / "new").exists()
