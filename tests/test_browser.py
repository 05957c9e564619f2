"""The pages in a real browser: scripts run, nothing is said, nothing overflows."""

import html
import json
import re
import subprocess

import pytest
import system
from fake_runs import write_run, write_sweep

from ganjax import report

pytestmark = pytest.mark.needs("chromium")

FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic"),
    *("--no-first-run", "--disable-background-networking", "--disable-sync"),
    *("--disable-component-update", "--window-size=1280,2000"),
    *("--virtual-time-budget=3000", "--enable-logging=stderr", "--dump-dom"),
)
STUDY = """
def study(runs):
    from ganjax.study import Figure, Table, plot
    figure, axes = plot(1, 3)
    axes[0].plot([1, 2], [1, 2])
    yield Figure("Wide", figure)
    yield Table("Table", ("a", "b"), [(1, "a rather long cell " * 9)])
"""
# More than a page is wide, and numbers that might break within themselves.
MORE = {f"a_measure_{index}": -6.0823e-4 * (1 + index) for index in range(8)}

# What a page tells of itself, once it is loaded. It stands in a frame.
PROBE = """
// The first of the two is blind for what is not displayed in an SVG, the second for
// what is folded.
const isSeen = (x) => x.checkVisibility() && x.getClientRects().length > 0;
const seen = (selector) => [...document.querySelectorAll(selector)].filter(isSeen);
const count = (selector) => seen(selector).length;
const found = { errors: [] };
addEventListener("error", (event) => found.errors.push(event.message));
addEventListener("load", () => {
  const { scrollWidth, clientWidth } = document.documentElement;
  found.overflow = scrollWidth - clientWidth;
  found.width = innerWidth;
  found.charts = count(".chart svg[data-chart]");
  found.tables = count("table");
  found.plots = count(".plot svg");
  const box_of = (x) => x.getBoundingClientRect();
  // Numbers on cards: one line each, and not beyond the card.
  found.cards = seen(".cards dd").map((x) => [
    box_of(x).height < 1.7 * parseFloat(getComputedStyle(x).fontSize),
    x.scrollWidth <= x.clientWidth,
  ]);
  // A table wider than its box: it scrolls, says so, and keeps its first column.
  const isWide = (x) => x.scrollWidth > x.clientWidth;
  found.wide = seen(".scroll").filter(isWide).map((x) => {
    x.scrollLeft = x.scrollWidth;
    const first = x.querySelector("tbody td");
    return [
      x.scrollLeft > 0,
      getComputedStyle(x).backgroundImage.split("linear-gradient").length - 1,
      Math.abs(box_of(first).left - box_of(x).left) < 1,
      box_of(first).width < 0.6 * innerWidth,
    ];
  });
  // Plots and pictures that stand in one row, and how far their tops are apart.
  const rows = (parents, part) => {
    const tops = new Map();
    for (const x of seen(parents)) {
      const row = Math.round(box_of(x).top);
      tops.set(row, [...(tops.get(row) ?? []), box_of(x.querySelector(part)).top]);
    }
    return [...tops.values()].filter((row) => row.length > 1)
      .map((row) => Math.max(...row) - Math.min(...row));
  };
  found.steps = [
    ...rows(".chart", "svg[data-chart]"), ...rows(".side-by-side .film", "img"),
  ];
  // The legend, where the last chart is read.
  const last = seen(".chart").at(-1);
  const legend = document.querySelector(".groups");
  if (legend) {
    last.scrollIntoView({ block: "end", behavior: "instant" });
    const { top, height, bottom } = box_of(legend);
    found.legend = [top, bottom < box_of(last).bottom && height < innerHeight / 4];
  }
  found.theme = document.getElementById("theme").textContent;
  const lines = () => count(".chart .group-0 .line");
  const toggle = document.querySelector(".groups button");
  if (toggle) {
    found.shown = [lines()];
    toggle.click();
    found.shown.push(lines());
    found.others = count(".chart .group-1 .line");
    toggle.click();
    found.shown.push(lines());
    const panels = () => seen(".versus").map((x) => x.dataset.measure);
    const select = document.querySelector(".choice select");
    found.panels = [panels()];
    select.selectedIndex = 1;
    select.dispatchEvent(new Event("change"));
    found.panels.push(panels());
  }
  const svg = document.querySelector("svg[data-chart]");
  const box = svg.getBoundingClientRect();
  const at = { clientX: box.right, clientY: box.top + 30 };
  svg.dispatchEvent(new PointerEvent("pointermove", at));
  found.readings = [...document.querySelectorAll(".groups output, .legend output")]
    .map((x) => x.textContent).filter(Boolean);
  found.where = document.querySelector(".where").textContent;
  parent.postMessage({ name: NAME, found }, "*");
});
"""
FRAMES = """<!DOCTYPE html><pre></pre><script>
const all = {};
addEventListener("message", ({ data }) => {
  all[data.name] = data.found;
  document.querySelector("pre").textContent = JSON.stringify(all);
});
</script>"""


