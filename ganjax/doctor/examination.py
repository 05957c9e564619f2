"""All that the doctor looks at, one check after another, and what it says."""

import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ganjax.command.exits import Exit
from ganjax.command.line import one_line
from ganjax.doctor import forms, layouts, machine, products, runs
from ganjax.doctor.row import HEAD, Row, document, line
from ganjax.doctor.sizes import Sizes
from ganjax.record.files import now, write_json

Check = Callable[[], Iterable[Row]]


def examine(folder: Path, sizes: Sizes) -> Iterator[Row]:
    """The rows of all checks, as they come; tiny runs are trained in `folder`.

    A check that fails altogether is a row of its own, and the others go on.
    """
    checks: dict[str, Check] = {
        "versions": machine.versions,
        "devices": machine.devices,
        "flags": machine.flags,
        "folders": machine.folders,
        "precision": products.precision,
        "runs": partial(runs.bits, folder, sizes),
        "layouts": partial(layouts.layouts, sizes),
        "packs": partial(layouts.packs, sizes),
        "convolutions": partial(forms.convolutions, sizes),
        "products": partial(products.shares, sizes),
    }
    for name, check in checks.items():
        try:
            yield from check()
        except Exception as error:
            words = one_line(f"{type(error).__name__}: {error}")
            mend = "the message says why; the other rows do not depend on it"
            yield Row(name, words, "can be done", False, mend)


def report(rows: Iterable[Row], file: Path | None = None) -> Exit:
    """Prints a table, and what is not as promised; returns the exit code.

    Args:
      rows: are printed as they come.
      file: to which they are written as JSON, once all are there.
    """
    found = []
    print(line(HEAD))
    for row in rows:
        print(line(row), flush=True)
        found.append(row)
    if file:
        write_json(file, {"written": now(), **document(found)})
    for row in found:
        if not row.ok:
            words = f"{row.what}: {row.value}, not {row.promised}; {row.mend}"
            print("ganjax.doctor:", words, file=sys.stderr)
    return Exit.DONE if all(row.ok for row in found) else Exit.FAILED
