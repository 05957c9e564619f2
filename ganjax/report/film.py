"""Sample pictures: the newest one large, beside a strip through the earlier ones."""

from __future__ import annotations

from ganjax.report import pictures, text
from ganjax.report.markup import Markup, element, join
from ganjax.report.pictures import Picture
from ganjax.study import Run

ENLARGED_BELOW = 400  # pixels; a smaller grid is enlarged without blurring

# What names do not tell of the pictures that runs draw.
_NOTES = {
    "nearest": "Each sample, and on its right the training image nearest to it.",
    "reconstruction": "Each original, and on its right its reconstruction.",
    "interpolation": "Along a straight line of latents; halfway is the middle column.",
    "chain": "From noise up the discriminator's score.",
    "map": "What is decoded where, of latents in the plane.",
    "codes": "Where images are encoded, by class: of either axis the middle 98 %.",
}


def make_films(run: Run) -> list[Markup]:
    """A figure per name of sample pictures; they share the page's budget evenly."""
    share = pictures.BUDGET // max(1, len(run.samples))
    loaded = {name: pictures.load(run.samples[name], share) for name in run.samples}
    return [_film(name, frames) for name, frames in loaded.items() if frames]


def _film(name: str, frames: list[Picture]) -> Markup:
    newest = frames[-1]
    label = text.words(name)
    caption = element(
        "figcaption",
        element("h3", text.heading(name)),
        element("span", "step ", element("output", text.count(newest.step))),
    )
    large = element(
        "img",
        class_="large pixels" if newest.width < ENLARGED_BELOW else "large",
        src=newest.uri,
        width=newest.width,
        height=newest.height,
        alt=_alt(label, newest.step),
    )
    strip = _strip(label, frames) if len(frames) > 1 else join()
    reel = element("div", large, strip, class_="reel")
    note = element("p", _NOTES[name], class_="remark") if name in _NOTES else join()
    return element("figure", caption, reel, note, class_="film")


def _strip(label: str, frames: list[Picture]) -> Markup:
    """The earlier pictures; page.js adds the newest one and brings it all to life."""
    newest = frames[-1]
    thumbnails = (
        element(
            "li",
            element(
                "button",
                element("img", src=frame.uri, alt=_alt(label, frame.step)),
                element("span", text.count(frame.step)),
                type="button",
            ),
        )
        for frame in frames[:-1]
    )
    slider = element(
        "input",
        type="range",
        min=0,
        max=len(frames) - 1,
        value=len(frames) - 1,
        hidden=True,
        aria_label=f"{label} over time",
    )
    reduced = any(frame.is_reduced for frame in frames)
    note = element("p", "Some pictures are reduced to fit the page.", class_="remark")
    return element(
        "div",
        slider,
        element("ol", *thumbnails),
        note if reduced else "",
        class_="strip",
        data_newest=text.count(newest.step),
    )


def _alt(label: str, step: int) -> str:
    return f"{label} at step {text.count(step)}"
