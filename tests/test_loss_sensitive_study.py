"""The loss-sensitive experiments: their points, and what their studies make of runs."""

from pathlib import Path

import pytest
from fake_runs import write_run

from ganjax.config import experiment, flatten, load
from ganjax.config.validation import validate
from ganjax.study import Figure, Table, check, read_run

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
BATCH_NORM, GRADIENT, FEW_LABELS = (
    str(EXPERIMENTS / f"{name}.py")
    for name in ("loss_sensitive", "vanishing_gradient", "few_labels")
)

FEW = {"seed": 0, "data.labelled": 100}
BASELINE = {
    "optimizers.discriminator.learning_rate": 2e-4,
    "augment.instance_noise.strength": 0.6,
}
ROUNDS = "play.discriminator_rounds"


def config_of(location, **overrides):
    return validate(load(location, [f"{k}={v}" for k, v in overrides.items()]))


@pytest.mark.parametrize("data", ["", "digits", "mnist"])
@pytest.mark.parametrize("path", [BATCH_NORM, GRADIENT, FEW_LABELS])
def test_every_point_of_the_sweep_is_valid(path, data):
    usual = "mnist" if path == FEW_LABELS else "digits"
    for point in experiment.sweep(path):
        location = experiment.join_args(f"{path}:{data}", point.arg)
        config = config_of(location, **point.overrides)
        assert config["data"]["name"] == (data or usual)
        assert config["data"]["split"] == "train"  # so that the test error is measured


def test_margin_is_the_authors_for_images_of_any_size():
    # 64 * 64 * 3 * 2e-4 = 2.4576 times the mean distance of a number; also with
    # classes, 32 * 32 * 3 * 8e-4.
    for location, numbers in (
        (f"{BATCH_NORM}:loss_sensitive", 64),
        (f"{FEW_LABELS}:conditional_loss_sensitive", 784),
        (f"{FEW_LABELS}:semi_supervised_loss_sensitive,digits", 64),
    ):
        scale = config_of(location)["objective"]["margin_scale"]
        assert scale * numbers == pytest.approx(2.4576, rel=2e-3)


def test_usual_rounds_are_those_of_the_experiment_without_batch_norm():
    points = experiment.sweep(GRADIENT)
    usual = {
        point.arg: point.overrides[ROUNDS]
        for point in points
        if point.overrides["seed"]
    }
    for objective, rounds in usual.items():
        play = config_of(f"{BATCH_NORM}:{objective}")["play"]
        assert play["discriminator_rounds"] == rounds
    assert len(usual) == 3


def test_baseline_has_the_network_labels_and_steps_of_what_it_is_compared_with():
    judged, baseline = (
        config_of(f"{FEW_LABELS}:{point.arg}", **point.overrides)
        for point in experiment.sweep(FEW_LABELS)
        if point.overrides in (FEW, FEW | BASELINE)
    )
    same = ("data", "augment", "steps", "batch_size")
    assert all(baseline[key] == judged[key] for key in same)
    for section in ("networks", "optimizers", "ema"):
        one, other = (c[section]["discriminator"] for c in (baseline, judged))
        # The head's score differs, which neither of the two losses reads.
        assert {**one, "head": ""} == {**other, "head": ""}


def study(folder, path, *runs):
    """What the study makes of runs: each an argument, measures, and overrides."""
    made = []
    for index, (arg, evaluation, overrides) in enumerate(runs):
        config = flatten(config_of(f"{path}:{arg}", **overrides))
        write_run(
            folder / str(index), config, evaluation=evaluation, records=10, size=8
        )
        made.append(read_run(folder / str(index)))
    items = [check(item) for item in experiment.study(path, made)]
    figures = [item for item in items if isinstance(item, Figure)]
    (table,) = (item for item in items if isinstance(item, Table))
    return figures, table


def test_study_of_batch_norm(tmp_path):
    good = {"coverage": 0.8, "precision": 0.7, "recall": 0.6}
    poor = {"coverage": 0.4, "precision": 0.3, "recall": 0.2}
    figures, table = study(
        tmp_path,
        BATCH_NORM,
        ("loss_sensitive", good, {"seed": 0}),
        ("loss_sensitive", poor, {"seed": 1}),
        ("minimax,neither", good, {}),
    )
    of_two, of_one = table.rows
    assert of_two[:3] == ("loss sensitive", "in the generator", 2)
    assert of_two[3:6] == pytest.approx((0.6, 0.4, 0.8))
    assert of_one[:4] == ("minimax", "in neither", 1, 0.8)
    titles = [[ax.get_title() for ax in figure.image.axes] for figure in figures]
    assert titles == [
        ["loss sensitive\nin the generator", "", "", "minimax\nin neither"]
    ]


def test_study_of_the_gradient(tmp_path):
    (figure,), table = study(
        tmp_path,
        GRADIENT,
        ("minimax", {}, {ROUNDS: 3}),
        ("loss_sensitive", {}, {ROUNDS: 3}),
        ("loss_sensitive", {}, {ROUNDS: 1}),
    )
    assert [row[:3] for row in table.rows] == [
        ("loss sensitive", 1, 1),
        ("loss sensitive", 3, 1),
        ("minimax", 3, 1),
    ]
    for *_, first, last, ratio in table.rows:
        assert ratio == last / first
    assert [ax.get_title() for ax in figure.image.axes] == ["loss sensitive", "minimax"]


def test_study_of_few_labels(tmp_path):
    few = {"data.labelled": 100}
    figures, table = study(
        tmp_path,
        FEW_LABELS,
        ("conditional_loss_sensitive", {"error": 0.03}, {}),
        ("classification", {"error": 0.2}, {"seed": 0, **few}),
        ("classification", {"error": 0.3}, {"seed": 1, **few}),
    )
    # 20 and 30 percent: deviations of 5, squared and added 50, divided by 2 - 1.
    of_few, of_all = table.rows
    assert of_few[:4] == ("100 labels", "classification", 0.0, 2)
    assert of_few[4:] == pytest.approx((25, 50**0.5, 20, 30))
    assert of_all[:4] == ("all labels", "conditional loss sensitive", 0.0, 1)
    # The supervised runs' pictures here are there only because they are made up.
    assert [figure.title for figure in figures] == [
        "Samples of classification, 100 labels",
        "Samples of conditional loss sensitive, all labels",
        "Test error",
    ]
    lines = figures[-1].image.axes[0].get_lines()
    assert [list(line.get_ydata()) for line in lines] == [[20, 30], [3]]
