"""Folders of images, from tiny files made here."""

import os
import re
import struct
import zlib
from pathlib import Path

import jax
import numpy as np
import pytest
from PIL import Image
from tables import SOURCES

from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults, load
from ganjax.config.validation import validate
from ganjax.data import DataError

NAMES = ("image_folder", "class_folders")
RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
ORIENTATION = 0x0112  # the EXIF tag


def write(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels, np.uint8)).save(path, **options)
    return path


def flat(colour, height=4, width=4):
    """All pixels alike: grey for a number, else RGB or RGBA."""
    return np.broadcast_to(colour, (height, width, *np.shape(colour)))


def noise(height, width, channels=3):
    values = np.random.default_rng(0).integers(0, 256, (height, width, channels))
    return values.astype(np.uint8)


def write_classes(folder):
    """Four red images of one class, three blue of another, no two alike."""
    for number in range(4):
        write(folder / f"cat/{number}.png", flat((250 + number, 0, 0)))
    for number in range(3):
        write(folder / f"dog/{number}.png", flat((0, 0, 250 + number)))
    return folder


@pytest.fixture(autouse=True)
def _no_data(monkeypatch):
    monkeypatch.delenv("GANJAX_DATA", raising=False)


def source_of(
    directory,
    name="image_folder",
    *,
    size=(4, 4),
    channels=3,
    mismatch="refuse",
    max_pixels=10_000,
    labelled=0,
):
    height, width = size
    labels = {"labelled": labelled, "labelled_share": 0.5}
    return SOURCES[name](
        directory=str(directory),
        height=height,
        width=width,
        channels=channels,
        mismatch=mismatch,
        max_pixels=max_pixels,
        **(labels if name == "class_folders" else {}),
    )


def images_of(*arguments, **keywords):
    return source_of(*arguments, **keywords).arrays["examples"]


def message(*arguments, **keywords):
    with pytest.raises(DataError) as caught:
        source_of(*arguments, **keywords)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("kind", ["bmp", "gif", "png", "PNG", "ppm", "tiff", "webp"])
def test_format_without_loss(kind, tmp_path):
    pixels = noise(4, 4) // 64 * 85  # 64 colours at most, as a GIF holds 256
    options = {"lossless": True} if kind == "webp" else {}
    write(tmp_path / f"x.{kind}", pixels, **options)
    np.testing.assert_array_equal(images_of(tmp_path), pixels[None], strict=True)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "JPG"])
def test_jpeg(suffix, tmp_path):
    write(tmp_path / f"x.{suffix}", flat((200, 100, 50), 8, 8), quality=95)
    # Y and the two differences of colour are rounded, each to half a level.
    error = images_of(tmp_path, size=(8, 8)).astype(int) - (200, 100, 50)
    assert np.abs(error).max() <= 3


@pytest.mark.parametrize("kind", ["pgm", "png"])
def test_grey(kind, tmp_path):
    pixels = noise(4, 6, 1)
    write(tmp_path / f"x.{kind}", pixels[..., 0])
    images = images_of(tmp_path, size=(4, 6), channels=1)
    np.testing.assert_array_equal(images, pixels[None], strict=True)


def test_files_are_sorted_by_their_path_as_text(tmp_path):
    # "-" comes before "/", though the folder a comes before the folder a-b.
    for level, name in enumerate(
        ["b.png", "a/x.png", "a-b/x.png", "B.png", "a/10.png"]
    ):
        write(tmp_path / name, flat(level))
    images = images_of(tmp_path, channels=1)
    assert images[:, 0, 0, 0].tolist() == [3, 2, 4, 1, 0]


def test_other_files_and_hidden_ones_are_passed_over(tmp_path):
    write(tmp_path / "x.png", flat(RED))
    for name in ("README", "notes.txt", "labels.csv", "._x.png"):
        (tmp_path / name).write_text("no image")
    write(tmp_path / ".thumbnails/x.png", flat(BLUE))
    assert len(images_of(tmp_path)) == 1


def test_linked_folders_are_read(tmp_path):
    write_classes(tmp_path / "own")
    (tmp_path / "data").mkdir()
    (tmp_path / "data/linked").symlink_to(tmp_path / "own")
    assert len(images_of(tmp_path / "data")) == 7


