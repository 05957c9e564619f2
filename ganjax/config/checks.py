"""What single parts ask of the whole config, named by their rows. No jax.

Each takes a config whose keys are all good, and raises `ConfigError`.
"""

from collections.abc import Mapping
from typing import Any

from ganjax.config.experiment import ConfigError

# What the alpha-divergence becomes where its formula is 0 / 0.
_ALPHA_LIMITS = {0.0: "reverse_kl", 1.0: "kl"}
# Whatever their numbers, these read features of a discriminator.
_OF_FEATURES = ("feature_matching", "vae_gan")


def mixture(config: Mapping[str, Any]) -> None:
    """One mean, standard deviation and weight for each component, in 1 or 2 numbers."""
    data = config["data"]
    counts = {key: len(data[key]) for key in ("means", "sds", "weights")}
    if len(set(counts.values())) > 1:
        raise ConfigError(f"config.data: one of each per component, not {counts}")
    dimensions = {len(mean) for mean in data["means"]}
    if len(dimensions) > 1:
        raise ConfigError("config.data.means: points must have the same dimension")
    if not dimensions <= {1, 2}:
        raise ConfigError("config.data.means: points must have 1 or 2 dimensions")


def affine(config: Mapping[str, Any]) -> None:
    """One latent number for each coordinate."""
    latent_size = config["game"].get("latent_size")
    means = config["data"].get("means")
    dimension = len(means[0]) if means else 2
    if latent_size not in (dimension, None):
        raise ConfigError(
            f"config.game.latent_size: must be {dimension}, the dimension of the data, "
            f"for the network affine, not {latent_size}"
        )


def dirac(config: Mapping[str, Any]) -> None:
    """An objective that asks for no features, of which there are none."""
    objective = config["objective"]
    if objective["name"] in _OF_FEATURES or objective.get("margin") == "features":
        raise ConfigError(
            "config.networks.discriminator: dirac has no features, which the objective "
            f"{objective['name']} reads; choose another network"
        )


def alpha(config: Mapping[str, Any]) -> None:
    """No alpha for which another divergence has the formula."""
    value = config["objective"]["alpha"]
    if value in _ALPHA_LIMITS:
        raise ConfigError(
            f"config.objective.alpha: at {value:g} the divergence is the limit "
            f"{_ALPHA_LIMITS[value]}; choose that divergence"
        )


def bernoulli(config: Mapping[str, Any]) -> None:
    """Logits, which no tanh bounds."""
    generator = config["networks"].get("generator", {})
    if generator.get("output", "linear") != "linear":
        raise ConfigError(
            "config.networks.generator.output: must be linear, as bernoulli takes the "
            "logits of pixels"
        )


def vae_gan(config: Mapping[str, Any]) -> None:
    """A hidden layer that the discriminator has."""
    objective, discriminator = config["objective"], config["networks"]["discriminator"]
    sizes = (discriminator.get(key) for key in ("channels", "widths", "units"))
    layers = len(next(filter(None, sizes), ()))
    if layers and objective["feature_layer"] > layers:
        raise ConfigError(
            f"config.objective.feature_layer: must lie in [1, {layers}], the hidden "
            f"layers of the discriminator, not {objective['feature_layer']}"
        )


def energy(config: Mapping[str, Any]) -> None:
    """Chains that fill the buffer evenly, and a discriminator that reads no labels."""
    game, batch_size = config["game"], config["batch_size"]
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


def alternating(config: Mapping[str, Any]) -> None:
    """Two players who meet."""
    players, game = list(config["networks"]), config["game"]["name"]
    if "discriminator" not in players or len(players) == 1:
        raise ConfigError(
            f"config.play: alternating takes two players who meet; the game {game} "
            f"has only the {' and the '.join(players)}: choose simultaneous"
        )
