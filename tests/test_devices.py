"""Virtual devices wait for each other longer than XLA's 40 s."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganjax.training.devices import be_patient

COUNT = "--xla_force_host_platform_device_count=3"
BOUND = "--xla_cpu_collective_call_terminate_timeout_seconds"


def test_virtual_devices_of_this_process_are_patient():
    # XLA has not refused the flag.
    assert f"{BOUND}=1200" in os.environ["XLA_FLAGS"].split()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({"XLA_FLAGS": COUNT}, {"XLA_FLAGS": f"{COUNT} {BOUND}=1200"}),
        ({"XLA_FLAGS": f"{BOUND}=7 {COUNT}"}, {"XLA_FLAGS": f"{BOUND}=7 {COUNT}"}),
        (
            {"JAX_NUM_CPU_DEVICES": "2"},
            {"JAX_NUM_CPU_DEVICES": "2", "XLA_FLAGS": f"{BOUND}=1200"},
        ),
        ({"XLA_FLAGS": "--xla_dump_to=x"}, {"XLA_FLAGS": "--xla_dump_to=x"}),
        ({}, {}),
    ],
)
def test_whoever_asks_for_them_gets_that(before, after):
    be_patient(before)
    assert before == after


def test_a_run_asks_before_jax_is_there(tmp_path):
    (tmp_path / "tiny.py").write_text(
        "from ganjax.config import defaults\n"
        "def get_config():\n"
        "    return defaults(data='ring', network='mlp', objective='hinge')\n"
    )
    # Training is replaced by a look at what it would find.
    script = """if True:
        import os, runpy, sys, types
        import ganjax.training
        ganjax.training.loop = types.ModuleType("ganjax.training.loop")
        sys.modules["ganjax.training.loop"] = ganjax.training.loop
        ganjax.training.loop.run = lambda *_, **__: print(
            os.environ["XLA_FLAGS"], "jax" in sys.modules
        )
        runpy.run_module("ganjax.main", run_name="__main__", alter_sys=True)
    """
    done = subprocess.run(
        [sys.executable, "-c", script, "--config=tiny.py", "--workdir=run"],
        cwd=tmp_path,
        env=os.environ
        | {"PYTHONPATH": str(Path(__file__).parents[1]), "XLA_FLAGS": COUNT},
        capture_output=True,
        text=True,
    )
    assert done.stdout == f"{COUNT} {BOUND}=1200 False\n", done.stderr