@pytest.mark.parametrize(
    ("size", "rows", "columns"),
    [
        ((4, 10), slice(0, 4), slice(0, 10)),
        ((4, 4), slice(0, 4), slice(3, 7)),  # 10 - 4 columns go, half of them left
        ((2, 10), slice(1, 3), slice(0, 10)),  # 4 - 2 rows go, half of them above
    ],
)
def test_crop_is_of_the_centre(size, rows, columns, tmp_path):
    # Cropped to the asked size, so that nothing remains to be resized.
    pixels = noise(4, 10)
    write(tmp_path / "x.png", pixels)
    np.testing.assert_array_equal(
        images_of(tmp_path, size=size)[0], pixels[rows, columns]
    )


@pytest.mark.parametrize(("axis", "size"), [(0, (5, 6)), (1, (9, 7))])
def test_mirrored_image_is_mirrored(axis, size, tmp_path):
    # Of 33 rows 29 * 5 / 6 = 24.2 remain, of 29 columns 33 * 7 / 9 = 25.7.
    pixels = noise(33, 29)
    write(tmp_path / "a.png", pixels)
    write(tmp_path / "b.png", np.flip(pixels, axis))
    one, other = images_of(tmp_path, size=size).astype(int)
    assert np.abs(np.flip(one, axis) - other).max() <= 1  # each is rounded


def test_only_the_centre_is_seen(tmp_path):
    pixels = np.concatenate([flat(c, 30, 30) for c in (RED, GREEN, BLUE)], axis=1)
    write(tmp_path / "x.png", pixels)
    image = images_of(tmp_path, size=(10, 10))[0]
    # The filter reaches three of the new pixels beyond the crop.
    np.testing.assert_array_equal(image[:, 3:-3], flat(GREEN, 10, 4))
    assert (image[..., 1] > 200).all()


def test_resize_averages(tmp_path):
    # Of a ramp of 4 a column, the new column j is between the old 2 j and 2 j + 1.
    ramp = np.tile(4 * np.arange(40), (40, 1))
    write(tmp_path / "ramp.png", ramp)
    # Of alternate columns every new column sees two, symmetrically: half of 255.
    write(tmp_path / "stripes.png", np.tile([0, 255], (40, 20)))
    images = images_of(tmp_path, size=(20, 20), channels=1)[..., 0].astype(int)
    inner = np.s_[3:-3, 3:-3]  # where the filter meets no border
    expected = np.tile(8 * np.arange(20) + 2, (20, 1))
    assert np.abs(images[0] - expected)[inner].max() <= 1
    assert np.abs(images[1] - 127.5)[inner].max() <= 1


def test_small_images_are_enlarged(tmp_path):
    write(tmp_path / "x.png", flat(RED, 2, 3))
    np.testing.assert_array_equal(images_of(tmp_path, size=(8, 8))[0], flat(RED, 8, 8))


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_orientation(orientation, turns, tmp_path):
    # To be turned: 3 by half, 6 to the right, that is three quarters left, 8 left.
    pixels = noise(4, 4)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    write(tmp_path / "x.png", pixels, exif=exif)
    np.testing.assert_array_equal(images_of(tmp_path)[0], np.rot90(pixels, turns))


def test_upright_comes_before_the_crop(tmp_path):
    pixels = noise(4, 10)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    write(tmp_path / "x.png", pixels, exif=exif)
    upright = np.rot90(pixels, 3)  # 10 x 4
    np.testing.assert_array_equal(images_of(tmp_path, size=(10, 4))[0], upright)


def test_colour_becomes_grey_by_its_luma(tmp_path):
    for name, colour in {"a": RED, "b": GREEN, "c": BLUE, "d": (9, 9, 9)}.items():
        write(tmp_path / f"{name}.png", flat(colour))
    images = images_of(tmp_path, channels=1)
    # 255 times 0.299, 0.587 and 0.114: 76.2, 149.7 and 29.1.
    assert images[:, 0, 0, 0].tolist() == [76, 150, 29, 9]


def cmyk(path):
    Image.new("CMYK", (4, 4), (255, 0, 0, 0)).save(path)


