"""One of the runs that a process trains: its folder, and how far it is."""

import math
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Self

import jax

from ganjax.build import Setup
from ganjax.checkpoint import CheckpointError, Checkpoints, SaveError
from ganjax.config import ConfigError
from ganjax.config.faults import MachineError, blame
from ganjax.config.program import Program, store
from ganjax.look.evaluate import Evaluator
from ganjax.record.files import write_json
from ganjax.record.status import write_status
from ganjax.training.chunks import Chunk, is_due
from ganjax.training.inherit import Inherited
from ganjax.training.journal import Journal

OnRecord = Callable[[int, Mapping[str, float]], object]


class Member(AbstractContextManager["Member"]):
    """A run while it is trained, alone or among others; a context manager.

    Attributes:
      step: after which `state`, on the host, was made.
      kept: the last step that was saved.
      ending: "done", "diverged", "preempted" or "paused"; None while there are steps to
        take.
      message: what there is to say of it.
    """

    def __init__(
        self,
        program: Program,
        folder: Path,
        setup: Setup,
        evaluator: Evaluator | None,
        first: Inherited,
        data: Mapping[str, Any],
        writer: ThreadPoolExecutor,
        on_record: OnRecord | None = None,
    ) -> None:
        self.program, self.folder, self.setup = program, folder, setup
        self.evaluator = evaluator  # of several processes the first alone looks
        self.step, self.kept, self.state = 0, 0, first.state
        self.ending: str | None = None
        self.message = ""
        self._first, self._data, self._on_record = first, data, on_record
        self._writer = writer
        self._journal: Journal | None = None
        self._open = ExitStack()

    def __enter__(self) -> Self:
        """Begins the folder, or restores the newest state that it has."""
        config, folder, first = self.program.config, self.folder, self._first
        if jax.process_index() == 0:
            write_json(folder / "config.json", config)
            store(self.program, folder)
            if self._data:
                write_json(folder / "data.json", self._data)
            if first.record:
                write_json(folder / "init.json", first.record)
        keep = config["record"]["keep"]
        with ExitStack() as opened:
            self.saved = opened.enter_context(
                Checkpoints(folder / "checkpoints", keep=keep, writer=self._writer)
            )
            restored = self.saved.restore(first.state)
            if restored:
                self.step, self.state = restored
                self.kept = self.step
            elif first.record:
                self.saved.save(0, first.state)  # the other run is not needed again
            self._open = opened.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        """Closes the checkpoints, once the last is saved."""
        self._open.__exit__(*error)

    def settle(self) -> None:
        """Waits until all is saved; once it has ended nothing more may be."""
        if self.ending:
            self._open.close()

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Says of what goes wrong with the folder's files whose they are.

        Raises:
          ConfigError, MachineError: in one line.
        """
        try:
            yield
        except (CheckpointError, OSError) as error:
            raise told(error, self.folder) from error

    def journal(self) -> AbstractContextManager[Journal | None]:
        """The run's journal from here on; of several processes one writes."""
        self._journal = None
        if self.evaluator is None:
            return nullcontext()
        config = self.program.config
        self._journal = Journal(config, self.folder, self.evaluator, self.step)
        return self._journal

    def catch_up(self) -> None:
        """Makes of the restored state what a kill after its save left undone."""
        if self.step:
            every = self.program.config["record"]["every"]
            self._observe((self.step - 1) // every * every)

    def take(self, chunk: Chunk, index: int) -> None:
        """Records, saves and draws what a chunk did to this run, its `index`-th."""
        config, metrics = self.program.config, chunk.metrics[index]
        self.step = chunk.step
        if self._journal is not None:
            self._journal.record(chunk.step, chunk.seconds, metrics)
            if self._on_record is not None:
                self._on_record(chunk.step, metrics)
        skipped = chunk.skipped[index]
        if config["non_finite"] == "stop" and any(skipped.values()):
            self.end("diverged", _what_diverged(chunk, metrics, skipped, self.kept))
            return
        if chunk.states is not None:
            self.state = chunk.states[index]
            every = config["record"]["checkpoint_every"]
            if chunk.is_last or is_due(chunk.before, self.step, config["steps"], every):
                self.saved.save(self.step, self.state)
                self.kept = self.step
            self._observe(chunk.before)

    def finish(self, paused: str) -> None:
        """Ends at the last step; or, evaluated, where it pauses for that reason."""
        if self.step == self.program.config["steps"]:
            self.end("done", "")
            return
        if self._journal is not None:
            self._journal.evaluate(self.state)
        self.end("paused", paused)

    def end(self, ending: str, message: str) -> None:
        """Takes no more steps."""
        self.ending, self.message = ending, message
        if ending == "diverged" and self._journal is not None:  # while others go on
            self._journal.end(ending, message)

    def status(self, state: str, message: str) -> None:
        """Writes where the run stands."""
        if jax.process_index() == 0:
            step, steps = self.step, self.program.config["steps"]
            write_status(
                self.folder, state=state, step=step, steps=steps, message=message
            )

    def _observe(self, before: int) -> None:
        """Draws and evaluates the state, where that is due."""
        if self._journal is None:
            return
        config = self.program.config
        due = partial(is_due, before, self.step, config["steps"])
        if due(config["record"]["pictures_every"]):
            self._journal.draw(self.state)
        if due(config["evaluation"]["every"]):
            self._journal.evaluate(self.state)


def told(error: Exception, folder: Path | None = None) -> ConfigError | MachineError:
    """One line of what went wrong with files, of the run in `folder`."""
    if isinstance(error, MachineError):
        return error
    line = f"{folder}: {error}" if folder else str(error)
    return MachineError(line) if isinstance(error, SaveError) else blame(error, line)


def _what_diverged(
    chunk: Chunk,
    metrics: Mapping[str, float],
    skipped: Mapping[str, int],
    kept: int,
) -> str:
    """Names what was not finite, and `kept`, the last step that was saved.

    The player whose updates were the first comes first: the others mostly follow it.
    """
    order = sorted(skipped, key=skipped.__getitem__, reverse=True)
    names = [
        name
        for player in order
        for name, value in metrics.items()
        if name.startswith(f"{player}/") and not math.isfinite(value)
    ]
    if not names:
        names = [f"{player}'s update" for player in order if skipped[player]]
    steps = f"between steps {chunk.before} and {chunk.step}"
    advice = f"no checkpoint was saved; set record.checkpoint_every below {chunk.step}"
    saved = f"the last good checkpoint, of step {kept}, is kept" if kept else advice
    return f"{', '.join(names)} not finite {steps}; {saved}"
