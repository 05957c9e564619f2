"""A fault of the machine is told from bad usage: the next try may do better."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import compiling
import pytest

from ganjax.command.exits import Exit
from ganjax.command.line import fail
from ganjax.config import ConfigError
from ganjax.config.faults import MachineError, blame
from ganjax.data import DataError
from ganjax.record.files import read_json

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        *(
            (OSError(getattr(errno, name), "words"), MachineError, Exit.FAILED)
            for name in (
                *("ENOSPC", "EDQUOT", "EIO", "ESTALE", "EMFILE", "ENFILE", "ENOMEM"),
                *("EFBIG", "ETIMEDOUT", "ENOTCONN", "EAGAIN", "EBUSY"),
            )
        ),
        *(
            (OSError(getattr(errno, name), "words"), ConfigError, Exit.REFUSED)
            for name in (
                *("EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST"),
                *("ENAMETOOLONG", "ELOOP", "EINVAL"),
            )
        ),
        (OSError("an image is cut short"), ConfigError, Exit.REFUSED),
        (DataError("no data"), ConfigError, Exit.REFUSED),
        (MachineError("a save failed"), MachineError, Exit.FAILED),
    ],
    ids=repr,
)
def test_whose_fault_an_error_is(error, kind, code, capsys):
    told = blame(error, f"here: {error}")
    assert type(told) is kind
    assert str(told) == f"here: {error}"
    for given in (error, told):
        with pytest.raises(SystemExit) as ended:
            fail("ganjax", given)
        assert ended.value.code == code
    assert capsys.readouterr().err.count("\n") == 2


EXPERIMENT = """
from ganjax.config import defaults

def get_config():
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.steps, config.batch_size = 2, 4
    config.networks.generator.widths = config.networks.discriminator.widths = (4,)
    return config
"""
# As on a full disk, but for small files.
FULL = """
import resource, runpy
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
runpy.run_module("ganjax.main", run_name="__main__")
"""


def test_a_disk_that_is_full_fails_a_run_and_refuses_nothing(tmp_path):
    (tmp_path / "experiment.py").write_text(EXPERIMENT)
    (tmp_path / "full.py").write_text(FULL)
    own = {
        "PYTHONPATH": str(ROOT),
        "JAX_PLATFORMS": "cpu",
        "XLA_FLAGS": compiling.FLAGS,
    }
    kept = {k: v for k, v in os.environ.items() if k != "JAX_COMPILATION_CACHE_DIR"}
    done = subprocess.run(
        [sys.executable, "full.py", "--config=experiment.py", "--workdir=run"],
        cwd=tmp_path,
        env={**kept, **own, "XDG_CACHE_HOME": str(tmp_path / "none")},
        capture_output=True,
        text=True,
    )
    *_, last = done.stderr.splitlines()
    assert last.startswith("ganjax: error: run: ")
    assert last.endswith("File too large")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert read_json(tmp_path / "run/status.json")["state"] == "failed"
