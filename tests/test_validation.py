"""Every way in which a config can be wrong, found before anything is compiled."""

import ast
import json
import re
from copy import deepcopy
from pathlib import Path

import pytest
from conformance import game_of
from ml_collections import ConfigDict
from tables import PARTS

from ganjax.build import build_setup
from ganjax.config import (
    ConfigError,
    augmentation,
    correction,
    defaults,
    flatten,
    load,
    penalty,
    schedule,
    schema,
    section,
)
from ganjax.config.builtin import BUILT_IN
from ganjax.config.consistency import SCORE_FIELDS
from ganjax.config.validation import check_resumable, numbers, revalidate, validate

EXPERIMENTS = sorted((Path(__file__).parents[1] / "experiments").glob("*.py"))
NAN, INF = float("nan"), float("inf")
GONE = object()  # as a value: the key is deleted
LR = "optimizers.generator.learning_rate"


def good_config():
    """As plain dicts, with a penalty and one schedule."""
    config = defaults(data="ring", network="mlp", objective="least_squares")
    config.penalties.r1 = penalty(
        "r1", weight=2.0, weight_schedule=schedule("cosine", 0.5)
    )
    return config.to_dict()


@pytest.mark.parametrize("name", sorted({*PARTS["penalty"]} - {"score_drift"}))
@pytest.mark.parametrize(
    ("network", "free"),
    [("mlp", "none"), ("dense", "none"), ("dcgan", "none or spectral")],
)
def test_gradient_of_an_example_needs_a_score_of_its_own(network, free, name):
    config = normalized(network, "batch")
    validate(config)
    config.penalties.score_drift = penalty("score_drift")
    validate(config)  # of scores as they are
    config.penalties[name] = penalty(name)
    words = (
        f"config.networks.discriminator.normalization: must be {free}, not batch, with "
        f"config.penalties.{name}: the gradient is of one example's score"
    )
    refuses(words, validate, config)
    for other in free.split(" or "):
        config.networks.discriminator.normalization = other
        validate(config)


def test_defaults_of_wasserstein_take_a_gradient_penalty():
    config = defaults(data="digits", network="dcgan", objective="wasserstein")
    assert config.networks.discriminator.normalization == "none"
    config.penalties.wgan_gp = penalty("wgan_gp")
    validate(config)
    others = defaults(data="digits", network="dcgan", objective="non_saturating")
    assert others.networks.discriminator.normalization == "batch"


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_every_argument_of_every_experiment_is_good(path):
    with pytest.raises(ConfigError, match="known are") as caught:
        load(f"{path}:?")
    slots = str(caught.value).partition("known are ")[2].split("; ")
    for slot in slots:
        for word in slot.partition(": ")[2].split(", "):
            validate(load(f"{path}:{word}"))


@pytest.mark.parametrize("path", EXPERIMENTS, ids=lambda path: path.stem)
def test_an_experiments_first_lines_have_every_word_that_it_knows(path):
    with pytest.raises(ConfigError, match="known are") as caught:
        load(f"{path}:?")
    slots = str(caught.value).partition("known are ")[2].split("; ")
    known = {word for slot in slots for word in slot.partition(": ")[2].split(", ")}
    said, others = "", [path.name]
    for name in others:  # grows: what another that is named says need not be repeated
        said += ast.get_docstring(ast.parse(path.with_name(name).read_text()))
        found = re.findall(r"experiments/(\w+\.py)", said)
        others += [other for other in dict.fromkeys(found) if other not in others]
    assert known <= set(re.findall(r"\w+", said))


def test_good_config_comes_back_plain():
    given = good_config()
    checked = validate(ConfigDict(given))
    assert checked == given
    assert type(checked["optimizers"]["generator"]) is dict


@pytest.mark.parametrize(
    ("key", "value", "read"),
    [
        (LR, 1, 1.0),
        ("networks.generator.widths", [4, 2], (4, 2)),
        ("optimizers.generator.clip_weights", 1, 1.0),
        ("ema", {}, {}),
        ("penalties", {}, {}),
        ("penalties.r1.weight_schedule.final", 0, 0.0),
    ],
)
def test_value_gets_its_type(key, value, read):
    checked = validate(ConfigDict(changed(key, value)))
    for part in key.split("."):
        checked = checked[part]
    assert checked == read
    assert type(checked) is type(read)


