"""What every part adds to a training is lowered for GPUs and TPUs, without one.

The cases are made of the catalogue: a new row joins by itself.
"""

import re
from collections import Counter
from itertools import product

import jax
import jax.numpy as jnp
import pytest
from conformance import game_of
from jax import export
from tables import NETWORK_PARTS, PARTS

from ganjax.build import build_setup
from ganjax.config import (
    ConfigError,
    augmentation,
    correction,
    defaults,
    penalty,
    section,
)
from ganjax.config.catalogue import within
from ganjax.config.validation import validate
from ganjax.parallel import jit_layout, pack_layout
from ganjax.state import own

STEPS, MEMBERS = 3, 2
ACCELERATORS = ("cuda", "tpu")
DATA = ("ring", "digits")  # points, and images with labels: no files
CALL = "custom_call"  # of a library, or of the host
TINY = {"widths": (5, 4), "channels": (4, 3), "units": (4, 3)}
# The orders of a transposed convolution and of a kernel's gradient, as lax has them.
OF_LAX = {
    "[b, 0, 1, f]x[0, 1, o, i]->[b, 0, 1, f]",
    "[f, 0, 1, b]x[i, 0, 1, o]->[0, 1, b, f]",
}
CANONICAL = "[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]"


def set_optimizer(config, name):
    rows = PARTS["optimizer"][name].keys.items()
    clips = {key: 1.0 for key, row in rows if row.kind is float}
    for player in config.optimizers:
        config.optimizers[player] = section("optimizer", name, **clips)


def set_play(config, name):
    config.play = section("play", name)


LISTED = {"penalty", "augmentation", "correction"}

# How each of these becomes part of a config; where it cannot, another one does.
SETTERS = {
    "optimizer": set_optimizer,
    "play": set_play,
    "penalty": lambda config, name: config.penalties.update({name: penalty(name)}),
    "augmentation": lambda config, name: config.augment.update(
        {name: augmentation(name)}
    ),
    "correction": lambda config, name: config.corrections.update(
        {name: correction(name)}
    ),
}


def played(config):
    """The kinds and names of the parts that are in a config."""
    yield "game", config.game.name
    yield "objective", config.objective.name
    yield "play", config.play.name
    keys = PARTS["objective"][config.objective.name].keys
    yield from ((k.part, config.objective[x]) for x, k in keys.items() if k.part)
    for player, network in config.networks.items():
        yield f"network of the {player}", network.name
        yield "optimizer", config.optimizers[player].name
    for kind, listed in (
        ("penalty", config.penalties),
        ("augmentation", config.augment),
        ("correction", config.corrections),
    ):
        yield from ((kind, name) for name in listed)


def every_part():
    """The same of the whole catalogue, but for data and measures."""
    for kind in PARTS.keys() - {"data", "measure", "network"}:
        yield from ((kind, name) for name in PARTS[kind])
    for name, players in NETWORK_PARTS.items():
        yield from ((f"network of the {player}", name) for player in players)


def pairs():
    """Each objective with a game that it can be played in, and each game."""
    found = [(game_of(objective), objective) for objective in PARTS["objective"]]
    yield from found
    for game in PARTS["game"].keys() - {game for game, _ in found}:
        yield game, next(x for x in PARTS["objective"] if fits(game, x))


def fits(game, objective):
    game, objective = PARTS["game"][game], PARTS["objective"][objective]
    return {*objective.reads} <= {*game.makes} and {*game.players} <= {
        *objective.players
    }


def variants(objective):
    """Names and numbers of an objective's keys, for each part that it chooses."""
    chosen = [x for x in PARTS["objective"][objective].keys.items() if x[1].part]
    for key, row in chosen:
        for name, part in PARTS[row.part].items():
            inside = {
                number: next(x for x in (0.5, 2.0) if within(x, own.range))
                for number, own in part.keys.items()
            }
            yield {key: name, **inside}
    if not chosen:
        yield {}


def good(config):
    try:
        validate(config)
    except ConfigError:
        return False
    return True


def bases(game, objective, values, networks):
    """Configs of any network, as far as they go together."""
    for network, data in product(networks, DATA):
        try:
            config = defaults(
                data=data, network=network, objective=objective, game=game
            )
        except ConfigError:
            continue
        config.batch_size = 8
        config.objective.update(values)
        for player in config.networks.values():
            player.update({key: x for key, x in TINY.items() if key in player})
        if good(config):
            yield config


