"""What runs next, decided from exit codes: a back end without processes."""

from pathlib import Path

import pytest

from launch.backend import Command
from launch.pool import Standing, after, run_all

RUNNING = Standing("running", step=10)


@pytest.mark.parametrize(
    ("code", "step", "expected"),
    [
        (0, 20, Standing("done", 20)),
        (3, 15, Standing("diverged", 15)),
        (2, 0, Standing("refused", 0)),
        (75, 15, Standing("waiting", 15)),
        (75, 10, Standing("waiting", 10, stalled=1)),
        (1, 12, Standing("waiting", 12, failures=1)),
        (-9, 12, Standing("waiting", 12, failures=1)),
        (-11, 10, Standing("waiting", 10, failures=1)),
        (130, 10, Standing("waiting", 10, failures=1)),
    ],
)
def test_exit_code_decides(code, step, expected):
    assert after(RUNNING, code, step, retries=1) == expected


def test_run_that_had_begun_is_refused_for_its_own_folder():
    begun = RUNNING._replace(has_begun=True)
    assert after(begun, 2, 10, retries=5).state == "failed"
    # Its folder was new, and the disk was taken away while it trained.
    assert after(RUNNING, 2, 11, retries=5).state == "failed"


def fold(codes_and_steps, retries):
    standing = RUNNING
    for code, step in codes_and_steps:
        standing = after(standing._replace(state="running"), code, step, retries)
    return standing


def test_failures_beyond_the_budget_are_final():
    assert fold([(1, 10)] * 2, retries=2).state == "waiting"
    assert fold([(1, 10)] * 3, retries=2) == Standing("failed", 10, failures=3)
    assert fold([(1, 10)], retries=0).state == "failed"


def test_preemptions_with_progress_are_free():
    steps = range(11, 60)
    standing = fold([(75, step) for step in steps], retries=0)
    assert standing == Standing("waiting", 59)


def test_every_second_preemption_in_a_row_without_progress_is_charged():
    assert fold([(75, 10)] * 2, retries=1) == Standing("waiting", 10, failures=1)
    assert fold([(75, 10)] * 3, retries=1).failures == 1
    assert fold([(75, 10)] * 4, retries=1) == Standing("failed", 10, failures=2)
    # A step in between makes the next one the first again.
    standing = fold([(75, 10), (75, 11), (75, 11)], retries=0)
    assert standing == Standing("waiting", 11, stalled=1)


class Fake:
    """Runs end after one round each, with the codes that the test wrote down."""

    def __init__(self, codes, *, rounds=1):
        self.codes = {name: list(of_one) for name, of_one in codes.items()}
        self.rounds = rounds
        self.running = {}
        self.submitted, self.cancelled, self.most = [], [], 0

    def submit(self, command):
        (name,) = command.words
        assert name not in self.running
        self.running[name] = self.rounds
        self.submitted.append(name)
        self.most = max(self.most, len(self.running))
        return name

    def poll(self, name):
        self.running[name] -= 1
        if self.running[name] > 0:
            return None
        del self.running[name]
        return self.codes[name].pop(0)

    def cancel(self, name):
        self.cancelled.append(name)
        self.running[name] = 1
        self.codes[name] = [-9] if name in self.cancelled[:-1] else [75]


def run(fake, *, limit=2, retries=1, asked=(), steps=None, begun=()):
    """Runs all; `asked` is what each tick returns, the last again and again."""
    names = sorted(fake.codes)
    asked = list(asked) or [0]
    seen = []

    def tick(standings):
        seen.append([standing.state for standing in standings])
        assert len(seen) < 1_000
        return asked[min(len(seen) - 1, len(asked) - 1)]

    steps = steps or dict.fromkeys(names, 0)
    standings = run_all(
        len(names),
        fake,
        command_of=lambda index: Command([names[index]], Path(names[index])),
        limit=limit,
        retries=retries,
        step_of=lambda index: steps[names[index]],
        has_begun=lambda index: names[index] in begun,
        tick=tick,
    )
    return dict(zip(names, (t.state for t in standings), strict=True)), seen


def test_all_run_in_order_and_no_more_than_the_limit_at_a_time():
    fake = Fake({name: [0] for name in "abcde"}, rounds=3)
    states, seen = run(fake, limit=2)
    assert states == dict.fromkeys("abcde", "done")
    assert fake.submitted == list("abcde")
    assert fake.most == 2
    assert seen[0] == ["running"] * 2 + ["waiting"] * 3


def test_failed_run_is_retried_behind_the_others_and_does_not_stop_them():
    fake = Fake({"a": [1, 1], "b": [-9, 0], "c": [3], "d": [0]})
    states, _ = run(fake, limit=1)
    assert states == {"a": "failed", "b": "done", "c": "diverged", "d": "done"}
    assert fake.submitted == ["a", "b", "c", "d", "a", "b"]


def test_preempted_run_comes_back_without_charge():
    states, _ = run(Fake({"a": [75, 1, 0]}), retries=1)
    assert states == {"a": "done"}


def test_refused_run_stops_the_sweep_and_the_running_ones_save():
    fake = Fake({"a": [2], "b": [0], "c": [0]}, rounds=1)
    submit = fake.submit

    def slow_b(command):
        name = submit(command)
        if name == "b":
            fake.running["b"] = 1_000
        return name

    fake.submit = slow_b
    states, _ = run(fake, limit=2)
    assert states == {"a": "refused", "b": "waiting", "c": "waiting"}
    assert fake.submitted == ["a", "b"]
    assert fake.cancelled == ["b"]


def test_run_whose_folder_is_refused_does_not_stop_the_others():
    states, _ = run(Fake({"a": [2], "b": [0], "c": [0]}), limit=1, begun=["a"])
    assert states == {"a": "failed", "b": "done", "c": "done"}


def test_stop_cancels_once_and_submits_no_more():
    fake = Fake({name: [0] for name in "abc"}, rounds=1_000)
    states, _ = run(fake, asked=[0, 0, 1])
    assert states == dict.fromkeys("abc", "waiting")
    assert fake.submitted == ["a", "b"]
    assert fake.cancelled == ["a", "b"]


def test_second_stop_cancels_again():
    fake = Fake({"a": [0]}, rounds=1_000)
    slow = fake.cancel

    def deaf(name):
        slow(name)
        if len(fake.cancelled) < 2:
            fake.running[name] = 1_000

    fake.cancel = deaf
    states, _ = run(fake, asked=[0, 1, 1, 2], retries=0)
    assert fake.cancelled == ["a", "a"]
    assert states == {"a": "waiting"}


def test_what_ended_before_the_stop_stays_done():
    states, _ = run(Fake({"a": [0], "b": [0]}), limit=1, asked=[1])
    assert states == {"a": "done", "b": "waiting"}


def test_no_command_is_no_work():
    assert run(Fake({})) == ({}, [[]])
