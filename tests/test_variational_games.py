"""Games with an encoder: what they make and show, in every layout, killed or not."""

from functools import cache
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpy.testing import assert_allclose
from processes import finish, wait_for
from tables import GAMES, LIKELIHOODS, PARTS, with_encoder
from test_parallel import LAYOUTS, as_float, check_equal
from test_train import QUICKLY, final_state, records, run, start

from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults, load
from ganjax.config.program import read_program
from ganjax.config.validation import validate
from ganjax.keys import Purpose, example_keys, fold, purpose_key
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.record.files import read_json
from ganjax.step import make_field, make_train_step
from ganjax.training import loop
from ganjax.types import Batch, Examples, Network

WITH_ENCODER = sorted(with_encoder())
each_game = pytest.mark.parametrize("name", WITH_ENCODER)
COUNT = 6
INDEX = np.arange(COUNT)
KEYS = example_keys(purpose_key(0, Purpose.PLAY), 0, 0, INDEX)


def small(name, data="digits", network="mlp", **names):
    config = defaults(data=data, network=network, objective=name, game=name, **names)
    for section in config.networks.values():
        if "widths" in section:
            section.update(widths=(8,), normalization="batch")
        else:
            section.channels = (4,)
    config.batch_size = 16
    return config


# What a game makes, shown by networks that keep everything in sight.


def halving_encoder():
    """Its code is half the example, of variance 1/4."""

    def apply(variables, inputs, label, keys, *, train):
        mean = inputs.reshape(len(inputs), -1) / 2
        return (mean, jnp.full_like(mean, np.log(0.25))), {}

    return Network(lambda key, inputs, label: {"params": {}}, apply)


def plain_generator():
    """Its examples are the latents."""

    def apply(variables, latents, label, keys, *, train):
        return latents.reshape(-1, 2, 2, 1), {}

    return Network(lambda key, latents, label: {"params": {}}, apply)


def summing_discriminator():
    """Its score is the sum of an example, its only feature the example."""

    def apply(variables, examples, label, keys, *, train):
        state = {"calls": variables["calls"] + 1} if train else {}
        return (examples.sum(axis=(1, 2, 3)), None, (examples,)), state

    init = lambda key, examples, label: {"params": {}, "calls": 0}  # noqa: E731
    return Network(init, apply)


NETWORKS = {
    "encoder": halving_encoder(),
    "generator": plain_generator(),
    "discriminator": summing_discriminator(),
}
OPEN = {"encoder": {"params": {}}, "generator": {"params": {}}}
REAL = np.random.default_rng(0).uniform(-1, 1, (COUNT, 2, 2, 1)).astype("float32")


def open_game(name, *arguments, **changes):
    game = GAMES[name](
        NETWORKS, Examples((2, 2, 1), 0), *arguments, latent_size=4, **changes
    )
    return game, OPEN | {"discriminator": {"params": {}, "calls": 0}}


def open_vae(pixels="grey", likelihood="bernoulli"):
    numbers = {"noise_variance": 0.5} if likelihood == "gaussian" else {}
    made = LIKELIHOODS[likelihood](**numbers)
    return open_game("vae", made, pixels=pixels, importance_samples=3)


def test_auto_encoder_adds_no_noise():
    game, variables = open_game("auto_encoder")
    outcome, _ = game.play(variables, Batch(REAL), KEYS)
    assert_allclose(outcome.reconstruction, REAL / 2)
    assert "sample" not in game.probes


def test_vae_draws_a_code_for_each_example():
    game, variables = open_vae()
    outcome, _ = game.play(variables, Batch(REAL), KEYS)
    noise = (outcome.reconstruction_logits - REAL / 2) / 0.5
    assert len(np.unique(noise)) == noise.size
    half, _ = game.play(variables, Batch(REAL[3:]), KEYS[3:])
    assert_allclose(half.reconstruction_logits, outcome.reconstruction_logits[3:])
    many = example_keys(purpose_key(1, Purpose.PLAY), 0, 0, np.arange(5_000))
    zeros = Batch(np.zeros((5_000, 2, 2, 1), "float32"))
    codes = game.play(variables, zeros, many)[0].reconstruction_logits
    assert_allclose([codes.mean(), codes.var()], [0, 0.25], atol=0.02)


