"""Writes docs/python.ipynb: docs/python.md as a notebook, with all of it run.

python -m docs.notebook
"""

import re
import tempfile
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

PAGE = Path(__file__).with_name("python.md")
NOTEBOOK = PAGE.with_suffix(".ipynb")
SECONDS = 300  # for one cell

_BLOCK = re.compile(r"^```python\n(.*?)^```\n", re.MULTILINE | re.DOTALL)


def make() -> NotebookNode:
    """The page as cells of words and of code, none of them run."""
    notebook = nbformat.v4.new_notebook()
    # Words and code take turns.
    for index, text in enumerate(_BLOCK.split(PAGE.read_text())):
        if text := text.strip():
            kind = "code" if index % 2 else "markdown"
            cell = getattr(nbformat.v4, f"new_{kind}_cell")(text)
            cell["id"] = f"cell-{index}"  # the same in each making
            notebook.cells.append(cell)
    return notebook


def execute(notebook: NotebookNode, folder: Path) -> None:
    """Runs all cells in a folder; raises the error of the first that fails."""
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources=resources
    ).execute()
    for cell in notebook.cells:
        cell["metadata"] = {}  # when it was run


if __name__ == "__main__":
    made = make()
    with tempfile.TemporaryDirectory() as folder:
        execute(made, Path(folder))
    nbformat.write(made, NOTEBOOK)
    print(NOTEBOOK)
