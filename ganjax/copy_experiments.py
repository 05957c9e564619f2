"""Copies the experiments that come with ganjax, to be run, read and changed.

python -m ganjax.copy_experiments [FOLDER [NAME ...]]

They are written into FOLDER, `experiments` unless given, which must not hold any of
them: those that are named, such as ring, and what they build on, or all. Exit codes: 0
done; 1 the machine's fault, as by a full disk; 2 bad usage, or a file that is there.
"""

import shlex
import shutil
from collections.abc import Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from ganjax.command.line import fail, parse, start
from ganjax.config import ConfigError
from ganjax.config.experiment import files_of, run_file, shipped

_fail = partial(fail, "ganjax.copy_experiments")


def copy(folder: Path, names: Sequence[str] = ()) -> list[Path]:
    """Copies experiments into `folder`; returns the copies.

    Args:
      folder: is made if it is absent.
      names: of the experiments, with which go those that they import; all unless given.

    Raises:
      ConfigError: there is no experiment of that name.
      FileExistsError: one of the files is there already; then none is copied.
      OSError: the folder cannot be made or written.
    """
    known = shipped()
    for name in names:
        if name not in known:
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            raise ConfigError(f"there is no experiment {name}{hint}")
    files = {file for name in names for file in _needed(known[name])}
    targets = {file: folder / file.name for file in sorted(files or known.values())}
    there = [target for target in targets.values() if target.exists()]
    if there:
        raise FileExistsError(f"{there[0]} is there already; name another folder")
    folder.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copyfile(file, target)) for file, target in targets.items()]


def _needed(file: Path) -> list[Path]:
    """An experiment and those that it imports."""
    run_file(str(file))
    return files_of(str(file))


def _parse(argv: Sequence[str]) -> list[str]:
    words, overrides = parse("ganjax.copy_experiments", argv)
    if overrides:
        _fail("write python -m ganjax.copy_experiments [FOLDER [NAME ...]]")
    return [argv[0], *words]


def _main(argv: Sequence[str]) -> None:
    folder = Path(argv[1] if len(argv) > 1 else "experiments")
    try:
        copies = copy(folder, argv[2:])
    except (ConfigError, OSError) as error:
        _fail(error)
    print(f"{folder}: {len(copies)} experiments; to train one of them:")
    name = argv[2] if len(argv) > 2 else "ring"
    flags = (f"--config={folder / f'{name}.py'}", f"--workdir=runs/{name}")
    print(shlex.join(["python", "-m", "ganjax.main", *flags]))


if __name__ == "__main__":
    start(_main, _parse)
