"""What an evaluation says of outputs that are not finite."""

import json
import math

import jax
import numpy as np
import pytest

from ganjax.build import build_layout, build_setup
from ganjax.command.stopping import StopRequest
from ganjax.config import defaults
from ganjax.config.program import Program
from ganjax.config.validation import validate
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.measures import nearest_rows
from ganjax.record.files import read_json
from ganjax.training import loop
from ganjax.training.journal import Journal, write_evaluation, write_samples

MEASURES = {
    "ring": {
        *("modes_covered", "high_quality", "reverse_kl", "variance_ratio"),
        "cell_distance",
    },
    "digits": {"coverage", "precision", "recall", "density"},
}


def make(data):
    config = defaults(data=data, network="mlp", objective="hinge")
    config.networks.generator.widths = config.networks.discriminator.widths = (4,)
    config.batch_size = 8
    config.evaluation.samples = 12
    config.record.examples = 4
    return validate(config)


def spoil(state):
    """The state with a generator of NaN."""
    for tree in (state.params, state.average):
        for leaf in jax.tree.leaves(tree["generator"]):
            leaf.fill(np.nan)
    return state


@pytest.mark.parametrize("data", MEASURES)
def test_measures_of_samples_that_are_not_finite_are_null(data, tmp_path, capsys):
    config = make(data)
    setup = build_setup(config)
    evaluator = Evaluator(setup)
    state = jax.tree.map(np.array, jax.device_get(setup.init()))
    good = evaluator.measure(state, 12)
    assert evaluator.not_finite == set()
    write_evaluation(config, tmp_path, evaluator, 7, spoil(state))
    assert evaluator.not_finite == {"sample", "score"}
    found = read_json(tmp_path / "evaluation.json")
    assert found["metrics"].keys() == good.keys() >= MEASURES[data]
    assert set(found["metrics"].values()) == {None}
    assert "not finite, and so null: " in capsys.readouterr().out
    write_samples(config, tmp_path, evaluator, 7, state)
    assert not np.isfinite(np.load(tmp_path / "samples/final.npz")["samples"]).all()
    assert draw_pictures(evaluator, state, 4).keys()


def test_an_evaluation_is_recorded_once(tmp_path):
    """A run that was killed between its save and the evaluation makes it up."""
    config = make("ring")
    setup = build_setup(config)
    state = jax.device_get(setup.init())
    for _ in range(2):
        with Journal(config, tmp_path, Evaluator(setup), 0) as journal:
            journal.evaluate(state)
    (line,) = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert not math.isnan(json.loads(line)["evaluation/high_quality"])


def test_the_nearest_example_of_what_is_not_finite():
    examples = np.array([[3.0, 0.0], [0.0, 1.0]])
    samples = np.array([[np.nan, 2.0], [np.inf, -np.inf], [2.0, 0.0]])
    np.testing.assert_array_equal(nearest_rows(examples, samples), [1, 1, 0])


def made_of(program, folder):
    return loop._make([(program, folder)], lambda _: build_layout(program.config))


@pytest.mark.parametrize(("rule", "ending"), [("stop", "diverged"), ("skip", "done")])
def test_a_last_state_that_makes_nothing_finite_has_diverged(
    rule, ending, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_look", lambda *_: ["sample"])
    monkeypatch.setattr(loop, "write_report", lambda _: None)
    program = Program({**make("ring"), "non_finite": rule})
    ((member,), *_) = made_of(program, tmp_path)
    member.end("done", "")
    loop._conclude(member, StopRequest(), [], False)
    message = "sample of the last state not finite" if rule == "stop" else ""
    assert (member.ending, member.message) == (ending, message)
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["state"], status["message"]) == (ending, message)


def test_what_was_not_finite_in_the_middle_is_not_said_of_the_end(
    tmp_path, monkeypatch
):
    program = Program(make("ring"))
    ((member,), *_) = made_of(program, tmp_path)
    member.evaluator.not_finite.add("sample")  # of a picture on the way
    restored = (member.setup, 5, member.state)
    monkeypatch.setattr(loop, "restore", lambda *_: restored)
    assert loop._look(program, tmp_path, (), member) == []
