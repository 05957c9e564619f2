"""Checks that the sections of a config go together. No jax."""

from collections.abc import Mapping
from typing import Any

from ganjax.config import schema
from ganjax.config.experiment import ConfigError


def check_consistent(config: Mapping[str, Any]) -> None:
    """Checks what no section can be asked alone, of a config whose keys are all good.

    Raises:
      ConfigError: names the key and the choice that would go with the others.
    """
    _check_init(config)
    _check_mixture(config["data"])
    _check_divergence(config["objective"])
    _check_likelihood(config)
    _check_fields(config)
    _check_feature_layer(config)
    _check_play(config)
    _check_chains(config)
    _check_networks(config)
    _check_gradient_penalties(config)
    _check_augment(config)
    _check_corrections(config)


def _check_init(config: Mapping[str, Any]) -> None:
    at, chosen = "config.init_players", config["init_players"]
    if not chosen:
        return
    if not config["init_from"]:
        raise ConfigError(f"{at}: goes with config.init_from, which is not set")
    players = schema.PLAYERS[config["game"]["name"]]
    for player in chosen.split(","):
        if player not in players:
            raise ConfigError(f"{at}: {player!r} is none of {', '.join(players)}")


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
        elif not schema.within(value, needed[name]):
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
            and data not in schema.LABELLED | schema.MAY_BE_LABELLED
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


def _check_gradient_penalties(config: Mapping[str, Any]) -> None:
    """Checks that gradients by single examples are of scores of single examples."""
    taken = [name for name in config["penalties"] if name in schema.GRADIENT_PENALTIES]
    network = config["networks"].get("discriminator", {})
    value = network.get("normalization")
    if not taken or value not in schema.BATCH_NORMALIZATIONS:
        return
    choices = schema.NETWORKS[network["name"]]["discriminator"]["normalization"].choices
    free = " or ".join(str(c) for c in choices if c not in schema.BATCH_NORMALIZATIONS)
    raise ConfigError(
        f"config.networks.discriminator.normalization: must be {free}, not {value}, "
        f"with config.penalties.{taken[0]}: the gradient is of one example's score, "
        f"which {value} makes a function of all"
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
