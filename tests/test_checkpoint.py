"""Checkpoints are the user's hours: each test damages, kills, fills or compares."""

import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import jax
import ml_dtypes
import numpy as np
import optax
import pytest
from processes import finish, wait_for

from ganjax.checkpoint import CheckpointError, Checkpoints, SaveError

ROOT = Path(__file__).parents[1]
TORN = ".orbax-checkpoint-tmp"  # what a killed save leaves ends like this


class State(NamedTuple):
    step: np.ndarray
    params: dict[str, Any]
    optimizer: Any
    mutable: dict[str, Any]


def make_state(seed: int) -> State:
    """A state with every dtype that a run has, and optax's own classes."""
    rng = np.random.default_rng(seed)
    params = {
        "discriminator": {"kernel": rng.normal(size=(16, 8)).astype(np.float32)},
        "generator": {"bias": rng.normal(size=5).astype(ml_dtypes.bfloat16)},
    }
    chain = optax.chain(optax.clip_by_global_norm(1.0), optax.adam(1e-3))
    return State(
        step=np.asarray(seed, np.int32),
        params=params,
        optimizer=jax.device_get(chain.init(params)),
        mutable={
            "key": rng.integers(0, 2**32, 2, np.uint32),
            "images": rng.integers(0, 256, (3, 2, 2), np.uint8),
            "flags": np.array([[True], [False]]),
            "empty": np.zeros((0, 3), np.float32),
            "none": None,
            "empty_bfloat16": np.zeros((2, 0), ml_dtypes.bfloat16),
            "minus zero, infinity and two kinds of NaN": np.array(
                [0x80000000, 0x7F800000, 0x7FC00000, 0xFFC12345], np.uint32
            ).view(np.float32),
            "odd / name.%41 é": {3: np.float32(0.1), 2: np.array(1.5, np.float32)},
            "transposed": rng.normal(size=(3, 2)).astype(np.float32).T,
            "strided": np.arange(10, dtype=np.int32)[::3],
        },
    )


def assert_same(got: Any, want: Any) -> None:
    assert jax.tree.structure(got) == jax.tree.structure(want)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(want), strict=True):
        assert type(a) is np.ndarray
        assert a.flags.aligned
        assert a.flags.writeable
        assert (a.dtype, a.shape) == (b.dtype, b.shape)
        assert a.tobytes() == b.tobytes()


def fill(directory: Path, steps: list[int], keep: int = 10) -> None:
    with Checkpoints(directory, keep=keep) as checkpoints:
        for step in steps:
            checkpoints.save(step, make_state(step))


def restore(directory: Path) -> tuple[int, State]:
    """Restores, and checks that what came back is what was saved as that step."""
    with Checkpoints(directory, keep=10) as checkpoints:
        restored = checkpoints.restore(make_state(0))
    assert restored is not None
    assert_same(restored[1], make_state(restored[0]))
    return restored


def names(directory: Path) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("pristine")
    fill(directory, [200, 300])
    return directory


@pytest.fixture
def stored(pristine: Path, tmp_path: Path) -> Path:
    """A directory with the good steps 200 and 300."""
    return shutil.copytree(pristine, tmp_path / "stored")


# Saving and restoring


def test_an_empty_directory_restores_to_none(tmp_path: Path) -> None:
    with Checkpoints(tmp_path / "a" / "b", keep=1) as checkpoints:
        assert checkpoints.restore(make_state(0)) is None
        assert checkpoints.steps() == []
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("abstract", [False, True])
def test_every_dtype_returns_bit_for_bit(tmp_path: Path, abstract: bool) -> None:
    state = make_state(7)
    target = make_state(0)
    if abstract:
        target = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), target)
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(7, state)
        restored = checkpoints.restore(target)
    assert restored is not None
    assert restored[0] == 7
    assert_same(restored[1], state)


def test_only_the_newest_steps_are_kept(tmp_path: Path) -> None:
    fill(tmp_path, [0, 5, 10, 15], keep=2)
    assert names(tmp_path) == {"10", "15"}
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.steps() == [10, 15]
        checkpoints.save(100, make_state(100))
    assert names(tmp_path) == {"15", "100"}


def test_a_state_may_change_once_save_has_returned(tmp_path: Path) -> None:
    state = {"w": np.ones(1_000_000, np.float32)}
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, state)
        state["w"][:] = 2
        restored = checkpoints.restore(state)
    assert restored is not None
    np.testing.assert_array_equal(restored[1]["w"], 1)


def test_relative_and_odd_directories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fill(Path("a b%41#?é"), [1])
    assert restore(tmp_path / "a b%41#?é")[0] == 1


