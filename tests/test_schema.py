"""The schema says of each builder exactly what the builder says of itself."""

import inspect

import jax
import numpy as np
import pytest
from conformance import game_of
from test_folder import write_classes
from test_mnist import write_files

from ganjax import augment, corrections, games, networks, objectives, optim, penalties
from ganjax.build import build_experiment
from ganjax.config import augmentation, correction, defaults, keys_of, penalty, schema
from ganjax.config.validation import validate
from ganjax.data import sources
from ganjax.games.adversarial import PRIORS
from ganjax.losses.likelihood import LIKELIHOODS
from ganjax.types import Outcome

# Rows of the schema, and the builders of the same names. A network's name is a player's
# too, and `every` is the step's business, not the penalty's.
ROWS = {
    "data": schema.SOURCES,
    "game": schema.GAMES,
    "augment": schema.AUGMENTATIONS,
    "objective": schema.OBJECTIVES,
    "penalties": {
        name: {key: row for key, row in keys.items() if key != "every"}
        for name, keys in schema.PENALTIES.items()
    },
    "corrections": schema.CORRECTIONS,
    "optimizers": schema.OPTIMIZERS,
    "schedule": schema.SCHEDULES,
    **{f"networks/{network}": players for network, players in schema.NETWORKS.items()},
}
BUILDERS = {
    "data": sources.SOURCES,
    "game": games.GAMES,
    "augment": augment.AUGMENTATIONS,
    "objective": objectives.OBJECTIVES,
    "penalties": penalties.PENALTIES,
    "corrections": corrections.CORRECTIONS,
    "optimizers": optim.OPTIMIZERS,
    "schedule": games.SCHEDULES,
    **{f"networks/{network}": made for network, made in networks.NETWORKS.items()},
}
BOTH = [
    pytest.param(keys_of(row), BUILDERS[table][name], id=f"{table}/{name}")
    for table, rows in ROWS.items()
    for name, row in rows.items()
]
KEYS = [
    pytest.param(key, id=f"{table}/{name}/{label}")
    for table, rows in ROWS.items()
    for name, row in rows.items()
    for label, key in keys_of(row).items()
]
KEYS += [
    pytest.param(key, id=f"{name}/{label}")
    for name in ("RUN", "EMA", "NUMBER_SCHEDULE", "RECORD", "EVALUATION")
    for label, key in getattr(schema, name).items()
]


def keywords_of(builder):
    parameters = inspect.signature(builder).parameters.values()
    return {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}


@pytest.mark.parametrize("table", ROWS)
def test_names_agree(table):
    assert set(ROWS[table]) == set(BUILDERS[table])


@pytest.mark.parametrize(("keys", "builder"), BOTH)
def test_keys_are_the_keywords_of_the_builder(keys, builder):
    assert set(keys) == set(keywords_of(builder)) - {"axis_name"}


@pytest.mark.parametrize(("keys", "builder"), BOTH)
def test_defaults_of_functions_are_those_of_the_schema(keys, builder):
    stated = {
        name: parameter.default
        for name, parameter in keywords_of(builder).items()
        if parameter.default is not parameter.empty and name != "axis_name"
    }
    assert stated == {name: keys[name].default for name in stated}


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
    *(("data", name) for name in schema.SOURCES),
    *(("game", name) for name in schema.GAMES),
    *(("network", name) for name in schema.NETWORKS),
    *(("objective", name) for name in schema.OBJECTIVES),
    *(("optimizer", name) for name in schema.OPTIMIZERS),
    *(("play", name) for name in schema.SCHEDULES),
]


def config_of(**names):
    data = "ring" if names.get("network") in schema.POINT_NETWORKS else "digits"
    if "objective" in names:
        names = {"game": game_of(names["objective"]), **names}
    own = (name for name in schema.OBJECTIVES if game_of(name) == names.get("game"))
    objective = next(own, "hinge")
    return defaults(**{"data": data, "network": "mlp", "objective": objective} | names)


@pytest.mark.parametrize(("part", "name"), NAMES)
def test_defaults_are_good(part, name):
    config = config_of(**{part: name})
    assert validate(config) == config.to_dict()


@pytest.mark.parametrize(
    ("section", "make", "name"),
    [
        *(("augment", augmentation, name) for name in schema.AUGMENTATIONS),
        *(("penalties", penalty, name) for name in schema.PENALTIES),
        *(("corrections", correction, name) for name in schema.CORRECTIONS),
    ],
)
def test_defaults_of_what_is_added_are_good(section, make, name):
    config = config_of(play="simultaneous")
    config[section][name] = make(name)
    assert validate(config) == config.to_dict()


