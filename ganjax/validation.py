"""Checks a config against the schema, and takes it apart. No jax."""

import ctypes
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from ml_collections import ConfigDict

from ganjax import schema
from ganjax.config import KINDS, ConfigError, flatten, keys_of
from ganjax.schema import Key

_SECTIONS = (
    *("data", "game", "networks", "augment", "objective", "penalties", "corrections"),
    *("optimizers", "average", "schedule", "parallel", "record", "evaluation"),
)


def validate(config: ConfigDict) -> dict[str, Any]:
    """Checks every key and returns the config as plain nested dicts.

    Raises:
      ConfigError: unknown or missing key, wrong type, value outside its range, name
        that is in no table, or an objective that needs what the game or the data does
        not make; in one line that names the key.
    """
    given = config.to_dict()
    _check_keys("config", given, (*schema.RUN, *_SECTIONS))
    game = _named("config.game", given["game"], schema.GAMES)
    players = schema.PLAYERS[game["name"]]
    networks = {
        player: {n: row[player] for n, row in schema.NETWORKS.items() if player in row}
        for player in players
    }
    _check_keys("config.networks", given["networks"], players)
    _check_keys("config.optimizers", given["optimizers"], players)
    _check_keys("config.average", given["average"], players, required=False)
    checked = {
        **_checked("config", {key: given[key] for key in schema.RUN}, schema.RUN),
        "data": _named("config.data", given["data"], schema.SOURCES),
        "game": game,
        "networks": {
            player: _named(f"config.networks.{player}", section, networks[player])
            for player, section in given["networks"].items()
        },
        "objective": _named("config.objective", given["objective"], schema.OBJECTIVES),
        "augment": _chosen("config.augment", given["augment"], schema.AUGMENTATIONS),
        "penalties": _chosen("config.penalties", given["penalties"], schema.PENALTIES),
        "corrections": _chosen(
            "config.corrections", given["corrections"], schema.CORRECTIONS
        ),
        "optimizers": {
            player: _named(f"config.optimizers.{player}", section, schema.OPTIMIZERS)
            for player, section in given["optimizers"].items()
        },
        "average": {
            player: _checked(f"config.average.{player}", section, schema.AVERAGE)
            for player, section in given["average"].items()
        },
        "schedule": _named("config.schedule", given["schedule"], schema.SCHEDULES),
        "parallel": _checked("config.parallel", given["parallel"], schema.PARALLEL),
        "record": _checked("config.record", given["record"], schema.RECORD),
        "evaluation": _checked(
            "config.evaluation", given["evaluation"], schema.EVALUATION
        ),
    }
    _check_mixture(checked["data"])
    _check_divergence(checked["objective"])
    _check_likelihood(checked)
    _check_fields(checked)
    _check_feature_layer(checked)
    _check_play(checked)
    _check_chains(checked)
    _check_networks(checked)
    _check_augment(checked)
    _check_corrections(checked)
    return checked


def _check_mixture(data: Mapping[str, Any]) -> None:
    if data["name"] != "mixture":
        return
    counts = {key: len(data[key]) for key in ("means", "sds", "weights")}
    if len(set(counts.values())) > 1:
        raise ConfigError(f"config.data: one of each per component, not {counts}")
    dimensions = {len(mean) for mean in data["means"]}
    if len(dimensions) > 1:
        raise ConfigError("config.data.means: points must have the same dimension")
    if not dimensions <= {1, 2}:
        raise ConfigError("config.data.means: points must have 1 or 2 dimensions")


def _check_divergence(objective: Mapping[str, Any]) -> None:
    """Checks that a divergence has its own number, in its range, and no other."""
    if objective["name"] != "f_divergence":
        return
    divergence = objective["divergence"]
    needed = schema.DIVERGENCES[divergence]
    for name in ("pi", "alpha"):
        at, value = f"config.objective.{name}", objective[name]
        if name not in needed:
            if value is not None:
                raise ConfigError(f"{at}: {divergence} has no such number")
        elif value is None:
            raise ConfigError(f"{at}: missing; {divergence} needs it in {needed[name]}")
        elif name == "alpha" and value in schema.ALPHA_LIMITS:
            raise ConfigError(
                f"{at}: at {value:g} the divergence is the limit "
                f"{schema.ALPHA_LIMITS[value]}; choose that divergence"
            )
        elif not _within(value, needed[name]):
            raise ConfigError(f"{at}: {divergence} needs {needed[name]}, not {value}")


