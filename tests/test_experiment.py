"""Experiment files: their sweeps and studies, and what goes wrong in them."""

import re

import numpy as np
import pytest

from ganjax.config import experiment
from ganjax.config.experiment import (
    ConfigError,
    Point,
    describe,
    join_args,
    shown,
    split,
)


@pytest.fixture
def write(tmp_path):
    def write(source):
        path = tmp_path / "experiment.py"
        path.write_text(source)
        return str(path)

    return write


def refuses(words, function, *arguments):
    with pytest.raises(ConfigError, match=re.escape(words)) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)


def test_sweep_adds_points_in_order(write):
    path = write("""
def sweep(add):
    for arg in ("hinge", "wasserstein"):
        for seed in range(2):
            add(arg=arg, seed=seed, **{"penalties.r1.weight": 1.0})
    add()
""")
    weight = {"penalties.r1.weight": 1.0}
    assert experiment.sweep(f"{path}:small") == [
        Point("hinge", {"seed": 0} | weight),
        Point("hinge", {"seed": 1} | weight),
        Point("wasserstein", {"seed": 0} | weight),
        Point("wasserstein", {"seed": 1} | weight),
        Point("", {}),
    ]


def test_sweep_may_depend_on_its_argument(write):
    path = write("def sweep(add, arg):\n    add(arg or 'none')")
    assert experiment.sweep(f"{path}:small") == [Point("small", {})]
    assert experiment.sweep(path) == [Point("none", {})]


FOLLOW = """
def sweep(add):
    add()

def follow(add, runs):
    for run in runs:
        add("hinge", seed=run)
"""


def test_points_that_follow_may_be_there_twice(write):
    path = write(FOLLOW)
    one, two = (Point("hinge", {"seed": seed}) for seed in (1, 2))
    assert experiment.follow(f"{path}:small", [1, 2, 1]) == [one, two, one]
    assert experiment.has_follow(path)
    other = write("def sweep(add):\n    add()")
    assert not experiment.has_follow(other)
    assert experiment.follow(other, [1]) == []


def test_errors_in_follow_are_one_line(write):
    refuses(
        "experiment.py:6: TypeError: 'int' obj", experiment.follow, write(FOLLOW), 3
    )
    refuses("follow adds seed=[1]; a value", experiment.follow, write(FOLLOW), [[1]])
    path = write("def follow(add, runs):\n    add(3)")
    refuses(
        "experiment.py: follow adds arg=3; arg must be", experiment.follow, path, []
    )


def test_values_become_pythons_own(write):
    path = write("""
import numpy as np

def sweep(add):
    add(a=np.int64(3), b=np.float32(0.5), c=(np.float64(2.0), 1), d=True, e=None, f="x")
""")
    (point,) = experiment.sweep(path)
    expected = {"a": 3, "b": 0.5, "c": (2.0, 1), "d": True, "e": None, "f": "x"}
    assert point.overrides == expected
    kinds = [type(value) for value in point.overrides.values()]
    assert kinds == [int, float, tuple, bool, type(None), str]
    assert not isinstance(point.overrides["c"][0], np.generic)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = 1", "experiment.py: has no function sweep(add) that adds points"),
        ("sweep = 1", "experiment.py: has no function sweep(add) that adds points"),
        ("def sweep(add):\n    pass", "experiment.py: sweep(add) adds no point"),
        (
            "def sweep(add):\n    add('hinge', seed=1)\n    add('hinge', seed=1)",
            "experiment.py: sweep adds hinge seed=1 twice",
        ),
        (
            "def sweep(add):\n    add()\n    add()",
            "sweep adds a point without argument or override twice",
        ),
        (
            "def sweep(add):\n    add(widths=[4, 4])",
            "sweep adds widths=[4, 4]; a value must be a number, string, bool, tuple",
        ),
        ("def sweep(add):\n    add(3)", "sweep adds arg=3; arg must be a string"),
        ("def sweep(add):\n    1 / 0", "experiment.py:2: ZeroDivisionError: division"),
        ("\n\nimport no_such", "experiment.py:3: ModuleNotFoundError"),
        ("def sweep():\n    pass", "experiment.py: TypeError: sweep() takes 0"),
    ],
)
def test_sweep_refuses(write, source, words):
    refuses(words, experiment.sweep, write(source))


def test_points_that_differ_in_one_value_are_two(write):
    path = write("def sweep(add):\n    add('a', seed=1)\n    add('a', seed=2)")
    assert len(experiment.sweep(path)) == 2


def test_there_is_no_such_file(tmp_path):
    path = str(tmp_path / "nothing.py")
    for function in (experiment.sweep, experiment.get_config):
        refuses(f"--config: there is no file {path}", function, path)


