"""The page of a run: valid, self-contained, complete, and honest about gaps."""

import json
import math
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ganjax import report
from ganjax.report import curves

VOID = {"br", "img", "input", "meta"}
CONFIG = {
    "ema": {"generator": {"decay": 0.999}},
    "seed": 7,
    "steps": 12_000,
    "data": {"name": "ring", "modes": 8},
    "game": "adversarial",
    "networks": {"discriminator": {"name": "mlp"}, "generator": {"name": "dense"}},
    "objective": {"name": "non_saturating"},
    "penalties": {"r1": {"weight": 0.25, "every": 4}},
}
EVALUATION = {"step": 12_000, "samples": 2500, "metrics": {"reverse_kl": 0.0021}}
STATUS = {"state": "done", "step": 12_000, "steps": 12_000, "message": "all is well"}
ENVIRONMENT = {
    "command": "python -m ganjax.main --config=experiments/ring.py --workdir=runs/a",
    "devices": ["cpu", "cpu"],
    "versions": {"numpy": "2.4.6"},
}


class Page(HTMLParser):
    """Parses a page and fails at the first tag that is not balanced."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.open, self.elements, self.text = [], [], ""
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        assert len(dict(attrs)) == len(attrs), f"an attribute twice in {tag}"
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("script", "style"):
            self.text += data

    def all(self, wanted):
        return [attributes for tag, attributes in self.elements if tag == wanted]

    def charts(self):
        found = (svg.get("data-chart") for svg in self.all("svg"))
        return [json.loads(chart) for chart in found if chart]


def make_record(index, every=100):
    wave = math.sin(index / 9)
    return {
        "step": index * every,
        "seconds": index * 1.5,
        "discriminator/loss": 1.4 + 0.1 * wave,
        "discriminator/adversarial": 1.3 + 0.1 * wave,
        "discriminator/r1": 0.1,
        "discriminator/gradient_norm": math.exp(wave),
        "discriminator/real_score": 1 + wave,
        "discriminator/fake_score": -1 - wave,
        "discriminator/real_accuracy": 0.8,
        "discriminator/fake_accuracy": 0.7,
        "generator/loss": 0.7 - 0.1 * wave,
        "generator/gradient_norm": math.exp(-wave),
        "steps_per_second": 800.0,
    } | ({"evaluation/modes_covered": 8} if index % 40 == 0 else {})


@pytest.fixture
def folder(tmp_path):
    """A folder with the two files that make it a run."""
    path = tmp_path / "ring"
    (path / "samples").mkdir(parents=True)
    write_json(path / "config.json", CONFIG)
    write_metrics(path, [make_record(index) for index in range(1, 121)])
    return path


@pytest.fixture
def complete(folder):
    """The same with all that a run can hold."""
    write_json(folder / "environment.json", ENVIRONMENT)
    write_json(folder / "status.json", STATUS)
    write_json(folder / "evaluation.json", EVALUATION)
    for step in (1000, 6000, 12_000):
        draw(folder, "sample", step)
    return folder


def write_json(path, value):
    path.write_text(json.dumps(value))


def write_metrics(folder, records):
    lines = "".join(json.dumps(record) + "\n" for record in records)
    (folder / "metrics.jsonl").write_text(lines)


def draw(folder, name, step, size=16):
    pixels = np.random.default_rng(step).integers(0, 256, (size, size, 3), np.uint8)
    Image.fromarray(pixels).save(folder / "samples" / f"{name}_{step:08d}.png")


def test_page_is_self_contained_html(complete):
    page = Page(report.write(complete))
    assert page.source.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert not re.search(r"https?:|//\w+\.|@import|url\(", page.source)
    assert not page.all("link")
    assert not page.all("a")
    assert len(page.all("script")) == len(page.all("title")) == len(page.all("h1")) == 1
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))
    assert all(image["alt"] for image in page.all("img"))
    assert "src" not in page.all("script")[0]


def test_page_shows_what_a_run_began_from(complete):
    assert "Begun from" not in Page(report.write(complete)).text
    init = {"folder": "runs/first", "step": 600, "players": {"generator": ["params"]}}
    write_json(complete / "init.json", init)
    page = Page(report.write(complete))
    assert "Begun from" in page.text
    assert "runs/first@600: generator" in page.text


def test_page_shows_all_data(complete):
    page = Page(report.write(complete))
    for shown in (
        *("ring", "non_saturating", "adversarial game", "done", "all is well"),
        *("12\u202f000 of 12\u202f000", "3 min 0 s", "800 steps/s"),
        *("reverse kl", "0.0021", "samples 2\u202f500", "Modes covered"),
        *("Loss", "Discriminator terms", "Score", "Accuracy", "Gradient norm"),
        *("Steps per second", "r1", "6\u202f000", "middle half"),
        *("penalties.r1.weight", "0.25", "networks.generator.name"),
        *("versions.numpy", "2.4.6", "cpu, cpu", "--workdir=runs/a"),
    ):
        assert shown in page.text, shown
    # Both have a fake accuracy, and not the same.
    for words in ("judged rightly; training batches, live weights", "averaged weights"):
        assert words in page.text
    assert len(page.charts()) == 7
    drawn = sum(len(chart["lines"]) for chart in page.charts())
    assert drawn == len(make_record(40)) - 2  # all but step and seconds


def test_players_keep_their_colours(complete):
    page = Page(report.write(complete))
    kinds = {item["class"].split()[0] for item in page.all("li") if "class" in item}
    assert kinds == {"discriminator", "generator", "real", "fake", "ink"}
    colours = [
        re.search(rf"\.{kind}\b[^}}]*{{ --colour: var\((.+)\)", page.source)[1]
        for kind in kinds
    ]
    assert len(set(colours)) == len(kinds)
    for colour in colours:
        assert re.search(rf"{colour}: light-dark\(#\w+, #\w+\);", page.source)


def test_classes_are_named(complete):
    write_json(complete / "data.json", {"classes": ["Ankle boot", "<Bag>"]})
    words = "Classes, in the order of their labels: Ankle boot, <Bag>."
    assert words in Page(report.write(complete)).text


def test_missing_pieces_are_named(folder):
    page = Page(report.write(folder))
    assert "No evaluation yet: run with --mode=evaluate." in page.text
    assert "No pictures yet" in page.text
    assert "environment.json is missing" in page.text
    assert "unknown" in page.text
    assert "12\u202f000" in page.text


def test_speed_is_taken_from_the_time_where_it_is_not_recorded(folder):
    seconds = [5.0, 5.5, 6.0, 6.0]
    names = ("step", "seconds", "generator/loss")
    rows = [(100 * (index + 1), time, 0.5) for index, time in enumerate(seconds)]
    write_metrics(folder, [dict(zip(names, row, strict=True)) for row in rows])
    page = Page(report.write(folder))
    speed = page.charts()[-1]["lines"][0]
    # 100 steps in half a second; the first record is left out, no time has no speed.
    assert (speed["steps"], speed["values"]) == ([200, 300, 400], [200, 200, None])
    assert "200 steps/s" in page.text


def test_strings_of_files_are_escaped(complete):
    evil = "</script><script>alert('1')</script>\"&"
    write_json(complete / "config.json", {"objective": {"name": evil}, evil: [evil]})
    write_json(complete / "environment.json", {"command": evil, evil: {evil: evil}})
    write_json(complete / "status.json", STATUS | {"state": evil, "message": evil})
    write_json(complete / "evaluation.json", {"metrics": {evil: evil}})
    write_metrics(complete, [{"step": 1, f"{evil}/{evil}": 1.0, evil: 2.0}])
    draw(complete, "a<b>&", 5)
    page = Page(report.write(complete))
    assert len(page.all("script")) == 1
    assert page.text.count(evil) >= 10
    assert "A<b>&" in page.text


def test_torn_line_and_nulls(folder):
    records = [make_record(index) for index in range(1, 11)]
    for index in (3, 4, 9):
        records[index]["generator/loss"] = None
    write_metrics(folder, records)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 99999, "generator/lo')
    page = Page(report.write(folder))
    generator = page.charts()[0]["lines"][1]
    assert generator["steps"] == list(range(100, 1001, 100))
    assert [index for index, x in enumerate(generator["values"]) if x is None] == [
        3,
        4,
        9,
    ]
    assert "Gaps: 3 non-finite values." in page.text
    assert "generator non-finite" in page.source
    # Three records, two missing, four records, one missing: the line has two parts.
    line = next(p["d"] for p in page.all("path") if p["d"].count("L") == 5)
    assert line.count("M") == 2


@pytest.mark.parametrize("value", [0.0, -3.5, 1e30, None])
def test_single_record(folder, value):
    names = ("generator/loss", "generator/gradient_norm", "evaluation/fid", "other")
    write_metrics(folder, [{"step": 0, **dict.fromkeys(names, value)}])
    page = Page(report.write(folder))
    assert len(page.charts()) == 4
    assert "nan" not in " ".join(path["d"] for path in page.all("path"))


def test_long_run_stays_small_and_keeps_spikes(complete):
    records = [make_record(index) for index in range(1, 8001)]
    records[5000]["generator/loss"] = 1e4
    write_metrics(complete, records)
    for name in ("sample", "interpolation"):
        for step in range(100, 3100, 100):
            draw(complete, name, step, size=512)
    path = report.write(complete)
    page = Page(path)
    assert path.stat().st_size < 5_000_000
    lines = [line for chart in page.charts() for line in chart["lines"]]
    assert max(len(line["steps"]) for line in lines) <= curves.MAX_POINTS
    assert 1e4 in page.charts()[0]["lines"][1]["values"]
    assert "1, the farthest 10\u202f000 at step 500\u202f100" in page.text
    assert len(page.all("img")) == 2 * 13


def test_newest_picture_is_untouched_and_broken_ones_are_passed_over(complete):
    (complete / "samples" / "sample_00013000.png").write_bytes(b"no picture")
    # A picture of 60,000 x 60,000 pixels, by its head.
    whole = (complete / "samples" / "sample_00012000.png").read_bytes()
    head = b"IHDR" + 2 * (60_000).to_bytes(4) + whole[24:29]
    huge = whole[:12] + head + zlib.crc32(head).to_bytes(4) + whole[33:]
    (complete / "samples" / "sample_00014000.png").write_bytes(huge)
    (complete / "samples" / "sample_00015000.png").mkdir()
    page = Page(report.write(complete))
    assert [image["alt"] for image in page.all("img")] == [
        f"sample at step {step}" for step in ("12\u202f000", "1\u202f000", "6\u202f000")
    ]
    assert page.all("img")[0]["src"].startswith("data:image/png;base64,iVBOR")


def test_pictures_say_what_they_show(complete):
    draw(complete, "nearest", 12_000, size=64)
    page = Page(report.write(complete))
    assert "on its right the training image nearest to it" in page.text
    assert "its reconstruction" not in page.text
