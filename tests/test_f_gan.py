"""The f-GAN experiment: what its study makes of runs."""

from pathlib import Path

import numpy as np
import pytest
from fake_runs import write_run

from ganjax.config import experiment, load
from ganjax.config.validation import validate
from ganjax.record import files
from ganjax.study import Figure, Table, check, read_run

PATH = str(Path(__file__).parents[1] / "experiments" / "f_gan.py")


def made(folder, arg, mean, sd):
    """A run that drew two points, of that mean and sd."""
    write_run(folder, records=10, size=4)
    files.write_json(folder / "config.json", validate(load(f"{PATH}:{arg}")))
    points = np.array([[mean - sd], [mean + sd]])
    np.savez(folder / "samples" / "final.npz", samples=points, step=1)
    return read_run(folder)


def test_study_sets_learned_beside_exact(tmp_path):
    runs = [
        made(tmp_path / "0", "kl", 1.0, 1.8),
        made(tmp_path / "1", "kl", 1.1, 1.8),
        made(tmp_path / "2", "weighted_jensen_shannon", 1.2, 1.7),
    ]
    items = [check(item) for item in experiment.study(PATH, runs)]
    assert [type(item) for item in items] == [Table, Figure, Table]
    beside, _, crossed = items
    kl, skewed = beside.rows
    assert (kl[0], skewed[0]) == ("kl", "weighted jensen shannon")
    # KL's optimum has P's own moments: 0.33 (-1) + 0.67 2 = 1.01; see its measure.
    assert kl[3:6] == pytest.approx((1.01, 1.05, 0.09), abs=1e-5)
    bounds = [-run.metrics["discriminator/loss"][1][-1] for run in runs]
    assert kl[2] == pytest.approx((bounds[0] + bounds[1]) / 2)
    # What was learned is worse than the optimum, under each divergence of its own.
    assert crossed.columns == ("trained under", "kl", "weighted jensen shannon")
    assert crossed.rows[0][1] > kl[1]
    assert crossed.rows[1][2] > skewed[1] > 0


def test_study_of_images_shows_samples_of_each(tmp_path):
    runs = [made(tmp_path / name, f"{name},digits", 0, 1) for name in ("gan", "kl")]
    titles = [check(item).title for item in experiment.study(PATH, runs)]
    assert titles == ["Samples under gan", "Samples under kl"]
