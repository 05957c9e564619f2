"""Decides what runs next: exit codes in, submissions out. Knows no process."""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

from ganjax.command.exits import Exit
from launch.backend import Backend, Command

_FINAL: dict[int, str] = {
    Exit.DONE: "done",
    Exit.DIVERGED: "diverged",
    Exit.REFUSED: "refused",
}
_PATIENCE = 2  # preemptions in a row without a step that cost no retry


class Standing(NamedTuple):
    """Where a process, of a run or of a pack, stands in this launch.

    `state` is waiting, running, done, diverged, failed or refused (its config cannot be
    used, so the others' cannot either).
    """

    state: str = "waiting"
    step: int = 0  # when it last started or ended
    failures: int = 0
    stalled: int = 0  # preemptions in a row without a step
    has_begun: bool = False  # there was a folder when it last started


def after(standing: Standing, code: int, step: int, retries: float) -> Standing:
    """Where a run stands once it ended with an exit code at a step.

    A run that is refused before it has begun tells of its config or data, which are the
    others' too; one that has begun, of its own folder.
    """
    if code == Exit.REFUSED and (standing.has_begun or step > standing.step):
        return standing._replace(state="failed", step=step)
    final = _FINAL.get(code)
    if final:
        return standing._replace(state=final, step=step)
    if code == Exit.STOPPED:
        stalled = 0 if step > standing.step else standing.stalled + 1
        if stalled < _PATIENCE:
            return standing._replace(state="waiting", step=step, stalled=stalled)
    failures = standing.failures + 1
    state = "waiting" if failures <= retries else "failed"
    return Standing(state, step, failures)


def run_all(
    count: int,
    backend: Backend,
    *,
    command_of: Callable[[int], Command],
    limit: int,
    retries: int,
    step_of: Callable[[int], int],
    has_begun: Callable[[int], bool],
    tick: Callable[[Sequence[Standing]], int],
) -> list[Standing]:
    """Runs `count` processes, at most `limit` at a time; returns how each ended.

    One that is still waiting at the end was stopped before its own end.

    Args:
      count: of runs or packs.
      backend: where.
      command_of: what starts one, by its index; asked each time that it starts.
      limit: processes at a time.
      retries: how often one that failed is tried again.
      step_of: the step that it has saved, by its index.
      has_begun: whether it has a folder already.
      tick: called between two rounds of asking the back end, with where the runs stand;
        waits a little, and returns how often the user has asked to stop. The first time
        cancels the runs and submits no more, the second cancels them again.
    """
    standings = [Standing(step=step_of(index)) for index in range(count)]
    queue = deque(range(count))
    running: dict[int, Any] = {}
    cancelled = 0
    while True:
        # Before the back end is asked, so that `tick` sees one that waits to try again.
        while queue and len(running) < limit and not cancelled:
            index = queue.popleft()
            begun = has_begun(index)
            running[index] = backend.submit(command_of(index))
            standings[index] = standings[index]._replace(
                state="running", has_begun=begun
            )
        for index, handle in list(running.items()):
            code = backend.poll(handle)
            if code is None:
                continue
            del running[index]
            allowed = inf if cancelled else retries  # what we ended did not fail
            standings[index] = after(standings[index], code, step_of(index), allowed)
            if standings[index].state == "waiting":
                queue.append(index)
        refused = any(standing.state == "refused" for standing in standings)
        asked = max(tick(standings), int(refused))
        for _ in range(cancelled, asked):
            for handle in running.values():
                backend.cancel(handle)
        cancelled = max(cancelled, asked)
        if not running and (cancelled or not queue):
            return standings
