"""What is installed, which devices there are, and where files go."""

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import jax
import pooch

from ganjax.build import keep_compiled_programs
from ganjax.doctor.row import Row
from ganjax.training.memory import free_on_host

NO_GPU = "no GPU here"
_PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint")


def versions() -> Iterator[Row]:
    """Python, what does the work, and the driver of GPUs."""
    yield Row("python", platform.python_version())
    for package in _PACKAGES:
        yield Row(package, version(package))
    yield Row("driver", _driver())


def devices() -> Iterator[Row]:
    """The devices of this process and the memory of each, and the host's."""
    for device in jax.local_devices():
        limit = (device.memory_stats() or {}).get("bytes_limit")
        memory = f", {_gigabytes(limit)} of its own" if limit else ", the host's memory"
        yield Row(f"device {device.id}", f"{device.device_kind}{memory}")
    has_mask = hasattr(os, "sched_getaffinity")
    cores = len(os.sched_getaffinity(0)) if has_mask else os.cpu_count()
    free = _gigabytes(free_on_host())
    yield Row("host", f"{cores} cores for this process, {free} of memory free")


def flags() -> Iterator[Row]:
    """What the environment asks of XLA; deterministic operations of a GPU are one."""
    yield Row("XLA_FLAGS", os.environ.get("XLA_FLAGS", "") or "not set")
    found = NO_GPU
    if jax.default_backend() == "gpu":
        asked = "--xla_gpu_deterministic_ops=true" in os.environ.get("XLA_FLAGS", "")
        found = "asked for" if asked else "not asked for"
    yield Row("deterministic operations", found)


def folders() -> Iterator[Row]:
    """Whether the caches can be written, and the space that is free there."""
    keep_compiled_programs()
    programs = jax.config.jax_compilation_cache_dir  # type: ignore[attr-defined]
    yield _folder("compiled programs", programs, "JAX_COMPILATION_CACHE_DIR")
    data = str(pooch.os_cache("ganjax"))
    yield _folder("data that is downloaded", data, "XDG_CACHE_HOME")


def _folder(what: str, path: str, variable: str) -> Row:
    there = Path(path).absolute()
    while not there.exists():  # the root does
        there = there.parent
    ok = there.is_dir() and os.access(there, os.W_OK)
    free = _gigabytes(shutil.disk_usage(there).free)
    return Row(
        what,
        f"{path}, {free} free" if ok else f"{path} cannot be written",
        "can be written",
        ok,
        f"name a folder that can be written by {variable}",
    )


def _driver() -> str:
    command = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        said = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError):
        return NO_GPU
    found = sorted(set(said.stdout.splitlines()))
    return "; ".join(found) if not said.returncode and found else NO_GPU


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
