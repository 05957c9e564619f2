"""Configs: how experiment files write them, and how they are loaded. No jax."""

import ast
import runpy
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ml_collections import ConfigDict, config_dict

from ganjax.config import experiment, schema
from ganjax.config.experiment import ConfigError, shown
from ganjax.config.schema import Key

KINDS = {
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple: "a tuple such as (64, 64)",
}

# What other programs call keys of ours.
_ALIASES = {
    "lr": "learning_rate",
    "bs": "batch_size",
    "batchsize": "batch_size",
    "beta1": "b1",
    "beta2": "b2",
    "iterations": "steps",
    "max_steps": "steps",
    "latent_dim": "latent_size",
    "z_dim": "latent_size",
    "nz": "latent_size",
}


def parse_arg(arg: str | None, **choices: Iterable[str]) -> SimpleNamespace:
    """Reads an experiment's `:argument`, a list of words such as "hinge,dense".

    Args:
      arg: words separated by commas, each one of the choices, or `slot=choice`.
      **choices: for each slot its legal words, the default first.

    Raises:
      ConfigError: a word is no choice of any slot, or a slot is filled twice.
    """
    slots = {slot: tuple(words) for slot, words in choices.items()}
    chosen: dict[str, str] = {}
    for word in filter(None, (arg or "").split(",")):
        slot, _, value = word.rpartition("=")
        if not slot:
            slot = next((s for s, words in slots.items() if value in words), "")
        if value not in slots.get(slot, ()):
            legal = "; ".join(f"{s}: {', '.join(words)}" for s, words in slots.items())
            words = [x for known in slots.values() for x in known]
            close = get_close_matches(value, words, n=1)
            hint = f"did you mean {close[0]}? " if close else ""
            raise ConfigError(
                f"argument {shown(word)} is unknown; {hint}known are {legal}"
            )
        if slot in chosen:
            raise ConfigError(f"arguments {chosen[slot]} and {value} are both {slot}")
        chosen[slot] = value
    return SimpleNamespace(**{s: chosen.get(s, words[0]) for s, words in slots.items()})


def objectives(default: str) -> tuple[str, ...]:
    """The names of adversarial objectives that need no labels, the default first.

    They are choices for `parse_arg`.
    """
    names = [
        name
        for name, row in schema.OBJECTIVES.items()
        if schema.LABEL_FIELDS.isdisjoint(row.fields)
        and name not in schema.WITH_ENCODER | schema.WITHOUT_GENERATOR
    ]
    return (default, *(name for name in names if name != default))


def divergences(default: str) -> tuple[str, ...]:
    """The names of all f-divergences, likewise."""
    return (default, *(name for name in schema.DIVERGENCES if name != default))


def load(location: str, overrides: Sequence[str] = ()) -> ConfigDict:
    """The config of an experiment file, `file.py` or `file.py:argument`.

    Args:
      location: the file, whose `get_config(argument)` is called.
      overrides: "dotted.key=value", in order; "None" unsets an optional number.

    Raises:
      ConfigError: no such file, an error in the file, or an override that names no key
        of the config or cannot be read as that key's type.
    """
    config = _get_config(location)
    override(config, overrides, location)
    return config


def override(config: ConfigDict, overrides: Sequence[str], location: str) -> None:
    """Sets values of the config that `location` gave; else as `load`."""
    values = flatten(config.to_dict())
    for words in overrides:
        key, equals, text = words.partition("=")
        if not equals:
            raise ConfigError(f"--config.{key}: write --config.{key}=VALUE")
        at, _, last = key.rpartition(".")
        if last == "name" or f"{key}.name" in values:
            raise ConfigError(
                f"--config.{key}: names choose the program, not a value"
                f"{_argument_for(key, text, location)}"
            )
        if key not in values:
            raise ConfigError(f"--config.{key}: {_no_such_key(key, values, location)}")
        holder = config[at] if at else config
        holder[last] = _read(f"--config.{key}", text, holder.get_type(last))


def _get_config(location: str) -> ConfigDict:
    config = experiment.get_config(location)
    if not isinstance(config, ConfigDict):
        path = experiment.split(location)[0]
        raise ConfigError(
            f"{path}: get_config returns {shown(config)}, not a ConfigDict"
        )
    return config


def sibling(file: str, name: str, function: str = "get_config") -> Callable[..., Any]:
    """A function of the experiment `name` beside `file`, to build another on."""
    return runpy.run_path(str(Path(file).with_name(name)))[function]


def _argument_for(key: str, text: str, location: str) -> str:
    """A hint at the argument of that name, where the experiment takes it."""
    path = experiment.split(location)[0]
    if not path.endswith(".py"):
        return ""  # the config of a run, which is data: it is not run for a hint
    at = f"{path}:{text}"
    with suppress(ConfigError):
        made = flatten(_get_config(at).to_dict())
        if text in (made.get(key), made.get(f"{key}.name")):
            return f"; give it as the experiment's argument, such as --config={at}"
    return ""


def _no_such_key(key: str, keys: Iterable[str], location: str) -> str:
    at, _, last = key.rpartition(".")
    last = _ALIASES.get(last, last)
    alike = [other for other in keys if other.rpartition(".")[2] == last]
    beside = f"{at}.{last}" if at else last
    alike = [beside] if beside in alike else alike
    alike = alike or get_close_matches(key, keys, n=1)
    hint = f"; did you mean {' or '.join(alike[:3])}?" if alike else ""
    return f"{location} has no such key{hint}"