def _check_likelihood(config: Mapping[str, Any]) -> None:
    """Checks that a likelihood has its own number, no other, and fits the generator."""
    objective, data = config["objective"], config["data"]["name"]
    if objective["name"] != "vae":
        return
    likelihood, at = objective["likelihood"], "config.objective.noise_variance"
    needs = "noise_variance" in schema.LIKELIHOODS[likelihood]
    if needs and objective["noise_variance"] is None:
        raise ConfigError(f"{at}: missing; {likelihood} needs it")
    if not needs and objective["noise_variance"] is not None:
        raise ConfigError(f"{at}: {likelihood} has no such number")
    if likelihood == "gaussian":
        return
    if data not in schema.IMAGES:
        raise ConfigError(
            f"config.objective.likelihood: {likelihood} is for images, not for {data}; "
            "choose gaussian"
        )
    generator = config["networks"].get("generator", {})
    if generator and generator.get("output") != "linear":
        raise ConfigError(
            f"config.networks.generator.output: must be linear, as {likelihood} takes "
            "the logits of pixels"
        )


def _check_feature_layer(config: Mapping[str, Any]) -> None:
    objective = config["objective"]
    if objective["name"] != "vae_gan":
        return
    discriminator = config["networks"]["discriminator"]
    sizes = (discriminator.get(key) for key in ("channels", "widths", "units"))
    layers = len(next(filter(None, sizes), ()))
    if objective["feature_layer"] > layers:
        raise ConfigError(
            f"config.objective.feature_layer: must lie in [1, {layers}], the hidden "
            f"layers of the discriminator, not {objective['feature_layer']}"
        )


def _check_fields(config: Mapping[str, Any]) -> None:
    data, game, objective = (
        config[key]["name"] for key in ("data", "game", "objective")
    )
    needed = set(schema.OBJECTIVES[objective].fields)
    unmade = needed - set(schema.GAMES[game].fields)
    if unmade:
        raise ConfigError(
            f"config.objective: {objective} reads {', '.join(sorted(unmade))}, which "
            f"the game {game} does not make"
        )
    if objective in schema.WITHOUT_GENERATOR and "generator" in schema.PLAYERS[game]:
        raise ConfigError(
            f"config.objective: {objective} has no loss for the generator of the game "
            f"{game}"
        )
    if "encoder" in schema.PLAYERS[game] and objective not in schema.WITH_ENCODER:
        raise ConfigError(
            f"config.objective: {objective} has no loss for the encoder of the game "
            f"{game}"
        )
    if needed & schema.LABEL_FIELDS and data not in schema.LABELLED:
        raise ConfigError(
            f"config.objective: {objective} needs labels, which the data {data} has "
            f"not; labelled are {', '.join(sorted(schema.LABELLED))}"
        )
    if needed & schema.LOGIT_FIELDS:
        _check_logits(objective, config["networks"]["discriminator"])
    if config["data"].get("labelled") and "is_labelled" not in needed:
        _check_all_labelled(objective, config["data"]["labelled_share"])


def _check_logits(objective: str, discriminator: Mapping[str, Any]) -> None:
    player, name = "discriminator", discriminator["name"]
    at = f"config.networks.{player}"
    if "head" not in discriminator:
        able = [n for n, row in schema.NETWORKS.items() if "head" in row[player]]
        raise ConfigError(
            f"{at}: {name} makes no class logits, which {objective} reads; those that "
            f"can are {', '.join(able)}"
        )
    if discriminator["head"] == "score":
        raise ConfigError(
            f"{at}.head: score makes no class logits, which {objective} reads; choose "
            "score_and_logits, logits or log_probability"
        )


def _check_all_labelled(objective: str, share: float) -> None:
    if share < 1:
        raise ConfigError(
            f"config.data.labelled_share: must be 1, not {share}: {objective} cannot "
            "tell unlabelled examples, whose classes are random, from labelled ones"
        )


def _check_play(config: Mapping[str, Any]) -> None:
    """Checks what takes a discriminator and an opponent where one has none."""
    game = config["game"]["name"]
    players = schema.PLAYERS[game]
    meet = "discriminator" in players and len(players) > 1
    if config["schedule"]["name"] == "alternating" and not meet:
        raise ConfigError(
            f"config.schedule: alternating takes two players who meet; the game {game} "
            f"has only the {' and the '.join(players)}: choose simultaneous"
        )
    if config["penalties"] and schema.SCORE_FIELDS.isdisjoint(
        schema.GAMES[game].fields
    ):
        raise ConfigError(
            f"config.penalties: the game {game} makes no scores to be penalised"
        )


