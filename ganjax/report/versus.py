"""Each group against the best one, as a table per measure."""

from __future__ import annotations

from collections.abc import Iterator

from ganjax.config.ranks import Ranking
from ganjax.report import text
from ganjax.report.comparison import Comparison, Group, best, values
from ganjax.report.differences import Difference, difference
from ganjax.report.document import grid
from ganjax.report.files import Files
from ganjax.report.markup import Markup, element, join
from ganjax.report.tables import name_group, title
from ganjax.study import Cell, mean_and_sd

_CAUTION = (
    "A mean over the seeds that both groups have, and its 95 % interval by the "
    "percentile bootstrap over seeds. With few seeds such an interval is rough and "
    "rather too narrow; and the best group was chosen by these very runs, which makes "
    "it look a little better than it is. Of many groups some differ by chance. "
)


def differences_tables(comparison: Comparison, files: Files) -> Iterator[Markup]:
    """A table per measure; page.js shows the one that is chosen."""
    names, ranking = comparison.names, comparison.ranking
    options = (element("option", title(name, ranking), value=name) for name in names)
    choice = element("select", *options, id="measure", aria_label="Measure")
    yield element("p", "Measure ", choice, class_="choice", hidden=True)
    records: list[list[Cell]] = []
    for name in names:
        against = _reference(comparison, name)
        others = [group for group in comparison.groups if group is not against]
        found = [difference(group, against, name, ranking) for group in others]
        yield _panel(name, ranking, against, others, found)
        for group, one in zip(others, found, strict=True):
            bounds = one.interval or (None, None)
            records.append(
                [name, group.label, against.label, one.pairs, one.mean, *bounds]
            )
    columns = ("measure", "group", "against", "pairs", "difference", "low", "high")
    link = files.table("differences", columns, records)
    yield element("p", _CAUTION, link, class_="remark")


def verdict(found: Difference, name: str, ranking: Ranking) -> str:
    """What a difference says, in words."""
    if found.interval is None:
        return "too few pairs to tell" if found.pairs else "no shared seed"
    low, high = found.interval
    if low <= 0 <= high:
        return "no difference can be told"
    where = ranking.get(name)
    if where is None:
        return "differs"
    return "better" if (found.mean > 0) == (where == "highest") else "worse"


def summarise(comparison: Comparison) -> Markup:
    """The answer in a sentence or two, by the key measure."""
    name, ranking = comparison.names[0], comparison.ranking
    winners = best(comparison.groups, name, ranking)
    if not winners:
        reason = "" if name in ranking else ": it is not known which way is better"
        sentence = f"No group is best by {text.words(name)}{reason}."
        return element("p", sentence, class_="answer")
    winner = winners[0]
    span = text.mean_and_sd(*mean_and_sd(values(winner, name)))
    seeds = len(values(winner, name))
    others = [group for group in comparison.groups if group is not winner]
    found = (difference(group, winner, name, ranking) for group in others)
    verdicts = [verdict(one, name, ranking) for one in found]
    apart = sum(words in ("better", "worse") for words in verdicts)
    return element(
        "p",
        "Best by ",
        text.words(name),
        ": ",
        element("strong", winner.label),
        f", {span} over {text.counted(seeds, 'seed')}. ",
        f"Seed by seed it can be told from {apart} of "
        f"{text.counted(len(others), 'other group')}.",
        class_="answer",
    )


def _reference(comparison: Comparison, name: str) -> Group:
    """The group that the others are compared with: the best if any, or the first."""
    winners = best(comparison.groups, name, comparison.ranking)
    return (winners or comparison.groups)[0]


def _panel(
    name: str,
    ranking: Ranking,
    against: Group,
    others: list[Group],
    found: list[Difference],
) -> Markup:
    on_log = ranking.get(name) == "one"
    quantity = f"|log {text.words(name)}|" if on_log else text.words(name)
    rows = [
        [name_group(group, group.label), *_cells(one), verdict(one, name, ranking)]
        for group, one in zip(others, found, strict=True)
    ]
    columns = ("group", "mean difference", "95 % interval", "pairs", "verdict")
    return element(
        "div",
        element(
            "p",
            join(quantity, " of each group minus that of "),
            element("strong", against.label),
        ),
        grid(columns, rows),
        class_="versus",
        data_measure=name,
    )


def _cells(found: Difference) -> tuple[str, str, str]:
    if not found.pairs:
        return text.ABSENT, text.ABSENT, "0"
    low, high = map(text.number, found.interval or (0.0, 0.0))
    interval = f"{low}\u00a0to\u00a0{high}" if found.interval else text.ABSENT
    return text.number(found.mean), interval, str(found.pairs)
