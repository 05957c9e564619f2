"""From rounds to rows: medians, ranges and ratios."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any, NamedTuple

SIDES = OURS, *PEERS = ("ganjax", "torch", "torch.compile")


class Ratio(NamedTuple):
    """Seconds of a peer over ours, over the rounds."""

    middle: float
    low: float
    high: float

    def __str__(self) -> str:
        """The median, and the range in brackets."""
        return f"{self.middle:.2f} ({self.low:.2f} to {self.high:.2f})"


class Row(NamedTuple):
    """A workload with some number of threads.

    `peak_share` is the share of the speed of a large matrix product; `first` are
    seconds to the end of the first two steps, cold and with compiled programs kept.
    """

    name: str
    threads: int
    batches: float  # per second
    ratios: dict[str, Ratio]
    best: str  # of the peers
    peak_share: float
    memory: float  # ours over the best peer's
    first: dict[str, tuple[float, float]]

    def __str__(self) -> str:
        """One line for a terminal."""
        return (
            f"{self.name}, {self.threads} threads: {self.batches:.1f} steps/s, "
            f"{self.ratios[self.best]} of {self.best}, {self.peak_share:.2f} of a "
            f"product's speed, memory {self.memory:.2f}, two steps after "
            f"{self.first[OURS][0]:.1f} s, {self.first[OURS][1]:.1f} s warm"
        )


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> Ratio:
    """Of the turns of each round."""
    ratios = [a / b for a, b in zip(theirs, ours, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios))


def summarize(name: str, found: Mapping[str, Any]) -> list[Row]:
    """The rows of a workload, as `benchmarks.__main__.measure` found it."""
    first = {
        side: (measured["cold"]["first"], measured["warm"]["first"])
        for side, measured in found["start"].items()
    }
    memory = {side: m["warm"]["megabytes"] for side, m in found["start"].items()}
    rows = []
    for threads, measured in found["threads"].items():
        seconds = measured["seconds"]
        ours = seconds[OURS]
        ratios = {peer: ratio(seconds[peer], ours) for peer in PEERS}
        best = min(PEERS, key=lambda peer: ratios[peer].middle)
        shares = [
            measured["flops"] / s / peak
            for s, peak in zip(ours, measured["peaks"], strict=True)
        ]
        rows.append(
            Row(
                name,
                int(threads),
                1 / median(ours),
                ratios,
                best,
                median(shares),
                memory[OURS] / memory[best],
                first,
            )
        )
    return rows
