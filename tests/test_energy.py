"""The game of the discriminator alone: its chains, its buffer, and what it learns."""

from functools import cache, partial
from pathlib import Path

import compiling
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from processes import finish, virtual, wait_for
from tables import GAMES, NETWORKS, OBJECTIVES, SOURCES
from test_run import stored
from test_train import ENVIRONMENT, assert_same_run, final_state, run, start

import ganjax
from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults, load
from ganjax.config import experiment as experiment_file
from ganjax.config.validation import validate
from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.measures import mixture_log_density
from ganjax.parallel import jit_layout, pmap_layout, shard_map_layout
from ganjax.state import init_state
from ganjax.step import make_train_step
from ganjax.study import read_run
from ganjax.types import Batch, Examples, Network, Parts

COUNT, SIZE = 8, 32
KEYS = example_keys(purpose_key(0, Purpose.PLAY), 0, 0, np.arange(COUNT))
NUMBERS = {
    "chain_steps": 3,
    "sample_steps": 5,
    "step_size": 0.25,
    "noise": 0.0,
    "clip_gradient": None,
    "reach": 2.0,
    "buffer_size": 0,
    "refresh": 0.0,
}


def network(score):
    """A discriminator of the score `(w, examples) -> [B]`, which starts at w = 1."""

    def apply(variables, examples, label, keys, *, train):
        assert label is None
        return (score(variables["params"]["w"], examples), None, ()), {}

    return Network(lambda key, examples, label: {"params": {"w": jnp.ones(())}}, apply)


def bowl(w, examples):
    """-w |x|^2 / 2, of slope -w x."""
    return -0.5 * w * jnp.sum(jnp.square(examples), axis=1)


def slope(w, examples):
    return w * examples.sum(axis=1)


def open_game(score=bowl, **changes):
    networks = {"discriminator": network(score)}
    return GAMES["energy"](networks, Examples((2,), 0), **NUMBERS | changes)


def played(game, variables=None, keys=KEYS):
    variables = variables or game.init(jax.random.key(0))
    return game.play(variables, Batch(jnp.zeros((len(keys), 2))), keys)


@cache
def starts():
    """Where chains from noise begin."""
    return np.asarray(played(open_game(chain_steps=1, step_size=0.0))[0].fake)


def test_ascent_of_the_score():
    game = open_game()
    outcome, mutable = played(game)
    # Each step takes x to x - 0.25 x, so that three leave 0.75^3 = 0.421875 of it.
    np.testing.assert_allclose(outcome.fake, 0.421875 * starts(), rtol=1e-6)
    np.testing.assert_allclose(outcome.fake_score, bowl(1.0, outcome.fake), rtol=1e-6)
    np.testing.assert_array_equal(outcome.real_score, np.zeros(COUNT))
    assert mutable == {"discriminator": {}}


def test_chains_stay_within_reach_and_begin_anywhere_there():
    keys = example_keys(purpose_key(0, Purpose.PLAY), 0, 0, np.arange(2_000))
    # Of slope 1 in both coordinates, 100 steps of 0.25 would lead 25 away.
    outcome, _ = played(open_game(slope, chain_steps=100), keys=keys)
    np.testing.assert_array_equal(outcome.fake, np.full((2_000, 2), 2.0))
    outcome, _ = played(open_game(slope, chain_steps=1, step_size=0.0), keys=keys)
    # U(-2, 2) has a variance of 16 / 12 and of its square 16 / 5 - (4 / 3)^2 = 1.4222.
    assert np.abs(outcome.fake).max() <= 2
    assert abs(np.square(outcome.fake).mean() - 4 / 3) < 5 * np.sqrt(1.4222 / 4_000)


