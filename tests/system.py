"""What the tests need that pip cannot install, and its installation: one list.

`python tests/system.py` installs what is missing where it may: as root, or by sudo
without a password, on Debian and Ubuntu. A test that needs it says so by
`pytest.mark.needs(NAME)` and is left out where it is missing; under CI that fails.
"""

import os
import shutil
import subprocess
import sys

# The package, and the programs of which any one will do.
NEEDED = {
    "chromium": (
        "chromium",
        ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    ),
    "slurm": ("slurm-wlm", ("sbatch",)),  # and the daemons
}

_MINUTES = 10  # of one apt-get, which waits for another's lock too
_APT = ("apt-get", "-q", "-o", f"DPkg::Lock::Timeout={_MINUTES * 60}")


def find(name: str) -> str | None:
    """The path of a program of `name`, or None."""
    _, programs = NEEDED[name]
    return next(filter(None, map(shutil.which, programs)), None)


def is_ci() -> bool:
    """Whether nothing may be left out."""
    return os.environ.get("CI", "").lower() in ("1", "true")


def install(packages: list[str]) -> str:
    """Installs packages; returns why that could not be, in a few words, or nothing."""
    if not shutil.which("apt-get"):
        return "no apt-get here"
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if as_root and (not shutil.which("sudo") or _run([*as_root, "true"])):
        return "neither root nor sudo without a password"
    quiet = ["env", "DEBIAN_FRONTEND=noninteractive"]
    print(f"tests/system.py: installing {' '.join(packages)}", flush=True)
    updated = _run([*as_root, *quiet, *_APT, "update"])
    command = [*_APT, "install", "-y", "--no-install-recommends", *packages]
    failed = _run([*as_root, *quiet, *command])
    # Lists of packages may be stale and the package there all the same.
    return failed and (updated or failed)


def _run(command: list[str]) -> str:
    """Runs a command; returns the last line that it said if it failed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=_MINUTES * 60,
        )
    except subprocess.TimeoutExpired:
        return f"no end after {_MINUTES} minutes: {' '.join(command)}"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    return lines[-1] if lines else f"exit {done.returncode}: {' '.join(command)}"


def main() -> int:
    """Installs what is missing, and says in one line what is missing still."""
    missing = [name for name in NEEDED if not find(name)]
    if not missing:
        return 0
    why = install([NEEDED[name][0] for name in missing])
    missing = [name for name in missing if not find(name)]
    if not missing:
        return 0
    why = why or "installed, but not found"
    words = f"tests/system.py: {' '.join(missing)} is missing ({why})"
    if is_ci():
        print(f"{words}, which CI does not allow", file=sys.stderr)
        return 1
    print(f"{words}: the tests that need it are left out")
    return 0


if __name__ == "__main__":
    sys.exit(main())
