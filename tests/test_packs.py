"""A member of a pack takes the steps of its run alone, and what may be packed."""

from contextlib import nullcontext
from functools import cache, partial
from pathlib import Path

import compiling
import jax
import numpy as np
import pytest

from ganjax.build import build_pack_layout, build_setup
from ganjax.command.points import Given, read_programs
from ganjax.config import ConfigDict, ConfigError, defaults, flatten, penalty, schedule
from ganjax.config.packing import check_pack, structure
from ganjax.config.program import Program, read_program
from ganjax.config.validation import validate
from ganjax.parallel import jit_layout, pack_layout
from ganjax.state import part, stack
from ganjax.training import memory
from ganjax.training.devices import share_cores
from launch.packs import make_packs
from launch.sweep import Run, Sweep

COUNT, MEMBERS = 3, 3
RATE = "optimizers.discriminator.learning_rate"

OWN = """
from typing import Annotated

from jax.nn import relu

from ganjax.config import defaults, parts
from ganjax.precision import expectation, mean

def critic(real_score, fake_score, *, margin: Annotated[float, "(0, inf)"] = 1.0):
    real = expectation(lambda r: relu(margin - r) ** 2, real_score)
    return real + expectation(lambda s: relu(margin + s) ** 2, fake_score)

def generator(fake_score):
    return -mean(fake_score)

PARTS = [parts.objective("squared", discriminator=critic, generator=generator)]

def get_config():
    config = defaults(parts=PARTS, data="ring", network="mlp", objective="squared")
    for network in config.networks.values():
        network.widths = (5,)
    return config
"""


def mlp():
    config = defaults(data="ring", network="mlp", objective="relativistic")
    config.penalties.update(r1=penalty("r1", every=2), r2=penalty("r2"))
    decay = schedule("exponential", 0.1)
    config.optimizers.generator.learning_rate_schedule = decay
    for network in config.networks.values():
        network.widths = (6,)
    return config


def dcgan():
    config = defaults(data="digits", network="dcgan", objective="hinge")
    for network in config.networks.values():
        network.update(channels=(4, 3), normalization="batch")
    return config


def vae():
    return small(defaults(data="digits", network="dense", objective="vae", game="vae"))


def energy():
    config = defaults(data="ring", network="mlp", objective="energy", game="energy")
    config.game.buffer_size = 12
    return small(config)


def small(config):
    for network in config.networks.values():
        network.widths = (5,)
    return config


KINDS = {"mlp": mlp, "dcgan, batch norm": dcgan, "vae": vae, "energy": energy}


@cache
def program_of(kind, folder=None):
    if kind == "own part":
        path = Path(folder, "own.py")
        path.write_text(OWN)
        return read_program(str(path), ["batch_size=6"])
    config = KINDS[kind]()
    config.batch_size = 6
    return Program(validate(config))


def differing(program):
    """Configs of members: other seeds and other rates."""
    configs = []
    for seed in range(MEMBERS):
        config = ConfigDict(program.config)
        config.seed = seed
        for optimizer in config.optimizers.values():
            optimizer.learning_rate *= 1 + seed
        configs.append(config.to_dict())
    return configs


def assert_same(one, other, tolerance=0.0):
    flat, _ = jax.tree.flatten_with_path(one)
    for (path, expected), actual in zip(flat, jax.tree.leaves(other), strict=True):
        if tolerance:
            np.testing.assert_allclose(
                actual, expected, rtol=tolerance, atol=tolerance, err_msg=str(path)
            )
        else:
            np.testing.assert_array_equal(actual, expected, err_msg=str(path))


