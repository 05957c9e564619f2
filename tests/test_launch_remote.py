"""What is handed over to a scheduler, and what is said of it, without a scheduler."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace

import pytest

from ganjax.config import ConfigError
from ganjax.record.files import read_json, write_json
from ganjax.record.status import write_status
from launch import arrays, lock, session
from launch import sweep as sweeps
from launch.arrays import Handed
from launch.backend import SchedulerError, Task
from launch.remote import Remote, stand
from launch.sweep import Run, Sweep
from launch.views import view_of, views_of

STEPS = 3


class Scheduler:
    """Remembers what it is given; `left` are the tasks that have not ended, by key."""

    def __init__(self, most=1_000, processes=1):
        self.most, self.processes = most, processes
        self.given, self.left, self.cancelled = [], {}, []
        self.is_gone, self.refuses = False, False

    def render(self, array):
        return f"{array.name}: {array.size} tasks"

    def submit(self, array, held):
        if self.refuses:
            raise SchedulerError("no such partition")
        assert json.loads(Path(array.words[-1]).read_text())["key"] is None
        self.given.append(array)
        self.left[array.name] = {i: Task("queued", "soon") for i in range(array.size)}
        return array.name

    def find(self, name):
        self.ask(name)
        return name if name in self.left else None

    def ask(self, key):
        if self.is_gone:
            raise SchedulerError("no answer")
        return self.left.get(key, {})

    def cancel(self, key, *, now=False):
        self.cancelled.append((key, now))
        self.left[key] = {}


@pytest.fixture
def sweep(tmp_path):
    runs = [Run(i, f"r{i}", "", {"seed": i}, "", {"seed": i}) for i in range(5)]
    return Sweep("x.py", "", [], {"steps": STEPS}, runs)


def remote(scheduler, **given):
    ways = {"at_once": None, "most": None, "retries": 1, "wait": False} | given
    return Remote("fake", {"a": 1}, lambda *_: scheduler, **ways)


def run(way, folder, sweep):
    views = views_of(folder, sweep)
    return way.run(folder, sweep, None, views, 0), views


def handed(folder):
    return [read_json(path)["packs"] for path in arrays.paths(folder)]


def ended(folder, name, state, step=STEPS):
    (folder / name).mkdir(exist_ok=True)
    write_status(folder / name, state=state, step=step, steps=STEPS)
    write_json(folder / name / "evaluation.json", {"metrics": {}})


def test_arrays_hold_no_more_tasks_than_the_scheduler_takes(tmp_path, sweep):
    scheduler = Scheduler(most=2)
    rest, views = run(remote(scheduler), tmp_path, sweep)
    assert handed(tmp_path) == [[["r0"], ["r1"]], [["r2"], ["r3"]], [["r4"]]]
    assert [array.size for array in scheduler.given] == [2, 2, 1]
    assert len({array.name for array in scheduler.given}) == 3
    assert (rest.why, rest.code) == ("with fake", 0)
    assert {view.state for view in views.values()} == {"waiting"}


@pytest.mark.parametrize(
    ("given", "processes", "packs"),
    [
        ({}, 1, [["r0"], ["r1"], ["r2"], ["r3"], ["r4"]]),
        ({"at_once": 2}, 1, [["r0", "r1"], ["r2", "r3", "r4"]]),
        ({"most": 3}, 1, [["r0", "r1"], ["r2", "r3", "r4"]]),
        ({"most": 3}, 2, [["r0"], ["r1"], ["r2"], ["r3"], ["r4"]]),  # none is packed
    ],
)
def test_packs(tmp_path, sweep, given, processes, packs):
    scheduler = Scheduler(processes=processes)
    run(remote(scheduler, **given), tmp_path, sweep)
    assert handed(tmp_path) == [packs]
    assert scheduler.given[0].at_once == given.get("at_once")


def test_only_what_nobody_works_on_is_handed_over(tmp_path, sweep):
    scheduler = Scheduler()
    run(remote(scheduler, most=3), tmp_path, sweep)  # r0 r1 | r2 r3 r4
    [array] = scheduler.given
    ended(tmp_path, "r0", "done")
    ended(tmp_path, "r1", "failed", step=1)
    ended(tmp_path, "r2", "preempted", step=1)
    del scheduler.left[array.name][0]
    _, views = run(remote(scheduler, most=3), tmp_path, sweep)
    assert handed(tmp_path)[1:] == [[["r1"]]]  # alone, as it failed in a pack
    assert views["r2"].message == "soon"
    scheduler.left = {}
    run(remote(scheduler, most=3), tmp_path, sweep)
    # r3 and r4 have no folder and no task: they failed too. r2 saved.
    assert handed(tmp_path)[2:] == [[["r2"], ["r1"], ["r3"], ["r4"]]]


def test_how_a_run_stands(tmp_path, sweep):
    scheduler = Scheduler()
    run(remote(scheduler, most=3), tmp_path, sweep)
    [array] = scheduler.given
    (tmp_path / "logs/r2+2.log").write_text("a\nganjax: error: no disk\n\n")
    for name in ("r0", "r2"):
        ended(tmp_path, name, "running", step=1)

    def stands():
        found = arrays.ask(tmp_path, lambda *_: scheduler)
        views = [
            stand(tmp_path, x, view_of(tmp_path, sweep, x), found) for x in sweep.runs
        ]
        return [(view.state, view.message) for view in views], found.unknown

    scheduler.left[array.name] = {0: Task("running")}
    died = ("failed", "no disk")
    assert stands() == ([*[("running", "")] * 2, died, died, died], [])
    path = arrays.paths(tmp_path)[0]
    write_json(path, read_json(path) | {"cancelled": True})
    waiting = ("waiting", "")
    assert stands()[0][2:] == [("stopped", ""), waiting, waiting]
    scheduler.is_gone = True
    known, [line] = stands()
    assert known == [("running", ""), waiting, ("running", ""), waiting, waiting]
    assert line == (
        f"fake cannot be asked for {array.name}, of {path}: no answer; where no task "
        "of it is left, nor will come, remove the file"
    )


def test_what_is_not_known_is_not_handed_over(tmp_path, sweep):
    scheduler = Scheduler()
    run(remote(scheduler), tmp_path, sweep)
    scheduler.is_gone = True
    with pytest.raises(ConfigError, match=r"fake cannot be asked for ganjax-\w+-1-"):
        run(remote(scheduler), tmp_path, sweep)
    assert len(scheduler.given) == 1


def test_a_scheduler_that_is_not_there_is_given_nothing(tmp_path, sweep):
    scheduler = Scheduler()
    scheduler.is_gone = True
    with pytest.raises(ConfigError, match=r"^fake: no answer$"):
        run(remote(scheduler), tmp_path, sweep)
    assert arrays.paths(tmp_path) == []


def test_a_file_that_was_removed_names_no_other_array(tmp_path, sweep):
    scheduler = Scheduler()
    run(remote(scheduler), tmp_path, sweep)
    [path] = arrays.paths(tmp_path)
    path.unlink()
    run(remote(scheduler), tmp_path, sweep)
    assert path not in arrays.paths(tmp_path)
    assert len(scheduler.given) == 2


def test_a_back_end_that_is_gone_is_said_of_its_arrays(tmp_path, sweep):
    run(remote(Scheduler()), tmp_path, sweep)
    (tmp_path / "r0").mkdir()
    ended(tmp_path, "r0", "running", step=1)

    def no_such(*_):
        raise ConfigError("--backend: x.py: FileNotFoundError")

    found = arrays.ask(tmp_path, no_such)
    assert "x.py: FileNotFoundError; where no task of it is left" in found.unknown[0]
    assert stand(
        tmp_path, sweep.runs[0], view_of(tmp_path, sweep, sweep.runs[0]), found
    )
    with pytest.raises(ConfigError, match="cannot be asked"):
        arrays.check_idle(tmp_path, no_such)


def test_a_refusal_leaves_nothing(tmp_path, sweep):
    scheduler = Scheduler()
    scheduler.refuses = True
    with pytest.raises(ConfigError, match=r"^fake: no such partition$"):
        run(remote(scheduler), tmp_path, sweep)
    assert arrays.paths(tmp_path) == []


def test_an_array_of_a_launcher_that_died_is_found_or_forgotten(tmp_path, sweep):
    scheduler = Scheduler()
    run(remote(scheduler), tmp_path, sweep)
    path = arrays.paths(tmp_path)[0]
    whole = read_json(path)
    write_json(path, whole | {"key": None})
    run(remote(scheduler), tmp_path, sweep)
    assert read_json(path) == whole
    assert len(scheduler.given) == 1
    lost = Handed("fake", {}, "ganjax-lost", [["r0"]], "/", None, 1)
    write_json(tmp_path / "arrays/2-abcdef.json", asdict(lost))
    run(remote(scheduler), tmp_path, sweep)
    assert arrays.paths(tmp_path) == [path]


def test_a_cancelled_array_is_marked_before_it_is_cancelled(tmp_path, sweep):
    scheduler = Scheduler()
    run(remote(scheduler), tmp_path, sweep)
    path = arrays.paths(tmp_path)[0]
    seen = []
    before = scheduler.cancel

    def cancel(key, *, now):
        seen.append(read_json(path)["cancelled"])
        before(key, now=now)

    scheduler.cancel = cancel
    arrays.cancel(tmp_path, lambda *_: scheduler)
    assert (seen, scheduler.cancelled) == ([True], [(scheduler.given[0].name, False)])


def test_status_of_what_a_launcher_trains_after_a_scheduler_had_it(tmp_path, sweep):
    scheduler = Scheduler()
    run(remote(scheduler), tmp_path, sweep)
    sweeps.write(tmp_path, sweep)
    ended(tmp_path, "r0", "running", step=1)
    scheduler.left = {}

    def states():
        rows = session.status(tmp_path, lambda *_: scheduler).splitlines()[1:]
        return [row.split()[1] for row in rows]

    assert states() == ["failed"] * 5
    with lock.hold(tmp_path):
        assert states() == ["running", *["waiting"] * 4]


def test_a_damaged_array_is_named(tmp_path):
    (tmp_path / "arrays").mkdir()
    for text in ("", "{}", '{"packs": 3}'):
        (tmp_path / "arrays/1-abcdef.json").write_text(text)
        with pytest.raises(
            ConfigError, match=r"1-abcdef\.json is damaged; where no task"
        ):
            arrays.ask(tmp_path, lambda *_: SimpleNamespace())


def test_who_waits_is_told_that_somebody_cancelled(tmp_path, sweep):
    class Cancelled(Scheduler):
        def submit(self, array, held):
            arrays_of[Path(array.words[-1])] = array.name
            return super().submit(array, held)

        def ask(self, key):
            for path, name in arrays_of.items():
                if read_json(path)["key"] == name:  # while the launcher waits
                    write_json(path, read_json(path) | {"cancelled": True})
                    self.left[name] = {}
            return super().ask(key)

    arrays_of = {}
    rest, views = run(remote(Cancelled(), wait=True), tmp_path, sweep)
    assert {view.state for view in views.values()} == {"waiting"}
    assert (rest.why, rest.code) == ("stopped", 75)
    assert rest.then == f"to resume: python -m launch resume --workdir={tmp_path}"


def test_a_task_of_a_folder_that_this_node_does_not_see_is_tried_again(tmp_path):
    words = ["-m", "launch.task", str(tmp_path / "arrays/1-abcdef.json"), "0"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    said = f"launch.task: error: there is no {tmp_path}/arrays/1-abcdef.json on "
    assert done.stderr.startswith(said)


def test_a_task_that_there_is_not_is_refused(tmp_path, sweep):
    run(remote(Scheduler()), tmp_path, sweep)
    sweeps.write(tmp_path, sweep)
    words = ["-m", "launch.task", str(arrays.paths(tmp_path)[0]), "5"]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    assert done.returncode == 2
    assert ".json has no task 5" in done.stderr
