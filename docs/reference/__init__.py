"""docs/objectives.md and its figures, made from the tables and docstrings.

`python -m docs.reference` writes them; with `--check` it says what is stale.
"""

from pathlib import Path

from docs.reference import figures
from docs.reference.page import page
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import rows

ROOT = Path(__file__).parents[2]
PAGE = "docs/objectives.md"
FIGURES = "docs/divergences"


def write(root: Path = ROOT) -> None:
    """Writes the page and a figure of each divergence below `root`."""
    (root / FIGURES).mkdir(parents=True, exist_ok=True)
    (root / PAGE).write_text(page(ROOT / "experiments"), encoding="utf-8")
    for name in rows(BUILT_IN, "divergence"):
        (root / FIGURES / f"{name}.svg").write_bytes(figures.svg(name))


def stale(root: Path = ROOT) -> list[str]:
    """What below `root` is not as `write` would leave it, in words.

    Figures are compared by the numbers they are drawn from: their text differs between
    versions of matplotlib.
    """
    found = []
    path = root / PAGE
    if not path.is_file() or path.read_text("utf-8") != page(ROOT / "experiments"):
        found.append(f"{PAGE} is not what tables and docstrings say")
    there = {path.stem: path for path in (root / FIGURES).glob("*.svg")}
    divergences = rows(BUILT_IN, "divergence")
    for name in there.keys() | divergences.keys():
        if name not in divergences:
            found.append(f"{FIGURES}/{name}.svg shows no divergence of the table")
        elif name not in there or not figures.shows(there[name].read_bytes(), name):
            found.append(f"{FIGURES}/{name}.svg does not show what the code computes")
    return sorted(found)
