"""The doctor: what it says of this machine, and of one that is not as promised."""

import json
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
from processes import PATIENCE

from ganjax.command.exits import Exit
from ganjax.doctor import examination, layouts, machine, products, runs
from ganjax.doctor.examination import examine, report
from ganjax.doctor.row import Row
from ganjax.doctor.sizes import Sizes
from ganjax.state import TrainState

_TINY = [f"networks.{x}" for x in ("generator", "discriminator")]
SIZES = Sizes(
    *(4, 3, 8, 8, 2, 2, 0.0),
    ring=("batch_size=4", *(f"{x}.widths=(3,)" for x in _TINY)),
    mnist=("batch_size=4", *(f"{x}.channels=(2, 2)" for x in _TINY)),
)
DETERMINISTIC = "XLA_FLAGS=--xla_gpu_deterministic_ops=true"


def test_a_machine_as_promised(tmp_path, monkeypatch, capsys):
    two = jax.devices()[:2]
    monkeypatch.setattr(jax, "devices", lambda: two)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "caches"))
    rows = list(examine(tmp_path / "runs", SIZES))
    file = tmp_path / "said.json"
    assert report(rows, file) == Exit.DONE
    found = json.loads(file.read_bytes())
    assert found["ok"]
    assert [x["what"] for x in found["rows"]] == [row.what for row in rows]
    assert all(set(x) == {*Row._fields} and x["ok"] for x in found["rows"])
    table, errors = capsys.readouterr()
    assert [line[:20] for line in table.splitlines()[1:]] == [
        f"{row.what:<20}"[:20] for row in rows
    ]
    assert "NOT SO" not in table
    assert errors == ""
    values = {row.what: row.value for row in rows}
    assert values["jax"] == jax.__version__
    assert values["two runs"] == "the same bits"
    assert values["a run, paused and resumed"] == "the same bits"
    assert values["layout jit"] == "the bits of jit; twice the same"
    for mode in ("pmap", "shard_map"):
        assert "twice the same" in values[f"layout {mode} over 2"]
    assert values["member of a pack, map"] == "the bits of a run alone"
    assert "as of float32" in values["product of float32 matrices"]
    assert values["deterministic operations"] == machine.NO_GPU
    assert " ms, " in values["a step of mnist, dcgan"]
    assert (tmp_path / "runs" / "resumed" / "report.html").exists()


def test_runs_that_differ_name_the_flag(tmp_path, monkeypatch, capsys):
    states = iter(np.float32([[1, 2], [1, 3], [0, 0], [1, 2]]))
    monkeypatch.setattr(runs, "train", lambda *_, **__: next(states))
    rows = list(runs.bits(tmp_path, SIZES))
    assert [row.ok for row in rows] == [False, True]
    assert report(rows) == Exit.FAILED
    table, errors = capsys.readouterr()
    assert table.count("NOT SO") == 1
    said = "ganjax.doctor: two runs: 1 numbers differ, not the same bits; on a GPU set "
    assert errors.startswith(said + DETERMINISTIC)


def test_numbers_differ_by_their_bits():
    one = np.float32([0.0, np.nan, 1.0]), np.int32(3), np.bool_([True])
    other = np.float32([-0.0, np.nan, 1.0]), np.int32(4), np.bool_([True])
    assert runs.differing(one, one) == 0
    assert runs.differing(one, other) == 2  # the zero, and the int


@pytest.mark.parametrize(
    ("error", "name", "is_good"),
    [(4e-7, "float32", True), (3e-4, "TF32", False), (2e-3, "bfloat16", False)],
)
def test_products_of_less_than_float32(error, name, is_good, monkeypatch):
    monkeypatch.setattr(products, "_error", lambda: error)
    asked, row = products.precision()
    assert asked.value == "not set: as the device has it"
    assert row.value.endswith(f"as of {name}")
    assert row.ok == is_good
    assert "JAX_DEFAULT_MATMUL_PRECISION=highest" in row.mend


@pytest.mark.parametrize(
    ("seconds", "found"),
    [
        # Five steps of 1e9 operations in five seconds, where products have 4e9 in one.
        (5.0, "1e+03 ms, 25.0% of the rate of products, 4 GFLOP/s"),
        (0.5, "100 ms, above the rate of products, 4 GFLOP/s: the machine is busy"),
    ],
)
def test_the_share_of_a_step(seconds, found, monkeypatch):
    monkeypatch.setattr(products, "_operations", lambda _: 4e9)
    monkeypatch.setattr(products, "_steps", lambda _: (1e9, None))
    monkeypatch.setattr(products, "in_turns", lambda *_: [1.0, seconds])
    for name in ("_ring", "_mnist", "_products"):
        monkeypatch.setattr(products, name, lambda _: None)
    assert [row.value for row in products.shares(SIZES)] == [found] * 2


def state(*params):
    return TrainState(*[()] * 7)._replace(params=np.float32(params))


@pytest.mark.parametrize(
    ("first", "again", "is_good", "value"),
    [
        (state(1, 0), state(1, 0), True, "the bits of jit; twice the same"),
        # 1 is how far jit went.
        (state(1, 1e-4), state(1, 1e-4), True, "off jit by 1.0e-04 of the way"),
        (state(1, 0.5), state(1, 0.5), False, "off jit by 5.0e-01 of the way"),
        (state(1, 0), state(1, 1e-7), False, "1 numbers differ between two runs"),
    ],
)
def test_layouts_that_do_not_agree(first, again, is_good, value):
    row = layouts._agreement("x", state(0, 0), state(1, 0), first, again)
    assert row.ok == is_good
    assert value in row.value
    assert (DETERMINISTIC in row.mend) == ("differ" in value)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    *_, row = machine.folders()
    assert not row.ok
    assert row.value == f"{tmp_path}/file/ganjax cannot be written"
    assert "XDG_CACHE_HOME" in row.mend


def test_a_check_that_fails_is_a_row_and_the_others_go_on(monkeypatch, tmp_path):
    def fails(*_):
        raise RuntimeError("out of\nmemory")

    checks = ("devices", "flags", "folders")
    for name in checks:
        monkeypatch.setattr(machine, name, fails)
    for module, name in (
        (products, "precision"),
        (products, "shares"),
        (runs, "bits"),
        (layouts, "layouts"),
        (layouts, "packs"),
        (examination.forms, "convolutions"),
    ):
        monkeypatch.setattr(module, name, fails)
    first, *_, last = rows = list(examine(tmp_path, SIZES))
    assert (first.what, first.ok) == ("python", True)
    failed = [row for row in rows if not row.ok]
    assert len(failed) == 9
    assert last.value == "RuntimeError: out of memory"


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--json={0}/none/x.json"], "--json: {0}/none/x.json must be a file in a"),
        (["--workdir={0}"], "--workdir: {0} is not empty; name a new folder"),
        (["ring"], "'ring' is not a flag of it; write --json=FILE"),
        (["--config.seed=1"], "'--config.seed=1' is not a flag of it"),
    ],
)
def test_bad_usage_is_one_line(flags, words, tmp_path):
    (tmp_path / "file").touch()
    command = [sys.executable, "-m", "ganjax.doctor"]
    done = subprocess.run(
        [*command, *(x.format(tmp_path) for x in flags)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert done.returncode == Exit.REFUSED
    assert done.stderr.startswith(f"ganjax.doctor: error: {words.format(tmp_path)}")
    assert done.stderr.count("\n") == 1
