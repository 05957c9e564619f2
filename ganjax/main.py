"""Trains, evaluates, samples or exports one run of an experiment.

python -m ganjax.main --config=FILE.py[:ARGUMENT] --workdir=RUN [--config.KEY=VALUE ...]
python -m ganjax.main --config=FILE.py[:ARGUMENT] --workdir=RUNS --seeds=8
python -m ganjax.main --mode=evaluate|sample|export --workdir=RUN

Exit codes: 0 done; 2 bad usage, config or data; 3 diverged; 75 stopped after saving,
run the same command again to resume; 1 a bug, or the machine's fault as by a full disk.
"""
# The docstring is what --help prints; this file is flags only, and imports jax late.

from ganjax.command.stopping import StopRequest

_STOP = StopRequest()
if __name__ == "__main__":
    _STOP.install()  # before the imports, which take a while

import gc
import hashlib
import json
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from absl import flags

from ganjax.command.exits import Exit
from ganjax.command.line import check_folder, fail, parse, quiet, start
from ganjax.command.points import Given, read_points, read_programs
from ganjax.command.scheduler import Place, find_devices, find_peers
from ganjax.config import ConfigError, flatten
from ganjax.config.catalogue import load, rows
from ganjax.config.faults import MachineError, blame
from ganjax.config.packing import check_pack
from ganjax.config.program import Program, read_program, read_stored
from ganjax.training import peers
from ganjax.training.devices import be_patient, share_cores

_CONFIG = flags.DEFINE_string(
    "config",
    None,
    "Experiment file, or the name of one that came with ganjax, its argument behind a "
    "colon: experiments/ring.py:wasserstein or ring:wasserstein. --config.KEY=VALUE "
    "sets one of its values.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Run folder. The same command on the same folder resumes."
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "sample", "export", "check", "memory"],
    "train: train or resume; evaluate: write evaluation.json; sample: write "
    "samples/final.npz and pictures, or with flags such as --number and --label "
    "samples/sample-*.npz; export: write the networks as files for jax alone, "
    "export/*.jaxexport, and their weights; check: check the config, and that its data "
    "is there, and stop; memory: say how much of it the run needs at least. To "
    "evaluate, sample or export needs --workdir alone.",
)
_NUMBER = flags.DEFINE_integer(
    "number", None, "With --mode=sample: how many samples.", lower_bound=1
)
_SEED = flags.DEFINE_integer(
    "seed",
    None,
    "With --mode=sample: of the latents, in place of the run's.",
    lower_bound=0,
    upper_bound=2**32 - 1,
)
_LABEL = flags.DEFINE_list(
    "label",
    None,
    "With --mode=sample: classes by number or name, separated by commas, which take "
    "turns.",
)
_TRUNCATION = flags.DEFINE_float(
    "truncation",
    None,
    "With --mode=sample: each normal latent is drawn within [-t, t].",
    lower_bound=1e-3,
    upper_bound=10.0,
)
_INIT_FROM = flags.DEFINE_string(
    "init_from",
    None,
    "Run folder whose newest state a new run begins from, or FOLDER@STEP; the same as "
    "--config.init_from.",
)
_INIT_PLAYERS = flags.DEFINE_string(
    "init_players",
    None,
    "Which players do, such as generator,discriminator; all that both runs have unless "
    "given.",
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator_address", None, "host:port of process 0, for several processes."
)
_PROCESSES = flags.DEFINE_integer(
    "num_processes", 1, "Processes that train this run together.", lower_bound=1
)
_PROCESS = flags.DEFINE_integer(
    "process_id", 0, "Which of them this one is.", lower_bound=0
)

_DISTRIBUTED = flags.DEFINE_enum(
    "distributed",
    "auto",
    ["auto", "off"],
    "auto: the tasks of an srun, the pods of a Job that sets GANJAX_COORDINATOR and "
    "GANJAX_PROCESSES, and the hosts of a TPU slice train the run together; off: each "
    "trains alone. Where they are counted by the three flags above nothing is asked.",
)

_UNTIL = flags.DEFINE_integer(
    "until",
    None,
    "Train up to this step, a multiple of config.record.every, evaluate it and pause; "
    "the same command without it goes on.",
    lower_bound=1,
)
_SEEDS = flags.DEFINE_integer(
    "seeds",
    None,
    "Train so many runs in one program, from config.seed on, in folders WORKDIR/seed-0 "
    "and so on, and compare them in WORKDIR/report.html.",
    lower_bound=1,
)
_POINTS = flags.DEFINE_string(
    "points",
    None,
    "In place of --config and --workdir: a JSON file, or - for standard input, with a "
    'list of {"config": FILE.py:ARGUMENT, "overrides": ["KEY=VALUE"], "workdir": RUN}. '
    "The runs are trained in one program, from which they may differ by seeds and by "
    "floats such as learning rates. With --mode=check their flat configs are printed, "
    "each a line of JSON.",
)

