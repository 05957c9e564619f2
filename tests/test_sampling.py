"""Samples by number, seed, class and truncation; and configs from run folders."""

import numpy as np
import pytest
from PIL import Image

from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults
from ganjax.config.program import read_stored
from ganjax.config.validation import validate
from ganjax.look.draw import image_grid
from ganjax.look.evaluate import Evaluator
from ganjax.look.sampling import Choice, write_choice
from ganjax.record.files import write_json


def tiny(data, conditioning="none", **game):
    config = defaults(data=data, network="mlp", objective="hinge")
    config.steps, config.batch_size = 1, 4
    config.game.update(game)
    for network in (config.networks.generator, config.networks.discriminator):
        network.widths = (4,)
    config.networks.generator.conditioning = conditioning
    config.evaluation.samples = 12
    return validate(config)


@pytest.fixture(scope="module")
def told():
    """A generator of digits that is told a class."""
    return Sampler(tiny("digits", "embedding"))


@pytest.fixture(scope="module")
def ring():
    return Sampler(tiny("ring"))


class Sampler:
    """Draws of an untrained run."""

    def __init__(self, config):
        setup = build_setup(config)
        self.config, self.evaluator = config, Evaluator(setup)
        self.state = setup.init()

    def __call__(self, folder, **choice):
        write_choice(
            self.config, folder, self.evaluator, 7, self.state, choice=Choice(**choice)
        )
        return np.load(folder / f"samples/{Choice(**choice).name}.npz")

    def usual(self, count=12):
        return self.evaluator.probe("sample", self.state, count)


def test_number_and_seed(ring, tmp_path):
    one = ring(tmp_path, number=1)
    np.testing.assert_array_equal(one["samples"], ring.usual(1))
    assert one["step"] == 7
    same, other = ring(tmp_path, seed=0), ring(tmp_path, seed=1)
    np.testing.assert_array_equal(same["samples"], ring.usual())
    assert other["samples"].shape == (12, 2)
    assert (other["samples"] != same["samples"]).any(axis=1).all()
    names = {path.name for path in (tmp_path / "samples").iterdir()}
    assert names == {f"sample-{x}.npz" for x in ("number1", "seed0", "seed1")}


def test_classes_take_turns_by_number_or_name(told, tmp_path):
    drawn = told(tmp_path, number=5, label=("3", "9"))
    np.testing.assert_array_equal(drawn["label"], [3, 9, 3, 9, 3])
    given = {"label": np.array([3, 9, 3, 9, 3])}
    expected = told.evaluator.probe("sample", told.state, 5, **given)
    np.testing.assert_array_equal(drawn["samples"], expected)
    expected = image_grid(drawn["samples"], columns=2, titles=("3", "9"))
    shown = Image.open(tmp_path / "samples/sample-number5-label3+9.png")
    np.testing.assert_array_equal(np.asarray(shown), expected)
    names = ["zero", *"abcdefgh", "9/nine"]
    write_json(tmp_path / "data.json", {"classes": names})
    named = told(tmp_path, number=5, label=("c", "9/nine"))
    np.testing.assert_array_equal(named["label"], drawn["label"])
    np.testing.assert_array_equal(named["samples"], drawn["samples"])


def test_truncated_latents_stay_the_same_and_within(ring, tmp_path):
    assert Choice(truncation=0.5).name == "sample-truncation0.5"
    wide = ring(tmp_path, truncation=10.0)["samples"]
    np.testing.assert_allclose(wide, ring.usual(), atol=1e-5)
    narrow = ring(tmp_path, truncation=0.001)["samples"]
    origin = {"latents": np.zeros((12, 2), np.float32)}
    expected = ring.evaluator.probe("decode", ring.state, 12, **origin)
    np.testing.assert_allclose(narrow, expected, atol=0.01)


def test_many_classes_have_a_name_that_a_file_can_have(told, tmp_path):
    every, most = tuple("0123456789" * 14), tuple("0123456789" * 13)
    drawn = told(tmp_path, label=every)
    np.testing.assert_array_equal(drawn["label"], [*range(10), 0, 1])
    assert Choice(label=every).name != Choice(label=most).name
    assert len(Choice(label=("é" * 300,)).name.encode()) < 250


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ({"label": ("1",)}, "label: the generator of this run is told no class"),
        ({"label": ("10",)}, "label: no class '10'; the classes are 0 to 9"),
        ({"label": ("cat",)}, "label: no class 'cat'; the classes are 0 to 9"),
        ({"label": ()}, "label: no class ''; the classes are 0 to 9"),
    ],
)
def test_class_that_there_is_not(ring, told, tmp_path, choice, words):
    draw = ring if "told no class" in words else told
    with pytest.raises(ConfigError, match=words):
        draw(tmp_path, **choice)
    assert list(tmp_path.iterdir()) == []


def test_truncation_needs_a_normal_prior(tmp_path):
    draw = Sampler(tiny("ring", prior="uniform"))
    with pytest.raises(ConfigError, match="truncation: the game adversarial of this"):
        draw(tmp_path, truncation=0.5)


def test_config_of_a_folder(tmp_path):
    config = tiny("ring")
    write_json(tmp_path / "config.json", config)
    assert read_stored(tmp_path).config == config
    changed = read_stored(tmp_path, ["evaluation.samples=30"]).config
    assert changed["evaluation"]["samples"] == 30
    del config["corrections"], config["record"]["keep"]
    write_json(tmp_path / "config.json", config)
    assert read_stored(tmp_path).config == tiny("ring")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (None, "is not a run folder; train first"),
        ("{", "config.json: not JSON"),
        ("[1]", "config.json: a JSON object is expected, not list"),
        ("{}", "config.json: config.game: must be a section, not None"),
        ('{"game": 3, "networks": [1]}', "config.game: must be a section, not 3"),
    ],
)
def test_config_that_a_folder_lacks(tmp_path, text, words):
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(ConfigError, match=words) as caught:
        read_stored(tmp_path)
    assert "\n" not in str(caught.value)


def test_override_that_a_folder_does_not_know(tmp_path):
    write_json(tmp_path / "config.json", tiny("ring"))
    with pytest.raises(ConfigError, match=r"did you mean evaluation\.samples"):
        read_stored(tmp_path, ["samples=30"])
