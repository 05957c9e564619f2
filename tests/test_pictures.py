"""Which pictures a run has, and that they show what they say."""

import numpy as np
import pytest

from ganjax import draw, pictures
from ganjax.build import build_experiment
from ganjax.config import defaults
from ganjax.evaluate import Evaluator
from ganjax.pictures import draw_pictures
from ganjax.validation import validate

OF_IMAGES = {
    "adversarial": {"sample", "nearest", "interpolation"},
    "auto_encoder": {"reconstruction", "interpolation"},
    "vae": {"sample", "nearest", "reconstruction", "interpolation"},
    "vae_gan": {"sample", "nearest", "reconstruction", "interpolation"},
}


def evaluated(game, data="digits", latent_size=2, conditioning="none"):
    objective = "hinge" if game == "adversarial" else game
    config = defaults(data=data, network="mlp", objective=objective, game=game)
    config.game.latent_size = latent_size
    for section in config.networks.values():
        section.widths = (4,)
    if "conditioning" in config.networks.generator:
        config.networks.generator.conditioning = conditioning
    experiment = build_experiment(validate(config))
    return Evaluator(experiment), experiment.init()


@pytest.mark.parametrize("game", OF_IMAGES)
@pytest.mark.parametrize("latent_size", [2, 3])
def test_latents_in_the_plane_have_a_map(game, latent_size):
    made = draw_pictures(*evaluated(game, latent_size=latent_size), 4)
    latent = {"map"} if game == "adversarial" else {"map", "codes"}
    assert set(made) == OF_IMAGES[game] | (latent if latent_size == 2 else set())
    for picture in made.values():
        assert picture.dtype == np.uint8
        assert picture.shape[2:] == (3,)


def test_there_is_no_map_of_many_classes():
    made = draw_pictures(*evaluated("adversarial", conditioning="embedding"), 4)
    assert set(made) == OF_IMAGES["adversarial"]


def test_the_map_shows_what_is_decoded_there(monkeypatch):
    evaluator, state = evaluated("vae")
    drawn = {}
    for name in ("image_map", "class_scatter"):
        monkeypatch.setattr(
            draw, name, lambda *args, box, name=name: drawn.update({name: (args, box)})
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


def test_codes_that_keep_nothing_are_drawn(monkeypatch):
    evaluator, state = evaluated("auto_encoder")
    nothing = {
        name: tree if name != "encoder" else _zeros(tree)
        for name, tree in state.params.items()
    }
    average = {**state.average, "encoder": _zeros(state.average["encoder"])}
    state = state._replace(params=nothing, average=average)
    assert {"map", "codes"} <= set(draw_pictures(evaluator, state, 4))


def _zeros(tree):
    return {
        name: _zeros(leaf) if isinstance(leaf, dict) else np.zeros_like(leaf)
        for name, leaf in tree.items()
    }


def test_nearest_of_a_training_image_is_itself():
    evaluator, _ = evaluated("adversarial")
    real = evaluator.real(20)
    nearest = evaluator.experiment.nearest
    np.testing.assert_allclose(nearest(real), real, atol=1e-6)
    np.testing.assert_allclose(nearest(real + 0.01), real, atol=1e-6)
    # As dark as what is not finite: black, and grey.
    broken = np.full((2, 8, 8, 1), np.nan)
    broken[0] = -np.inf
    sums = nearest(broken).sum(axis=(1, 2, 3))
    assert sums[0] < sums[1]


def test_pairs_stand_beside_each_other():
    images = np.linspace(-1, 1, 5).reshape(5, 1, 1, 1) * np.ones((5, 8, 8, 1))
    grid = pictures._pairs(images, -images)[27::50, 27::50, 0].astype(float)
    assert grid.shape == (2, 8)
    # Of a pair -x is as far from grey as x; beyond the last pair there is white.
    sums = grid[:, ::2] + grid[:, 1::2]
    np.testing.assert_allclose(sums, [[255] * 4, [255, *[510] * 3]], atol=1)


def test_points_have_no_nearest_image():
    evaluator, state = evaluated("adversarial", data="ring")
    assert evaluator.experiment.nearest is None
    assert set(draw_pictures(evaluator, state, 4)) == {"scatter"}
