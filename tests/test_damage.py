"""Damaged run folders: one line names the file, and no other run suffers."""

import json
import os
import shutil

import pytest
from fake_runs import write_run, write_sweep
from test_report import Page

from ganjax import report, study
from ganjax.record import files, reading
from ganjax.record.environment import environment
from ganjax.record.recorder import Recorder
from ganjax.report import page
from launch.runs import look, mark_failed, saved_step

FILES = (
    *("status.json", "config.json", "evaluation.json", "environment.json"),
    *("data.json", "metrics.jsonl"),
)
VALUES = (None, True, -1, 0.5, 10**400, 1e999, "text", "\ud800", [1], {"a": 1})


def evaluated(seed):
    return {
        "evaluation": {"high_quality": 0.9 - seed / 10, "fid": None},
        "better": {"high_quality": "highest", "fid": "lowest"},
        "records": 12,
    }


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run with every file."""
    folder = tmp_path_factory.mktemp("damage") / "run"
    write_run(folder, size=4, **evaluated(0))
    files.write_json(folder / "environment.json", environment(["cpu"]))
    data = {"examples": 9, "shape": [4, 4, 3], "classes": ["a", "b"]}
    files.write_json(folder / "data.json", data)
    return folder


@pytest.fixture
def run(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "run")


def swaps(value):
    """The same with something else at each place in turn."""
    yield from VALUES
    if isinstance(value, dict):
        for key in value:
            yield {k: x for k, x in value.items() if k != key}
            yield from ({**value, key: other} for other in swaps(value[key]))
    elif isinstance(value, list):
        for index in range(min(2, len(value))):
            rest = value[index + 1 :]
            yield from ([*value[:index], other, *rest] for other in swaps(value[index]))


def texts(data):
    """What may become of the bytes of a file."""
    yield from (b"", data[: len(data) // 2], b"\xff" + data, b"\0" * 64, b"[" * 100_000)
    lines = data.splitlines(keepends=True)
    yield from (data + b"\n{", b"".join([*lines[:1], b'{"step": nul\n', *lines[1:]]))
    yield b'{"a":' * 40 + b"1" + b"}" * 40


def damages(path):
    """Damages one file in turn in each of these ways."""
    data = path.read_bytes()
    lines = data.splitlines()
    found = json.loads(lines[-1] if path.suffix == ".jsonl" else data)
    yield path.unlink()
    for text in texts(data):
        yield path.write_bytes(text)
    for value in swaps(found):
        text = json.dumps(value).encode() + b"\n"
        yield path.write_bytes(text)
        if path.suffix == ".jsonl":
            yield path.write_bytes(data + text)
    path.unlink()
    yield path.mkdir()
    path.rmdir()
    yield os.mkfifo(path)


def look_at(folder):
    """All that reads a run; nothing but `RunError` may come of it."""
    view = look(folder, 20_000)
    assert isinstance(view.step, int)
    saved_step(folder)
    try:
        found = study.read_run(folder)
        report.encode(page.render(found))
        problems = found.problems
    except study.RunError as error:
        problems = (str(error),)
    assert all(line.startswith(str(folder)) and "\n" not in line for line in problems)
    return " ".join(problems)


@pytest.mark.parametrize("name", FILES)
def test_each_damage_of_a_file_is_a_line_or_harmless(run, name):
    said = set()
    for _ in damages(run / name):
        line = look_at(run)
        assert not line or f"{run}/{name}" in line or "missing" in line
        said.add(line)
    assert len(said) > 5


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("status.json", "{}", "damaged, state is missing"),
        ("status.json", "[" * 100_000, "not JSON, nested more than 32 deep"),
        (
            "evaluation.json",
            '{"metrics": {"fid": [1]}}',
            "must be an object of numbers",
        ),
        (
            "evaluation.json",
            '{"metrics": {"fid": "1"}}',
            "must be an object of numbers",
        ),
        (
            "evaluation.json",
            '{"metrics": {"fid": 1}, "better": {"fid": "less"}}',
            "better must be an object of the words lowest, highest, one, not {'fid'",
        ),
        ("environment.json", "3", "a JSON object is expected, not int"),
        ("data.json", '{"classes": [1]}', "classes must be a list of strings, not [1]"),
        ("metrics.jsonl", "", "holds no record of a run that is done"),
        ("metrics.jsonl", '{"step": null}\n', "1 line holds no record, the first is l"),
        (
            "metrics.jsonl",
            '{"step": 1, "x": 2}\n{"step"\n{"step": 2, "x": [1]}\n{"step": 3}\n',
            "2 lines hold no record, the first is line 2",
        ),
    ],
)
def test_damage_is_named_on_a_page_that_shows_the_rest(run, name, text, words):
    (run / name).write_text(text)
    (problem,) = study.read_run(run).problems
    assert problem.startswith(f"{run}/{name}: ")
    assert words in problem
    shown = Page(report.write(run)).text
    assert problem in shown
    assert "optimizers.generator.learning_rate" in shown


def test_status_with_text_for_a_step_does_not_break_the_launcher(run):
    found = files.read_json(run / "status.json") | {"step": "many"}
    files.write_json(run / "status.json", found)
    view = look(run, 20_000)
    assert view.state == "unreadable"
    words = "status.json: damaged, step must be a whole number, not 'many'"
    assert view.message == f"{run}/{words}"
    assert saved_step(run) == 0
    mark_failed(run, "it was killed")
    assert files.read_json(run / "status.json") == found


@pytest.mark.parametrize("name", FILES)
def test_one_bad_run_leaves_the_page_of_the_others(tmp_path, name):
    runs = [(f"run{seed}", {"seed": seed}, evaluated(seed)) for seed in range(3)]
    folder = write_sweep(tmp_path / "s", runs, size=4)
    (folder / "run1" / name).write_text('{"step": "x", "metrics": [], "classes": 3\n')
    said = report.write_sweep(folder)
    assert said.startswith(f"{folder}/run1/{name}: ")
    assert "\n" not in said
    shown = Page(folder / "report.html").text
    assert said in shown
    left_out = name in (
        "status.json",
        "config.json",
        "evaluation.json",
        "metrics.jsonl",
    )
    assert f"{2 if left_out else 3} of 3 done" in shown


def test_damaged_records_are_dropped_aloud_when_the_run_goes_on(run, capsys):
    path = run / "metrics.jsonl"
    first, *_ = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b'{"step": null}\nnothing\n{"step": 40')
    Recorder(run, step=200).close()
    assert path.read_bytes() == first
    words = "2 lines hold no record, the first is line 2; dropped\n"
    assert capsys.readouterr().err == f"{path}: {words}"


def test_sweep_file_is_refused_in_a_line_however_it_is_damaged(tmp_path):
    folder = write_sweep(tmp_path / "s", [("a", {"seed": 3}, None)])
    said = []
    for _ in damages(folder / "sweep.json"):
        try:
            reading.read_sweep(folder)
        except study.RunError as error:
            said.append(str(error))
    assert len(said) > 100
    assert all(line.startswith(f"{folder}/sweep.json: ") for line in said)
    assert not any("\n" in line for line in said)
