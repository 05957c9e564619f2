"""What one process measures of one workload; it prints a line of JSON.

    python -m benchmarks.child MEASUREMENT WORKLOAD THREADS FOLDER ROUNDS

Processes are apart so that each has its own threads, memory and caches.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.summary import SIDES

SECONDS = 0.5  # that a turn is to last

Run = Callable[[int], None]


def _make_ours(config: Any, setup: Any) -> Run:
    """As many steps in one dispatch as are asked for, as training takes them."""
    import jax

    from ganjax.build import build_layout

    layout = build_layout(config)
    advance = layout.compile(setup.make_step(layout.axis_name))
    data = layout.place_data(setup.source.arrays)
    state = layout.place(jax.device_get(setup.init()))

    def run(steps: int) -> None:
        nonlocal state
        state, metrics = advance(state, setup.numbers, data, steps)
        jax.block_until_ready((state, metrics))

    return run


def _count_ours(setup: Any) -> dict[str, int]:
    import jax

    state = jax.eval_shape(setup.init)
    return {
        player: sum(x.size for x in jax.tree.leaves(tree))
        for player, tree in state.params.items()
    }


def _make(side: str, config: Any, setup: Any, threads: int) -> Run:
    if side == "ganjax":
        return _make_ours(config, setup)
    import torch

    from benchmarks.twins import make_twin

    torch.set_num_threads(threads)
    arrays = setup.source.arrays
    data = {name: arrays[name] for name in ("examples", "labels") if name in arrays}
    run, counts = make_twin(config, data, compiled=side == "torch.compile")
    if counts != _count_ours(setup):
        raise SystemExit(f"parameters: {counts} of torch, {_count_ours(setup)} ours")
    return run


def _timed(run: Run, steps: int) -> float:
    began = time.perf_counter()
    run(steps)
    return (time.perf_counter() - began) / steps


def _peak(threads: int) -> float:
    """FLOP/s of the product of two large float32 matrices, the best of a few."""
    import torch

    torch.set_num_threads(threads)
    a = torch.rand(1024, 1024)

    def multiply(times: int) -> None:
        for _ in range(times):
            a @ a

    return 2 * 1024**3 / min(_timed(multiply, 4) for _ in range(5))


def speed(config: Any, setup: Any, threads: int, rounds: int) -> dict[str, Any]:
    """Seconds of a step of all sides, in turn, so that a noisy machine disturbs all."""
    runs = {side: _make(side, config, setup, threads) for side in SIDES}
    steps = {}
    for side, run in runs.items():
        run(2)  # compiles, and in torch.compile sees what changes from step to step
        # Ours compiles for a number of steps, which is to be known before it is timed.
        steps[side] = max(2, round(SECONDS / min(_timed(run, 2) for _ in range(3))))
        run(steps[side])
    seconds: dict[str, list[float]] = {side: [] for side in SIDES}
    peaks = []
    for _ in range(rounds):
        peaks.append(_peak(threads))
        for side, run in runs.items():
            seconds[side].append(_timed(run, steps[side]))
    return {"seconds": seconds, "peaks": peaks}


def start(config: Any, setup: Any, threads: int, side: str) -> dict[str, Any]:
    """Seconds from here to the end of the first step, and then the peak memory."""
    began = time.perf_counter()
    run = _make(side, config, setup, threads)
    run(2)
    seconds = time.perf_counter() - began
    run(2)
    kilobytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"first": seconds, "megabytes": kilobytes / 1024}


def main() -> None:
    """Measures what the arguments say."""
    measurement, name, threads, folder, rounds = sys.argv[1:]
    # Before jax and torch are imported: they size their thread pools by this.
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-int(threads) :])
    from benchmarks.workloads import WORKLOADS
    from ganjax.build import build_setup, keep_compiled_programs
    from ganjax.config.validation import validate

    workload = WORKLOADS[name]
    config = validate(workload.configure(Path(folder)))
    keep_compiled_programs()
    setup = build_setup(config)
    if measurement == "speed":
        found = speed(config, setup, int(threads), int(rounds))
    else:
        found = start(config, setup, int(threads), measurement)
    found |= {"flops": workload.flops(config), "batch_size": config["batch_size"]}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
