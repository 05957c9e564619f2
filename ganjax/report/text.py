"""How numbers and names read on the page."""

from __future__ import annotations

import json
import math
import shlex
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

_THIN_SPACE = "\u202f"
_MINUS = "\N{MINUS SIGN}"
ABSENT = "\N{EN DASH}"  # in place of a missing value
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def words(name: str) -> str:
    """A metric or measure as words: `gradient_norm` reads "gradient norm"."""
    return name.replace("_", " ")


def heading(name: str) -> str:
    """A metric or measure as a heading, its own capitals kept."""
    return words(name[:1].upper() + name[1:])


def signed(digits: str) -> str:
    """A number's digits with a true minus sign."""
    return digits.replace("-", _MINUS)


def count(value: int) -> str:
    """An integer with its thousands apart."""
    return signed(f"{value:,}".replace(",", _THIN_SPACE))


def counted(value: int, noun: str) -> str:
    """How many there are of something: "1 key", "2 keys"."""
    return f"{count(value)} {noun}{'s' * (value != 1)}"


def power_of_ten(exponent: int) -> str:
    """The text of 10 to the `exponent`."""
    return "10" + str(exponent).translate(_SUPERSCRIPTS)


def number(value: float) -> str:
    """A number to four significant digits."""
    if not math.isfinite(value):
        return "non-finite"
    if value == int(value) and abs(value) < 1e7:
        return count(int(value))
    if 1e-3 <= abs(value) < 1e5:
        return signed(f"{value:.4g}")
    mantissa, exponent = f"{value:.3e}".split("e")
    mantissa = signed(mantissa.rstrip("0").rstrip("."))
    return f"{mantissa}·{power_of_ten(int(exponent))}"


def mean_and_sd(mean: float, sd: float) -> str:
    """A mean and its standard deviation, both to two digits of the latter.

    There is no deviation where it is NaN, that of a lone value.
    """
    if not math.isfinite(sd):
        return number(mean)
    decimals = 1 - math.floor(math.log10(sd)) if sd > 0 else 0
    if sd == 0 or not 0 <= decimals <= 6 or abs(mean) >= 1e5:
        return f"{number(mean)}\u00a0±\u00a0{number(sd)}"
    return signed(f"{mean:.{decimals}f}\u00a0±\u00a0{sd:.{decimals}f}")


def duration(seconds: float) -> str:
    """A time span in its two largest units."""
    if not math.isfinite(seconds):
        return "unknown"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 24:
        return f"{hours // 24} d {hours % 24} h"
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def value(entry: Any) -> str:
    """A JSON value in one line: a string as it is, the rest as JSON writes it."""
    if isinstance(entry, str):
        return entry
    if isinstance(entry, list) and all(isinstance(item, str) for item in entry):
        return ", ".join(entry)
    return json.dumps(entry, ensure_ascii=False)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The leaves of nested dicts under dotted keys; an empty dict is a leaf."""
    for key, entry in tree.items():
        if isinstance(entry, Mapping) and entry:
            yield from flatten(entry, f"{prefix}{key}.")
        else:
            yield prefix + key, entry


def measure(entry: Any) -> str:
    """A measured JSON value: a number to four digits, null as non-finite."""
    if entry is None:
        return "non-finite"
    if isinstance(entry, int | float) and not isinstance(entry, bool):
        return number(entry)
    return value(entry)


def moment(iso: str) -> str:
    """A time stamp of ISO 8601 in UTC, to the minute; any other text as it is."""
    try:
        when = datetime.fromisoformat(iso)
    except ValueError:
        return iso
    if when.tzinfo is None:
        return iso
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")


def shell(command: str) -> str:
    """A shell command with a line per option, ready to be pasted."""
    try:
        parts = shlex.split(command)
    except ValueError:
        return command
    return "".join(
        (" \\\n    " if part.startswith("--") else " ") + shlex.quote(part)
        for part in parts
    ).strip()
