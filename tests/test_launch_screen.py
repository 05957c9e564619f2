"""What is shown of a sweep: a table that fits, plain lines, views of run folders."""

import io
import json

import pytest
from rich.console import Console

from ganjax.record.files import write_json
from ganjax.record.status import write_status
from launch import watch
from launch.pool import Standing
from launch.runs import View, look, saved_step
from launch.screen import Screen, align, describe, summary, table


def many(count=200):
    states = ["running", "done", "failed", "diverged"] + ["waiting"] * 6
    return {
        f"{i:03d}_relativistic_average_seed={i}_learning_rate=0.0002": View(
            states[i % len(states)],
            100 * i,
            50_000,
            "RuntimeError: a long message [red] that a terminal has no room for" * 2,
            rate=1234.5,
            measure=("high_quality", 0.987654),
        )
        for i in range(count)
    }


def render(views, ended=(), *, width=80, height=24):
    console = Console(file=io.StringIO(), width=width, height=height)
    header = summary("sweeps/a_long_name_of_a_sweep", views, 12_345.0)
    console.print(table(header, views, ended, width=width, height=height - 1))
    return console.file.getvalue().splitlines()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (40, 10), (200, 60), (80, 2)])
def test_table_never_exceeds_the_screen(width, height):
    lines = render(many(), width=width, height=height)
    assert len(lines) <= height - 1
    assert max(map(len, lines)) <= width


def test_table_fills_the_screen_with_running_points_first():
    lines = render(many(), ["002_relativistic_average_seed=2_learning_rate=0.0002"])
    assert len(lines) == 23  # a terminal of 24 lines, one of them the cursor's
    assert lines[0].startswith("sweeps/a_long_name_of_a_sweep: 200 runs, 20 done, 20")
    assert lines[1].endswith("left 3:25:45")
    assert lines[2].split() == ["run", "state", "step", "steps/s", "measure"]
    assert all(" running " in line for line in lines[3:])
    more = render(many(40), ["002_relativistic_average_seed=2_learning_rate=0.0002"])
    assert [line.split()[1] for line in more[3:9]] == [
        *["running"] * 4,
        *("failed", "diverged"),  # run 2, then backwards from run 33
    ]


def test_small_sweep_shows_all_but_waiting_points():
    views = {
        "a": View("waiting", 0, 10),
        "b": View("done", 10, 10, measure=("high_quality", 0.5)),
        "c": View("running", 5, 10, rate=12.34),
    }
    lines = [line.split() for line in render(views)[2:]]
    assert lines == [
        ["run", "state", "step", "steps/s", "measure"],
        ["c", "running", "5/10", "12.3"],
        ["b", "done", "10/10", "high_quality", "0.5"],
    ]


def test_summary_counts_states_and_steps():
    views = many(10)
    # 100 * (0 + ... + 9) steps of 10 * 50,000; 3,725 s are 1 h 2 min 5 s
    assert summary("s", views, 3_725.0) == (
        "s: 10 runs, 1 done, 1 running, 6 waiting, 1 diverged, 1 failed",
        "steps 4500/500.0k, left 1:02:05",
    )


def test_one_point_is_no_points():
    views = {"a": View("done", 5, 5)}
    assert summary("s", views, None)[0] == "s: 1 run, 1 done"


