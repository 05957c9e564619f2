"""Where all rooms meet: a validated config becomes the parts of a run.

No config goes below this file; everything under it takes plain values.
"""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.augment import compose
from ganjax.config import ConfigError
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import Catalogue, Part, arguments, builder_of
from ganjax.config.chosen import Chosen, choose
from ganjax.config.consistency import SCORE_FIELDS
from ganjax.config.faults import blame
from ganjax.config.validation import numbers
from ganjax.data import DataError
from ganjax.data.files import FEWEST
from ganjax.data.images import as_held, as_seen
from ganjax.measures import nearest_rows
from ganjax.monitors import score_statistics
from ganjax.optim import resolve_schedules, unscheduled
from ganjax.parallel import Layout, LayoutError, choose_layout, pack_layout
from ganjax.state import TrainState, init_state
from ganjax.step import Step, make_train_step
from ganjax.types import (
    Batch,
    Examples,
    Measure,
    Outcome,
    Parts,
    Penalty,
    Rounds,
    Source,
    Terms,
    Tree,
)

Config = Mapping[str, Any]
Build = Callable[[Tree, Array | int], Parts]


class Setup(NamedTuple):
    """A run that is set up: what a config describes.

    `make_parts(axis_name)` returns `make(numbers) -> Parts`, of numbers without
    schedules; `begin(numbers, seed)` is the state before the first step, which `init()`
    returns as this run has it; `measures` are by name;
    `distinct` are different examples of the data as networks see them, where it holds
    examples and some measure reads them; `nearest(samples)` gives, of such data, the
    training example nearest to each; `test` is the whole test split where the run
    trains on the other and its discriminator classifies, or there is an encoder.
    """

    make_parts: Callable[[str | None], Callable[[Tree], Parts]]
    begin: Callable[[Tree, np.uint32], TrainState]
    numbers: dict[str, Any]
    source: Source
    rounds: Rounds
    frozen: frozenset[str]
    refuse: bool  # updates that are not finite
    batch_size: int
    seed: int
    classes: int  # that the generator is told of, or 0
    measures: dict[str, Measure]
    known: tuple[str, ...]  # of the data, "density" or "distinct" examples
    distinct: np.ndarray | None
    nearest: Callable[[np.ndarray], np.ndarray] | None
    test: Batch | None

    def init(self) -> TrainState:
        """The state before the first step."""
        return self.begin(unscheduled(self.numbers), np.uint32(self.seed))

    def like(self, config: Config) -> "Setup":
        """The setup of a run that differs in its seed and its numbers alone.

        What was compiled for one serves the other.
        """
        return self._replace(numbers=numbers(config), seed=config["seed"])

    @property
    def parts(self) -> Parts:
        """The parts as they are at step 0, for use outside a step."""
        return self.make_parts(None)(unscheduled(self.numbers))

    def make_build(self, axis_name: str | None) -> Build:
        """`build(numbers, step) -> Parts`, as the schedules of the numbers have it."""
        make = self.make_parts(axis_name)

        def build(numbers: Tree, step: Array | int) -> Parts:
            progress = jnp.clip(step / numbers["steps"], 0, 1)
            return make(resolve_schedules(numbers, progress))

        return build

    def make_step(self, axis_name: str | None) -> Step:
        """The training step."""
        return make_train_step(
            self.make_build(axis_name),
            self.source.batch,
            self.rounds,
            frozen=self.frozen,
            refuse=self.refuse,
            batch_size=self.batch_size,
            axis_name=axis_name,
        )


