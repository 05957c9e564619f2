"""The report's command line, and the numbers and words behind its page."""

import json
import subprocess
import sys

import numpy as np
import pytest

from ganjax import report
from ganjax.report import axes, curves, text
from ganjax.report.markup import Markup, element

MINUS = "\N{MINUS SIGN}"


def python(*arguments):
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "run"
    path.mkdir()
    (path / "config.json").write_text('{"seed": 0}')
    (path / "metrics.jsonl").write_text('{"step": 1, "generator/loss": 0.5}\n')
    return path


def test_command_writes_the_page(folder, tmp_path):
    result = python("-m", "ganjax.report", folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == f"{folder}/report.html\n"
    output = tmp_path / "other.html"
    assert python("-m", "ganjax.report", folder, f"--output={output}").returncode == 0
    assert output.read_bytes() == (folder / "report.html").read_bytes()
    assert report.write(str(folder)) == folder / "report.html"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("config.json", "config.json is missing"),
        (("config.json", "{"), "not JSON"),
        (("config.json", "[]"), "a JSON object is expected, not list"),
        (("config.json", '{"seed": "a"}'), "seed must be a whole number, not 'a'"),
        (("config.json", "[" * 100_000), "not JSON, nested more than 32 deep"),
    ],
)
def test_what_is_no_run_is_refused_in_one_line(folder, broken, reason):
    if isinstance(broken, str):
        (folder / broken).unlink()
    else:
        (folder / broken[0]).write_text(broken[1])
    with pytest.raises(report.RunError) as caught:
        report.write(folder)
    message = str(caught.value)
    assert message.startswith(str(folder))
    assert reason in message
    assert "\n" not in message
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ([], "name a run folder"),
        (["no/such/run"], "no/such/run: there is no such folder"),
        (["a", "b"], "several runs need --output=FILE.html"),
        (["a", "b", "--output=c.html"], "a: there is no such folder"),
        (["a", "--colour=red"], "Unknown command line flag 'colour'"),
        (["a", "--config.steps=3"], "--config is of no use to a page"),
    ],
)
def test_bad_usage_exits_with_2(arguments, reason):
    result = python("-m", "ganjax.report", *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert reason in result.stderr
    assert result.stderr.count("\n") == 1


def test_help_is_no_error():
    result = python("-m", "ganjax.report", "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert "python -m ganjax.report RUN RUN ... --output=FILE" in result.stdout


def test_unwritable_output_exits_with_2(folder):
    result = python("-m", "ganjax.report", folder, f"--output={folder}")
    assert result.returncode == 2
    assert result.stderr == f"ganjax.report: {folder}: Is a directory\n"


def test_import_is_light():
    code = "import sys, ganjax.report; print(*sys.modules)"
    modules = set(python("-c", code).stdout.split())
    assert "ganjax.report.page" in modules
    assert not modules & {
        "jax",
        "jaxlib",
        "flax",
        "matplotlib",
        "jinja2",
        "tensorboardX",
    }


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0, 1, "0 0.2 0.4 0.6 0.8 1.0"),
        (0, 40_000, "0 10k 20k 30k 40k"),
        (0, 900, "0 200 400 600 800"),
        (-2.2, 2.1, "-2 -1 0 1 2"),
        (1.3862, 1.3862, "1.25 1.30 1.35 1.40 1.45 1.50"),
        (0, 0, "-0.4 -0.2 0 0.2 0.4"),
        (0, 3e6, "0 1M 2M 3M"),
        (0, 3e-5, "0 1·10⁻⁵ 2·10⁻⁵ 3·10⁻⁵"),
    ],
)
def test_linear_ticks(low, high, labels):
    axis = axes.linear_axis(low, high)
    assert " ".join(axis.labels).replace(MINUS, "-") == labels
    assert axis.low <= low <= high <= axis.high


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.02, 0.4, "0.02 0.05 0.1 0.2"),
        (0.05, 7, "0.1 0.3 1 3"),
        (1e-4, 2e3, "10⁻⁴ 0.01 1 100"),
        (1e-12, 1e12, "10⁻¹² 10⁻⁸ 10⁻⁴ 1 10k 10⁸ 10¹²"),
        (5, 5, "2 5 10"),
    ],
)
def test_log_ticks(low, high, labels):
    axis = axes.log_axis(low, high)
    assert " ".join(axis.labels) == labels
    np.testing.assert_allclose(
        axes.fraction(axis, np.array([axis.low, axis.high])), [0, 1]
    )


