"""What one process measures of one workload; it prints a line of JSON.

    python -m benchmarks.child MEASUREMENT WORKLOAD THREADS FOLDER ROUNDS BEGAN

Processes are apart so that each has its own threads, memory and caches. MEASUREMENT is
"speed" of all sides, or the side whose start is measured; BEGAN is the time when the
process was started.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.summary import OURS, SIDES
from benchmarks.workloads import WORKLOADS, random_arrays
from ganjax.config.validation import validate

SECONDS = 0.5  # that a turn is to last

Run = Callable[[int], None]


def make_ours(
    config: Any, lay_out: Callable[[], Any], members: int = 1
) -> tuple[Run, dict[str, int]]:
    """As many steps in one dispatch as are asked for, as training takes them.

    Of so many members in all, with seeds of their own, over the layout that is made.
    """
    import jax

    from ganjax.build import build_setup, keep_compiled_programs
    from ganjax.state import stack

    keep_compiled_programs()
    setup, layout = build_setup(config), lay_out()
    advance = layout.compile(setup.make_step(layout.axis_name))
    data = layout.place_data(setup.source.arrays)
    numbers = layout.place_numbers([setup.numbers] * members)
    seeds = range(setup.seed, setup.seed + members)
    states = [jax.device_get(setup._replace(seed=seed).init()) for seed in seeds]
    state = layout.place(stack(states) if layout.members else states[0])
    counts = {
        player: members * sum(x.size for x in jax.tree.leaves(tree))
        for player, tree in states[0].params.items()
    }

    def run(steps: int) -> None:
        nonlocal state
        state, metrics = advance(state, numbers, data, steps)
        jax.block_until_ready((state, metrics))

    return run, counts


def make_theirs(
    side: str, config: Any, threads: int, members: int = 1
) -> tuple[Run, dict[str, int]]:
    """The twin, or that of a population."""
    import torch

    from benchmarks.twins import make_twin

    torch.set_num_threads(threads)
    compiled = side == "torch.compile"
    data = random_arrays(config)
    return make_twin(config, data, compiled=compiled, members=members)


def _make(side: str, config: Any, threads: int) -> tuple[Run, dict[str, int]]:
    """Takes so many steps; and the numbers of parameters by player."""
    if side != OURS:
        return make_theirs(side, config, threads)
    from ganjax.build import build_layout

    return make_ours(config, lambda: build_layout(config))


def timed(run: Run, steps: int) -> float:
    """Seconds of one of so many steps."""
    began = time.perf_counter()
    run(steps)
    return (time.perf_counter() - began) / steps


def _peak() -> float:
    """FLOP/s of the product of two large float32 matrices, the best of a few.

    That of the faster library: MKL leaves half of some processors' speed unused.
    """
    import jax
    import torch

    theirs = torch.rand(1024, 1024)
    ours = jax.random.uniform(jax.random.key(0), (1024, 1024))
    multiply = jax.jit(lambda a: a @ a)

    def by_torch(times: int) -> None:
        for _ in range(times):
            theirs @ theirs

    def by_jax(times: int) -> None:
        jax.block_until_ready([multiply(ours) for _ in range(times)])

    by_jax(1)
    seconds = (timed(run, 4) for run in (by_torch, by_jax) for _ in range(5))
    return 2 * 1024**3 / min(seconds)


def speed(config: Any, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds of a step of all sides, in turn, so that a noisy machine disturbs all."""
    made = {side: _make(side, config, threads) for side in SIDES}
    counts = {side: numbers for side, (_, numbers) in made.items()}
    if any(numbers != counts[OURS] for numbers in counts.values()):
        raise SystemExit(f"not the same networks: {counts}")
    steps = {}
    for side, (run, _) in made.items():
        run(2)  # compiles, and in torch.compile sees what changes from step to step
        # Ours compiles for a number of steps, which is to be known before it is timed.
        steps[side] = max(2, round(SECONDS / min(timed(run, 2) for _ in range(3))))
        run(steps[side])
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    peaks = []
    for _ in range(rounds):
        peaks.append(_peak())
        for side, (run, _) in made.items():
            seconds[side].append(timed(run, steps[side]))
    return {"seconds": seconds, "peaks": peaks}


def start(config: Any, threads: int, side: str, began: float) -> dict[str, Any]:
    """Seconds to the end of the first two steps, and then the peak memory."""
    run, _ = _make(side, config, threads)
    run(2)
    seconds = time.time() - began
    run(2)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"first": seconds, "megabytes": kilobytes / 1024}


def main() -> None:
    """Measures what the arguments say."""
    measurement, name, threads, folder, rounds, began = sys.argv[1:]
    # Before jax and torch are imported: they size their thread pools by this.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(threads) :])
    workload = WORKLOADS[name]
    config = validate(workload.configure(Path(folder)))
    if measurement == "speed":
        found = speed(config, int(threads), int(rounds))
    else:
        found = start(config, int(threads), measurement, float(began))
    found |= {"flops": workload.flops(config), "batch_size": config["batch_size"]}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