def build_setup(
    config: Config, catalogue: Catalogue = BUILT_IN, source: Source | None = None
) -> Setup:
    """Builds a run from a validated config.

    Args:
      config: validated against the same catalogue.
      catalogue: the parts that it names.
      source: in place of the config's data; of such nothing is measured.

    Raises:
      ConfigError: the data is missing or damaged.
    """
    chosen = choose(config, catalogue)
    is_whole = source is None
    source = source or _source(chosen.data, config["data"])
    batch = jax.eval_shape(
        lambda arrays: source.batch(arrays, jax.random.key(0), 0, 0, jnp.arange(1)),
        source.arrays,
    )
    examples = Examples(batch.real.shape[1:], source.classes)
    _check_examples(chosen, examples)
    play = {key: config["play"][key] for key in chosen.play.keys}
    make_parts = partial(_make_parts, config, catalogue, examples)

    @jax.jit  # so traced once, whoever asks for the state or for its shapes
    def begin(numbers: Tree, seed: np.uint32) -> TrainState:
        return init_state(make_parts(None)(numbers), jnp.asarray(seed))

    return Setup(
        make_parts=make_parts,
        begin=begin,
        numbers=numbers(config),
        source=source,
        rounds=builder_of(chosen.play)(chosen.game.players, **play),
        frozen=frozenset(filter(None, config["play"]["frozen"].split(","))),
        refuse=config["non_finite"] == "skip",
        batch_size=config["batch_size"],
        seed=config["seed"],
        classes=_told_classes(config, chosen, source),
        measures={
            name: Measure(
                part.reads,
                partial(builder_of(part), **_keywords(config["measures"][name])),
                part.better,
            )
            for name, part in chosen.measures.items()
        },
        known=chosen.data.makes,
        distinct=_distinct(config, chosen, source) if is_whole else None,
        nearest=_nearest(config, source),
        test=_test(config, chosen) if is_whole else None,
    )


def _check_examples(chosen: Chosen, examples: Examples) -> None:
    """Checks what only the data itself tells, where its row leaves it open."""
    has = {1: "points", 3: "images"}.get(len(examples.shape), "arrays")
    for player, part in chosen.networks.items():
        if part.examples not in ("", has):
            shape = list(examples.shape)
            raise ConfigError(
                f"config.networks.{player}: {part.name} is for {part.examples}, and "
                f"the examples of {chosen.data.name} are {shape}"
            )


def _source(part: Part, section: Config) -> Source:
    try:
        return builder_of(part)(**_keywords(section))
    except (DataError, OSError) as error:
        raise blame(error, f"config.data: {error}") from error


def _told_classes(config: Config, chosen: Chosen, source: Source) -> int:
    if "generator" not in chosen.networks:
        return 0
    conditioning = config["networks"]["generator"].get("conditioning", "none")
    told = conditioning != "none" or "label" in chosen.networks["generator"].reads
    return source.classes if told else 0


def _test(config: Config, chosen: Chosen) -> Batch | None:
    """Read before the training, so that a missing file does not end a long run."""
    data, networks = config["data"], config["networks"]
    head = networks.get("discriminator", {}).get("head", "score")
    classifies = head != "score" or any(
        "logits" in part.makes for part in chosen.networks.values()
    )
    has_use = classifies or "encoder" in networks
    if (
        not has_use
        or data.get("split") != "train"
        or "distinct" not in chosen.data.makes
    ):
        return None
    section = {**data, "split": "test"}
    if "labelled" in section:
        section["labelled"] = 0
    source = _source(chosen.data, section)
    label = source.arrays["labels"] if source.classes else None
    return Batch(real=as_seen(source.arrays["examples"]), label=label)


def _distinct(config: Config, chosen: Chosen, source: Source) -> np.ndarray | None:
    """Different examples, the same whatever the seed of the run, or all."""
    if not any("distinct" in part.reads for part in chosen.measures.values()):
        return None
    examples, count = source.arrays["examples"], config["evaluation"]["samples"]
    order = np.random.default_rng(0).permutation(len(examples))[:count]
    found = np.unique(examples[order], axis=0)
    if len(found) < FEWEST:
        raise ConfigError(
            f"config.data: {len(found)} different examples are too few; at least "
            f"{FEWEST}"
        )
    return np.asarray(as_seen(found))


def _nearest(
    config: Config, source: Source
) -> Callable[[np.ndarray], np.ndarray] | None:
    if "examples" not in source.arrays:
        return None
    examples = source.arrays["examples"]
    if config["data"].get("labelled") and config["data"]["labelled_share"] == 1:
        examples = examples[source.arrays["labelled"]]  # a batch holds no others

    def nearest(samples: np.ndarray) -> np.ndarray:
        # A broken generator makes what is not finite; it is drawn all the same.
        row = nearest_rows(examples, as_held(np.nan_to_num(samples), examples.dtype))
        return np.asarray(as_seen(examples[row]))

    return nearest


