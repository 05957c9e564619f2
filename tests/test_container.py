"""The Containerfile, which nothing here builds: what it copies is there and enough."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / "Containerfile").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
NOT_IGNORED = [
    line.removeprefix("!")
    for line in (ROOT / ".dockerignore").read_text().splitlines()
    if line.startswith("!")
]
COPIED = [
    word
    for words in re.findall(r"^COPY (.+)$", TEXT, re.MULTILINE)
    for word in words.split()[:-1]
]


@pytest.mark.parametrize("name", COPIED)
def test_what_is_copied_is_there(name):
    assert (ROOT / name).exists()
    assert name in NOT_IGNORED


def test_nothing_else_is_sent_to_the_builder():
    assert set(NOT_IGNORED) == set(COPIED)


def test_what_the_package_is_built_of_is_copied():
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    project = PROJECT["project"]
    needed = [*wheel["packages"], *wheel["force-include"], *project["license-files"]]
    assert {*needed, project["readme"], "pyproject.toml"} <= set(COPIED)


def test_python_and_extras_are_those_of_the_package():
    (version,) = re.findall(r"^FROM python:([0-9.]+)-slim$", TEXT, re.MULTILINE)
    assert version in SpecifierSet(PROJECT["project"]["requires-python"])
    (extras,) = re.findall(r"EXTRAS is (\w+) or (\w+):", TEXT)
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])