def test_binary_pixels_are_as_often_white_as_they_are_light():
    game, variables = open_vae("binary")
    level = np.float32([-1.0, -0.5, 0.5, 1.0]).reshape(1, 2, 2, 1)
    keys = example_keys(purpose_key(2, Purpose.PLAY), 0, 0, np.arange(20_000))
    batch = Batch(np.repeat(level, 20_000, axis=0))
    seen = np.asarray(game.play(variables, batch, keys)[0].real)
    assert set(np.unique(seen)) == {-1.0, 1.0}
    white = (seen > 0).mean(axis=0).ravel()
    assert_allclose(white, [0.0, 0.25, 0.75, 1.0], atol=0.02)
    assert white[0] == 0.0
    assert white[3] == 1.0


@pytest.mark.parametrize(
    ("likelihood", "shown"),
    [("bernoulli", lambda made: np.tanh(made / 2)), ("gaussian", lambda made: made)],
)
def test_probes_show_the_mean_example_of_mean_codes(likelihood, shown):
    game, variables = open_vae(likelihood=likelihood)
    show = lambda name: game.probes[name](variables, Batch(REAL), KEYS)  # noqa: E731
    assert_allclose(show("encode"), REAL.reshape(COUNT, 4) / 2)
    assert_allclose(show("reconstruction"), shown(REAL / 2), rtol=1e-5)
    rows = show("interpolation")
    assert rows.shape == (COUNT, 9, 2, 2, 1)
    assert_allclose(rows[:, 0], shown(REAL / 2), rtol=1e-5)
    assert_allclose(rows[:, -1], shown(np.roll(REAL, -1, axis=0) / 2), rtol=1e-5)
    halfway = (REAL[0] + REAL[1]) / 2
    assert_allclose(rows[0, 4], shown(halfway / 2), rtol=1e-5, atol=1e-6)
    given = Batch(REAL, latents=REAL.reshape(COUNT, 4) / 4)
    decoded = game.probes["decode"](variables, given, KEYS)
    assert_allclose(decoded, shown(REAL / 4), rtol=1e-5)
    assert show("sample").shape == REAL.shape
    assert show("log_weights").shape == (COUNT, 3)


def test_vae_gan_scores_three_kinds_of_example():
    game, variables = open_game("vae_gan", lambda examples, keys: -examples)
    label = np.arange(COUNT)
    outcome, state = game.play(variables, Batch(REAL, label=label), KEYS)
    # Of a discriminator that is told them, penalties tell it too.
    assert_allclose((outcome.real_label, outcome.fake_label), (label, label))
    # The discriminator sees them through the view; real and fake are before it.
    assert_allclose(outcome.real, REAL)
    for kind in ("real", "fake"):
        seen = -getattr(outcome, kind).sum(axis=(1, 2, 3))
        assert_allclose(getattr(outcome, f"{kind}_score"), seen, rtol=1e-5)
    made = outcome.reconstruction_features[0]
    assert_allclose(outcome.reconstruction_score, made.sum(axis=(1, 2, 3)), rtol=1e-5)
    noise = (-made - REAL / 2) / 0.5
    assert abs(noise).max() < 5
    assert not np.isclose(noise, outcome.fake).any()
    assert state["discriminator"] == {"calls": 3}
    assert_allclose(
        game.score(variables, REAL, None, KEYS), -REAL.sum(axis=(1, 2, 3)), rtol=1e-5
    )
    probed = game.probes["score"](variables, Batch(REAL), KEYS)
    assert_allclose(probed, REAL.sum(axis=(1, 2, 3)), rtol=1e-5)


# The step routes gradients: what a player's loss does not hold cannot move it.


def gradients(**numbers):
    setup = vae_gan_setup()
    values = setup.numbers | {"objective": setup.numbers["objective"]}
    values["objective"] = values["objective"] | numbers
    return field(values)


@cache
def vae_gan_setup():
    return build_setup(validate(small("vae_gan")))


@jax.jit
def field(numbers):
    setup = vae_gan_setup()
    state = setup.init()
    key = purpose_key(0, Purpose.DATA)
    batch = setup.source.batch(setup.source.arrays, key, 0, 0, np.arange(16))
    parts = setup.make_build(None)(numbers, 0)
    players = PARTS["game"]["vae_gan"].players
    return make_field(parts, players, state, batch, 0, np.arange(16))(state.params)[0]


