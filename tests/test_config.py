"""Experiment files, their arguments, and values given on the command line."""

import re
from types import SimpleNamespace

import pytest
from ml_collections import ConfigDict

from ganjax.config import (
    ConfigError,
    defaults,
    flatten,
    load,
    override,
    parse_arg,
    penalty,
    schedule,
    section,
)

EXPERIMENT = """
from ganjax.config import defaults, parse_arg, penalty, schedule

def get_config(arg=""):
    chosen = parse_arg(arg, objective=("hinge", "wasserstein"), data=("ring", "digits"))
    config = defaults(data=chosen.data, network="mlp", objective=chosen.objective)
    config.steps = 100
    config.penalties.r1 = penalty("r1", weight=2.0)
    return config
"""


@pytest.fixture
def experiment(tmp_path):
    def write(source=EXPERIMENT):
        path = tmp_path / "experiment.py"
        path.write_text(source)
        return str(path)

    return write


def refuses(words, function, *arguments, **keywords):
    """Calls what must raise a ConfigError, of one line, that says `words`."""
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        function(*arguments, **keywords)
    assert "\n" not in str(caught.value)


SLOTS = {"objective": ("hinge", "wasserstein"), "data": ("ring", "digits")}


@pytest.mark.parametrize(
    ("arg", "objective", "data"),
    [
        (None, "hinge", "ring"),
        ("", "hinge", "ring"),
        ("wasserstein", "wasserstein", "ring"),
        ("digits,wasserstein", "wasserstein", "digits"),
        ("data=digits", "hinge", "digits"),
        ("objective=hinge,digits", "hinge", "digits"),
    ],
)
def test_parse_arg(arg, objective, data):
    expected = SimpleNamespace(objective=objective, data=data)
    assert parse_arg(arg, **SLOTS) == expected


def test_word_of_two_slots_goes_to_the_first_unless_named():
    slots = {"real": ("ring", "grid"), "fake": ("grid", "ring")}
    assert parse_arg("grid", **slots) == SimpleNamespace(real="grid", fake="grid")
    assert parse_arg("fake=ring", **slots) == SimpleNamespace(real="ring", fake="ring")


@pytest.mark.parametrize(
    ("arg", "words"),
    [
        (
            "hing",
            "'hing' is unknown; did you mean hinge? known are objective: hinge, wass",
        ),
        ("date=digits", "argument 'date=digits' is unknown"),
        ("data=hinge", "argument 'data=hinge' is unknown"),
        ("=digits,hinge=", "argument 'hinge=' is unknown"),
        ("hinge,wasserstein", "arguments hinge and wasserstein are both objective"),
        ("digits,digits", "arguments digits and digits are both data"),
    ],
)
def test_parse_arg_refuses(arg, words):
    refuses(words, parse_arg, arg, **SLOTS)


def test_section_takes_defaults_and_values():
    made = section("objective", "least_squares", real_target=0.9)
    assert made.to_dict() == {
        "name": "least_squares",
        "real_target": 0.9,
        "fake_target": 0.0,
        "generator_target": 1.0,
    }


def test_penalty_and_schedule():
    made = penalty("r1", weight=3.0, weight_schedule=schedule("cosine", 0.1))
    assert made.to_dict() == {
        "every": 1,
        "weight": 3.0,
        "weight_schedule": {"shape": "cosine", "final": 0.1},
    }


@pytest.mark.parametrize(
    "words", ["data", "network", "objective", "optimizer", "play", "game"]
)
def test_unknown_name_lists_the_table(words):
    names = {"data": "ring", "network": "mlp", "objective": "hinge"} | {words: "rign"}
    refuses("'rign' is none of ", defaults, **names)


def test_unknown_penalty_lists_the_table():
    refuses("'gp' is none of wgan_gp, ", penalty, "gp")