def test_steep_gradients_are_shortened():
    # The slope (1, 1) has the norm sqrt 2: shortened to 0.5, a step is 0.125 long; one
    # that is shorter than 1.5 stays. No chain goes beyond 2.
    for norm, step in ((0.5, 0.125 / np.sqrt(2)), (1.5, 0.25)):
        game = open_game(slope, chain_steps=1, clip_gradient=norm)
        expected = np.minimum(starts() + step, 2)
        np.testing.assert_allclose(played(game)[0].fake, expected, rtol=1e-5)


def test_langevin_chains_come_to_the_density():
    # x <- (1 - h) x + s e with h = 0.1 and s = 0.3 is stationary at N(0, v), where
    # v = (1 - h)^2 v + s^2: v = 0.09 / 0.19 = 0.473684. (T = s^2 / 2 h = 0.45 for short
    # steps.) A half of 300 steps' memory is 0.9^300, of its start nothing.
    keys = example_keys(purpose_key(0, Purpose.PLAY), 0, 0, np.arange(4_000))
    game = open_game(chain_steps=300, step_size=0.1, noise=0.3, reach=6.0)
    fake = np.asarray(played(game, keys=keys)[0].fake, np.float64)
    variance = 0.09 / 0.19
    # Five standard errors: of 8,000 numbers, and v sqrt(2) is the sd of x^2.
    assert abs(fake.mean()) < 5 * np.sqrt(variance / 8_000)
    assert abs(np.square(fake).mean() - variance) < 5 * variance * np.sqrt(2 / 8_000)
    assert abs(np.mean(fake[:, 0] * fake[:, 1])) < 5 * variance / np.sqrt(4_000)


def test_noise_of_chains_and_steps_is_their_own():
    # Without a slope a step is noise alone.
    flat = open_game(lambda w, x: 0 * slope(w, x), sample_steps=9, noise=0.01)
    batch = Batch(jnp.zeros((COUNT, 2)))
    film = np.asarray(flat.probes["chain"](flat.init(KEYS[0]), batch, KEYS))
    steps = np.diff(film, axis=1).ravel()
    assert len(steps) == COUNT * 9 * 2
    assert np.diff(np.sort(steps)).min() > 0
    assert abs(steps.std() / 0.01 - 1) < 5 / np.sqrt(2 * len(steps))


def test_negatives_are_constants_to_the_loss():
    objective = OBJECTIVES["energy"](square_weight=0.0)

    def loss(w):
        outcome, _ = played(game, {"discriminator": {"params": {"w": w}}})
        return sum(objective.losses["discriminator"](outcome).values()), outcome.fake

    game = open_game()
    gradient, fake = jax.grad(loss, has_aux=True)(jnp.ones(()))
    # Of E s - E r = -w E |fake|^2 / 2 the derivative by w, at fakes that do not move.
    np.testing.assert_allclose(
        gradient, -0.5 * np.square(fake).sum(axis=1).mean(), rtol=1e-6
    )