_LOOK = flags.DEFINE_boolean(
    "look_at_data",
    True,
    "With --mode=check: see whether the data is there, without reading its images.",
)

_FLAGS = (
    *(_CONFIG, _WORKDIR, _MODE, _NUMBER, _SEED, _LABEL, _TRUNCATION, _INIT_FROM),
    *(_INIT_PLAYERS, _COORDINATOR, _PROCESSES, _PROCESS, _DISTRIBUTED, _UNTIL),
    *(_SEEDS, _POINTS, _LOOK),
)
_CHOICES = (_NUMBER, _SEED, _LABEL, _TRUNCATION)

_fail = partial(fail, "ganjax")

_overrides: list[str] = []


def _parse(argv: Sequence[str]) -> list[str]:
    words, overrides = parse("ganjax", argv)
    if words:
        _fail(f"{words[0]!r} is not a flag; write --name=value")
    _overrides.extend(overrides)
    return [argv[0]]


def _main(argv: Sequence[str]) -> None:
    del argv
    quiet()
    try:
        if _POINTS.value:
            _work_on_points(_POINTS.value)
            return
        _check_flags()
        if _SEEDS.value:
            _train_seeds(_SEEDS.value)
        program = _read_program()
        if _MODE.value == "check":
            seen = _look(program)
            print(f"{_CONFIG.value}: good" + (seen and f"; {seen}"))
            return
        if _MODE.value == "memory":
            print(f"{_CONFIG.value}: at least {_memory(program)}")
            return
        if not _WORKDIR.value:
            _fail("--workdir is missing; write --workdir=runs/NAME")
        check_folder(_WORKDIR.value)
        folder = Path(_WORKDIR.value)
        _check_until(program)
        place = _find_place()
        if place is None:  # several look at the folder once they have met
            _check_folder(program, folder)
        be_patient(os.environ)
        with _lasting():
            from ganjax.training import loop

        work = partial(loop.run, program, folder, _MODE.value, _choice(), _STOP)
        work = partial(work, until=_UNTIL.value)
        with program.naming():
            sys.exit(_together(work, program, folder, place) if place else work())
    except (ConfigError, MachineError) as error:
        _fail(error)


def _train_seeds(count: int) -> NoReturn:
    """Trains runs that differ by their seeds, and compares them."""
    from ganjax.training.folder import check_runs_folder

    if not _WORKDIR.value:
        _fail("--workdir is missing; write --workdir=runs/NAME")
    check_folder(_WORKDIR.value)
    folder = Path(_WORKDIR.value)
    check_runs_folder(folder)
    first = _read_program().config["seed"]
    given = [f"{x.name}={x.value}" for x in (_INIT_FROM, _INIT_PLAYERS) if x.value]
    points = [
        Given(
            _CONFIG.value or "",
            [*_overrides, *given, f"seed={seed}"],
            str(folder / f"seed-{seed}"),
        )
        for seed in range(first, first + count)
    ]
    _train_pack(points, compared=folder)


def _train_pack(points: Sequence[Given], compared: Path | None = None) -> NoReturn:
    if place := _find_place():
        what = "--seeds" if compared else "--points"
        _fail(f"{what}: trains, in one process, not in {place.processes}")
    runs = read_programs(points)
    check_pack([program.config for program, _ in runs])
    _check_until(runs[0][0])
    share_cores(os.environ, len(runs))
    be_patient(os.environ)
    with _lasting():
        from ganjax.training import loop

    with runs[0][0].naming():
        sys.exit(loop.run_pack(runs, _STOP, compared, _UNTIL.value))


def _check_flags() -> None:
    """Refuses flags that the mode does not read."""
    _check_mode_of_until()
    if _SEEDS.value and (_MODE.value != "train" or _is_one_of_several()):
        _fail("--seeds: trains, in one process")
    if _MODE.value == "sample":
        if math.isnan(_TRUNCATION.value or 0.0):  # which no bound of a flag refuses
            _fail("--truncation: must be a number, not nan")
        return
    for flag in _CHOICES:
        if flag.value is not None:
            hint = "; a run's is --config.seed" if flag is _SEED else ""
            _fail(f"--{flag.name} goes with --mode=sample{hint}")


def _read_program() -> Program:
    """The program of --config or, to look at a run, that of its folder."""
    given = [f"{x.name}={x.value}" for x in (_INIT_FROM, _INIT_PLAYERS) if x.value]
    if _CONFIG.value:
        return read_program(_CONFIG.value, [*_overrides, *given])
    if _MODE.value not in ("evaluate", "sample", "export"):
        _fail("--config is missing; write --config=experiments/ring.py")
    if not _WORKDIR.value:
        _fail("--workdir is missing; write --workdir=runs/NAME")
    return read_stored(Path(_WORKDIR.value), [*_overrides, *given])


