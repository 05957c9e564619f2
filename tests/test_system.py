"""What the tests need of the system: installed where it may be, else left out aloud."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import system

ROOT = Path(__file__).parents[1]

# Both write down how they were called.
APT = """#!/bin/sh
echo "$DEBIAN_FRONTEND $*" >> {folder}/calls
echo "E: the last words"
case "$*" in *install*) {then} ;; esac
"""
SUDO = """#!/bin/sh
test "$1" = -n && shift
{then}
exec "$@"
"""


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """A PATH of its own: `machine(NAME=script)` puts programs there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("env", "touch", "chmod"):
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")

    def put(name, script, then=":"):
        (tmp_path / name).write_text(script.format(folder=tmp_path, then=then))
        (tmp_path / name).chmod(0o755)

    put.calls = lambda: [
        line.partition("DPkg::Lock::Timeout=600 ")
        for line in (tmp_path / "calls").read_text().splitlines()
    ]
    programs = f"{tmp_path}/chromium {tmp_path}/sbatch"
    put.works = f"touch {programs}; chmod +x {programs}"
    return put


def test_it_is_installed_where_that_may_be(machine, capsys):
    machine("apt-get", APT, machine.works)
    assert system.main() == 0
    assert capsys.readouterr() == (
        "tests/system.py: installing chromium slurm-wlm\n",
        "",
    )
    update, install = machine.calls()
    assert update[0].startswith("noninteractive ")
    assert (update[2], install[2]) == (
        "update",
        "install -y --no-install-recommends chromium slurm-wlm",
    )
    # And not again.
    assert system.main() == 0
    assert capsys.readouterr() == ("", "")
    assert len(machine.calls()) == 2


def test_sudo_without_a_password_will_do(machine, monkeypatch, capsys):
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    machine("apt-get", APT, machine.works)
    machine("sudo", SUDO)
    Path(os.environ["PATH"], "true").symlink_to("/usr/bin/true")
    assert system.main() == 0
    assert "left out" not in capsys.readouterr().out
    assert len(machine.calls()) == 2


@pytest.mark.parametrize(
    ("user", "programs", "why"),
    [
        (0, {}, "no apt-get here"),
        (7, {"apt-get": APT}, "neither root nor sudo without a password"),
        (
            7,
            {"apt-get": APT, "sudo": SUDO},
            "neither root nor sudo without a password",
        ),
        (0, {"apt-get": APT}, "E: the last words"),
        (0, {"apt-get": APT.replace("{then}", ":")}, "installed, but not found"),
    ],
    ids=["elsewhere", "no sudo", "password", "refused", "elsewhere installed"],
)
def test_else_one_line_says_what_is_left_out(
    machine, monkeypatch, capsys, user, programs, why
):
    monkeypatch.setattr(os, "geteuid", lambda: user)
    for name, script in programs.items():
        machine(name, script, "exit 1")
    missing = f"tests/system.py: chromium slurm is missing ({why})"
    assert system.main() == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"{missing}: the tests that need it are left out"
    monkeypatch.setenv("CI", "true")
    assert system.main() == 1
    assert capsys.readouterr().err == f"{missing}, which CI does not allow\n"


@pytest.mark.parametrize("ci", ["", "true"])
def test_pytest_leaves_exactly_those_tests_out_and_fails_in_ci(tmp_path, ci):
    tests = ("tests/test_browser.py", "tests/test_config.py")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env=os.environ | {"PATH": str(tmp_path), "CI": ci},
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert " passed" in lines[-1]
    if ci:
        assert done.returncode == 1
        assert " skipped" not in lines[-1]
        return
    assert done.returncode == 0, done.stdout
    assert "failed" not in lines[-1]
    left = "tests that need chromium, which is missing"
    assert f"left out: {left}" in lines[:9]
    skipped = lines[-1].partition(" skipped")[0].rpartition(" ")[2]
    assert f"left out: {skipped} {left}" in lines
    assert int(skipped) > 9
    assert "left out: 0 tests that need slurm, which is missing" in lines


def test_plugins_that_make_test_calls_are_asked_for():
    with open(ROOT / "pyproject.toml", "rb") as file:
        asked = tomllib.load(file)["project"]["optional-dependencies"]["dev"]
    names = {words.partition(">=")[0] for words in asked}
    makefile = (ROOT / "Makefile").read_text()
    plugins = {"--timeout=": "pytest-timeout", "--dist ": "pytest-xdist"}
    assert {x for flag, x in plugins.items() if flag in makefile} <= names