def test_buffer_keeps_the_ends_of_chains():
    game = open_game(buffer_size=SIZE)
    variables = game.init(jax.random.key(0))
    before = np.asarray(variables["discriminator"]["buffer"])
    assert before.shape == (SIZE, 2)
    assert 1.5 < np.abs(before).max() <= 2
    outcome, mutable = played(game, variables)
    after = np.asarray(mutable["discriminator"]["buffer"])
    changed = np.flatnonzero((before != after).any(axis=1))
    # Example i draws one of the slots i, i + 8, i + 16, i + 24.
    owners = changed % COUNT
    np.testing.assert_array_equal(np.sort(owners), np.arange(COUNT))
    assert len(set(changed // COUNT)) > 1
    np.testing.assert_allclose(after[changed], 0.421875 * before[changed], rtol=1e-6)
    np.testing.assert_array_equal(after[changed], outcome.fake[owners])
    np.testing.assert_array_equal(
        variables["discriminator"]["buffer"], before, "play writes nothing in place"
    )


def test_refreshed_chains_begin_at_noise():
    keys = example_keys(purpose_key(0, Purpose.PLAY), 0, 0, np.arange(1_000))
    common = {"buffer_size": 1_000, "chain_steps": 1, "step_size": 0.0}
    for refresh in (0.0, 0.25, 1.0):
        game = open_game(**common, refresh=refresh)
        variables = game.init(jax.random.key(0))
        outcome, _ = played(game, variables, keys)
        buffer = np.asarray(variables["discriminator"]["buffer"])
        anew = (outcome.fake != buffer).any(axis=1).mean()
        assert abs(anew - refresh) <= 5 * np.sqrt(refresh * (1 - refresh) / 1_000)


def test_an_example_follows_from_its_key():
    game = open_game(noise=0.1)
    whole, _ = played(game)
    part, _ = played(game, keys=KEYS[3:5])
    np.testing.assert_allclose(part.fake, whole.fake[3:5], rtol=1e-6)


def test_probes_of_long_chains():
    game = open_game(noise=0.1, buffer_size=SIZE, sample_steps=20)
    variables = game.init(jax.random.key(0))
    batch = Batch(jax.random.normal(jax.random.key(1), (COUNT, 2)))
    film = game.probes["chain"](variables, batch, KEYS)
    assert film.shape == (COUNT, 10, 2)
    sample = game.probes["sample"](variables, batch, KEYS)
    np.testing.assert_allclose(film[:, -1], sample, rtol=1e-6)
    # Moments 0 and 1 are steps 0 and 20 // 9 = 2.
    shorter = open_game(noise=0.1, buffer_size=SIZE, sample_steps=2)
    second = shorter.probes["sample"](variables, batch, KEYS)
    np.testing.assert_allclose(film[:, 1], second, rtol=1e-6)
    score = game.probes["score"](variables, batch, KEYS)
    np.testing.assert_allclose(score, bowl(1.0, batch.real), rtol=1e-6)
    again = game.score(variables, batch.real, None, KEYS)
    np.testing.assert_array_equal(again, score)


def test_only_the_discriminator_sees_the_view():
    plain, shown = (
        GAMES["energy"](
            {"discriminator": network(slope)}, Examples((2,), 0), *view, **NUMBERS
        )
        for view in ((), (lambda examples, keys: examples + 1,))
    )
    batch = Batch(jnp.zeros((COUNT, 2)))
    variables = plain.init(KEYS[0])
    one, other = (game.play(variables, batch, KEYS)[0] for game in (plain, shown))
    np.testing.assert_array_equal(one.fake, other.fake)
    np.testing.assert_allclose(other.fake_score - one.fake_score, 2.0, rtol=1e-5)
    np.testing.assert_array_equal(other.real_score, np.full(COUNT, 2.0))
    np.testing.assert_array_equal(
        shown.score(variables, batch.real, None, KEYS), other.real_score
    )


LAYOUTS = {
    "jit": lambda: jit_layout(jax.devices()[0]),
    "pmap 2": lambda: pmap_layout(jax.devices()[:2]),
    "pmap 8": lambda: pmap_layout(jax.devices()[:8]),
    "shard_map 2": lambda: shard_map_layout(jax.devices()[:2]),
    "shard_map 8": lambda: shard_map_layout(jax.devices()[:8]),
}
RING = SOURCES["ring"](modes=3, radius=1.0, sd=0.1)


def make_build(axis_name):
    def build(numbers, step):
        discriminator = NETWORKS["mlp"]["discriminator"](
            Examples((2,), 0),
            axis_name=axis_name,
            widths=(8,),
            slope=0.2,
            normalization="batch",
            conditioning="none",
            head="score",
            octaves=0,
        )
        changes = {"noise": 0.1, "buffer_size": 64, "refresh": 0.25, "clip_gradient": 1}
        return Parts(
            game=GAMES["energy"](
                {"discriminator": discriminator},
                Examples((2,), 0),
                axis_name=axis_name,
                **NUMBERS | changes,
            ),
            objective=OBJECTIVES["energy"](square_weight=0.1),
            optimizers={"discriminator": optax.sgd(0.05)},
            penalties={},
            average={},
            monitors={},
        )

    return build


def in_float64(tree):
    def cast(leaf):
        leaf = np.asarray(leaf)
        return leaf.astype("float64") if leaf.dtype.kind == "f" else leaf

    return jax.tree.map(cast, tree)


@cache
def trained(layout_name):
    layout = LAYOUTS[layout_name]()
    step = make_train_step(
        make_build(layout.axis_name),
        RING.batch,
        ((("discriminator",), 1),),
        batch_size=16,
        axis_name=layout.axis_name,
    )
    start = in_float64(init_state(make_build(None)({}, 0), 3))
    data = layout.place_data(in_float64(RING.arrays))
    state, metrics = layout.compile(step)(layout.place(start), {}, data, 4)
    return start, layout.fetch(state), jax.device_get(metrics)


@pytest.mark.parametrize("layout", [name for name in LAYOUTS if name != "jit"])
def test_layouts_agree_in_float64(layout):
    with jax.enable_x64(True):
        start, *one = trained("jit")
        _, *other = trained(layout)
    before, after = (
        state.mutable["discriminator"]["buffer"] for state in (start, one[0])
    )
    # Four steps of 16 have filled up to 64 slots, which are drawn with replacement.
    assert 32 < (before != after).any(axis=1).sum() <= 64
    close = partial(np.testing.assert_allclose, rtol=1e-11, atol=1e-11)
    jax.tree.map(close, one, other)


def tiny_config(data, **changes):
    config = defaults(data=data, network="mlp", objective="energy", game="energy")
    config.networks.discriminator.widths = (16,)
    config.batch_size = 16
    config.game.update(chain_steps=4, sample_steps=4, buffer_size=64, reach=1.5)
    config.update_from_flattened_dict(changes)
    return config


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        (
            "game.buffer_size",
            100,
            "config.game.buffer_size: must be a multiple of batch_size, 16, or 0 for "
            "no buffer, not 100",
        ),
        (
            "networks.discriminator.head",
            "logits",
            "config.networks.discriminator.head: must be score, not logits, as the "
            "game energy reads no labels",
        ),
        (
            "networks.discriminator.conditioning",
            "projection",
            "config.networks.discriminator.conditioning: must be none, not projection",
        ),
        ("game.noise", -0.1, "config.game.noise: must lie in [0, inf), not -0.1"),
        ("game.refresh", 1.5, "config.game.refresh: must lie in [0, 1], not 1.5"),
    ],
)
def test_bad_configs_are_refused(key, value, words):
    config = tiny_config("digits", **{key: value})
    with pytest.raises(ConfigError) as caught:
        validate(config)
    assert str(caught.value).startswith(words)


