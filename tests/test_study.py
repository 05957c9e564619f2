"""What a study reads of runs, and what it may return."""

import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_run

from ganjax import study
from ganjax.study import Figure, Table


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two objectives, two seeds each."""
    folder = tmp_path_factory.mktemp("runs")
    return [
        study.read_run(
            write_run(
                folder / f"{name}_{seed}",
                {"objective.name": name, "seed": seed, "widths": [8, 8]},
                evaluation={"high_quality": 0.9 - 0.1 * seed, "fid": None},
                size=4,
            )
        )
        for name in ("hinge", "wasserstein")
        for seed in (0, 1)
    ]


def test_settings_and_groups(runs):
    assert study.setting(runs[2], "objective.name") == "wasserstein"
    groups = study.group_by(runs, "objective.name")
    assert {name: len(group) for name, group in groups.items()} == {
        "hinge": 2,
        "wasserstein": 2,
    }
    pairs = study.group_by(runs, "seed", "widths")
    assert list(pairs) == [(0, (8, 8)), (1, (8, 8))]
    with pytest.raises(KeyError, match=r"hinge_0: the config has no key objective.nam"):
        study.setting(runs[0], "objective.nam")
    with pytest.raises(KeyError, match=r"no key seed.name"):
        study.setting(runs[0], "seed.name")


def test_groups_by_functions_of_a_run(runs):
    groups = study.group_by(runs, lambda run: run.config["seed"] > 0, "seed")
    assert list(groups) == [(False, 0), (True, 1)]
    assert study.group_by(runs) == {(): runs}


def test_values_in_words():
    assert study.words("batch_norm") == "batch norm"
    assert study.words(("in_both", (8, 8), 0.5)) == "in both, 8, 8, 0.5"


def test_measures(runs):
    assert study.measure(runs[1], "high_quality") == pytest.approx(0.8)
    assert math.isnan(study.measure(runs[1], "fid"))
    with pytest.raises(KeyError, match="no measure kl; there are high_quality, fid"):
        study.measure(runs[0], "kl")
    unevaluated = runs[0]._replace(evaluation={})
    with pytest.raises(KeyError, match="none: run with --mode=evaluate"):
        study.measure(unevaluated, "kl")


def test_mean_and_sd():
    # Mean 3; deviations -2, -1, 3 squared are 4 + 1 + 9 = 14, by 2 is 7.
    assert study.mean_and_sd([1, 2, 6]) == (3.0, pytest.approx(math.sqrt(7)))
    mean, sd = study.mean_and_sd([5.0])
    assert mean == 5.0
    assert math.isnan(sd)
    with pytest.raises(ValueError, match="no values"):
        study.mean_and_sd([])


def test_curve_is_over_common_steps(runs):
    nan = math.nan
    first = (np.array([1.0, 2, 3, 4]), np.array([1.0, 2.0, nan, nan]))
    second = (np.array([2.0, 3, 4, 5]), np.array([6.0, 7.0, nan, 9.0]))
    made = [runs[0]._replace(metrics={"x": points}) for points in (first, second)]
    steps, mean, low, high = study.curve(made, "x")
    np.testing.assert_array_equal(steps, [2, 3, 4])
    np.testing.assert_array_equal(mean, [4, 7, nan])
    np.testing.assert_array_equal(low, [2, 7, nan])
    np.testing.assert_array_equal(high, [6, 7, nan])
    with pytest.raises(KeyError, match="hinge_0: no metric y was recorded"):
        study.curve(runs, "y")


def with_metric(run, *values):
    steps = np.arange(1.0, len(values) + 1)
    return run._replace(metrics={"loss": (steps, np.array(values, float))})


def test_head_and_tail_are_a_part_of_the_records(runs):
    run = with_metric(runs[0], *range(20))
    assert study.tail(run, "loss").tolist() == [18, 19]
    assert study.head(run, "loss").tolist() == [0, 1]
    assert study.tail(run, "loss", 0.25).tolist() == [15, 16, 17, 18, 19]
    assert study.tail(run, "loss", 0.01).tolist() == [19]
    with pytest.raises(KeyError, match="hinge_0: no metric y was recorded"):
        study.tail(run, "y")


def test_table_has_a_row_for_each_group(runs):
    # The last tenth of ten records is the last one.
    ends = (1.0, 3.0, 5.0, 5.0)
    made = [
        with_metric(run, *[0.0] * 9, end) for run, end in zip(runs, ends, strict=True)
    ]
    table = study.table_of(
        "Where they end",
        made,
        {"game": "objective.name", "widths": "widths"},
        {"loss at the end": "loss", "quality, %": lambda run: 200.0},
        note="Said below.",
    )
    assert table == (
        "Where they end",
        ("game", "widths", "seeds", "loss at the end", "sd", "quality, %", "sd"),
        [
            # Deviations of 1, squared and added 2, divided by 2 - 1.
            ("hinge", "8, 8", 2, 2.0, pytest.approx(2**0.5), 200.0, 0.0),
            ("wasserstein", "8, 8", 2, 5.0, 0.0, 200.0, 0.0),
        ],
        "Said below.",
    )
    assert study.check(table)


def test_table_names_columns_by_keys_and_shows_what_is_asked_for(runs):
    def first_seed(run):
        return run.config["seed"] == 0

    beside = ("least", "greatest")
    measures = ("high_quality",)
    table = study.table_of("t", runs, first_seed, measures, beside=beside)
    heads = ("first seed", "seeds", "high quality", "least", "greatest")
    assert table.columns == heads
    assert table.rows == [
        (True, 2, pytest.approx(0.9), pytest.approx(0.9), pytest.approx(0.9)),
        (False, 2, pytest.approx(0.8), pytest.approx(0.8), pytest.approx(0.8)),
    ]
    table = study.table_of("t", runs, "objective.name", "high_quality", beside=())
    assert table.columns == ("objective", "seeds", "high quality")


def test_table_is_empty_where_no_run_of_a_group_has_a_measure(runs):
    found = {"metrics": {"kl": 0.5}}
    made = [run._replace(evaluation=found) for run in runs[:2]] + runs[2:]
    table = study.table_of("t", made, "objective.name", ("high_quality", "kl"))
    assert table.rows == [
        ("hinge", 2, None, None, 0.5, 0.0),
        ("wasserstein", 2, pytest.approx(0.85), pytest.approx(0.005**0.5), None, None),
    ]
    with pytest.raises(KeyError, match="no measure fidd; there are high_quality, fid"):
        study.table_of("t", runs, "objective.name", "fidd")
    with pytest.raises(KeyError, match="wasserstein_1: no measure kl"):
        study.table_of("t", [made[0], runs[3]], (), "kl")


def test_curves_have_a_line_for_each_group_and_a_band_over_seeds(runs):
    made = [
        with_metric(run, 1.0 + run.config["seed"], 4.0 + 4 * run.config["seed"])
        for run in runs
    ]
    figure, (ax,) = study.curves(made, "loss", by="objective.name", scale="log")
    hinge, wasserstein = ax.get_lines()
    assert (hinge.get_label(), wasserstein.get_label()) == ("hinge", "wasserstein")
    np.testing.assert_array_equal(hinge.get_xydata(), [[1, 1.5], [2, 6.0]])
    low, high = ax.collections[0].get_datalim(ax.transData).get_points()
    assert (low[1], high[1]) == (1.0, 8.0)
    assert ax.get_yscale() == "log"
    _, (ax,) = study.curves(made, "loss", by=("objective.name", "seed"))
    assert [line.get_label() for line in ax.get_lines()] == [
        *("hinge, seed 0", "hinge, seed 1"),
        *("wasserstein, seed 0", "wasserstein, seed 1"),
    ]
    assert len(figure.axes) == 1


def test_curves_in_panels_name_metrics_in_the_first(runs):
    made = [with_metric(run, 1.0, 2.0) for run in runs]
    metrics = {
        "the loss": "loss",
        "less": lambda run: (np.arange(3.0), -np.arange(3.0)),
    }
    _, axes = study.curves(made, metrics, panels="objective.name")
    assert [ax.get_title() for ax in axes] == ["hinge", "wasserstein"]
    first, second = axes[1].get_lines()
    assert (first.get_label(), second.get_label()) == ("the loss", "less")
    assert second.get_ydata().tolist() == [0, -1, -2]
    assert [ax.get_legend() is not None for ax in axes] == [True, False]
    with pytest.raises(KeyError, match="hinge_0: no metric y was recorded"):
        study.curves(made, "y", by="seed")


def test_samples_and_pictures(runs):
    with pytest.raises(study.RunError, match=r"final.npz is missing: run with"):
        study.samples(runs[0])
    folder = runs[1].workdir / "samples"
    np.savez(folder / "final.npz", samples=np.arange(6).reshape(3, 2), step=7)
    np.testing.assert_array_equal(study.samples(runs[1]), [[0, 1], [2, 3], [4, 5]])
    ((step, path),) = runs[1].samples["sample"]
    assert step == 20_000
    assert study.picture(path).shape == (4, 4, 3)
    assert study.picture(path).dtype == np.uint8


def test_a_run_is_known_by_its_samples_or_else_its_reconstructions(tmp_path):
    folder = write_run(tmp_path / "run")
    (sample,) = (folder / "samples").iterdir()
    for name in ("codes", "map", "reconstruction"):
        (folder / "samples" / f"{name}_00020000.png").write_bytes(sample.read_bytes())
    order = ["sample", "reconstruction", "codes", "map"]
    assert list(study.read_run(folder).samples) == order
    sample.unlink()
    assert list(study.read_run(folder).samples) == order[1:]


def test_pictures_stand_side_by_side_under_their_titles(runs):
    ((_, path),) = runs[0].samples["sample"]
    figure = study.side_by_side({"one": path, "two": path}, width=2.0, height=1.5)
    assert [ax.get_title() for ax in figure.axes] == ["one", "two"]
    assert tuple(figure.get_size_inches()) == (4.0, 1.5)
    for ax in figure.axes:
        (image,) = ax.images
        assert image.get_interpolation() == "none"
        np.testing.assert_array_equal(image.get_array(), study.picture(path))


def test_pictures_in_a_grid_by_two_keys(runs):
    by = {"columns": "objective.name", "rows": lambda run: f"seed_{run.config['seed']}"}
    lacking = runs[3]._replace(samples={})
    figure = study.picture_grid([*runs[:3], lacking], **by, width=2.0, height=1.5)
    assert tuple(figure.get_size_inches()) == (4.0, 3.0)
    titles = [ax.get_title() for ax in figure.axes]
    assert titles == ["hinge\nseed 0", "wasserstein\nseed 0", "hinge\nseed 1", ""]
    shown = [len(ax.images) for ax in figure.axes]
    assert shown == [1, 1, 1, 0]
    ((_, path),) = runs[1].samples["sample"]
    (image,) = figure.axes[2].images
    np.testing.assert_array_equal(image.get_array(), study.picture(path))
    with pytest.raises(ValueError, match="no run has a picture map"):
        study.picture_grid(runs, "map", **by)


def test_pictures_of_a_grid_are_of_the_first_run_that_has_one(runs):
    figure = study.picture_grid(
        [runs[0]._replace(samples={}), *runs[1:]], columns="objective.name"
    )
    assert [ax.get_title() for ax in figure.axes] == ["hinge", "wasserstein"]
    for ax, run in zip(figure.axes, (runs[1], runs[2]), strict=True):
        ((_, path),) = run.samples["sample"]
        np.testing.assert_array_equal(ax.images[0].get_array(), study.picture(path))


def test_arrows_are_as_long_as_the_root_of_the_speed():
    _, ax = study.plot()
    study.arrows(ax, lambda points: points * [4.0, 0.0], reach=2.0, across=3)
    (quiver,) = ax.collections
    at = 0.9 * 2.0
    np.testing.assert_allclose(np.unique(quiver.XY), [-at, 0, at])
    # A speed of 4 x: the root of 7.2 to either side, and 0 in the middle.
    root = (4 * at) ** 0.5
    np.testing.assert_allclose(quiver.U.reshape(3, 3)[0], [-root, 0, root])
    np.testing.assert_array_equal(quiver.V, np.zeros(9))
    assert (ax.get_xlim(), ax.get_ylim()) == ((-2, 2), (-2, 2))


def test_plot_wears_the_style_of_the_page():
    figure, axes = study.plot(2, 3, width=2.0, height=1.0, sharex=True)
    assert axes.shape == (2, 3)
    assert tuple(figure.get_size_inches()) == (6.0, 2.0)
    assert figure.get_facecolor()[3] == 0
    (line,) = axes[0, 0].plot([1, 2])
    assert line.get_color() == study.PALETTE[0]
    assert not study.plot()[1].spines["top"].get_visible()


def test_palette_is_that_of_the_page():
    css = Path(study.__file__).parents[1] / "report" / "page.css"
    for index, colour in enumerate(study.PALETTE):
        assert f"--series-{index}: light-dark({colour}," in css.read_text()


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (7, "gives Tables and Figures, not int"),
        (Table("t", ("a", "b"), [(1, 2), (3,)]), r"'t': 2 columns, but the row \(3,\)"),
        (Table("t", ("a", 0.1), [(1, 2)]), "'t': the head of a column is a string, no"),
        (Table("t", ("a",), [([1],)]), "a cell is a string, a number or None, not li"),
        (Figure("f", np.zeros((2, 2))), "'f': the image must be a matplotlib figure"),
        (Figure("f", np.zeros((2, 2, 4), np.uint8)), r"or uint8 \[H, W, 3\]"),
        (Figure("f", "f.png"), "must be a matplotlib figure"),
    ],
)
def test_what_cannot_be_shown_is_refused(item, reason):
    with pytest.raises(ValueError, match=reason):
        study.check(item)


def test_what_can_be_shown_passes():
    for item in (
        Table("t", ("a", "b", "c", "d"), [("x", 1, np.float32(2), None)]),
        Figure("f", study.plot()[0]),
        Figure("f", np.zeros((2, 3), np.uint8)),
    ):
        assert study.check(item) == item


def test_rows_may_be_made_on_the_way():
    made = study.check(Table("t", iter(("a", "b")), zip((1, 2), (3, 4), strict=True)))
    assert made == Table("t", ("a", "b"), [(1, 3), (2, 4)])


def test_import_is_light():
    code = "import sys, ganjax.study; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    modules = set(done.stdout.split())
    assert "ganjax.study" in modules
    assert not modules & {"jax", "flax", "matplotlib", "ganjax.report"}
