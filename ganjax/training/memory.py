"""Whether a run can fit into the memory that there is, before anything is compiled.

What is counted must be held at some moment, whatever the compiler does: it is a lower
bound, so that a run which is refused could not have been trained.
"""

import itertools
import math
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

from ganjax.build import Setup, build_layout, build_pack_layout, build_setup
from ganjax.config import ConfigError
from ganjax.config.catalogue import Catalogue
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.parallel import Layout
from ganjax.state import TrainState
from ganjax.types import Outcome, Tree

_UNITS = ("bytes", "KB", "MB", "GB", "TB", "PB", "EB")

# Limit and use of the memory of a container, and what the use includes but the kernel
# gives back: pages of files. In versions 2 and 1 of control groups.
_CGROUPS = (
    (
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/memory.current",
        "/sys/fs/cgroup/memory.stat",
        ("active_file", "inactive_file"),
    ),
    (
        "/sys/fs/cgroup/memory/memory.limit_in_bytes",
        "/sys/fs/cgroup/memory/memory.usage_in_bytes",
        "/sys/fs/cgroup/memory/memory.stat",
        ("total_active_file", "total_inactive_file"),
    ),
)


def check(setup: Setup, samples: int, layout: Layout) -> None:
    """Checks that a training fits into its devices, and its samples into the host.

    Args:
      setup: to be trained, or of one of a pack.
      samples: that an evaluation takes.
      layout: of the run, or of its pack.

    Raises:
      ConfigError: with the bytes needed, those there are, and the keys that they are
        for.
    """
    own = [x for x in layout.devices if x.process_index == jax.process_index()]
    shared = own[0].platform == "cpu"  # by all of them, and with the host
    copies = len(own) if shared else 1
    on_device = [(key, copies * size) for key, size in _needed(setup, layout)]
    example = _bytes(_example(setup))
    on_host = [("config.evaluation.samples", 2 * samples * example)]
    if shared:
        _compare([*on_device, *on_host], "this machine", free_on_host())
        return
    data = ("config.data", _bytes(setup.source.arrays))
    for device in own:
        statistics = device.memory_stats() or {}
        if "bytes_limit" in statistics:
            free = statistics["bytes_limit"] - statistics.get("bytes_in_use", 0)
            _compare([*on_device, data], str(device), free)
    _compare(on_host, "this machine", free_on_host())


def most_at_once(
    setup: Setup, samples: int, count: int, lay_out: Callable[[int], Layout]
) -> int:
    """How many of `count` runs fit at once, in parts of nearly the same size.

    Says so where not all do.

    Args:
      setup: of one of them.
      samples: that an evaluation takes.
      count: of runs.
      lay_out: the layout of so many runs.

    Raises:
      ConfigError: not even one fits, as of `check`.
    """
    too_many: ConfigError | None = None
    for parts in itertools.count(1):
        most = -(-count // parts)
        try:
            check(setup, samples, lay_out(most))
            break
        except ConfigError as error:
            if most == 1:
                raise
            too_many = too_many or error
    if too_many:
        line = f"{too_many}; {most} of {count} runs are trained at a time"
        print(line, file=sys.stderr, flush=True)
    return most


def estimate(config: Mapping[str, Any], catalogue: Catalogue, runs: int) -> str:
    """What the devices of a run, or of a pack of so many, need at least, in words.

    Raises:
      ConfigError: as of `build_setup`, or the layout is not possible.
    """
    setup = build_setup(config, catalogue)
    layout = build_pack_layout(config, runs) if runs > 1 else build_layout(config)
    needed = sum(size for _, size in _needed(setup, layout))
    return _text(len(layout.devices) * needed)


def free_on_host() -> int:
    """Bytes that this process may still take, by the system and its control group."""
    free = _available()
    for limit, use, statistics, names in _CGROUPS:
        try:
            left = int(_read(limit)) - int(_read(use))
            rows = dict(line.split() for line in _read(statistics).splitlines())
            free = min(free, left + sum(int(rows[name]) for name in names))
        except (OSError, ValueError, KeyError):  # no such group, or "max"
            continue
    return free


def _available() -> int:
    try:
        lines = _read("/proc/meminfo").splitlines()
        rows = dict(line.split(":", 1) for line in lines)
        return int(rows["MemAvailable"].split()[0]) * 1024
    except (OSError, ValueError, KeyError):  # no Linux
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _read(path: str) -> str:
    return Path(path).read_text("utf-8")


def _needed(setup: Setup, layout: Layout) -> list[tuple[str, int]]:
    """Keys and the bytes that a device holds for them while it takes a step.

    Of a pack all states are held, but only of the members that step together what a
    step makes.
    """
    sharing = 1 if layout.members else len(layout.devices)  # of one batch
    held = -(-layout.members // len(layout.devices)) or 1
    stepping = held if layout.mapping == "vmap" else 1
    state = jax.eval_shape(setup.init)
    rows = []
    for player, params in state.params.items():
        mutable = dict(state.mutable[player])
        buffer = _bytes(mutable.pop("buffer", ()))
        rows.append(("config.game.buffer_size", held * buffer))
        whole = (params, mutable, state.optimizer[player])
        average = state.average.get(player, ())
        gradient = stepping * _bytes(params)
        own = held * _bytes((whole, average)) + gradient
        rows.append((f"config.networks.{player}", own))
    outcome = _outcome(setup, state, -(-setup.batch_size // sharing))
    return [*rows, ("config.batch_size", stepping * _bytes(outcome))]


def _outcome(setup: Setup, state: TrainState, count: int) -> Tree:
    """Shapes of what a round of play makes of `count` examples, features included."""
    game = setup.parts.game

    def play(state: TrainState, arrays: Tree) -> Outcome:
        index = jnp.arange(count)
        key = purpose_key(state.seed, Purpose.PLAY)
        batch = setup.source.batch(arrays, key, 0, 0, index)
        variables = {
            player: {"params": params, **state.mutable[player]}
            for player, params in state.params.items()
        }
        return game.play(variables, batch, example_keys(key, 0, 0, index))[0]

    return jax.eval_shape(play, state, setup.source.arrays)


def _example(setup: Setup) -> Tree:
    """The shape of one example."""
    source = setup.source
    return jax.eval_shape(
        lambda arrays: (
            source.batch(arrays, jax.random.key(0), 0, 0, jnp.arange(1)).real
        ),
        source.arrays,
    )


def _bytes(tree: Tree) -> int:
    return sum(
        math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree)
    )


def _compare(needed: Sequence[tuple[str, int]], where: str, free: int) -> None:
    total = sum(size for _, size in needed)
    if total <= free:
        return
    largest = sorted(needed, key=lambda part: -part[1])
    parts = [f"{_text(size)} for {key}" for key, size in largest if 50 * size > total]
    raise ConfigError(
        f"config: needs at least {_text(total)} of memory, of which {where} has "
        f"{_text(free)} free: {', '.join(parts)}"
    )


def _text(size: int) -> str:
    power = min(int(math.log(max(size, 1), 1000)), len(_UNITS) - 1)
    return f"{size / 1000**power:.3g} {_UNITS[power]}"