def _keywords(section: Config) -> dict[str, Any]:
    return {
        key: value
        for key, value in section.items()
        if key != "name" and not key.endswith("_schedule")
    }


def _make_parts(
    config: Config, catalogue: Catalogue, examples: Examples, axis_name: str | None
) -> Callable[[Tree], Parts]:
    chosen = choose(config, catalogue)

    def given(part: Part, **besides: Any) -> dict[str, Any]:
        """What a part takes besides its keys."""
        known = {"axis_name": axis_name, **besides}
        return {name: known[name] for name in part.takes if name in known}

    def keyed(part: Part, section: Config, values: Config) -> dict[str, Any]:
        """The keys of a part, its floats as they are in this step."""
        return {key: values.get(key, section[key]) for key in part.keys}

    def networks() -> dict[str, Any]:
        latent_size = config["game"].get("latent_size")
        return {
            player: builder_of(part)(
                examples,
                **given(part, latent_size=latent_size),
                **_keywords(config["networks"][player]),
            )
            for player, part in chosen.networks.items()
        }

    def penalty(name: str, values: Config) -> Penalty:
        part = chosen.penalties[name]
        section = config["penalties"][name]
        value = partial(builder_of(part), **keyed(part, section, values), **given(part))
        return Penalty(value, every=section["every"], stream=part.stream)

    def make(values: Tree) -> Parts:
        section = {**config["objective"], **values["objective"]}
        keywords = arguments(catalogue, chosen.objective, section)
        by_key = {key: keywords[key] for key in chosen.by_key}
        objective = builder_of(chosen.objective)(**keywords, **given(chosen.objective))
        view = compose(
            {
                name: partial(
                    builder_of(part),
                    **keyed(part, config["augment"][name], values["augment"][name]),
                )
                for name, part in chosen.augment.items()
            }
        )
        return Parts(
            game=builder_of(chosen.game)(
                networks(),
                examples,
                **given(chosen.game, view=view, **by_key),
                **_keywords(config["game"]) | values["game"],
            ),
            objective=objective,
            optimizers={
                player: builder_of(part)(
                    **_keywords(config["optimizers"][player])
                    | values["optimizers"][player]
                )
                for player, part in chosen.optimizers.items()
            },
            penalties={
                name: penalty(name, values["penalties"][name])
                for name in config["penalties"]
            },
            corrections={
                name: partial(
                    builder_of(part),
                    **keyed(
                        part, config["corrections"][name], values["corrections"][name]
                    ),
                )
                for name, part in chosen.corrections.items()
            },
            average={p: values["ema"][p]["decay"] for p in config["ema"]},
            monitors=_monitors(chosen.game, objective.threshold),
        )

    return make


def _monitors(
    game: Part, threshold: Array | float | None
) -> dict[str, Callable[[Outcome], Terms]]:
    if SCORE_FIELDS.isdisjoint(game.makes):
        return {}
    return {"discriminator": lambda outcome: score_statistics(outcome, threshold)}


def build_layout(config: Config) -> Layout:
    """The layout over the devices there are.

    Raises:
      ConfigError: the batch cannot be shared out evenly.
    """
    try:
        return choose_layout(config["parallel"]["mode"], config["batch_size"])
    except LayoutError as error:
        raise ConfigError(f"config.{error}") from error


def build_pack_layout(config: Config, count: int) -> Layout:
    """The layout of `count` runs in one program, over the devices of this process."""
    mapping, devices = config["parallel"]["members"], jax.local_devices()
    if mapping == "auto":
        mapping = "map" if devices[0].platform == "cpu" else "vmap"
    return pack_layout(devices, count, mapping)


def keep_compiled_programs() -> None:
    """Has JAX keep compiled programs in the user's cache, unless it is told where."""
    if not jax.config.jax_compilation_cache_dir:  # type: ignore[attr-defined]
        caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        jax.config.update("jax_compilation_cache_dir", str(Path(caches, "ganjax/xla")))
        # Small programs too: a start has a dozen of them.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
