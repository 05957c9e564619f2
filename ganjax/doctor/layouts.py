"""Whether a run is the same run however it lies over the devices, and in a pack."""

from collections.abc import Callable, Iterator, Mapping

import jax
import numpy as np

from ganjax.build import Setup, build_setup
from ganjax.config import defaults
from ganjax.config.validation import validate
from ganjax.doctor.row import Row
from ganjax.doctor.runs import MEND, differing, images
from ganjax.doctor.sizes import Sizes
from ganjax.doctor.timing import Call, in_turns, stepping
from ganjax.parallel import (
    Layout,
    jit_layout,
    pack_layout,
    pmap_layout,
    shard_map_layout,
)
from ganjax.state import TrainState, part, stack

_STEPS = 5
# Of the way that parameters went, which a factor forgotten in a mean over two devices
# would change by a half or more.
_ROUNDING = 1e-2
_BUG = "report it: it is a bug, of ganjax or below it"


def layouts(sizes: Sizes) -> Iterator[Row]:
    """The same steps, by plain gradient descent, in each layout of the devices."""
    config, every = images(sizes, "sgd"), jax.devices()
    config.batch_size = sizes.batch * len(every)
    setup = build_setup(validate(config))
    start = jax.device_get(setup.init())
    alone: TrainState | None = None
    for name, layout in _over(every).items():
        first, again = _taken(setup, layout, [start, start])
        alone = alone or first
        yield _agreement(name, start, alone, first, again)


def packs(sizes: Sizes) -> Iterator[Row]:
    """Members of a pack beside their runs alone, and which mapping is faster."""
    config = defaults(data="ring", network="mlp", objective="hinge", optimizer="sgd")
    config.batch_size = sizes.batch
    for network in config.networks.values():
        network.widths = (sizes.width,) * 3
    setup = build_setup(validate(config))
    setups = [setup._replace(seed=seed) for seed in range(sizes.members)]
    starts = [jax.device_get(own.init()) for own in setups]
    alone = _taken(setup, jit_layout(jax.devices()[0]), starts)
    calls = []
    for mapping in ("map", "vmap"):
        members, call = _packed(setups, starts, mapping)
        yield _membership(mapping, starts, alone, members)
        calls.append(call)
    by_map, by_vmap = in_turns(calls, sizes.seconds)
    found = f"vmap takes its steps {by_map / by_vmap:.2f} times as fast as map"
    yield Row(f"pack of {sizes.members} on one device", found)


def _packed(
    setups: list[Setup], starts: list[TrainState], mapping: str
) -> tuple[list[TrainState], Call]:
    """The members of a pack after the steps, and a call that goes on."""
    layout = pack_layout(jax.devices()[:1], len(setups), mapping)
    advance = layout.compile(setups[0].make_step(None))
    numbers = layout.place_numbers([setup.numbers for setup in setups])
    data = layout.place_data(setups[0].source.arrays)
    state, _ = advance(layout.place(stack(starts)), numbers, data, _STEPS)
    after = layout.fetch(state)
    members = [part(after, member) for member in range(len(setups))]
    return members, stepping(advance, state, numbers, data, _STEPS)


def _over(devices: list[jax.Device]) -> Mapping[str, Layout]:
    """Layouts over two devices and all, or over the one that there is."""
    counts = sorted({min(2, len(devices)), len(devices)})
    makers: dict[str, Callable[[list[jax.Device]], Layout]] = {
        "pmap": pmap_layout,
        "shard_map": shard_map_layout,
    }
    return {
        "jit": jit_layout(devices[0]),
        **{
            f"{mode} over {count}": make(devices[:count])
            for mode, make in makers.items()
            for count in counts
        },
    }


def _taken(setup: Setup, layout: Layout, starts: list[TrainState]) -> list[TrainState]:
    """Each of these states after the steps."""
    advance = layout.compile(setup.make_step(layout.axis_name))
    numbers = layout.place_numbers([setup.numbers])
    data = layout.place_data(setup.source.arrays)
    placed = [layout.place(start) for start in starts]
    return [layout.fetch(advance(state, numbers, data, _STEPS)[0]) for state in placed]


def _agreement(
    name: str,
    start: TrainState,
    alone: TrainState,
    first: TrainState,
    again: TrainState,
) -> Row:
    lost, off = differing(first, again), _off(start, alone, first)
    twice = f"{lost:,} numbers differ between two runs" if lost else "twice the same"
    return Row(
        f"layout {name}",
        f"{_words(off, 'jit')}; {twice}",
        "rounding; twice the same",
        off < _ROUNDING and not lost,
        MEND if lost else _BUG,
    )


def _membership(
    mapping: str,
    starts: list[TrainState],
    alone: list[TrainState],
    found: list[TrainState],
) -> Row:
    off = max(map(_off, starts, alone, found))
    lost = sum(map(differing, alone, found))
    on_cpu = mapping == "map" and jax.default_backend() == "cpu"
    return Row(
        f"member of a pack, {mapping}",
        _words(off if lost else 0.0, "a run alone"),
        "the same bits" if on_cpu else "rounding",
        not lost if on_cpu else off < _ROUNDING,
        MEND if on_cpu else _BUG,
    )


def _off(start: TrainState, one: TrainState, other: TrainState) -> float:
    """The largest difference of parameters, as a share of how far one of them went."""
    before, here, there = (
        jax.tree.leaves(state.params) for state in (start, one, other)
    )
    went = max(np.abs(a - b).max() for a, b in zip(before, here, strict=True))
    off = max(np.abs(a - b).max() for a, b in zip(here, there, strict=True))
    return float(off / went)


def _words(off: float, whose: str) -> str:
    return f"off {whose} by {off:.1e} of the way" if off else f"the bits of {whose}"
