"""`python -m launch` of sweeps whose later points follow from earlier results."""

import re

import pytest
from processes import finish, wait_for
from test_launch import assert_refused, launch, start

from ganjax.record.files import read_json

# A run writes its folder and ends: `steps` is what it would have trained. The best of
# the learning rates is 0.2, and 0.4 diverges; the best one gets three more seeds.
EXPERIMENT = """
import os, sys, time
from pathlib import Path
from ganjax.config import defaults
from ganjax.record.files import write_json
from ganjax.record.status import write_status
from ganjax.study import best_setting

RATE = "optimizers.generator.learning_rate"

def get_config(arg=""):
    config = defaults(data="mixture", network="mlp", objective="hinge")
    config.steps = 3
    given = dict(x.partition("=")[::2] for x in sys.argv if x.startswith("--"))
    if "--workdir" in given:
        act(Path(given["--workdir"]), float(given[f"--config.{RATE}"]))
    return config

def act(folder, rate):
    folder.mkdir(exist_ok=True)
    with (folder / "tries").open("a") as tries:
        tries.write("x")
    write_json(folder / "config.json", {"steps": 3})
    state = "diverged" if rate == 0.4 else "failed" if rate == 0.5 else "done"
    write_status(folder, state=state, step=3, steps=3)
    quality = {"high_quality": 1 - abs(rate - 0.2)}
    (folder / "metrics.jsonl").write_text('{"step": 3, "generator/loss": 1.0}\\n')
    if state == "done":
        write_json(folder / "evaluation.json", {"metrics": quality})
    os._exit({"done": 0, "diverged": 3, "failed": 1}[state])

def sweep(add):
    for rate in (0.1, 0.2, 0.4):
        add(seed=0, **{RATE: rate})

def follow(add, runs):
    asked = Path(__file__).with_name("asked")
    asked.write_text(f"{asked.read_text() if asked.exists() else ''}{len(runs)} ")
    best, *_ = best_setting(runs, "high_quality")
    for seed in range(3):
        add(best.point.arg, **best.point.overrides | {"seed": seed})
"""
ALONE = ("--workdir=sweep", "--pack=off")  # what it is asked is in the command line
SWEEP = ("--config=staged.py", *ALONE)
RESUME = ("resume", *ALONE)
FIRST = ["000_seed=0_learning_rate=0.1", "001_seed=0_learning_rate=0.2"]
FIRST += ["002_seed=0_learning_rate=0.4"]
NEXT = [f"00{seed + 2}_seed={seed}_learning_rate=0.2" for seed in (1, 2)]


@pytest.fixture
def home(tmp_path):
    (tmp_path / "staged.py").write_text(EXPERIMENT)
    return tmp_path


def change(home, old, new):
    source = (home / "staged.py").read_text()
    assert source.count(old) == 1
    (home / "staged.py").write_text(source.replace(old, new))


def stages(home):
    points = read_json(home / "sweep/sweep.json")["points"]
    return {point["folder"]: point["stage"] for point in points}


def asked(home):
    """How many runs there were each time that `follow` was asked."""
    return (home / "asked").read_text().split()


def is_asked(home):
    """Whether `follow` has said so: the file is there before it holds anything."""
    return (home / "asked").exists() and bool(asked(home))


def tries(home):
    return {x.parent.name: x.read_text() for x in (home / "sweep").glob("*/tries")}


def test_points_follow_from_results_and_every_decision_is_recorded(home):
    code, output, errors = launch(home, *SWEEP)
    assert code == 0, errors
    # Seed 0 of the best is there already, and is not run again.
    assert output.splitlines()[:3] == [
        f"sweep: stage 1 adds 2 points, {NEXT[0]} to {NEXT[1]}",
        "sweep: no more points follow",
        "sweep: 4 done, 1 diverged",
    ]
    assert stages(home) == dict.fromkeys(FIRST, 0) | dict.fromkeys(NEXT, 1)
    assert read_json(home / "sweep/sweep.json")["follow"] == "ended"
    assert asked(home) == ["3", "5"]
    assert tries(home) == dict.fromkeys([*FIRST, *NEXT], "x")

    # The same command, `resume` and `report` decide nothing again.
    before = (home / "sweep/sweep.json").read_bytes()
    for arguments in (SWEEP, RESUME):
        code, output, errors = launch(home, *arguments)
        assert (code, "stage" in output) == (0, False), errors
    assert launch(home, "report", "--workdir=sweep")[0] == 0
    assert (home / "sweep/sweep.json").read_bytes() == before
    assert asked(home) == ["3", "5"]
    assert set(tries(home).values()) == {"x"}
    assert "may follow" not in launch(home, "status", "--workdir=sweep")[1]


def test_dry_run_and_status_say_that_more_may_follow(home):
    words = "more points may follow, by follow(add, runs), once all these have ended"
    code, output, _ = launch(home, *SWEEP, "--dry_run")
    assert code == 0
    assert output.splitlines()[4] == words
    assert not (home / "sweep").exists()
    change(home, "(0.1, 0.2, 0.4)", "(0.1, 0.5)")
    assert launch(home, *SWEEP, "--retries=0")[0] == 1
    assert launch(home, "status", "--workdir=sweep")[1].splitlines()[-1] == words


def test_nothing_follows_from_a_sweep_that_failed(home):
    change(home, "(0.1, 0.2, 0.4)", "(0.1, 0.5)")
    code, output, _ = launch(home, *SWEEP, "--retries=0")
    assert (code, output.splitlines()[0]) == (1, "sweep: 1 done, 1 failed")
    assert not (home / "asked").exists()
    change(home, "rate == 0.5", "rate == 0.6")
    code, output, errors = launch(home, *SWEEP)
    assert (code, asked(home)) == (0, ["2", "4"]), errors