UNKNOWN = [
    ("stesp", "config.stesp: unknown key; did you mean steps"),
    ("dropout", "config.dropout: unknown key; known: seed, steps, "),
    ("data.mode", "config.data.mode: unknown key; did you mean modes"),
    ("game.latents", "config.game.latents: unknown key"),
    ("networks.encoder", "config.networks.encoder: unknown key; known: discriminator"),
    ("networks.discriminator.output", "networks.discriminator.output: unknown key"),
    ("objective.targets", "config.objective.targets: unknown key"),
    ("penalties.real_gradiant", "real_gradiant: unknown key; did you mean real_gradi"),
    ("penalties.r1.target", "config.penalties.r1.target: unkn"),
    ("augment.blur", "config.augment.blur: unknown key; known: instance_noise"),
    ("augment.instance_noise", "config.augment.instance_noise.final: unknown key"),
    ("corrections.consensuss", "corrections.consensuss: unknown key; did you mean con"),
    ("optimizers.encoder", "config.optimizers.encoder: unknown key"),
    ("optimizers.generator.lr", "config.optimizers.generator.lr: unknown key"),
    ("ema.encoder", "config.ema.encoder: unknown key"),
    ("ema.generator.rate", "config.ema.generator.rate: unknown key"),
    ("play.rounds", "config.play.rounds: unknown key"),
    ("parallel.devices", "config.parallel.devices: unknown key"),
    ("record.evry", "config.record.evry: unknown key; did you mean every"),
    ("evaluation.sample", "config.evaluation.sample: unknown key; did you mean samp"),
    ("penalties.r1.weight_schedule.end", "weight_schedule.end: unknown key"),
    # Nothing would read these schedules: no float, no traced section, no number.
    ("data.radius_schedule", "config.data.radius_schedule: unknown key"),
    ("networks.generator.slope_schedule", "generator.slope_schedule: unknown key"),
    ("game.latent_size_schedule", "config.game.latent_size_schedule: unknown key"),
    ("penalties.r1.weight_schedule.final_schedule", "final_schedule: unkn"),
]


@pytest.mark.parametrize(("key", "words"), UNKNOWN)
def test_unknown_key(key, words):
    refuses(
        words, validate, ConfigDict(changed(key, {"shape": "linear", "final": 1.0}))
    )


@pytest.mark.parametrize(
    "key",
    [
        *("seed", "steps", "data", "game", "networks", "objective", "penalties"),
        *("optimizers", "ema", "play", "parallel", "record", "evaluation"),
        *("augment", "corrections"),
        *("data.sd", "game.prior", "objective.real_target", "record.keep"),
        *("networks.generator", "networks.discriminator.slope"),
        *("optimizers.discriminator", LR, "ema.generator.decay"),
        *("penalties.r1.weight", "evaluation.samples"),
        "penalties.r1.weight_schedule.final",
    ],
)
def test_missing_key(key):
    refuses(f"config.{key}: missing", validate, ConfigDict(changed(key, GONE)))