MISMATCHES = {
    # The file, how it is made, what it is called, what it is converted to.
    "grey": ("x.png", lambda p: write(p, flat(7)), "grey", (7, 7, 7)),
    "binary": (
        *("x.png", lambda p: Image.new("1", (4, 4), 1).save(p)),
        *("grey", (255, 255, 255)),
    ),
    "clear": (
        *("x.png", lambda p: write(p, flat((255, 0, 0, 0)))),
        *("transparent", (255, 255, 255)),
    ),
    # 51 is a fifth: 0.2 * red + 0.8 * white.
    "faint": (
        *("x.png", lambda p: write(p, flat((255, 0, 0, 51)))),
        *("transparent", (255, 204, 204)),
    ),
    # A fifth of 100 and four of 255: 224.
    "grey_faint": (
        *("x.png", lambda p: Image.new("LA", (4, 4), (100, 51)).save(p)),
        *("transparent", (224, 224, 224)),
    ),
    "colour_key": (
        *("x.png", lambda p: write(p, flat(RED), transparency=RED)),
        *("transparent", (255, 255, 255)),
    ),
    "CMYK": ("x.tif", cmyk, "CMYK", (0, 255, 255)),
}


@pytest.mark.parametrize(
    ("file", "make", "kind", "converted"), MISMATCHES.values(), ids=MISMATCHES
)
def test_mismatch(file, make, kind, converted, tmp_path):
    write(tmp_path / "a.png", flat(BLUE))
    make(tmp_path / file)
    said = message(tmp_path)
    assert f"{tmp_path}: of 2 images 1 {kind} (first: {file}); " in said
    assert "--config.data.mismatch=convert" in said
    images = images_of(tmp_path, mismatch="convert")
    np.testing.assert_array_equal(images[0], flat(BLUE))
    np.testing.assert_array_equal(images[1], flat(converted))


def test_mismatches_are_counted(tmp_path):
    write(tmp_path / "a.png", flat(RED))
    write(tmp_path / "b/1.png", flat((0, 0, 0, 9)))
    write(tmp_path / "b/2.png", flat(1))
    write(tmp_path / "c.png", flat(2))
    said = message(tmp_path)
    assert "of 4 images 2 grey (first: b/2.png), 1 transparent (first: b/1.png)" in said
    assert "--config.data.channels=1 makes all images grey" in said
    # With one channel grey is no mismatch.
    assert "of 4 images 1 transparent (first: b/1.png);" in message(
        tmp_path, channels=1
    )


OPAQUE = {
    "alpha": lambda p: write(p, flat((*RED, 255))),
    "palette": lambda p: Image.fromarray(flat(RED).astype(np.uint8)).quantize().save(p),
    "palette_alpha": lambda p: (
        Image.fromarray(flat(RED).astype(np.uint8))
        .quantize(2)
        .save(p, transparency=bytes([255, 255]))
    ),
}


@pytest.mark.parametrize("make", OPAQUE.values(), ids=OPAQUE)
def test_opaque_colour_is_no_mismatch(make, tmp_path):
    make(tmp_path / "x.png")
    np.testing.assert_array_equal(images_of(tmp_path)[0], flat(RED))


def test_opaque_grey_with_alpha(tmp_path):
    Image.new("LA", (4, 4), (100, 255)).save(tmp_path / "x.png")
    np.testing.assert_array_equal(images_of(tmp_path, channels=1)[0, ..., 0], 100)
    assert "1 grey" in message(tmp_path)


def truncated(path):
    write(path, noise(40, 40))
    path.write_bytes(path.read_bytes()[:-1500])


DAMAGES = {
    "text": ("x.jpg", lambda p: p.write_text("no"), "is not an image that Pillow"),
    "empty": ("x.png", lambda p: p.write_bytes(b""), "is not an image that Pillow"),
    "phone": ("x.heic", lambda p: p.write_text("no"), "is not an image that Pillow"),
    "png": ("x.png", truncated, "cannot be read as an image: "),
    "jpeg": ("x.jpg", truncated, "cannot be read as an image: "),
    "pgm": (
        *("x.pgm", lambda p: p.write_bytes(b"P5 4 4 255\n123")),
        "cannot be read as an image: ",
    ),
    "link": (
        *("x.png", lambda p: p.symlink_to("nowhere")),
        "cannot be read as an image: No such file or directory",
    ),
    "deep": (
        *("x.png", lambda p: Image.new("I;16", (4, 4), 1000).save(p)),
        "has 16 bits a channel; make it grey or RGB, of 8 bits",
    ),
    "deep_pgm": (
        *("x.pgm", lambda p: p.write_bytes(b"P5 1 1 1023\n\x03\xff")),
        "has 10 bits a channel; make",
    ),
}


