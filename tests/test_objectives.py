"""The suite that every objective passes; one joins by its row in `conformance.py`."""

from contextlib import nullcontext

import compiling
import pytest
from conformance import OF_SCORES, ROWS, checks_of, make_objective
from tables import PARTS

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import keys_of
from ganjax.monitors import score_statistics
from ganjax.testing import FAKE, REAL, outcome_of


def test_each_objective_has_a_row_with_its_numbers():
    assert set(ROWS) == set(OF_SCORES)
    for name, row in ROWS.items():
        keys = keys_of(BUILT_IN, PARTS["objective"][name])
        floats = {key for key, k in keys.items() if float in (type(k.default), k.kind)}
        given = {key for key, value in row.structure.items() if value is None}
        assert set(row.numbers) == floats - given
        assert {*row.numbers, *row.structure} == set(keys)


@pytest.mark.parametrize(
    "check",
    [
        pytest.param(check, id=f"{name}-{check}")
        for name in ROWS
        for check in checks_of(name)
    ],
)
def test_objective(check):
    at_its_limits = check.name == "large_scores"
    with compiling.as_used() if at_its_limits else nullcontext():
        check()


@pytest.mark.parametrize("name", [n for n in ROWS if ROWS[n].accuracies is not None])
def test_threshold_tells_real_from_fake(name):
    outcome = outcome_of(PARTS["objective"][name].reads, REAL, FAKE)
    measured = score_statistics(outcome, make_objective(name).threshold)
    accuracies = {k: v for k, v in measured.items() if k.endswith("accuracy")}
    assert accuracies == ROWS[name].accuracies
