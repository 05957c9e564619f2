"""Writes the tables and the plot of docs/performance.md.

    python -m benchmarks.page

They are of the newest results of each machine. What stands between two marks of the
page is written anew; all else is kept.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import packs
from benchmarks.machine import RESULTS
from benchmarks.summary import OURS, Row, summarize
from benchmarks.workloads import WORKLOADS

DOCS = Path(__file__).parents[1] / "docs"


def newest(folder: Path = RESULTS) -> list[Mapping[str, Any]]:
    """The latest results of each machine, by its name."""
    paths = sorted(folder.glob("*.json"))  # by date
    every = [json.loads(path.read_text()) for path in paths]
    by_machine = {results["machine"]: results for results in every}
    return [by_machine[machine] for machine in sorted(by_machine)]


def rows_of(results: Mapping[str, Any]) -> list[Row]:
    """All rows, in the order of the workloads."""
    found = results["workloads"]
    return [
        row
        for name in WORKLOADS
        if name in found
        for row in summarize(name, found[name])
    ]


def _batch_size(results: Mapping[str, Any], row: Row) -> int:
    return results["workloads"][row.name]["threads"][str(row.threads)]["batch_size"]


def _table(results: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    lines = [
        "| workload | batch | examples/s | PyTorch's time over ours: eager | compiled "
        "| share of sgemm's speed | memory over PyTorch's |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        batch = _batch_size(results, row)
        eager, compiled = row.ratios.values()
        lines.append(
            f"| {WORKLOADS[row.name].title} | {batch} | {batch * row.batches:,.0f} "
            f"| {eager} | {compiled} | {row.peak_share:.2f} | {row.memory:.2f} |"
        )
    return lines


def _starts(results: Mapping[str, Any], rows: Sequence[Row]) -> list[str]:
    lines = [
        "| workload | batch | ours | PyTorch, eager | PyTorch, compiled |",
        "|---|---|---|---|---|",
    ]
    for row in rows:
        spans = [f"{cold:.1f}, {warm:.1f}" for cold, warm in row.first.values()]
        batch = _batch_size(results, row)
        lines.append(f"| {WORKLOADS[row.name].title} | {batch} | {' | '.join(spans)} |")
    return lines


def _of_machine(results: Mapping[str, Any]) -> str:
    rows = rows_of(results)
    versions = ", ".join(f"{name} {v}" for name, v in results["versions"].items())
    loads = [found["load"] for found in results["workloads"].values()]
    lines = [
        f"### {results['machine']}",
        "",
        f"{results['date']}; {versions}. `python -m benchmarks "
        f"--record --rounds={results['rounds']}`; the load average before a workload "
        f"was {min(loads):.1f} to {max(loads):.1f}.",
    ]
    for threads in sorted({row.threads for row in rows}):
        lines += ["", f"With {threads} thread{'s' if threads > 1 else ''}:", ""]
        lines += _table(results, [row for row in rows if row.threads == threads])
    fewest = min(row.threads for row in rows)
    lines += ["", "Seconds to the end of the first two steps, cold and warm:", ""]
    lines += _starts(results, [row for row in rows if row.threads == fewest])
    return "\n".join(lines)


def write(every: Sequence[Mapping[str, Any]]) -> str:
    """What stands between the marks, of the results of each machine."""
    return "\n\n".join(map(_of_machine, every))


def _packs_of_machine(results: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in results["versions"].items())
    loads = [load for found in results["packs"].values() for load in found["loads"]]
    lines = [
        f"### Packs on {results['machine']}",
        "",
        f"{results['date']}; {versions}. `python -m benchmarks.packs --record "
        f"--rounds={results['rounds']}`; the load average was {min(loads):.1f} to "
        f"{max(loads):.1f}.",
        "",
        "| runs | trained as | steps/s of all | time over the pack's | CPU ms a step "
        "| MB | seconds to two steps, cold and warm |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, found in results["packs"].items():
        workload, members = packs.PACKS[name]
        for row in packs.summarize(found):
            lines.append(
                f"| {members} of {WORKLOADS[workload].title} | {row.title} "
                f"| {row.steps:,.1f} | {row.ratio or 1} | {1e3 * row.cpu:,.2f} "
                f"| {row.megabytes:,.0f} | {row.first[0]:.1f}, {row.first[1]:.1f} |"
            )
    return "\n".join(lines)


def write_packs(every: Sequence[Mapping[str, Any]]) -> str:
    """What stands between the marks of packs, of the results of each machine."""
    return "\n\n".join(map(_packs_of_machine, every))


def _draw(ax: Any, results: Mapping[str, Any], names: Sequence[str]) -> None:
    rows = rows_of(results)
    for shift, count in enumerate(sorted({row.threads for row in rows})):
        of_count = [row for row in rows if row.threads == count]
        best = [row.ratios[row.best] for row in of_count]
        middles = [ratio.middle for ratio in best]
        ax.errorbar(
            middles,
            [names.index(row.name) + 0.25 * shift for row in of_count],
            xerr=[
                [ratio.middle - ratio.low for ratio in best],
                [ratio.high - ratio.middle for ratio in best],
            ],
            fmt="os"[shift % 2],
            capsize=2,
            label=f"{count} thread{'s' if count > 1 else ''}",
        )
    ax.axvline(1.0, color="black", lw=0.8)
    ax.set_title(results["machine"], fontsize="medium")


def plot(every: Sequence[Mapping[str, Any]], path: Path) -> None:
    """The ratio to the better form of PyTorch, with its range, by workload."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    names = [n for n in WORKLOADS if any(n in r["workloads"] for r in every)]
    figure = Figure(
        figsize=(1.6 + 4.0 * len(every), 0.36 * len(names) + 1.0), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(every), sharex=True, sharey=True, squeeze=False)[0]
    for ax, results in zip(axes, every, strict=True):
        _draw(ax, results, names)
    axes[0].set(yticks=range(len(names)), yticklabels=names)
    axes[0].invert_yaxis()
    axes[-1].legend()
    figure.supxlabel(
        f"time of PyTorch's best form over {OURS}'s, median and range",
        fontsize="medium",
    )
    figure.savefig(path, dpi=110)


def _between(page: str, marks: str, text: str) -> str:
    """The page with this text between two marks."""
    begin, end = f"<!-- {marks}: begin -->", f"<!-- {marks}: end -->"
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n{text}\n{end}{after}"


def main() -> None:
    """Renews the page."""
    every, path = newest(), DOCS / "performance.md"
    page = _between(path.read_text(), "measured", write(every))
    page = _between(page, "packs", write_packs(newest(packs.RESULTS)))
    path.write_text(page)
    plot(every, DOCS / "performance.png")


if __name__ == "__main__":
    main()