@pytest.mark.parametrize("mismatch", ["refuse", "convert"])
@pytest.mark.parametrize(("file", "damage", "words"), DAMAGES.values(), ids=DAMAGES)
def test_damaged_file_is_named(file, damage, words, mismatch, tmp_path):
    write(tmp_path / "a.png", flat(RED))
    damage(tmp_path / file)
    assert message(tmp_path, mismatch=mismatch).startswith(
        f"{tmp_path / file}: {words}"
    )


def test_first_damaged_file_is_named(tmp_path):
    for name in ("c", "b", "d"):
        (tmp_path / f"{name}.png").write_text("no")
    write(tmp_path / "a.png", flat(RED))
    assert message(tmp_path).startswith(f"{tmp_path / 'b.png'}: ")


def test_folder_that_may_not_be_entered_is_named(tmp_path, monkeypatch):
    # Root may enter any folder.
    write_classes(tmp_path)
    scan = os.scandir

    def refuse(path):
        if os.path.basename(path) == "dog":
            raise PermissionError(13, "Permission denied", str(path))
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    said = message(tmp_path)
    assert said == f"{tmp_path / 'dog'}: cannot be read: Permission denied"


@pytest.mark.parametrize("name", NAMES)
def test_no_directory(name):
    said = message("", name)
    assert said == f"{name}: --config.data.directory must name a folder of images"


@pytest.mark.parametrize("name", NAMES)
def test_no_image(name, tmp_path):
    (tmp_path / "x.npy").write_text("no image")
    said = message(tmp_path, name)
    assert said.startswith(f"{tmp_path}: holds no image, a file that ends with one of ")
    assert " .jpg " in said


def test_no_folder(tmp_path):
    file = write(tmp_path / "x.png", flat(RED))
    assert f"--config.data.directory={file} is not a folder; name" in message(file)
    # The name of nobody's home.
    assert "=~no one/x is not a folder; name" in message("~no one/x")


def test_relative_folder_is_looked_for_in_both_places(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path / "shared"))
    both = (
        f"=faces is not a folder, nor is $GANJAX_DATA/faces ({tmp_path}/shared/faces)"
    )
    assert both in message("faces")
    write(tmp_path / "shared/faces/x.png", flat(RED))
    np.testing.assert_array_equal(images_of("faces")[0], flat(RED))
    write(tmp_path / "faces/x.png", flat(BLUE))
    np.testing.assert_array_equal(images_of("faces")[0], flat(BLUE))


def test_absolute_folder_is_looked_for_in_one_place(tmp_path, monkeypatch):
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path))
    assert "is not a folder; name" in message(tmp_path / "faces")


def test_labels_are_the_folders_in_the_order_of_their_names(tmp_path):
    for level, name in enumerate(["10", "9", "b", "a", "B"]):
        write(tmp_path / name / "x.png", flat(level))
    (tmp_path / "README").write_text("five classes")
    source = source_of(tmp_path, "class_folders", channels=1)
    # Of the order 10 9 B a b, that of their characters.
    assert source.arrays["examples"][:, 0, 0, 0].tolist() == [0, 1, 4, 3, 2]
    np.testing.assert_array_equal(
        source.arrays["labels"], np.arange(5, dtype=np.int32), strict=True
    )
    assert source.classes == 5


def test_images_of_a_class_share_its_label(tmp_path):
    source = source_of(write_classes(tmp_path), "class_folders")
    is_blue = source.arrays["examples"][:, 0, 0, 2] > 0
    np.testing.assert_array_equal(source.arrays["labels"], is_blue)
    assert is_blue.tolist() == [False] * 4 + [True] * 3
    assert source.classes == 2


