"""Back ends by name, and their options."""

from pathlib import Path

import pytest

from ganjax.config import ConfigError
from launch import backends, kubernetes, slurm
from launch.options import Option, read_options

DOC = Path(__file__).parents[1] / "docs/clusters.md"

TABLE = {
    "partition": Option("", "Words."),
    "nodes": Option(1, "A number."),
    "exclusive": Option(False, "Yes or no."),
    "modules": Option((), "A list."),
}


@pytest.mark.parametrize("module", [slurm, kubernetes])
def test_every_option_is_documented_as_it_is(module):
    title = f"## {module.__name__.removeprefix('launch.').title()}\n"
    section = DOC.read_text().partition(title)[2].partition("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [f"| `{key}` | {x.help} |" for key, x in module.OPTIONS.items()]


def test_the_command_line_goes_before_the_file_and_that_before_defaults(tmp_path):
    path = tmp_path / "cluster.toml"
    path.write_text('partition = "gpu"\nmodules = ["a", "b"]\nnodes = 2\n')
    given = ["nodes=4", "exclusive=true", "modules=c", "modules=d e"]
    assert read_options("x", TABLE, str(path), given) == {
        "partition": "gpu",
        "nodes": 4,
        "exclusive": True,
        "modules": ("c", "d e"),
    }
    assert read_options("x", TABLE, None, ["partition=1"], {"nodes": 3, "old": 1}) == {
        **{"partition": "1", "nodes": 3, "exclusive": False, "modules": ()},
    }


@pytest.mark.parametrize(
    ("text", "given", "words"),
    [
        ("", ["node=2"], "--options.node: x has no option 'node'; did you mean nodes?"),
        ("", ["colour=2"], "(it has partition, nodes, exclusive, modules)"),
        (
            "",
            ["nodes=two"],
            "--options.nodes: must be a whole number from 0, not 'two'",
        ),
        ("", ["nodes=-1"], "--options.nodes: must be a whole number from 0, not -1"),
        ("", ["nodes=true"], "must be a whole number from 0, not True"),
        ("", ["exclusive=1"], "--options.exclusive: must be true or false, not 1"),
        ("node = 2", [], "cluster.toml: x has no option 'node'"),
        (
            "nodes = 1.5",
            [],
            "cluster.toml: nodes: must be a whole number from 0, not 1",
        ),
        ("partition = 3", [], "cluster.toml: partition: must be a string, not 3"),
        ('modules = "a"', [], 'modules: must be a list of strings, as ["a", "b"]'),
        ("nodes", [], "--options: "),
        (None, [], "No such file or directory"),
    ],
)
def test_bad_options(tmp_path, text, given, words):
    path = tmp_path / "cluster.toml"
    if text is not None:
        path.write_text(text)
    with pytest.raises(ConfigError) as raised:
        read_options("x", TABLE, str(path), given)
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("nodes=0", "--options.nodes: must be 1 at least"),
        ("sbatch=--cluster=east", "'--cluster=east' names a cluster, of which squeue"),
        ("sbatch=-Meast", "--options.sbatch: '-Meast' names a cluster"),
    ],
)
def test_what_slurm_cannot_take(given, words):
    with pytest.raises(ConfigError) as raised:
        backends.open_scheduler("slurm", backends.options_of("slurm", None, [given]))
    assert words in str(raised.value)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("OPTIONS = {", "SyntaxError"),
        ("OPTIONS = {}", "lacks open_scheduler"),
        ("OPTIONS = {'x': 3}; open_scheduler = 1", "what is no launch.options.Option"),
        (None, "No such file or directory"),
    ],
)
def test_a_file_that_is_no_back_end(tmp_path, program, words):
    path = tmp_path / "own.py"
    if program is not None:
        path.write_text(program)
    with pytest.raises(ConfigError, match=words) as raised:
        backends.options_of(str(path), None, [])
    assert str(raised.value).startswith(f"--backend: {path}")


def test_a_scheduler_opens_with_the_options_of_an_older_version():
    opened = backends.open_scheduler("slurm", {"nodes": 2, "of_old": "x"})
    assert opened.processes == 2
