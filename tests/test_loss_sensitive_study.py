"""The loss-sensitive experiment: its points, and what its study makes of runs."""

import runpy
from pathlib import Path

import pytest
from fake_runs import write_run

from ganjax.config import experiment, flatten, load
from ganjax.config.validation import validate
from ganjax.study import Figure, Table, check, read_run

PATH = str(Path(__file__).parents[1] / "experiments" / "loss_sensitive.py")

FEW = {"seed": 0, "data.labelled": 100}
BASELINE = {
    "optimizers.discriminator.learning_rate": 2e-4,
    "augment.instance_noise.strength": 0.6,
}


def config_of(arg, **overrides):
    return validate(load(f"{PATH}:{arg}", [f"{k}={v}" for k, v in overrides.items()]))


@pytest.mark.parametrize("data", ["", "digits"])
def test_every_point_of_the_sweep_is_valid(data):
    for point in experiment.sweep(PATH):
        arg = ",".join(filter(None, (point.arg, data)))
        config = config_of(arg, **point.overrides)
        has_classes = config["networks"]["discriminator"]["head"] != "score"
        usual = "mnist" if has_classes else "digits"
        assert config["data"]["name"] == (data or usual)
        assert config["data"]["split"] == "train"  # so that the test error is measured


def test_margin_is_the_authors_for_images_of_any_size():
    # 64 * 64 * 3 * 2e-4 = 2.4576 times the mean distance of a number; also with
    # classes, 32 * 32 * 3 * 8e-4.
    for arg, numbers in (
        ("loss_sensitive", 64),
        ("conditional_loss_sensitive", 784),
        ("semi_supervised_loss_sensitive,digits", 64),
    ):
        scale = config_of(arg)["objective"]["margin_scale"]
        assert scale * numbers == pytest.approx(2.4576, rel=2e-3)


def test_baseline_has_the_network_labels_and_steps_of_what_it_is_compared_with():
    judged, baseline = (
        config_of(point.arg, **point.overrides)
        for point in experiment.sweep(PATH)
        if point.overrides in (FEW, FEW | BASELINE)
    )
    same = ("data", "augment", "steps", "batch_size")
    assert all(baseline[key] == judged[key] for key in same)
    for section in ("networks", "optimizers", "ema"):
        one, other = (c[section]["discriminator"] for c in (baseline, judged))
        # The head's score differs, which neither of the two losses reads.
        assert {**one, "head": ""} == {**other, "head": ""}


def made(folder, arg, evaluation, **overrides):
    config = flatten(config_of(arg, **overrides))
    name = "-".join((arg, *map(str, overrides.values())))
    write_run(folder / name, config, evaluation=evaluation, records=10, size=8)
    return read_run(folder / name)


def of_points(folder):
    """Two runs of each of three questions."""
    good = {"coverage": 0.8, "precision": 0.7, "recall": 0.6}
    poor = {"coverage": 0.4, "precision": 0.3, "recall": 0.2}
    rounds = "play.discriminator_rounds"
    few = {"data.labelled": 100}
    return [
        made(folder, "loss_sensitive", good, seed=0),
        made(folder, "loss_sensitive", poor, seed=1),
        made(folder, "loss_sensitive", poor, **{rounds: 3}),
        made(folder, "minimax", good, **{rounds: 3}),
        made(folder, "classification", {"error": 0.2}, seed=0, **few),
        made(folder, "classification", {"error": 0.3}, seed=1, **few),
        made(folder, "conditional_loss_sensitive", {"error": 0.03}),
    ]


def test_study_answers_each_question(tmp_path):
    study = runpy.run_path(PATH)["study"]
    items = [check(item) for item in study(of_points(tmp_path))]
    tables = {item.title[:1]: item for item in items if isinstance(item, Table)}
    pictures = [item.title[:1] for item in items if isinstance(item, Figure)]
    # Of the first question only those with their usual rounds: 0.8 and 0.4.
    (row,) = tables["1"].rows
    assert row[:3] == ("loss sensitive", "in the generator", 2)
    assert row[3:] == pytest.approx((0.6, 0.5, 0.4, 0.4, 0.8))
    assert [row[:2] for row in tables["2"].rows] == [
        ("loss sensitive", 1),
        ("loss sensitive", 3),
        ("minimax", 3),
    ]
    # 20 and 30 percent: deviations of 5, squared and added 50, divided by 2 - 1.
    of_few, of_all = tables["4"].rows
    assert of_few[:4] == ("100 labels", "classification", 0.0, 2)
    assert of_few[4:] == pytest.approx((25, 50**0.5, 20, 30))
    assert of_all[:4] == ("all labels", "conditional loss sensitive", 0.0, 1)
    # The supervised runs' pictures here are there only because they are made up.
    assert pictures == ["1", "2", "3", "3", "4"]


def test_study_of_one_question_is_silent_on_the_others(tmp_path):
    study = runpy.run_path(PATH)["study"]
    titles = [item.title[:1] for item in study(of_points(tmp_path)[4:])]
    assert set(titles) == {"3", "4"}
    titles = [item.title[:1] for item in study(of_points(tmp_path)[3:4])]
    assert set(titles) == {"2"}