def cases():
    """Configs which together have every part, each the one that was least in others."""
    used = Counter()

    def with_least(config, names, of, put):
        """The config with what was used least of all that goes with it."""
        for name in sorted(names, key=lambda name: used[of, name]):
            other = config.copy_and_resolve_references()
            put(other, name)
            if good(other):
                return other
        return config

    def network_use(config):
        return min(used[part] for part in played(config) if "network" in part[0])

    def rich(config):
        """With a penalty and the like, and its networks as they were least."""
        for player, network in config.networks.items():
            for key, row in NETWORK_PARTS[network.name][player].keys.items():
                of = f"{network.name} {player} {key}"

                def put(config, choice, player=player, key=key):
                    config.networks[player][key] = choice

                config = with_least(config, row.choices, of, put)
                used[of, config.networks[player][key]] += 1
        for kind, put in SETTERS.items():
            config = with_least(config, PARTS[kind], kind, put)
        return config

    for game, objective in pairs():
        for index, values in enumerate(variants(objective)):
            found = bases(game, objective, values, PARTS["network"])
            # Variants of an objective differ in a few operations alone.
            config = next(found) if index else rich(min(found, key=network_use))
            used.update(played(config))
            yield config


CASES = list(cases())


def name_of(config):
    names = [name for kind, name in played(config) if kind not in LISTED]
    return ", ".join(dict.fromkeys(names))


def test_every_part_is_in_a_case():
    assert set(every_part()) == {part for config in CASES for part in played(config)}


def chunk(config, layout):
    """The program that the loop sends, and the shapes of its arguments."""
    setup = build_setup(validate(config))
    state, numbers = jax.eval_shape(setup.init), setup.numbers
    if layout.members:
        state = state._replace(**jax.eval_shape(of_members, own(state)))
        numbers = jax.eval_shape(of_members, numbers)
    program = layout.compile(setup.make_step(layout.axis_name))
    return program, (state, numbers, setup.source.arrays, STEPS)


def of_members(tree):
    return jax.tree.map(lambda leaf: jnp.stack([leaf] * MEMBERS), tree)


LAYOUTS = {
    "run": lambda: jit_layout(jax.devices()[0]),
    "pack": lambda: pack_layout(jax.devices()[:1], MEMBERS, "vmap"),
}


@pytest.mark.parametrize(
    ("config", "layout"),
    [(x, ("run", "pack")[index % 2]) for index, x in enumerate(CASES)],
    ids=lambda x: x if isinstance(x, str) else name_of(x),
)
def test_chunks_are_lowered_for_accelerators(config, layout):
    program, arguments = chunk(config, LAYOUTS[layout]())
    lowered = export.export(program, platforms=ACCELERATORS)(*arguments)
    text = lowered.mlir_module()
    assert CALL not in text
    # Of the rows that are fast on a CPU alone; see ganjax.networks.dense.
    assert "optimization_barrier" not in text
    state = jax.tree.leaves(arguments[0])
    assert text.count("tf.aliasing_output") == len(state)
    convolutional = any("channels" in x for x in config.networks.values())
    assert OF_LAX.isdisjoint(orders(text)) != convolutional


def test_a_call_of_the_host_or_of_a_library_is_seen():
    shape = jax.ShapeDtypeStruct((3, 3), jnp.float32)
    called = export.export(jax.jit(jnp.linalg.qr), platforms=ACCELERATORS)(shape)
    assert CALL in called.mlir_module()
    asking = jax.jit(lambda x: jax.pure_callback(lambda x: x, x, x))
    with pytest.raises(NotImplementedError, match="callback"):
        export.export(asking, platforms=ACCELERATORS)(shape)


def orders(text):
    return set(re.findall(r"dim_numbers = (.*?), window", text))


def lowered(config):
    """The text of one trace for each back end."""
    program, arguments = chunk(config, LAYOUTS["run"]())
    traced = program.trace(*arguments)
    return {
        platform: traced.lower(lowering_platforms=(platform,)).as_text()
        for platform in ("cpu", *ACCELERATORS)
    }


def test_the_form_of_a_convolution_is_chosen_where_it_is_lowered():
    config = defaults(data="digits", network="dcgan", objective="hinge")
    config.batch_size = 8
    for network in config.networks.values():
        network.channels = TINY["channels"]
    found = {platform: orders(text) for platform, text in lowered(config).items()}
    assert found["cpu"] == {CANONICAL}
    assert found["cuda"] == found["tpu"] == {CANONICAL, *OF_LAX}


def test_so_is_that_of_a_linear_layer():
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.batch_size = 8
    for network in config.networks.values():
        network.widths = (256, 256)
    found = lowered(config)
    turned = {
        platform for platform in found if "optimization_barrier" in found[platform]
    }
    assert turned == {"cpu"}
