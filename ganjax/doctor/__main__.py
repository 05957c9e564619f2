"""Says what this machine gives to trainings, and whether it is what ganjax promises.

python -m ganjax.doctor [--json=FILE] [--workdir=FOLDER]

For a new machine, before anything else: a minute or two, most of it to compile. Exit
codes: 0 all is as promised; 1 something is not, and a line says what mends it; 2 bad
usage; 75 stopped by a signal.
"""

from ganjax.command.stopping import StopRequest

_STOP = StopRequest()
if __name__ == "__main__":
    _STOP.install()  # before the imports, which take a while

import os
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from absl import flags

from ganjax.command.line import check_folder, fail, parse, quiet, start
from ganjax.config import ConfigError
from ganjax.doctor.sizes import Sizes
from ganjax.training.devices import be_patient, share_cores

_JSON = flags.DEFINE_string("json", None, "File to which the table is written too.")
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Empty or new folder in which its tiny runs stay."
)

_DEVICES = 2  # at most, that a CPU is shared out to

_fail = partial(fail, "ganjax.doctor")


def _main(argv: Sequence[str]) -> None:
    del argv
    quiet()
    file = Path(_JSON.value) if _JSON.value else None
    folder = Path(_WORKDIR.value) if _WORKDIR.value else None
    try:
        _check(file, folder)
        code = _examine(file, folder)
    except (ConfigError, OSError) as error:
        _fail(error)
    sys.exit(code)


def _check(file: Path | None, folder: Path | None) -> None:
    if file and (file.is_dir() or not file.absolute().parent.is_dir()):
        _fail(f"--json: {file} must be a file in a folder that is there")
    if folder:
        check_folder(str(folder))
        if folder.is_dir() and any(folder.iterdir()):
            _fail(f"--workdir: {folder} is not empty; name a new folder")


def _examine(file: Path | None, folder: Path | None) -> int:
    share_cores(os.environ, _DEVICES)
    be_patient(os.environ)
    # Each of two runs that are compared is compiled by itself.
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    from ganjax.doctor.examination import examine, report

    with TemporaryDirectory(prefix="ganjax-doctor-") as apart:
        _STOP.last_words = partial(shutil.rmtree, apart)
        return report(examine(folder or Path(apart), Sizes()), file)


def _parse(argv: Sequence[str]) -> list[str]:
    words, overrides = parse("ganjax.doctor", argv)
    if words or overrides:
        given = words[0] if words else f"--config.{overrides[0]}"
        _fail(f"{given!r} is not a flag of it; write --json=FILE or --workdir=FOLDER")
    return [argv[0]]


if __name__ == "__main__":
    start(_main, _parse)
