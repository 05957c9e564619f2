"""A run's networks as files that need no ganjax: what `--mode=export` writes.

RUN/export/ holds for each player, `generator`, `discriminator` and `encoder`,

    PLAYER.jaxexport     a program with its weights, by `jax.export`
    PLAYER.safetensors   the weights alone, by path: params/Dense_0/kernel

and `export.json`, which says what they are, and `example.npz`, inputs and what this run
made of them. The calling convention of a program:

    exported = jax.export.deserialize(bytearray(FILE'S BYTES))
    exported.call(**{input: array}) -> {output: array}

Inputs are those that `export.json` lists, all `[N, ...]` with one N >= 1, on a CPU, a
CUDA GPU or a TPU:

    generator       latents, label       -> examples
    discriminator   examples, label      -> score, log_probability
    encoder         examples, label      -> code, the mean of the latents

A label is an input where the network reads one, and outputs are those that the game has
probes for: they are the probes `decode`, `score`, `classify` and `encode`. So networks
are in evaluation mode, with averaged parameters where the run averages them, and
without dropout or augmentation. What a probe draws all the same, such as the pixels
that a VAE of binary ones models, it draws by the keys of the run's own looks, row i by
the i-th. There are no derivatives in the files.
"""

import hashlib
import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, export
from jaxlib.mlir.dialects import stablehlo
from safetensors.numpy import save

from ganjax import __version__
from ganjax.config import ConfigError
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.look.run import TrainedRun
from ganjax.record.files import read_bytes, write_bytes, write_json
from ganjax.record.reading import read_data
from ganjax.state import averaged_variables
from ganjax.types import Batch, Tree

Arrays = dict[str, np.ndarray]

_PLATFORMS = ("cpu", "cuda", "tpu")
_ROWS = 16  # of the example
_FIELDS = {"latents": "latents", "examples": "real", "label": "label"}  # of a batch
# What each player reads, and by output the probe that makes it.
_PLAYERS = {
    "generator": ("latents", {"examples": "decode"}),
    "discriminator": ("examples", {"score": "score", "log_probability": "classify"}),
    "encoder": ("examples", {"code": "encode"}),
}
_MEANINGS = {
    "latents": "what the generator decodes; prior normal is N(0, 1) in each component, "
    "uniform is U(-1, 1)",
    "label": "the number of the class",
    "examples": "images are NHWC, channels last; points are [N, D]",
    "score": "rises with realness; above the threshold, where it has one, is real",
    "log_probability": "log p(class | example), in nats",
    "code": "the mean of the latents, given the example",
}


class _Player(NamedTuple):
    name: str
    inputs: tuple[str, ...]
    probes: Mapping[str, str]  # by output


def write_export(run: TrainedRun) -> None:
    """Writes the folder `export` of a run, and prints a line for each player.

    None of the run's data is read, where its folder tells the shapes.

    Raises:
      ConfigError: the game has no probe that could be exported.
    """
    folder, players = run.folder / "export", _players(run)
    example = _example(run, players)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **example)  # type: ignore[arg-type]
    about = {
        "ganjax": __version__,
        "jax": jax.__version__,
        "step": run.step,
        "game": run.config["game"]["name"],
        "config_sha256": _sha256(read_bytes(run.folder / "config.json")),
        "data_fingerprint": read_data(run.folder).get("fingerprint"),
        "classes": run.looks.light.setup.source.class_names,
        "players": {x.name: _write_player(run, x, example) for x in players},
        "example": _written(folder / "example.npz", buffer.getvalue()),
    }
    write_json(folder / "export.json", about)


def _players(run: TrainedRun) -> list[_Player]:
    look, found = run.looks.light, []
    for name, (given, all_probes) in _PLAYERS.items():
        probes = {made: x for made, x in all_probes.items() if x in look.probes}
        if not probes:
            continue
        rows = np.zeros((2, *_shape(run, given)), np.float32)
        read = [
            look.fields_read(x, run.state, **{_FIELDS[given]: rows})
            for x in probes.values()
        ]
        label = ("label",) if any("label" in fields for fields in read) else ()
        found.append(_Player(name, (given, *label), probes))
    if not found:
        game = run.config["game"]["name"]
        raise ConfigError(
            f"--mode=export: the game {game} has nothing to export: no probe decode, "
            "score, classify or encode"
        )
    return found


def _shape(run: TrainedRun, name: str) -> tuple[int, ...]:
    """Of a row of latents or examples."""
    look = run.looks.light
    if name == "examples":
        return look.example_shape
    drawn = "latents" if "latents" in look.probes else "encode"
    return look.shape_of(drawn, run.state)


def _example(run: TrainedRun, players: list[_Player]) -> Arrays:
    """All inputs and outputs, `[16, ...]`, of this run's own looks.

    Latents are those of its samples, and what is judged are these; where it makes none,
    noise is given.
    """
    look, arrays = run.looks.light, Arrays()
    for _, inputs, probes in players:
        for name in inputs:
            if name not in arrays:
                arrays[name] = _given(run, name)
        batch: dict[str, Any] = {_FIELDS[name]: arrays[name] for name in inputs}
        for name, probe in probes.items():
            arrays[name] = look.probe(probe, run.state, _ROWS, **batch)
    return arrays


