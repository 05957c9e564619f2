"""The program, the versions and the machine of a run. No jax."""

import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import ganjax
from ganjax.record.files import now

_PACKAGES = (
    "jax",
    "jaxlib",
    "flax",
    "optax",
    "orbax-checkpoint",
    "ml-collections",
    "numpy",
    "scipy",
)


def environment(devices: Sequence[str], pack: str = "") -> dict[str, Any]:
    """What `environment.json` holds: program, versions and machine.

    `devices` names the accelerators, which only the caller can know without jax here;
    `pack` says how the run was trained among others, if it was.
    `commit` and `dirty` are None unless ganjax is run from a git checkout; the version
    of a package that is not installed is None.
    """
    # A tracked file tells a checkout from an installation that lies inside another one.
    tracked = _git("ls-files", "--error-unmatch", "__init__.py") is not None
    changes = _git("status", "--porcelain", "--untracked-files=no") if tracked else None
    return {
        "started": now(),
        "command": shlex.join(["python", *sys.orig_argv[1:]]),
        "hostname": platform.node(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "devices": list(devices),
        **({"pack": pack} if pack else {}),
        "python": platform.python_version(),
        "ganjax": ganjax.__version__,
        "commit": _git("rev-parse", "HEAD") if tracked else None,
        "dirty": None if changes is None else bool(changes),
        "versions": {package: _version(package) for package in _PACKAGES},
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git(*arguments: str) -> str | None:
    """What git says of the folder that this module lies in; None when it fails."""
    # In a git hook, GIT_DIR and its like would point git at another repository.
    variables = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    folder = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", "-C", str(folder), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=10,
            env=variables,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.decode(errors="replace").strip() if not done.returncode else None