def test_a_generator_cannot_play_for_an_energy():
    config = defaults(data="ring", network="mlp", objective="energy")
    with pytest.raises(ConfigError, match="energy has no loss for the generator"):
        validate(config)


def test_any_losses_of_scores_may_train_it():
    config = defaults(data="ring", network="mlp", objective="hinge", game="energy")
    config.networks.discriminator.widths = (8,)
    config.game.chain_steps = 2
    setup = build_setup(validate(config))
    step = jax.jit(setup.make_step(None))
    start = setup.init()
    state, metrics = step(start, setup.numbers, setup.source.arrays)
    # E relu(1 - r) + E relu(1 + s), with scores that are near 0 at first.
    assert abs(float(metrics["discriminator/loss"]) - 2) < 1
    assert {"discriminator/real_accuracy", "discriminator/fake_loss"} <= set(metrics)
    kernels = [
        x.params["discriminator"]["layers"]["Dense_0"]["kernel"] for x in (start, state)
    ]
    assert (kernels[0] != kernels[1]).any()


def test_images_give_a_film_of_chains():
    config = tiny_config("digits")
    setup = build_setup(validate(config))
    pictures = draw_pictures(Evaluator(setup), setup.init(), 4)
    assert set(pictures) == {"sample", "nearest", "chain"}
    assert all(picture.dtype == np.uint8 for picture in pictures.values())