def test_defaults_has_every_section_of_its_names():
    config = defaults(
        data="digits",
        network="dense",
        objective="wasserstein",
        optimizer="rmsprop",
        play="simultaneous",
    )
    names = {k: v for k, v in flatten(config.to_dict()).items() if k.endswith("name")}
    assert names == {
        "data.name": "digits",
        "game.name": "adversarial",
        "networks.discriminator.name": "dense",
        "networks.generator.name": "dense",
        "objective.name": "wasserstein",
        "optimizers.discriminator.name": "rmsprop",
        "optimizers.generator.name": "rmsprop",
        "play.name": "simultaneous",
    }
    assert config.networks.generator.widths == (256, 512, 1024)
    assert config.networks.discriminator.widths == (512, 256)


def test_sections_are_not_shared():
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.optimizers.generator.learning_rate = 0.5
    config.networks.generator.slope = 0.5
    again = defaults(data="ring", network="mlp", objective="hinge")
    assert config.optimizers.discriminator.learning_rate == 2e-4
    assert config.networks.discriminator.slope == 0.2
    assert again.optimizers.generator.learning_rate == 2e-4


def test_load_calls_get_config_with_the_argument(experiment):
    path = experiment()
    assert load(path).objective.name == "hinge"
    assert load(f"{path}:").objective.name == "hinge"
    assert load(f"{path}:digits,wasserstein").objective.name == "wasserstein"


def test_load_runs_the_file_once(experiment, capsys):
    path = experiment(f"print('reading')\n{EXPERIMENT}")
    load(path, ["steps=3"])
    assert capsys.readouterr().out == "reading\n"


def test_load_of_what_is_no_file(tmp_path):
    path = tmp_path / "ring.py"
    refuses(f"--config: there is no file {path}", load, str(path))
    refuses(f"--config: {tmp_path} is a folder, not a file", load, str(tmp_path))
    refuses("--config: there is no file aaa", load, "a" * 5000)
    (tmp_path / "digits.py").touch()
    hint = f"; did you mean {tmp_path / 'digits.py'}?"
    refuses(hint, load, str(tmp_path / "digit.py"))
    refuses(hint, load, str(tmp_path / "digits"))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("def get_config(arg=''\n", ".py: SyntaxError: '(' was never closed (exp"),
        ("import nothing_like_it", ".py:1: ModuleNotFoundError: No module named"),
        ("def get_config():\n    return 1 / 0", ".py:2: ZeroDivisionError: division"),
        ("def get_config():\n  raise ValueError('a\\nb')", ".py:2: ValueError: a b"),
        ("def get_config():\n    raise SystemExit('bye')", ".py:2: SystemExit: bye"),
        ("config = 3", ".py: has no function get_config(argument)"),
        ("def get_config():\n    pass", ".py: get_config returns None, not a Config"),
        (EXPERIMENT.replace("steps", "sections.steps"), ":7: AttributeError: "),
        (EXPERIMENT.replace("100", "'many'"), ":7: TypeError: Could not override"),
        (EXPERIMENT.replace("mlp", "mpl"), "experiment.py: 'mpl' is none of mlp, de"),
        (EXPERIMENT.replace("network", "netwrok"), ":6: TypeError: defaults() got an"),
    ],
)
def test_load_of_a_broken_file(experiment, source, words):
    refuses(words, load, experiment(source))


def test_load_shows_a_config_error_of_the_file(experiment):
    path = experiment()
    refuses(f"{path}: argument 'hing' is unknown", load, f"{path}:hing")


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("steps=7", 7),
        ("steps=1e3", 1000),
        ("steps=1_000", 1000),
        ("seed=9007199254740993", 2**53 + 1),  # no float is between
        ("steps=-1", -1),  # read here, refused by validation
        ("optimizers.generator.learning_rate=1", 1.0),
        ("optimizers.generator.learning_rate=2.5e-4", 2.5e-4),
        ("optimizers.generator.clip_weights=0.01", 0.01),
        ("optimizers.generator.clip_weights=None", None),
        ("networks.generator.widths=(64,64)", (64, 64)),
        ("networks.generator.widths=[64, 32]", (64, 32)),
        ("networks.generator.widths=64,32", (64, 32)),
        ("networks.generator.widths=64", (64,)),
        ("game.prior=uniform", "uniform"),
        ("penalties.r1.weight=0.5", 0.5),
    ],
)
def test_override(experiment, override, value):
    key = override.partition("=")[0]
    read = flatten(load(experiment(), [override]).to_dict())[key]
    assert read == value
    assert type(read) is type(value)


