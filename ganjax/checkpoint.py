"""Checkpoints: saved in the background, verified when they are read.

A checkpoint is a folder named by its step, renamed to that when it is whole: a killed
save leaves none. But Orbax neither sees a flipped bit in an array nor minds a wrong
dtype; hence the dtype, shape and CRC of each leaf are stored beside the arrays. These
are stored as one array of bytes: it comes back bit for bit, and a damaged one fails
once, where many would each print a traceback. Of several processes the first alone
writes, and decides what all do.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from functools import cached_property
from pathlib import Path
from typing import Any

import jax
import numpy as np
from absl import logging
from jax.experimental import multihost_utils

from ganjax.types import Tree

Leaves = dict[str, Any]  # arrays, or what has their shape and dtype, by path
Table = dict[str, Any]  # dtype, shape and CRC of each leaf, by path

# Orbax takes a path for a pattern or a bucket's name, and TensorStore takes a backslash
# for a slash.
_MISREAD = re.compile(r"[*?\[\\]|:/|\A/(gs|s3|az|hf)/")

# Orbax logs thirty lines a save, and a failed one's traceback twice; here it is raised.
logging.get_absl_logger().addFilter(lambda log: "/orbax/" not in log.pathname)


class CheckpointError(Exception):
    """A checkpoint cannot be saved or restored: one line, for the user."""


class SaveError(CheckpointError):
    """A save was begun and failed, as by a full disk: the next one may not."""


class Checkpoints(AbstractContextManager["Checkpoints"]):
    """The `keep` newest checkpoints in `directory`, which is made if it is absent.

    Use it as a context manager, or `close` it. With several processes all make the same
    calls in the same order. Those of one process that save at the same time share a
    `writer` of one thread, as Orbax saves one at a time. Raises `CheckpointError` if
    the directory cannot be made.
    """

    def __init__(
        self, directory: Path, *, keep: int, writer: ThreadPoolExecutor | None = None
    ) -> None:
        self._directory = directory.absolute()  # TensorStore takes no relative path
        self._keep = keep
        self._skipped: list[int] = []  # the damaged steps that `restore` passed over
        self._asked = 0  # times, whether all must save
        self._pending: Future[None] | None = None
        self._own = writer is None
        self._writer = writer or ThreadPoolExecutor(1, thread_name_prefix="save")
        self._on_first(lambda: self._directory.mkdir(parents=True, exist_ok=True))
        self._alias: tempfile.TemporaryDirectory | None = None
        self._way = self._directory  # by which Orbax goes to it
        if _MISREAD.search(str(self._directory)):
            self._alias = tempfile.TemporaryDirectory(prefix="ganjax-")
            self._way = Path(self._alias.name, "checkpoints")
            self._way.symlink_to(self._directory, target_is_directory=True)

    @cached_property
    def _orbax(self) -> Any:
        """Imported late, by the first save mostly, beside the training."""
        import orbax.checkpoint as ocp  # type: ignore[import-untyped]

        process = jax.process_index()
        alone = ocp.options.MultiprocessingOptions(  # Orbax waits for no other process
            primary_host=process, active_processes={process}
        )
        items = ocp.CompositeOptions(multiprocessing_options=alone)
        handler = ocp.CompositeCheckpointHandler(composite_options=items)
        return ocp.Checkpointer(handler, multiprocessing_options=alone)

    def steps(self) -> list[int]:
        """Returns the steps whose saves have finished, damaged ones too, ascending."""
        names = [path.name for path in self._directory.iterdir() if path.is_dir()]
        steps = [int(name) for name in names if name.isdecimal()]
        return sorted(step for step in steps if str(step) in names)  # "007" is no step

    def save(self, step: int, state: Tree) -> None:
        """Starts to save a copy of `state`, once the save before it has finished.

        The leaves are NumPy arrays of native byte order; others are a `TypeError`.
        Damaged steps that `restore` skipped are first renamed, to `<step>.damaged`.
        Does nothing if this very state is stored already. Raises `CheckpointError` if
        another one is, as `step` or later; `SaveError` if the save before failed.
        """
        data, table = _pack(by_path(state))
        is_new = self._on_first(lambda: self._make_way(step, table))
        if is_new and jax.process_index() == 0:
            self._pending = self._writer.submit(self._write, step, data, table)

    def restore(self, target: Tree, step: int | None = None) -> tuple[int, Tree] | None:
        """Returns the newest good step and its state, or `None` if there are no steps.

        The leaves are NumPy arrays, bit for bit as they were saved; `target` is a like
        pytree of arrays or `jax.ShapeDtypeStruct`s, and an array `seed` in it must be
        the state's. Damaged steps are skipped with a warning; nothing in the directory
        is changed. Raises `CheckpointError` if all are, if the newest good one does not
        fit `target`, or if a save failed; and of a given `step` as `read` does.
        """
        read: dict[int, Leaves] = {}
        if step is not None:
            step, read[step] = self.read(step)
        else:
            step = self._on_first(lambda: self._find_newest(read))
        if step is None:
            return None
        leaves = read[step] if step in read else self._read(step)
        expected = by_path(target)
        _check_fit(self._directory / str(step), leaves, expected)
        structure = jax.tree.structure(target)
        return step, jax.tree.unflatten(structure, [leaves[path] for path in expected])

    def read(self, step: int | None) -> tuple[int, Leaves]:
        """Returns a step, the newest good one where it is `None`, and its leaves.

        Raises `CheckpointError` where there is none, or it is damaged.
        """
        read: dict[int, Leaves] = {}
        if step is None:
            step = self._on_first(lambda: self._find_newest(read))
        known = self.steps()
        if step not in known:
            there = ", ".join(map(str, known)) or "none"
            which = "any" if step is None else f"step {step}"
            raise CheckpointError(f"{self._directory} lacks {which}; there are {there}")
        return step, read[step] if step in read else self._read(step)

    def reached_preemption(self) -> bool:
        """Returns whether all must save now, as one got SIGTERM; each asks as often."""
        # After a signal the processes agree on the number after the highest that any
        # has asked for, 1 before the first, and only that very number is answered by
        # true.
        self._asked += 1
        return multihost_utils.reached_preemption_sync_point(self._asked)

    def close(self) -> None:
        """Waits for the save under way; raises `SaveError` if it failed."""
        self._shut()
        self._on_first(lambda: None)

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Closes; after an error without the other processes, which may never come."""
        self._shut()
        if error is None:
            self.close()

    def _shut(self) -> None:
        if self._own:
            self._writer.shutdown()
        elif self._pending:
            wait([self._pending])
        if self._alias is not None:
            self._alias.cleanup()

    def _on_first(self, decide: Callable[[], Any]) -> Any:
        """Runs `decide` in the first process, after its save; all get its result."""
        result, failure, is_save, cause = None, "", False, None
        if jax.process_index() == 0:
            pending, self._pending = self._pending, None
            try:
                if pending:
                    pending.result()
                result = decide()
            except (CheckpointError, OSError) as error:
                failure, is_save, cause = (
                    str(error),
                    isinstance(error, SaveError),
                    error,
                )
        if jax.process_count() > 1:
            text = json.dumps([result, failure[:1000], is_save]).encode().ljust(13_000)
            text = multihost_utils.broadcast_one_to_all(np.frombuffer(text, np.uint8))
            result, failure, is_save = json.loads(bytes(text))
        if failure:
            raise (SaveError if is_save else CheckpointError)(failure) from cause
        return result

    def _make_way(self, step: int, table: Table) -> bool:
        """Returns whether `step` is still to be written."""
        while self._skipped:
            folder = self._directory / str(self._skipped.pop())
            aside = folder.with_name(f"{folder.name}.damaged")
            while aside.exists():
                aside = aside.with_name(f"{aside.name}-again")
            folder.rename(aside)
            logging.warning("renamed damaged checkpoint %s to %s", folder, aside.name)
        newer = [stored for stored in self.steps() if stored >= step]
        if newer and (newer != [step] or _pack(self._read(step))[1] != table):
            folder = self._directory / str(newer[-1])
            raise CheckpointError(f"cannot save step {step}: {folder} exists already")
        return not newer

    def _write(self, step: int, data: np.ndarray, table: Table) -> None:
        import orbax.checkpoint as ocp

        folder = self._directory / str(step)
        items = ocp.args.Composite(
            arrays=ocp.args.PyTreeSave({"bytes": data}), leaves=ocp.args.JsonSave(table)
        )
        try:
            for torn in self._directory.glob(f"*{ocp.utils.TMP_DIR_SUFFIX}*"):
                shutil.rmtree(torn)
            self._orbax.save(self._way / str(step), args=items)
            for old in map(str, self.steps()[: -self._keep]):
                # Renamed first: whoever reads it beside finds no half of it.
                torn = self._directory / f"{old}{ocp.utils.TMP_DIR_SUFFIX}"
                shutil.rmtree((self._directory / old).rename(torn))
        except Exception as error:  # what is an OSError is often disguised as another
            raise SaveError(f"cannot save {folder}: {self._reason(error)}") from error

    def _find_newest(self, read: dict[int, Leaves]) -> int | None:
        """Returns the newest good step, whose leaves go into `read`."""
        self._skipped = []
        tried: set[int] = set()
        # Listed anew each time: a training beside may save and remove steps meanwhile.
        while left := [step for step in self.steps() if step not in tried]:
            step = left[-1]
            tried.add(step)
            try:
                read[step] = self._read(step)
                return step
            except CheckpointError as error:
                if step in self.steps():
                    logging.warning("skipping a checkpoint: %s", error)
                    self._skipped.append(step)
        if self._skipped:
            raise CheckpointError(f"all checkpoints in {self._directory} are damaged")
        return None

    def _read(self, step: int) -> Leaves:
        """Returns the leaves stored as `step`; raises if they are damaged.

        A `TrainState` counts its steps itself: a folder renamed to another is damaged.
        """
        import orbax.checkpoint as ocp

        folder = self._directory / str(step)
        items = ocp.args.Composite(
            arrays=ocp.args.PyTreeRestore(), leaves=ocp.args.JsonRestore()
        )
        try:
            stored = self._orbax.restore(self._way / str(step), args=items)
            leaves = _unpack(stored.arrays["bytes"], stored.leaves)
            if (held := leaves.get("state.step")) is not None and held != step:
                raise ValueError(f"it holds step {held}")
            return leaves
        except Exception as error:  # damage raises almost anything, in four libraries
            raise CheckpointError(
                f"{folder} is damaged: {self._reason(error)}"
            ) from error

    def _reason(self, error: BaseException) -> str:
        return _reason(error).replace(str(self._way), str(self._directory))


