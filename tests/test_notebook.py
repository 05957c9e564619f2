"""docs/python.md and its notebook: the same, and all of it runs."""

import nbformat
from compiling import FLAGS

from docs import notebook


def test_all_of_it_runs_and_says_what_it_said(tmp_path, monkeypatch):
    stored = nbformat.read(notebook.NOTEBOOK, as_version=4)
    made = notebook.make()
    assert [x.source for x in made.cells] == [x.source for x in stored.cells], (
        "renew it by python -m docs.notebook"
    )
    monkeypatch.setenv("XLA_FLAGS", FLAGS)
    notebook.execute(made, tmp_path)
    for cell, before in zip(made.cells, stored.cells, strict=True):
        if cell.cell_type == "code":
            assert _kinds(cell) == _kinds(before)
    names = {path.name for path in (tmp_path / "runs").iterdir()}
    assert names == {"ring", "digits", "vae", "hinge"}


def _kinds(cell):
    """Which kinds of results a cell shows: numbers differ from machine to machine."""
    return [
        sorted(output.data) for output in cell.outputs if output.get("data") is not None
    ]
