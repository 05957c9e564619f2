"""What an experiment's study made of its runs, as parts of the page."""

from __future__ import annotations

import base64
import io
import re
import shlex
from collections.abc import Iterator, Sequence
from os.path import isfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax import study
from ganjax.config import experiment, ranks
from ganjax.record.png import png_bytes
from ganjax.report import text
from ganjax.report.document import grid, missing
from ganjax.report.files import Files
from ganjax.report.film import ENLARGED_BELOW
from ganjax.report.markup import Markup, element
from ganjax.report.sweeps import Sweep
from ganjax.study import PALETTE, Cell, Figure, Run, Table

_MAX_SVG = 400_000  # bytes; a larger figure is shown as pixels
_NO_METADATA = dict.fromkeys(("Creator", "Date", "Format", "Type"))
_SHARPNESS = 192  # pixels per inch, two for each of the page


class Study(NamedTuple):
    """Parts of the page, and what went wrong in one line or ""."""

    parts: list[Markup]
    problem: str


def make_study(
    sweep: Sweep, runs: Sequence[Run], files: Files, *, run_study: bool
) -> Study | None:
    """Runs the study of an experiment file; None where the file defines none.

    A file that is not the one that was launched is left out, unless `run_study`.
    """
    location = sweep.experiment
    path = experiment.split(location)[0]
    if not isfile(path):
        sentence = f"There is no file {path} here, so its study is not shown."
        return Study([missing(sentence)], "")
    if not run_study and (doubt := _doubt(path, sweep)):
        again = shlex.join(["python", "-m", "ganjax.report", str(sweep.folder)])
        reason = f"{doubt}, so its study is left out; to run it: {again}"
        return Study([_problem(f"{reason} --run_study")], f"{reason} --run_study")
    parts: list[Markup] = []
    try:
        with study.style():
            items = experiment.study(location, runs)
            if items is None:
                return None
            if not runs:
                return Study([missing("No run is done and evaluated yet.")], "")
            for number, item in enumerate(items):
                parts.append(_shown(item, f"study-{number}-", files))
    except experiment.ConfigError as error:
        return Study([*parts, _problem(str(error))], str(error))
    except OSError:
        raise  # a file of ours: the study's own are ConfigErrors
    except Exception as error:
        # Matplotlib says only when it draws what it cannot draw.
        reason = f"{path}: study: {' '.join(str(error).split())}"
        return Study([*parts, _problem(reason)], reason)
    return Study(parts or [missing("The study gave nothing.")], "")


def _doubt(path: str, sweep: Sweep) -> str:
    """Why a file that `sweep.json` names is not run: who reads a page runs nothing."""
    if not sweep.experiment_hash:
        return f"sweep.json does not say what {path} was when it was launched"
    if experiment.file_hash(path) != sweep.experiment_hash:
        return f"{path} is not the file that was launched"
    if Path(path).resolve().is_relative_to(sweep.folder.resolve()):
        return f"{path} lies in the sweep folder, and may have come with it"
    return ""


def _problem(reason: str) -> Markup:
    return element("p", reason, class_="message failed")


def _shown(item: Any, prefix: str, files: Files) -> Markup:
    item = study.check(item)
    if isinstance(item, Table):
        columns, rows = item.columns, item.rows
        cells = [[_cell(cell) for cell in row] for row in rows]
        link, body = files.table(item.title, columns, rows), grid(columns, cells)
        remarks = [item.note, ranks.remark(columns)]
    else:
        link, body = _figure(item, prefix, files)
        remarks = [item.note]
    return element(
        "figure",
        element("figcaption", element("h3", item.title), link),
        body,
        *(element("p", words, class_="remark") for words in filter(None, remarks)),
        class_="item",
    )


def _cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int | np.integer):
        return text.count(int(cell))
    return "NaN" if np.isnan(cell) else text.number(float(cell))


def _figure(figure: Figure, prefix: str, files: Files) -> tuple[Markup, Markup]:
    if isinstance(figure.image, np.ndarray):
        png = png_bytes(figure.image)
        height, width = figure.image.shape[:2]
        return files.link(figure.title, "png", png), _pixels(figure, png, width, height)
    width, height = (round(96 * size) for size in figure.image.get_size_inches())
    stream = io.BytesIO()
    figure.image.savefig(stream, format="svg", metadata=_NO_METADATA)
    svg = stream.getvalue()
    if len(svg) <= _MAX_SVG:
        link = files.link(figure.title, "svg", svg)
        return link, _inline(svg.decode(), figure.title, prefix, width)
    stream = io.BytesIO()
    metadata = {"Software": None}
    figure.image.savefig(
        stream, format="png", dpi=_SHARPNESS, facecolor="white", metadata=metadata
    )
    png = stream.getvalue()
    return files.link(figure.title, "png", png), _pixels(figure, png, width, height)


def _pixels(figure: Figure, png: bytes, width: int, height: int) -> Markup:
    enlarged = width < ENLARGED_BELOW
    return element(
        "img",
        class_="large pixels" if enlarged else "large",
        src=f"data:image/png;base64,{base64.b64encode(png).decode()}",
        width=width,
        height=height,
        alt=figure.title,
    )


def _inline(svg: str, title: str, prefix: str, width: int) -> Markup:
    """An SVG of matplotlib as a part of the page, in the page's own colours.

    Ids get a prefix, as those of two figures are alike. In some places black is
    written as the lack of a colour, so the whole is filled with ink.
    """
    body = svg[svg.index("<svg") :]
    box = re.search(r'viewBox="([^"]+)"', body)
    assert box is not None
    body = body[body.index(">") + 1 : body.rindex("</svg>")]
    # The style sheet, which would hold for the whole page, is in page.css.
    body = re.sub(
        r"<!--.*?-->|<style.*?</style>|<metadata>.*?</metadata>",
        "",
        body,
        flags=re.DOTALL,
    )
    body = re.sub(r'\bid="', f'id="{prefix}', body)
    body = body.replace('href="#', f'href="#{prefix}').replace(
        "url(#", f"url(#{prefix}"
    )
    for colour, name in _page_colours():
        body = body.replace(colour, name)
    svg_element = element(
        "svg",
        Markup(body),
        viewBox=box[1],
        role="img",
        aria_label=title,
        fill="currentColor",
        style=f"width: {width}px; min-width: {width * 7 // 10}px",
    )
    # On a phone a figure shrinks as far as its lettering can be read, then scrolls.
    return element("div", svg_element, class_="plot")


def _page_colours() -> Iterator[tuple[str, str]]:
    yield "#000000", "currentColor"
    for index, colour in enumerate(PALETTE):
        yield colour, f"var(--series-{index})"
