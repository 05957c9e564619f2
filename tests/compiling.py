"""How programs of tests are compiled: as those of runs, or in a third of the time."""

from contextlib import contextmanager
from functools import cache
from importlib import metadata

import pytest

QUICKLY = {
    "xla_backend_optimization_level": 0,
    "xla_llvm_disable_expensive_passes": True,
}
# XLA's newer way to emit small loops takes longest of all; later it is the only one.
if metadata.version("jax").startswith("0.10."):
    QUICKLY["xla_cpu_use_fusion_emitters"] = False
# The same for a process that a test starts.
FLAGS = " ".join(f"--{name}={value}".lower() for name, value in QUICKLY.items())
# The default of XLA, for a program within `quickly` that is given options of its own.
AS_USED = {"xla_llvm_disable_expensive_passes": False}


@contextmanager
def _compiled(options):
    """Whatever names no options of its own is compiled with these.

    JAX can be given them for single programs only.
    """
    from jax._src import compiler

    make = compiler.get_compile_options

    def get_compile_options(*args, env_options_overrides=None, **keywords):
        chosen = env_options_overrides or options
        return make(*args, env_options_overrides=chosen, **keywords)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiler, "get_compile_options", get_compile_options)
        yield


def quickly():
    """What is compiled within it is compiled in a third of the time."""
    return _compiled(QUICKLY)


def as_used():
    """Within `quickly`: as if it were not."""
    return _compiled(AS_USED)


@contextmanager
def in_one_context():
    """Lowers programs in one context of MLIR, which holds all their constants.

    JAX makes one for each, which takes a quarter of the time of a small program.
    """
    from jax._src.interpreters import mlir

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mlir, "make_ir_context", cache(mlir.make_ir_context))
        yield
