"""Writes the page of a run, or the comparison page of a sweep or of several runs.

python -m ganjax.report RUN [--output=FILE]
python -m ganjax.report SWEEP [--output=FILE] [--run_study]
python -m ganjax.report RUN RUN ... --output=FILE

Exit codes: 0 done; 2 bad usage, or a folder or file that cannot be read whole.
"""

from __future__ import annotations

from ganjax.command.stopping import StopRequest

if __name__ == "__main__":
    StopRequest().install()  # before the imports, which take a while

import sys
from collections.abc import Sequence
from pathlib import Path

from absl import flags

from ganjax import report
from ganjax.command.exits import Exit
from ganjax.command.line import fail, one_line, parse, quiet, start

_OUTPUT = flags.DEFINE_string(
    "output", None, "File to write; report.html in the folder unless given."
)
_RUN_STUDY = flags.DEFINE_bool(
    "run_study",
    False,
    "Run the study of the file that sweep.json names, though it is not the file that "
    "was launched.",
)


def main(arguments: Sequence[str]) -> int:
    """Writes one page; returns the exit code."""
    quiet()
    folders = arguments[1:]
    if not folders:
        return _refuse("name a run folder: python -m ganjax.report RUN")
    try:
        return _write(folders, _OUTPUT.value or None)
    except report.RunError as error:
        return _refuse(str(error))
    except OSError as error:
        # A full disk does not say which file it was.
        path = error.filename2 or error.filename or _OUTPUT.value or folders[0]
        return _refuse(f"{path}: {error.strerror}")


def _write(folders: Sequence[str], output: str | None) -> int:
    path = Path(output) if output else Path(folders[0], "report.html")
    if len(folders) > 1:
        if output is None:
            return _refuse("several runs need --output=FILE.html")
        problem = report.write_comparison(folders, path)
    elif report.is_sweep(folders[0]):
        problem = report.write_sweep(folders[0], path, run_study=_RUN_STUDY.value)
    else:
        run = report.read_run(Path(folders[0]))
        report.write_run(run, path)
        problem = "\n".join(run.problems)
    print(path)
    for line in problem.splitlines():
        _refuse(line)
    return Exit.REFUSED if problem else Exit.DONE


def _parse(arguments: Sequence[str]) -> list[str]:
    words, overrides = parse("ganjax.report", arguments)
    if overrides:
        fail("ganjax.report", "--config is of no use to a page; name the folder alone")
    return [arguments[0], *words]


def _refuse(reason: str) -> int:
    print(f"ganjax.report: {one_line(reason)}", file=sys.stderr)
    return Exit.REFUSED


if __name__ == "__main__":
    start(main, _parse)