def test_trend_is_an_interquartile_mean():
    values = np.array([1.0, 2.0, 3.0, 1e20, 5.0, np.nan, 7.0])
    # Windows of three: [1 2], [1 2 3], [2 3 1e20], [3 1e20 5], [1e20 5], nan, [7].
    # Of three the middle one is left, of two both, of one itself.
    trend = curves.find_trend(values, np.arange(7), half=1)
    np.testing.assert_array_equal(trend, [1.5, 2, 3, 5, 5e19, np.nan, 7])
    # Of five, two quarters rounded off leave three: mean(2, 3, 5) of 1 2 3 5 1e20.
    trend = curves.find_trend(values, np.array([2]), half=2)
    np.testing.assert_allclose(trend, [10 / 3])


def test_thinning_keeps_ends_spikes_and_gaps():
    values = np.sin(np.arange(50_000) / 700)
    values[[12_345, 23_456, 34_567]] = 80.0, -80.0, np.nan
    kept = curves.thin(values)
    assert {0, 12_345, 23_456, 34_567, 49_999} <= set(kept.tolist())
    assert len(kept) <= curves.MAX_POINTS
    assert (np.diff(kept) > 0).all()
    assert len(curves.thin(np.full(2000, np.nan))) <= curves.MAX_POINTS


def test_visible_range_leaves_out_what_is_rare():
    values = np.linspace(0.0, 1.0, 1001)
    steps = np.arange(1001.0)
    series = [curves.Series("a", "ink", 0, steps, values)]
    assert curves.visible_range(series, is_log=False) == (0.0, 1.0)
    values[500] = 1e6
    # The common range is 0.01 to 0.99, and half its span is added above.
    low, high = curves.visible_range(series, is_log=False)
    assert low == 0.0
    assert high == pytest.approx(0.99 + 0.49, abs=0.01)
    assert curves.visible_range(series, is_log=True) == (0.001, 1e6)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (8, "8"),
        (40_000, "40\u202f000"),
        (0.955, "0.955"),
        (-1.23456, "-1.235"),
        (2.1e-5, "2.1·10⁻⁵"),
        (123456.789, "1.235·10⁵"),
        (float("nan"), "non-finite"),
        (None, "non-finite"),
        (True, "true"),
        ("a", "a"),
    ],
)
def test_measured_values(value, shown):
    assert text.measure(value).replace(MINUS, "-") == shown


def test_words():
    assert [text.counted(n, "key") for n in (0, 1, 2)] == ["0 keys", "1 key", "2 keys"]
    assert text.duration(float("nan")) == "unknown"
    assert text.heading("FID_of_real") == "FID of real"
    assert [text.duration(s) for s in (5.25, 60, 3725, 90_000)] == [
        *("5.25 s", "1 min 0 s", "1 h 2 min", "1 d 1 h")
    ]
    assert text.moment("2026-01-03T10:12:05+01:00") == "2026-01-03 09:12 UTC"
    assert text.moment("yesterday") == "yesterday"
    assert text.shell("python -m a --b='c d' e") == "python -m a \\\n    '--b=c d' e"
    assert text.shell("it's") == "it's"
    leaves = dict(text.flatten({"a": {"b": {"c": [1]}, "d": {}}, "e": None}))
    assert leaves == {"a.b.c": [1], "a.d": {}, "e": None}
    assert json.loads(text.value({})) == {}


def test_markup_escapes_all_but_markup():
    made = element("p", "<b>", Markup("<i></i>"), class_='"&', hidden=True, id=None)
    assert made == '<p class="&quot;&amp;" hidden>&lt;b&gt;<i></i></p>'
    assert element("img", data_x=1) == '<img data-x="1">'