def test_launcher_killed_between_two_stages(home):
    change(
        home, "    best, *_ =", "    time.sleep(len(runs) == 3 and 300)\n    best, *_ ="
    )
    process = start(home, *SWEEP)
    wait_for(lambda: is_asked(home), process)
    process.kill()
    finish(process)
    assert stages(home) == dict.fromkeys(FIRST, 0)
    # Another file is not asked, but by the command that names it.
    change(home, "len(runs) == 3 and 300", "0")
    resumed = launch(home, *RESUME)
    assert_refused(resumed, "staged.py is not the file that was launched; to run it as")
    code, output, errors = launch(home, *SWEEP)
    assert code == 0, errors
    assert "stage 1 adds 2 points" in output
    assert asked(home) == ["3", "3", "5"]
    assert set(tries(home).values()) == {"x"}


def test_resume_runs_what_was_decided_and_asks_what_was_not(home):
    assert launch(home, *SWEEP)[0] == 0
    for name in ("asked", f"sweep/{NEXT[1]}/status.json"):
        (home / name).unlink()
    plan = (home / "sweep/sweep.json").read_text().replace('"ended"', '"open"')
    for count in (1, 2):  # the second time it is all that is left to do
        (home / "sweep/sweep.json").write_text(plan)
        code, output, errors = launch(home, *RESUME)
        assert code == 0, errors
        assert output.startswith("sweep: no more points follow\n")
        assert asked(home) == ["5"] * count
        assert tries(home)[NEXT[1]] == "xx"


def test_file_that_was_changed_meanwhile_is_not_asked(home):
    appends = '    with open("staged.py", "a") as file:\n        file.write("#")\n'
    change(home, '    with (folder / "tries")', f'{appends}    with (folder / "tries")')
    code, _, errors = launch(home, *SWEEP)
    said = "launch: error: staged.py is not the file that was launched; to run it as it"
    assert (code, errors.splitlines()[-1].startswith(said)) == (2, True), errors
    assert not (home / "asked").exists()
    assert launch(home, *SWEEP, "--max_parallel=1")[0] == 2  # stage 1 changes it again
    assert asked(home) == ["3"]


def test_errors_in_follow_are_one_line_and_nothing_is_lost(home):
    change(home, "best_setting(runs, ", "best_setting(runs[9:], ")
    code, _, errors = launch(home, *SWEEP)
    assert code == 2
    assert re.fullmatch(
        r"launch: error: staged.py:\d+: ValueError: the best setting of no runs",
        errors.splitlines()[-1],
    )
    change(home, "best_setting(runs[9:], ", "best_setting(runs, ")
    change(home, '"seed": seed}', '"sede": seed}')
    code, _, errors = launch(home, *SWEEP)
    assert code == 2
    said = errors.splitlines()[-1]
    assert said.startswith("launch: error: point 3 (staged.py seed=0 optimizers")
    assert "has no such key" in said
    change(home, '"sede": seed}', '"seed": seed}')
    assert launch(home, *SWEEP)[0] == 0
    assert set(tries(home).values()) == {"x"}


def test_what_follows_cannot_set_what_the_command_sets(home):
    change(home, '"seed": seed}', '"steps": seed + 3}')
    code, _, errors = launch(home, *SWEEP, "--config.steps=3")
    assert code == 2
    assert "--config.steps: the sweep sets it itself, as in seed=0" in errors


def test_sweep_cannot_grow_before_what_followed(home):
    assert launch(home, *SWEEP)[0] == 0
    before = (home / "sweep/sweep.json").read_bytes()
    change(home, "(0.1, 0.2, 0.4)", "(0.1, 0.2, 0.4, 0.3)")
    assert_refused(
        launch(home, *SWEEP),
        "sweep holds points that followed from the first 3, and the sweep has 4 now; ",
    )
    change(home, "(0.1, 0.2, 0.4, 0.3)", "(0.1, 0.3, 0.4)")
    assert_refused(launch(home, *SWEEP), "point 1 (seed=0 optimizers.generator.learn")
    change(home, "(0.1, 0.3, 0.4)", "(0.1, 0.2, 0.4)")
    change(home, "config.steps = 3", "config.steps = 4")
    assert_refused(launch(home, *SWEEP), "steps was 3, is 4; choose another folder")
    change(home, "config.steps = 4", "config.steps = 3")
    # What follows may be changed: what it decided stays.
    change(home, "range(3)", "range(8)")
    code, output, errors = launch(home, *SWEEP)
    assert (code, "stage" in output) == (0, False), errors
    plan = read_json(home / "sweep/sweep.json")
    assert plan.pop("experiment_hash") not in before.decode()
    assert len(plan["points"]) == 5


def test_sweep_that_nothing_followed_from_may_grow(home):
    change(home, "range(3)", "range(1)")
    assert launch(home, *SWEEP)[0] == 0
    assert (stages(home), asked(home)) == (dict.fromkeys(FIRST, 0), ["3"])
    change(home, "(0.1, 0.2, 0.4)", "(0.1, 0.2, 0.4, 0.3)")
    assert launch(home, *SWEEP)[0] == 0
    assert asked(home) == ["3", "4"]


def test_stop_and_cancel_between_two_stages(home):
    change(home, "    best, *_ =", "    time.sleep(300)\n    best, *_ =")
    process = start(home, *SWEEP)
    wait_for(lambda: is_asked(home), process)
    code, _, errors = launch(home, "cancel", "--workdir=sweep")
    assert (code, errors) == (0, "")
    finish(process)
    assert stages(home) == dict.fromkeys(FIRST, 0)
    rows = launch(home, "status", "--workdir=sweep")[1].splitlines()
    assert [row.split()[1] for row in rows[1:4]] == ["done", "done", "diverged"]