def _check_until(program: Program) -> None:
    """Records are of the same steps, whether a run pauses or not."""
    every = program.config["record"]["every"]
    if _UNTIL.value and _UNTIL.value % every:
        _fail(f"--until={_UNTIL.value}: must be a multiple of record.every, {every}")


def _check_mode_of_until() -> None:
    if _UNTIL.value and _MODE.value != "train":
        _fail("--until goes with training")


def _check_folder(program: Program, folder: Path) -> None:
    """Refuses what it can before jax is imported, which takes a while."""
    from ganjax.training.folder import check_run

    check_run(program, folder, _MODE.value)


@contextmanager
def _lasting() -> Iterator[None]:
    """Spares the collector what is made within: it stays until the process ends.

    Modules are most of what there is; to look through them again and again takes a
    seventh of the time of a short run.
    """
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


def _choice() -> dict[str, Any]:
    """What was said of the samples to make."""
    given = {flag.name: flag.value for flag in _CHOICES if flag.value is not None}
    return {key: tuple(x) if isinstance(x, list) else x for key, x in given.items()}


def _is_one_of_several() -> bool:
    """Whether the flags say so."""
    return bool(_PROCESSES.value > 1 or _PROCESS.value or _COORDINATOR.value)


def _find_place() -> Place | None:
    """Which of several processes this one is, by its flags or its scheduler."""
    if not _is_one_of_several():
        return find_peers(os.environ) if _DISTRIBUTED.value == "auto" else None
    if _DISTRIBUTED.value == "off":
        _fail("--distributed=off goes without --coordinator_address, --num_processes")
    place = Place(_COORDINATOR.value or "", _PROCESSES.value, _PROCESS.value)
    peers.checked(*place)
    return place


def _together(
    work: Callable[[], int], program: Program, folder: Path, place: Place
) -> int:
    devices = find_devices(os.environ)
    told = [_MODE.value, str(folder), program.config, _UNTIL.value, _choice()]
    digest = hashlib.sha256(json.dumps(told).encode())
    for content in program.files.values():
        digest.update(content)
    try:
        joined = peers.Peers(*place, peers.JOIN_SECONDS, digest.hexdigest())
    except peers.PeerError as error:
        _fail(error, code=Exit.STOPPED)

    def begin() -> int:
        from ganjax.training.together import initialize

        initialize(joined, place, devices)
        _STOP.share()
        return work()

    def end(message: str) -> None:
        from ganjax.training.folder import write_preempted

        print("ganjax:", message, file=sys.stderr, flush=True)
        if _MODE.value == "train" and place.number == 0:
            write_preempted(folder, message)

    return joined.guard(begin, end)


def _look(program: Program) -> str:
    """What is seen of the data, in a few words, where its row says how to look."""
    section = program.config["data"]
    path = rows(program.catalogue, "data")[section["name"]].look
    if not path or not _LOOK.value:
        return ""
    from ganjax.data.files import DataError

    try:
        return load(path)(section)
    except (DataError, OSError) as error:
        raise blame(error, f"config.data: {error}") from error


def _work_on_points(source: str) -> None:
    """Trains many runs, or checks them in one process."""
    own = {flag.name for flag in (_POINTS, _MODE, _UNTIL, _LOOK)}
    given = {flag.name for flag in _FLAGS if flags.FLAGS[flag.name].present}
    others = given - own
    if _MODE.value not in ("check", "memory", "train") or others or _overrides:
        _fail("--points goes with --mode=check, memory or train, and no other flag")
    _check_mode_of_until()
    points = read_points(source)
    if _MODE.value == "train":
        _train_pack(points)
    if _MODE.value == "check":
        _check_points(points)
    for point in points if _MODE.value == "memory" else ():
        with redirect_stdout(sys.stderr):
            program = read_program(point.config, point.overrides)
        print(_memory(program, point.runs))


def _memory(program: Program, runs: int = 1) -> str:
    from ganjax.training import memory

    with program.naming():
        return memory.estimate(program.config, program.catalogue, runs)


def _check_points(points: Sequence[Given]) -> None:
    """Nothing is printed unless all are good."""
    lines = []
    looked: list[Mapping[str, Any]] = []
    for index, point in enumerate(points):
        try:
            with redirect_stdout(sys.stderr):  # an experiment file may print
                program = read_program(point.config, point.overrides)
            config = program.config
            if config["data"] not in looked:
                looked.append(config["data"])
                _look(program)
        except (ConfigError, MachineError) as error:
            _fail(blame(error, f"point {index} ({point}): {error}"))
        lines.append(json.dumps(flatten(config)))
    print("\n".join(lines))


if __name__ == "__main__":
    try:
        start(_main, _parse)
    finally:
        _STOP.close()