@pytest.mark.parametrize(
    "key",
    [
        *("data", "game", "networks", "networks.generator", "objective", "penalties"),
        *("penalties.r1", "optimizers", "optimizers.generator", "ema"),
        *("ema.generator", "play", "parallel", "record", "evaluation"),
        *("augment", "augment.instance_noise", "corrections", "corrections.consensus"),
        "penalties.r1.weight_schedule",
    ],
)
@pytest.mark.parametrize("value", [3.0, "adam", None])
def test_value_where_a_section_must_be(key, value):
    words = f"config.{key}: must be a section, not {value!r}"
    refuses(words, validate, ConfigDict(changed(key, value)))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("steps", 1.0, "config.steps: must be a whole number, not 1.0"),
        ("steps", True, "config.steps: must be a whole number, not True"),
        ("steps", "100", "config.steps: must be a whole number, not '100'"),
        ("steps", None, "config.steps: must be a whole number, not None"),
        (LR, "fast", f"config.{LR}: must be a number, not 'fast'"),
        (LR, True, f"config.{LR}: must be a number, not True"),
        (LR, None, f"config.{LR}: must be a number, not None"),
        ("optimizers.generator.clip_weights", "1", "must be a number, not '1'"),
        ("game.prior", 3, "config.game.prior: must be a string, not 3"),
        ("networks.generator.widths", 64, "a tuple such as (128, 128, 128), not 64"),
        ("networks.generator.widths", (64, 1.5), "must be a whole number, not 1.5"),
        ("networks.generator.widths", (), "generator.widths: must not be empty"),
    ],
)
def test_wrong_type(key, value, words):
    refuses(words, validate, ConfigDict(changed(key, value)))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", -1, "config.seed: must lie in [0, 4294967295], not -1"),
        ("seed", 2**32, "config.seed: must lie in [0, 4294967295], not 4294967296"),
        ("steps", 0, "config.steps: must lie in [1, 2147483647], not 0"),
        ("steps", 2**31, "config.steps: must lie in [1, 2147483647], not 2147483648"),
        ("data.radius", 0.0, "config.data.radius: must lie in (0, inf), not 0.0"),
        ("data.sd", -0.1, "config.data.sd: must lie in [0, inf), not -0.1"),
        ("networks.generator.slope", 1.0, "slope: must lie in [0, 1), not 1.0"),
        ("networks.generator.widths", (8, 0), "must lie in [1, 10000000], not 0"),
        ("objective.real_target", NAN, "must lie in (-inf, inf), not nan"),
        ("objective.real_target", INF, "must lie in (-inf, inf), not inf"),
        ("objective.real_target", -INF, "must lie in (-inf, inf), not -inf"),
        (LR, NAN, f"config.{LR}: must lie in (0, inf), not nan"),
        (LR, INF, f"config.{LR}: must lie in (0, inf), not inf"),
        (LR, -1.0, f"config.{LR}: must lie in (0, inf), not -1.0"),
        ("penalties.r1.weight", NAN, "must lie in [0, inf), not nan"),
        ("optimizers.generator.clip_weights", 0.0, "must lie in (0, inf), not 0.0"),
        ("optimizers.generator.b2", 1.0, "b2: must lie in [0, 1), not 1.0"),
        ("ema.generator.decay", 1.5, "decay: must lie in [0, 1), not 1.5"),
        ("evaluation.samples", 5, "samples: must lie in [6, 1000000], not 5"),
        ("evaluation.samples", 10**9, "must lie in [6, 1000000], not 1000000000"),
        ("game.latent_size", 4294967296, "must lie in [1, 2147483647], not 4294967296"),
        ("game.latent_size", 10**30, "latent_size: must lie in [1, 2147483647], not 1"),
        ("data.modes", 10**10, "modes: must lie in [1, 10000], not 10000000000"),
        ("play.discriminator_rounds", 10**30, "must lie in [1, 1000], not 1000"),
        ("networks.generator.widths", (10**12,), "must lie in [1, 10000000], not 1000"),
        ("networks.generator.widths", (0,) * 400, "widths: must lie in [1, 10000000]"),
        # The program's numbers are float32, which has no such number.
        (LR, 1e-50, "must lie in (0, inf), not 1e-50, in float32 0.0"),
        (LR, 1e50, "must lie in (0, inf), not 1e+50, in float32 inf"),
        ("optimizers.generator.b2", 1 - 1e-9, "not 0.999999999, in float32 1.0"),
    ],
)
def test_out_of_range(key, value, words):
    refuses(words, validate, ConfigDict(changed(key, value)))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("data.name", "rign", "config.data.name: 'rign' is none of ring, grid, mixt"),
        ("game.name", "poker", "config.game.name: 'poker' is none of adversarial"),
        ("networks.generator.name", "cnn", "generator.name: 'cnn' is none of mlp, de"),
        ("objective.name", "gan", "config.objective.name: 'gan' is none of minimax, "),
        ("objective.name", GONE, "config.objective.name: '' is none of minimax, "),
        ("objective.name", ["hinge"], "config.objective.name: ['hinge'] is none of "),
        ("optimizers.generator.name", "adamw", "'adamw' is none of sgd, rmsprop, ad"),
        ("play.name", "random", "'random' is none of alternating, simultaneous"),
        ("game.prior", "gauss", "config.game.prior: 'gauss' is none of normal, unif"),
        ("non_finite", "ignore", "config.non_finite: 'ignore' is none of stop, skip"),
        ("parallel.mode", "gpu", "config.parallel.mode: 'gpu' is none of auto, jit"),
        (
            "penalties.r1.weight_schedule.shape",
            "step",
            "weight_schedule.shape: 'step' is none of linear, cosine, exponential",
        ),
    ],
)
def test_unknown_name(key, value, words):
    refuses(words, validate, ConfigDict(changed(key, value)))


