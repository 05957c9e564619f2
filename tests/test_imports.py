"""The import rule: a star of rooms, so that each can be read and tested alone."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

SHARED = {"__init__", "types", "keys", "precision", "axis"}
LEAVES = {
    *("losses", "penalties", "augment", "networks", "games", "optim", "state"),
    *("corrections", "data", "checkpoint", "monitors"),
}
JAX_FREE = {"__init__", "config", "command", "record", "report", "study"}
BELOW_BUILD = SHARED | LEAVES | {"config", "measures", "objectives", "step", "parallel"}

# What a room may import of ganjax besides itself; `experiments/` is a room too.
RULES: dict[str, set[str]] = {
    "types": set(),
    "threefry": set(),
    "keys": {"threefry"},
    "precision": set(),
    "axis": {"types"},
    **dict.fromkeys(LEAVES, SHARED),
    **dict.fromkeys(JAX_FREE, JAX_FREE),
    "config": JAX_FREE - {"command"} | {"types"},
    "command": {"config"},
    "objectives": SHARED | {"losses"},
    "measures": SHARED | {"monitors"},
    "step": SHARED | {"state"},
    "parallel": SHARED | {"networks", "state", "step"},
    "own": SHARED | {"config", "data", "networks"},
    "testing": {"config", "types"},
    "build": BELOW_BUILD,
    "look": SHARED
    | LEAVES
    | {"build", "config", "parallel", "record", "report", "step", "study", "training"},
    "training": BELOW_BUILD | {"build", "command", "look", "record", "report"},
    "doctor": BELOW_BUILD | {"build", "command", "record", "training"},
    "main": {"command", "config", "training"},
    "copy_experiments": {"command", "config"},
    "experiments": {"config", "study"},
    "launch": {"command", "config", "record"},
}
# And what it may import besides, inside a function.
LATE = {
    "__init__": {"look", "report", "training"},
    "main": {"data"},
    "launch": {"study"},
    "experiments": BELOW_BUILD | {"build", "look"},
}

JAX = {"jax", "jaxlib", "flax", "optax", "orbax", "chex"}
ONLY_IN = {
    "flax": {"networks"},
    "orbax": {"checkpoint"},
    "safetensors": {"look"},
    "tensorboardX": {"record"},
    "ml_collections": {"config"},
    "pytest": set(),  # whoever goes through the checks of ganjax.testing has it
}


def imports(source):
    """The dotted name of all that is imported, and whether inside a function.

    Or for a type checker alone.
    """
    tree = ast.parse(source)
    apart = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    ]
    late = {inner for part in apart for inner in ast.walk(part)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node in late) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            names = [f"ganjax.{alias.name}" for alias in node.names]
            names = names if module == "ganjax" else [module]
            yield from ((name, node in late) for name in names)


def offences(path, source):
    """What the file at `path`, relative to the repository, imports against the rule."""
    folder, *inside = Path(path).with_suffix("").parts
    room = inside[0] if folder == "ganjax" else folder
    if room not in RULES:
        return [f"{path}: {room} has no import rule yet; give it one in {__file__}"]
    found = []
    for name, late in imports(source):
        top, *rest = name.split(".")
        other = rest[0] if rest and rest[0] in RULES else "__init__"
        allowed = {room} | RULES[room] | (LATE.get(room, set()) if late else set())
        if not top:
            found.append(f"{path}: {name} is relative; write it in full")
        if top == "ganjax" and other not in allowed:
            found.append(f"{path}: {name}; {room} may import {sorted(allowed)}")
        if top in JAX and (
            room in JAX_FREE | {"main", "launch"}
            or (room == "experiments" and not late)
        ):
            found.append(f"{path}: {name}; {room} is free of jax")
        if room not in ONLY_IN.get(top, {room}):
            found.append(f"{path}: {name}; only {sorted(ONLY_IN[top])} may")
    return found


MODULES = sorted(
    str(path.relative_to(ROOT))
    for folder in ("ganjax", "experiments", "launch")
    for path in (ROOT / folder).rglob("*.py")
)


@pytest.mark.parametrize("path", MODULES)
def test_module_keeps_the_import_rule(path):
    assert offences(path, (ROOT / path).read_text()) == []


@pytest.mark.parametrize(
    ("path", "source", "words"),
    [
        ("ganjax/loses/scores.py", "", "loses has no import rule yet"),
        ("ganjax/losses/scores.py", "from ganjax import state", "ganjax.state; losses"),
        ("ganjax/losses/scores.py", "import ganjax.games.adversarial", "ganjax.games"),
        ("ganjax/data/x.py", "def f():\n    from ganjax.build import y", "build; data"),
        ("ganjax/games/x.py", "from . import y", "is relative"),
        ("ganjax/step.py", "from ganjax.losses import hinge", "ganjax.losses; step"),
        ("ganjax/optim.py", "from ganjax.config import ConfigError", "ganjax.config"),
        (
            "ganjax/build.py",
            "from ganjax import config, training",
            "ganjax.training; build",
        ),
        ("ganjax/config.py", "def f():\n    import jax.numpy", "config is free of jax"),
        (
            "ganjax/record/files.py",
            "from ganjax.keys import fold",
            "ganjax.keys; record",
        ),
        ("ganjax/report/x.py", "from optax import adam", "report is free of jax"),
        ("ganjax/main.py", "from ganjax import build", "ganjax.build; main may"),
        ("ganjax/main.py", "def f():\n    import jax", "main is free of jax"),
        ("launch/x.py", "def f():\n    import jax", "launch is free of jax"),
        ("launch/x.py", "from ganjax.report import write", "ganjax.report; launch"),
        ("ganjax/step.py", "import flax.linen as nn", "only ['networks'] may"),
        ("ganjax/state.py", "from orbax import checkpoint", "only ['checkpoint'] may"),
        (
            "ganjax/build.py",
            "import ml_collections",
            "['config'] may",
        ),
        ("ganjax/testing/x.py", "import pytest", "only [] may"),
        ("ganjax/step.py", "from ganjax.testing import Check", "ganjax.testing; step"),
        ("experiments/x.py", "from ganjax.losses import hinge", "ganjax.losses"),
        ("experiments/x.py", "import jax", "experiments is free of jax"),
    ],
)
def test_rule_is_seen_to_be_broken(path, source, words):
    (found,) = offences(path, source)
    assert words in found


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("ganjax/record/files.py", "import ganjax\nfrom ganjax import __version__"),
        ("ganjax/games/x.py", "from ganjax.games.y import z\nimport jax"),
        ("ganjax/main.py", "def f():\n    from ganjax.data import look"),
        ("experiments/x.py", "def study():\n    import jax\n    import ganjax.losses"),
    ],
)
def test_rule_lets_pass(path, source):
    assert offences(path, source) == []


def loaded(*arguments):
    """The top-level packages that a fresh Python loads."""
    command = [sys.executable, "-X", "importtime", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [line for line in done.stderr.splitlines() if "|" in line]
    return {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}


@pytest.mark.parametrize(
    "arguments",
    [
        ("-c", "import ganjax.types"),
        ("-c", "import ganjax.config"),
        ("-c", "import ganjax.config.validation"),
        ("-c", "import ganjax.record.recorder"),
        ("-c", "import ganjax.report"),
        ("-c", "import ganjax.config.experiment"),
        ("-c", "import ganjax.data.look"),
        ("-m", "ganjax.main", "--help"),
        ("-m", "ganjax.doctor", "--help"),
        ("-m", "launch", "--help"),
    ],
    ids=" ".join,
)
def test_loads_no_jax(arguments):
    packages = loaded(*arguments)
    assert "ganjax" in packages
    assert not packages & (JAX | {"scipy", "sklearn", "tensorboardX"})


def test_a_training_waits_for_nothing_that_it_does_not_use():
    slow = {"scipy.special", "sklearn", "matplotlib", "safetensors", "IPython"}
    script = f"import ganjax.training.loop, sys; print({slow!r} & set(sys.modules))"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def test_signals_are_heeded_before_anything_is_imported():
    packages = loaded("-c", "import ganjax.command.stopping")
    assert packages.isdisjoint({"absl", "ml_collections", "numpy", "yaml"})


def test_help_waits_for_no_arrays():
    assert not loaded("-m", "ganjax.main", "--help") & {"numpy", "PIL"}
