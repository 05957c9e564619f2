"""The step under jit, pmap and shard_map, and of a pack; many steps per dispatch."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from ganjax.networks.reorder import reorder
from ganjax.state import TrainState, count_not_finite, own
from ganjax.step import Step
from ganjax.types import Terms, Tree

AXIS = "devices"

Advance = Callable[[TrainState, Tree, Tree, int], tuple[TrainState, Terms]]


class Layout(NamedTuple):
    """How a run, or a pack of runs, lies over devices.

    `axis_name` is what the step must be made with. `compile(step) -> advance`, where
    `advance(state, numbers, data, count)` takes `count` steps in one dispatch, donates
    the state, and returns the metrics' means over those steps. `place` puts a host
    state on the devices, `place_data` the arrays that all of them read, and `fetch`
    brings a state, or a part of one, back to the host.

    Of a pack, whose `members` are not 0, every leaf of the state but `step`, and of the
    metrics, has a leading axis of members. `place_numbers` takes those of each run.
    """

    axis_name: str | None
    compile: Callable[[Step], Advance]
    place: Callable[[TrainState], TrainState]
    place_data: Callable[[Tree], Tree]
    fetch: Callable[[Tree], Any]
    devices: Sequence[jax.Device]  # those of other processes included
    place_numbers: Callable[[Sequence[Tree]], Tree] = lambda each: each[0]
    members: int = 0
    mapping: str = ""  # of the members that share a device


def _scan(step: Step, count: int) -> Step:
    """`count` steps as one, with the means of their metrics.

    Then looks for what is not finite, of which a step need not see all.
    """

    def steps(state: TrainState, numbers: Tree, data: Tree) -> tuple[TrainState, Terms]:
        state, metrics = jax.lax.scan(
            lambda state, _: step(state, numbers, data), state, length=count
        )
        means = jax.tree.map(lambda values: jnp.mean(values, axis=0), metrics)
        return count_not_finite(state), means

    return steps


def _advance(
    step: Step,
    device: jax.Device,
    spread: Callable[[Step, int], Step] = lambda steps, count: steps,
) -> Advance:
    # A jitted step is traced once, whatever the lengths of the scans around it.
    step = jax.jit(reorder(jax.jit(step), says=device.platform == "cpu"))

    def advance(
        state: TrainState, numbers: Tree, data: Tree, count: int
    ) -> tuple[TrainState, Terms]:
        return spread(_scan(step, count), count)(state, numbers, data)

    return advance


def jit_layout(device: jax.Device) -> Layout:
    """One device."""

    def place(tree: Tree) -> Any:
        return jax.device_put(tree, device)

    return Layout(
        axis_name=None,
        compile=lambda step: jax.jit(
            _advance(step, device), static_argnums=3, donate_argnums=0
        ),
        place=place,
        place_data=place,
        fetch=jax.device_get,
        devices=[device],
    )


def pmap_layout(devices: Sequence[jax.Device]) -> Layout:
    """One replica of the state per device, as a leading axis."""
    local = [
        device for device in devices if device.process_index == jax.process_index()
    ]
    mesh = Mesh(np.array(devices), (AXIS,))

    def compile(step: Step) -> Advance:
        return jax.pmap(
            _advance(step, devices[0]),
            axis_name=AXIS,
            in_axes=(0, None, None),
            out_axes=(0, None),
            static_broadcasted_argnums=3,
            donate_argnums=0,
            devices=devices,
        )

    def place(state: TrainState) -> Any:
        return jax.tree.map(lambda x: np.stack([x] * len(local)), state)

    return Layout(
        axis_name=AXIS,
        compile=compile,
        place=place,
        place_data=lambda data: jax.device_put(
            data, NamedSharding(mesh, PartitionSpec())
        ),
        fetch=lambda state: jax.device_get(jax.tree.map(lambda x: x[0], state)),
        devices=devices,
    )


def shard_map_layout(devices: Sequence[jax.Device]) -> Layout:
    """One global program over a mesh, state and data replicated."""
    mesh = Mesh(np.array(devices), (AXIS,))
    replicated = NamedSharding(mesh, PartitionSpec())

    def spread(steps: Step, count: int) -> Step:
        everywhere = PartitionSpec()
        return jax.shard_map(
            steps, mesh=mesh, in_specs=everywhere, out_specs=everywhere
        )

    def place(tree: Tree) -> Any:
        return jax.device_put(tree, replicated)

    return Layout(
        axis_name=AXIS,
        compile=lambda step: jax.jit(
            _advance(step, devices[0], spread), static_argnums=3, donate_argnums=0
        ),
        place=place,
        place_data=place,
        fetch=jax.device_get,
        devices=devices,
    )


_MAPPINGS: dict[str, Callable[..., Callable]] = {
    "map": lambda member: partial(jax.lax.map, member),
    "vmap": jax.vmap,
}


def pack_layout(devices: Sequence[jax.Device], count: int, mapping: str) -> Layout:
    """`count` members, each on one device as under `jit_layout`, in one program.

    Args:
      devices: of this process; as many are used as the members can fill evenly, the
        last of them with copies that are thrown away.
      count: of members.
      mapping: "map": the members of a device take their steps one after another, with
        the bits of `jit_layout`; or "vmap": together, which differs by rounding.
    """
    rounds = -(-count // len(devices))
    devices = devices[: -(-count // rounds)]
    filled = [i % count for i in range(rounds * len(devices))]
    mesh = Mesh(np.array(devices), (AXIS,))
    over_devices, everywhere = PartitionSpec(AXIS), PartitionSpec()
    of_state = TrainState._make([everywhere, *[over_devices] * 6])

    def spread(steps: Step, taken: int) -> Step:
        def of_all(
            states: TrainState, numbers: Tree, data: Tree
        ) -> tuple[TrainState, Terms]:
            def of_one(given: tuple[Tree, Tree]) -> tuple[Tree, Terms]:
                mine, numbers = given
                # The step is no member's own, so that a `cond` on it stays one.
                state = TrainState(step=states.step, **mine)
                state, metrics = steps(state, numbers, data)
                return own(state), metrics

            after, metrics = _MAPPINGS[mapping](of_one)((own(states), numbers))
            return TrainState(step=states.step + taken, **after), metrics

        if len(devices) == 1:
            return of_all
        return jax.shard_map(
            of_all,
            mesh=mesh,
            in_specs=(of_state, over_devices, everywhere),
            out_specs=(of_state, over_devices),
            check_vma=False,  # a scan within may begin with constants
        )

    apart = NamedSharding(mesh, over_devices)

    def place_numbers(each: Sequence[Tree]) -> Any:
        # Stacked by JAX, under which Python's floats stay weak: half precision of an
        # own part is not widened by them.
        whole = jax.tree.map(lambda *x: jnp.stack(x), *[each[i] for i in filled])
        return jax.device_put(whole, apart)

    def place(state: TrainState) -> TrainState:
        whole = jax.tree.map(lambda leaf: leaf[np.array(filled)], own(state))
        step = jax.device_put(state.step, NamedSharding(mesh, everywhere))
        return TrainState(step=step, **jax.device_put(whole, apart))

    return Layout(
        axis_name=None,
        compile=lambda step: jax.jit(
            _advance(step, devices[0], spread), static_argnums=3, donate_argnums=0
        ),
        place=place,
        place_data=lambda data: jax.device_put(data, NamedSharding(mesh, everywhere)),
        fetch=jax.device_get,
        devices=devices,
        place_numbers=place_numbers,
        members=count,
        mapping=mapping,
    )


class LayoutError(ValueError):
    """A layout that these devices do not allow; the message begins with the key."""


def choose_layout(mode: str, batch_size: int) -> Layout:
    """The layout of a mode over the devices there are.

    Args:
      mode: "jit", "pmap", "shard_map", or "auto": jit on one device, pmap over several.
      batch_size: to be shared out evenly.

    Raises:
      LayoutError: it cannot be, or several processes have no common device.
    """
    devices = jax.devices()
    if mode == "auto":
        mode = "jit" if len(devices) == 1 else "pmap"
    if mode == "jit":
        if jax.process_count() > 1:
            raise LayoutError("parallel.mode: jit is for a single process")
        return jit_layout(devices[0])
    if batch_size % len(devices):
        raise LayoutError(
            f"batch_size: {batch_size} examples cannot be shared evenly by "
            f"{len(devices)} devices"
        )
    return {"pmap": pmap_layout, "shard_map": shard_map_layout}[mode](devices)