@pytest.mark.parametrize(
    ("number", "shape", "final", "words"),
    [
        ("optimizers.generator.clip_weights", "linear", 0.5, "its number is not set"),
        (LR, "exponential", 0.0, "final: must lie in (0, inf), not 0"),
        (LR, "linear", -1.0, "final: must lie in [0, inf), not -1.0"),
        (LR, "linear", NAN, "final: must lie in [0, inf), not nan"),
        ("optimizers.generator.b1", "linear", 3.0, "leads to 0.5 * 3.0, which must"),
        ("ema.generator.decay", "cosine", 1.1, "which must lie in [0, 1]"),
    ],
)
def test_bad_schedule(number, shape, final, words):
    section = {"shape": shape, "final": final}
    config = changed(f"{number}_schedule", section)
    refuses(f"config.{number}_schedule", validate, ConfigDict(config))
    refuses(words, validate, ConfigDict(config))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("means", ((0.0,), (1.0,), (2.0,)), "one of each per component, not {'means'"),
        ("sds", (0.1,), "one of each per component, not {'means': 2, 'sds': 1"),
        ("weights", (1.0, 1.0, 1.0), "'weights': 3}"),
        ("means", ((0.0,), (1.0, 2.0)), "data.means: points must have the same dim"),
        ("means", ((0.0, 0.0, 0.0),) * 2, "config.data.means: points must have 1 or 2"),
        ("means", ((), ()), "config.data.means: must not be empty"),
        ("means", (0.0, 1.0), "config.data.means: must be a tuple such as (-1.0,)"),
        ("means", ((0.0,), (NAN,)), "config.data.means: must lie in (-inf, inf), not"),
        ("weights", (1.0, 0.0), "config.data.weights: must lie in (0, inf), not 0.0"),
        ("sds", (0.1, -0.1), "config.data.sds: must lie in [0, inf), not -0.1"),
    ],
)
def test_bad_mixture(key, value, words):
    config = defaults(data="mixture", network="mlp", objective="hinge").to_dict()
    refuses(words, validate, ConfigDict(changed(f"data.{key}", value, config)))


@pytest.mark.parametrize(
    ("data", "latent_size", "words"),
    [
        (
            "ring",
            3,
            "config.game.latent_size: must be 2, the dimension of the",
        ),
        ("mixture", 2, "config.game.latent_size: must be 1, the dimension of the data"),
        ("digits", 2, "networks.discriminator: affine is for points, not for digits"),
    ],
)
def test_network_of_points(data, latent_size, words):
    config = defaults(data=data, network="affine", objective="hinge")
    config.game.latent_size = latent_size
    refuses(words, validate, config)


@pytest.mark.parametrize(("data", "latent_size"), [("ring", 2), ("mixture", 1)])
def test_network_of_points_with_as_many_latents(data, latent_size):
    config = defaults(data=data, network="affine", objective="hinge")
    config.game.latent_size = latent_size
    assert validate(config) == config.to_dict()


