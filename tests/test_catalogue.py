"""A row says of each built-in part exactly what its builder says of itself."""

import inspect

import jax
import numpy as np
import pytest
from conformance import game_of
from tables import NETWORK_PARTS, PARTS
from test_folder import write_classes
from test_mnist import write_files

from ganjax import optim
from ganjax.build import build_setup
from ganjax.config import augmentation, correction, defaults, penalty, schema
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import KINDS, Part, builder_of, keys_of, load, make
from ganjax.config.consistency import LABEL_FIELDS, LOGIT_FIELDS
from ganjax.config.validation import validate
from ganjax.games.adversarial import PRIORS
from ganjax.types import Outcome


def name_of(part):
    return "/".join((part.kind, part.name, *part.players * (part.kind == "network")))


each_part = pytest.mark.parametrize("part", BUILT_IN, ids=name_of)
KEYS = [
    pytest.param(key, id=f"{name_of(part)}/{label}")
    for part in BUILT_IN
    for label, key in keys_of(BUILT_IN, part).items()
]
KEYS += [
    pytest.param(key, id=f"{name}/{label}")
    for name in ("RUN", "EMA", "NUMBER_SCHEDULE", "RECORD", "EVALUATION")
    for label, key in getattr(schema, name).items()
]


def parameters_of(part):
    return inspect.signature(builder_of(part)).parameters


def keywords_of(part):
    found = parameters_of(part).values()
    return {p.name: p for p in found if p.kind is p.KEYWORD_ONLY}


@each_part
def test_a_row_is_of_a_kind_and_its_builder_can_be_imported(part):
    assert part.kind in KINDS
    assert isinstance(part, Part)
    assert not part.is_own
    assert callable(builder_of(part))
    for path in (part.check, part.look):
        assert not path or callable(load(path))


def test_no_two_rows_have_one_name():
    names = [name_of(part) for part in BUILT_IN]
    assert len(names) == len(set(names))


@each_part
def test_keys_are_the_keywords_of_the_builder(part):
    assert set(part.keys) == set(keywords_of(part)) - set(part.takes)
    assert set(part.takes) <= set(parameters_of(part))


@each_part
def test_what_a_builder_can_take_is_given(part):
    known = {"axis_name", "view", "likelihood", "latent_size"}
    asked = known & set(parameters_of(part)) - set(part.keys)
    assert asked == set(part.takes)


@each_part
def test_defaults_of_functions_are_those_of_the_row(part):
    stated = {
        name: parameter.default
        for name, parameter in keywords_of(part).items()
        if parameter.default is not parameter.empty and name not in part.takes
    }
    assert stated == {name: part.keys[name].default for name in stated}


@pytest.mark.parametrize("key", KEYS)
def test_numbers_have_a_range(key):
    # Only a range or a list refuses NaN.
    value = key.default if key.kind is None else key.kind()
    while isinstance(value, tuple):
        value = value[0]
    is_number = isinstance(value, int | float)
    assert bool(key.range) == (is_number and not key.choices)


@pytest.mark.parametrize("key", KEYS)
def test_whole_numbers_end_where_the_program_can_hold_them(key):
    value = key.default if key.kind is None else key.kind()
    while isinstance(value, tuple):
        value = value[0]
    if type(value) is int and not key.choices:
        assert key.range.endswith("]")
        assert float(key.range[1:-1].split(",")[1]) <= 2**32 - 1


NAMES = [
    *(("data", name) for name in PARTS["data"]),
    *(("game", name) for name in PARTS["game"]),
    *(("network", name) for name in PARTS["network"]),
    *(("objective", name) for name in PARTS["objective"]),
    *(("optimizer", name) for name in PARTS["optimizer"]),
    *(("play", name) for name in PARTS["play"]),
]


def is_for(network, examples):
    """Whether a network takes images, or points."""
    return NETWORK_PARTS[network]["discriminator"].examples in ("", examples)


def config_of(**names):
    is_of_points = not is_for(names.get("network", "mlp"), "images")
    if "objective" in names:
        names = {"game": game_of(names["objective"]), **names}
    own = (name for name in PARTS["objective"] if game_of(name) == names.get("game"))
    given = {
        "data": "ring" if is_of_points else "digits",
        "network": "mlp",
        "objective": next(own, "hinge"),
    }
    return defaults(**given | names)