def test_plain_lines_are_one_per_change(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    views = {"a": View("waiting", 0, 10), "b": View("done", 10, 10)}
    with Screen("s", dict(views)) as screen:
        screen.update(views)
        views["a"] = View("running", 0, 10)
        screen.update(views)
        screen.update(views)
        views["a"] = View("failed", 4, 10, "OSError: no disk")
        screen.update(views)
    assert capsys.readouterr().err.splitlines() == [
        "s: 2 runs, 1 done, 1 waiting; steps 10/20",
        "a: running at 0/10",
        "a: failed at 4/10, OSError: no disk",
    ]


def test_align():
    assert align([("a", "bc", ""), ("def", "g", "x")]) == "a    bc\ndef  g   x"


def metrics(folder, *records):
    lines = [json.dumps(record) + "\n" for record in records]
    (folder / "metrics.jsonl").write_text("".join(lines))


def test_view_of_a_running_run(tmp_path):
    write_status(tmp_path, state="running", step=0, steps=100)
    metrics(
        tmp_path,
        {"step": 10, "seconds": 4.0, "loss": 1.0},
        {"step": 10, "seconds": 4.0, "evaluation/reverse_kl": 3.0},
        {"step": 20, "seconds": 6.0, "loss": None},
        {"step": 20, "seconds": 6.0, "evaluation/high_quality": 0.25},
        {"step": 30, "seconds": 8.0, "loss": 1.0},
    )
    # (30 - 10) steps in (8 - 4) seconds
    expected = View("running", 30, 100, "", 5.0, ("high_quality", 0.25))
    assert look(tmp_path, 100) == expected
    assert describe(expected) == "running at 30/100, 5 steps/s, high_quality 0.25"
    assert saved_step(tmp_path) == 0


def test_view_of_a_finished_run_needs_its_evaluation(tmp_path):
    write_status(tmp_path, state="done", step=100, steps=100)
    assert look(tmp_path, 100).state == "stopped"
    evaluation = {"step": 100, "samples": 9, "metrics": {"high_quality": 0.5}}
    write_json(tmp_path / "evaluation.json", evaluation)
    view = look(tmp_path, 100)
    assert view == View("done", 100, 100, "", None, ("high_quality", 0.5))
    assert saved_step(tmp_path) == 100
    for step, steps in ((100, 50), (99, 100), (3, 3)):
        write_status(tmp_path, state="done", step=step, steps=steps)
        view = look(tmp_path, 100)
        assert view.state == "stopped"
        assert view.message == f"status.json says done at {step} of {steps} steps"


@pytest.mark.parametrize(
    ("found", "better", "key"),
    [
        ({"precision": 0.9, "unevenness": 2.0}, "one", ("unevenness", 2.0)),
        ({"unevenness": 2.0, "coverage": 0.5}, "one", ("coverage", 0.5)),
        ({"unevenness": 2.0}, None, None),  # as an older folder has it
    ],
)
def test_view_of_a_run_with_a_measure_of_its_own(tmp_path, found, better, key):
    write_status(tmp_path, state="done", step=7, steps=7)
    said = {"better": {"unevenness": better}} if better else {}
    evaluation = {"step": 7, "samples": 9, "metrics": found}
    write_json(tmp_path / "evaluation.json", evaluation | said)
    assert look(tmp_path, 7) == View("done", 7, 7, measure=key)


def test_view_of_other_folders(tmp_path):
    assert look(tmp_path / "nothing", 7) == View("waiting", 0, 7)
    (tmp_path / "status.json").write_text("{torn")
    damaged = look(tmp_path, 7)
    assert (damaged.state, damaged.step) == ("unreadable", 0)
    assert damaged.message.startswith(f"{tmp_path}/status.json: not JSON")
    write_status(tmp_path, state="diverged", step=3, steps=7, message="loss not finite")
    assert look(tmp_path, 7) == View("diverged", 3, 7, "loss not finite")


def test_run_that_ended_well_must_say_so_itself(tmp_path):
    log = tmp_path / "log"
    judged = watch._judge(look(tmp_path / "run", 7), Standing("done"), log)
    assert judged.state == "failed"
    assert judged.message == "it ended with 0, but its status is waiting"
    write_status(tmp_path, state="done", step=3, steps=3)
    judged = watch._judge(look(tmp_path, 7), Standing("done"), log)
    words = "it ended with 0, but status.json says done at 3 of 3 steps"
    assert (judged.state, judged.message) == ("failed", words)
    write_json(tmp_path / "evaluation.json", {"metrics": {}})
    write_status(tmp_path, state="done", step=7, steps=7)
    assert watch._judge(look(tmp_path, 7), Standing("done"), log).state == "done"
