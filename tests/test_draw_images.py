import io

import numpy as np
import pytest
from PIL import Image
from test_draw_points import plot_of

from ganjax.look import draw
from ganjax.record.png import png_bytes


def flat(*values, shape=(8, 8, 1)):
    """Images of one value each."""
    return np.stack([np.full(shape, value, np.float32) for value in values])


@pytest.mark.parametrize("shape", [(5, 7, 3), (5, 7, 1), (5, 7)])
def test_png_holds_the_same_pixels(shape):
    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    back = np.asarray(Image.open(io.BytesIO(png_bytes(pixels))))
    np.testing.assert_array_equal(back, pixels.squeeze())


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((5, 7, 3)),
        np.zeros((5, 7, 2), np.uint8),
        np.zeros((5, 7, 4), np.uint8),
        np.zeros(5, np.uint8),
        np.zeros((1, 5, 7, 3), np.uint8),
    ],
)
def test_png_refuses_what_is_not_a_picture(pixels):
    with pytest.raises(ValueError, match=r"uint8 \[H, W, 3\]"):
        png_bytes(pixels)


def test_grid_goes_row_by_row_with_white_lines_between():
    # 8 pixels are enlarged 6 times to 48; with a line of 2 a cell takes 50.
    grid = draw.image_grid(flat(-1, 0, 1, -0.5, 0.5), columns=3)
    assert (grid.shape, grid.dtype) == ((102, 152, 3), np.uint8)
    np.testing.assert_array_equal(
        grid[27::50, 27::50],
        np.array([[0, 128, 255], [64, 191, 255]])[..., None].repeat(3, -1),
    )
    assert (grid[2:50, 2:50] == 0).all()
    for line in (0, 1, 50, 51, 100, 101):
        assert (grid[line] == 255).all()
        assert (grid[:, line] == 255).all()


def test_grid_enlarges_pixels_without_mixing_them():
    image = np.random.default_rng(0).uniform(-1, 1, (1, 8, 8, 3))
    grid = draw.image_grid(image)
    for offset in (0, 5):
        small = grid[2 + offset : 50 : 6, 2 + offset : 50 : 6]
        np.testing.assert_allclose(small / 127.5 - 1, image[0], atol=0.005)


def test_grid_clips_and_marks_what_is_not_finite():
    images = flat(-7.0, 1e38, shape=(8, 8, 3))
    images[0, 1, 2, 0] = np.nan
    images[1, 0, 0] = np.inf
    grid = draw.image_grid(images, columns=2)
    left, right = grid[2:50, 2:50], grid[2:50, 52:100]
    magenta = (left == (255, 0, 255)).all(-1)
    assert magenta[6:12, 12:18].all()
    assert magenta.sum() == 36
    assert (left[~magenta] == 0).all()
    magenta = (right == (255, 0, 255)).all(-1)
    assert magenta[:6, :6].all()
    assert magenta.sum() == 36
    assert (right[~magenta] == 255).all()


@pytest.mark.parametrize(
    ("channels", "colour"),
    [(1, (0, 0, 0)), (2, (0, 0, 0)), (3, (0, 128, 255)), (5, (0, 128, 255))],
)
def test_grid_shows_any_number_of_channels(channels, colour):
    pixel = np.array([-1.0, 0.0, 1.0, 0.3, 0.6])[:channels]
    grid = draw.image_grid(np.broadcast_to(pixel, (1, 8, 8, channels)))
    assert (grid[2:-2, 2:-2] == colour).all()


@pytest.mark.parametrize(
    ("number", "size", "across", "down"),
    [
        (64, (8, 8), 8, 8),
        (1, (8, 8), 1, 1),
        (10, (8, 8), 4, 3),
        (16, (8, 32), 2, 8),
        (3, (64, 8), 3, 1),
    ],
)
def test_grid_is_nearly_square(number, size, across, down):
    grid = draw.image_grid(np.zeros((number, *size, 1)), min_size=1)
    assert grid.shape == (down * (size[0] + 2) + 2, across * (size[1] + 2) + 2, 3)


@pytest.mark.parametrize(
    ("size", "least", "shown"),
    [(8, 48, 48), (28, 48, 56), (64, 48, 64), (8, 20, 24), (8, 8, 8)],
)
def test_grid_enlarges_small_images_by_a_whole_factor(size, least, shown):
    grid = draw.image_grid(np.zeros((1, size, size, 1)), min_size=least)
    assert grid.shape == (shown + 4, shown + 4, 3)