@pytest.mark.parametrize("kind", [*KINDS, "own part"])
def test_a_member_is_its_run_alone(kind, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() if kind == "own part" else None
    program = program_of(kind, folder)
    setup = build_setup(program.config, program.catalogue)
    setups = [setup.like(config) for config in differing(program)]
    step = setup.make_step(None)
    with compiling.quickly():  # where they begin is the same for both
        states = [jax.device_get(own.init()) for own in setups]
    alone = jit_layout(jax.devices()[0])
    advance = alone.compile(step)
    data = alone.place_data(setup.source.arrays)
    # An own part's program is of the kind of mlp's, as which it is compiled for use.
    compiled = compiling.quickly if kind == "own part" else nullcontext
    with compiled():
        expected = [
            jax.device_get(advance(alone.place(state), own.numbers, data, COUNT))
            for own, state in zip(setups, states, strict=True)
        ]
    before, after = states[0].params, expected[0][0].params
    moved = jax.tree.map(lambda a, b: a.ndim < 2 or np.any(a != b), before, after)
    assert all(jax.tree.leaves(moved))
    # Three members on two devices: one of them with a copy that is thrown away.
    for mapping, devices, tolerance in (("map", 2, 0.0), ("vmap", 1, 2e-3)):
        layout = pack_layout(jax.devices()[:devices], MEMBERS, mapping)
        with compiling.quickly() if tolerance else compiled():
            taken = layout.compile(step)(
                layout.place(stack(states)),
                layout.place_numbers([own.numbers for own in setups]),
                layout.place_data(setup.source.arrays),
                COUNT,
            )
        found = jax.device_get(taken)
        for member in range(MEMBERS):
            assert_same(expected[member], part(found, member), tolerance)


def test_other_numbers_compile_nothing(quickly_compiled):
    program = program_of("mlp")
    setup = build_setup(program.config)
    layout = pack_layout(jax.devices()[:1], 2, "vmap")
    advance = layout.compile(setup.make_step(None))
    data = layout.place_data(setup.source.arrays)
    for config in differing(program):
        own = setup.like(config)
        numbers = layout.place_numbers([setup.numbers, own.numbers])
        state = stack([jax.device_get(x.init()) for x in (setup, own)])
        advance(layout.place(state), numbers, data, COUNT)
    assert advance._cache_size() == 1
    assert setup.begin._cache_size() == 1


def test_what_may_share_a_program():
    one = flatten(validate(mlp()))
    other = structure({**one, "seed": 5, RATE: 0.5, "penalties.r1.weight": 3.0})
    assert structure(one) == other
    for key, value in {
        "steps": 5,
        "optimizers.generator.name": "sgd",
        "penalties.r1.every": 3,  # an int decides the program
        "networks.generator.output": "tanh",
        "data.radius": 3.0,  # what is not traced does too
        "optimizers.discriminator.clip_weights": 0.1,  # in place of None
    }.items():
        assert structure({**one, key: value}) != structure(one)


def test_runs_of_different_programs_are_no_pack():
    configs = [validate(mlp()), {**validate(mlp()), "steps": 7}]
    with pytest.raises(ConfigError, match=r"config\.steps: 10000 and 7 are different"):
        check_pack(configs)


def runs_of(*flats):
    return [
        Run(index, str(index), "", {}, "", dict(flat))
        for index, flat in enumerate(flats)
    ]


def sizes(runs, at_once=1, most=None):
    sweep = Sweep("", "", [], {"steps": 5}, runs)
    packs = make_packs(sweep, runs, at_once, most)
    return [[run.index for run in pack] for pack in packs]


def test_packs_of_a_sweep():
    alike = runs_of(*({"seed": seed} for seed in range(5)))
    assert sizes(alike) == [[0, 1, 2, 3, 4]]
    assert sizes(alike, at_once=2) == [[0, 1], [2, 3, 4]]
    assert sizes(alike, most=2) == [[0], [1, 2], [3, 4]]
    assert sizes(alike, most=1) == [[0], [1], [2], [3], [4]]
    assert max(map(len, sizes(runs_of(*({"seed": x} for x in range(200)))))) == 50
    other = runs_of({"seed": 0}, {"seed": 0, "batch_size": 8}, {"seed": 1})
    assert sizes(other) == [[0, 2], [1]]
    # Each of these has all devices to itself.
    shared = runs_of(*({"seed": x, "parallel.mode": "pmap"} for x in range(2)))
    assert sizes(shared) == [[0], [1]]


def test_own_parts_of_two_files_are_two_programs(tmp_path):
    points = []
    for name in "ab":
        (tmp_path / f"{name}.py").write_text(OWN + f"# {name}")
        location = str(tmp_path / f"{name}.py")
        points += [Given(location, [f"seed={x}"], f"{name}{x}") for x in range(2)]
    assert len(read_programs(points[:2])) == 2
    with pytest.raises(ConfigError, match="b0: has parts of another experiment's"):
        read_programs(points)


def test_members_share_no_batch():
    config = validate(mlp())
    config["parallel"]["mode"] = "pmap"
    with pytest.raises(ConfigError, match=r"config\.parallel\.mode: pmap shares"):
        check_pack([config])


def test_on_a_cpu_members_go_one_after_another():
    config = validate(mlp())
    layout = build_pack_layout(config, 20)
    assert (layout.mapping, len(layout.devices)) == ("map", 7)  # 3 on each but the last
    config["parallel"]["members"] = "vmap"
    assert build_pack_layout(config, 2).mapping == "vmap"


@pytest.mark.parametrize(
    ("given", "runs", "count"),
    [
        ({}, 1, "1"),
        ({"JAX_NUM_CPU_DEVICES": "5"}, 1, "5"),
        ({"XLA_FLAGS": "--xla_force_host_platform_device_count=3"}, 2, None),
    ],
)
def test_each_core_is_a_device_unless_devices_are_asked_for(given, runs, count):
    environment = dict(given)
    share_cores(environment, runs)
    assert environment.get("JAX_NUM_CPU_DEVICES") == count


def test_more_runs_than_fit_are_trained_in_parts(monkeypatch, capsys):
    setup = build_setup(validate(mlp()))
    layouts = partial(pack_layout, jax.devices()[:1], mapping="map")

    def bytes_of(count):
        return sum(size for _, size in memory._needed(setup, layouts(count)))

    state = bytes_of(2) - bytes_of(1)
    # What a step makes is made once, whoever takes it; or at once by all.
    assert bytes_of(7) == bytes_of(1) + 6 * state
    together = pack_layout(jax.devices()[:1], 7, "vmap")
    assert sum(size for _, size in memory._needed(setup, together)) == 7 * bytes_of(1)
    samples = 2 * 10 * 2 * 4
    monkeypatch.setattr(memory, "free_on_host", lambda: bytes_of(4) + samples)
    assert memory.most_at_once(setup, 10, 7, layouts) == 4
    said = capsys.readouterr().err
    assert said.startswith("config: needs at least ")
    assert said.endswith("; 4 of 7 runs are trained at a time\n")
    monkeypatch.setattr(memory, "free_on_host", lambda: bytes_of(1))
    with pytest.raises(ConfigError, match="needs at least"):
        memory.most_at_once(setup, 10, 7, layouts)