def _check_chains(config: Mapping[str, Any]) -> None:
    """Checks what the game of chains alone asks: shares of a buffer, and no labels."""
    game, batch_size = config["game"], config["batch_size"]
    if game["name"] != "energy":
        return
    if game["buffer_size"] % batch_size:
        raise ConfigError(
            "config.game.buffer_size: must be a multiple of batch_size, "
            f"{batch_size}, or 0 for no buffer, not {game['buffer_size']}"
        )
    for key, free in {"conditioning": "none", "head": "score"}.items():
        value = config["networks"]["discriminator"].get(key, free)
        if value != free:
            raise ConfigError(
                f"config.networks.discriminator.{key}: must be {free}, not {value}, as "
                "the game energy reads no labels"
            )


def _check_networks(config: Mapping[str, Any]) -> None:
    data = config["data"]["name"]
    for player, network in config["networks"].items():
        at = f"config.networks.{player}"
        if network["name"] in schema.IMAGE_NETWORKS and data not in schema.IMAGES:
            raise ConfigError(f"{at}: {network['name']} is for images, not for {data}")
        if (
            network.get("conditioning", "none") != "none"
            and data not in schema.LABELLED
        ):
            raise ConfigError(f"{at}.conditioning: the data {data} has no labels")
        head = network.get("head", "score")
        if head != "score" and data not in schema.LABELLED:
            raise ConfigError(f"{at}.head: the data {data} has no labels for {head}")
        if head in schema.LOGIT_SCORE_HEADS and network["conditioning"] != "none":
            raise ConfigError(
                f"{at}.conditioning: a projection adds to the score of a layer that "
                f"head={head} has not; choose score_and_logits, or no conditioning"
            )
        if network["name"] in schema.POINT_NETWORKS:
            _check_point_network(at, network["name"], config)


def _check_point_network(at: str, name: str, config: Mapping[str, Any]) -> None:
    data, latent_size = config["data"], config["game"].get("latent_size")
    if data["name"] in schema.IMAGES:
        raise ConfigError(f"{at}: {name} is for points, not for {data['name']}")
    dimension = len(data["means"][0]) if data["name"] == "mixture" else 2
    if latent_size not in (dimension, None):
        raise ConfigError(
            f"config.game.latent_size: must be {dimension}, the dimension of the data, "
            f"for the network {name}, not {latent_size}"
        )


def _check_augment(config: Mapping[str, Any]) -> None:
    game = config["game"]["name"]
    if config["augment"] and game not in schema.VIEWED:
        raise ConfigError(
            f"config.augment: must be empty, as the game {game} has no augmentations"
        )


def _check_corrections(config: Mapping[str, Any]) -> None:
    schedule = config["schedule"]["name"]
    if config["corrections"] and schedule != "simultaneous":
        raise ConfigError(
            "config.corrections: need the schedule simultaneous, as there is no joint "
            f"gradient in {schedule}; choose it, or no correction"
        )


def _check_section(at: str, values: Any) -> None:
    if not isinstance(values, Mapping):
        raise ConfigError(f"{at}: must be a section, not {values!r}")


def _check_keys(
    at: str, values: Any, names: Iterable[str], *, required: bool = True
) -> None:
    """Checks that `values` has no key but `names`, and each of them if required."""
    _check_section(at, values)
    names = tuple(names)
    for key in values:
        if key not in names:
            close = get_close_matches(str(key), names, n=1)
            hint = f"did you mean {close[0]}" if close else f"known: {', '.join(names)}"
            raise ConfigError(f"{at}.{key}: unknown key; {hint}")
    for name in names:
        if required and name not in values:
            raise ConfigError(f"{at}.{name}: missing")


def _chosen(at: str, values: Any, rows: Mapping[str, Any]) -> dict[str, Any]:
    """The checked sections `{name: keys}`, each of a row of a table of the schema."""
    _check_keys(at, values, rows, required=False)
    return {
        name: _checked(f"{at}.{name}", section, rows[name])
        for name, section in values.items()
    }


def _named(at: str, values: Any, rows: Mapping[str, Any]) -> dict[str, Any]:
    """A checked section `{name, **keys}` of a table of the schema."""
    _check_section(at, values)
    name = values.get("name", "")
    if name not in tuple(rows):
        raise ConfigError(f"{at}.name: {name!r} is none of {', '.join(rows)}")
    rest = {key: value for key, value in values.items() if key != "name"}
    return {"name": name} | _checked(at, rest, keys_of(rows[name]))


