"""Rows of own parts: their keys, what is refused, and that each kind is played."""

import math
from functools import partial
from typing import Annotated, Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from flax.nnx import bridge
from numpy.testing import assert_allclose
from tables import DIVERGENCES

from ganjax.build import build_setup
from ganjax.config import (
    ConfigError,
    augmentation,
    correction,
    defaults,
    parts,
    penalty,
    schedule,
    section,
)
from ganjax.config.catalogue import Key, builder_of
from ganjax.config.chosen import choose
from ganjax.config.validation import validate
from ganjax.games.adversarial import adversarial
from ganjax.look.evaluate import Evaluator
from ganjax.losses.f_divergence import from_conjugate
from ganjax.training.rehearsal import rehearse
from ganjax.types import PartError

SHAPE = (3,)  # of examples; neither points in a plane nor images


class Generator(nn.Module):
    shape: tuple
    widths: tuple = (4, 4)
    slope: Annotated[float, "[0, 1)"] = 0.2

    @nn.compact
    def __call__(self, latents):
        for width in self.widths:
            latents = nn.leaky_relu(nn.Dense(width)(latents), self.slope)
        return nn.Dense(self.shape[0])(latents)


class Critic(nn.Module):
    @nn.compact
    def __call__(self, examples):
        return nn.Dense(1)(examples)[:, 0]


def vectors(*, count: int = 20):
    return np.random.default_rng(0).normal(size=(count, *SHAPE))


def labelled(*, count: int = 20):
    return vectors(count=count), np.arange(count) % 2, ("even", "odd")


def critic_loss(real_score, fake_score, *, slope: float = 1.0):
    return jnp.mean(nn.softplus(-slope * real_score) + nn.softplus(fake_score))


def generator_loss(fake_score):
    return jnp.mean(-fake_score)


NETWORK = parts.network("tiny", generator=Generator, discriminator=Critic)
DATA = parts.data(vectors)
LOSS = parts.objective("mine", discriminator=critic_loss, generator=generator_loss)
PARTS = [*NETWORK, DATA, LOSS]


def config_of(own=(), **names):
    names = {"data": "vectors", "network": "tiny", "objective": "mine", **names}
    config = defaults(parts=[*PARTS, *own], **names)
    config.steps, config.batch_size = 2, 4
    config.evaluation.samples = 8
    return config


def built(config, own=()):
    catalogue = parts.catalogue_with([*PARTS, *own])
    checked = validate(config, catalogue)
    return build_setup(checked, catalogue), choose(checked, catalogue)


def try_out(config, own=()):
    """What a training of it would be told before it begins."""
    setup, chosen = built(config, own)
    evaluator = Evaluator(setup)
    rehearse(setup, chosen, evaluator)
    return setup, evaluator


def refuses(words, function, *arguments, error=ConfigError, **keywords):
    with pytest.raises(error) as caught:
        function(*arguments, **keywords)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def a_step(setup):
    step = jax.jit(setup.make_step(None))
    state, metrics = step(setup.init(), setup.numbers, setup.source.arrays)
    assert all(math.isfinite(value) for value in metrics.values())
    return state, metrics


# Keys


def test_keys_follow_from_signatures():
    def function(
        *,
        number: float = 1,
        bounded: Annotated[float, "(0, inf)"] = 0.5,
        count: int = 3,
        word: str = "a",
        choice: Literal["a", "b"] = "b",
        flag: bool = False,
        sizes: tuple = (1, 2),
        off: float | None = None,
    ):
        pass

    assert parts.optimizer(function).keys == {
        "number": Key(1.0, "(-inf, inf)"),
        "bounded": Key(0.5, "(0, inf)"),
        "count": Key(3, "[-2147483648, 2147483647]"),
        "word": Key("a"),
        "choice": Key("b", choices=("a", "b")),
        "flag": Key(False),
        "sizes": Key((1, 2), "[-2147483648, 2147483647]"),
        "off": Key(None, "(-inf, inf)", kind=float),
    }


def test_a_module_has_its_fields_as_keys_and_is_given_the_shape():
    generator, critic = NETWORK
    assert set(generator.keys) == {"widths", "slope"}
    assert generator.takes == ("shape",)
    assert (critic.keys, critic.takes, critic.players) == ({}, (), ("discriminator",))


