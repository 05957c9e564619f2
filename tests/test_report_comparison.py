"""The comparison page: groups, differences, curves, the study, and files beside it."""

import csv
import errno
import json
import math
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from fake_runs import COMMON, write_run, write_sweep
from test_report import Page

from ganjax import report
from ganjax.report import __main__ as command
from ganjax.report import comparison, curves, differences, overlays, sweeps, text
from ganjax.report.sweeps import SweepRun
from ganjax.study import Run

FAKE = Run(Path("run"), {}, {}, {}, {}, {}, {})
WASSERSTEIN = {
    "objective.name": "wasserstein",
    "optimizers.generator.name": "rmsprop",
    "penalties.wgan_gp.weight": 10.0,
}
STUDY = """
def study(runs):
    import numpy as np
    from ganjax.study import Figure, Table, group_by, measure, plot
    for name, group in group_by(runs, "objective.name").items():
        rows = [(run.workdir.name, measure(run, "high_quality")) for run in group]
        yield Table(f"Table of {name}", ("run", "value <&>"), rows, note="A note.")
    for title in ("Lines", "Lines"):
        figure, axes = plot(1, 2)
        axes[0].plot([1, 2, 3], label="one")
        axes[0].legend()
        axes[1].semilogy([1, 10, 100], "k")
        yield Figure(title, figure)
    dense, axes = plot()
    axes.plot(*np.random.default_rng(0).random((2, 30_000)), rasterized=False)
    axes.lines[0].get_path().should_simplify = False
    yield Figure("Dense", dense)
    yield Figure("Pixels", np.zeros((3, 5), np.uint8))
"""


def run_of(config, state="running", metrics=None, run=None):
    """A run by its config; one with metrics is done."""
    run = run or FAKE
    if metrics is not None:
        state, run = "done", run._replace(evaluation={"metrics": metrics})
    return SweepRun(FAKE.workdir, COMMON | config, state, 0, "", run)


def groups_of(table):
    """One finished run per value: {objective: values by seed}."""
    return comparison.compare(
        [
            run_of({"objective.name": name, "seed": seed}, metrics={"high_quality": x})
            for name, values in table.items()
            for seed, x in values.items()
        ]
    )


def test_columns_are_few():
    configs = [
        {"seed": seed, "record.every": every, **objective}
        for objective in ({}, WASSERSTEIN)
        for seed, every in ((0, 100), (1, 200))
    ]
    found = comparison.compare([run_of(config) for config in configs])
    # The optimizer and the penalty follow from the objective; seeds and what a resumed
    # run may change tell nothing apart.
    assert found.columns == ("objective.name",)
    assert found.others == (
        "penalties",
        "optimizers.generator.name",
        "penalties.wgan_gp.weight",
    )
    assert [group.label for group in found.groups] == ["hinge", "wasserstein"]
    assert [len(group.runs) for group in found.groups] == [2, 2]


def test_charts_are_in_reading_order():
    names = (
        *("generator/loss", "discriminator/loss", "generator/gradient_norm"),
        *("evaluation/real_accuracy", "evaluation/other", "evaluation/high_quality"),
        *("discriminator/real_accuracy", "seconds", "discriminator/real_score"),
    )
    points = (np.array([1.0]), np.array([0.5]))
    run = FAKE._replace(metrics=dict.fromkeys(names, points))
    found = comparison.compare([run_of({}, run=run)])
    charts = overlays.make_overlays(found.groups, found.ranking)
    assert [chart.title for chart in charts] == [
        *("High quality", "Other", "Real accuracy"),
        *("Discriminator loss", "Generator loss"),
        *("Discriminator real accuracy", "Generator gradient norm"),
    ]
    assert [chart.is_log for chart in charts] == [False] * 6 + [True]
    live = "training batches, live weights"
    assert [chart.subtitle for chart in charts] == [
        *["evaluation during training"] * 3,
        *("", "", live, "logarithmic axis"),
    ]