def _checked(at: str, values: Any, keys: Mapping[str, Key]) -> dict[str, Any]:
    """`values`, each checked and made its key's type, in the schema's order."""
    _check_section(at, values)
    schedules = _schedules_of(at, keys)
    plain, scheduled = dict(values), {}
    for name in schedules:
        if name in plain:
            scheduled[name] = plain.pop(name)
    _check_keys(at, plain, keys)
    checked = {name: _value(f"{at}.{name}", plain[name], keys[name]) for name in keys}
    for name, section in scheduled.items():
        where = f"{at}.{name}"
        checked[name] = _checked(where, section, schema.NUMBER_SCHEDULE)
        number = checked[schedules[name]]
        _check_schedule(where, checked[name], number, keys[schedules[name]])
    return checked


def _check_schedule(
    at: str, schedule: Mapping[str, Any], number: float | None, key: Key
) -> None:
    if number is None:
        raise ConfigError(f"{at}: its number is not set")
    final = schedule["final"]
    if schedule["shape"] == "exponential" and final == 0:
        raise ConfigError(f"{at}.final: must lie in (0, inf), not 0")
    # The last step does not reach the end, so that a rate may fall to 0.
    closed = f"[{key.range[1:-1]}]"
    if not _within(number * final, closed):
        raise ConfigError(
            f"{at}.final: leads to {number} * {final}, which must lie in {closed}"
        )


def _schedules_of(at: str, keys: Mapping[str, Key]) -> dict[str, str]:
    """The schedules that a section may hold, each with its number."""
    if at.endswith("_schedule"):
        return {}
    if not any(f"{at}.".startswith(f"config.{name}.") for name in schema.TRACED):
        return {}
    return {
        f"{name}_schedule": name
        for name, key in keys.items()
        if float in (type(key.default), key.kind)
    }


def _value(at: str, value: Any, key: Key) -> Any:
    if key.kind is not None:
        return None if value is None else _like(at, value, key.kind(), key)
    return _like(at, value, key.default, key)


def _like(at: str, value: Any, default: Any, key: Key) -> Any:
    """`value` as the type of `default`, element by element for tuples."""
    if isinstance(default, tuple):
        if not isinstance(value, tuple | list):
            raise ConfigError(f"{at}: must be a tuple such as {default}, not {value!r}")
        if not value:
            raise ConfigError(f"{at}: must not be empty")
        return tuple(_like(at, item, default[0], key) for item in value)
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if type(value) is not type(default):
        raise ConfigError(f"{at}: must be {KINDS[type(default)]}, not {value!r}")
    if key.choices and value not in key.choices:
        raise ConfigError(
            f"{at}: {value!r} is none of {', '.join(map(str, key.choices))}"
        )
    if key.range and not _within(value, key.range):
        raise ConfigError(f"{at}: must lie in {key.range}, not {value}")
    # What the program reads: there 1e-50 is 0, 1e50 infinite and 0.999999999 is 1.
    single = ctypes.c_float(value).value if isinstance(value, float) else value
    if key.range and not _within(single, key.range):
        raise ConfigError(
            f"{at}: must lie in {key.range}, not {value}, in float32 {single}"
        )
    return value


def _within(value: float, interval: str) -> bool:
    low, high = map(float, interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return above and below


def numbers(config: Mapping[str, Any]) -> dict[str, Any]:
    """The floats of the traced sections, nested as in a validated config.

    A schedule becomes `{shape: final}`: the shape is structure, so it is a key of the
    tree. `steps` rides along, as schedules read it.
    """

    def floats(tree: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in tree.items():
            if key.endswith("_schedule"):
                found[key] = {value["shape"]: value["final"]}
            elif isinstance(value, Mapping):
                found[key] = floats(value)
            elif isinstance(value, float):
                found[key] = value
        return found

    traced = {name: floats(config[name]) for name in schema.TRACED}
    return traced | {"steps": float(config["steps"])}


def check_resumable(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Checks that a run begun with config `old` may go on with `new`.

    Raises:
      ConfigError: names the keys whose change would make it another run.
    """
    before, after = flatten(old), flatten(new)
    scheduled = any("_schedule." in key for key in after)
    changed = []
    for key in sorted(before.keys() | after.keys()):
        # JSON knows no tuples.
        was, now = _listed(before.get(key)), _listed(after.get(key))
        longer = key == "steps" and not scheduled and was is not None and now >= was
        free = any(f"{key}.".startswith(f"{name}.") for name in schema.RESUMABLE)
        if was != now and not longer and not free:
            changed.append(f"{key} was {was}, is {now}")
    if changed:
        raise ConfigError("; ".join(changed))


def _listed(value: Any) -> Any:
    return list(map(_listed, value)) if isinstance(value, tuple | list) else value
