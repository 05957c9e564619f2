"""A trained run as an object: what it makes, what it reads, and what it refuses."""

import shutil

import jax
import numpy as np
import pytest
from test_mnist import write_files

import ganjax
from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import defaults
from ganjax.config.validation import validate
from ganjax.look.evaluate import Evaluator
from ganjax.look.sampling import Choice, write_choice
from ganjax.record.files import write_json
from ganjax.training.identity import describe_data


def made(data, conditioning="none", **chosen):
    """A config of tiny networks, as its experiment would make it."""
    config = defaults(data=data, network="mlp", **chosen)
    config.steps, config.batch_size, config.evaluation.samples = 4, 4, 12
    for player, network in config.networks.items():
        network.widths = (4,)
        if player == "generator" and "conditioning" in network:
            network.conditioning = conditioning
    return config


def stored(folder, config, steps=(0,)):
    """A run folder with the untrained state, as it were after each of `steps`."""
    checked = validate(config)
    setup = build_setup(checked)
    write_json(folder / "config.json", checked)
    if described := describe_data(setup.source):
        write_json(folder / "data.json", described)
    state = jax.device_get(setup.init())
    with Checkpoints(folder / "checkpoints", keep=3) as saved:
        for step in steps:
            # Other weights at each, so that steps can be told apart.
            params = jax.tree.map(lambda x, step=step: x + 0.1 * step, state.params)
            average = {player: params[player] for player in state.average}
            now = state._replace(step=np.int32(step), params=params, average=average)
            saved.save(step, now)
    return folder


