"""Which runs can be trained as a pack, by one program. No jax."""

from collections.abc import Mapping, Sequence
from typing import Any

from ganjax.config import schema
from ganjax.config.experiment import ConfigError, shown
from ganjax.config.loading import flatten

Config = Mapping[str, Any]

ALONE = ("auto", "jit")  # values of parallel.mode that share no batch out


def structure(flat: Config) -> dict[str, Any]:
    """What decides the program of a run: its flat config without seed and numbers.

    Numbers are the floats of the sections whose values are traced; whether one is None
    is structure.
    """
    return {
        key: "a number" if _is_number(key, value) else value
        for key, value in flat.items()
        if key != "seed"
    }


def check_pack(configs: Sequence[Config]) -> None:
    """Checks that runs differ in their seeds and their numbers alone.

    Raises:
      ConfigError: names a key that decides the program, and differs; or the batch of
        each shall be shared out.
    """
    mode = configs[0]["parallel"]["mode"]
    if mode not in ALONE:
        raise ConfigError(
            f"config.parallel.mode: {mode} shares the batch of one run out; runs in a "
            f"pack have a device each: {' or '.join(ALONE)}"
        )
    first, *others = (structure(flatten(config)) for config in configs)
    for other in others:
        for key in (*first, *other):
            one, two = first.get(key), other.get(key)
            if one != two:
                raise ConfigError(
                    f"config.{key}: {shown(one)} and {shown(two)} are different "
                    "programs, which cannot be packed"
                )


def _is_number(key: str, value: Any) -> bool:
    section = key.partition(".")[0]
    return section in schema.TRACED and isinstance(value, float)
