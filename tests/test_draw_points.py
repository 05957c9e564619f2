import subprocess
import sys

import numpy as np
import pytest
from matplotlib import rc_context, rcParams

from ganjax.look import draw

NONE = np.zeros((0, 2))
WIDE = (-1.5, 1.5)


def far_from_grey(picture):
    """Where a picture has a strong colour: points, areas and outlines, not text."""
    picture = picture.astype(int)
    return picture.max(-1) - picture.min(-1) > 60


def blue(picture):
    return far_from_grey(picture) & (picture[..., 2] > picture[..., 0])


def orange(picture):
    return far_from_grey(picture) & (picture[..., 0] > picture[..., 2])


def plot_of(picture):
    """What the frame surrounds: the legend above it has colours of its own.

    The frame covers the uppermost and the leftmost pixels of the plot.
    """
    dark = (picture.max(-1) < 100).mean(1) > 0.75
    top, bottom = np.flatnonzero(dark)[[0, -1]]
    dark = (picture[top:bottom].max(-1) < 100).mean(0) > 0.75
    left, right = np.flatnonzero(dark)[[0, -1]]
    return picture[top + 1 : bottom, left + 1 : right]


def place(mask):
    """The middle of a mask: (x, y) in parts of its width and height, y upward."""
    rows, columns = np.nonzero(mask)
    height, width = mask.shape
    return np.array([(columns.mean() + 0.5) / width, 1 - (rows.mean() + 0.5) / height])


def test_field_axes_are_the_centres_of_cells_with_x_running_first():
    axes = draw.field_axes([(-1.0, 3.0)] * 2, 2)
    assert axes.dtype == np.float32
    np.testing.assert_array_equal(axes, [[0, 0], [2, 0], [0, 2], [2, 2]])


@pytest.mark.parametrize("point", [(0.0, 0.0), (0.6, 0.9), (-1.2, 0.3), (1.1, -1.3)])
def test_points_lie_where_they_are(point):
    plot = plot_of(draw.scatter(np.array([point]), NONE, bounds=WIDE))
    np.testing.assert_allclose(
        place(blue(plot)), (np.array(point) + 1.5) / 3, atol=0.002
    )
    assert not orange(plot).any()


@pytest.mark.parametrize("index", [0, 19, 137, 399])
def test_the_field_lies_where_its_axes_say(index):
    field = np.zeros(400)
    field[index] = 1.0
    at_score = draw.field_axes([WIDE] * 2, 20)[index]
    background = plot_of(draw.scatter(NONE, NONE, field.reshape(20, 20), bounds=WIDE))
    lightest = background.sum(-1, dtype=int)
    peak = place(lightest >= lightest.max() - 6)
    np.testing.assert_allclose(peak, (at_score + 1.5) / 3, atol=0.01)


def test_real_points_are_blue_and_generated_ones_orange():
    real, fake = np.array([[-0.5, 0.0]]), np.array([[0.5, 0.0]])
    plot = plot_of(draw.scatter(real, fake, bounds=WIDE))
    for mask, colour in ((blue(plot), draw.REAL), (orange(plot), draw.FAKE)):
        strongest = plot[mask][np.argmin(plot[mask].sum(-1))]
        np.testing.assert_allclose(strongest, colour, atol=26)
    tinted = plot[(plot < 255).any(-1)]
    assert len(np.unique(tinted, axis=0)) >= 8  # the edges are smooth


def test_blue_and_orange_differ_in_lightness_too():
    weights = np.array([0.2126, 0.7152, 0.0722])
    real, fake = weights @ draw.REAL, weights @ draw.FAKE
    assert fake - real > 40


@pytest.mark.parametrize("order", [1, -1])
def test_neither_set_hides_the_other(order):
    # Mode by mode, and the two sets in opposite orders: the last one drawn would win.
    rng = np.random.default_rng(1)
    modes = np.repeat([[-1.0, 0.0], [1.0, 0.0]], 1000, axis=0)
    real = modes + 0.02 * rng.standard_normal((2000, 2))
    fake = modes[::order] + 0.02 * rng.standard_normal((2000, 2))
    plot = plot_of(draw.scatter(real, fake, bounds=WIDE))
    for half in (plot[:, :290], plot[:, 290:]):
        share = blue(half).sum() / (blue(half) | orange(half)).sum()
        assert 0.3 < share < 0.7


