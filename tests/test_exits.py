"""What says the exit codes, in words or on a socket, says those that there are."""

import re
from pathlib import Path

import pytest

from ganjax.command.exits import Exit

ROOT = Path(__file__).parents[1]


def listed(name):
    """The codes of a sentence such as "Exit codes: 0 done; 2 bad usage." in a file."""
    text = (ROOT / name).read_text()
    sentence = re.search(r"Exit codes: (.+?)\.\n", text, re.DOTALL)[1]
    return sorted(int(item.split()[0]) for item in sentence.split(";"))


@pytest.mark.parametrize(
    ("name", "lacking"),
    [
        ("README.md", set()),
        ("ganjax/main.py", set()),
        ("launch/__main__.py", {Exit.DIVERGED}),  # a run that did is no failed one
    ],
)
def test_exit_codes_are_listed(name, lacking):
    assert listed(name) == sorted(set(Exit) - lacking)


def test_code_is_said_as_a_number():
    assert [str(Exit.STOPPED), f"{Exit.DONE}"] == ["75", "0"]


def test_what_the_launcher_does_is_told_of_each():
    text = (ROOT / "docs" / "studies.md").read_text()
    table = text.partition("| exit code of a run |")[2].partition("\n\n")[0]
    codes = re.findall(r"^\| (\d+) ", table, re.MULTILINE)
    assert sorted(map(int, codes)) == sorted(Exit)
