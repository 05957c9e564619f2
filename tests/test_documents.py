"""Documents name only what exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")]
# What docs/studies.md has its reader write.
WRITTEN_BY_READERS = {"experiments/penalty.py"}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_links_and_experiments_are_there(path):
    text = path.read_text("utf-8")
    links = {
        target.partition("#")[0]
        for target in re.findall(r"\]\(([^)]+)\)", text)
        if "://" not in target
    }
    lost = [x for x in links if x and not (path.parent / x).exists()]
    named = set(re.findall(r"\bexperiments/\w+\.py\b", text)) - WRITTEN_BY_READERS
    lost += [x for x in named if not (ROOT / x).exists()]
    assert not lost


def test_readme_shows_pictures_first():
    text = (ROOT / "README.md").read_text("utf-8")
    first = text.partition("## ")[0]
    pictures = re.findall(r"!\[[^]]+\]\(([^)]+)\)", first)
    assert pictures == ["docs/own_images.png", "docs/comparison.png"]
    assert "experiments/own_images.py" in first