@pytest.mark.parametrize(("part", "name"), NAMES)
def test_defaults_are_good(part, name):
    config = config_of(**{part: name})
    assert validate(config) == config.to_dict()


@pytest.mark.parametrize(
    ("section", "make", "name"),
    [
        *(("augment", augmentation, name) for name in PARTS["augmentation"]),
        *(("penalties", penalty, name) for name in PARTS["penalty"]),
        *(("corrections", correction, name) for name in PARTS["correction"]),
    ],
)
def test_defaults_of_what_is_added_are_good(section, make, name):
    config = config_of(play="simultaneous")
    config[section][name] = make(name)
    assert validate(config) == config.to_dict()


def test_rows_speak_of_each_other():
    players = {p for game in PARTS["game"].values() for p in game.players}
    assert {p for made in NETWORK_PARTS.values() for p in made} == players
    adversarial = set(PARTS["game"]["adversarial"].players)
    assert all(set(made) >= adversarial for made in NETWORK_PARTS.values())
    assert schema.NUMBER_SCHEDULE["shape"].choices == tuple(optim.SHAPES)
    assert PARTS["game"]["adversarial"].keys["prior"].choices == tuple(PRIORS)
    assert LABEL_FIELDS > LOGIT_FIELDS


@pytest.mark.parametrize("name", PARTS["objective"])
def test_an_objective_has_a_loss_for_each_of_its_players(name):
    assert set(make(BUILT_IN, "objective", name).losses) == set(
        PARTS["objective"][name].players
    )


@pytest.mark.parametrize("name", PARTS["game"])
def test_fields_of_a_game_are_those_of_an_outcome(name):
    assert set(PARTS["game"][name].makes) <= set(Outcome._fields)


@pytest.mark.parametrize("name", PARTS["objective"])
def test_fields_of_an_objective_are_those_of_an_outcome(name):
    assert set(PARTS["objective"][name].reads) <= set(Outcome._fields)


@pytest.mark.parametrize("name", PARTS["measure"])
def test_a_measure_takes_what_it_reads(name):
    part = PARTS["measure"][name]
    found = parameters_of(part).values()
    positional = [p for p in found if p.kind is not p.KEYWORD_ONLY]
    assert len(positional) == len(part.reads)
    assert set(part.better.values()) <= {"lowest", "highest", "one"}


FITTING = [
    (network, source)
    for network in NETWORK_PARTS
    for source, part in PARTS["data"].items()
    if is_for(network, part.examples)
]


def makes_logits(network, source):
    has_head = "head" in NETWORK_PARTS[network]["discriminator"].keys
    return has_head and PARTS["data"][source].labels == "all"


@pytest.mark.parametrize(
    ("game", "network", "source"),
    [
        (game, network, source)
        for game in PARTS["game"]
        for network, source in FITTING
        if game != "supervised" or makes_logits(network, source)
        if set(PARTS["game"][game].players) <= set(NETWORK_PARTS[network])
    ],
)
def test_game_makes_the_fields_it_declares(game, network, source, tmp_path):
    write_classes(write_files(tmp_path / "data"))
    config = config_of(game=game, network=network, data=source)
    if (network, source, game) == ("affine", "mixture", "adversarial"):
        config.game.latent_size = 1
    if game == "vae" and PARTS["data"][source].examples == "points":
        config.objective.update(likelihood="gaussian", noise_variance=1.0)
    if "directory" in config.data:
        config.data.directory = str(tmp_path / "data")
    has_logits = "real_logits" in PARTS["game"][game].makes
    logits = has_logits and makes_logits(network, source)
    if logits:
        config.networks.discriminator.head = "score_and_logits"
    setup = build_setup(validate(config))

    def play(key):
        index = np.arange(2)
        batch = setup.source.batch(setup.source.arrays, key, 0, 0, index)
        variables = setup.parts.game.init(key)
        return setup.parts.game.play(variables, batch, jax.random.split(key))[0]

    outcome = jax.eval_shape(play, jax.random.key(0))
    made = {field for field in Outcome._fields if getattr(outcome, field) is not None}
    unlabelled = set() if PARTS["data"][source].labels else LABEL_FIELDS
    unmade = unlabelled if logits else unlabelled | LOGIT_FIELDS
    assert made == set(PARTS["game"][game].makes) - unmade
    probes = set(setup.parts.game.probes)
    assert probes == set(PARTS["game"][game].probes) - (
        set() if logits else {"classify"}
    )
