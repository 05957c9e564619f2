"""One process of a pack's benchmark; it tells what it did by lines of JSON.

    python -m benchmarks.pack_child CORES SIDE WORKLOAD MEMBERS FOLDER STEPS BEGAN

The first line is of its start, as in `benchmarks.child`, and says how many steps a turn
takes: STEPS, or as many as it finds where that is 0. Then each line of its input is
answered by a turn: seconds of a step, those of all its threads, and the most memory
that it ever held. With its input it ends.
"""

import json
import os
import resource
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.child import SECONDS, Run, make_ours, make_theirs, timed
from benchmarks.packs import SIDES, Side
from benchmarks.workloads import WORKLOADS
from ganjax.config.validation import validate


def _tell(**said: Any) -> None:
    print(json.dumps(said), flush=True)


def _make(side: Side, config: Any, cores: int, members: int) -> tuple[Run, dict]:
    if side.twin:
        return make_theirs(side.twin, config, cores, members)
    import jax

    from ganjax.parallel import jit_layout, pack_layout

    jax.config.update("jax_num_cpu_devices", cores if side.devices else 1)
    if not side.mapping:
        return make_ours(config, lambda: jit_layout(jax.devices()[0]))
    lay_out = partial(pack_layout, count=members, mapping=side.mapping)
    return make_ours(config, lambda: lay_out(jax.devices()), members)


def main() -> None:
    """Takes turns as the input asks for them."""
    places, name, workload, members, folder, steps, began = sys.argv[1:]
    cores = set(map(int, places.split(",")))
    # Before jax and torch are imported: they size their thread pools by this.
    os.sched_setaffinity(0, cores)
    side = SIDES[name]
    config = validate(WORKLOADS[workload].configure(Path(folder)))
    run, counts = _make(side, config, len(cores), int(members))
    run(2)
    first = time.time() - float(began)
    taken = int(steps) or max(2, round(SECONDS / timed(run, 2)))
    run(taken)  # ours compiles for a number of steps
    _tell(first=first, steps=taken, counts=counts)
    for _ in sys.stdin:
        before = time.process_time()
        seconds = timed(run, taken)
        cpu = (time.process_time() - before) / taken
        kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _tell(seconds=seconds, cpu=cpu, megabytes=kilobytes / 1024)


if __name__ == "__main__":
    main()