def test_study_gives_items_whether_returned_or_yielded(write):
    returned = "def study(runs):\n    return [len(runs), 'b']"
    yielded = "def study(runs):\n    yield len(runs)\n    yield 'b'"
    for source in (returned, yielded):
        assert list(experiment.study(write(source), ["run"] * 3)) == [3, "b"]
    for source in ("x = 1", "from ganjax import study"):
        assert experiment.study(write(source), []) is None


def test_error_while_a_study_yields_is_said(write):
    path = write("def study(runs):\n    yield 1\n    runs[7]")
    items = experiment.study(path, [])
    assert next(items) == 1  # what came before the error is not lost
    refuses(f"{path}:3: IndexError: list index out of", next, items)


@pytest.mark.parametrize(
    ("made", "kind"),
    [("None", "NoneType"), ("Table('T', ('a',), [])", "Table"), ("3", "int")],
)
def test_study_that_gives_no_list_is_refused(write, made, kind):
    path = write(f"""
from ganjax.study import Table

def study(runs):
    return {made}
""")
    words = f"study must yield tables and figures or return a list of them, not {kind}"
    refuses(words, list, experiment.study(path, []))


def test_one_point_cannot_reach_the_next_through_the_file(write):
    path = write("""
KEPT = []

def get_config(arg=""):
    KEPT.append(arg)
    return list(KEPT)
""")
    assert experiment.get_config(f"{path}:a") == ["a"]
    assert experiment.get_config(f"{path}:b") == ["b"]


@pytest.mark.parametrize(
    ("location", "arg", "joined"),
    [
        ("x.py", "", "x.py"),
        ("x.py", "hinge", "x.py:hinge"),
        ("x.py:small", "", "x.py:small"),
        ("x.py:small", "hinge,mlp", "x.py:small,hinge,mlp"),
        ("x.py:", "hinge", "x.py:hinge"),
    ],
)
def test_arguments_are_joined(location, arg, joined):
    assert join_args(location, arg) == joined


def test_a_point_in_words():
    assert describe(Point("hinge", {"seed": 3, "a.b": 0.5})) == "hinge seed=3 a.b=0.5"


def test_a_path_may_hold_colons(tmp_path):
    folder = tmp_path / "a:b"
    folder.mkdir()
    path = folder / "ring.py"
    path.write_text("def get_config(arg=''):\n    return arg\n")
    assert experiment.get_config(f"{path}:hinge,x:y") == "hinge,x:y"
    assert split(str(path)) == (str(path), None)
    assert join_args(f"{path}:hinge", "x") == f"{path}:hinge,x"
    assert split("no:where.py:hinge") == ("no:where.py", "hinge")
    assert split("nothing:hinge") == ("nothing", "hinge")


def test_long_values_are_shown_short():
    assert shown("hinge") == "'hinge'"
    for value in ("x" * 5000, (0,) * 400, 10**5000):
        assert len(shown(value)) < 100


def test_a_name_is_an_experiment_that_came_along(tmp_path, monkeypatch):
    found = experiment.shipped()
    assert {"ring", "mnist", "vae_gan"} <= found.keys()
    assert split("ring") == (str(found["ring"]), None)
    assert split("ring:hinge,small") == (str(found["ring"]), "hinge,small")
    assert split("rign:hinge") == ("rign", "hinge")
    # A file of the user's goes first; a folder of that name is no experiment.
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ring").mkdir()
    assert split("ring") == (str(found["ring"]), None)
    (tmp_path / "grid").write_text("")
    assert split("grid:x") == ("grid", "x")
    assert split("ring.py") == ("ring.py", None)


def write_both(folder, number):
    """An experiment and a module that it imports, of the same names in any folder."""
    folder.mkdir(exist_ok=True)
    (folder / "shared_by_both.py").write_text(f"NUMBER = {number}")
    path = folder / "experiment.py"
    path.write_text("import shared_by_both\ndef get_config(): return shared_by_both")
    return path


def test_each_folder_has_its_own_modules(tmp_path):
    first, second = (write_both(tmp_path / x, n) for x, n in (("a", 1), ("b", 2)))
    for path, number in ((first, 1), (second, 2), (first, 1)):
        assert number == experiment.get_config(str(path)).NUMBER
        module = path.with_name("shared_by_both.py")
        assert experiment.files_of(str(path)) == [path, module]


def test_a_module_that_was_changed_is_read_anew(tmp_path):
    path = write_both(tmp_path, 1)
    assert experiment.get_config(str(path)).NUMBER == 1
    write_both(tmp_path, 345)
    assert experiment.get_config(str(path)).NUMBER == 345


def test_two_experiments_that_build_on_one_module_both_name_it(tmp_path):
    first = write_both(tmp_path, 1)
    second = tmp_path / "second.py"
    second.write_text("import experiment\nget_config = experiment.get_config")
    experiment.get_config(str(first))
    assert experiment.get_config(str(second)).NUMBER == 1
    module = tmp_path / "shared_by_both.py"
    assert experiment.files_of(str(second)) == [second, first, module]
