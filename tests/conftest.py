"""Eight devices on any machine, and what every test owes to those after it.

Its processes end with it, its compiled programs go with its file, and it is left out
only where the system lacks what it needs.
"""

import contextlib
import ctypes
import gc
import os
import resource
import shutil
import sys
import tempfile

import compiling
import processes
import pytest
import system
from slurm import slurm as slurm
from slurm import slurm_daemons as slurm_daemons

# Before jax is imported.
os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {processes.virtual(8)}"
processes.prepare()


def pytest_configure(config):
    """Programs are compiled once for all workers and all processes that tests start."""
    if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
        folder = tempfile.mkdtemp(prefix="ganjax-tests-")
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["JAX_COMPILATION_CACHE_DIR"] = folder
    os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    os.environ["JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"] = "-1"


@pytest.fixture(autouse=True)
def _processes_end():
    """Ends all that a test started, also where it failed or ran out of time."""
    before = processes.started()
    yield
    if processes.started() > before:
        processes.end_all()


# Compiled quickly, as what these compare are parts and pictures. Bits, and numbers at
# their limits, are tested of programs as they are compiled for use.
UNOPTIMIZED = (
    *("augment", "corrections", "costs", "data", "dcgan", "dirac", "doctor", "energy"),
    *("evaluate", "export", "f_divergence", "folder", "games", "halfway", "inherit"),
    *("inline", "labels", "loss_sensitive", "maxout", "memory", "networks"),
    *("objectives", "optim", "parallel", "parts", "parzen", "penalties", "pictures"),
    *("reorder", "run", "sampling", "supervised", "testing", "theory", "toy_networks"),
    *("variational", "variational_games"),
)


@pytest.fixture
def quickly_compiled():
    """For a test of no bits in a file of bits."""
    with compiling.quickly():
        yield


@pytest.fixture(scope="module", autouse=True)
def _programs_end(request):
    """Drops what a file compiled: thousands of programs are gigabytes."""
    quick = request.module.__name__.removeprefix("test_") in UNOPTIMIZED
    with contextlib.ExitStack() as stack:
        if "jax" in sys.modules:
            stack.enter_context(compiling.in_one_context())
        if quick:
            stack.enter_context(compiling.quickly())
        yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
        gc.collect()
        if sys.platform == "linux":
            # Otherwise glibc keeps nearly all of it. Another libc lacks the function.
            getattr(ctypes.CDLL(None), "malloc_trim", lambda _: 0)(0)


def _missing():
    return [] if system.is_ci() else [x for x in system.NEEDED if not system.find(x)]


def pytest_report_header():
    return [f"left out: tests that need {x}, which is missing" for x in _missing()]


# The files that take longest, by their time: begun last, one worker would end alone.
LONGEST = (
    *("launch_slurm", "train", "launch", "pack_runs", "launch_stages", "notebook"),
    *("together", "step", "variational_games", "parallel", "energy", "theory"),
    *("own_parts", "packs", "halving", "doctor", "lowering", "objectives"),
    *("f_divergence", "convolution"),
)


def pytest_collection_modifyitems(items):
    order = {f"test_{name}.py": index for index, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.name, len(order)))
    missing = _missing()
    for item in items:
        for mark in item.iter_markers("needs"):
            if mark.args[0] in missing:
                item.add_marker(pytest.mark.skip(f"needs {mark.args[0]}"))


def pytest_collection_finish():
    """Modules and tests stay until the end: no need to look through them again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000)  # tracing makes much that stays for a while


_peaks = {}  # of memory in GB, by worker


def pytest_sessionfinish(session):
    unit = 2**30 if sys.platform == "darwin" else 2**20  # bytes there, else KB
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["peak"] = peak
    else:
        _peaks["this process"] = peak


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node):
    """Of xdist: a worker has ended, or died and has no output."""
    if "peak" in getattr(node, "workeroutput", {}):
        _peaks[node.gateway.id] = node.workeroutput["peak"]


def pytest_terminal_summary(terminalreporter):
    words = (f"{name} {peak:.2f} GB" for name, peak in sorted(_peaks.items()))
    terminalreporter.write_line(f"peak memory: {', '.join(words)}")
    for name in _missing():
        reports = terminalreporter.stats.get("skipped", ())
        count = sum(f"needs {name}" in str(report.longrepr) for report in reports)
        line = f"left out: {count} tests that need {name}, which is missing"
        terminalreporter.write_line(line, yellow=True)


def pytest_unconfigure():
    processes.end_all()  # those of a worker that died