@pytest.mark.parametrize("file", ["0.png", "cat/deep/0.png"])
def test_image_that_lies_elsewhere_than_in_a_class(file, tmp_path):
    write(write_classes(tmp_path) / file, flat(RED))
    said = message(tmp_path, "class_folders")
    assert said.startswith(f"{tmp_path}: {file} does not lie one folder deep; name")
    assert len(images_of(tmp_path)) == 8


def test_one_class_is_none(tmp_path):
    write(tmp_path / "all/0.png", flat(RED))
    said = message(tmp_path, "class_folders")
    assert said.startswith(f"{tmp_path}: has no class but all; name the folder")


def draw(source):
    index = np.arange(64)  # more than there are images
    return source.batch(source.arrays, jax.random.key(0), 0, 0, index)


def test_batch(tmp_path):
    for number, colour in enumerate([RED, GREEN, BLUE]):
        write(tmp_path / f"{number}.png", flat(colour))
    batch = draw(source_of(tmp_path))
    assert batch.label is None
    # One of the three is missed with a probability of 3 (2/3)^64 = 2e-11.
    colours = {tuple(pixel) for pixel in np.asarray(batch.real)[:, 0, 0].tolist()}
    assert colours == {(1, -1, -1), (-1, 1, -1), (-1, -1, 1)}


def test_batch_with_labels(tmp_path):
    batch = draw(source_of(write_classes(tmp_path), "class_folders"))
    is_blue = np.asarray(batch.real)[:, 0, 0, 2] > -1
    np.testing.assert_array_equal(batch.label, is_blue)
    assert 0 < is_blue.sum() < 64


def test_few_labels(tmp_path):
    write_classes(tmp_path)
    source = source_of(tmp_path, "class_folders", labelled=6)
    rows = source.arrays["labelled"]
    assert source.arrays["labels"][rows].tolist() == [0, 0, 0, 1, 1, 1]
    assert 0 < draw(source).is_labelled.sum() < 64
    # The second class has three images only.
    with pytest.raises(DataError, match="is 4 of each class, but class 1 has 3 exam"):
        source_of(tmp_path, "class_folders", labelled=8)


def config_of(name, **values):
    config = defaults(data=name, network="dense", objective="non_saturating")
    config.batch_size = 4
    config.data.update(height=4, width=6, **values)
    for network in config.networks.values():
        network.widths = (8,)
    return config


@pytest.mark.parametrize("name", NAMES)
def test_training(name, tmp_path):
    write_classes(tmp_path)
    config = config_of(name, directory=str(tmp_path))
    if name == "class_folders":
        config.networks.generator.conditioning = "embedding"
        config.networks.discriminator.conditioning = "projection"
    setup = build_setup(validate(config))
    assert setup.source.arrays["examples"].shape == (7, 4, 6, 3)
    step = jax.jit(setup.make_step(None))
    first = state = setup.init()
    for _ in range(2):
        state, metrics = step(state, setup.numbers, setup.source.arrays)
    assert state.step == 2
    assert all(np.isfinite(value).all() for value in jax.tree.leaves(metrics))
    moved = jax.tree.map(
        lambda old, new: bool((old != new).any()),
        first.params["generator"],
        state.params["generator"],
    )
    assert any(jax.tree.leaves(moved))


def test_bad_folder_is_a_config_error(tmp_path):
    config = validate(config_of("image_folder", directory=str(tmp_path)))
    with pytest.raises(ConfigError, match=f"^config.data: {re.escape(str(tmp_path))}"):
        build_setup(config)
    with pytest.raises(
        ConfigError, match=r"^config.data: .*config.data.directory must"
    ):
        build_setup(validate(config_of("image_folder")))


@pytest.mark.parametrize("channels", [0, 2, 4])
def test_channels(channels):
    config = config_of("image_folder", channels=channels)
    with pytest.raises(ConfigError, match=f"channels: {channels} is none of 1, 3$"):
        validate(config)


def test_unlabelled_images_cannot_be_conditioned_on():
    config = config_of("image_folder")
    config.networks.generator.conditioning = "embedding"
    with pytest.raises(ConfigError, match="the data image_folder has no labels"):
        validate(config)


def test_a_class_without_images_is_named(tmp_path):
    write_classes(tmp_path)
    (tmp_path / "bird").mkdir()
    said = message(tmp_path, "class_folders")
    assert said == (
        f"{tmp_path}: the class folder bird holds no image; fill or remove it"
    )