@pytest.fixture(scope="module")
def ring(tmp_path_factory):
    config = made("ring", objective="hinge")
    config.ema = type(config)()
    folder = tmp_path_factory.mktemp("ring")
    return ganjax.load(stored(folder, config, steps=(0, 2, 4)))


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A generator of digits that is told a class."""
    config = made("digits", "embedding", objective="hinge")
    config.ema = type(config)()
    return ganjax.load(stored(tmp_path_factory.mktemp("told"), config))


@pytest.fixture(scope="module")
def coder(tmp_path_factory):
    """A VAE of digits."""
    config = made("digits", objective="vae", game="vae")
    config.game.latent_size = 3
    config.ema = type(config)()
    return ganjax.load(stored(tmp_path_factory.mktemp("coder"), config))


def asked(run, **choice):
    """The samples that `--mode=sample` writes."""
    evaluator = Evaluator(build_setup(run.config))
    chosen = Choice(**choice)
    write_choice(run.config, run.folder, evaluator, 0, run.state, choice=chosen)
    return np.load(run.folder / f"samples/{chosen.name}.npz")["samples"]


@pytest.mark.parametrize(
    "choice", [{}, {"seed": 7}, {"truncation": 0.5}, {"seed": 7, "truncation": 0.5}]
)
def test_samples_are_those_of_the_command(ring, choice):
    expected = asked(ring, number=5, **choice)
    np.testing.assert_array_equal(ring.sample(5, **choice), expected)
    assert expected.shape == (5, 2)


def test_samples_of_classes_are_those_of_the_command(told):
    expected = asked(told, number=5, label=("3", "9"))
    for label in ((3, 9), ["3", 9], np.array([3, 9])):
        np.testing.assert_array_equal(told.sample(5, label=label), expected)
    np.testing.assert_array_equal(told.sample(5), asked(told, number=5))
    one = told.sample(2, label="3")
    np.testing.assert_array_equal(one, told.sample(2, label=3))
    assert (one != told.sample(2, label="4")).any()
    # Each class by itself, and of fewer or more rows, is the same.
    np.testing.assert_allclose(told.sample(9, label=(3, 9))[:5], expected, atol=1e-6)


def test_any_number_is_one_of_few_programs(ring):
    run = ganjax.load(ring.folder)
    found = {n: run.sample(n) for n in (700, 1, 3, 8, 9, 64, 100, 160, 161, 499)}
    assert all(len(samples) == n for n, samples in found.items())
    for samples in found.values():
        np.testing.assert_allclose(samples, found[700][: len(samples)], atol=1e-6)
    run.sample(2, seed=5)
    run.at(2).sample(2)
    assert run.looks.light._probe._cache_size() <= 4


def test_decoded_latents_are_the_samples(ring):
    latents = ring.latents(6, seed=3)
    np.testing.assert_array_equal(ring.decode(latents), ring.sample(6, seed=3))
    lines = ring.interpolate(latents[:2], latents[2:4], 5)
    assert lines.shape == (2, 5, 2)
    halfway = 0.5 * latents[:2] + 0.5 * latents[2:4]
    for at, latent in ((0, latents[:2]), (2, halfway), (4, latents[2:4])):
        np.testing.assert_allclose(lines[:, at], ring.decode(latent), atol=1e-6)


def test_lines_of_classes(told):
    latents = told.latents(4)
    lines = told.interpolate(latents[:2], latents[2:], 3, label=[1, 7])
    expected = told.decode(latents[:2], label=[1, 7])
    np.testing.assert_allclose(lines[:, 0], expected, atol=1e-6)
    one = told.decode(latents[1:2], label=7)
    np.testing.assert_allclose(one, expected[1:], atol=1e-6)


def test_scores_rise_with_what_the_network_says(ring):
    points = np.array([[0.0, 0.0], [1.0, -2.0], [3.0, 0.5]], np.float32)
    # One hidden layer of leaky ReLUs: score = v . lrelu(W x + b) + c.
    tree = ring.variables("discriminator")["params"]
    kernels = [x for x in jax.tree.leaves(tree) if x.ndim == 2]
    biases = [x for x in jax.tree.leaves(tree) if x.ndim == 1]
    w, v = sorted(kernels, key=lambda x: x.shape[1], reverse=True)
    b, c = sorted(biases, key=len, reverse=True)
    hidden = points @ w + b
    slope = ring.config["networks"]["discriminator"]["slope"]
    hidden = np.where(hidden > 0, hidden, slope * hidden)
    expected = (hidden @ v + c)[:, 0]
    np.testing.assert_allclose(ring.score(points), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        ring.score(points.astype(np.float64)), expected, rtol=1e-4, atol=1e-5
    )


def test_codes_and_what_is_decoded_of_them(coder):
    images, label = coder.test_examples(5)[:2]
    assert images.shape == (5, 8, 8, 1)
    assert label.shape == (5,)
    codes = coder.encode(images)
    assert codes.shape == (5, 3)
    np.testing.assert_allclose(
        coder.reconstruct(images), coder.decode(codes), atol=1e-6
    )
    np.testing.assert_array_equal(coder.real(5), coder.real(9)[:5])


def test_classes_of_images(tmp_path):
    config = made("digits", objective="classification", game="supervised")
    run = ganjax.load(stored(tmp_path, config))
    log_p = run.classify(run.real(6))
    assert log_p.shape == (6, 10)
    np.testing.assert_allclose(np.exp(log_p).sum(axis=1), np.ones(6), rtol=1e-5)
    with pytest.raises(ValueError, match="the game supervised has no sample; it has "):
        run.sample(3)


def test_other_steps(ring):
    assert (ring.step, ring.steps) == (4, [0, 2, 4])
    older = ring.at(2)
    assert older.step == older.state.step == 2
    loaded = ganjax.load(ring.folder, step=2)
    np.testing.assert_array_equal(older.sample(3), loaded.sample(3))
    assert (older.sample(3) != ring.sample(3)).any()
    with pytest.raises(ValueError, match=r"lacks step 3; there are 0, 2, 4$"):
        ring.at(3)


def test_measures_and_pictures_of_a_step(ring):
    found = ring.at(0).measure(40)
    expected = Evaluator(build_setup(ring.config)).measure(ring.at(0).state, 40)
    np.testing.assert_equal(found, expected)
    (picture,) = ring.pictures().values()
    assert picture.dtype == np.uint8
    assert picture.shape[2] == 3
    html = ring.page()._repr_html_()
    assert html.startswith("<iframe srcdoc=")
    assert len(repr(ring.page())) < 80


def test_the_field_of_a_dirac_gan(tmp_path):
    config = defaults(
        data="mixture",
        network="dirac",
        objective="minimax",
        optimizer="sgd",
        play="simultaneous",
    )
    config.data.update(means=((0.0,),), sds=(0.0,), weights=(1.0,))
    config.ema, config.batch_size = type(config)(), 4
    run = ganjax.load(stored(tmp_path, config))
    psi, theta = 0.5, 0.3
    at = {"discriminator": {"psi": psi}, "generator": {"theta": theta}}
    found = run.field()(jax.tree.map(lambda x: np.full(1, x, np.float32), at))
    # L_D = softplus(-psi 0) + softplus(psi theta), and L_G = -softplus(psi theta).
    slope = 1 / (1 + np.exp(-psi * theta))
    np.testing.assert_allclose(found["discriminator"]["psi"], slope * theta, rtol=1e-6)
    np.testing.assert_allclose(found["generator"]["theta"], -slope * psi, rtol=1e-6)
    # A generator that ignores its latents decodes them all the same.
    theta = run.state.params["generator"]["theta"]
    np.testing.assert_array_equal(run.decode(run.latents(3)), np.stack([theta] * 3))


def test_the_field_of_a_game_that_keeps_examples(tmp_path):
    """Of an energy, whose chains go on from those of the step before."""
    config = made("ring", objective="energy", game="energy")
    config.game.update(chain_steps=1, buffer_size=8)
    run = ganjax.load(stored(tmp_path, config))
    found = run.field()(run.state.params)
    assert jax.tree.structure(found) == jax.tree.structure(run.state.params)
    again = run.field()(run.state.params)
    jax.tree.map(np.testing.assert_array_equal, found, again)


def test_what_if(ring):
    first, last = ring.replay(4)
    assert (first.step, last.step) == (0, 4)
    np.testing.assert_array_equal(first.sample(3), ring.at(0).sample(3))
    seeded = ring.replay(4, seed=9)[0]
    assert (seeded.sample(3) != first.sample(3)).any()
    slow = ring.replay(4, **{"optimizers.generator.learning_rate": 1e-30})
    np.testing.assert_array_equal(slow[1].sample(3), first.sample(3))
    with pytest.raises(ValueError, match="every = 3 must divide 4 steps"):
        ring.replay(3)
    with pytest.raises(ValueError, match=r"has no such key; did you mean steps\?"):
        ring.replay(4, stepz=1)
    with pytest.raises(ArithmeticError, match="the replay is not finite by step 4"):
        ring.replay(4, **{"optimizers.discriminator.learning_rate": 1e38})


class TestWithoutItsData:
    """A run whose images are gone."""

    @pytest.fixture
    def make(self, tmp_path):
        def make(conditioning, **chosen):
            folder = tmp_path / "gone"
            folder.mkdir()
            files = write_files(folder / "files")
            config = made("mnist", conditioning, **chosen)
            config.data.directory = str(files)
            config.ema = type(config)()
            stored(folder / "run", config)
            before = ganjax.load(folder / "run")
            kept = before.real(2), before.sample(3)
            shutil.rmtree(files)
            return ganjax.load(folder / "run"), *kept

        return make

    def test_it_makes_what_needs_none(self, make):
        run, real, samples = make("none", objective="hinge")
        np.testing.assert_array_equal(run.sample(3), samples)
        assert run.score(real).shape == (2,)
        with pytest.raises(ValueError, match=r"^config\.data: .*mnist"):
            run.real(2)

    def test_it_makes_classes_that_are_named(self, make):
        run, _, samples = make("embedding", objective="hinge")
        assert run.sample(3, label=[1, 2]).shape == samples.shape
        with pytest.raises(ValueError, match=r"^config\.data: .*; or give label$"):
            run.sample(3)


POINTS = np.zeros((3, 2), np.float32)
REFUSED = {
    "a lone point": (lambda run: run.score(POINTS[0]), r"\[N, 2\], not \[2\]; write x"),
    "another size": (
        lambda run: run.score(np.zeros((3, 4))),
        r"\[N, 2\], not \[3, 4\]",
    ),
    "none at all": (lambda run: run.score(POINTS[:0]), r"\[N, 2\], not \[0, 2\]"),
    "integers": (lambda run: run.score(POINTS.astype(int)), "must be float32, not int"),
    "words": (lambda run: run.score(["a"]), r"examples: must be \[N, 2\], not \[1\]"),
    "NaN": (lambda run: run.score(POINTS * np.nan), "some numbers are not finite"),
    "latents": (lambda run: run.decode(np.zeros((3, 5))), r"latents: must be \[N, 2\]"),
    "no number": (lambda run: run.sample(0), "n must be a whole number above 0, not 0"),
    "half": (lambda run: run.sample(2.5), r"n must be a whole number .* not 2\.5"),
    "a seed": (
        lambda run: run.sample(2, seed=-1),
        "seed: must be a whole number",
    ),
    "half a seed": (
        lambda run: run.sample(2, seed=1.5),
        r"seed: must be a whole number in \[0, 2\^32\), not 1\.5",
    ),
    "no limit": (
        lambda run: run.sample(2, truncation=0),
        "truncation: must be above 0",
    ),
    "class": (
        lambda run: run.sample(2, label=1),
        "generator of this run is told no cl",
    ),
    "probe": (
        lambda run: run.encode(POINTS),
        "adversarial has no encode; it has decode",
    ),
    "unread": (
        lambda run: run.probe("sample", 3, latents=POINTS),
        "sample reads no latents; decode does",
    ),
    "lacking": (
        lambda run: run.probe("decode", 3),
        r"decode: latents \[N, Z\] are miss",
    ),
    "field": (lambda run: run.probe("score", image=POINTS), "no field 'image'; there"),
    "lengths": (lambda run: run.probe("score", 4, real=POINTS), "3 of real given, n=4"),
    "player": (
        lambda run: run.variables("critic"),
        "no player 'critic'; there are disc",
    ),
    "lines": (
        lambda run: run.interpolate(POINTS, POINTS[:2]),
        "of the same shape, not",
    ),
    "one end": (
        lambda run: run.interpolate(POINTS, POINTS, 1),
        "n: a line has two ends",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_refused(ring, case):
    ask, words = REFUSED[case]
    with pytest.raises(ValueError, match=words) as caught:
        ask(ring)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("ask", "words"),
    [
        (
            lambda run: run.sample(2, label="cat"),
            "no class 'cat'; the classes are 0, 1",
        ),
        (lambda run: run.sample(2, label=10), "no class '10'; the classes are 0, 1"),
        (
            lambda run: run.decode(run.latents(3)),
            "decode: label is missing; this run's",
        ),
        (lambda run: run.decode(run.latents(3), label=[1, 2]), "2 classes for 3 rows"),
        (
            lambda run: run.score(np.zeros((2, 8, 8, 1), np.uint8)),
            r"images: must be float32, not uint8; write x / 127\.5 - 1",
        ),
        (
            lambda run: run.score(np.full((2, 8, 8, 1), 255.0)),
            r"pixels must lie in \[-1, 1\], and these go from 255 to 255",
        ),
    ],
)
def test_what_is_refused_of_classes_and_images(told, ask, words):
    with pytest.raises(ValueError, match=words):
        ask(told)


def test_folder_that_holds_no_run(tmp_path):
    with pytest.raises(ValueError, match="there is no such folder"):
        ganjax.load(tmp_path / "no")
    with pytest.raises(ValueError, match=r"not a run folder, config\.json is missing"):
        ganjax.load(tmp_path)
    write_json(tmp_path / "config.json", validate(made("ring", objective="hinge")))
    with pytest.raises(ValueError, match="has no checkpoint yet; train first"):
        ganjax.load(tmp_path)
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_in_words(ring):
    assert repr(ring).endswith("step 4; decode, interpolation, latents, sample, score)")
    assert len(repr(ring)) < 300
