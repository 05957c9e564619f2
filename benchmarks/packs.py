"""Times packs, many runs in one program, beside other ways to train as many.

    python -m pip install -e '.[bench]'
    python -m benchmarks.packs ring:32 --rounds=3
    python -m benchmarks.packs --record
    python -m benchmarks.page

Each way has a process of its own. They take their turns one after another, round after
round, so that a noisy machine disturbs all alike; ratios are of the turns of a round.
--record writes the rounds of all packs to benchmarks/results/packs/, of which
benchmarks.page makes a table.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, Self

from benchmarks.machine import RESULTS as _RESULTS
from benchmarks.machine import describe, file_name, keeping, missing
from benchmarks.summary import Ratio, ratio
from benchmarks.workloads import write_data

RESULTS = _RESULTS / "packs"


class Side(NamedTuple):
    """A way to train many runs."""

    title: str
    mapping: str = ""  # of a pack of ours
    devices: bool = False  # one for each core
    processes: bool = False  # one for each core, which has that core alone
    twin: str = ""  # of PyTorch
    is_single: bool = False  # a process trains one run


OURS = "map"
SIDES = {
    OURS: Side("a pack, a device for each core", mapping="map", devices=True),
    "map_one": Side("a pack, one device", mapping="map"),
    "vmap": Side("a pack by vmap, one device", mapping="vmap"),
    "single": Side("one run after another", is_single=True),
    "singles": Side(
        "one run after another on each core", processes=True, is_single=True
    ),
    # A process for each core, as what PyTorch does with one thread on each of two cores
    # is more than with two threads, and needs no other core to be free.
    "torch": Side(
        "PyTorch's population, a part on each core", processes=True, twin="torch"
    ),
    "torch.compile": Side("the same, compiled", processes=True, twin="torch.compile"),
}

PACKS = {
    f"{workload}:{members}": (workload, members)
    for workload, members in (("ring", 8), ("ring", 32), ("ring", 128), ("dcgan", 8))
}


class Row(NamedTuple):
    """One way to train the runs of a pack."""

    title: str
    steps: float  # a second, of all runs together
    ratio: Ratio | None  # of its time to our pack's, which itself has none
    cpu: float  # seconds of all cores for a step of one run
    megabytes: float  # of all its processes
    first: tuple[float, float]  # seconds to the end of two steps, cold and warm

    def __str__(self) -> str:
        """One line for a terminal."""
        over = "" if self.ratio is None else f", {self.ratio} times the pack's time"
        return (
            f"{self.title}: {self.steps:.1f} steps/s{over}, {1e3 * self.cpu:.2f} ms of "
            f"CPU a step, {self.megabytes:.0f} MB, two steps after "
            f"{self.first[0]:.1f} s, {self.first[1]:.1f} s warm"
        )


def summarize(found: Mapping[str, Any]) -> list[Row]:
    """The rows of a pack, as `measure` found it."""
    ours = found["sides"][OURS]["seconds"]
    return [
        Row(
            SIDES[name].title,
            1 / median(measured["seconds"]),
            None if name == OURS else ratio(measured["seconds"], ours),
            median(measured["cpu"]),
            measured["megabytes"],
            (measured["first"]["cold"], measured["first"]["warm"]),
        )
        for name, measured in found["sides"].items()
    ]


class _Process:
    """A child, which has begun once its first words are read."""

    def __init__(self, cache: Path, cores: Sequence[int], *arguments: object) -> None:
        command = [
            *(sys.executable, "-m", "benchmarks.pack_child"),
            ",".join(map(str, cores)),
            *map(str, arguments),
            str(time.time()),
        ]
        self._child = subprocess.Popen(
            command,
            env=keeping(cache),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._child.stdin.close()  # which ends it
        self._child.wait()

    def begin_turn(self) -> None:
        """Asks for a turn, which is then heard of."""
        self._child.stdin.write("\n")
        self._child.stdin.flush()

    def hear(self) -> dict[str, Any]:
        """Its next words."""
        line = self._child.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(map(str, self._child.args))}: ended")
        return json.loads(line)


def _turn(processes: Sequence[_Process]) -> list[dict[str, Any]]:
    """One of all processes of a side, at the same time."""
    for process in processes:
        process.begin_turn()
    return [process.hear() for process in processes]


class _Started(NamedTuple):
    """The processes of a side, ready for turns, and what they told."""

    processes: list[_Process]
    first: dict[str, float]  # seconds to the end of two steps
    counts: dict[str, int]  # parameters of all members, by player
    at_once: int  # members that step in a turn


def _start(
    name: str, workload: str, members: int, data: Path, opened: ExitStack
) -> _Started:
    """Twice: the first time compiles, and finds how many steps a turn takes."""
    # No side finds the compiled programs of another.
    cache = Path(opened.enter_context(tempfile.TemporaryDirectory()))
    side, cores = SIDES[name], sorted(os.sched_getaffinity(0))
    places = [[core] for core in cores] if side.processes else [cores]
    together = 1 if side.is_single else -(-members // len(places))
    given = name, workload, together, data
    with _Process(cache, places[0], *given, 0) as process:
        cold = process.hear()
    processes = []
    for place in places:
        process = _Process(cache, place, *given, cold["steps"])
        processes.append(opened.enter_context(process))
        warm = process.hear()
    first = {"cold": cold["first"], "warm": warm["first"]}
    counts = {player: n * members // together for player, n in warm["counts"].items()}
    return _Started(processes, first, counts, together * len(places))


def measure(pack: str, rounds: int, data: Path) -> dict[str, Any]:
    """Seconds of a step of one run by side, peak memory, and starts."""
    loads = [os.getloadavg()[0]]
    with ExitStack() as opened:
        started = {name: _start(name, *PACKS[pack], data, opened) for name in SIDES}
        counts = {name: side.counts for name, side in started.items()}
        if any(numbers != counts[OURS] for numbers in counts.values()):
            raise SystemExit(f"not the same networks: {counts}")
        turns: dict[str, list[Any]] = {name: [] for name in SIDES}
        for _ in range(rounds):
            for name, side in started.items():
                turns[name].append(_turn(side.processes))
    loads.append(os.getloadavg()[0])
    sides = {
        name: {
            "first": side.first,
            "seconds": [
                max(said["seconds"] for said in turn) / side.at_once
                for turn in turns[name]
            ],
            "cpu": [
                sum(said["cpu"] for said in turn) / side.at_once for turn in turns[name]
            ],
            "megabytes": sum(said["megabytes"] for said in turns[name][-1]),
        }
        for name, side in started.items()
    }
    return {"loads": loads, "sides": sides}


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("packs", nargs="*", metavar="WORKLOAD:RUNS", help="or all")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--record", action="store_true", help="keep the results")
    arguments = parser.parse_args()
    if arguments.record and arguments.packs:
        parser.error("--record is of all packs")
    if unknown := set(arguments.packs) - set(PACKS):
        parser.error(f"{', '.join(unknown)}: none of {', '.join(PACKS)}")
    if complaint := missing():
        parser.error(complaint)
    results = {**describe(), "rounds": arguments.rounds, "packs": {}}
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder))
        for pack in arguments.packs or PACKS:
            found = measure(pack, arguments.rounds, Path(folder))
            results["packs"][pack] = found
            for row in summarize(found):
                print(f"{pack}, {row}", flush=True)
            if arguments.record:
                RESULTS.mkdir(parents=True, exist_ok=True)
                path = RESULTS / file_name(results)
                path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
