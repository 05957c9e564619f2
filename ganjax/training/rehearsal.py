"""A run that has own parts is traced before it begins, so that they fail first."""

from collections.abc import Mapping
from numbers import Real
from typing import Any

import jax
import numpy as np

from ganjax.build import Setup
from ganjax.config import ConfigError
from ganjax.config.chosen import Chosen
from ganjax.look.evaluate import Evaluator
from ganjax.types import PartError

_FEW = 10  # samples that an own measure is tried on
_OF_EXAMPLES = frozenset({"real", "sample", "distinct"})
_GIVEN = frozenset({"decode"})  # probes of what no batch has


def rehearse(setup: Setup, chosen: Chosen, evaluator: Evaluator) -> None:
    """Traces a step and the probes, and takes own measures of a few real examples.

    Raises:
      PartError: a part does not keep its contract.
      ConfigError: a gradient of single examples goes through batch statistics.
      Exception: whatever an own part raises.
    """
    state = jax.eval_shape(setup.init)
    _check_statistics(chosen, state.mutable)
    step = setup.make_step(None)
    numbers, arrays = setup.numbers, setup.source.arrays
    after, _ = jax.eval_shape(step, state, numbers, arrays)
    if changed := _changed(state, after):
        raise PartError(
            f"a step changes the shape or type of the state's {changed}, which must "
            "stay; a network's collections are to be in training what they are at first"
        )
    for name in evaluator.probes.keys() - _GIVEN:
        evaluator.shape_of(name, state)
    named = {n: x.name for x in chosen.measures.values() for n in x.better}
    for name, part in chosen.measures.items():
        if part.is_own and _OF_EXAMPLES.issuperset(part.reads):
            real = evaluator.real(_FEW)
            found = setup.measures[name].value(*[real] * len(part.reads))
            _check_numbers(name, found)
            for number in found:
                if (other := named.setdefault(number, name)) != name:
                    raise PartError(
                        f"measure {name}: {number} is a number of the measure {other}; "
                        "give it another name"
                    )


def _changed(before: Any, after: Any) -> str:
    """The path of the first leaf that differs in shape or type, if any."""
    old = dict(jax.tree_util.tree_leaves_with_path(before))
    new = dict(jax.tree_util.tree_leaves_with_path(after))
    for path in {**old, **new}:
        was, now = (x.get(path) for x in (old, new))
        if (
            was is None
            or now is None
            or (was.shape, was.dtype) != (now.shape, now.dtype)
        ):
            return jax.tree_util.keystr(path)
    return ""


def _check_statistics(chosen: Chosen, mutable: Mapping[str, Any]) -> None:
    for player, part in chosen.networks.items():
        if part.is_own and mutable[player] and "axis_name" not in part.takes:
            raise ConfigError(
                f"config.networks.{player}: {part.name} keeps "
                f"{', '.join(sorted(mutable[player]))}, which would differ between "
                "devices; have a field axis_name and hand it to the layer, as "
                "nn.BatchNorm(axis_name=self.axis_name)"
            )
    network = chosen.networks.get("discriminator")
    taken = [name for name, part in chosen.penalties.items() if part.of_example]
    if not taken or network is None or not network.is_own:
        return
    if "batch_stats" in mutable["discriminator"]:
        raise ConfigError(
            f"config.networks.discriminator: {network.name} takes statistics of a "
            f"batch, and config.penalties.{taken[0]} the gradient of one example's "
            "score, which they make a function of all; have one or the other"
        )


def _check_numbers(name: str, found: Any) -> None:
    if not isinstance(found, Mapping) or not found:
        raise PartError(
            f"measure {name}: must return a dict of numbers by name, not "
            f"{type(found).__name__}"
        )
    for number, value in found.items():
        if np.shape(value) or not isinstance(value, Real | np.generic | jax.Array):
            raise PartError(
                f"measure {name}: {number} must be a number, not {type(value).__name__}"
            )