@pytest.mark.parametrize(
    ("objective", "keys"),
    [("feature_matching", {}), ("loss_sensitive", {"margin": "features"})],
)
def test_a_discriminator_without_features(objective, keys):
    config = defaults(data="ring", network="dirac", objective=objective)
    config.objective.update(keys)
    words = "config.networks.discriminator: dirac has no features, which the objective "
    refuses(f"{words}{objective} reads", validate, config)
    config.networks.discriminator = section("network", "mlp", player="discriminator")
    assert validate(config) == config.to_dict()


def test_correction_needs_a_joint_gradient():
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.corrections.consensus = correction("consensus")
    words = "config.corrections: need the play simultaneous, as there is"
    refuses(words, validate, config)
    config.play = section("play", "simultaneous")
    assert validate(config) == config.to_dict()


def changed(key, value, config=None):
    """The config with one dotted key set, made or deleted."""
    config = deepcopy(config or good_config())
    *parents, last = key.split(".")
    holder = config
    for parent in parents:
        holder = holder[parent]
    holder[last] = value
    if value is GONE:
        del holder[last]
    return config


def refuses(words, function, *arguments):
    """Calls what must raise a ConfigError, of one line, that says `words`."""
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)


def normalized(network, normalization, data="digits"):
    config = defaults(data=data, network=network, objective="hinge")
    config.networks.discriminator.normalization = normalization
    return config


def test_augmentation_needs_a_game_that_shows_it():
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.augment.instance_noise = augmentation("instance_noise")
    assert validate(config) == config.to_dict()
    words = "config.augment: must be empty, as the game adversarial has no"
    catalogue = with_facts("game", "adversarial", takes=())
    refuses(words, validate, config, catalogue)


def with_facts(kind, name, **facts):
    """The catalogue with other facts of one part."""
    return tuple(
        part._replace(**facts) if (part.kind, part.name) == (kind, name) else part
        for part in BUILT_IN
    )


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            ("mean", "reconstruction"),
            "least_squares reads mean, reconstruction, which the",
        ),
        (("real_label",), "least_squares needs labels, which the data ring lacks"),
    ],
)
def test_objective_that_reads_what_is_not_made(fields, words):
    catalogue = with_facts("objective", "least_squares", reads=fields)
    refuses(words, validate, ConfigDict(good_config()), catalogue)


def test_objective_that_reads_labels_of_labelled_data():
    catalogue = with_facts("objective", "hinge", reads=("real_score", "real_label"))
    config = defaults(data="digits", network="mlp", objective="hinge")
    assert validate(config, catalogue)["objective"] == {"name": "hinge"}


def labelled_config(objective, **names):
    names = {"data": "digits", "network": "mlp", **names}
    return defaults(objective=objective, **names).to_dict()


HEAD = "networks.discriminator.head"


@pytest.mark.parametrize(
    ("config", "key", "value", "words"),
    [
        (
            labelled_config("semi_supervised"),
            HEAD,
            "score",
            f"config.{HEAD}: score makes no class logits, which semi_supervised reads; "
            "choose score_and_logits, logits or log_probability",
        ),
        (
            labelled_config("semi_supervised", network="maxout"),
            "steps",
            1,
            "config.networks.discriminator: maxout makes no class logits, which semi_su"
            "pervised reads; those that can are mlp, dense, dcgan",
        ),
        (
            labelled_config("semi_supervised"),
            "networks.discriminator.conditioning",
            "projection",
            "config.networks.discriminator.conditioning: a projection adds to the score"
            " of a layer that head=logits lacks; choose score_and_logits, or no",
        ),
        (
            labelled_config("conditional_loss_sensitive"),
            "networks.discriminator.conditioning",
            "projection",
            "config.networks.discriminator.conditioning: a projection adds to the score"
            " of a layer that head=log_probability lacks; choose",
        ),
        (
            labelled_config("hinge", data="ring"),
            HEAD,
            "logits",
            f"config.{HEAD}: the data ring has no labels for logits",
        ),
        (
            labelled_config("semi_supervised", data="ring"),
            "steps",
            1,
            "config.objective: semi_supervised needs labels, which the data ring lacks",
        ),
        (
            labelled_config("auxiliary_classifier"),
            "data.labelled",
            100,
            "config.data.labelled_share: must be 1, not 0.5: auxiliary_classif",
        ),
        (
            labelled_config("classification"),
            "steps",
            1,
            "config.objective: classification has no loss for the generator",
        ),
        (
            labelled_config("classification", game="supervised", play="alternating"),
            "steps",
            1,
            "config.play: alternating takes two players who meet; the game supe",
        ),
        (
            labelled_config("classification", game="supervised"),
            "penalties.r1",
            penalty("r1").to_dict(),
            "config.penalties: the game supervised makes no scores to be penalised",
        ),
        (
            labelled_config("hinge", game="supervised"),
            "steps",
            1,
            "config.objective: hinge reads fake_score, real_score, which the game",
        ),
        (
            labelled_config("hinge"),
            "data.labelled_share",
            0.0,
            "config.data.labelled_share: must lie in (0, 1], not 0.0",
        ),
    ],
)
def test_labels_and_logits_where_there_are_none(config, key, value, words):
    refuses(words, validate, ConfigDict(changed(key, value, config)))


