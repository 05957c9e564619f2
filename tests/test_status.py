"""Where a run stands, as its folder says it."""

import os
from datetime import UTC, datetime

import pytest

from ganjax.record import files
from ganjax.record.status import write_status


def test_status(tmp_path):
    write_status(tmp_path / "run", state="failed", step=3, steps=9, message="no disk")
    status = files.read_json(tmp_path / "run" / "status.json")
    updated = datetime.fromisoformat(status.pop("updated"))
    assert abs((datetime.now(UTC) - updated).total_seconds()) < 60
    assert status.pop("hostname")
    assert status == {
        "state": "failed",
        "step": 3,
        "steps": 9,
        "message": "no disk",
        "process": os.getpid(),
    }


def test_status_refuses_an_unknown_state(tmp_path):
    with pytest.raises(ValueError, match="preempted, diverged, failed, not 'paused'"):
        write_status(tmp_path, state="paused", step=0, steps=1)
    assert os.listdir(tmp_path) == []