def test_points_outside_are_counted_and_not_drawn():
    outside = np.array([[9.0, 0.0], [0.0, -2.0]])
    lost = np.array([[np.nan, 0.0], [0.0, np.inf]])
    drawn = draw.scatter(NONE, outside, bounds=WIDE)
    np.testing.assert_array_equal(drawn, draw.scatter(NONE, lost, bounds=WIDE))
    empty = draw.scatter(NONE, NONE, bounds=WIDE)
    np.testing.assert_array_equal(plot_of(drawn), plot_of(empty))
    assert (drawn[:36] != empty[:36]).any()  # the legend tells
    one = draw.scatter(NONE, outside[:1], bounds=WIDE)
    assert (drawn[:36] != one[:36]).any()


def test_a_slope_has_even_contours_and_rises_to_light():
    field = draw.field_axes([WIDE] * 2, 64)[:, 0].reshape(64, 64)
    row = plot_of(draw.scatter(NONE, NONE, field, bounds=WIDE))[290].sum(-1, dtype=int)
    dips = 1 + np.flatnonzero((row[1:-1] < row[:-2] - 20) & (row[1:-1] <= row[2:]))
    assert len(dips) == 7
    np.testing.assert_allclose(np.diff(dips), 580 / 8, atol=3)
    assert row[570] > row[300] > row[10]


@pytest.mark.parametrize("level", [-3.0, 0.0, 5.0])
def test_a_constant_field_is_one_shade(level):
    field = np.full((8, 8), level)
    plot = plot_of(draw.scatter(NONE, NONE, field, bounds=WIDE))
    assert len(np.unique(plot.reshape(-1, 3), axis=0)) == 1


def test_a_field_of_scores_far_from_zero_uses_all_shades():
    field = draw.field_axes([WIDE] * 2, 16)[:, 0].reshape(16, 16)
    near, far = (
        plot_of(draw.scatter(NONE, NONE, field + shift, bounds=WIDE)).astype(int)
        for shift in (0.0, 1000.0)
    )
    assert np.abs(near - far).mean() < 0.5


def test_a_field_that_is_not_finite_is_magenta_there():
    field = np.zeros((10, 10))
    field[7:, :2] = np.nan  # top left, for rows rise with y
    field[0, 9] = np.inf
    plot = plot_of(draw.scatter(NONE, NONE, field, bounds=WIDE))
    magenta = (plot == draw.BROKEN).all(-1)
    assert magenta[:173, :115].all()
    assert magenta[521:, 521:].all()
    assert magenta.sum() == 173 * 115 + 58 * 58
    lost = draw.scatter(NONE, NONE, np.full((4, 4), np.nan), bounds=WIDE)
    assert (plot_of(lost) == draw.BROKEN).all()


def test_ticks_are_at_round_numbers():
    picture = draw.scatter(NONE, NONE, bounds=(0.2, 10.0))
    dark = picture.max(-1) < 100
    below = np.flatnonzero(dark[622])  # the frame is from 40 to 620 and 76 to 656
    beside = np.flatnonzero(dark[:, 74])
    expected = (np.array([2, 4, 6, 8, 10]) - 0.2) / 9.8 * 580
    np.testing.assert_allclose(below - 76, expected, atol=1)
    np.testing.assert_allclose(620 - beside, expected[::-1], atol=1)


def test_pictures_have_the_promised_size():
    assert draw.scatter(NONE, NONE, bounds=WIDE).shape == (654, 672, 3)
    assert draw.scatter(NONE, NONE, bounds=WIDE).dtype == np.uint8
    assert draw.histogram(NONE[:, 0], NONE[:, 0], bounds=WIDE).dtype == np.uint8


@pytest.mark.parametrize("points", [np.zeros(3), np.zeros((3, 1)), np.zeros((3, 3))])
def test_scatter_refuses_other_points(points):
    with pytest.raises(ValueError, match=r"\[N, 2\], not"):
        draw.scatter(NONE, points, bounds=WIDE)


def test_scatter_refuses_a_field_that_was_not_reshaped():
    with pytest.raises(ValueError, match=r"a field must be \[F, F\], not \[9\]"):
        draw.scatter(NONE, NONE, np.zeros(9), bounds=WIDE)