@pytest.mark.parametrize(
    ("objective", "changes"),
    [
        ("semi_supervised", {"data.labelled": 100}),
        ("semi_supervised", {HEAD: "score_and_logits"}),
        ("auxiliary_classifier", {"data.labelled": 100, "data.labelled_share": 1.0}),
        ("hinge", {HEAD: "score_and_logits"}),
    ],
)
def test_labels_and_logits_that_fit(objective, changes):
    config = labelled_config(objective)
    for key, value in changes.items():
        config = changed(key, value, config)
    assert validate(ConfigDict(config)) == config


@pytest.mark.parametrize(
    ("objective", "head"),
    [
        ("hinge", "score"),
        ("auxiliary_classifier", "score_and_logits"),
        ("semi_supervised", "logits"),
        ("semi_supervised_feature_matching", "logits"),
        ("conditional_loss_sensitive", "log_probability"),
        ("semi_supervised_loss_sensitive", "log_probability"),
    ],
)
def test_discriminator_gets_the_head_that_the_objective_reads(objective, head):
    config = labelled_config(objective)
    assert config["networks"]["discriminator"]["head"] == head


def test_supervised_defaults():
    config = labelled_config("classification", game="supervised")
    assert set(config["networks"]) == set(config["optimizers"]) == {"discriminator"}
    assert config["play"] == {"name": "simultaneous", "frozen": ""}
    assert config["ema"] == {}


def test_numbers():
    adam = {"learning_rate": 2e-4, "b1": 0.5, "b2": 0.999, "eps": 1e-8}
    assert numbers(validate(ConfigDict(good_config()))) == {
        "game": {},
        "objective": {"real_target": 1.0, "fake_target": 0.0, "generator_target": 1.0},
        "augment": {},
        "penalties": {"r1": {"weight": 2.0, "weight_schedule": {"cosine": 0.5}}},
        "corrections": {},
        "optimizers": {"discriminator": adam, "generator": adam},
        "ema": {"generator": {"decay": 0.999}},
        "steps": 10_000.0,
    }


@pytest.mark.parametrize("optimizer", PARTS["optimizer"])
@pytest.mark.parametrize("objective", PARTS["objective"])
def test_numbers_are_the_floats_of_traced_sections(objective, optimizer):
    game = game_of(objective)
    config = defaults(
        data="digits",
        network="dense",
        objective=objective,
        optimizer=optimizer,
        play="simultaneous",
        game=game,
    )
    for chain in config.optimizers.values():
        chain.clip_weights = 0.01
    if SCORE_FIELDS.issubset(PARTS["game"][game].makes):
        for name in PARTS["penalty"]:
            config.penalties[name] = penalty(name)
    if "view" in PARTS["game"][game].takes:
        config.augment.instance_noise = augmentation("instance_noise")
    config.corrections.consensus = correction("consensus")
    config = validate(config)
    floats = {
        key: value
        for key, value in flatten(config).items()
        if key.partition(".")[0] in schema.TRACED and isinstance(value, float)
    }
    assert flatten(numbers(config)) == floats | {"steps": 10_000.0}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("record.every", 7),
        ("evaluation.samples", 10),
        ("parallel.mode", "jit"),
        ("data.directory", "elsewhere"),
    ],
)
def test_resumed_run_may_change(key, value):
    check_resumable(good_config(), changed(key, value))


