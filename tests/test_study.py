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


def test_newest_pictures_are_of_the_first_run_of_each_title(runs):
    shown = study.newest_pictures(
        runs, "sample", lambda r: r.config["objective"]["name"]
    )
    assert shown == {
        "hinge": runs[0].samples["sample"][-1][1],
        "wasserstein": runs[2].samples["sample"][-1][1],
    }
    assert study.newest_pictures(runs, "map", str) == {}


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