def test_histograms_lie_where_the_numbers_are():
    rng = np.random.default_rng(0)
    real, fake = rng.uniform(-3, -2, 5000), rng.uniform(1, 2, (5000, 1))
    plot = plot_of(draw.histogram(real, fake, bounds=(-4, 4)))
    for mask, ends in ((blue(plot), (-3, -2)), (orange(plot), (1, 2))):
        columns = np.flatnonzero(mask.any(0))[[0, -1]]
        np.testing.assert_allclose(columns / 580 * 8 - 4, ends, atol=0.03)
    tinted = (plot < 250).any(-1).mean(0) > 0.8
    assert tinted.mean() == pytest.approx(2 / 8, abs=0.02)


def test_histograms_are_densities_of_all_numbers():
    def heights(real):
        """Of a real uniform half and of a generated uniform quarter of the bins."""
        fake = np.linspace(0.0, 0.5, 16, endpoint=False).repeat(100) + 0.01
        plot = plot_of(draw.histogram(real, fake, bounds=(-1.0, 1.0)))
        tops = [np.nonzero(mask)[0].min() for mask in (blue(plot), orange(plot))]
        return plot.shape[0] - np.array(tops)

    within = np.linspace(-1.0, 0.0, 32, endpoint=False).repeat(100) + 0.01
    real, fake = heights(within)
    assert real == pytest.approx(fake / 2, abs=2)
    assert fake == pytest.approx(326 / 1.08, abs=2)
    lost = np.concatenate([within, np.full(1600, 7.0), np.full(1600, np.nan)])
    real, fake = heights(lost)
    assert real == pytest.approx(fake / 4, abs=2)


def test_empty_histograms_are_drawn():
    empty = draw.histogram(NONE[:, 0], NONE[:, :1], bounds=(0.0, 0.01))
    assert (plot_of(empty) == 255).all()


def test_histogram_refuses_points():
    with pytest.raises(ValueError, match=r"\[N, 1\], not \[3, 2\]"):
        draw.histogram(np.zeros((3, 2)), np.zeros(3), bounds=WIDE)


def dark(plot):
    """Where the curve of a histogram is."""
    return plot.max(-1) < 128


def curve_of(field):
    """A field on (-4, 4) as a curve over a histogram of nothing."""
    empty = NONE[:, 0]
    return plot_of(draw.histogram(empty, empty, np.asarray(field), bounds=(-4, 4)))


def test_field_axes_of_one_dimension_are_the_same_centres():
    axes = draw.field_axes([(-1.0, 3.0)], 2)
    assert axes.dtype == np.float32
    np.testing.assert_array_equal(axes, [[0], [2]])


def test_a_curve_runs_from_the_lowest_score_to_the_highest():
    # A score of x rises from the left bottom corner to the right top one; of 128 cells
    # the outer centres are half a cell inside, and 1.5 pixels are kept for the line.
    scores = draw.field_axes([(-4, 4)], 128)[:, 0]
    for field, sign in ((scores, 1), (7.0 - 1e4 * scores, -1)):
        mask = dark(curve_of(field))
        for part in (0.1, 0.5, 0.9):
            rows = np.flatnonzero(mask[:, int(part * 580)])
            expected = part if sign > 0 else 1 - part
            np.testing.assert_allclose(1 - rows.mean() / 326, expected, atol=0.01)


def test_the_legend_tells_the_range_of_the_curve():
    empty, scores = NONE[:, 0], np.linspace(0, 1, 16)
    pictures = [
        draw.histogram(empty, empty, field, bounds=WIDE)
        for field in (None, scores, 2 * scores)
    ]
    legends = [picture[:36] for picture in pictures]
    assert (legends[0] != legends[1]).any()
    assert (legends[1] != legends[2]).any()
    # Twice the score is the same curve.
    np.testing.assert_array_equal(*map(plot_of, pictures[1:]))


def test_the_legend_tells_the_range_of_the_background():
    scores = np.linspace(0, 1, 16).reshape(4, 4)
    pictures = [
        draw.scatter(NONE, NONE, field, bounds=WIDE)
        for field in (None, scores, scores * 2, scores * 2 - 1)
    ]
    legends = [picture[:36] for picture in pictures]
    for index, one in enumerate(legends):
        assert all((one != other).any() for other in legends[:index])
    darkest, lightest = (plot_of(pictures[1])[y, x] for y, x in ((-9, 9), (9, -9)))
    for shade in (darkest, lightest):
        assert (legends[1] == shade).all(-1).sum() > 30


