"""Networks of an experiment's file."""

from collections.abc import Callable
from typing import Any

import jax
from jax import Array

from ganjax.config.catalogue import Part
from ganjax.networks.module import from_module, is_module
from ganjax.types import Examples, Network, PartError, Tree


def network_builder(part: Part) -> Callable[..., Network]:
    """The builder `(examples, *, latent_size, axis_name, **keys) -> Network` of a row.

    See `ganjax.config.parts.network` for what the row may hold. What the network
    returns is checked whenever it is traced, and costs nothing when it runs.
    """
    where = f"network {part.name} of the {part.players[0]}"

    def build(
        examples: Examples,
        *,
        latent_size: int | None = None,
        axis_name: str | None = None,
        **keys: Any,
    ) -> Network:
        known = {
            "shape": examples.shape,
            "classes": examples.classes,
            "latent_size": latent_size,
            "axis_name": axis_name,
        }
        made = part.builder(**{name: known[name] for name in part.takes}, **keys)
        if is_module(made):
            classes = examples.classes if "logits" in part.makes else 0
            made = from_module(made, classes=classes, where=where)
        if not isinstance(made, Network):
            raise PartError(
                f"{where}: {_name(part.builder)} made {type(made).__name__}, which is "
                "no flax.linen.Module and no ganjax.types.Network"
            )
        return _checked(made, part.players[0], where, examples, latent_size)

    return build


def _checked(
    network: Network,
    player: str,
    where: str,
    examples: Examples,
    latent_size: int | None,
) -> Network:
    """The network, whose output has the form that its player's must have."""

    def apply(
        variables: Any, inputs: Array, label: Array | None, keys: Array, *, train: bool
    ) -> tuple[Any, dict[str, Tree]]:
        output, mutable = network.apply(variables, inputs, label, keys, train=train)
        count = len(inputs)
        if player == "generator":
            _check_shape(where, "examples", output, (count, *examples.shape))
        elif player == "encoder":
            pair = _tuple_of(where, output, "(mean, log_var)", 2)
            size = pair[0].shape[1:] if latent_size is None else (latent_size,)
            for name, values in zip(("mean", "log_var"), pair, strict=True):
                _check_shape(where, name, values, (count, *size))
        elif player == "discriminator":
            if isinstance(output, jax.Array):
                output = (output, None, ())
            output = _tuple_of(where, output, "(score, logits, features)", 3)
            _check_shape(where, "score", output[0], (count,))
            if output[1] is not None:
                shape = (count, examples.classes)
                _check_shape(where, "class logits", output[1], shape)
            elif network.classes:
                raise PartError(f"{where}: returns no class logits, but says it does")
        return output, mutable

    return network._replace(apply=apply)


def _tuple_of(where: str, output: Any, what: str, count: int) -> tuple[Any, ...]:
    if not isinstance(output, tuple) or len(output) != count:
        raise PartError(f"{where}: must return {what}, not {type(output).__name__}")
    return output


def _check_shape(where: str, what: str, values: Any, shape: tuple[int, ...]) -> None:
    found = getattr(values, "shape", None)
    if found != shape:
        has = type(values).__name__ if found is None else list(found)
        raise PartError(f"{where}: returns {what} {has}, which must be {list(shape)}")


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)
