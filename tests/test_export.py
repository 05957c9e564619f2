"""Exported networks: files that make what the run makes, without ganjax."""

import re
import subprocess
import sys
from hashlib import sha256
from pathlib import Path

import flax.linen as nn
import jax
import numpy as np
import pytest
from jax import export
from safetensors.numpy import load_file

from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import ConfigError, defaults, parts
from ganjax.config.parts import catalogue_with
from ganjax.config.program import Program
from ganjax.config.validation import validate
from ganjax.look.export import write_export
from ganjax.look.run import load
from ganjax.record.files import read_json, write_json
from ganjax.training.identity import describe_data

ROOT = Path(__file__).parents[1]

N = 5  # rows, another number than that of the example


def stored(folder, config, own=()):
    """A run as if it had been trained for 7 steps: each of its numbers is random."""
    catalogue = catalogue_with(own)
    program = Program(validate(config, catalogue), catalogue)
    setup = build_setup(program.config, catalogue)
    random = np.random.default_rng(0)

    def shaken(x):
        noise = np.abs(0.2 * random.standard_normal(x.shape))  # no variance below 0
        return (x + noise).astype(x.dtype)

    state = jax.tree.map(shaken, jax.device_get(setup.init()))
    write_json(folder / "config.json", program.config)
    if data := describe_data(setup.source):
        write_json(folder / "data.json", data)
    with Checkpoints(folder / "checkpoints", keep=1) as saved:
        saved.save(7, state._replace(step=np.int32(7), seed=np.uint32(setup.seed)))
    return load(folder, program=program)


def make(game, data="digits", network="mlp", objective="hinge", **changes):
    config = defaults(data=data, game=game, network=network, objective=objective)
    config.batch_size = 4
    for section in config.networks.values():
        for key in {"widths", "channels"}.intersection(section):
            section[key] = (6, 4)
    config.update_from_flattened_dict(changes)
    return config


def ring():
    changes = {"game.latent_size": 3, "game.prior": "uniform"}
    return make("adversarial", "ring", **changes)


def told():
    changes = {
        "networks.generator.conditioning": "embedding",
        "networks.discriminator.conditioning": "projection",
        "networks.discriminator.head": "score_and_logits",
    }
    return make("adversarial", network="dcgan", **changes)


def binary():
    return make("vae", objective="vae", **{"game.pixels": "binary"})


def vae_gan():
    return make("vae_gan", objective="vae_gan")


# By run: the inputs and outputs of each player.
RUNS = {
    ring: {
        "generator": (["latents"], ["examples"]),
        "discriminator": (["examples"], ["score"]),
    },
    told: {
        "generator": (["latents", "label"], ["examples"]),
        "discriminator": (["examples", "label"], ["score", "log_probability"]),
    },
    binary: {
        "generator": (["latents"], ["examples"]),
        "encoder": (["examples"], ["code"]),
    },
    vae_gan: {
        "generator": (["latents"], ["examples"]),
        "discriminator": (["examples"], ["score"]),
        "encoder": (["examples"], ["code"]),
    },
}


@pytest.mark.parametrize("config", RUNS)
def test_files_make_what_the_run_makes(config, tmp_path):
    run = stored(tmp_path, config())
    write_export(run._replace(looks=run.looks._replace(whole=None)))  # without the data
    folder = tmp_path / "export"
    about, example = read_json(folder / "export.json"), np.load(folder / "example.npz")
    players = about["players"]
    assert about["step"] == 7
    assert {
        name: (list(x["inputs"]), list(x["outputs"])) for name, x in players.items()
    } == RUNS[config]
    for player, described in players.items():
        data = (folder / described["program"]["file"]).read_bytes()
        assert sha256(data).hexdigest() == described["program"]["sha256"]
        assert str(ROOT).encode() not in data
        program = export.deserialize(bytearray(data))
        assert set(program.platforms) == {"cpu", "cuda", "tpu"}
        given = {name: example[name][:N] for name in described["inputs"]}
        made = program.call(**given)
        for name in described["outputs"]:
            np.testing.assert_allclose(made[name], example[name][:N], 1e-5, 1e-5)
        weights = load_file(folder / described["weights"]["file"])
        leaves = jax.tree.leaves(run.variables(player))
        assert sum(x.size for x in weights.values()) == sum(x.size for x in leaves)
    label = example["label"].tolist() if "label" in example else None
    samples = run.sample(len(example["latents"]), label=label)
    np.testing.assert_allclose(example["examples"], samples, atol=1e-5)


def test_document_samples_without_ganjax(tmp_path):
    write_export(stored(tmp_path / "runs/ring", make("adversarial", "ring")))
    text = (ROOT / "docs/export.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    hidden = f"import sys\nsys.modules['ganjax'] = None\n{block}"
    command = [sys.executable, "-c", hidden]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    shape, _, off = done.stdout.partition(" differs by ")
    assert (shape, done.returncode) == ("(64, 2)", 0), done.stderr
    assert float(off) < 1e-5


class Critic(nn.Module):
    @nn.compact
    def __call__(self, examples):
        return nn.Dense(1)(examples.reshape(len(examples), -1))[:, 0]


def test_own_network_of_one_size_is_told_so(tmp_path):
    own = parts.network("mine", discriminator=Critic)
    config = make("adversarial", "ring")
    config.networks.discriminator = {"name": "mine"}
    run = stored(tmp_path, config, own)
    with pytest.raises(TypeError, match=r"takes any batch: x\.shape\[0\], not len"):
        write_export(run)


def test_game_without_probes_has_nothing_to_export(tmp_path):
    run = stored(tmp_path, make("adversarial", "ring"))
    run.looks.light.probes = {}
    with pytest.raises(ConfigError, match="--mode=export: the game adversarial has no"):
        write_export(run)