def test_overrides_apply_in_order(experiment):
    key = "networks.generator.widths"
    config = load(experiment(), [f"{key}=(64,64)", "steps=3", f"{key}=8", "steps=4"])
    assert config.steps == 4
    assert config.networks.generator.widths == (8,)


def test_set_number_can_be_unset(experiment):
    key = "optimizers.generator.clip_weights"
    set_it = f"config.{key} = 0.01\n    return config"
    path = experiment(EXPERIMENT.replace("return config", set_it))
    assert load(path).optimizers.generator.clip_weights == 0.01
    assert load(path, [f"{key}=None"]).optimizers.generator.clip_weights is None


def test_reference_follows_an_override(experiment):
    tie = "config.batch_size = config.get_ref('steps')\n    return config"
    path = experiment(EXPERIMENT.replace("return config", tie))
    assert load(path, ["steps=3"]).batch_size == 3


@pytest.mark.parametrize(
    ("override", "words"),
    [
        (
            "stesp=3",
            "--config.stesp: {path}:digits has no such key; did you mean steps?",
        ),
        (
            "learning_rate=3",
            "did you mean optimizers.discriminator.learning_rate or "
            "optimizers.generator.learning_rate?",
        ),
        ("penalties.r1.wieght=3", "mean penalties.r1.weight?"),
        (
            "nothing_like_it=3",
            "--config.nothing_like_it: {path}:digits has no such key",
        ),
        ("=3", "--config.: {path}:digits has no such key"),
        ("steps", "--config.steps: write --config.steps=VALUE"),
        ("objective.name=wasserstein", "argument, such as --config={path}:wasserstein"),
        ("objective=wasserstein", "argument, such as --config={path}:wasserstein"),
        ("networks.generator.name=dense", "names choose the program, not a value"),
        ("batchsize=3", "did you mean batch_size?"),
        (
            "optimizers.generator.lr=1",
            "did you mean optimizers.generator.learning_rate?",
        ),
        ("game.z_dim=3", "did you mean game.latent_size?"),
        (f"networks.generator.widths={'-' * 3000}1", "(64, 64), not '---"),
        ("steps=1.5", "--config.steps: must be a whole number, not '1.5'"),
        ("steps=", "--config.steps: must be a whole number, not ''"),
        ("steps=many", "--config.steps: must be a whole number, not 'many'"),
        ("steps=inf", "--config.steps: must be a whole number, not 'inf'"),
        ("steps=nan", "--config.steps: must be a whole number, not 'nan'"),
        ("penalties.r1.weight=big", "weight: must be a number, not 'big'"),
        ("penalties.r1.weight=1,5", "weight: must be a number, not '1,5'"),
        ("optimizers.generator.clip_weights=off", "must be a number, not 'off'"),
        ("networks.generator.widths=wide", "must be a tuple such as (64, 64), not 'wi"),
        (
            "networks.generator.widths=(64",
            "must be a tuple such as (64, 64), not '(64'",
        ),
        ("networks.generator.widths=", "must be a tuple such as (64, 64), not ''"),
    ],
)
def test_override_is_refused(experiment, override, words):
    path = experiment()
    refuses(words.format(path=path), load, f"{path}:digits", [override])


def test_flatten():
    nested = ConfigDict({"a": {"b": {"c": 1}, "d": (2, 3)}, "e": {}, "f": None})
    assert flatten(nested.to_dict()) == {"a.b.c": 1, "a.d": (2, 3), "f": None}


def test_a_hint_runs_no_stored_config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    config = defaults(data="ring", network="mlp", objective="hinge")
    refuses("not a value", override, config, ["objective.name=minimax"], str(path))
    assert not (tmp_path / "ran").exists()
