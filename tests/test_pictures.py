"""Which pictures a run has, and that they show what they say."""

import jax
import numpy as np
import pytest

from ganjax.build import build_setup
from ganjax.config import defaults
from ganjax.config.validation import validate
from ganjax.look import draw, pictures
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures

OF_IMAGES = {
    "adversarial": {"sample", "nearest", "interpolation"},
    "auto_encoder": {"reconstruction", "interpolation"},
    "vae": {"sample", "nearest", "reconstruction", "interpolation"},
    "vae_gan": {"sample", "nearest", "reconstruction", "interpolation"},
}


def evaluated(game, data="digits", latent_size=2, conditioning="none", **of_data):
    objective = "hinge" if game == "adversarial" else game
    config = defaults(data=data, network="mlp", objective=objective, game=game)
    config.data.update(of_data)
    config.game.latent_size = latent_size
    for section in config.networks.values():
        section.widths = (4,)
    if "conditioning" in config.networks.generator:
        config.networks.generator.conditioning = conditioning
    setup = build_setup(validate(config))
    return Evaluator(setup), setup.init()


@pytest.mark.parametrize(
    ("game", "latent_size"), [*((game, 2) for game in OF_IMAGES), ("vae", 3)]
)
def test_latents_in_the_plane_have_a_map(game, latent_size):
    made = draw_pictures(*evaluated(game, latent_size=latent_size), 4)
    latent = {"map"} if game == "adversarial" else {"map", "codes"}
    assert set(made) == OF_IMAGES[game] | (latent if latent_size == 2 else set())
    for picture in made.values():
        assert picture.dtype == np.uint8
        assert picture.shape[2:] == (3,)


@pytest.mark.parametrize("game", ["adversarial", "vae"])
def test_there_is_no_map_of_many_classes(game):
    made = draw_pictures(*evaluated(game, conditioning="embedding"), 4)
    assert set(made) == OF_IMAGES[game] | ({"codes"} if game == "vae" else set())


def test_the_map_shows_what_is_decoded_there(monkeypatch):
    evaluator, state = evaluated("vae")
    drawn = {}
    for name in ("image_map", "class_scatter"):
        monkeypatch.setattr(
            draw,
            name,
            lambda *args, box, names=(), name=name: drawn.update({name: (args, box)}),
        )
    draw_pictures(evaluator, state, 4)
    (images,), box = drawn["image_map"]
    (codes, label), same = drawn["class_scatter"]
    assert box == same
    # Of each coordinate 98 of 100 codes are within.
    low, high = np.transpose(box)
    within = (codes >= low) & (codes <= high)
    np.testing.assert_allclose(within.mean(axis=0), 0.98, atol=0.005)
    assert len(codes) == len(label) == 1_000
    # The image at row 2 from below, column 13 of 15.
    place = low + (high - low) * (np.array([13, 2]) + 0.5) / 15
    given = place[None].astype(np.float32)
    (expected,) = evaluator.probe("decode", state, 1, latents=given)
    np.testing.assert_allclose(images[2, 13], expected, atol=1e-6)
    assert np.ptp(images[:, :, 3, 3], axis=(0, 1)) > 1e-3


@pytest.mark.parametrize(
    ("factor", "shown"), [(0.0, {"map", "codes"}), (np.nan, set())]
)
def test_codes_that_keep_nothing_or_are_broken(factor, shown):
    evaluator, state = evaluated("auto_encoder")
    average = jax.tree.map(lambda x: factor * x, state.average["encoder"])
    state = state._replace(average={**state.average, "encoder": average})
    made = draw_pictures(evaluator, state, 4)
    assert set(made) == OF_IMAGES["auto_encoder"] | shown


def test_a_lone_broken_code_is_left_out(monkeypatch):
    evaluator, state = evaluated("auto_encoder")
    codes = evaluator.probe_batch("encode", state, evaluator.examples_to_judge(1_000))
    broken = np.concatenate([[[np.nan, 0]], codes[1:]])
    monkeypatch.setattr(evaluator, "probe_batch", lambda *_: broken)
    assert set(pictures._latent_pictures(evaluator, state)) == {"map", "codes"}


def test_nearest_of_a_training_image_is_itself():
    evaluator, _ = evaluated("adversarial")
    real = evaluator.real(20)
    nearest = evaluator.setup.nearest
    np.testing.assert_allclose(nearest(real), real, atol=1e-6)
    np.testing.assert_allclose(nearest(real + 0.01), real, atol=1e-6)
    # As dark as what is not finite: black, and grey.
    broken = np.full((2, 8, 8, 1), np.nan)
    broken[0] = -np.inf
    sums = nearest(broken).sum(axis=(1, 2, 3))
    assert sums[0] < sums[1]


def test_nearest_image_is_one_that_was_trained_on():
    evaluator, _ = evaluated("vae", labelled=20, labelled_share=1.0)
    arrays = evaluator.setup.source.arrays
    unlabelled = np.delete(np.arange(len(arrays["examples"])), arrays["labelled"])[:30]
    found = evaluator.setup.nearest(arrays["examples"][unlabelled] / 127.5 - 1)
    own = {image.tobytes() for image in arrays["examples"][arrays["labelled"]]}
    assert {np.uint8(x * 127.5 + 128).tobytes() for x in found} <= own


def test_pairs_stand_beside_each_other():
    images = np.linspace(-1, 1, 5).reshape(5, 1, 1, 1) * np.ones((5, 8, 8, 1))
    grid = pictures._pairs(images, -images)[27::50, 27::50, 0].astype(float)
    assert grid.shape == (3, 4)
    # Of a pair -x is as far from grey as x; beyond the last pair there is white.
    sums = grid[:, ::2] + grid[:, 1::2]
    np.testing.assert_allclose(sums, [[255, 255], [255, 255], [255, 510]], atol=1)


def test_points_have_no_nearest_image():
    evaluator, state = evaluated("adversarial", data="ring")
    assert evaluator.setup.nearest is None
    assert set(draw_pictures(evaluator, state, 4)) == {"scatter"}


def test_classes_are_named_above_their_columns_and_beside_their_codes(monkeypatch):
    drawn = {}
    grid, codes = draw.image_grid, draw.class_scatter

    def image_grid(images, **given):
        drawn.setdefault("titles", given.get("titles"))
        return grid(images, **given)

    def class_scatter(*args, **given):
        drawn["names"] = given["names"]
        return codes(*args, **given)

    monkeypatch.setattr(draw, "image_grid", image_grid)
    monkeypatch.setattr(draw, "class_scatter", class_scatter)
    evaluator, state = evaluated("vae", conditioning="embedding")
    setup = evaluator.setup
    names = tuple(f"digit {number}" for number in range(10))
    named = setup.source._replace(class_names=names)
    evaluator.setup = setup._replace(source=named)
    draw_pictures(evaluator, state, 4)
    assert tuple(drawn["titles"]) == drawn["names"] == names
    # Without names their numbers are.
    nameless = setup.source._replace(class_names=())
    evaluator.setup = setup._replace(source=nameless)
    drawn.clear()
    draw_pictures(evaluator, state, 4)
    assert drawn["titles"] == list("0123456789")
