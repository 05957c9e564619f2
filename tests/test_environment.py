"""What a run says of the machine, the versions and the commit that ran it."""

import importlib.metadata
import json
import os
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

import ganjax
from ganjax.record import environment, files


def test_environment_names_versions_devices_and_command(monkeypatch, tmp_path):
    command = ["/usr/bin/python3", "-m", "ganjax.main", "--workdir=runs/my ring"]
    monkeypatch.setattr(sys, "orig_argv", command)
    found = environment.environment(["cpu:0", "cpu:1"])
    assert found["devices"] == ["cpu:0", "cpu:1"]
    assert shlex.split(found["command"]) == ["python", *command[1:]]
    assert found["python"] == ".".join(map(str, sys.version_info[:3]))
    assert found["ganjax"] == ganjax.__version__
    assert list(found["versions"]) == [
        *("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "ml-collections"),
        *("numpy", "scipy"),
    ]
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["jax"] == importlib.metadata.version("jax")
    assert found["cpu_count"] == os.cpu_count()
    assert datetime.fromisoformat(found["started"]).tzinfo is UTC
    files.write_json(tmp_path / "environment.json", found)
    assert files.read_json(tmp_path / "environment.json") == found
    del found["command"], found["hostname"]
    assert str(Path(ganjax.__file__).parent) not in json.dumps(found)


def test_environment_has_no_version_of_what_is_not_installed(monkeypatch):
    monkeypatch.setattr(environment, "_PACKAGES", ("numpy", "no-such-package"))
    assert environment.environment([])["versions"] == {
        "numpy": np.__version__,
        "no-such-package": None,
    }


def test_environment_knows_the_commit_of_a_checkout_only(monkeypatch, tmp_path, capfd):
    def git(*arguments):
        variables = {"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull}
        identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        return subprocess.run(
            ["git", "-C", str(tmp_path), *identity, *arguments],
            env=variables,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()

    def commit_and_dirty():
        found = environment.environment([])
        return found["commit"], found["dirty"]

    package = tmp_path / "ganjax"
    package.mkdir()
    (package / "__init__.py").write_text("1\n")
    monkeypatch.setattr(environment, "__file__", str(package / "record.py"))
    assert commit_and_dirty() == (None, None)  # no repository

    git("init", "--quiet")
    git("commit", "--allow-empty", "--quiet", "--message=one")
    assert commit_and_dirty() == (None, None)  # the repository of something else

    git("add", ".")
    git("commit", "--quiet", "--message=two")
    commit = git("rev-parse", "HEAD")
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "status.json").write_text("{}")
    assert commit_and_dirty() == (commit, False)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))  # as in a hook
    assert commit_and_dirty() == (commit, False)

    (package / "__init__.py").write_text("2\n")
    assert commit_and_dirty() == (commit, True)
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert commit_and_dirty() == (None, None)
    assert capfd.readouterr() == ("", "")