def _given(run: TrainedRun, name: str) -> np.ndarray:
    look = run.looks.light
    if name == "label":
        return np.arange(_ROWS, dtype=np.int32) % look.setup.source.classes
    if name in look.probes:
        return look.probe(name, run.state, _ROWS)
    size = (_ROWS, *_shape(run, name))
    return np.random.default_rng(0).uniform(-1, 1, size).astype(np.float32)


def _write_player(run: TrainedRun, player: _Player, example: Arrays) -> dict[str, Any]:
    path = run.folder / "export" / player.name
    program = _program(run, player, example)
    data = bytes(program.serialize(vjp_order=0))
    described = {
        "program": _written(path.with_suffix(".jaxexport"), data),
        "calling_convention_version": program.calling_convention_version,
        "platforms": program.platforms,
        "inputs": {name: _describe(run, name, example) for name in player.inputs},
        "outputs": {
            # What a linear generator makes may lie outside of where examples do.
            name: _describe(run, name, example) | {"range": None}
            for name in player.probes
        },
        "weights": _written(
            path.with_suffix(".safetensors"), save(_by_path(run.variables(player.name)))
        ),
    }
    inputs, outputs = (
        ", ".join(f"{name} {_open_shape(example[name])}" for name in names)
        for names in (player.inputs, player.probes)
    )
    print(
        f"{path}.jaxexport: {inputs} -> {outputs}, {len(data):,} bytes; read back, it "
        f"is within {_distance(data, player, example):.1g} of the run"
    )
    return described


def _program(run: TrainedRun, player: _Player, example: Arrays) -> export.Exported:
    (count,) = export.symbolic_shape("N")
    rows = {
        name: jax.ShapeDtypeStruct(
            (count, *example[name].shape[1:]), example[name].dtype
        )
        for name in player.inputs
    }
    program = export.export(jax.jit(_function(run, player)), platforms=_PLATFORMS)
    try:
        with _no_places():
            return _for_older(program(**rows))
    except TypeError as error:  # in a network of the user's
        reason = f"{error}; a network to export takes any batch: x.shape[0], not len(x)"
        raise TypeError(reason).with_traceback(error.__traceback__) from None


def _for_older(program: export.Exported) -> export.Exported:
    """The same for readers twelve weeks older; jax itself looks back four."""
    version = stablehlo.get_version_from_compatibility_requirement(
        stablehlo.StablehloCompatibilityRequirement.WEEK_12
    )
    module = stablehlo.serialize_portable_artifact_str(program.mlir_module(), version)
    return replace(program, mlir_module_serialized=module)


def _function(run: TrainedRun, player: _Player) -> Callable[..., dict[str, Array]]:
    """The outputs of inputs by name; the weights are constants of it."""
    look, variables = run.looks.light, averaged_variables(run.state)
    setup, shape = look.setup, look.example_shape

    def call(**inputs: Array) -> dict[str, Array]:
        count = inputs[player.inputs[0]].shape[0]
        blank = Batch(
            real=jnp.zeros((count, *shape)),
            label=jnp.zeros(count, jnp.int32) if setup.source.classes else None,
        )
        batch = blank._replace(**{_FIELDS[name]: x for name, x in inputs.items()})
        key = purpose_key(setup.seed, Purpose.PROBE)
        keys = example_keys(key, 0, 0, jnp.arange(count))
        return {
            name: look.probes[probe](variables, batch, keys)
            for name, probe in player.probes.items()
        }

    return call


@contextmanager
def _no_places() -> Iterator[None]:
    """What is lowered within names no file: the same weights make the same bytes."""
    option = "jax_traceback_in_locations_limit"
    before = getattr(jax.config, option)
    jax.config.update(option, 0)
    try:
        yield
    finally:
        jax.config.update(option, before)


def _distance(data: bytes, player: _Player, example: Arrays) -> float:
    """The greatest difference of what a program makes from what the run made."""
    call = jax.jit(export.deserialize(bytearray(data)).call)
    made = call(**{name: example[name] for name in player.inputs})
    return max(float(np.abs(made[x] - example[x]).max()) for x in player.probes)


def _by_path(tree: Tree) -> Arrays:
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {
        jax.tree_util.keystr(path, simple=True, separator="/"): np.asarray(leaf)
        for path, leaf in leaves
    }


def _describe(run: TrainedRun, name: str, example: Arrays) -> dict[str, Any]:
    look, bounds = run.looks.light, None
    told: dict[str, Any] = {}
    if name == "latents":
        prior = run.config["game"].get("prior", "normal")
        told["prior"] = prior if "sample" in look.probes else None
        bounds = (-1, 1) if prior == "uniform" else None
    elif name == "label":
        bounds = (0, look.setup.source.classes - 1)
    elif name == "examples":
        bounds = (-1, 1) if run.has_images else None
    elif name == "score":
        threshold = look.setup.parts.objective.threshold
        told["threshold"] = None if threshold is None else float(threshold)
    array = example[name]
    return {
        "shape": ["N", *array.shape[1:]],
        "dtype": str(array.dtype),
        "range": bounds,
        "meaning": _MEANINGS[name],
        **told,
    }


def _open_shape(array: np.ndarray) -> str:
    return f"[{', '.join(map(str, ('N', *array.shape[1:])))}]"


def _written(path: Path, data: bytes) -> dict[str, Any]:
    write_bytes(path, data)
    return {"file": path.name, "bytes": len(data), "sha256": _sha256(data)}


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