def by_path(tree: Tree) -> Leaves:
    """Returns the leaves of `tree` by names such as `state.params['generator']`."""
    leaves = jax.tree_util.tree_leaves_with_path(tree)
    return {f"state{jax.tree_util.keystr(path)}": leaf for path, leaf in leaves}


def _pack(leaves: Leaves) -> tuple[np.ndarray, Table]:
    """Returns the bytes of all leaves, one after another, and what they are."""
    pieces, table = [], {}
    for path, leaf in leaves.items():
        if not isinstance(leaf, np.ndarray | np.generic) or not leaf.dtype.isnative:
            raise TypeError(f"{path} is not a native NumPy array: {type(leaf)}")
        # Flat, as a scalar cannot be viewed as bytes.
        piece = np.ascontiguousarray(leaf).reshape(-1).view(np.uint8)
        row = {"dtype": leaf.dtype.name, "shape": list(leaf.shape)}
        table[path] = row | {"crc": _crc(path, row, piece)}
        pieces.append(piece)
    return np.concatenate(pieces), table


def _unpack(data: np.ndarray, table: Table) -> Leaves:
    """Returns the leaves that `_pack` put together; raises if one has changed."""
    leaves, start = {}, 0
    for path, row in table.items():
        dtype, shape = np.dtype(row["dtype"]), row["shape"]
        piece = data[start : start + math.prod(shape) * dtype.itemsize]
        if row.pop("crc") != _crc(path, row, piece):
            raise ValueError(f"{path} does not match its checksum")
        leaves[path] = piece.view(dtype).reshape(shape).copy()
        start += piece.size
    return leaves


