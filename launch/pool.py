"""Decides what runs next: exit codes in, submissions out. Knows no process."""

from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

from ganjax.config.exits import Exit
from launch.backend import Backend, Task

_FINAL: dict[int, str] = {
    Exit.DONE: "done",
    Exit.DIVERGED: "diverged",
    Exit.REFUSED: "refused",
}
_PATIENCE = 2  # preemptions in a row without a step that cost no retry


class Trial(NamedTuple):
    """Where a point stands in this launch.

    `state` is waiting, running, done, diverged, failed or refused (its config cannot be
    used, so the others' cannot either).
    """

    state: str = "waiting"
    step: int = 0  # when it last started or ended
    failures: int = 0
    stalled: int = 0  # preemptions in a row without a step
    has_begun: bool = False  # there was a folder when it last started


def after(trial: Trial, code: int, step: int, retries: float) -> Trial:
    """A running trial, once its run ended with an exit code at a step.

    A run that is refused before it has begun tells of its config or data, which are the
    others' too; one that has begun, of its own folder.
    """
    if code == Exit.REFUSED and trial.has_begun:
        return trial._replace(state="failed", step=step)
    final = _FINAL.get(code)
    if final:
        return trial._replace(state=final, step=step)
    if code == Exit.STOPPED:
        stalled = 0 if step > trial.step else trial.stalled + 1
        if stalled < _PATIENCE:
            return trial._replace(state="waiting", step=step, stalled=stalled)
    failures = trial.failures + 1
    state = "waiting" if failures <= retries else "failed"
    return Trial(state, step, failures)


def run_all(
    tasks: Sequence[Task],
    backend: Backend,
    *,
    limit: int,
    retries: int,
    step_of: Callable[[int], int],
    has_begun: Callable[[int], bool],
    tick: Callable[[Sequence[Trial]], int],
) -> list[Trial]:
    """Runs all tasks, at most `limit` at a time; returns how each ended.

    A trial that is still waiting at the end was stopped before its own end.

    Args:
      step_of: the step that the run of a task has saved.
      has_begun: whether the run of a task has a folder already.
      tick: called between two rounds of asking the jobs, with how the trials stand;
        waits a little, and returns how often the user has asked to stop. The first time
        cancels the jobs and submits no more, the second cancels them again.
    """
    trials = [Trial(step=step_of(index)) for index in range(len(tasks))]
    queue = deque(range(len(tasks)))
    jobs: dict[int, Any] = {}
    cancelled = 0
    while True:
        # Before the jobs are asked, so that `tick` sees one that waits to try again.
        while queue and len(jobs) < limit and not cancelled:
            index = queue.popleft()
            begun = has_begun(index)
            jobs[index] = backend.submit(tasks[index])
            trials[index] = trials[index]._replace(state="running", has_begun=begun)
        for index, job in list(jobs.items()):
            code = backend.poll(job)
            if code is None:
                continue
            del jobs[index]
            allowed = inf if cancelled else retries  # what we ended did not fail
            trials[index] = after(trials[index], code, step_of(index), allowed)
            if trials[index].state == "waiting":
                queue.append(index)
        refused = any(trial.state == "refused" for trial in trials)
        asked = max(tick(trials), int(refused))
        for _ in range(cancelled, asked):
            for job in jobs.values():
                backend.cancel(job)
        cancelled = max(cancelled, asked)
        if not jobs and (cancelled or not queue):
            return trials
