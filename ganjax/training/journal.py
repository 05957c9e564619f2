"""Writes a run folder while its run trains: metrics, pictures, evaluation, status."""

import io
import math
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jax
import numpy as np

from ganjax import report
from ganjax.config import ranks
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.record.environment import environment
from ganjax.record.files import write_bytes, write_json
from ganjax.record.png import png_bytes
from ganjax.record.recorder import Recorder
from ganjax.record.status import write_status
from ganjax.state import TrainState


def opening(
    config: Mapping[str, Any],
    evaluator: Evaluator,
    state: TrainState,
    step: int,
    pack: str,
) -> str:
    """What is trained on what, in one line, for who waits while it is compiled."""
    devices, source = jax.devices(), evaluator.setup.source
    shape = " x ".join(map(str, evaluator.example_shape))
    data = f"examples of {shape}, drawn anew"
    if "examples" in source.arrays:
        data = f"{len(source.arrays['examples']):,} examples of {shape}"
    if source.classes:
        data += f" in {source.classes} classes"
    players = ", ".join(
        f"{player} {sum(x.size for x in jax.tree.leaves(params)):,}"
        for player, params in state.params.items()
    )
    words = [
        f"{config['data']['name']}: {data}",
        f"parameters: {players}",
        f"devices: {len(devices)} {devices[0].device_kind}",
    ]
    if pack:
        words.append(pack)
    if jax.process_count() > 1:
        words.append(f"{jax.process_count()} processes")
    return "; ".join([*words, f"compiling, then from step {step}"])


def write_environment(folder: Path, pack: str) -> None:
    """Writes what trains a run; `pack` says how it is trained among others."""
    devices = [str(device.device_kind) for device in jax.devices()]
    write_json(folder / "environment.json", environment(devices, pack))


class Journal:
    """The record of one run from `step` on; a context manager.

    Training time counts the steps alone, compilation of the first included, and
    continues where the last process left off.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        folder: Path,
        evaluator: Evaluator,
        step: int,
    ) -> None:
        self._config, self._folder, self._evaluator = config, folder, evaluator
        self._step, self._is_over = step, False
        self.status("running")
        self._recorder = Recorder(folder, step=step)
        self._seconds = self._recorder.seconds
        evaluated = any(x.startswith("evaluation/") for x in self._recorder.names)
        # By an earlier process perhaps.
        self._was_evaluated = step if evaluated else None

    def __enter__(self) -> Self:
        """It is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Closes the files; an error is the run's last status."""
        self._recorder.close()
        if error is not None and not self._is_over:
            self.status("failed", f"{type(error).__name__}: {error}")

    def end(self, state: str, message: str) -> None:
        """Writes how the run ended; what happens to others is nothing to it."""
        self._is_over = True
        self.status(state, message)

    def status(self, state: str, message: str = "") -> None:
        """Writes where the run stands."""
        steps = self._config["steps"]
        write_status(
            self._folder, state=state, step=self._step, steps=steps, message=message
        )

    def record(self, step: int, seconds: float, metrics: Mapping[str, float]) -> None:
        """Records the metrics of the steps up to `step`, which took `seconds`."""
        self._step = step
        self._seconds += seconds
        self._recorder.scalars(step, self._seconds, metrics)

    def draw(self, state: TrainState) -> None:
        """Draws the pictures of a state on the host, perhaps once more."""
        examples = self._config["record"]["examples"]
        pictures = draw_pictures(self._evaluator, state, examples)
        for name, pixels in pictures.items():
            self._recorder.image(self._step, name, pixels)
        self.status("running")

    def evaluate(self, state: TrainState) -> None:
        """Records the evaluation of a state on the host among the metrics."""
        if self._was_evaluated == self._step:
            return
        self._was_evaluated = self._step
        count = self._config["evaluation"]["samples"]
        measured = self._evaluator.measure(state, count)
        named = {f"evaluation/{name}": value for name, value in measured.items()}
        self._recorder.scalars(self._step, self._seconds, named)


def write_evaluation(
    config: Mapping[str, Any],
    folder: Path,
    evaluator: Evaluator,
    step: int,
    state: TrainState,
) -> None:
    """Writes `evaluation.json`; a measure that cannot be taken is null."""
    count = config["evaluation"]["samples"]
    measured = evaluator.measure(state, count)
    path = folder / "evaluation.json"
    written = {"step": step, "samples": count, "metrics": measured}
    # So that who reads it need not have the experiment's own measures.
    rows = evaluator.setup.measures.values()
    better = {n: x for row in rows for n, x in row.better.items() if n in measured}
    write_json(path, written | {"better": better})
    print(f"{path}: {', '.join(f'{name} {x:.4g}' for name, x in measured.items())}")
    if lost := [name for name, x in measured.items() if not math.isfinite(x)]:
        print(f"{path}: not finite, and so null: {', '.join(lost)}")
    if caution := ranks.remark(measured):
        print(caution)


def write_samples(
    config: Mapping[str, Any],
    folder: Path,
    evaluator: Evaluator,
    step: int,
    state: TrainState,
) -> None:
    """Writes `samples/final.npz`: `samples [N, ...]` and `step`; and pictures.

    Nothing where the game makes no samples.
    """
    if "sample" not in evaluator.probes:
        return
    buffer = io.BytesIO()
    samples = evaluator.probe("sample", state, config["evaluation"]["samples"])
    np.savez_compressed(buffer, samples=samples, step=step)
    path = folder / "samples" / "final.npz"
    write_bytes(path, buffer.getvalue())
    pictures = draw_pictures(evaluator, state, config["record"]["examples"])
    for name, pixels in pictures.items():
        write_bytes(folder / "samples" / f"{name}_final.png", png_bytes(pixels))
    print(f"{path}: samples {list(samples.shape)}")


def write_report(folder: Path) -> None:
    """Writes `report.html`."""
    print(report.write(folder))


def write_comparison(folder: Path, runs: Sequence[Path]) -> None:
    """Writes the `report.html` that compares runs into the folder that holds them."""
    path = folder / "report.html"
    problems = report.write_comparison(runs, path)
    print(path)
    if problems:
        print(problems, file=sys.stderr)
