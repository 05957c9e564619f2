"""The command line: `python -m ganjax.report RUN [--output=report.html]`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from absl import app, flags

from ganjax import report

_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write; report.html in the run folder unless given."
)


def main(arguments: Sequence[str]) -> int:
    """Writes one page; returns the exit code."""
    runs = arguments[1:]
    if not runs:
        return _refuse("name a run folder: python -m ganjax.report RUN")
    if len(runs) > 1:
        return _refuse(f"one run folder at a time, not {len(runs)}: {' '.join(runs)}")
    try:
        path = report.write(runs[0], _OUTPUT.value or None)
    except report.RunError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.filename2 or error.filename}: {error.strerror}")
    print(path)
    return 0


def _parse(arguments: Sequence[str]) -> list[str]:
    try:
        return list(flags.FLAGS(arguments))
    except flags.Error as error:
        sys.exit(_refuse(str(error)))


def _refuse(reason: str) -> int:
    print(f"ganjax.report: {reason}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    app.run(main, flags_parser=_parse)