def _crc(path: str, row: dict[str, Any], piece: np.ndarray) -> int:
    return zlib.crc32(piece.data, zlib.crc32(f"{path} {row}".encode()))


def _check_fit(folder: Path, stored: Leaves, expected: Leaves) -> None:
    """Raises if the leaves stored are not those that the program expects."""
    found, wanted = (
        {path: f"{leaf.dtype.name}{list(leaf.shape)}" for path, leaf in leaves.items()}
        for leaves in (stored, expected)
    )
    wrong = [
        f"{path} is {found.get(path, 'nothing')}, not {wanted.get(path, 'nothing')}"
        for path in wanted | found
        if found.get(path) != wanted.get(path)
    ]
    seed = expected.get("state.seed")
    if not wrong and isinstance(seed, np.ndarray | np.generic):
        own = stored["state.seed"]
        wrong = [] if own == seed else [f"state.seed is {own}, not {seed}"]
    if wrong:
        raise CheckpointError(f"{folder} does not fit: {'; '.join(wrong[:3])}")


def _reason(error: BaseException) -> str:
    """Returns the last part of an error's first line, after the paths it came by."""
    line = (str(error).strip() or type(error).__name__).splitlines()[0]
    return line.rpartition('": ')[2].partition(" [tensorstore_spec=")[0][:200]
