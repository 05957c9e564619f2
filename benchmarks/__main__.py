"""Times the training step beside PyTorch's, and keeps what it found.

    python -m pip install -e '.[bench]'
    python -m benchmarks ring vae --threads=1
    python -m benchmarks --record
    python -m benchmarks.page

Each workload is timed in a process of its own, all sides in turn, round after round, so
that a noisy machine disturbs all alike. Ratios are of the two turns of a round; their
median and range over the rounds are given. --record writes all workloads' rounds to
benchmarks/results/, of which benchmarks.page makes docs/performance.md.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.machine import RESULTS, describe, file_name, keeping, missing
from benchmarks.summary import SIDES, summarize
from benchmarks.workloads import WORKLOADS, write_data

LIMIT = 900  # seconds of one process


def _child(cache: Path, *arguments: object) -> dict[str, Any]:
    """What a process measured, compiled programs kept in `cache`."""
    words = [*map(str, arguments), str(time.time())]
    command = [sys.executable, "-m", "benchmarks.child", *words]
    done = subprocess.run(
        command,
        env=keeping(cache),
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}:\n{done.stderr}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(name: str, counts: list[int], rounds: int, data: Path) -> dict[str, Any]:
    """All numbers of a workload: its speed by threads, and the starts of each side."""
    found: dict[str, Any] = {"threads": {}, "start": {}, "load": os.getloadavg()[0]}
    with tempfile.TemporaryDirectory() as folder:
        for side in SIDES:
            for kind in ("cold", "warm"):
                measured = _child(Path(folder), side, name, counts[0], data, 0)
                found["start"].setdefault(side, {})[kind] = measured
        for count in counts:
            speed = _child(Path(folder), "speed", name, count, data, rounds)
            found["threads"][str(count)] = speed
    return found


def main() -> None:
    """Measures what the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("workloads", nargs="*", metavar="WORKLOAD", help="or all")
    parser.add_argument("--threads", default="1,2", help="numbers, by commas")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--record", action="store_true", help="keep the results")
    arguments = parser.parse_args()
    if arguments.record and arguments.workloads:
        parser.error("--record is of all workloads")
    names = arguments.workloads or list(WORKLOADS)
    if unknown := set(names) - set(WORKLOADS):
        parser.error(f"{', '.join(unknown)}: none of {', '.join(WORKLOADS)}")
    cores = len(os.sched_getaffinity(0))
    words = arguments.threads.split(",")
    if not all(word.isdecimal() and 0 < int(word) <= cores for word in words):
        parser.error(f"--threads: numbers from 1 to {cores}, by commas")
    if complaint := missing():
        parser.error(complaint)
    counts = [int(word) for word in words]
    results = {**describe(), "rounds": arguments.rounds, "workloads": {}}
    with tempfile.TemporaryDirectory() as folder:
        write_data(Path(folder))
        for name in names:
            found = measure(name, counts, arguments.rounds, Path(folder))
            results["workloads"][name] = found
            for row in summarize(name, found):
                print(row, flush=True)
            if arguments.record:
                RESULTS.mkdir(exist_ok=True)
                path = RESULTS / file_name(results)
                path.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