def test_weights_move_only_their_player():
    before = gradients()
    for number, moved in (("reconstruction_weight", "generator"), ("beta", "encoder")):
        after = gradients(**{number: 7.0})
        for player in PARTS["game"]["vae_gan"].players:
            same = jax.tree.map(np.array_equal, before[player], after[player])
            assert all(jax.tree.leaves(same)) == (player != moved)


# Layouts.


@cache
def played(name, layout_name, network="mlp"):
    config = small(name, network=network)
    if name == "vae":
        config.objective.free_bits = 0.05  # a bound of the mean over the whole batch
    for optimizer in config.optimizers:
        config.optimizers[optimizer] = defaults(
            data="digits", network="mlp", objective="hinge", optimizer="sgd"
        ).optimizers.generator
    setup = build_setup(validate(config))
    layout = LAYOUTS[layout_name]()

    def draw(*arguments):
        batch = setup.source.batch(*arguments)
        return batch._replace(real=batch.real.astype("float64"))

    step = make_train_step(
        setup.make_build(layout.axis_name),
        draw,
        setup.rounds,
        batch_size=16,
        axis_name=layout.axis_name,
    )
    numbers = as_float("float64", setup.numbers)
    first = as_float("float64", setup.init())
    data = layout.place_data(setup.source.arrays)
    state, metrics = layout.compile(step)(layout.place(first), numbers, data, 5)
    return first, layout.fetch(state), jax.device_get(metrics)


@each_game
@pytest.mark.parametrize("layout", ["pmap 2", "shard_map 8"])
def test_layouts_agree_in_float64(name, layout):
    with jax.enable_x64(True):
        first, one, metrics = played(name, "jit")
        _, other, others = played(name, layout)
    moved = jax.tree.map(lambda a, b: np.abs(a - b).max(), first.params, one.params)
    assert np.median(jax.tree.leaves(moved)) > 1e-5
    check_equal((one, metrics), (other, others), 1e-11)


def test_layouts_agree_on_convolutions_in_float64():
    with jax.enable_x64(True):
        _, one, metrics = played("vae_gan", "jit", "dcgan")
        _, other, others = played("vae_gan", "pmap 2", "dcgan")
    check_equal((one, metrics), (other, others), 1e-11)


# The whole command.

EXPERIMENT = """
from ganjax.config import defaults

def get_config(arg):
    network = "dcgan" if arg == "vae_gan" else "mlp"
    config = defaults(data="digits", network=network, objective=arg, game=arg)
    config.data.split = "train"
    for section in config.networks.values():
        section["channels" if network == "dcgan" else "widths"] = (4,)
    config.steps = 60
    config.batch_size = 16
    config.record.update(every=5, pictures_every=60, checkpoint_every=20, examples=4)
    config.evaluation.update(samples=40)
    return config
"""

MEASURED = {
    "auto_encoder": {"reconstruction_error", "sharpness"},
    "vae": {"reconstruction_error", "sharpness", "elbo", "log_likelihood", "coverage"},
    "vae_gan": {"reconstruction_error", "sharpness", "real_accuracy", "coverage"},
}


def assert_killed_it_ends_with_the_same_bits(folder, tiny):
    process = start(folder, "cut", **tiny)
    wait_for((folder / "cut/checkpoints/20").exists, process)
    process.kill()
    finish(process)
    code, _, errors = run(folder, "cut", **tiny)
    assert code == 0, errors
    one, other = (
        final_state(folder, name, experiment=tiny["experiment"])
        for name in ("whole", "cut")
    )
    jax.tree.map(np.testing.assert_array_equal, one, other)
    assert records(folder, "whole") == records(folder, "cut")


@each_game
def test_the_command_trains_and_resumes(name, tmp_path):
    (tmp_path / "tiny.py").write_text(EXPERIMENT)
    is_killed = name == "vae_gan"  # whose state has all that the others' have
    tiny = {"experiment": f"tiny.py:{name}", "environment": QUICKLY}
    code, _, errors = run(tmp_path, "whole", **tiny)
    assert code == 0, errors
    if is_killed:
        assert_killed_it_ends_with_the_same_bits(tmp_path, tiny)
    measured = read_json(tmp_path / "whole/evaluation.json")["metrics"]
    assert set(measured) >= MEASURED[name]
    if name == "auto_encoder":
        program = read_program(f"{tmp_path}/{tiny['experiment']}")
        words = "--mode=sample: the game auto_encoder makes no samples"
        with pytest.raises(ConfigError, match=words):
            loop.run(program, tmp_path / "whole", "sample")
    pictures = {path.name for path in (tmp_path / "whole/samples").glob("*.png")}
    made = {"reconstruction", "interpolation"}
    made |= {"sample"} if name != "auto_encoder" else set()
    assert pictures >= {f"{picture}_00000060.png" for picture in made}


