"""The schema says of each builder exactly what the builder says of itself."""

import inspect

import jax
import numpy as np
import pytest
from test_mnist import write_files

from ganjax import data, games, networks, objectives, optim, penalties, schema
from ganjax.build import build_experiment
from ganjax.config import defaults, keys_of, penalty
from ganjax.games.adversarial import PRIORS
from ganjax.types import Outcome
from ganjax.validation import validate

# Rows of the schema, and the builders of the same names. A network's name is a player's
# too, and `every` is the step's business, not the penalty's.
ROWS = {
    "data": schema.SOURCES,
    "game": schema.GAMES,
    "objective": schema.OBJECTIVES,
    "penalties": {
        name: {key: row for key, row in keys.items() if key != "every"}
        for name, keys in schema.PENALTIES.items()
    },
    "optimizers": schema.OPTIMIZERS,
    "schedule": schema.SCHEDULES,
    **{f"networks/{network}": players for network, players in schema.NETWORKS.items()},
}
BUILDERS = {
    "data": data.SOURCES,
    "game": games.GAMES,
    "objective": objectives.OBJECTIVES,
    "penalties": penalties.PENALTIES,
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
    for name in ("RUN", "AVERAGE", "NUMBER_SCHEDULE", "RECORD", "EVALUATION")
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
    # Only a range refuses NaN.
    value = key.default if key.kind is None else key.kind()
    while isinstance(value, tuple):
        value = value[0]
    assert bool(key.range) == isinstance(value, int | float)


NAMES = [
    *(("data", name) for name in schema.SOURCES),
    *(("game", name) for name in schema.GAMES),
    *(("network", name) for name in schema.NETWORKS),
    *(("objective", name) for name in schema.OBJECTIVES),
    *(("optimizer", name) for name in schema.OPTIMIZERS),
    *(("play", name) for name in schema.SCHEDULES),
]


def config_of(**names):
    return defaults(
        **{"data": "digits", "network": "mlp", "objective": "hinge"} | names
    )


@pytest.mark.parametrize(("part", "name"), NAMES)
def test_defaults_are_good(part, name):
    config = config_of(**{part: name})
    assert validate(config) == config.to_dict()


@pytest.mark.parametrize("name", schema.PENALTIES)
def test_defaults_of_penalties_are_good(name):
    config = config_of()
    config.penalties[name] = penalty(name)
    assert validate(config) == config.to_dict()


def test_tables_speak_of_each_other():
    assert set(schema.PLAYERS) == set(schema.GAMES)
    players = {player for names in schema.PLAYERS.values() for player in names}
    assert all(set(made) == players for made in schema.NETWORKS.values())
    assert set(schema.SOURCES) > schema.IMAGES >= schema.LABELLED
    assert set(schema.NETWORKS) > schema.IMAGE_NETWORKS
    assert set(schema.SOURCES) > data.MIXTURES
    assert schema.NUMBER_SCHEDULE["shape"].choices == tuple(optim.SHAPES)
    assert schema.GAMES["adversarial"].keys["prior"].choices == tuple(PRIORS)
    takes_axis = {
        name
        for name, builder in objectives.OBJECTIVES.items()
        if "axis_name" in keywords_of(builder)
    }
    assert takes_axis == objectives.BATCH_COUPLED


@pytest.mark.parametrize("row", [*schema.GAMES.values(), *schema.OBJECTIVES.values()])
def test_fields_are_those_of_an_outcome(row):
    assert set(row.fields) <= set(Outcome._fields)


@pytest.mark.parametrize(
    ("network", "source"),
    [
        (network, source)
        for network in schema.NETWORKS
        for source in schema.SOURCES
        if source in schema.IMAGES or network not in schema.IMAGE_NETWORKS
    ],
)
@pytest.mark.parametrize("game", schema.GAMES)
def test_game_makes_the_fields_it_declares(
    game, network, source, tmp_path, monkeypatch
):
    write_files(tmp_path / source)
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path))
    config = config_of(game=game, network=network, data=source)
    experiment = build_experiment(validate(config))

    def play(key):
        index = np.arange(2)
        batch = experiment.source.batch(experiment.source.arrays, key, 0, 0, index)
        variables = experiment.parts.game.init(key)
        return experiment.parts.game.play(variables, batch, jax.random.split(key))[0]

    outcome = jax.eval_shape(play, jax.random.key(0))
    made = {field for field in Outcome._fields if getattr(outcome, field) is not None}
    unlabelled = schema.LABEL_FIELDS if source not in schema.LABELLED else set()
    assert made == set(schema.GAMES[game].fields) - unlabelled
