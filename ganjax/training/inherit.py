"""The first state of a run that begins from another run's.

A player brings its parameters, its statistics (every collection that no gradient
moves), its moving average, and the state of its optimizer where the new one keeps the
same, so that a lower learning rate continues smoothly. The step is 0 again, so that
schedules, lazy penalties and the decay of averages begin anew, and the first steps
renew the averages. The seed is the new run's.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from ganjax.checkpoint import CheckpointError, Checkpoints, Leaves, by_path
from ganjax.config import ConfigError
from ganjax.state import TrainState

_MUST_FIT = ("params", "mutable")
_MAY_FIT = ("average", "optimizer")


class Inherited(NamedTuple):
    """A first state, and what of it is another run's, as `init.json` records it."""

    state: TrainState
    record: dict[str, Any]  # folder, step, and by player the parts that were taken


def inherit(init_from: str, init_players: str, fresh: TrainState) -> Inherited:
    """The state `fresh`, with players as they are in a checkpoint of another run.

    Args:
      init_from: FOLDER of a run for its newest checkpoint, or FOLDER@STEP.
      init_players: names, separated by commas; "" is all that both runs have.
      fresh: the state before the first step, on the host.

    Raises:
      ConfigError: no such folder, step or player, or a player of another shape.
    """
    folder, step = _parsed(init_from)
    at = f"config.init_from: {folder}"
    if not (folder / "checkpoints").is_dir():
        raise ConfigError(f"config.init_from: {init_from}: {folder} has no checkpoints")
    try:
        with Checkpoints(folder / "checkpoints", keep=1) as saved:
            step, leaves = saved.read(step)
    except CheckpointError as error:
        raise ConfigError(f"config.init_from: {error}") from error
    wanted = by_path(fresh)
    taken: dict[str, list[str]] = {}
    for player in _players(init_players, fresh, leaves, f"{at}@{step}"):
        for part in _MUST_FIT:
            _check_fit(f"{at}@{step}", player, *_both(part, player, leaves, wanted))
        taken[player] = [
            part
            for part in (*_MUST_FIT, *_MAY_FIT)
            if _shapes(_own(part, player, leaves))
            == _shapes(_own(part, player, wanted))
            != {}
        ]
        for part in taken[player]:
            wanted |= _own(part, player, leaves)
        if "average" not in taken[player] and player in fresh.average:
            prefix, other = _prefix("params", player), _prefix("average", player)
            wanted |= {
                other + path.removeprefix(prefix): leaf
                for path, leaf in _own("params", player, leaves).items()
            }
    state = jax.tree.unflatten(jax.tree.structure(fresh), list(wanted.values()))
    return Inherited(state, {"folder": str(folder), "step": step, "players": taken})


def _parsed(init_from: str) -> tuple[Path, int | None]:
    """A folder whose own name holds an @ is taken whole."""
    folder, at, step = init_from.rpartition("@")
    if at and step.isdecimal() and not Path(init_from).is_dir():
        return Path(folder), int(step)
    return Path(init_from), None


def _players(
    init_players: str, fresh: TrainState, leaves: Leaves, at: str
) -> list[str]:
    there = [player for player in fresh.params if _own("params", player, leaves)]
    chosen = init_players.split(",") if init_players else there
    for player in chosen:
        if player not in there:
            known = ", ".join(there) or "none"
            raise ConfigError(f"{at} has no {player}; players of both are {known}")
    if not chosen:
        raise ConfigError(f"{at} has no player of this run")
    return chosen


def _prefix(part: str, player: str) -> str:
    return f"state.{part}[{player!r}]"


def _own(part: str, player: str, leaves: Leaves) -> Leaves:
    prefix = _prefix(part, player)
    return {path: leaf for path, leaf in leaves.items() if path.startswith(prefix)}


def _both(part: str, player: str, *trees: Leaves) -> list[Leaves]:
    return [_own(part, player, leaves) for leaves in trees]


def _shapes(leaves: Leaves) -> Mapping[str, str]:
    return {
        path: f"{leaf.dtype.name}{list(leaf.shape)}" for path, leaf in leaves.items()
    }


def _check_fit(at: str, player: str, there: Leaves, here: Leaves) -> None:
    found, wanted = _shapes(there), _shapes(here)
    for path in [*wanted, *found]:
        if found.get(path) != wanted.get(path):
            _, _, name = path.partition("]")
            raise ConfigError(
                f"{at}: {player}{name} is {found.get(path, 'nothing')} there and "
                f"{wanted.get(path, 'nothing')} here"
            )