def test_a_loss_says_what_it_reads():
    assert LOSS.reads == ("real_score", "fake_score")
    assert LOSS.players == ("discriminator", "generator")
    assert LOSS.keys == {"slope": Key(1.0, "(-inf, inf)")}


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x, "by position it is given none, and asks for (x)"),
        (lambda *, x: x, "x has no default, which gives its type"),
        (lambda *, x={}: x, "x: the default {} is no number, string, bool, or tuple"),
        (lambda *, x=(): x, "x: the default () is no number"),
        (lambda *, x=(1, "a"): x, "x: the default (1, 'a') is no number"),
        (lambda *, x=None: x, "x: None is off; say of what type it is otherwise"),
        (lambda *words: words, "*args and **kwargs have no keys"),
        (lambda **words: words, "*args and **kwargs have no keys"),
        (3, "must be a function, not 3"),
    ],
)
def test_what_is_no_builder_is_refused(function, words):
    refuses(words, parts.optimizer, function, name="mine")


def test_intervals_and_annotations_that_cannot_be_read_are_refused():
    def function(*, x: Annotated[float, "0 to 1"] = 0.5):
        pass

    refuses("x: '0 to 1' is no interval such as (0, 1]", parts.optimizer, function)

    def lost(*, x: "Nothing" = 0.5):  # noqa: F821
        pass

    refuses("optimizer lost: an annotation cannot be read", parts.optimizer, lost)


def test_a_part_needs_a_name():
    refuses("needs a name such as my_optimizer", parts.optimizer, lambda: None)


def test_fields_and_arrays_that_there_are_none_of_are_refused():
    refuses(
        "scores is nothing that it could be given; did you mean",
        *(parts.objective, "mine"),
        discriminator=lambda scores: scores,
    )
    refuses(
        "measure mine: smaple is nothing that it could be given; did you mean sample",
        *(parts.measure, lambda smaple: {}),
        name="mine",
    )
    refuses(
        "better['x'] must be lowest, highest or one, not 'best'",
        *(parts.measure, lambda sample: {}),
        name="mine",
        better={"x": "best"},
    )


def test_two_losses_agree_about_a_number():
    def other(fake_score, *, slope: float = 2.0):
        return jnp.mean(fake_score) * slope

    refuses(
        "slope differs from another loss's",
        *(parts.objective, "mine"),
        discriminator=critic_loss,
        generator=other,
    )


# The catalogue


def test_names_that_are_taken_are_refused():
    hinge = parts.objective("hinge", discriminator=critic_loss)
    refuses("PARTS: objective hinge: the name is taken", parts.catalogue_with, [hinge])
    refuses(
        "PARTS: objective mine: the name is taken", parts.catalogue_with, [LOSS, LOSS]
    )


def test_what_is_no_row_is_refused():
    refuses("write *parts.network(...)", parts.catalogue_with, [NETWORK])


def test_ranges_of_own_keys_are_kept():
    config = config_of()
    config.networks.generator.slope = 1.5
    refuses("networks.generator.slope: must lie in [0, 1), not 1.5", built, config)


def test_networks_of_points_and_images_are_for_no_other_arrays():
    config = config_of()
    config.networks.generator = section("network", "dcgan", player="generator")
    words = "dcgan is for images, and the examples of vectors are [3]"
    refuses(words, built, config)


# Contracts


def changed(**players):
    made = {"generator": Generator, "discriminator": Critic} | players
    own = parts.network("other", **made)
    return own, config_of(own, network="other")


class Narrow(Generator):
    def __call__(self, latents):
        return super().__call__(latents)[:, :2]


class Flat(Generator):
    def __call__(self, latents):
        return super().__call__(latents).mean(0)


class Column(nn.Module):
    @nn.compact
    def __call__(self, examples):
        return nn.Dense(1)(examples)


class Asking(nn.Module):
    @nn.compact
    def __call__(self, examples, temperature):
        return nn.Dense(1)(examples)[:, 0] * temperature


@pytest.mark.parametrize(
    ("player", "module", "words"),
    [
        ("generator", Narrow, "returns examples [4, 2], which must be [4, 3]"),
        ("generator", Flat, "returns examples [3], which must be [4, 3]"),
        ("discriminator", Column, "returns score [4, 1], which must be [4]"),
        ("discriminator", Asking, "__call__ of Asking asks for temperature"),
    ],
)
def test_networks_that_break_their_contract_are_named(player, module, words):
    own, config = changed(**{player: module})
    where = f"network other of the {player}: "
    refuses(where + words, try_out, config, own, error=PartError)


def test_a_builder_that_makes_no_network_is_named():
    def generator(*, width: int = 3):
        return width

    own, config = changed(generator=generator)
    words = "network other of the generator: generator made int, which is no flax"
    refuses(words, try_out, config, own, error=PartError)


def test_a_loss_that_is_no_scalar_is_named():
    own = [parts.objective("vector", generator=lambda fake_score: fake_score)]
    own[0] = own[0]._replace(
        builder=({"discriminator": critic_loss, **own[0].builder[0]}, None),
        players=("discriminator", "generator"),
        keys=LOSS.keys,
    )
    config = config_of(own, objective="vector")
    words = "objective vector: the loss of the generator must return one scalar, not [4"
    refuses(words, try_out, config, own, error=PartError)


class Normalized(nn.Module):
    @nn.compact
    def __call__(self, examples, train):
        hidden = nn.BatchNorm(use_running_average=not train)(examples)
        return nn.Dense(1)(hidden)[:, 0]


class NormalizedByAll(nn.Module):
    axis_name: str | None

    @nn.compact
    def __call__(self, examples, train):
        norm = partial(nn.BatchNorm, axis_name=self.axis_name)
        return nn.Dense(1)(norm(use_running_average=not train)(examples))[:, 0]


def test_statistics_of_a_batch_are_of_all_devices_or_refused():
    own, config = changed(discriminator=Normalized)
    words = "other keeps batch_stats, which would differ between devices; have a field"
    refuses(words, try_out, config, own)
    own, config = changed(discriminator=NormalizedByAll)
    try_out(config, own)


def test_statistics_of_a_batch_exclude_gradients_of_single_examples():
    own, config = changed(discriminator=NormalizedByAll)
    config.penalties.score_drift = penalty("score_drift")
    try_out(config, own)
    config.penalties.r1 = penalty("r1")
    words = "other takes statistics of a batch, and config.penalties.r1 the gradient"
    refuses(words, try_out, config, own)


class Growing(nn.Module):
    @nn.compact
    def __call__(self, examples, train):
        seen = self.variable("memory", "seen", jnp.zeros, (1,))
        if train and not self.is_initializing():
            seen.value = jnp.concatenate([seen.value, jnp.ones(1)])
        return nn.Dense(1)(examples)[:, 0]


def test_a_state_that_changes_its_shape_is_refused():
    def critic(*, axis_name):
        return Growing()

    own, config = changed(discriminator=critic)
    words = "a step changes the shape or type of the state's .mutable"
    refuses(words, try_out, config, own, error=PartError)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        (np.zeros(5), "examples must be [N, ...], not [5]"),
        (np.zeros((0, 3)), "examples must be [N, ...], not [0, 3]"),
        (np.array([["a", "b"]]), "are no numbers"),
        (np.full((9, 3), np.nan), "some numbers of the examples are not finite"),
        ((np.zeros((9, 3)), np.zeros(9, int)), "returns labels, and labels=False"),
    ],
)
def test_arrays_that_are_no_data_are_refused(arrays, words):
    own = [parts.data(lambda: arrays, name="broken")]
    refuses(words, built, config_of(own, data="broken"), own)


@pytest.mark.parametrize("label", [np.zeros(8, int), np.zeros(9), np.full(9, -1)])
def test_labels_that_are_none_are_refused(label):
    made = (np.zeros((9, 3)), label)
    own = [parts.data(lambda: made, name="broken", labels=True)]
    words = "labels must be whole numbers from 0, [9] as there are examples"
    refuses(words, built, config_of(own, data="broken"), own)


@pytest.mark.parametrize(
    ("made", "words"), [([1.0], "not list"), ({}, "not dict"), ({"x": "a"}, "not str")]
)
def test_measures_that_return_no_numbers_are_refused(made, words):
    own = [parts.measure(lambda sample: made, name="broken")]
    refuses(words, try_out, config_of(own), own, error=PartError)


def test_a_number_of_another_measure_is_refused():
    own = [parts.measure(lambda sample: {"coverage": 1.0}, name="mine")]
    words = "measure mine: coverage is a number of the measure neighbours"
    refuses(words, try_out, config_of(own), own, error=PartError)


# Each kind, played


def test_own_arrays_are_trained_on_and_measured():
    def spread(real, sample, *, power: float = 2.0):
        return {"spread": np.mean(np.abs(sample) ** power) / np.mean(np.abs(real))}

    own = [parts.measure(spread, better={"spread": "one"})]
    setup, evaluator = try_out(config_of(own), own)
    state, _ = a_step(setup)
    measured = evaluator.measure(jax.device_get(state), 8)
    sample, real = evaluator.probe("sample", state, 8), evaluator.real(8)
    expected = np.mean(sample**2) / np.mean(np.abs(real))
    assert measured["spread"] == pytest.approx(expected)
    assert "coverage" in measured  # of arrays of any shape
    held = vectors().astype(np.float32)
    assert all((held == example).all(axis=1).any() for example in real)


def test_an_own_number_is_traced_and_may_have_a_schedule():
    config = config_of()
    config.objective.slope = 2.0
    config.objective.slope_schedule = schedule("linear", 0.5)
    setup, _ = built(config)
    assert setup.numbers["objective"] == {
        "slope": 2.0,
        "slope_schedule": {"linear": 0.5},
    }
    step = jax.jit(setup.make_step(None))
    state = setup.init()
    for slope in (2.0, 3.0):
        numbers = setup.numbers | {
            "objective": setup.numbers["objective"] | {"slope": slope}
        }
        step(state, numbers, setup.source.arrays)
    assert step._cache_size() == 1


def test_own_data_with_splits_is_judged_on_the_other():
    """It is told of no key that it lacks."""

    def halves(*, split: Literal["train", "test"] = "train"):
        rows = slice(0, 10) if split == "train" else slice(10, 20)
        return vectors()[rows], np.arange(10) % 2

    class Classifier(nn.Module):
        classes: int

        @nn.compact
        def __call__(self, examples):
            logits = nn.Dense(self.classes)(examples)
            return logits[:, 0], logits, ()

    own = [
        parts.data(halves, labels=True),
        *parts.network(
            "judge", generator=Generator, discriminator=Classifier, logits=True
        ),
    ]
    config = config_of(own, data="halves", network="judge")
    setup, evaluator = try_out(config, own)
    np.testing.assert_array_equal(setup.test.real, np.float32(vectors()[10:]))
    assert "error" in evaluator.measure(setup.init(), 8)


def test_own_labels_have_names():
    own = [parts.data(labelled, labels=True)]
    setup, _ = try_out(config_of(own, data="labelled"), own)
    assert (setup.source.classes, setup.source.class_names) == (
        2,
        ("even", "odd"),
    )


def test_drawn_data_is_of_the_example_alone():
    def cloud(key, *, sd: float = 2.0):
        return sd * jax.random.normal(key, SHAPE)

    own = [parts.drawn(cloud)]
    setup, _ = try_out(config_of(own, data="cloud"), own)
    a_step(setup)

    def draw(index):
        return setup.source.batch({}, jax.random.key(0), 0, 0, index).real

    np.testing.assert_array_equal(draw(np.arange(6))[3:5], draw(np.arange(3, 5)))


def test_a_drawn_example_is_an_array_of_floats():
    own = [parts.drawn(lambda key: 3, name="cloud")]
    words = "an example must be a float32 array of one or more numbers, not int32 []"
    refuses(words, built, config_of(own, data="cloud"), own, error=PartError)


def test_an_own_penalty_view_correction_and_optimizer():
    seen = []  # keys that are not traced

    def level(score_fn, outcome, keys, *, weight: float = 3.0, power: int = 2):
        seen.append(power)
        return weight * jnp.mean(score_fn(outcome.real, outcome.real_label)) ** power

    def doubled(examples, keys, *, factor: float = 2.0, way: str = "up"):
        seen.append(way)
        return factor * examples

    def pull(field, params, *, weight: float = 0.5, flip: bool = False):
        seen.append(flip)
        return jax.tree.map(lambda x: weight * x, params)

    def plain(*, learning_rate: float = 0.1, nesterov: bool = False):
        return optax.sgd(learning_rate, 0.9, nesterov)

    own = [
        parts.penalty(level, of_example=False),
        parts.augmentation(doubled),
        parts.correction(pull),
        parts.optimizer(plain),
    ]
    config = config_of(own, optimizer="plain", play="simultaneous")
    config.penalties.level = penalty("level", parts=own, power=4)
    config.augment.doubled = augmentation("doubled", parts=own, way="down")
    config.corrections.pull = correction("pull", parts=own, flip=True)
    setup, _ = try_out(config, own)
    state, metrics = a_step(setup)
    assert metrics["discriminator/level"] > 0
    assert set(seen) == {4, "down", True}
    # Of v = 0.5 params: the correction's norm is half that of the parameters.
    norm = optax.tree.norm(setup.init().params["generator"])
    assert_allclose(metrics["generator/pull_norm"], 0.5 * norm, rtol=1e-6)
    twice = setup.numbers["augment"]["doubled"]["factor"]
    assert twice == 2.0  # traced: a changed one compiles nothing anew
    assert state.params["generator"]


def test_an_own_divergence_is_the_one_that_it_says():
    """KL again: f = u log u, f* = exp(t - 1), f'(1) = 1, and no activation."""

    def mine():
        return from_conjugate(
            lambda u: u * jnp.log(u), lambda t: jnp.exp(t - 1), activation=lambda v: v
        )

    own = [parts.divergence(mine)]
    config = config_of(own, objective="f_divergence")
    config.objective.divergence = "mine"
    setup, _ = try_out(config, own)
    a_step(setup)
    made, kl = builder_of(own[0])(), DIVERGENCES["kl"]()
    u, v = jnp.array([0.3, 1.0, 2.5]), jnp.array([-2.0, 0.0, 1.5])
    assert_allclose(made.optimal(u), kl.optimal(u), rtol=1e-6)
    assert_allclose(made.fake(v), kl.fake(v), rtol=1e-6)
    assert_allclose(made.threshold, 1.0, rtol=1e-6)


def test_an_own_game():
    def mirrored(networks, examples, *, view, latent_size: int = 2):
        made = adversarial(
            networks, examples, view, latent_size=latent_size, prior="normal"
        )

        def play(variables, batch, keys):
            return made.play(variables, batch._replace(real=-batch.real), keys)

        return made._replace(play=play)

    own = [
        parts.game(
            mirrored,
            players=("discriminator", "generator"),
            makes=("real", "fake", "real_score", "fake_score"),
            probes=("sample", "score"),
        )
    ]
    setup, evaluator = try_out(config_of(own, game="mirrored"), own)
    state, _ = a_step(setup)
    assert evaluator.probe("sample", state, 3).shape == (3, *SHAPE)


class NewStyle(nnx.Module):
    def __init__(self, width, *, rngs):
        self.first = nnx.Linear(3, width, rngs=rngs)
        self.norm = nnx.BatchNorm(width, rngs=rngs)
        self.last = nnx.Linear(width, 1, rngs=rngs)

    def __call__(self, examples, train):
        hidden = self.norm(self.first(examples), use_running_average=not train)
        return self.last(nnx.relu(hidden))[:, 0]


def test_a_module_of_nnx_is_wrapped():
    def critic(*, axis_name, width: int = 4):
        return bridge.to_linen(NewStyle, width)

    own, config = changed(discriminator=critic)
    setup, _ = try_out(config, own)
    before = setup.init()
    after, _ = a_step(setup)
    means = [x.mutable["discriminator"]["batch_stats"] for x in (before, after)]
    old, new = (np.concatenate(jax.tree.leaves(x)) for x in means)
    assert (old != new).any()
