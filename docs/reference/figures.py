"""The figure of a divergence: f, its conjugate as an envelope, and the activation.

The three panels share the point of equal densities, u = p / q = 1: there is the tangent
of f, whose slope t = f'(1) is where its line touches the envelope, and what g gives at
the threshold.
"""

import io
import json
import math
from typing import Any
from xml.etree import ElementTree

import jax.numpy as jnp
import numpy as np
from matplotlib import rc_context

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import builders
from ganjax.losses.f_divergence import Divergence
from ganjax.study import PALETTE, plot, style

# At which numbers a divergence is drawn that has any.
NUMBERS = {
    "weighted_jensen_shannon": {"pi": 0.3},
    "alpha_below_one": {"alpha": -0.5},
    "alpha_above_one": {"alpha": 1.5},
}

_CURVE, _EQUAL, _GREY = PALETTE[0], PALETTE[1], "#8a8f98"
_POINTS = 40
_TOUCHING = tuple(np.geomspace(1 / 3, 3, 7))  # densities u whose lines make the fan
_LETTERS: dict[Any, Any] = {
    "svg.fonttype": "none",  # as text, not as shapes: a third of the size
    "font.sans-serif": ["DejaVu Sans"],
}

Curves = dict[str, list[float]]


def built(name: str) -> Divergence:
    """The divergence of that name, at the numbers it is drawn at."""
    return builders(BUILT_IN, "divergence")[name](**NUMBERS.get(name, {}))


def curves(name: str) -> Curves:
    """All numbers that the figure of a divergence is drawn from, to four digits.

    Panels: "u" with "f"; "t" with "conjugate", and the "supremum" of t unless it is
    infinite; "v" with "g". Line i of the fan is slope_i t - height_i. "equal" is u = 1,
    with f, f', f* and the score there.
    """
    row, one = built(name), jnp.ones(())
    u = jnp.linspace(0.1, 4, _POINTS)  # 1, where a kink may be, is one of them
    # The line of u = 0, where there is one, makes the arm of the envelope that is flat.
    slopes = jnp.array([0, *_TOUCHING] if jnp.isfinite(row.f(0 * one)) else _TOUCHING)
    low, high = (float(row.optimal(jnp.array(_TOUCHING[end]))) for end in (0, -1))
    margin = 0.25 * (high - low)
    supremum = float(row.supremum)
    # Not the supremum itself, where f* may be infinite.
    t = jnp.linspace(
        low - margin, min(high + margin, supremum - 1e-3 * margin), _POINTS
    )
    v = row.threshold + jnp.linspace(-4, 4, _POINTS)
    slope = row.optimal(one)
    found = {
        "u": u,
        "f": row.f(u),
        "slope": slopes,
        "height": row.f(slopes),
        "t": t,
        "conjugate": row.conjugate(t),
        "supremum": [supremum] if math.isfinite(supremum) else [],
        "v": v,
        "g": row.real(v),
        "equal": [one, row.f(one), slope, row.conjugate(slope), row.threshold],
    }
    return {key: [_short(x) for x in np.asarray(x)] for key, x in found.items()}


def svg(name: str) -> bytes:
    """The figure as a file; its description holds the numbers, as JSON."""
    numbers = curves(name)
    with style(), rc_context(_LETTERS):
        figure = _drawn({key: np.array(x) for key, x in numbers.items()})
        stream = io.BytesIO()
        # White paper of its own: black ink would not show on a dark page.
        figure.savefig(
            stream,
            format="svg",
            facecolor="white",
            metadata={"Date": None, "Description": json.dumps(numbers)},
        )
    return stream.getvalue()


def shows(file: bytes, name: str) -> bool:
    """Whether a figure was drawn from the numbers that the code gives now."""
    (description,) = ElementTree.fromstring(file).iter(
        "{http://purl.org/dc/elements/1.1/}description"
    )
    drawn, numbers = json.loads(description.text or "{}"), curves(name)
    return drawn.keys() == numbers.keys() and all(
        len(drawn[key]) == len(x) and np.allclose(drawn[key], x, rtol=2e-3, atol=2e-3)
        for key, x in numbers.items()
    )


def _short(number: Any) -> float:
    return float(f"{float(number):.4g}")


def _drawn(data: dict[str, np.ndarray]) -> Any:
    figure, (left, middle, right) = plot(1, 3, width=3.2, height=2.8)
    one, f_there, slope, conjugate_there, threshold = data["equal"]
    marked: dict[str, Any] = {"color": _EQUAL, "marker": "o", "markersize": 5}

    for axes in (left, middle, right):
        axes.locator_params(nbins=6)
    ends = data["u"][[0, -1]]
    left.plot(ends, f_there + slope * (ends - one), color=_EQUAL)
    left.plot(data["u"], data["f"], color=_CURVE, linewidth=2.5)
    left.plot(one, f_there, **marked)
    left.set(title="f, and its tangent at u = 1", xlabel="u = p / q")
    left.set_ylim(*_limits(data["f"][data["u"] > 0.25]))

    ends = data["t"][[0, -1]]
    for each, height in zip(data["slope"], data["height"], strict=True):
        middle.plot(ends, each * ends - height, color=_GREY, linewidth=0.8)
    middle.plot(ends, one * ends - f_there, color=_EQUAL)
    middle.plot(data["t"], data["conjugate"], color=_CURVE, linewidth=2.5)
    middle.plot(slope, conjugate_there, **marked)
    middle.set(title="lines u t - f(u), and f* above them", xlabel="t")
    touched = data["t"] <= data["t"][0] + 0.9 * np.ptp(data["t"])
    middle.set_ylim(*_limits(data["conjugate"][touched]))

    right.plot(data["v"], data["g"], color=_CURVE, linewidth=2.5)
    right.plot(threshold, slope, **marked)
    right.set(title="activation g, f'(1) marked", xlabel="score v", ylabel="t = g(v)")
    right.set_ylim(*_limits(np.append(data["t"], data["supremum"])))

    for supremum in data["supremum"]:
        middle.axvline(supremum, color=_GREY, linestyle="--")
        right.axhline(supremum, color=_GREY, linestyle="--")
    return figure


def _limits(values: np.ndarray) -> tuple[float, float]:
    low, high = np.min(values), np.max(values)
    return low - 0.12 * (high - low), high + 0.12 * (high - low)
