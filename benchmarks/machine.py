"""What is measured on, what a process that measures is given, and where results are."""

import datetime
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"


def file_name(results: Mapping[str, Any]) -> str:
    """Of results: their date and machine."""
    machine = re.sub("[^a-z0-9]+", "-", results["machine"].lower()).strip("-")
    return f"{results['date']}-{machine}.json"


def missing() -> str:
    """A complaint, where PyTorch is not installed."""
    if find_spec("torch"):
        return ""
    return "PyTorch is missing: python -m pip install -e '.[bench]'"


def keeping(cache: Path) -> dict[str, str]:
    """The environment of a process whose compiled programs are kept in `cache`."""
    return {
        **os.environ,
        "JAX_COMPILATION_CACHE_DIR": str(cache / "jax"),
        "TORCHINDUCTOR_CACHE_DIR": str(cache / "torch"),
    }


def _commit() -> str:
    """Of this checkout, or nothing where it is none."""
    command = [
        "git",
        "-C",
        str(Path(__file__).parent),
        "describe",
        "--always",
        "--dirty",
    ]
    return subprocess.run(
        command, capture_output=True, text=True, check=False
    ).stdout.strip()


def describe() -> dict[str, Any]:
    """The machine and the versions of what ran on it."""
    models = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return {
        "date": datetime.date.today().isoformat(),
        "machine": f"{models[0]}, {len(os.sched_getaffinity(0))} cores",
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("jax", "torch", "numpy")},
        },
        "commit": _commit(),
    }