# 16 bits a channel: what Pillow makes of them are the upper 8, or mode I;16.
def png(kind, samples):
    """A PNG of 4 x 4 pixels of 16 bits a sample, all of 40,000."""

    def chunk(name, data):
        sizes = struct.pack(">I", len(data)), struct.pack(">I", zlib.crc32(name + data))
        return sizes[0] + name + data + sizes[1]

    head = struct.pack(">IIBBBBB", 4, 4, 16, kind, 0, 0, 0)
    row = b"\0" + struct.pack(">H", 40_000) * 4 * samples
    whole = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(row * 4))
    return b"\x89PNG\r\n\x1a\n" + whole + chunk(b"IEND", b"")


def tiff(samples):
    """A little-endian TIFF likewise, in one strip."""
    data = struct.pack("<H", 40_000) * 16 * samples
    bits = struct.pack("<H", 16) * samples
    end = 8 + 2 + 12 * 9 + 4  # of the header and the entries
    photometric = 2 if samples > 1 else 1
    entries = [(256, 4), (257, 4), (258, None), (259, 1), (262, photometric)]
    entries += [(273, end + len(bits)), (277, samples), (278, 4), (279, len(data))]
    rows = b"".join(
        struct.pack("<HHII", tag, 4, 1, value)
        if value is not None
        else struct.pack("<HHI", tag, 3, samples)
        + (struct.pack("<I", end) if samples > 2 else bits.ljust(4, b"\0"))
        for tag, value in entries
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(entries))
    return head + rows + bytes(4) + bits + data


def netpbm(magic, greatest, samples, value):
    pixels = struct.pack(">H" if greatest > 255 else "B", value) * 16 * samples
    return f"{magic}\n4 4\n{greatest}\n".encode() + pixels


DEEP = {
    "grey.png": (png(0, 1), 16),
    "colour.png": (png(2, 3), 16),
    "grey_alpha.png": (png(4, 2), 16),
    "colour_alpha.png": (png(6, 4), 16),
    "grey.tif": (tiff(1), 16),
    "colour.tif": (tiff(3), 16),
    "colour.ppm": (netpbm("P6", 65_535, 3, 40_000), 16),
    "colour12.ppm": (netpbm("P6", 4_095, 3, 2_000), 12),
    "grey.pgm": (netpbm("P5", 65_535, 1, 40_000), 16),
    "grey10.pgm": (netpbm("P5", 1_023, 1, 600), 10),
}


@pytest.mark.parametrize("name", DEEP)
@pytest.mark.parametrize("channels", [1, 3])
def test_more_than_8_bits_a_channel_are_refused(name, channels, tmp_path):
    content, bits = DEEP[name]
    (tmp_path / name).write_bytes(content)
    said = message(tmp_path, channels=channels, mismatch="convert")
    assert said.startswith(f"{tmp_path / name}: has {bits} bits a channel; make it")


def test_fewer_than_8_bits_are_scaled(tmp_path):
    # Of 100 the value 60 is 153 of 255.
    (tmp_path / "a.ppm").write_bytes(netpbm("P6", 100, 3, 60))
    Image.new("1", (4, 4), 1).save(tmp_path / "b.png")
    images = images_of(tmp_path, mismatch="convert")
    assert [image.mean() for image in images] == [153, 255]


def test_every_folder_is_read_once_by_its_own_path(tmp_path):
    write(tmp_path / "own/a/1.png", flat(RED))
    write(tmp_path / "own/b/2.png", flat(BLUE))
    (tmp_path / "own/a/up").symlink_to("..")  # to a parent
    (tmp_path / "own/b/up").symlink_to("../..")
    (tmp_path / "own/0_before_a").symlink_to("a")  # to a sibling
    (tmp_path / "own/b/again").symlink_to("../a")
    assert images_of(tmp_path / "own")[:, 0, 0].tolist() == [[*RED], [*BLUE]]
    assert source_of(tmp_path / "own", "class_folders").classes == 2


def test_only_regular_files_are_read(tmp_path):
    write(tmp_path / "a.png", flat(RED))
    os.mkfifo(tmp_path / "b.png")  # whoever opened it would wait for ever
    assert message(tmp_path) == f"{tmp_path}/b.png: is not a regular file"