def test_resumed_run_may_be_longer_unless_a_schedule_reads_its_length():
    plain = changed("penalties", {})
    assert check_resumable(plain, changed("steps", 20_000, plain)) is None
    words = "steps was 10000, is 20000"
    refuses(words, check_resumable, good_config(), changed("steps", 20_000))
    words = "steps was 10000, is 9999"
    refuses(words, check_resumable, plain, changed("steps", 9_999, plain))


def test_json_forgets_tuples_and_nothing_else():
    config = defaults(data="mixture", network="mlp", objective="hinge")
    config = validate(config)
    assert check_resumable(json.loads(json.dumps(config)), config) is None


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("seed", 1, "seed was 0, is 1"),
        ("batch_size", 8, "batch_size was 256, is 8"),
        ("data.sd", 0.5, "data.sd was 0.01, is 0.5"),
        ("networks.generator.widths", (8,), "was [128, 128, 128], is [8]"),
        ("objective.name", "hinge", "objective.name was least_squares, is hinge"),
        ("optimizers.generator.clip_weights", 1.0, "clip_weights was None, is 1.0"),
        ("penalties.r2", {"weight": 1.0}, "weight was None, is 1.0"),
        ("penalties.r1.weight_schedule.final", 0.1, "was 0.5, is 0.1"),
        ("ema.generator", GONE, "ema.generator.decay was 0.999, is None"),
    ],
)
def test_resumed_run_must_not_change(key, value, words):
    refuses(words, check_resumable, good_config(), changed(key, value))


def test_all_changes_are_named():
    new = changed("seed", 3, changed("batch_size", 8, changed("record.every", 9)))
    refuses(
        "batch_size was 256, is 8; seed was 0, is 3",
        check_resumable,
        good_config(),
        new,
    )


def test_config_of_another_program_is_not_resumed():
    old = {"vocab_size": 7}
    refuses("data.name was None, is ring", check_resumable, old, good_config())
    refuses("vocab_size was 7, is None", check_resumable, old, good_config())


@pytest.mark.parametrize(
    "key",
    [
        *("non_finite", "data.sd", "game.prior", "networks.generator.slope"),
        *("objective.real_target", "penalties.r1.every"),
        *("optimizers.generator.clip_weights", "ema.generator.decay"),
        *("play.generator_rounds", "record.keep", "parallel", "corrections"),
    ],
)
def test_config_from_before_a_key_has_its_default(key):
    new = defaults(data="ring", network="mlp", objective="least_squares")
    new.penalties.r1 = penalty("r1")
    new = validate(new)
    old = changed(key, GONE, new)
    check_resumable(old, new)
    assert revalidate(old) == new
    other = changed("seed", 1, new)
    refuses("seed was 0, is 1", check_resumable, old, other)


def test_config_with_a_key_that_is_gone_is_refused():
    old = changed("data.mode", 8, good_config())
    refuses("config.data.mode: unknown key", revalidate, old)


def f_divergence(divergence, **numbers):
    config = defaults(data="ring", network="mlp", objective="f_divergence")
    config.objective.update(divergence=divergence, **numbers)
    return config


@pytest.mark.parametrize(
    ("divergence", "numbers"),
    [
        ("kl", {}),
        ("weighted_jensen_shannon", {"pi": 0.3}),
        ("alpha_below_one", {"alpha": -1.0}),
        ("alpha_above_one", {"alpha": 2.0}),
    ],
)
def test_divergence_with_its_number(divergence, numbers):
    objective = validate(f_divergence(divergence, **numbers))["objective"]
    assert (
        objective
        == {
            "name": "f_divergence",
            "divergence": divergence,
            "generator": "saturating",
            "pi": None,
            "alpha": None,
        }
        | numbers
    )