TINY = """
from ganjax.config import defaults

def get_config(arg=""):
    config = defaults(data="ring", network="mlp", objective="energy", game="energy")
    config.networks.discriminator.widths = (16,)
    config.steps, config.batch_size = 100, 16
    config.game.update(chain_steps=4, sample_steps=8, buffer_size=64, reach=1.5)
    config.record.update(every=5, pictures_every=100, checkpoint_every=10)
    config.evaluation.samples = 40
    return config
"""


def test_a_killed_run_resumes_its_chains_with_the_same_bits(tmp_path):
    (tmp_path / "tiny.py").write_text(TINY)
    flags = f"{virtual(2)} {compiling.FLAGS}"
    alike = {"environment": ENVIRONMENT | {"XLA_FLAGS": flags}}
    code, _, errors = run(tmp_path, "whole", **alike)
    assert (code, errors.count("Traceback")) == (0, 0), errors
    process = start(tmp_path, "cut", **alike)
    wait_for((tmp_path / "cut/checkpoints/30").exists, process)
    process.kill()
    finish(process)
    assert run(tmp_path, "cut", **alike)[0] == 0
    assert_same_run(tmp_path, "whole", "cut")
    # Sampled again, the samples are the same.
    samples = tmp_path / "cut/samples/final.npz"
    before = np.load(samples)["samples"]
    samples.unlink()
    assert run(tmp_path, "cut", "--mode=sample", **alike)[0] == 0
    np.testing.assert_array_equal(np.load(samples)["samples"], before)
    # By then every chain has long continued an earlier one.
    buffer = final_state(tmp_path, "cut")[1].mutable["discriminator"]["buffer"]
    assert buffer.shape == (64, 2)


EXPERIMENT = str(Path(__file__).parents[1] / "experiments" / "energy.py")


def test_every_point_of_the_sweep_is_valid():
    points = experiment_file.sweep(EXPERIMENT)
    arguments = {"", "mnist", "fashion_mnist,noise"} | {point.arg for point in points}
    for argument in arguments:
        config = validate(load(f"{EXPERIMENT}:{argument}"))
        assert bool(config["game"]["buffer_size"]) != ("noise" in argument)


def test_on_a_line_the_score_learns_the_density(tmp_path):
    path = str(Path(EXPERIMENT).with_name("langevin.py"))
    names = experiment_file.run_file(path)
    changes = ("steps=500", "game.sample_steps=100", "optimizers.discriminator.b2=0.9")
    run = ganjax.load(stored(tmp_path, load(path, changes)))
    line = names["LINE"]
    width = line[1] - line[0]
    true = np.exp(mixture_log_density(line[:, None], run.config["data"]))
    np.testing.assert_allclose(true.sum() * width, 1.0, atol=1e-3)

    def density(moment):
        found = names["density_of"](moment.score(line[:, None]), moment.config["game"])
        np.testing.assert_allclose(found.sum() * width, 1.0, atol=1e-2)
        return found

    def distance(moment):
        """Of total variation, 0 where exp(D / T) / Z is the data's density."""
        return 0.5 * np.abs(density(moment) - true).sum() * width

    first, *_, last = run.replay(100)
    assert (first.step, last.step) == (0, 500)
    assert distance(first) > 0.3
    assert distance(last) < 0.15
    # Chains end where the density says: means of a third of the line.
    samples = last.sample(2_000)[:, 0]
    for low in (-3, -1, 1):
        share = ((samples >= low) & (samples < low + 2)).mean()
        inside = (line >= low) & (line < low + 2)
        assert abs(share - density(last)[inside].sum() * width) < 0.08
    (figure,) = experiment_file.study(path, [read_run(tmp_path)])
    assert figure.title == "Chains that begin in a buffer"