@pytest.mark.parametrize(
    ("other", "apart"),
    [
        ({"objective.name": "wasserstein"}, "objectives"),
        ({"penalties.r1.weight": 1.0}, "penalties"),
        (
            {"objective.margin": 2.0, "penalties.r1.weight": 1.0},
            "objectives and penalties",
        ),
        ({"optimizers.generator.learning_rate": 0.1}, ""),
    ],
)
def test_losses_of_different_objectives_are_said_not_to_compare(other, apart):
    names = ("generator/loss", "generator/gradient_norm", "evaluation/fid")
    points = (np.array([1.0]), np.array([0.5]))
    run = FAKE._replace(metrics=dict.fromkeys(names, points))
    averaged = {"ema.generator.decay": 0.9}
    configs = ({} | averaged, other | averaged)
    found = comparison.compare([run_of(config, run=run) for config in configs])
    charts = overlays.make_overlays(found.groups, found.ranking)
    words = f"not comparable: the {apart} differ"
    assert [chart.subtitle for chart in charts] == [
        "evaluation, averaged weights",
        words if apart else "",
        f"logarithmic axis; {words}" if apart else "logarithmic axis",
    ]


def test_two_folders_of_images_are_two_groups():
    folders = [{"data.directory": name, "seed": 0} for name in ("cats", "dogs")]
    found = comparison.compare([run_of(config) for config in folders])
    assert [group.label for group in found.groups] == [
        "directory cats",
        "directory dogs",
    ]


def test_divergence_is_a_name():
    configs = [
        {"objective.divergence": "kl"},
        {"objective.divergence": "neyman", "penalties.score_drift.weight": 0.01},
        {"objective.divergence": "alpha_above_one", "objective.alpha": 2.0},
    ]
    found = comparison.compare([run_of(config) for config in configs])
    assert found.columns == ("objective.divergence",)
    assert [group.label for group in found.groups] == [
        "kl",
        "neyman",
        "alpha_above_one",
    ]


def test_columns_split_what_names_leave_together():
    rate = "optimizers.generator.learning_rate"
    configs = [{**WASSERSTEIN, rate: x} for x in (0.1 + 0.2, 0.002)] + [{}]
    found = comparison.compare([run_of(config) for config in configs])
    assert found.columns == ("objective.name", rate)
    assert [group.label for group in found.groups] == [
        "wasserstein · learning rate 0.3",
        "wasserstein · learning rate 0.002",
        "hinge · learning rate 0.002",
    ]


def test_penalties_are_named():
    weight = "penalties.r1.weight"
    found = comparison.compare(
        [run_of({}), run_of({weight: 1.0}), run_of({weight: 2.0})]
    )
    assert found.columns == ("penalties", weight)
    assert [group.settings for group in found.groups] == [
        ("none", text.ABSENT),
        ("r1", "1"),
        ("r1", "2"),
    ]
    # A label leaves out what a group lacks.
    assert [group.label for group in found.groups] == [
        "no penalty",
        "r1 · weight 1",
        "r1 · weight 2",
    ]


def test_seeds_alone_make_one_group():
    found = comparison.compare([run_of({"seed": seed}) for seed in range(3)])
    assert (found.columns, found.others, found.names) == ((), (), [])
    assert [group.label for group in found.groups] == ["hinge"]


def test_seeds_say_what_is_missing():
    done = {"metrics": {"high_quality": 1.0}}
    found = comparison.compare(
        [
            run_of({"seed": 0}, **done),
            run_of({"seed": 1}, "diverged"),
            run_of({"seed": 2}, "missing"),
            run_of({"seed": 3}, "missing"),
        ]
    )
    seeds = comparison.seeds(found.groups[0])
    assert seeds.replace("\u00a0", " ") == "1 of 4, 1 diverged, 2 missing"
    whole = found.groups[0]._replace(runs=found.groups[0].runs[:1])
    assert comparison.seeds(whole) == "1"