@pytest.mark.parametrize(
    "name",
    [
        "seed[1]",
        "lr[0.1]",
        "a[*]",
        "runs[x]/inner",
        "**",
        "gs:",
        "back\\slash",
        "a\\[1]",
    ],
)
def test_paths_that_orbax_would_take_for_patterns(tmp_path: Path, name: str) -> None:
    before = set(Path(tempfile.gettempdir()).glob("ganjax-*"))
    directory = tmp_path / name / "checkpoints"
    fill(directory, [1, 2, 3], keep=2)
    assert restore(directory)[0] == 3
    fill(directory, [4], keep=2)
    assert names(directory) == {"3", "4"}
    (directory / "5").write_text("in the way")
    checkpoints = Checkpoints(directory, keep=2)
    checkpoints.save(5, make_state(5))
    with pytest.raises(CheckpointError) as raised:
        checkpoints.close()
    assert str(directory) in str(raised.value)
    assert "ganjax-" not in str(raised.value)
    after = set(Path(tempfile.gettempdir()).glob("ganjax-*"))
    assert not {x for x in after - before if (x / "checkpoints").is_symlink()}


def test_a_file_in_place_of_the_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"\A.*File exists.*file'\Z"):
        Checkpoints(tmp_path / "file", keep=1)


def test_the_same_step_again(stored: Path) -> None:
    written = (stored / "300" / "_CHECKPOINT_METADATA").stat().st_mtime_ns
    fill(stored, [300])
    assert (stored / "300" / "_CHECKPOINT_METADATA").stat().st_mtime_ns == written
    with Checkpoints(stored, keep=10) as checkpoints:
        for step in (300, 250, 200):
            with pytest.raises(CheckpointError, match=r"\A.*/300 exists already\Z"):
                checkpoints.save(step, make_state(1))
    assert restore(stored)[0] == 300


def test_a_damaged_same_step_is_not_taken_for_stored(stored: Path) -> None:
    (stored / "300" / "leaves" / "metadata").unlink()
    with (
        Checkpoints(stored, keep=10) as checkpoints,
        pytest.raises(CheckpointError, match=r"\A.*/300 is damaged: .*not found.\Z"),
    ):
        checkpoints.save(300, make_state(300))


@pytest.mark.parametrize(
    "leaf",
    [1.0, jax.ShapeDtypeStruct((), np.float32), np.zeros(2, ">f4"), jax.numpy.ones(2)],
)
def test_what_is_no_numpy_array_is_refused(tmp_path: Path, leaf: Any) -> None:
    with (
        Checkpoints(tmp_path, keep=1) as checkpoints,
        pytest.raises(TypeError, match=r"state\['w'\]"),
    ):
        checkpoints.save(1, {"w": leaf})


# States that do not fit


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"step": np.zeros((), np.int64)}, "state.step is int32[], not int64[]"),
        ({"step": np.zeros((), np.uint32)}, "state.step is int32[], not uint32[]"),
        ({"step": np.zeros(1, np.int32)}, "state.step is int32[], not int32[1]"),
        ({"step": None}, "state.step is int32[], not nothing"),
        (
            {"params": {"discriminator": {"bias": np.zeros((2, 3), np.float16)}}},
            "state.params['discriminator']['bias'] is nothing, not float16[2, 3]; "
            "state.params['discriminator']['kernel'] is float32[16, 8], not nothing; "
            "state.params['generator']['bias'] is bfloat16[5], not nothing",
        ),
    ],
)
def test_another_program_is_told_what_differs(
    stored: Path, change: dict[str, Any], said: str
) -> None:
    with (
        Checkpoints(stored, keep=10) as checkpoints,
        pytest.raises(CheckpointError) as raised,
    ):
        checkpoints.restore(make_state(0)._replace(**change))
    assert str(raised.value) == f"{stored}/300 does not fit: {said}"


# Damage


def flip(file: Path, position: float = 0.5) -> None:
    data = bytearray(file.read_bytes())
    data[int(position * len(data))] ^= 1
    file.write_bytes(data)


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def clear(file: Path) -> None:
    os.truncate(file, 0)


