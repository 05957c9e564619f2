"""A classifier through the whole framework, and the test error of any run."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_mnist import write_files
from test_train import QUICKLY, run

from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults
from ganjax.config.validation import validate
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.measures import classification_error, sure_share
from ganjax.record.files import read_json
from ganjax.record.records import read_records, series


def supervised_config(**data):
    config = defaults(
        data="digits", network="mlp", objective="classification", game="supervised"
    )
    config.data.split = "train"
    config.data.update(data)
    config.networks.discriminator.widths = (32,)
    config.optimizers.discriminator.update(learning_rate=0.01, b1=0.9)
    config.batch_size = 64
    return config


def train(setup, steps):
    step = jax.jit(setup.make_step(None))
    state, data = setup.init(), jax.device_put(setup.source.arrays)
    for _ in range(steps):
        state, metrics = step(state, setup.numbers, data)
    return jax.device_get((state, metrics))


def always(label, state):
    """The parameters of a discriminator that takes all examples for one class."""
    params = jax.tree.map(jnp.zeros_like, state.params["discriminator"])
    params["Dense_0"]["bias"] = params["Dense_0"]["bias"].at[label].set(1.0)
    return {"discriminator": params}


def errors_by_hand(params, images, label):
    """How many examples a network of one hidden layer classifies wrongly."""
    hidden = images.reshape(len(images), -1) @ params["layers"]["Dense_0"]["kernel"]
    hidden = hidden + params["layers"]["Dense_0"]["bias"]
    hidden = np.where(hidden > 0, hidden, 0.2 * hidden)
    logits = hidden @ params["Dense_0"]["kernel"] + params["Dense_0"]["bias"]
    return int((logits.argmax(axis=1) != label).sum())


def test_error_is_a_fraction():
    # Of four, the second and the last are wrong.
    measured = classification_error(np.eye(10)[[1, 2, 3, 0]], np.array([1, 0, 3, 9]))
    assert measured == {"error": 0.5}


def test_test_error_of_a_trained_classifier(monkeypatch):
    config = supervised_config()
    setup = build_setup(validate(config))
    state, metrics = train(setup, steps=200)
    assert set(metrics) == {
        f"discriminator/{name}" for name in ("loss", "cross_entropy", "gradient_norm")
    }
    evaluator = Evaluator(setup)
    assert draw_pictures(evaluator, state, 4) == {}
    before = evaluator.measure(setup.init(), 10)
    after = evaluator.measure(state, 10)
    assert set(before) == set(after) == {"error"}
    assert before["error"] > 0.7  # by chance 0.9
    assert after["error"] < 0.1
    by_hand = errors_by_hand(state.params["discriminator"], *setup.test[:2])
    assert after["error"] == by_hand / 355
    monkeypatch.setattr("ganjax.look.evaluate._SIZES", (100,))
    assert evaluator.measure(state, 10) == after


def test_error_counts_the_whole_test_split():
    setup = build_setup(validate(supervised_config()))
    label = np.asarray(setup.test.label)
    state = setup.init()
    state = state._replace(params=always(3, state))
    error = Evaluator(setup).measure(state, 10)["error"]
    # 36 of the 355 are threes: a fifth of 183, rounded down.
    assert (label == 3).sum() == 36
    assert error == pytest.approx(319 / 355)


def test_error_is_of_the_averaged_classifier():
    config = supervised_config()
    config.ema.discriminator = {"decay": 0.9}
    setup = build_setup(validate(config))
    state = setup.init()
    state = state._replace(params=always(3, state), average=always(8, state))
    error = Evaluator(setup).measure(state, 10)["error"]
    assert error == pytest.approx(1 - 34 / 355)  # 34 eights: a fifth of 174


def test_test_images_are_seen_as_in_training():
    setup = build_setup(validate(supervised_config()))
    real = np.asarray(setup.test.real)
    assert (real.shape, real.dtype) == ((355, 8, 8, 1), np.float32)
    assert (real.min(), real.max()) == (-1.0, 1.0)


@pytest.mark.parametrize(
    ("objective", "split", "measured"),
    [
        ("semi_supervised", "train", True),
        ("semi_supervised", "all", False),
        ("semi_supervised", "test", False),
        ("hinge", "train", False),
    ],
)
def test_error_where_there_is_a_classifier_and_a_test_split(objective, split, measured):
    config = defaults(data="digits", network="mlp", objective=objective)
    for network in config.networks.values():
        network.widths = (4,)
    config.data.split = split
    config.evaluation.samples = 6
    setup = build_setup(validate(config))
    found = Evaluator(setup).measure(setup.init(), 6)
    assert ("error" in found) == measured
    assert "real_score" in found


def test_few_labels_train_too():
    config = supervised_config(labelled=100)
    setup = build_setup(validate(config))
    assert len(setup.source.arrays["labelled"]) == 100
    # All test examples have their label, whatever the training knows.
    assert len(setup.test.label) == 355
    state, _ = train(setup, steps=100)
    assert Evaluator(setup).measure(state, 10)["error"] < 0.3


def test_missing_test_files_are_said_before_the_training(tmp_path):
    folder = write_files(tmp_path / "mnist")
    config = defaults(
        data="mnist", network="mlp", objective="classification", game="supervised"
    )
    config.data.directory = str(folder)
    assert len(build_setup(validate(config)).test.label) == 4
    (folder / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.raises(ConfigError, match=r"^config.data: .* has no t10k-labels"):
        build_setup(validate(config))


EXPERIMENT = """
from ganjax.config import defaults

def get_config(arg=""):
    config = defaults(
        data="digits", network="mlp", objective="classification", game="supervised"
    )
    config.data.split = "train"
    config.networks.discriminator.widths = (8,)
    config.ema.discriminator = {"decay": 0.9}
    config.steps = 20
    config.batch_size = 16
    config.record.update(every=10, pictures_every=10, checkpoint_every=10)
    config.evaluation.every = 10
    return config
"""


def test_command_without_a_generator(tmp_path):
    (tmp_path / "tiny.py").write_text(EXPERIMENT)
    code, output, errors = run(tmp_path, "run", environment=QUICKLY)
    assert (code, "Traceback" in errors) == (0, False), errors
    assert "error" in output
    folder = tmp_path / "run"
    metrics = series(read_records(folder)[0])
    assert metrics["evaluation/error"][0].tolist() == [10, 20]
    assert set(read_json(folder / "evaluation.json")["metrics"]) == {"error"}
    assert not list((folder / "samples").glob("*"))
    assert "rror" in (folder / "report.html").read_text()
    code, _, errors = run(tmp_path, "run", "--mode=sample", environment=QUICKLY)
    assert (code, errors.count("\n")) == (2, 1)
    assert "--mode=sample: the game supervised makes no samples" in errors


def test_share_of_examples_that_a_classifier_is_sure_of():
    # Likeliest classes of 0.9, 0.95, 0.7 and 0.99: two are likelier than 0.9.
    p = np.array([[0.9, 0.1], [0.05, 0.95], [0.3, 0.7], [0.99, 0.01]])
    assert sure_share(np.log(p), 0.9) == 0.5
    assert np.isnan(sure_share(np.log(p[:0]), 0.9))
