"""Copies the experiments that come with ganjax, to be run, read and changed.

python -m ganjax.copy_experiments [FOLDER]

They are written into FOLDER, `experiments` unless given, which must not hold any of
them. Exit codes: 0 done; 2 bad usage, or a file that is there already.
"""
# An installed package has no folder `experiments` beside it; a checkout needs no copy.

import shlex
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ganjax.command.line import fail, parse, start

_fail = partial(fail, "ganjax.copy_experiments")


def find() -> list[Path]:
    """The experiment files of this installation or checkout, sorted by name."""
    package = Path(__file__).parent
    for folder in (package / "_experiments", package.parent / "experiments"):
        if files := sorted(folder.glob("*.py")):
            return files
    return []


def copy(folder: Path) -> list[Path]:
    """Copies all of them into `folder`; returns the copies.

    Raises:
      FileExistsError: one of them is there already; then none is copied.
      OSError: the folder cannot be made or written.
    """
    targets = {file: folder / file.name for file in find()}
    there = [target for target in targets.values() if target.exists()]
    if there:
        raise FileExistsError(f"{there[0]} is there already; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copyfile(file, target)) for file, target in targets.items()]


def _parse(argv: Sequence[str]) -> list[str]:
    words, overrides = parse("ganjax.copy_experiments", argv)
    if overrides or len(words) > 1:
        _fail("write python -m ganjax.copy_experiments [FOLDER]")
    return [argv[0], *words]


def _main(argv: Sequence[str]) -> None:
    folder = Path(argv[1] if len(argv) > 1 else "experiments")
    try:
        copies = copy(folder)
    except OSError as error:
        _fail(error)
    print(f"{folder}: {len(copies)} experiments; to train the first one:")
    flags = (f"--config={folder / 'ring.py'}", "--workdir=runs/ring")
    print(shlex.join(["python", "-m", "ganjax.main", *flags]))


if __name__ == "__main__":
    start(_main, _parse)