def check_skipped(stored: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Checks that one warning names step 300 in one line of a readable length."""
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    _, reason = record.getMessage().split(f"{stored}/300 is damaged: ")
    assert 0 < len(reason) <= 200
    assert "\n" not in reason
    assert "tensorstore_spec" not in reason


@pytest.mark.parametrize("damage", [flip, truncate, clear, Path.unlink])
@pytest.mark.parametrize(
    "part",
    [
        "leaves/metadata",
        "arrays/_METADATA",
        "arrays/manifest.ocdbt",
        "arrays/d",
        "data",
    ],
)
def test_a_damaged_part_falls_back(
    stored: Path, part: str, damage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    files = [path for path in (stored / "300").rglob("*") if path.is_file()]
    if part == "data":
        file = max(files, key=lambda path: path.stat().st_size)
        assert file.stat().st_size > 1000
    else:
        (file,) = [path for path in files if f"/300/{part}" in str(path)]
    damage(file)
    assert restore(stored)[0] == 200
    check_skipped(stored, caplog)
    assert names(stored) == {"200", "300"}


def test_a_renamed_checkpoint_falls_back(
    stored: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (stored / "300").rename(stored / "1000")
    assert restore(stored)[0] == 200
    assert caplog.messages == [
        f"skipping a checkpoint: {stored}/1000 is damaged: it holds step 300"
    ]


class Seeded(NamedTuple):
    seed: Any
    step: Any


def test_a_checkpoint_of_another_seed_is_refused(tmp_path: Path) -> None:
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(5, Seeded(np.uint32(3), np.int32(5)))
        for seed in (np.uint32(3), jax.ShapeDtypeStruct((), np.uint32)):
            assert checkpoints.restore(Seeded(seed, np.int32(0)))
        with pytest.raises(CheckpointError) as raised:
            checkpoints.restore(Seeded(np.uint32(4), np.int32(0)))
    words = "does not fit: state.seed is 3, not 4"
    assert str(raised.value) == f"{tmp_path}/5 {words}"


def test_an_old_step_goes_at_once(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads beside a training, or after its kill, finds no half of a step."""
    removed = []
    monkeypatch.setattr(shutil, "rmtree", lambda path: removed.append(Path(path)))
    fill(stored, [400], keep=1)
    assert [path.name for path in removed] == [f"200{TORN}", f"300{TORN}"]
    monkeypatch.undo()
    assert restore(stored)[0] == 400
    fill(stored, [500], keep=1)
    assert names(stored) == {"500"}


def test_a_step_removed_while_it_is_read_is_no_damage(
    stored: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A training beside saves 400, keeps one, and the reader had listed before."""

    def read(checkpoints: Checkpoints, step: int) -> Any:
        if (stored / "300").exists():
            (stored / "300").rename(stored.parent / "300")
            shutil.rmtree(stored / "200")
            fill(stored, [400])
        return original(checkpoints, step)

    original = Checkpoints._read
    monkeypatch.setattr(Checkpoints, "_read", read)
    assert restore(stored)[0] == 400
    assert caplog.messages == []


def test_no_damage_to_any_file_gives_a_wrong_state(stored: Path) -> None:
    files = [path for path in (stored / "300").rglob("*") if path.is_file()]
    tried = 0
    for file in files:
        sound = file.read_bytes()
        flips = [partial(flip, position=p) for p in np.linspace(0, 0.999, 6)]
        for damage in [*flips, truncate, clear, Path.unlink]:
            damage(file)
            assert restore(stored)[0] in (200, 300)
            file.write_bytes(sound)
            tried += 1
    assert restore(stored)[0] == 300
    assert tried >= 9 * 8


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("state.step", "state.stop"),
        ("state.step", r"two\nlines"),
        ("state.step", 300 * "long"),
        ('"int32"', '"uint8"'),
        ("[0, 3]", "[0, 2]"),
        ("[16, 8]", "[8, 16]"),
        ("[16, 8]", "[16, -8]"),
        ("[16, 8]", "[99999999999, 8]"),
        ('"crc"', '"crd"'),
    ],
)
def test_a_damaged_description_falls_back(
    stored: Path, old: str, new: str, caplog: pytest.LogCaptureFixture
) -> None:
    file = stored / "300" / "leaves" / "metadata"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))
    assert restore(stored)[0] == 200
    check_skipped(stored, caplog)


def test_damage_is_set_aside_when_its_step_is_saved_again(stored: Path) -> None:
    for aside in ("300.damaged", "300.damaged-again", "300.damaged-again-again"):
        shutil.rmtree(stored / "300")
        (stored / "300").mkdir()
        (stored / "300" / "mine").write_text(aside)
        with Checkpoints(stored, keep=10) as checkpoints:
            restored = checkpoints.restore(make_state(0))
            assert restored is not None
            assert restored[0] == 200
            checkpoints.save(300, make_state(300))
        assert restore(stored)[0] == 300
        assert (stored / aside / "mine").read_text() == aside


def test_damage_does_not_displace_good_steps(stored: Path) -> None:
    shutil.rmtree(stored / "300")
    (stored / "300").mkdir()
    with Checkpoints(stored, keep=2) as checkpoints:
        checkpoints.restore(make_state(0))
        checkpoints.save(250, make_state(250))
        checkpoints.save(400, make_state(400))
    assert names(stored) == {"250", "400", "300.damaged"}
    assert restore(stored)[0] == 400


def test_no_good_step_is_one_line(stored: Path) -> None:
    for step in ("200", "300"):
        flip(stored / step / "arrays" / "manifest.ocdbt")
    with (
        Checkpoints(stored, keep=10) as checkpoints,
        pytest.raises(CheckpointError, match=rf"\A.*{stored} are damaged\Z"),
    ):
        checkpoints.restore(make_state(0))


def test_strays_do_not_disturb(stored: Path) -> None:
    (stored / "7").write_text("a file")
    for name in ("007", "x", "best", f"400{TORN}", f"300{TORN}-1234"):
        (stored / name).mkdir()
        (stored / name / "file").write_text("")
    assert restore(stored)[0] == 300
    assert Checkpoints(stored, keep=1).steps() == [200, 300]
    assert f"400{TORN}" in names(stored)  # reading changes nothing
    fill(stored, [400])
    assert names(stored) == {"7", "007", "x", "best", "200", "300", "400"}
    assert restore(stored)[0] == 400


# Saves that fail


@contextmanager
def full_disk() -> Iterator[None]:
    """A disk full for large files: needs no root, and the error is the system's own."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


LARGE = {"w": np.random.default_rng(0).random(100_000, np.float32)}
REPORTERS: dict[str, Callable[[Checkpoints], object]] = {
    "save": lambda checkpoints: checkpoints.save(500, make_state(500)),
    "restore": lambda checkpoints: checkpoints.restore(make_state(0)),
    "close": lambda checkpoints: checkpoints.close(),
}


@pytest.mark.parametrize("reporter", REPORTERS)
def test_a_failed_save_is_one_line(
    stored: Path, reporter: str, caplog: pytest.LogCaptureFixture
) -> None:
    checkpoints = Checkpoints(stored, keep=1)
    with full_disk():
        checkpoints.save(400, LARGE)
        with pytest.raises(SaveError) as raised:
            REPORTERS[reporter](checkpoints)
    message = str(raised.value)
    assert message.startswith(f"cannot save {stored}/400: ")
    assert "File too large" in message
    assert "\n" not in message
    assert isinstance(raised.value.__cause__, SaveError)  # for whoever debugs
    assert caplog.records == []
    assert checkpoints.steps() == [200, 300]
    assert restore(stored)[0] == 300
    fill(stored, [400], keep=1)
    assert names(stored) == {"400"}
    assert restore(stored)[0] == 400


def test_saves_go_on_after_a_failed_one(stored: Path) -> None:
    with Checkpoints(stored, keep=10) as checkpoints:
        with full_disk():
            checkpoints.save(400, LARGE)
            with pytest.raises(CheckpointError, match="File too large"):
                checkpoints.restore(make_state(0))
        checkpoints.save(400, make_state(400))
    assert restore(stored)[0] == 400


def save_and_break(directory: Path, state: Any) -> None:
    with Checkpoints(directory, keep=1) as checkpoints:
        checkpoints.save(400, state)
        raise KeyError("mine")


def test_a_failed_save_hides_no_other_error(stored: Path) -> None:
    with full_disk(), pytest.raises(KeyError, match="mine"):
        save_and_break(stored, LARGE)
    assert restore(stored)[0] == 300


def test_another_error_lets_the_save_finish(stored: Path) -> None:
    with pytest.raises(KeyError, match="mine"):
        save_and_break(stored, make_state(400))
    assert names(stored) == {"400"}
    assert restore(stored)[0] == 400


# Whole processes


def start(code: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        cwd=ROOT,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


SAVE_FOR_EVER = """
import itertools, sys
from pathlib import Path
import numpy as np
from ganjax.checkpoint import Checkpoints
with Checkpoints(Path(sys.argv[1]), keep=3) as checkpoints:
    for step in itertools.count():
        rng = np.random.default_rng(step)
        checkpoints.save(step, {"w": rng.random(3_000_000, np.float32)})
"""


def kill_in_mid_save(directory: Path) -> bool:
    """Kills a child between saves 5 and 10; returns whether it was saving."""
    child = start(SAVE_FOR_EVER, directory)
    torn = [directory / f"{step}{TORN}" for step in range(5, 10)]
    wait_for(lambda: any(path.exists() for path in torn), child)
    child.send_signal(signal.SIGKILL)
    finish(child)
    return any(name.endswith(TORN) for name in names(directory))


def test_a_killed_save_leaves_the_steps_before_it(tmp_path: Path) -> None:
    attempts = (tmp_path / str(attempt) for attempt in range(10))
    directory = next(path for path in attempts if kill_in_mid_save(path))
    target = {"w": np.zeros(3_000_000, np.float32)}
    with Checkpoints(directory, keep=3) as checkpoints:
        restored = checkpoints.restore(target)
        assert restored is not None
        step, state = restored
        assert step == checkpoints.steps()[-1] >= 4
        want = np.random.default_rng(step).random(3_000_000, np.float32)
        np.testing.assert_array_equal(state["w"], want)
        checkpoints.save(step + 1, state)
    assert names(directory) == {str(n) for n in range(step - 1, step + 2)}


QUIET = """
import sys
from pathlib import Path
import numpy as np
from absl import app, logging
from ganjax.checkpoint import Checkpoints
def main(argv):
    for step in (1, 2, 3):
        with Checkpoints(Path(argv[1]), keep=2) as checkpoints:
            state = {"w": np.full(100, step, np.float32), "e": np.zeros(0, np.int32)}
            print(checkpoints.restore(state) is None)
            print(checkpoints.reached_preemption())
            checkpoints.save(step, state)
    logging.info("the end")
app.run(main)
"""


def test_normal_use_prints_nothing(tmp_path: Path) -> None:
    child = start(QUIET, tmp_path)
    _, out, err = finish(child)
    assert out.split() == ["True", "False", "False", "False", "False", "False"]
    assert len(err.splitlines()) == 1, err
    assert err.endswith("the end\n")


TWO = """
import json, os, signal, sys, time
from pathlib import Path
import jax
import jax.experimental.multihost_utils
import numpy as np
rank, port, directory = int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])
jax.distributed.initialize(f"127.0.0.1:{port}", 2, rank)
from ganjax.checkpoint import CheckpointError, Checkpoints
make = lambda step: {"w": np.full(1000, step, np.float32), "step": np.array(step)}
seen = {}
def failure(function, *arguments):
    try:
        function(*arguments)
    except CheckpointError as error:
        return str(error)
with Checkpoints(directory, keep=2) as checkpoints:
    seen["empty"] = checkpoints.restore(make(0))
    for step in (100, 200, 300):
        checkpoints.save(step, make(step))
seen["steps"] = checkpoints.steps()
if rank == 0:
    (directory / "300" / "leaves" / "metadata").write_text("torn")
with Checkpoints(directory, keep=2) as checkpoints:
    step, state = checkpoints.restore(make(0))
    seen["fallback"] = step, float(state["w"].sum()), int(state["step"])
    seen["misfit"] = failure(checkpoints.restore, {"w": state["w"]})
    checkpoints.save(300, make(300))
    checkpoints.save(300, make(300))
    seen["twice"] = failure(checkpoints.save, 300, make(301))
    seen["again"] = checkpoints.restore(make(0))[0]
    for step in range(400, 100_000, 100):
        if checkpoints.reached_preemption():
            checkpoints.save(step, make(step))
            seen["preempted"] = step
            break
        if rank == 1 and step == 600:
            os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.02)
seen["kept"] = checkpoints.steps()
seen["names"] = sorted(os.listdir(directory))
jax.experimental.multihost_utils.sync_global_devices("listed")
if rank == 0:
    (directory / "100000").write_text("in the way")
with Checkpoints(directory, keep=2) as checkpoints:
    checkpoints.save(100_000, make(1))
    seen["failed"] = failure(checkpoints.restore, make(0))
print(json.dumps(seen))
"""


def test_two_processes_do_the_same(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = [start(TWO, rank, port, tmp_path) for rank in (0, 1)]
    ends = [finish(child) for child in children]
    assert [code for code, _, _ in ends] == [0, 0], ends
    first, second = (json.loads(out.splitlines()[-1]) for _, out, _ in ends)
    assert first == second
    preempted = first.pop("preempted")
    assert 600 < preempted < 100_000
    assert first == {
        "empty": None,
        "steps": [200, 300],
        "fallback": [200, 200 * 1000, 200],
        "misfit": f"{tmp_path}/200 does not fit: state['step'] is int64[], not nothing",
        "twice": f"cannot save step 300: {tmp_path}/300 exists already",
        "again": 300,
        "kept": [300, preempted],
        "names": sorted(["300", "300.damaged", str(preempted)]),
        "failed": f"cannot save {tmp_path}/100000: "
        f"Destination {tmp_path}/100000 already exists.",
    }
    arrays = tmp_path / "300" / "arrays"
    assert [path.name for path in arrays.glob("ocdbt*")] == ["ocdbt.process_0"]