@pytest.mark.parametrize(
    ("divergence", "numbers", "words"),
    [
        ("kullback", {}, "divergence: 'kullback' is none of total_variation, kl,"),
        ("alpha_above_one", {}, "alpha: missing; alpha_above_one needs it in (1, inf)"),
        ("kl", {"pi": 0.5}, "pi: kl has no such number"),
        ("weighted_jensen_shannon", {"pi": 1.0}, "pi: must lie in (0, 1), not 1.0"),
        ("alpha_below_one", {"alpha": 0.0}, "alpha: at 0 the divergence is the limit "),
        ("alpha_below_one", {"alpha": 0.0}, "reverse_kl; choose that divergence"),
        (
            "alpha_above_one",
            {"alpha": 1.0},
            "alpha: at 1 the divergence is the limit kl",
        ),
        ("alpha_above_one", {"alpha": 0.5}, "alpha_above_one needs (1, inf), not 0.5"),
    ],
)
def test_divergence_that_cannot_be(divergence, numbers, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        validate(f_divergence(divergence, **numbers))


def test_slope_above_one():
    config = defaults(
        data="ring", network="mlp", objective="generalized_loss_sensitive"
    )
    config.objective.slope = 1.5
    with pytest.raises(
        ConfigError, match=re.escape("slope: must lie in (-inf, 1], not")
    ):
        validate(config)


def test_players_to_begin_with():
    config = good_config()
    config["init_players"] = "generator"
    words = "config.init_players: goes with config.init_from, which is not set"
    refuses(words, validate, ConfigDict(config))
    config["init_from"] = "runs/other"
    assert validate(ConfigDict(config))["init_from"] == "runs/other"
    config["init_players"] = "generator,encoder"
    words = "config.init_players: 'encoder' is none of discriminator, generator"
    refuses(words, validate, ConfigDict(config))


def test_players_that_are_frozen():
    config = good_config()
    config["play"]["frozen"] = "generator"
    setup = build_setup(validate(ConfigDict(config)))
    assert setup.frozen == {"generator"}
    assert setup.rounds == ((("discriminator",), 1), (("generator",), 1))
    config["play"]["frozen"] = "generator,critic"
    words = "config.play.frozen: 'critic' is none of discriminator, generator"
    refuses(words, validate, ConfigDict(config))


def test_whole_numbers_that_python_does_not_write():
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.steps = 10**5000
    with pytest.raises(ConfigError, match="not a whole number of 16610 bits"):
        validate(config)
    given = defaults(data="ring", network="mlp", objective="hinge").to_dict()
    given["optimizers"]["generator"]["learning_rate"] = 10**5000  # of a config.json
    with pytest.raises(ConfigError, match="is too large for a float"):
        validate(ConfigDict(given))


OLD_PENALTIES = {
    "interpolated_gradient": "wgan_gp",
    "one_sided_interpolated_gradient": "wgan_lp",
    "real_gradient": "r1",
    "fake_gradient": "r2",
    "perturbed_gradient": "dragan",
    "gradient_norm": "real_gradient_norm",
}


def test_a_config_of_before_is_read_by_names_of_today():
    config = good_config()
    config["penalties"] = {
        new: penalty(new).to_dict() for new in OLD_PENALTIES.values()
    }
    del config["measures"]  # of which all were taken
    old = {**config, "average": config["ema"], "schedule": config["play"]}
    del old["ema"], old["play"]
    old["schedule"] = {k: x for k, x in config["play"].items() if k != "frozen"}
    old["penalties"] = {
        name: config["penalties"][new] for name, new in OLD_PENALTIES.items()
    }
    new = revalidate(old)
    assert new["penalties"] == config["penalties"]
    assert (new["ema"], new["play"]) == (config["ema"], config["play"])
    assert set(new["measures"]) == {"mixture", "scores"}
    check_resumable(old, new)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("wgan_gp", "interpolated_gradient"),
        ("wgan_lp", "one_sided_interpolated_gradient"),
        ("dragan", "perturbed_gradient"),
    ],
)
def test_a_random_penalty_draws_under_its_first_name(name, first):
    config = good_config()
    config["penalties"] = {name: penalty(name).to_dict()}
    made = build_setup(validate(ConfigDict(config))).parts.penalties[name]
    assert made.stream == first