def _read(at: str, text: str, kind: type) -> Any:
    if text == "None":
        return None
    try:
        return _READERS.get(kind, ast.literal_eval)(text)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        what = KINDS.get(kind, "a value")
        raise ConfigError(f"{at}: must be {what}, not {shown(text)}") from None


def _count(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        number = float(text)  # 1e3 is a common way to write a count
    if not number.is_integer():
        raise ValueError
    return int(number)


def _tuple(text: str) -> tuple:
    value = ast.literal_eval(text)
    return tuple(value) if isinstance(value, tuple | list) else (value,)


_READERS: dict[type, Callable[[str], Any]] = {
    int: _count,
    float: float,
    str: str,
    tuple: _tuple,
    list: _tuple,
}


def section(rows: Mapping[str, Any], name: str, **values: Any) -> ConfigDict:
    """The section `{name, **keys}` of a table of the schema, defaults filled in."""
    return ConfigDict({"name": name} | _defaults(keys_of(_row(rows, name))) | values)


def _row(rows: Mapping[str, Any], name: str) -> Any:
    if name not in rows:
        raise ConfigError(f"{name!r} is none of {', '.join(rows)}")
    return rows[name]


def keys_of(row: Any) -> dict[str, Key]:
    """The keys of a row of the schema, whatever else the row holds."""
    return row.keys if isinstance(row, schema.Row) else row


def _defaults(keys: Mapping[str, Key]) -> dict[str, Any]:
    return {
        name: key.default if key.kind is None else config_dict.placeholder(key.kind)
        for name, key in keys.items()
    }


def penalty(name: str, **values: Any) -> ConfigDict:
    """The section of one penalty, to be set as `config.penalties.<name>`."""
    return ConfigDict(_defaults(_row(schema.PENALTIES, name)) | values)


def augmentation(name: str, **values: Any) -> ConfigDict:
    """The section of one augmentation, to be set as `config.augment.<name>`."""
    return ConfigDict(_defaults(_row(schema.AUGMENTATIONS, name)) | values)


def correction(name: str, **values: Any) -> ConfigDict:
    """The section of one correction, to be set as `config.corrections.<name>`."""
    return ConfigDict(_defaults(_row(schema.CORRECTIONS, name)) | values)


def schedule(shape: str, final: float) -> ConfigDict:
    """A number's `<number>_schedule`; `final` is its factor at the end of the run."""
    return ConfigDict({"shape": shape, "final": final})


def defaults(
    *,
    data: str,
    network: str,
    objective: str,
    optimizer: str = "adam",
    play: str | None = None,
    game: str = "adversarial",
) -> ConfigDict:
    """A whole config from the names of its parts, every key at its default.

    The discriminator gets the head that the objective reads, and no batch norm where it
    needs a gradient penalty; the generator of logits gets no tanh. `play` is
    alternating where a generator meets a discriminator alone, else simultaneous.
    """
    players = _row(schema.PLAYERS, game)
    networks = _row(schema.NETWORKS, network)
    for player in players:
        if player not in networks:
            able = ", ".join(n for n, row in schema.NETWORKS.items() if player in row)
            raise ConfigError(f"{network} has no {player}; those that have are {able}")
    adversarial = players == schema.PLAYERS["adversarial"]
    play = play or ("alternating" if adversarial else "simultaneous")
    config = ConfigDict(_defaults(schema.RUN))
    config.data = section(schema.SOURCES, data)
    config.game = section(schema.GAMES, game)
    config.networks = ConfigDict(
        {p: {"name": network} | _defaults(networks[p]) for p in players}
    )
    config.objective = section(schema.OBJECTIVES, objective)
    fields = schema.OBJECTIVES[objective].fields
    discriminator = config.networks.get("discriminator", {})
    if "head" in discriminator:
        discriminator.head = _head(fields)
    normalization = discriminator.get("normalization")
    if objective in schema.CONSTRAINED and normalization in schema.BATCH_NORMALIZATIONS:
        discriminator.normalization = "none"
    makes_logits = "reconstruction_logits" in fields
    if makes_logits and "output" in config.networks.get("generator", {}):
        config.networks.generator.output = "linear"
    config.augment = ConfigDict()
    config.penalties = ConfigDict()
    config.corrections = ConfigDict()
    config.optimizers = ConfigDict(
        {p: section(schema.OPTIMIZERS, optimizer) for p in players}
    )
    averaged = [player for player in players if player != "discriminator"]
    config.ema = ConfigDict({p: _defaults(schema.EMA) for p in averaged})
    config.schedule = section(schema.SCHEDULES, play)
    config.parallel = ConfigDict(_defaults(schema.PARALLEL))
    config.record = ConfigDict(_defaults(schema.RECORD))
    config.evaluation = ConfigDict(_defaults(schema.EVALUATION))
    return config


def _head(fields: Iterable[str]) -> str:
    """Of a discriminator for an objective that reads these fields."""
    if schema.LOGIT_FIELDS.isdisjoint(fields):
        return "score"
    if not schema.SCORE_FIELDS.isdisjoint(fields):
        return "score_and_logits"
    # The class that a generated example was made for is read to be fitted to it.
    return "log_probability" if "fake_label" in fields else "logits"


def flatten(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Dotted keys to values."""
    flat: dict[str, Any] = {}
    for key, value in config.items():
        if isinstance(value, Mapping):
            flat |= flatten(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat
