"""The checks of `ganjax.testing` pass good parts, and say what is wrong with others."""

import sys
import textwrap
import types
from itertools import count

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ganjax import testing
from ganjax.config import parts
from ganjax.config.catalogue import Part
from ganjax.precision import by_example, expectation, mean, widen
from ganjax.testing import network_checks, objective_checks, penalty_checks
from ganjax.types import Network, Objective, Outcome


def ask(checks, name, words):
    """Asks one question, which the part must fail with these words."""
    asked = {check.name: check for check in checks}
    with pytest.raises(AssertionError, match=words) as failure:
        asked[name]()
    assert str(failure.value).startswith(f"{asked[name].part}: {asked[name]}: ")


def ask_all(checks):
    for check in checks:
        check()


# Objectives.


def relu(x):
    return jnp.maximum(x, 0)


def hinge_discriminator(real_score, fake_score, *, margin: float = 1.0):
    real = expectation(lambda r: relu(margin - r), real_score)
    return real + expectation(lambda s: relu(margin + s), fake_score)


def hinge_generator(fake_score):
    return expectation(jnp.negative, fake_score)


HINGE = {"discriminator": hinge_discriminator, "generator": hinge_generator}


def test_example_of_the_docstring(monkeypatch):
    _, _, code = testing.__doc__.partition("\n\n")
    code = textwrap.dedent(code[: code.index("A part is a row")])
    experiment = types.ModuleType("my_experiment")
    experiment.PARTS = [parts.objective("mine", threshold=0.0, **HINGE)]
    monkeypatch.setitem(sys.modules, "my_experiment", experiment)
    names = {}
    exec(code, names)
    for check in names["CHECKS"]:
        names["test_my_objective"](check)
    shown = [str(check) for check in names["CHECKS"]]
    assert len(set(shown)) == len(shown)
    assert {"players", "hand_value[discriminator]", "signs[generator]"} <= set(shown)
    # relu(0.5 - r): 1.5; relu(0.5 + s): 1.5 + 0.5; so 3.5 / 4 = 0.875.
    wrong = objective_checks(
        experiment.PARTS[0], keys={"margin": 0.5}, discriminator=0.8
    )
    ask(wrong, "hand_value", "found by hand")


def test_each_field_of_an_outcome_is_made():
    outcome = testing.outcome_of(Outcome._fields, testing.REAL, testing.FAKE)
    for field in Outcome._fields:
        for leaf in jax.tree.leaves(getattr(outcome, field)):
            assert len(leaf) == 4


def coder(real, mean, log_var, reconstruction):
    kl = 0.5 * (mean**2 + jnp.exp(log_var) - 1 - log_var)
    return jnp.mean((real - reconstruction) ** 2) + jnp.mean(kl)


def reconstructor(real, reconstruction):
    return jnp.mean((real - reconstruction) ** 2)


def test_objective_of_an_encoder():
    part = parts.objective("coder", encoder=coder, generator=reconstructor)
    checks = objective_checks(part, paired=("encoder", "generator"), widens=False)
    assert not {"half_precision", "no_examples", "signs"} & {x.name for x in checks}
    ask_all(checks)
    ask(objective_checks(part), "order", r"say paired=\('generator',\)")


counter = count()

BROKEN_GENERATORS = {
    "wrong sign": ("signs", lambda fake_score: mean(fake_score), "must fall as fake"),
    "infinite": (
        "large_scores",
        lambda fake_score: expectation(lambda s: jnp.log(1 + jnp.exp(-s)), fake_score),
        r"the loss is inf at scores of \+-10000",
    ),
    "no slope": (
        "large_scores",
        lambda fake_score: expectation(
            lambda s: jnp.where(s < -500, -s, jnp.exp(-s / 10)), fake_score
        ),
        r"the gradient in fake scores is .*nan.* at scores of \+-10000",
    ),
    "squared before it is widened": (
        "half_precision",
        lambda fake_score: mean((fake_score - 1) ** 2),
        "to be widened first",
    ),
    "of half precision": (
        "float32_scalar",
        lambda fake_score: jnp.mean(-fake_score),
        "of bfloat16 scores the loss is bfloat16, and must be float32",
    ),
    "of no examples": (
        "no_examples",
        lambda fake_score: jnp.sum(-fake_score) / max(fake_score.size, 1),
        "a batch of 0 examples has the loss -?0.0, and is to be refused",
    ),
    "one for each example": (
        "float32_scalar",
        lambda fake_score: -widen(fake_score),
        r"the generator must return one scalar, not \[4\]",
    ),
    "of the order": (
        "order",
        lambda fake_score: -mean(fake_score * jnp.arange(len(fake_score))),
        "in another order of the batch",
    ),
    "of pairs": (
        "order",
        lambda real_score, fake_score: expectation(relu, real_score - fake_score),
        r"say paired=\('generator',\)",
    ),
    "of as many": (
        "numbers_of_examples",
        lambda real_score, fake_score: expectation(relu, real_score - fake_score),
        r"8 real and 4 fake scores; say paired=\('generator',\)",
    ),
    "of the batch": (
        "devices",
        lambda fake_score: -(mean(fake_score) ** 2),
        "mean of the whole batch is over axis_name",
    ),
    "of no patches": (
        "patches",
        lambda fake_score: -mean(fake_score) * len(fake_score),
        r"of scores \[2, 2\]",
    ),
    "narrowed": (
        "derivatives",
        lambda fake_score: mean(-fake_score.astype(jnp.float32)),
        "of float64 it makes float32",
    ),
    "of another slope": (
        "derivatives",
        lambda fake_score: -mean(fake_score * jax.lax.stop_gradient(fake_score)),
        "derivative, and differences",
    ),
    "with a memory": (
        "compiled",
        lambda fake_score: next(counter) - mean(fake_score),
        "compiled",
    ),
    "of a field that it leaves": (
        "fields",
        lambda fake_score, real_score: -mean(fake_score),
        "real_score is read, and it makes no difference",
    ),
}


@pytest.mark.parametrize(
    ("name", "loss", "words"), BROKEN_GENERATORS.values(), ids=BROKEN_GENERATORS
)
def test_broken_objective(name, loss, words):
    part = parts.objective("broken", generator=loss)
    ask(objective_checks(part), name, words)


def branch(fake_score, *, slope: float = 0.5):
    return -mean(fake_score) * slope if slope > 0 else -mean(fake_score)


def idle(fake_score, *, slope: float = 0.5):
    return -mean(fake_score)


@pytest.mark.parametrize(
    ("loss", "words"),
    [(branch, "use jnp.where instead of if"), (idle, "slope of 0.5 or 0.25 makes no")],
)
def test_numbers_of_an_objective(loss, words):
    part = parts.objective("broken", generator=loss)
    ask(objective_checks(part), "traced", words)


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda real_score, fake_score: mean(real_score), "must fall as real"),
        (lambda real_score, fake_score: -mean(real_score), "must rise as fake"),
    ],
)
def test_discriminator_of_a_wrong_sign(loss, words):
    part = parts.objective("broken", discriminator=loss)
    ask(objective_checks(part), "signs", words)


def objective_part(reads, players, **losses):
    """A row made by hand, whose losses read what they like."""

    def build():
        return Objective(
            {p: lambda o, loss=loss: {"own": loss(o)} for p, loss in losses.items()},
            None,
        )

    return Part("objective", "broken", build, players=players, reads=reads)


def test_objective_reads_a_field_that_its_row_does_not_declare():
    def loss(outcome):
        return mean(outcome.fake_score) + mean(outcome.fake_logits)

    part = objective_part(("fake_score",), ("generator",), generator=loss)
    words = "fake_logits is read, and the row does not declare it"
    ask(objective_checks(part), "fields", words)


def test_term_that_is_no_scalar_and_player_without_a_loss():
    part = objective_part(
        *(("fake_score",), ("generator", "encoder")),
        generator=lambda outcome: outcome.fake_score,
    )
    checks = objective_checks(part)
    ask(checks, "players", "has losses of .'generator'., and its row says")
    asked = {str(check): check for check in checks}
    with pytest.raises(AssertionError, match=r"own is \[4\], and must be a scalar"):
        asked["float32_scalar[generator]"]()


def test_paired_and_reference_are_asked():
    part = parts.objective("mine", **HINGE)

    def reference(real, fake):
        discriminator = np.maximum(1 - real, 0).mean() + np.maximum(2 + fake, 0).mean()
        return discriminator, -fake.mean()

    checks = objective_checks(
        part, reference=reference, paired=("discriminator", "generator")
    )
    failed = []
    for check in checks:
        try:
            check()
        except AssertionError as error:
            failed.append((str(check), str(error)))
    assert {name for name, _ in failed} == {
        *("order[discriminator]", "order[generator]"),
        *("equals_reference[discriminator]", "float32_scalar[discriminator]"),
        "large_scores[discriminator]",
    }
    assert "is not paired" in dict(failed)["order[generator]"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"keys": {"slope": 0.5}}, "no key slope; known are margin"),
        ({"encoder": 1.0}, "no player encoder; it has discriminator, generator"),
        ({"paired": ("encoder",)}, "no player encoder"),
    ],
)
def test_what_cannot_be_asked_is_refused(given, words):
    with pytest.raises(ValueError, match=words):
        objective_checks(parts.objective("mine", **HINGE), **given)


# Penalties.


def slopes(score_fn, examples, label):
    return jax.grad(lambda x: score_fn(x, label).sum())(examples)


def norms(score_fn, examples, label):
    """Of slope 0 where they are 0."""
    squares = jnp.square(slopes(score_fn, examples, label))
    squared = by_example(squares).sum(axis=1)
    return jnp.where(squared > 0, jnp.sqrt(jnp.where(squared > 0, squared, 1.0)), 0.0)


def real_norms(score_fn, outcome):
    return norms(score_fn, widen(outcome.real), outcome.real_label)


def good_penalty(score_fn, outcome, keys, *, weight: float = 2.0, target: float = 1.0):
    return weight * mean((real_norms(score_fn, outcome) - target) ** 2)


def test_good_penalty():
    # 2 (5 - 1)^2 at the slope (3, 4).
    ask_all(penalty_checks(parts.penalty(good_penalty), linear=32.0, random=False))


def mean_of(weigh, of_no_label=False):
    """A penalty that is w E weigh(|grad D|) of real examples."""

    def broken(score_fn, outcome, keys, *, weight: float = 2.0):
        label = None if of_no_label else outcome.real_label
        return weight * mean(weigh(norms(score_fn, widen(outcome.real), label)))

    return broken


def one_number(score_fn, outcome, keys, *, weight: float = 2.0):
    shift = jax.random.uniform(keys[0])
    found = norms(score_fn, widen(outcome.real) + shift, outcome.real_label)
    return weight * mean(found**2)


def of_keys_if_given(score_fn, outcome, keys, *, weight: float = 2.0):
    if keys is None:
        return weight * mean(real_norms(score_fn, outcome))
    return one_number(score_fn, outcome, keys, weight=weight)


def of_no_one(score_fn, outcome, keys, *, weight: float = 2.0):
    return weight * (real_norms(score_fn, outcome).sum() if len(keys) else 0.0)


def of_channels(score_fn, outcome, keys, *, weight: float = 2.0):
    found = slopes(score_fn, widen(outcome.real), outcome.real_label)
    return weight * mean(jnp.linalg.norm(found, axis=-1))


def of_half_precision(score_fn, outcome, keys, *, weight: float = 2.0):
    found = slopes(score_fn, outcome.real, outcome.real_label)
    return weight * mean(jnp.square(found).sum(axis=range(1, found.ndim)))


def of_each(score_fn, outcome, keys, *, weight: float = 2.0):
    return weight * real_norms(score_fn, outcome)


def of_the_batch(score_fn, outcome, keys, *, weight: float = 2.0):
    return weight * (mean(real_norms(score_fn, outcome)) - 1) ** 2


def twice_weighted(score_fn, outcome, keys, *, weight: float = 2.0):
    return weight**2 * mean(real_norms(score_fn, outcome))


def branching(score_fn, outcome, keys, *, weight: float = 2.0):
    return weight * mean(real_norms(score_fn, outcome)) if weight else jnp.zeros(())


@pytest.mark.parametrize(
    ("function", "name", "words", "given"),
    [
        (
            mean_of(lambda found: found * jnp.arange(len(found))),
            *("order", "of examples, labels and keys in another order", {}),
        ),
        (one_number, "order", "in another order", {}),
        (one_number, "devices", "mean over two devices", {}),
        (of_the_batch, "devices", "the whole batch is over axis_name", {}),
        (of_channels, "axes", r"of images \[2, 2, 3\]", {}),
        (of_channels, "flat_score", "the gradient at a score of 0.*root of 0", {}),
        (of_half_precision, "half_precision", "it is inf", {}),
        (of_no_one, "no_examples", "and is to be refused", {}),
        (of_each, "float32_scalar", r"and is float32 \[2\]", {}),
        (mean_of(jnp.square, True), "labels", "asked with the labels None", {}),
        (mean_of(jax.lax.stop_gradient), "derivatives", "and differences", {}),
        (twice_weighted, "weight", "of twice the weight", {}),
        (branching, "traced", "jnp.where instead of if", {}),
        (mean_of(jnp.square), "hand_value", "found by hand", {"linear": 5.0}),
        (mean_of(jnp.square), "random_keys", "whatever the keys", {"random": True}),
        (of_keys_if_given, "random_keys", "or none", {"random": False}),
    ],
)
def test_broken_penalty(function, name, words, given):
    part = parts.penalty(function, name="broken")
    ask(penalty_checks(part, **given), name, words)


# Networks.

SHAPE = (2, 3)


def flat(inputs):
    return inputs.reshape(len(inputs), -1)


def params_of(key, inputs, label):
    return {"params": {"w": jax.random.normal(key, (flat(inputs)[0].size, 3))}}


def counted(key, inputs, label):
    return params_of(key, inputs, label) | {"state": {"mean": jnp.zeros(())}}


def score_of(inputs, variables):
    return jnp.tanh(flat(inputs) @ variables["params"]["w"]).sum(axis=1)


def discriminator(change=lambda x, keys, train: x, init=params_of, kept=None):
    """One whose inputs are changed, and what it keeps of a call."""

    def apply(variables, inputs, label, keys, *, train):
        score = score_of(change(inputs, keys, train), variables)
        state = {k: v for k, v in variables.items() if k != "params"}
        made = kept(state, inputs, train) if kept else {}
        return (score, None, (inputs,)), made

    return lambda: Network(init, apply)


def centre(inputs, keys, train):
    return inputs - inputs.mean(axis=0)


def drop(inputs, keys, train):
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 0.5, SHAPE))(keys)
    return kept * inputs


def update(state, inputs, train):
    return {"state": {"mean": inputs.mean()}} if train else {}


def part_of(function, player="discriminator"):
    return parts.network("broken", **{player: function})[0]


def squeezed(output):
    def apply(variables, inputs, label, keys, *, train):
        return output(score_of(inputs, variables)), {}

    return lambda: Network(params_of, apply)


def told(change):
    """A discriminator whose score is moved by the labels."""

    def apply(variables, inputs, label, keys, *, train):
        score = score_of(inputs, variables)
        return (score + (0 if label is None else change(label)), None, ()), {}

    return lambda: Network(params_of, apply)


def host(key, inputs, label):
    return {"params": {"w": jnp.asarray(HOST.normal(size=(6, 3)), jnp.float32)}}


def fixed(key, inputs, label):
    return params_of(jax.random.key(0), inputs, label)


def half(key, inputs, label):
    return jax.tree.map(lambda x: x.astype(jnp.float16), params_of(key, inputs, label))


HOST = np.random.default_rng(0)


def test_good_networks():
    drops = discriminator(lambda x, keys, train: drop(x, keys, train) if train else x)
    keeps = discriminator(init=counted, kept=lambda s, x, t: update(s, x, t))
    checks = network_checks(part_of(drops), SHAPE, classes=3, mixes=False, told=False)
    ask_all(checks)
    # Of a mean over one device alone, which is found out.
    *most, devices = network_checks(part_of(keeps), SHAPE, mixes=None)
    others = [check for check in (*most, devices) if check.name != "devices"]
    ask_all(others)
    ask([*most, devices], "devices", "statistics of a batch are to be over axis_name")


@pytest.mark.parametrize(
    ("function", "name", "words", "given"),
    [
        (squeezed(lambda score: score[:, None]), "shapes", r"score \[6, 1\]", {}),
        (squeezed(jnp.squeeze), "shapes", r"score \[\], which must be \[1\]", {}),
        (squeezed(lambda score: (score, None)), "shapes", "must return", {}),
        (discriminator(init=half), "float32", "is float16, and must be", {}),
        (
            discriminator(init=host),
            "initial",
            "from something else than its key:",
            {},
        ),
        (discriminator(init=fixed), "initial", "init of another key", {}),
        (discriminator(centre), "alone", "evaluated, the same 2 .*must not meet", {}),
        (
            discriminator(lambda x, k, train: centre(x, k, train) if train else x),
            *("alone", "in training, .*say mixes=True", {}),
        ),
        (discriminator(), "alone", "say mixes=False", {"mixes": True}),
        (discriminator(drop), "evaluation", "is train ignored", {}),
        (
            discriminator(init=counted, kept=lambda s, x, t: update(s, x, True)),
            *("collections", r"returns \['state'\] with train=False.*ignored", {}),
        ),
        (
            discriminator(init=counted, kept=lambda s, x, t: s if t else {}),
            *("collections", "state stays as it is in training", {}),
        ),
        (
            discriminator(init=counted),
            *("collections", r"returns \[\] with train=True, and has \['state'\]", {}),
        ),
        (
            discriminator(
                lambda x, keys, train: x + jax.random.normal(keys[0], x.shape) * train
            ),
            *("random_keys", "one for each example", {}),
        ),
        (
            discriminator(lambda x, keys, train: x + HOST.normal() * train),
            *(
                "random_keys",
                "from something else than its keys:",
                {"mixes": True},
            ),
        ),
        (
            discriminator(lambda x, keys, train: jnp.sqrt(x**2 - x**2) + x),
            *("gradients", "is not finite", {}),
        ),
        (
            discriminator(lambda x, keys, train: centre(x, keys, 1) if train else x),
            *("devices", "over axis_name", {"mixes": True}),
        ),
        (told(lambda x: 0.0), "label", r"examples \[\], and must", {"told": True}),
        (told(jnp.sum), "label", r"examples \[0, 1, 2, 3, 4, 5\]", {"told": True}),
        (told(lambda x: x), "label", "without labels", {"told": False}),
        (told(lambda x: 1.0), "label", "without labels", {"told": False}),
    ],
)
def test_broken_network(function, name, words, given):
    checks = network_checks(part_of(function), SHAPE, classes=3, **given)
    ask(checks, name, words)


def test_network_of_a_label_needs_classes():
    (part,) = parts.network("told", label=True, generator=discriminator())
    with pytest.raises(ValueError, match="told the label: give it classes=3"):
        network_checks(part, SHAPE)