def test_tables_speak_of_each_other():
    assert set(schema.PLAYERS) == set(schema.GAMES)
    players = {player for names in schema.PLAYERS.values() for player in names}
    assert set().union(*schema.NETWORKS.values()) == players
    adversarial = set(schema.PLAYERS["adversarial"])
    assert all(set(made) >= adversarial for made in schema.NETWORKS.values())
    assert set(schema.LIKELIHOODS) == set(LIKELIHOODS)
    for name, made in LIKELIHOODS.items():
        assert set(schema.LIKELIHOODS[name]) == set(keywords_of(made))
    assert set(schema.SOURCES) > schema.IMAGES >= schema.LABELLED
    assert set(schema.NETWORKS) > schema.IMAGE_NETWORKS | schema.POINT_NETWORKS
    assert set(schema.SOURCES) > sources.MIXTURES
    assert schema.NUMBER_SCHEDULE["shape"].choices == tuple(optim.SHAPES)
    assert schema.GAMES["adversarial"].keys["prior"].choices == tuple(PRIORS)
    for table, coupled in (
        (objectives.OBJECTIVES, objectives.BATCH_COUPLED),
        (penalties.PENALTIES, penalties.BATCH_COUPLED),
        (games.GAMES, games.BATCH_COUPLED),
    ):
        takes = {n for n, made in table.items() if "axis_name" in keywords_of(made)}
        assert takes == coupled
    viewed = {
        name
        for name, game in games.GAMES.items()
        if "view" in inspect.signature(game).parameters
    }
    assert viewed == schema.VIEWED
    alone, coding = set(), set()
    for name, row in schema.OBJECTIVES.items():
        values = {key: k.default for key, k in row.keys.items()}
        movers = objectives.OBJECTIVES[name](**values).losses
        if "generator" not in movers:
            alone.add(name)
        if "encoder" in movers:
            coding.add(name)
    assert alone == schema.WITHOUT_GENERATOR
    assert coding == schema.WITH_ENCODER
    assert schema.LABEL_FIELDS > schema.LOGIT_FIELDS


@pytest.mark.parametrize("row", [*schema.GAMES.values(), *schema.OBJECTIVES.values()])
def test_fields_are_those_of_an_outcome(row):
    assert set(row.fields) <= set(Outcome._fields)


FITTING = [
    (network, source)
    for network in schema.NETWORKS
    for source in schema.SOURCES
    if network
    not in (schema.POINT_NETWORKS if source in schema.IMAGES else schema.IMAGE_NETWORKS)
]


def makes_logits(network, source):
    has_head = "head" in schema.NETWORKS[network]["discriminator"]
    return has_head and source in schema.LABELLED


@pytest.mark.parametrize(
    ("game", "network", "source"),
    [
        (game, network, source)
        for game in schema.GAMES
        for network, source in FITTING
        if game != "supervised" or makes_logits(network, source)
        if set(schema.PLAYERS[game]) <= set(schema.NETWORKS[network])
    ],
)
def test_game_makes_the_fields_it_declares(game, network, source, tmp_path):
    write_classes(write_files(tmp_path / "data"))
    config = config_of(game=game, network=network, data=source)
    if (network, source, game) == ("affine", "mixture", "adversarial"):
        config.game.latent_size = 1
    if game == "vae" and source not in schema.IMAGES:
        config.objective.update(likelihood="gaussian", noise_variance=1.0)
    if "directory" in config.data:
        config.data.directory = str(tmp_path / "data")
    has_logits = "real_logits" in schema.GAMES[game].fields
    logits = has_logits and makes_logits(network, source)
    if logits:
        config.networks.discriminator.head = "score_and_logits"
    experiment = build_experiment(validate(config))

    def play(key):
        index = np.arange(2)
        batch = experiment.source.batch(experiment.source.arrays, key, 0, 0, index)
        variables = experiment.parts.game.init(key)
        return experiment.parts.game.play(variables, batch, jax.random.split(key))[0]

    outcome = jax.eval_shape(play, jax.random.key(0))
    made = {field for field in Outcome._fields if getattr(outcome, field) is not None}
    labelled = schema.LABELLED | schema.MAY_BE_LABELLED
    unlabelled = schema.LABEL_FIELDS if source not in labelled else set()
    unmade = unlabelled if logits else unlabelled | schema.LOGIT_FIELDS
    assert made == set(schema.GAMES[game].fields) - unmade