@pytest.fixture(scope="module")
def browser():
    found = system.find("chromium")
    assert found, "no chromium on PATH: python tests/system.py installs it"
    return found


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A comparison page and a run's page."""
    folder = tmp_path_factory.mktemp("pages") / ("a_long_way_down_" * 4)
    folder.mkdir()
    (folder / "study.py").write_text(STUDY)
    runs = [
        (
            f"{name}_{seed}",
            {"objective.name": name, "seed": seed},
            {"evaluation": {"high_quality": 0.9 - seed / 10, "reverse_kl": 1} | MORE},
        )
        for name in ("hinge", "wasserstein_with_quite_a_long_name")
        for seed in range(3)
    ]
    sweep = write_sweep(folder / "s", runs, experiment=str(folder / "study.py"))
    assert report.write_sweep(sweep) == ""
    run = write_run(folder / "r", evaluation={"high_quality": 0.9} | MORE)
    return {"comparison": sweep / "report.html", "run": report.write(run)}


@pytest.fixture(scope="module")
def visit(browser, pages, tmp_path_factory):
    """Each page in a frame as wide as a laptop's and a phone's; and the console.

    One start of the browser shows all, for a start takes seconds. A page that speaks
    shows that the console is heard.
    """
    folder = tmp_path_factory.mktemp("visit")
    frames = [FRAMES, "<iframe src='loud.html'></iframe>"]
    (folder / "loud.html").write_text("<script>console.warn('heard')</script>")
    for kind, path in pages.items():
        for width in (1280, 390):
            name = f"{kind}-{width}"
            probe = f"<script>{PROBE.replace('NAME', repr(name))}</script>"
            source = path.read_text().replace("<style>", f"{probe}<style>", 1)
            (folder / f"{name}.html").write_text(source)
            style = f"width:{width}px;height:900px;border:0"
            frames.append(f"<iframe src='{name}.html' style='{style}'></iframe>")
    (folder / "frames.html").write_text("".join(frames))
    address = (folder / "frames.html").as_uri()
    profile = f"--user-data-dir={folder}/profile"
    done = subprocess.run(
        [browser, *FLAGS, profile, address], capture_output=True, text=True, timeout=120
    )
    found = re.search(r"<pre>(.+?)</pre>", done.stdout, re.DOTALL)
    assert found, done.stderr[-2000:]
    console = [line for line in done.stderr.splitlines() if "CONSOLE" in line]
    return json.loads(html.unescape(found[1])), console


@pytest.fixture(params=("comparison-1280", "comparison-390", "run-1280", "run-390"))
def view(visit, request):
    found, _ = visit
    return request.param, found[request.param]


def test_console_is_silent(visit):
    _, console = visit
    assert len(console) == 1
    assert "heard" in console[0]


def test_page_shows_its_parts(view):
    name, found = view
    assert found["errors"] == []
    assert found["theme"] in ("Dark", "Light")
    # Of the tables, those that are not folded: the study's, groups and differences.
    parts = (found["charts"], found["tables"], found["plots"])
    assert parts == ((8, 3, 1) if "comparison" in name else (6, 0, 0))


def test_page_does_not_overflow(view):
    name, found = view
    assert found["width"] == int(name.rpartition("-")[2])
    assert found["overflow"] == 0


def test_numbers_do_not_break_within_themselves(view):
    name, found = view
    assert found["cards"] == [[True, True]] * (0 if "comparison" in name else 9)


def test_wide_tables_scroll_visibly(view):
    name, found = view
    if "comparison" in name:
        assert found["wide"]
    assert all(wide == [True, 4, True, True] for wide in found["wide"])


def test_plots_and_pictures_of_a_row_stand_side_by_side(view):
    name, found = view
    if "1280" in name:
        assert len(found["steps"]) >= 3
    assert all(step < 1 for step in found["steps"])


def test_legend_stays_in_sight(view):
    name, found = view
    if "comparison" in name:
        assert found["legend"] == [0, True]


def test_values_are_read_off_under_the_pointer(view):
    name, found = view
    assert found["where"].startswith("step 20")
    groups = [text for text in found["readings"] if re.match(r"0\.\d", text)]
    assert len(groups) >= (2 if "comparison" in name else 1)


@pytest.mark.parametrize("width", [1280, 390])
def test_toggle_hides_a_group_in_all_charts(visit, width):
    found = visit[0][f"comparison-{width}"]
    assert found["shown"] == [8, 0, 8]
    assert found["others"] == 8


@pytest.mark.parametrize("width", [1280, 390])
def test_a_measure_is_chosen(visit, width):
    found = visit[0][f"comparison-{width}"]
    assert found["panels"] == [["high_quality"], ["reverse_kl"]]