# The evaluation.


def test_codes_are_measured_on_the_test_split():
    config = small("auto_encoder")
    config.data.split = "train"
    setup = build_setup(validate(config))
    state = setup.init()
    measured = Evaluator(setup).measure(state, 10)
    real = np.asarray(setup.test.real)
    assert len(real) == 355
    variables = {p: {"params": x, **state.mutable[p]} for p, x in state.params.items()}
    keys = fold(example_keys(jax.random.key(0), 0, 0, np.arange(355)), 0)
    made = setup.parts.game.probes["reconstruction"](variables, Batch(real), keys)
    expected = np.square(real - made).sum(axis=(1, 2, 3)).mean()
    assert_allclose(measured["reconstruction_error"], expected, rtol=1e-5)


def test_points_have_a_plot_without_a_field():
    config = small("vae", data="ring")
    config.objective.update(likelihood="gaussian", noise_variance=0.01)
    setup = build_setup(validate(config))
    pictures = draw_pictures(Evaluator(setup), setup.init(), 4)
    assert set(pictures) == {"scatter"}


# Configs.


def test_vae_beside_the_vae_gan_has_its_networks():
    folder = Path(__file__).parents[1] / "experiments"
    one, other = (
        validate(load(f"{folder}/{file}"))["networks"]
        for file in ("vae.py:mnist,dcgan", "vae_gan.py:mnist")
    )
    assert one["encoder"] == other["encoder"]
    # But for the logits that a Bernoulli likelihood takes.
    assert one["generator"] == other["generator"] | {"output": "linear"}


def test_generator_of_logits_has_no_tanh_by_default():
    for network in ("dense", "dcgan"):
        assert small("vae", network=network).networks.generator.output == "linear"
        assert small("vae_gan", network=network).networks.generator.output == "tanh"


def test_players_that_move_together_are_simultaneous_and_averaged():
    for name in WITH_ENCODER:
        config = small(name)
        assert config.play.name == "simultaneous"
        assert set(config.ema) == {"encoder", "generator"}


@pytest.mark.parametrize(
    ("name", "data", "changes", "words"),
    [
        (
            *("vae", "ring", {}),
            "config.objective.likelihood: bernoulli is for images, not for ring",
        ),
        (
            *("vae", "digits", {"networks.generator.output": "tanh"}),
            "config.networks.generator.output: must be linear, as bernoulli takes the",
        ),
        (
            *("vae", "digits", {"objective.likelihood": "gaussian"}),
            "config.objective.noise_variance: missing; gaussian needs it",
        ),
        (
            *("vae", "digits", {"objective.noise_variance": 1.0}),
            "config.objective.noise_variance: bernoulli has no such number",
        ),
        (
            *("vae_gan", "digits", {"objective.feature_layer": 2}),
            r"config.objective.feature_layer: must lie in \[1, 1\], the hidden layers",
        ),
    ],
)
def test_what_does_not_fit_is_refused(name, data, changes, words):
    config = small(name, data=data)
    config.update_from_flattened_dict(changes)
    with pytest.raises(ConfigError, match=rf"^{words}"):
        validate(config)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (
            {"objective": "hinge", "game": "vae_gan"},
            "config.objective: hinge has no loss for the encoder of the game vae_gan",
        ),
        (
            {"objective": "vae", "game": "auto_encoder"},
            "config.objective: vae reads log_var, reconstruction_logits, which",
        ),
        (
            {"objective": "vae", "game": "supervised"},
            "config.objective: vae reads log_var, mean, reconstruction_logits, which",
        ),
        (
            {"objective": "vae", "game": "vae", "play": "alternating"},
            "config.play: alternating takes two players who meet; the game vae has "
            "only the encoder and the generator: choose",
        ),
    ],
)
def test_parts_that_do_not_fit_are_refused(names, words):
    config = defaults(data="digits", network="mlp", **names)
    with pytest.raises(ConfigError, match=f"^{words}"):
        validate(config)


def test_network_without_an_encoder_is_named():
    with pytest.raises(ConfigError, match=r"^maxout has no encoder; .* mlp, dense, dc"):
        defaults(data="digits", network="maxout", objective="vae", game="vae")
