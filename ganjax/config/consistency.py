"""Checks that the parts of a config go together, by the facts of their rows. No jax."""

from collections.abc import Iterable, Mapping
from typing import Any

from ganjax.config.catalogue import Catalogue, Key, Part, load, rows, within
from ganjax.config.chosen import Chosen, choose, lacking, parts_of
from ganjax.config.experiment import ConfigError

# Fields of an outcome that only a labelled source can fill, and those of them that need
# a discriminator with class logits.
LABEL_FIELDS = frozenset(
    {"real_label", "fake_label", "is_labelled", "real_logits", "fake_logits"}
)
LOGIT_FIELDS = frozenset({"real_logits", "fake_logits"})
SCORE_FIELDS = frozenset({"real_score", "fake_score"})

# Choices of a discriminator's `head` whose score is made of the class logits, and of
# its `normalization` under which a score depends on the other examples of a batch too.
_LOGIT_SCORES = frozenset({"logits", "log_probability"})
BATCH_NORMALIZATIONS = frozenset({"batch"})


def check_consistent(config: Mapping[str, Any], catalogue: Catalogue) -> None:
    """Checks what no section can be asked alone, of a config whose keys are all good.

    Raises:
      ConfigError: names the key and the choice that would go with the others.
    """
    chosen = choose(config, catalogue)
    _check_init(config, chosen)
    _check_frozen(config, chosen)
    _run_checks(config, chosen.by_key.values())  # before the ranges: they say why
    _check_numbers(config["objective"], chosen, catalogue)
    _check_examples(config, chosen, catalogue)
    _check_fields(config, chosen, catalogue)
    _check_networks(config, chosen, catalogue)
    _check_penalties(config, chosen)
    _check_view(config, chosen)
    _check_corrections(chosen, catalogue)
    _check_measures(chosen)
    _run_checks(config, parts_of(chosen))


def _run_checks(config: Mapping[str, Any], parts: Iterable[Part]) -> None:
    for check in dict.fromkeys(part.check for part in parts if part.check):
        load(check)(config)


def _check_init(config: Mapping[str, Any], chosen: Chosen) -> None:
    at, named = "config.init_players", config["init_players"]
    if not named:
        return
    if not config["init_from"]:
        raise ConfigError(f"{at}: goes with config.init_from, which is not set")
    _check_players(at, named, chosen)


def _check_frozen(config: Mapping[str, Any], chosen: Chosen) -> None:
    if named := config["play"]["frozen"]:
        _check_players("config.play.frozen", named, chosen)


def _check_players(at: str, named: str, chosen: Chosen) -> None:
    players = chosen.game.players
    for player in named.split(","):
        if player not in players:
            raise ConfigError(f"{at}: {player!r} is none of {', '.join(players)}")


def _check_numbers(
    objective: Mapping[str, Any], chosen: Chosen, catalogue: Catalogue
) -> None:
    """Checks that what a key chooses has its own numbers, in range, and no others."""
    for key, part in chosen.by_key.items():
        kind = chosen.objective.keys[key].part
        known: dict[str, Key] = {}
        for row in rows(catalogue, kind).values():
            known |= row.keys
        for number in known:
            at, value = f"config.objective.{number}", objective[number]
            if number not in part.keys:
                if value is not None:
                    raise ConfigError(f"{at}: {part.name} has no such number")
                continue
            interval = part.keys[number].range
            if value is None and part.keys[number].default is None:
                raise ConfigError(f"{at}: missing; {part.name} needs it in {interval}")
            if value is not None and interval and not within(value, interval):
                raise ConfigError(f"{at}: {part.name} needs {interval}, not {value}")


def _check_examples(
    config: Mapping[str, Any], chosen: Chosen, catalogue: Catalogue
) -> None:
    """Checks that what is for images gets images, and what is for points points."""
    data = chosen.data

    def fits(part: Part) -> bool:
        return not part.examples or data.examples in ("", part.examples)

    for player, part in chosen.networks.items():
        if not fits(part):
            raise ConfigError(
                f"config.networks.{player}: {part.name} is for {part.examples}, not "
                f"for {data.name}"
            )
    for key, part in chosen.by_key.items():
        if not fits(part):
            kind = chosen.objective.keys[key].part
            able = [name for name, row in rows(catalogue, kind).items() if fits(row)]
            raise ConfigError(
                f"config.objective.{key}: {part.name} is for {part.examples}, not for "
                f"{data.name}; choose {' or '.join(able)}"
            )