def test_too_many_pixels_name_the_key_that_allows_them(tmp_path):
    write(tmp_path / "a.png", flat(RED, 20, 30))
    assert message(tmp_path, max_pixels=599) == (
        f"{tmp_path}/a.png: has 30 x 20 pixels; --config.data.max_pixels=600 allows "
        "it, and takes up to 7.2e-06 GB of memory"
    )
    assert images_of(tmp_path, max_pixels=600).shape == (1, 4, 4, 3)


def test_pixels_are_limited_by_the_key_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    write(tmp_path / "a.png", flat(RED, 20, 30))
    assert images_of(tmp_path, max_pixels=600).shape == (1, 4, 4, 3)
    assert Image.MAX_IMAGE_PIXELS == 100


def test_grey_palettes_are_grey(tmp_path):
    grey = Image.fromarray(np.asarray(flat(77), np.uint8)).convert("P")
    grey.save(tmp_path / "grey.png")
    assert "of 1 images 1 grey (first: grey.png)" in message(tmp_path)
    coloured = Image.fromarray(np.asarray(flat(RED), np.uint8)).quantize(2)
    coloured.save(tmp_path / "grey.png")
    assert images_of(tmp_path)[0, 0, 0].tolist() == [*RED]


def own_images(folder, size=(4, 4)):
    height, width = size
    return SOURCES["own_images"](
        directory=str(folder), height=height, width=width, max_pixels=10_000
    )


def test_own_images_find_their_classes(tmp_path):
    source = own_images(write_classes(tmp_path))
    sorted_in = source_of(tmp_path, "class_folders")
    assert (source.classes, source.class_names) == (2, ("cat", "dog"))
    for name, values in sorted_in.arrays.items():
        np.testing.assert_array_equal(source.arrays[name], values, strict=True)
    (tmp_path / "README").write_text("of 7 images")
    assert own_images(tmp_path).classes == 2
    (tmp_path / "bird").mkdir()
    with pytest.raises(DataError, match="the class folder bird holds no image"):
        own_images(tmp_path)


@pytest.mark.parametrize(
    "names", [("a.png", "b.png"), ("a/x.png", "b.png"), ("a/b/x.png", "c/x.png")]
)
def test_own_images_without_classes(names, tmp_path):
    for name in names:
        write(tmp_path / name, flat(RED))
    source = own_images(tmp_path)
    assert (source.classes, source.class_names) == (0, ())
    assert draw(source).label is None


def test_own_images_of_one_folder_within_are_no_class(tmp_path):
    write(tmp_path / "all/a.png", flat(RED))
    assert own_images(tmp_path).classes == 0


def test_own_images_are_grey_where_all_are(tmp_path):
    write(tmp_path / "a.png", flat(7))
    write(tmp_path / "b.png", flat((9, 9, 9)))
    Image.new("LA", (4, 4), (100, 51)).save(tmp_path / "c.png")
    images = own_images(tmp_path).arrays["examples"]
    assert images.shape == (3, 4, 4, 1)
    assert images[:, 0, 0, 0].tolist() == [7, 9, 224]
    write(tmp_path / "d.png", flat(BLUE))
    images = own_images(tmp_path).arrays["examples"]
    assert images[:, 0, 0].tolist() == [[7] * 3, [9] * 3, [224] * 3, [*BLUE]]


@pytest.mark.parametrize("classes", [2, 0])
def test_own_images_experiment(classes, tmp_path):
    write_classes(tmp_path)
    if not classes:
        write(tmp_path / "0.png", flat(GREEN))
    path = Path(__file__).parents[1] / "experiments/own_images.py"
    config = load(str(path), [f"data.directory={tmp_path}"])
    setup = build_setup(validate(config))
    assert setup.classes == setup.source.classes == classes
    made = jax.eval_shape(setup.init).params["generator"]
    assert any("Embed" in name for name in made) is bool(classes)


def test_class_logits_need_data_that_is_sure_to_have_labels():
    config = config_of("own_images")
    config.networks.discriminator.head = "score_and_logits"
    with pytest.raises(ConfigError, match=r"head: the data own_images has no labels"):
        validate(config)