@pytest.mark.parametrize("shape", [(8, 8, 1), (0, 8, 8, 1), (2, 8, 8, 0)])
def test_grid_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"\[N, H, W, C\], not"):
        draw.image_grid(np.zeros(shape))


def test_rows_are_the_first_axis():
    images = flat(-1, 0, 1, 1, 0, -1).reshape(2, 3, 8, 8, 1)
    picture = draw.image_rows(images)
    np.testing.assert_array_equal(
        picture[27::50, 27::50, 0], [[0, 128, 255], [255, 128, 0]]
    )
    assert draw.image_rows(images, min_size=8).shape == (22, 32, 3)


@pytest.mark.parametrize("shape", [(2, 8, 8, 1), (2, 0, 8, 8, 1)])
def test_rows_refuse_other_shapes(shape):
    with pytest.raises(ValueError, match=r"\[R, S, H, W, C\], not"):
        draw.image_rows(np.zeros(shape))


def test_map_puts_images_where_they_belong():
    # x runs from 2 to 4 and y from 0 to 40; an image for each of 3 x 3 cells, the
    # value x - 3 of its centre in the plane: -2/3, 0, 2/3; or y / 20 - 1.
    box = [(2.0, 4.0), (0.0, 40.0)]
    x, y = draw.field_axes(box, 3).T
    for values, axis in ((x - 3, 1), (y / 20 - 1, 0)):
        images = flat(*values).reshape(3, 3, 8, 8, 1)
        plot = plot_of(draw.image_map(images, box=box, min_size=160))
        centres = plot[80::161, 80::161, 0].astype(float)
        assert centres.shape == (3, 3)
        along = centres[0] if axis else centres[::-1, 0]
        # 127.5 v + 128, rounded down.
        np.testing.assert_allclose(along, [43, 128, 213], atol=1)
        assert (np.ptp(centres, axis=1 - axis) == 0).all()


def test_map_enlarges_small_images():
    images = np.zeros((2, 2, 8, 4, 3))
    plot = plot_of(draw.image_map(images, box=[(0, 1)] * 2, min_size=321))
    # 41 pixels for each of 8 rows and 4 columns, and a line beside every image; less
    # what the frame covers.
    assert plot.shape[:2] == (2 * (8 * 41 + 1) - 1, 2 * (4 * 41 + 1) - 1)


@pytest.mark.parametrize("shape", [(2, 3, 8, 8, 1), (2, 8, 8, 1), (0, 0, 8, 8, 1)])
def test_map_refuses_other_shapes(shape):
    with pytest.raises(ValueError, match=r"\[N, N, H, W, C\], not"):
        draw.image_map(np.zeros(shape), box=[(0, 1)] * 2)


def columns_of(strip):
    return np.split(strip[:, : 3 * 30], 3, axis=1)


def test_more_titles_than_columns_stand_each_above_its_image():
    images = np.zeros((4, 28, 28, 1), np.float32)
    names = ("a", "b", "c", "d")
    grid = draw.image_grid(images, columns=2, min_size=28, titles=names)
    first = draw.image_grid(images[:2], columns=2, min_size=28, titles=names[:2])
    second = draw.image_grid(images[2:], columns=2, min_size=28, titles=names[2:])
    # The gap below the first two is that above the title of the next.
    gap = draw.image_grid(images[:1], min_size=28).shape[0] - 28
    np.testing.assert_array_equal(grid[: len(first) - gap // 2], first[: -(gap // 2)])
    np.testing.assert_array_equal(grid[len(first) - gap // 2 :], second)


def test_titles_stand_above_their_columns():
    images = np.full((6, 28, 28, 1), -1.0)
    plain = draw.image_grid(images, columns=3, min_size=28)
    names = ("7", "a name that is far too long for so narrow a column", "\udcff")
    grid = draw.image_grid(images, columns=3, min_size=28, titles=names)
    strip, rest = np.split(grid, [len(grid) - len(plain)])
    np.testing.assert_array_equal(rest, plain)
    ink = [np.flatnonzero(x.min(axis=(0, 2)) < 200) for x in columns_of(strip)]
    assert len(ink[1]) > len(ink[0]) > 0
    assert len(ink[2]) > 0
    # Over its image, which lies in pixels 2 to 29.
    assert ink[0].mean() == pytest.approx(16, abs=1.5)
    # A long one keeps to its own column, of an image and a gap.
    long = draw.image_grid(images, columns=3, min_size=28, titles=("", "x" * 99, ""))
    first, _, last = columns_of(long[: len(strip)])
    assert first.min() == last.min() == 255