def _check_fields(
    config: Mapping[str, Any], chosen: Chosen, catalogue: Catalogue
) -> None:
    game, objective = chosen.game, chosen.objective
    needed = set(objective.reads)
    if unmade := needed - set(game.makes):
        raise ConfigError(
            f"config.objective: {objective.name} reads {', '.join(sorted(unmade))}, "
            f"which the game {game.name} does not make"
        )
    for player in game.players:
        if player not in objective.players:
            raise ConfigError(
                f"config.objective: {objective.name} has no loss for the {player} of "
                f"the game {game.name}"
            )
    if needed & LABEL_FIELDS and chosen.data.labels != "all":
        raise ConfigError(
            f"config.objective: {objective.name} needs labels, which the data "
            f"{chosen.data.name} lacks; labelled are {_labelled(catalogue)}"
        )
    if needed & LOGIT_FIELDS:
        _check_logits(config, chosen, catalogue)
    if config["data"].get("labelled") and "is_labelled" not in needed:
        share = config["data"]["labelled_share"]
        if share < 1:
            raise ConfigError(
                f"config.data.labelled_share: must be 1, not {share}: {objective.name} "
                "cannot tell unlabelled examples, whose classes are random, from "
                "labelled ones"
            )


def _labelled(catalogue: Catalogue) -> str:
    data = rows(catalogue, "data").items()
    return ", ".join(sorted(name for name, row in data if row.labels == "all"))


def _check_logits(
    config: Mapping[str, Any], chosen: Chosen, catalogue: Catalogue
) -> None:
    part, objective = chosen.networks["discriminator"], chosen.objective.name
    at = "config.networks.discriminator"
    if "logits" in part.makes:
        return
    if "head" not in part.keys:
        able = [
            name
            for name, row in rows(catalogue, "network", "discriminator").items()
            if "head" in row.keys or "logits" in row.makes
        ]
        raise ConfigError(
            f"{at}: {part.name} makes no class logits, which {objective} reads; those "
            f"that can are {', '.join(able)}"
        )
    if config["networks"]["discriminator"]["head"] == "score":
        raise ConfigError(
            f"{at}.head: score makes no class logits, which {objective} reads; choose "
            "score_and_logits, logits or log_probability"
        )


def _check_networks(
    config: Mapping[str, Any], chosen: Chosen, catalogue: Catalogue
) -> None:
    data = chosen.data
    for player, part in chosen.networks.items():
        network, at = config["networks"][player], f"config.networks.{player}"
        conditioning = network.get("conditioning", "none")
        if conditioning != "none" and not data.labels:
            raise ConfigError(f"{at}.conditioning: the data {data.name} has no labels")
        if "label" in part.reads and data.labels != "all":
            raise ConfigError(
                f"{at}: {part.name} reads labels, which the data {data.name} lacks; "
                f"labelled are {_labelled(catalogue)}"
            )
        head = network.get("head", "score")
        if head != "score" and data.labels != "all":
            raise ConfigError(
                f"{at}.head: the data {data.name} has no labels for {head}"
            )
        if head in _LOGIT_SCORES and conditioning != "none":
            raise ConfigError(
                f"{at}.conditioning: a projection adds to the score of a layer that "
                f"head={head} lacks; choose score_and_logits, or no conditioning"
            )


def _check_penalties(config: Mapping[str, Any], chosen: Chosen) -> None:
    """Checks that there are scores, and of single examples where gradients are."""
    if not chosen.penalties:
        return
    if SCORE_FIELDS.isdisjoint(chosen.game.makes):
        raise ConfigError(
            f"config.penalties: the game {chosen.game.name} makes no scores to be "
            "penalised"
        )
    taken = [name for name, part in chosen.penalties.items() if part.of_example]
    network = config["networks"].get("discriminator", {})
    value = network.get("normalization")
    if not taken or value not in BATCH_NORMALIZATIONS:
        return
    choices = chosen.networks["discriminator"].keys["normalization"].choices
    free = " or ".join(str(c) for c in choices if c not in BATCH_NORMALIZATIONS)
    raise ConfigError(
        f"config.networks.discriminator.normalization: must be {free}, not {value}, "
        f"with config.penalties.{taken[0]}: the gradient is of one example's score, "
        f"which {value} makes a function of all"
    )


def _check_view(config: Mapping[str, Any], chosen: Chosen) -> None:
    if config["augment"] and "view" not in chosen.game.takes:
        raise ConfigError(
            f"config.augment: must be empty, as the game {chosen.game.name} has no "
            "augmentations"
        )


def _check_corrections(chosen: Chosen, catalogue: Catalogue) -> None:
    if chosen.corrections and not chosen.play.joint:
        able = [name for name, x in rows(catalogue, "play").items() if x.joint]
        raise ConfigError(
            f"config.corrections: need the play {' or '.join(able)}, as there is "
            f"no joint gradient in {chosen.play.name}; choose it, or no correction"
        )


def _check_measures(chosen: Chosen) -> None:
    for name, part in chosen.measures.items():
        if names := lacking(part, chosen.game, chosen.data):
            raise ConfigError(
                f"config.measures.{name}: reads {', '.join(names)}, which the game "
                f"{chosen.game.name} on the data {chosen.data.name} does not make"
            )