def test_best_groups():
    found = groups_of({"a": {0: 0.5, 1: 0.7}, "b": {0: 0.9}, "c": {0: 0.9}, "d": {}})
    best = comparison.best(found.groups, "high_quality", found.ranking)
    assert [group.label for group in best] == ["b", "c"]
    # Where all are alike, none is best; nor by a measure without a best value.
    alike = found.groups[1:3]
    assert comparison.best(alike, "high_quality", found.ranking) == []


def test_only_the_best_are_drawn():
    table = {f"o{i}": {0: float(i)} for i in range(comparison.MAX_DRAWN + 3)}
    places = [group.place for group in groups_of(table).groups]
    assert places == [None] * 3 + list(range(comparison.MAX_DRAWN))


def test_measures_are_those_of_all():
    found = comparison.compare(
        [
            run_of({}, metrics={"fid": 1, "high_quality": None, "variance_ratio": 1.5}),
            run_of({}, metrics={"variance_ratio": 1.0, "fid": 2, "other": 3}),
            run_of({}, "running"),
        ]
    )
    assert found.names == ["variance_ratio", "fid"]


def test_paired_difference():
    table = {"a": {0: 0.9, 1: 0.8, 2: 0.7, 5: 0.1}, "b": {1: 0.5, 2: 0.6, 0: 0.7}}
    made = groups_of(table)
    a, b = made.groups
    found = differences.difference(b, a, "high_quality", made.ranking)
    # Shared are seeds 0, 1, 2: -0.2, -0.3 and -0.1.
    assert found.pairs == 3
    assert found.mean == pytest.approx(-0.2)
    low, high = found.interval
    assert -0.3 <= low < -0.2 < high <= -0.1


def test_ratio_is_compared_by_its_distance_from_one():
    ratios = [{"variance_ratio": 2.0}, {"variance_ratio": 0.8}]
    names = ("a", "b")
    found = comparison.compare(
        [
            run_of({"objective.name": name, "seed": seed}, metrics=ratio)
            for name, ratio in zip(names, ratios, strict=True)
            for seed in range(3)
        ]
    )
    a, b = found.groups
    assert comparison.best(found.groups, "variance_ratio", found.ranking) == [b]
    mean = differences.difference(a, b, "variance_ratio", found.ranking).mean
    # |log 2| - |log 0.8| = 0.6931 - 0.2231
    assert mean == pytest.approx(0.4700, abs=1e-4)


def test_curves_are_shortened_by_means():
    steps = np.arange(1.0, 8.0)
    nan = math.nan
    values = np.array([[1, 3, 5, nan, 7, nan, nan], [1, 1, 1, 1, 2, 4, 6]])
    # Three points of 7 records: neighbourhoods of 3, 3 and 1.
    short, means = curves.shorten(steps, values, 3)
    np.testing.assert_array_equal(short, [3, 6, 7])
    np.testing.assert_array_equal(means, [[3, 7, nan], [1, 7 / 3, 6]])
    assert curves.shorten(steps, values, 7)[0] is steps


def test_overlays_of_two_groups():
    runs = [
        FAKE._replace(
            metrics={"generator/loss": (np.array([1.0, 2]), np.array(values))}
        )
        for values in ([1.0, 2.0], [3.0, 2.0])
    ]
    done = [run_of({}, metrics={"high_quality": 1.0}, run=run) for run in runs]
    unfinished = run_of({"objective.name": "b"}, run=runs[0])
    found = comparison.compare([*done, unfinished])
    (chart,) = overlays.make_overlays(found.groups, found.ranking)
    assert chart.title == "Generator loss"
    first, second = chart.series
    np.testing.assert_array_equal(first.values, [2, 2])
    np.testing.assert_array_equal(first.band, [[1, 2], [3, 2]])
    assert (first.label, first.kind, first.dash) == ("hinge", "group-0", 0)
    assert (second.label, second.kind) == ("b", "group-1")
    np.testing.assert_array_equal(second.values, [1, 2])


