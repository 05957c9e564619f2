"""Where all rooms meet: a validated config becomes the parts of a run.

No config goes below this file; everything under it takes plain values.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.augment import AUGMENTATIONS, compose
from ganjax.config import ConfigError, schema
from ganjax.config.validation import numbers
from ganjax.corrections import CORRECTIONS
from ganjax.data import DataError
from ganjax.data.files import FEWEST
from ganjax.data.images import rescaled
from ganjax.data.sources import MIXTURES, SOURCES
from ganjax.games import BATCH_COUPLED as BATCH_COUPLED_GAMES
from ganjax.games import GAMES, SCHEDULES
from ganjax.losses.likelihood import make_likelihood
from ganjax.metrics import (
    mixture_quality,
    nearest_rows,
    neighbour_quality,
    score_statistics,
)
from ganjax.networks import NETWORKS
from ganjax.objectives import BATCH_COUPLED, OBJECTIVES
from ganjax.optim import OPTIMIZERS, resolve_schedules
from ganjax.parallel import Layout, jit_layout, pmap_layout, shard_map_layout
from ganjax.penalties import BATCH_COUPLED as BATCH_COUPLED_PENALTIES
from ganjax.penalties import PENALTIES
from ganjax.state import TrainState, init_state
from ganjax.step import Step, make_train_step
from ganjax.types import (
    Batch,
    Examples,
    Likelihood,
    Outcome,
    Parts,
    Penalty,
    Schedule,
    Source,
    Terms,
    Tree,
    View,
)

Config = Mapping[str, Any]
Build = Callable[[Tree, Array | int], Parts]


class Experiment(NamedTuple):
    """What a config describes, ready to run.

    `make_build(axis_name)` returns `build(numbers, step) -> Parts`; `quality(samples)`
    measures samples `[N, ...]` against what is known of the data; `nearest(samples)`
    gives, of image data, the training image nearest to each; `test` is the whole test
    split where the run trains on the other and its discriminator classifies, or there
    is an encoder.
    """

    make_build: Callable[[str | None], Build]
    numbers: dict[str, Any]
    source: Source
    schedule: Schedule
    batch_size: int
    seed: int
    classes: int  # that the generator is told of, or 0
    quality: Callable[[np.ndarray], dict[str, float]]
    nearest: Callable[[np.ndarray], np.ndarray] | None
    test: Batch | None

    @property
    def parts(self) -> Parts:
        """The parts as they are at step 0, for use outside a step."""
        return self.make_build(None)(self.numbers, 0)

    def init(self) -> TrainState:
        """The state before the first step."""
        return jax.jit(partial(init_state, self.parts))(np.uint32(self.seed))

    def make_step(self, axis_name: str | None) -> Step:
        """The training step."""
        return make_train_step(
            self.make_build(axis_name),
            self.source.batch,
            self.schedule,
            batch_size=self.batch_size,
            axis_name=axis_name,
        )


def build_experiment(config: Config) -> Experiment:
    """Builds a run from a validated config.

    Raises:
      ConfigError: the data is missing or damaged.
    """
    source = _source(config["data"])
    batch = jax.eval_shape(
        source.batch, source.arrays, jax.random.key(0), 0, 0, jnp.arange(1)
    )
    examples = Examples(batch.real.shape[1:], source.classes)
    return Experiment(
        make_build=lambda axis_name: _make_build(config, examples, axis_name),
        numbers=numbers(config),
        source=source,
        schedule=SCHEDULES[config["schedule"]["name"]](
            schema.PLAYERS[config["game"]["name"]], **_keywords(config["schedule"])
        ),
        batch_size=config["batch_size"],
        seed=config["seed"],
        classes=_told_classes(config, source),
        quality=_quality(config, source),
        nearest=_nearest(config, source),
        test=_test(config),
    )


def _source(section: Config) -> Source:
    try:
        return SOURCES[section["name"]](**_keywords(section))
    except (DataError, OSError) as error:
        raise ConfigError(f"config.data: {error}") from error


def _told_classes(config: Config, source: Source) -> int:
    generator = config["networks"].get("generator", {})
    told = generator.get("conditioning", "none") != "none"
    return source.classes if told else 0


def _test(config: Config) -> Batch | None:
    """Read before the training, so that a missing file does not end a long run."""
    data, networks = config["data"], config["networks"]
    head = networks.get("discriminator", {}).get("head", "score")
    has_use = head != "score" or "encoder" in networks
    if not has_use or data.get("split") != "train":
        return None
    arrays = _source({**data, "split": "test", "labelled": 0}).arrays
    return Batch(real=rescaled(arrays["images"]), label=arrays["labels"])


def _quality(config: Config, source: Source) -> Callable[..., dict[str, float]]:
    if config["data"]["name"] in MIXTURES:
        return lambda samples: mixture_quality(samples, **source.arrays)
    real = _distinct(source.arrays["images"], config["evaluation"]["samples"])
    if len(real) < FEWEST:
        raise ConfigError(
            f"config.data: {len(real)} different images are too few; at least {FEWEST}"
        )
    return lambda samples: neighbour_quality((real - 127.5) / 127.5, samples)


def _nearest(config: Config, source: Source) -> Callable[..., np.ndarray] | None:
    if config["data"]["name"] in MIXTURES:
        return None
    images = source.arrays["images"]
    if config["data"].get("labelled") and config["data"]["labelled_share"] == 1:
        images = images[source.arrays["labelled"]]  # a batch holds no others

    def nearest(samples: np.ndarray) -> np.ndarray:
        # A broken generator makes what is not finite; it is drawn all the same.
        levels = np.clip(np.nan_to_num(samples), -1, 1) * 127.5 + 127.5
        return np.asarray(rescaled(images[nearest_rows(images, levels)]))

    return nearest


def _distinct(images: np.ndarray, count: int) -> np.ndarray:
    """`count` different images, the same whatever the seed of the run, or all."""
    order = np.random.default_rng(0).permutation(len(images))[:count]
    return np.unique(images[order], axis=0)


def _keywords(section: Config) -> dict[str, Any]:
    return {
        key: value
        for key, value in section.items()
        if key != "name" and not key.endswith("_schedule")
    }


def _make_build(config: Config, examples: Examples, axis_name: str | None) -> Build:
    def networks() -> dict[str, Any]:
        made = {}
        for player, section in config["networks"].items():
            latents = (config["game"]["latent_size"],) if player == "encoder" else ()
            made[player] = NETWORKS[section["name"]][player](
                examples, *latents, axis_name=axis_name, **_keywords(section)
            )
        return made

    def objective(values: dict[str, Any]) -> Any:
        name = config["objective"]["name"]
        axis = {"axis_name": axis_name} if name in BATCH_COUPLED else {}
        keywords = _keywords(config["objective"]) | values
        return OBJECTIVES[name](**keywords, **axis)

    def likelihood(values: Config) -> dict[str, Likelihood]:
        if config["game"]["name"] != "vae":
            return {}
        section = config["objective"] | values
        made = make_likelihood(section["likelihood"], section["noise_variance"])
        return {"likelihood": made}

    def views(values: Config) -> dict[str, View]:
        if config["game"]["name"] not in schema.VIEWED:
            return {}
        chosen = {
            name: partial(AUGMENTATIONS[name], **values[name])
            for name in config["augment"]
        }
        return {"view": compose(chosen)}

    def penalty(name: str, values: Config) -> Penalty:
        axis = {"axis_name": axis_name} if name in BATCH_COUPLED_PENALTIES else {}
        value = partial(PENALTIES[name], **values, **axis)
        every = config["penalties"][name]["every"]
        return Penalty(value, every=every, stream=schema.STREAMS.get(name, ""))

    def build(numbers: Tree, step: Array | int) -> Parts:
        progress = jnp.clip(step / numbers["steps"], 0, 1)
        values = resolve_schedules(numbers, progress)
        game = config["game"]
        axis = {"axis_name": axis_name} if game["name"] in BATCH_COUPLED_GAMES else {}
        made = objective(values["objective"])
        return Parts(
            game=GAMES[game["name"]](
                networks(),
                examples,
                **likelihood(values["objective"]),
                **views(values["augment"]),
                **_keywords(game) | values["game"],
                **axis,
            ),
            objective=made,
            optimizers={
                player: OPTIMIZERS[section["name"]](
                    **_keywords(section) | values["optimizers"][player]
                )
                for player, section in config["optimizers"].items()
            },
            penalties={
                name: penalty(name, values["penalties"][name])
                for name in config["penalties"]
            },
            corrections={
                name: partial(CORRECTIONS[name], **values["corrections"][name])
                for name in config["corrections"]
            },
            average={p: values["ema"][p]["decay"] for p in config["ema"]},
            monitors=_monitors(game["name"], made.threshold),
        )

    return build


def _monitors(
    game: str, threshold: Array | float | None
) -> dict[str, Callable[[Outcome], Terms]]:
    if schema.SCORE_FIELDS.isdisjoint(schema.GAMES[game].fields):
        return {}
    return {"discriminator": lambda outcome: score_statistics(outcome, threshold)}


def build_layout(config: Config) -> Layout:
    """The layout over the devices there are.

    Raises:
      ConfigError: the batch cannot be shared out evenly.
    """
    devices = jax.devices()
    mode = config["parallel"]["mode"]
    if mode == "auto":
        mode = "jit" if len(devices) == 1 else "pmap"
    if mode == "jit":
        if jax.process_count() > 1:
            raise ConfigError("config.parallel.mode: jit is for a single process")
        return jit_layout(devices[0])
    if config["batch_size"] % len(devices):
        raise ConfigError(
            f"config.batch_size: {config['batch_size']} examples cannot be shared "
            f"evenly by {len(devices)} devices"
        )
    return {"pmap": pmap_layout, "shard_map": shard_map_layout}[mode](devices)
