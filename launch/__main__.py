"""Runs the sweep of an experiment, several runs at a time, and watches over them.

python -m launch --config=FILE.py[:ARGUMENT] --workdir=SWEEP [--config.KEY=VALUE ...]
python -m launch status|resume|cancel|report --workdir=SWEEP

The same command again resumes, or adds the points that the sweep got at its end.

Exit codes: 0 all runs are done or diverged, or with a scheduler; 1 some failed, or the
machine did; 2 bad usage or config, or the scheduler refuses; 75 stopped by a signal,
the runs are saved.
"""
# The docstring is what --help prints; this file is flags only.

import os
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from absl import flags

from ganjax.command.exits import Exit
from ganjax.command.line import check_folder, dotted, fail, parse, start
from ganjax.command.scheduler import find_peers
from ganjax.config.experiment import ConfigError
from ganjax.config.faults import blame
from launch import arrays, session
from launch import sweep as sweeps
from launch.backend import Place
from launch.backends import LOCAL, NAMES, open_scheduler, options_of
from launch.local import LocalBackend, Slot, find_cores, find_gpus, make_slots
from launch.remote import Remote
from launch.watch import Local
from launch.way import Way

_CONFIG = flags.DEFINE_string(
    "config",
    None,
    "Experiment file with a function sweep(add), or the name of one that came with "
    "ganjax, its argument behind a colon. --config.KEY=VALUE sets a value of every "
    "point.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Sweep folder; it holds a run folder each."
)
_BACKEND = flags.DEFINE_string(
    "backend",
    None,
    f"Where to run: {', '.join(NAMES)}, or a FILE.py with a back end of your own. By "
    "default the scheduler that had the sweep last, or else local, this machine.",
)
_OPTIONS = flags.DEFINE_string(
    "options",
    None,
    "TOML file with options of the back end, such as a partition. --options.KEY=VALUE "
    "sets one; --dry_run shows what comes of it.",
)
_WAIT = flags.DEFINE_bool(
    "wait",
    False,
    "With a scheduler: stay until all runs have ended and write the report, in place "
    "of leaving once they are handed over.",
)
_MAX_PARALLEL = flags.DEFINE_integer(
    "max_parallel",
    None,
    "Processes at a time; unless given one for each GPU, or for each core without a "
    "GPU, and with a scheduler as many as it likes.",
    lower_bound=1,
)
_PACK = flags.DEFINE_string(
    "pack",
    "auto",
    "How many runs that differ by seed and by numbers alone one process trains: auto, "
    "as many as leave work for all processes; off; or a number, the most.",
)
_RETRIES = flags.DEFINE_integer(
    "retries", 1, "How often a run that failed is tried again.", lower_bound=0
)
_DRY_RUN = flags.DEFINE_bool(
    "dry_run", False, "Check all points and print them; write and run nothing."
)
_RUN_STUDY = flags.DEFINE_bool(
    "run_study",
    False,
    "Run the study of the experiment file though it is not the file that was launched.",
)

_RUNS = ("workdir", "backend", "options", "wait", "max_parallel", "pack", "retries")

# What each command reads; "" is a launch.
_FLAGS = {
    "": ("config", "dry_run", *_RUNS),
    "status": ("workdir",),
    "resume": _RUNS,
    "cancel": ("workdir",),
    "report": ("workdir", "run_study"),
}

_fail = partial(fail, "launch")

_overrides: list[str] = []
_options: list[str] = []  # "KEY=VALUE" each, as overrides


def _parse(argv: Sequence[str]) -> list[str]:
    own, others = dotted(argv, "options")
    words, overrides = parse("launch", others)
    if len(words) > 1:
        _fail(f"{words[1]!r} is not a flag; write --name=value")
    _overrides.extend(overrides)
    _options.extend(own)
    return [argv[0], *words]


def _main(argv: Sequence[str]) -> None:
    command = argv[1] if len(argv) > 1 else ""
    if command not in _FLAGS:
        known = ", ".join(filter(None, _FLAGS))
        _fail(f"{command!r} is no command; known are {known}")
    for name in {name for names in _FLAGS.values() for name in names}:
        if flags.FLAGS[name].present and name not in _FLAGS[command]:
            _fail(f"--{name} is not for {command}")
    if command and _overrides:
        _fail(f"--config.{_overrides[0].partition('=')[0]} is not for {command}")
    if _options and "options" not in _FLAGS[command]:
        _fail(f"--options.{_options[0].partition('=')[0]} is not for {command}")
    if not _WORKDIR.value:
        _fail("--workdir is missing; write --workdir=sweeps/NAME")
    try:
        if command in ("", "resume") and (place := find_peers(os.environ)):
            _fail(f"works in one process, not in {place.processes}")
        check_folder(_WORKDIR.value)
        sys.exit(_run(command, Path(_WORKDIR.value)))
    except ConfigError as error:
        _fail(error)
    except OSError as error:
        # A full disk does not say which file it was.
        where = "" if error.filename else f"--workdir: {_WORKDIR.value}: "
        _fail(blame(error, f"{where}{error}"))
    except KeyboardInterrupt:  # before or after the runs
        sys.exit(Exit.STOPPED)


def _run(command: str, folder: Path) -> int:
    if command == "resume":
        return session.resume(folder, _way(folder))
    if command == "status":
        print(session.status(folder, open_scheduler))
        return Exit.DONE
    if command == "cancel":
        session.cancel(folder, open_scheduler)
        print(
            f"{folder}: stopped; to resume: python -m launch resume --workdir={folder}"
        )
        return Exit.DONE
    if command == "report":
        session.open_sweep(folder)
        return session.write_report(folder, run_study=_RUN_STUDY.value)
    if not _CONFIG.value:
        _fail("--config is missing; write --config=experiments/ring.py, or a command")
    way = _way(folder)
    sweep = sweeps.plan(_CONFIG.value, _overrides)
    if _DRY_RUN.value:
        print(session.preview(folder, sweep, way))
        return Exit.DONE
    return session.launch(folder, sweep, way)


def _way(folder: Path) -> Way:
    """Where and how to run, as told, or else as the sweep was run last."""
    last = arrays.newest(folder)
    backend = _BACKEND.value or (last.backend if last else LOCAL)
    most, retries = _most(_PACK.value), _RETRIES.value
    if backend == LOCAL:
        if _OPTIONS.value or _options or _WAIT.value:
            _fail("--options and --wait go with a scheduler, as of --backend=slurm")
        place = Place(
            at_once=lambda count: len(_slots(count)),
            open=lambda held, count: LocalBackend(_slots(count), kept=[held]),
        )
        return Local(place, open_scheduler, most=most, retries=retries)
    if backend.endswith(".py"):
        backend = str(Path(backend).resolve())  # whoever asks later may be elsewhere
    before = last.options if last and last.backend == backend else None
    options = options_of(backend, _OPTIONS.value, _options, before)
    return Remote(
        backend,
        options,
        open_scheduler,
        at_once=_MAX_PARALLEL.value,
        most=most,
        retries=retries,
        wait=_WAIT.value,
    )


def _slots(count: int) -> list[Slot]:
    return make_slots(find_gpus(), find_cores(), _MAX_PARALLEL.value, count)


def _most(pack: str) -> int | None:
    """Runs in a pack at most; None leaves it to the launcher."""
    if pack == "auto":
        return None
    most = 1 if pack == "off" else int(pack) if pack.isdecimal() else 0
    if not most:
        _fail(f"--pack: {pack!r} is neither auto, off nor a number of runs")
    return most


if __name__ == "__main__":
    start(_main, _parse)
