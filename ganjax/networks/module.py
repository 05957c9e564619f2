"""Any flax module as a pair of pure functions."""

import inspect
from typing import Any

import flax.linen as nn
import jax
from jax import Array

from ganjax.types import Network, PartError, Tree

_ASKED = ("label", "keys", "train")


def is_module(made: Any) -> bool:
    """Whether it is one of flax linen."""
    return isinstance(made, nn.Module)


def from_module(
    module: nn.Module, *, classes: int = 0, where: str = "network"
) -> Network:
    """The pure functions of a module `(inputs, [label], [keys], [train])`.

    It is called with what its `__call__` has arguments for. Everything in `variables`
    but `params` is new state after a call in training mode. `classes` is how many class
    logits it makes; `where` names it in errors.
    """
    # Of what `flax.nnx.bridge.to_linen` wraps, the wrapped class says it.
    made = getattr(module, "nnx_class", type(module))
    _, _, *others = inspect.signature(made.__call__).parameters.values()
    unknown = [
        p.name
        for p in others
        if p.name not in _ASKED and p.default is inspect.Parameter.empty
    ]
    if unknown:
        raise PartError(
            f"{where}: __call__ of {made.__name__} asks for "
            f"{', '.join(unknown)}; it is given inputs, label, keys and train"
        )
    asked = [p.name for p in others if p.name in _ASKED]

    def arguments(label: Array | None, keys: Array, train: bool) -> dict[str, Any]:
        known = {"label": label, "keys": keys, "train": train}
        return {name: known[name] for name in asked}

    def init(key: Array, inputs: Array, label: Array | None) -> Any:
        keys = jax.random.split(key, len(inputs))
        return module.init(key, inputs, **arguments(label, keys, True))

    def apply(
        variables: Any, inputs: Array, label: Array | None, keys: Array, *, train: bool
    ) -> tuple[Any, dict[str, Tree]]:
        state = [name for name in variables if name != "params"] if train else []
        output, mutable = module.apply(
            variables, inputs, **arguments(label, keys, train), mutable=state
        )
        return output, dict(mutable)

    return Network(init, apply, classes)
