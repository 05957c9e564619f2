"""Proof of a part of one's own: lists of checks, for pytest to go through.

    import pytest
    from ganjax.testing import objective_checks
    from my_experiment import PARTS

    CHECKS = objective_checks(PARTS[0], keys={"margin": 0.5}, discriminator=0.875)

    @pytest.mark.parametrize("check", CHECKS, ids=str)
    def test_my_objective(check):
        check()

A part is a row, of an experiment's `PARTS` or a built-in one, `ganjax.config.builtin`.
What is asked is listed by `objective_checks`, `penalty_checks` and `network_checks`;
each check is a function without arguments that raises `AssertionError`, so that any
runner of tests will do. ganjax itself never imports this room.
"""

from ganjax.testing.check import Check, check_slope
from ganjax.testing.networks import network_checks
from ganjax.testing.objectives import (
    FAKE,
    REAL,
    objective_checks,
    outcome_of,
    random_scores,
)
from ganjax.testing.penalties import (
    FAKE_EXAMPLES,
    REAL_EXAMPLES,
    SLOPE,
    penalty_checks,
)

__all__ = [
    "FAKE",
    "FAKE_EXAMPLES",
    "REAL",
    "REAL_EXAMPLES",
    "SLOPE",
    "Check",
    "check_slope",
    "network_checks",
    "objective_checks",
    "outcome_of",
    "penalty_checks",
    "random_scores",
]
