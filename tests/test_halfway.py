"""The experiment on images halfway between two codes: its runs and its judge."""

import runpy
import shutil
from pathlib import Path

import jax
import numpy as np
import pytest
from fake_runs import write_run

from ganjax.build import build_setup
from ganjax.checkpoint import Checkpoints
from ganjax.config import ConfigError, experiment, flatten, load
from ganjax.config.validation import validate
from ganjax.look.evaluate import Evaluator
from ganjax.look.restore import restore
from ganjax.measures import sure_share
from ganjax.record import files
from ganjax.study import Figure, Table, check, read_run

PATH = str(Path(__file__).parents[1] / "experiments" / "halfway.py")
FILE = runpy.run_path(PATH)


def config_of(arg, **overrides):
    return validate(load(f"{PATH}:{arg}", [f"{k}={v}" for k, v in overrides.items()]))


@pytest.mark.parametrize("data", ["digits", "mnist"])
def test_methods_differ_in_nothing_but_the_method(data):
    points = [
        config_of(f"{data},{point.arg}", **point.overrides)
        for point in experiment.sweep(PATH)
    ]
    assert len(points) == 1 + 3 * 4 * 2
    same = ("data", "steps", "batch_size", "evaluation")
    for config in points:
        assert all(config[key] == points[0][key] for key in same)
        assert len({n["widths"] for n in config["networks"].values()}) == 1
        rates = {o["learning_rate"] for o in config["optimizers"].values()}
        assert rates == {1e-3}
    assert points[0]["data"]["split"] == "train"  # so that the judge's error is known


def saved_run(folder, arg, evaluation=None, factor=1.0):
    """A run that has saved its first state, times `factor`, and drawn samples alone."""
    config = load(f"{PATH}:{arg}")
    for network in config.networks.values():
        network.widths = (16,)
    config = validate(config)
    write_run(folder, evaluation=evaluation, records=10)
    files.write_json(folder / "config.json", config)
    state = jax.device_get(build_setup(config).init())
    trees = state.params, state.average
    params, average = jax.tree.map(lambda x: np.float32(factor) * x, trees)
    state = state._replace(step=np.int32(1), params=params, average=average)
    with Checkpoints(folder / "checkpoints", keep=1) as checkpoints:
        checkpoints.save(1, state)
    return read_run(folder)


def test_study_judges_what_the_runs_have_saved(tmp_path):
    judge = saved_run(tmp_path / "judge", "judge", {"error": 0.25}, factor=4.0)
    coder = saved_run(tmp_path / "coder", "auto_encoder", factor=2.0)
    (table,) = (check(item) for item in FILE["study"]([judge, coder]))
    assert isinstance(table, Table)
    assert "25 %" in table.note
    (row,) = table.rows
    assert row[:3] == ("auto encoder", 50, 1)
    setup, _, state = restore(coder.config, coder.workdir)
    evaluator = Evaluator(setup)
    test = evaluator.examples_to_judge(355)
    line = evaluator.probe_batch("interpolation", state, test)
    critic, _, opinion = restore(judge.config, judge.workdir)
    first, last, halfway = (
        Evaluator(critic).probe("classify", opinion, 355, real=line[:, column])
        for column in (0, 8, 4)
    )
    differ = first.argmax(axis=1) != last.argmax(axis=1)
    shares = [sure_share(x[differ], 0.9) for x in (first, halfway)]
    assert 0.05 < shares[1] < shares[0] < 0.95
    lost, nan = shares[0] - shares[1], np.nan  # the deviation of one seed
    expected = [100 * shares[0], nan, 100 * shares[1], nan, 100 * lost, nan]
    np.testing.assert_allclose(row[3:], expected)


def test_a_run_without_a_checkpoint_is_named(tmp_path):
    judge = saved_run(tmp_path / "judge", "judge", {"error": 0.25})
    coder = saved_run(tmp_path / "coder", "auto_encoder")
    shutil.rmtree(coder.workdir / "checkpoints")
    words = f"{coder.workdir} has no checkpoint yet; train first"
    with pytest.raises(ConfigError, match=words):
        list(
            FILE["study"]([judge._replace(evaluation={"metrics": {"error": 0}}), coder])
        )
    assert not (coder.workdir / "checkpoints").exists()


def test_study_shows_maps_beside_each_other(tmp_path):
    runs = []
    for name in ("vae", "gan"):
        config = flatten(config_of(name, **{"game.latent_size": 2}))
        run = read_run(write_run(tmp_path / name, config, records=10))
        (picture,) = run.samples["sample"]
        shown = ("interpolation", "map") + (("codes",) if name == "vae" else ())
        runs.append(run._replace(samples={key: [picture] for key in shown}))
    figures = [check(item) for item in FILE["study"](runs)]
    assert all(isinstance(figure, Figure) for figure in figures)
    titles = [[ax.get_title() for ax in figure.image.axes] for figure in figures]
    of_vae, of_gan = "vae\ncodes of 2", "gan\ncodes of 2"
    assert titles == [[of_vae, of_gan], [of_vae, of_gan], [of_vae]]