def test_a_curve_that_is_not_finite_is_magenta_there():
    field = np.zeros(10)
    field[[2, 9]] = np.nan, np.inf
    plot = curve_of(field)
    magenta = (plot == draw.BROKEN).all(-1)
    assert magenta.all(0).nonzero()[0].tolist() == [
        *range(2 * 58 - 1, 3 * 58 - 1),
        *range(9 * 58 - 1, 579),
    ]
    assert magenta.sum() == 2 * 58 * 325
    assert (curve_of(np.full(10, np.nan)) == draw.BROKEN).all()


def test_histogram_refuses_a_field_of_a_plane():
    with pytest.raises(ValueError, match=r"a field must be \[F\], not \[3, 3\]"):
        curve_of(np.zeros((3, 3)))


BOX = [(-1.0, 1.0), (0.0, 8.0)]


def test_classes_lie_where_they_are_in_their_colours():
    points = np.array([[0.0, 2.0], [0.5, 6.0], [-0.5, 6.0], [7.0, 1.0]])
    picture = draw.class_scatter(points, np.array([0, 3, 1, 0]), box=BOX)
    plot = plot_of(picture).astype(int)
    for (x, y), each in zip(points[:3], (0, 3, 1), strict=True):
        near = np.abs(plot - draw.CLASSES[each]).max(-1) < 30
        expected = [(x + 1) / 2, y / 8]
        np.testing.assert_allclose(place(near), expected, atol=0.003)
    legend = picture[:36].reshape(-1, 3).tolist()
    for each in range(len(draw.CLASSES)):
        assert (list(draw.CLASSES[each]) in legend) == (each in (0, 1, 3))


def test_colours_of_classes_are_unlike():
    colours = np.array(draw.CLASSES)
    apart = np.abs(colours[:, None] - colours[None]).sum(-1)
    assert apart[~np.eye(len(colours), dtype=bool)].min() > 60


@pytest.mark.parametrize("label", [None, np.array([0, 10])])
def test_without_known_classes_all_have_one_colour(label):
    picture = draw.class_scatter(np.array([[0.0, 2.0], [0.5, 6.0]]), label, box=BOX)
    assert blue(plot_of(picture)).any()
    assert (picture[:28] == 255).all()


def test_classes_refuse_other_points():
    with pytest.raises(ValueError, match=r"\[N, 2\], not \[3, 3\]"):
        draw.class_scatter(np.zeros((3, 3)), box=BOX)


def test_legend_of_classes_has_their_names_where_it_has_room():
    label = np.arange(4)
    plain, named, long, alike = (
        draw.class_scatter(np.zeros((4, 2)), label, box=BOX, names=names)
        for names in (
            (),
            [f"class {each}" for each in label],
            [f"{each} is a class whose name is a long one" for each in label],
            ["of one name"] * 4,
        )
    )
    assert (plain == long).all()
    assert (plain == alike).all()
    assert (plain != named).any()
    assert (named[:, -8:] == 255).all()


def test_names_stand_as_they_are_written():
    def legend(name):
        plot = draw.class_scatter(
            np.zeros((2, 2)), np.array([0, 1]), box=BOX, names=("a", name)
        )
        return plot[:36]

    # No formula, which this would not be; nor left out for its first letter.
    shown = [legend(name) for name in ("", "_b", "b", r"$\frac$", "\udcff", "\u732b")]
    for index, one in enumerate(shown):
        assert all((one != other).any() for other in shown[:index])


def test_settings_of_matplotlib_neither_matter_nor_change():
    def drawn():
        field = np.arange(64.0).reshape(8, 8)
        return draw.scatter(np.zeros((1, 2)), np.ones((1, 2)), field, bounds=WIDE)

    expected = drawn()
    with rc_context({"font.size": 30, "axes.grid": True, "lines.markersize": 2}):
        before = dict(rcParams)
        np.testing.assert_array_equal(drawn(), expected)
        assert dict(rcParams) == before


def test_pyplot_is_not_imported():
    script = """if True:
        import sys
        import numpy as np
        from ganjax.look import draw
        print("matplotlib" in sys.modules)
        draw.scatter(np.zeros((1, 2)), np.ones((1, 2)), bounds=(-2, 2))
        print("matplotlib.figure" in sys.modules, "matplotlib.pyplot" in sys.modules)
    """
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "False\nTrue False\n"