@pytest.mark.parametrize(
    ("mean", "sd", "shown"),
    [
        (0.95831, 0.0123, "0.958 ± 0.012"),
        (-5.5, 0.7071, "-5.50 ± 0.71"),
        (8.0, 0.0, "8 ± 0"),
        (0.5, math.nan, "0.5"),
        (math.nan, math.nan, "non-finite"),
        (1234.4, 61.3, "1234 ± 61"),
        (2e-8, 3e-9, "2·10⁻⁸ ± 3·10⁻⁹"),
    ],
)
def test_mean_and_deviation(mean, sd, shown):
    made = text.mean_and_sd(mean, sd)
    assert made.replace("\u00a0", " ").replace("\N{MINUS SIGN}", "-") == shown


def evaluated(quality, **options):
    return {"evaluation": {"high_quality": quality, "modes_covered": 8}} | options


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two objectives, four seeds each; some runs are not done."""
    folder = tmp_path_factory.mktemp("sweeps") / "ring"
    experiment = folder.with_name("ring.py")
    experiment.write_text(STUDY)
    runs = [
        (f"{seed}_hinge", {"seed": seed}, evaluated(0.9 + 0.01 * seed))
        for seed in range(4)
    ] + [
        ("4_w", WASSERSTEIN | {"seed": 0}, evaluated(0.5)),
        ("5_w", WASSERSTEIN | {"seed": 1}, evaluated(0.6)),
        ("6_w", WASSERSTEIN | {"seed": 2}, evaluated(0.4)),
        ("7_w", WASSERSTEIN | {"seed": 3}, {"state": "diverged", "records": 30}),
        ("8_w", WASSERSTEIN | {"seed": 4}, None),
    ]
    write_sweep(folder, runs, experiment=f"{experiment}:small")
    (folder / "4_w" / "report.html").write_text("its page")
    assert report.write_sweep(folder) == ""
    return folder


@pytest.fixture(scope="module")
def page(sweep):
    return Page(sweep / "report.html")


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_page_says_what_there_is(page):
    shown = page.text.replace("\u00a0", " ")
    for words in (
        *("7 of 9 done", "1 diverged", "1 missing", "ring.py:small"),
        *("3 of 5, 1 diverged, 1 missing", "0.915 ± 0.013", "0.50 ± 0.10"),
        *("Best by high quality: hinge", "told from 1 of 1 other group."),
        *("worse", "no difference can be told", "seed 3, step 20\u202f000"),
        *("Other settings that differ", "optimizers.generator.name", "rmsprop"),
        *("Table of hinge", "value <&>", "A note.", "Configuration in common"),
    ):
        assert words in shown, words
    assert len(page.charts()) == 8
    assert all(len(chart["lines"]) == 2 for chart in page.charts())


def test_page_needs_nothing_from_outside(page):
    assert not re.search(r"https?:|@import|url\((?!#study)", page.source)
    assert not page.all("link")
    assert all("src" not in script for script in page.all("script"))
    assert all(image["src"].startswith("data:image/") for image in page.all("img"))


def test_links_lead_to_files(page, sweep):
    links = [link["href"] for link in page.all("a")]
    assert all((sweep / link).is_file() for link in links)
    assert "4_w/report.html" in links
    assert {
        link.rpartition("/")[2] for link in links if link.startswith("report/")
    } == {
        *("comparison.csv", "differences.csv", "runs.csv"),
        *("table_of_hinge.csv", "table_of_wasserstein.csv"),
        *("lines.svg", "lines_2.svg", "dense.png", "pixels.png"),
    }


def test_csv_has_every_digit(sweep):
    first, second = rows_of(sweep / "report" / "comparison.csv")
    assert float(first["high_quality_mean"]) == pytest.approx(0.915)
    # Deviations -0.015, -0.005, 0.005, 0.015: 5e-4 / 3.
    assert float(first["high_quality_sd"]) == pytest.approx(math.sqrt(5e-4 / 3))
    assert (second["seeds"], second["done"]) == ("5", "3")
    by_measure = rows_of(sweep / "report" / "differences.csv")
    difference = by_measure[0]
    assert (difference["group"], difference["against"]) == ("wasserstein", "hinge")
    # 0.5 - 0.9, 0.6 - 0.91 and 0.4 - 0.92.
    assert float(difference["difference"]) == pytest.approx(-0.41)
    runs = rows_of(sweep / "report" / "runs.csv")
    states = [run["state"] for run in runs]
    assert states == ["done"] * 7 + ["diverged", "missing"]
    assert [run["high_quality"] for run in runs[-2:]] == ["", ""]
    table = (sweep / "report" / "table_of_hinge.csv").read_text().splitlines()
    assert table[:2] == ["run,value <&>", "0_hinge,0.9"]


def test_figures_take_the_colours_of_the_page(page, sweep):
    inline = page.source[page.source.index('class="plot"') :]
    assert "var(--series-0)" in inline
    assert 'fill="currentColor"' in inline
    assert not re.search(r"#0067a5|stroke: #000000", inline)
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    used = {x["xlink:href"] for x in page.all("use")}
    assert used
    assert used <= {f"#{name}" for name in ids}
    alone = (sweep / "report" / "lines.svg").read_text()
    assert "#0067a5" in alone
    assert "<dc:date>" not in alone


def test_page_is_written_alike_twice(page, sweep, tmp_path):
    report.write_sweep(sweep, sweep / "again.html")
    again = (sweep / "again.html").read_text()
    assert again.replace('href="again/', 'href="report/') == page.source


def test_a_sweep_of_older_names_is_compared_by_names_of_today(tmp_path):
    settings = [
        {"schedule.name": "alternating", "penalties.real_gradient.weight": 1.0},
        {"schedule.name": "simultaneous"},
    ]
    runs = [(str(index), config, None) for index, config in enumerate(settings)]
    old = sweeps.read_sweep(write_sweep(tmp_path / "old", runs))
    found = comparison.compare(old.runs)
    assert found.columns == ("penalties",)
    assert found.others == ("play.name", "penalties.r1.weight")
    assert [group.label for group in found.groups] == ["r1", "no penalty"]


def test_sweep_that_has_not_begun(tmp_path):
    runs = [("a", {"seed": 0}, None), ("b", {"seed": 1}, None)]
    folder = write_sweep(tmp_path / "new", runs, experiment="no/such.py")
    assert report.write_sweep(folder) == ""
    page = Page(folder / "report.html")
    for words in (
        *("0 of 2 done", "2 missing", "There is no file no/such.py here"),
        *("No run is done", "No metrics yet", "No pictures yet"),
    ):
        assert words in page.text, words


def test_broken_run_is_named(tmp_path):
    runs = [("a", {"seed": s}, evaluated(0.5)) for s in (0,)] + [
        ("b", {"seed": 1}, evaluated(0.5)),
        ("c", {"seed": 2}, {"evaluation": None}),
    ]
    folder = write_sweep(tmp_path / "broken", runs)
    (folder / "b" / "evaluation.json").write_text("{")
    said = report.write_sweep(folder).splitlines()
    assert said[0].startswith(f"{folder}/b/evaluation.json: not JSON")
    assert said[1:] == [f"{folder}/c: done, but without an evaluation"]
    shown = Page(folder / "report.html").text.replace("\u00a0", " ")
    assert "1 of 3, 2 unreadable" in shown
    assert "evaluation.json: not JSON" in shown
    assert "c: done, but without an evaluation" in shown


def test_runs_side_by_side(tmp_path):
    folders = [
        write_run(tmp_path / name, {"objective.name": name}, **evaluated(0.5))
        for name in ("hinge", "minimax")
    ]
    output = tmp_path / "pages" / "both.html"
    report.write_comparison(folders, output)
    page = Page(output)
    assert "2 of 2 done" in page.text
    assert "Study" not in page.text
    assert (tmp_path / "pages" / "both" / "comparison.csv").is_file()
    assert "too few pairs to tell" in page.text
    assert "No group is best by high quality." in page.text


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("def study(runs):\n    return runs[0].setting", "bad.py:2: AttributeError"),
        (
            "def study(runs):\n    yield 3",
            "bad.py: study: a study gives Tables and Fig",
        ),
        ("def study(runs)", "SyntaxError"),
        (
            "def study(runs):\n    from ganjax.study import Figure, plot\n"
            "    figure, axes = plot()\n    axes.set_title('$bad')\n"
            "    axes.set_title(r'$\\nonsense$')\n    return [Figure('F', figure)]",
            "bad.py: study: ",
        ),
    ],
)
def test_error_of_a_study_is_one_line_of_the_page(tmp_path, source, reason):
    (tmp_path / "bad.py").write_text(source)
    runs = [("a", {}, evaluated(0.5))]
    folder = write_sweep(tmp_path / "s", runs, experiment=str(tmp_path / "bad.py"))
    problem = report.write_sweep(folder)
    assert reason in problem
    assert "\n" not in problem
    page = Page(folder / "report.html")
    assert problem in page.text
    assert len(page.charts()) == 8


def run_report(*arguments):
    command = [sys.executable, "-m", "ganjax.report", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True)


def test_command_of_a_sweep_with_a_bad_study(tmp_path):
    (tmp_path / "bad.py").write_text("def study(runs):\n    1 / 0\n")
    runs = [("a", {}, evaluated(0.5))]
    folder = write_sweep(tmp_path / "s", runs, experiment=str(tmp_path / "bad.py"))
    done = run_report(folder)
    assert done.returncode == 2
    assert done.stdout == f"{folder}/report.html\n"
    assert done.stderr == (
        f"ganjax.report: {tmp_path}/bad.py:2: ZeroDivisionError: division by zero\n"
    )


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ("{}", "sweep.json: damaged, experiment is missing"),
        ("[", "not JSON"),
        (json.dumps({"points": [], "experiment": "", "overrides": []}), "no"),
    ],
)
def test_what_is_no_sweep_is_refused(tmp_path, plan, reason):
    (tmp_path / "sweep.json").write_text(plan)
    assert sweeps.is_sweep(tmp_path)
    with pytest.raises(report.RunError, match=reason):
        report.write_sweep(tmp_path)


def test_run_with_foreign_files_spoils_no_page(tmp_path):
    runs = [(name, {"seed": s}, evaluated(0.5)) for s, name in enumerate("abc")]
    folder = write_sweep(tmp_path / "foreign", runs)
    (folder / "a" / "evaluation.json").write_text('{"metrics": [1]}')
    (folder / "b" / "metrics.jsonl").write_text('{"step": 5, "loss": "x"}\n')
    report.write_sweep(folder)
    shown = Page(folder / "report.html").text.replace("\u00a0", " ")
    assert "1 of 3, 2 unreadable" in shown
    words = "a/evaluation.json: damaged, metrics must be an object of numbers, not [1]"
    assert words in shown
    words = "b/metrics.jsonl: 1 line holds no record, the first is line 1"
    assert words in shown


def test_runs_without_a_common_measure(tmp_path):
    folders = [
        write_run(tmp_path / name, {"data.name": name}, evaluation={measure: 0.5})
        for name, measure in (("ring", "high_quality"), ("digits", "coverage"))
    ]
    report.write_comparison(folders, tmp_path / "both.html")
    shown = Page(tmp_path / "both.html").text
    assert "The runs that are done have no measure in common." in shown
    assert "No run is done" not in shown


def test_measures_of_pixels_rank_nothing_and_come_with_a_remark(tmp_path):
    (tmp_path / "endings.py").write_text(
        "def study(runs):\n    from ganjax.study import Table\n"
        "    yield Table('Ends', ('optimiser', 'precision'), [('sgd', 0.5)])\n"
        "    yield Table('Errors', ('optimiser', 'error'), [('sgd', 0.5)])\n"
    )
    values = {"hinge": 0.99, "minimax": 0.95}
    runs = [
        (name, {"objective.name": name}, {"evaluation": {"precision": x, "density": x}})
        for name, x in values.items()
    ]
    folder = write_sweep(tmp_path / "s", runs, experiment=str(tmp_path / "endings.py"))
    assert report.write_sweep(folder) == ""
    page = Page(folder / "report.html")
    assert "No group is best by precision" in page.text
    assert "\N{UPWARDS ARROW}" not in page.text
    # Under the comparison, and under the one table of the study that shows one.
    assert page.text.count("compare pixels") == 2
    report.write(folder / "hinge")
    assert "compare pixels" in Page(folder / "hinge" / "report.html").text


def compare_own(folder, said):
    """The page of two groups of three seeds, by a number of their own measure.

    That of hinge is 1.1, of minimax 0.7; `said` is where each says that its best lies.
    """
    folders = [
        write_run(
            folder / f"{name}_{seed}",
            {"objective.name": name, "seed": seed},
            evaluation={"precision": 0.5, "unevenness": value + seed / 1000},
            better=better,
            records=10,
            size=4,
        )
        for (name, value), better in zip(
            (("hinge", 1.1), ("minimax", 0.7)), said, strict=True
        )
        for seed in range(3)
    ]
    assert report.write_comparison(folders, folder / "page.html") == ""
    return Page(folder / "page.html").text.replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("where", "head", "best"),
    [
        ("lowest", "Unevenness ↓", "minimax, 0.7010"),
        ("highest", "Unevenness ↑", "hinge, 1.1010"),
        ("one", "Unevenness → 1", "hinge, 1.1010"),
    ],
)
def test_groups_are_ranked_by_a_number_of_their_own(tmp_path, where, head, best):
    shown = compare_own(tmp_path, [{"unevenness": where}] * 2)
    assert f"Best by unevenness: {best}" in shown
    assert "told from 1 of 1 other group." in shown
    assert head in shown
    assert ("|log unevenness| of each group" in shown) == (where == "one")
    assert "worse" in shown


def test_runs_that_say_nothing_leave_the_others_say(tmp_path):
    shown = compare_own(tmp_path, [None, {"unevenness": "lowest"}])
    assert "Best by unevenness: minimax" in shown


def test_older_runs_rank_nothing_by_a_number_of_their_own(tmp_path):
    shown = compare_own(tmp_path, [None, None])
    assert "No group is best by precision: it is not known which way is" in shown
    assert "Unevenness ↓" not in shown
    assert "do not agree" not in shown


def test_number_about_which_runs_disagree_ranks_nothing(tmp_path):
    shown = compare_own(tmp_path, [{"unevenness": "one"}, {"unevenness": "lowest"}])
    words = "do not agree where the best unevenness lies, so it ranks nothing."
    assert words in shown
    assert "No group is best by precision" in shown
    assert not {"↑", "↓", "→"} & set(shown)


def test_page_of_a_run_does_not_list_which_way_is_better(tmp_path):
    write_run(tmp_path / "run", evaluation={"fid": 2.0}, better={"fid": "lowest"})
    report.write(tmp_path / "run")
    shown = Page(tmp_path / "run" / "report.html").text
    assert "samples 2" in shown
    assert "lowest" not in shown


def test_study_is_not_asked_about_no_runs(tmp_path):
    (tmp_path / "first.py").write_text("def study(runs):\n    runs[0]\n")
    runs = [("a", {}, {"state": "diverged"})]
    folder = write_sweep(tmp_path / "s", runs, experiment=str(tmp_path / "first.py"))
    assert report.write_sweep(folder) == ""
    assert "IndexError" not in Page(folder / "report.html").text


def test_study_keeps_what_it_gave_before_it_failed(tmp_path):
    (tmp_path / "late.py").write_text(
        "def study(runs):\n    from ganjax.study import Table\n"
        "    yield Table('Early', ('a',), [(1,)])\n    1 / 0\n"
    )
    runs = [("a", {}, evaluated(0.5))]
    folder = write_sweep(tmp_path / "s", runs, experiment=str(tmp_path / "late.py"))
    assert "late.py:4: ZeroDivisionError" in report.write_sweep(folder)
    assert "Early" in Page(folder / "report.html").text


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("edited", "quick.py is not the file that was launched, so its study is"),
        ("older", "sweep.json does not say what {path} was when it was launched"),
        ("moved", "quick.py lies in the sweep folder, and may have come with it"),
    ],
)
def test_only_the_file_that_was_launched_is_run(tmp_path, change, reason):
    folder = tmp_path / "s"
    path = (folder if change == "moved" else tmp_path) / "quick.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(
        "def study(runs):\n    from ganjax.study import Table\n"
        f"    open({str(tmp_path / 'ran')!r}, 'w').close()\n"
        "    yield Table('Answer', ('a',), [(1,)])\n"
    )
    write_sweep(folder, [("a", {}, evaluated(0.5))], experiment=str(path))
    if change == "edited":
        path.write_text(path.read_text() + "\n")
    elif change == "older":
        plan = json.loads((folder / "sweep.json").read_text())
        del plan["experiment_hash"]
        (folder / "sweep.json").write_text(json.dumps(plan))
    said = report.write_sweep(folder)
    assert reason.format(path=path) in said
    assert said.endswith(f"to run it: python -m ganjax.report {folder} --run_study")
    assert said in Page(folder / "report.html").text
    assert not (tmp_path / "ran").exists()
    assert report.write_sweep(folder, run_study=True) == ""
    assert "Answer" in Page(folder / "report.html").text


def test_run_is_a_link_out_of_the_sweep(tmp_path):
    write_run(tmp_path / "elsewhere", **evaluated(0.5))
    folder = write_sweep(tmp_path / "s", [("a", {}, None), ("b", {}, evaluated(0.5))])
    (folder / "a").symlink_to(tmp_path / "elsewhere")
    said = report.write_sweep(folder)
    assert said == f"{folder}/a: a link that leads out of {folder}"
    assert "1 of 2 done" in Page(folder / "report.html").text


def test_page_that_cannot_be_written_names_a_file(tmp_path, monkeypatch, capsys):
    folder = write_run(tmp_path / "run", **evaluated(0.5))

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")  # names no file

    monkeypatch.setattr(report, "write_run", full)
    monkeypatch.setattr(command, "_OUTPUT", SimpleNamespace(value=None))
    assert command.main(["report", str(folder)]) == 2
    assert capsys.readouterr().err == (
        f"ganjax.report: {folder}: No space left on device\n"
    )


def test_page_without_an_ending_is_refused(sweep, tmp_path):
    with pytest.raises(report.RunError, match="the page needs an ending"):
        report.write_sweep(sweep, tmp_path / "page")


def test_many_runs_give_a_page(tmp_path):
    runs = [
        (
            f"{index}_{seed}",
            {"optimizers.generator.learning_rate": index / 10, "seed": seed},
            evaluated(0.5 + index / 100 + seed / 1000),
        )
        for index in range(1, 21)
        for seed in range(2)
    ]
    folder = write_sweep(tmp_path / "many", runs, records=150, size=300)
    report.write_sweep(folder)
    path = folder / "report.html"
    page = Page(path)
    assert path.stat().st_size < 5_000_000
    assert len(page.all("img")) == comparison.MAX_DRAWN
    assert "Of 20 groups these are the best 12 by high quality." in page.text
