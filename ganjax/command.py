"""What the command lines share: flags, `--config.KEY=VALUE`, errors of one line."""

import sys
from collections.abc import Sequence
from typing import NoReturn

from absl import flags, logging

USAGE = 2  # exit code of bad usage, config or data

_PREFIXES = ("--config.", "-config.")


def parse(program: str, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Parses the flags; returns the words that are none, and the config's overrides.

    Overrides are kept as they are, "KEY=VALUE": the config knows their types. Ends the
    process with `USAGE` for a bad flag, and with 0 after --help.
    """
    overrides = [x.partition(".")[2] for x in argv if x.startswith(_PREFIXES)]
    try:
        words = flags.FLAGS([x for x in argv if not x.startswith(_PREFIXES)])
    except flags.Error as error:
        fail(program, error)
    except SystemExit:
        sys.exit(0)  # absl ends --help with 1
    return words[1:], overrides


def quiet() -> None:
    """Keeps libraries from logging each thing they do, unless --verbosity is given."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)


def fail(program: str, error: object, *, code: int = USAGE) -> NoReturn:
    """Says an error in one line and ends the process."""
    print(f"{program}: error:", " ".join(str(error).split()), file=sys.stderr)
    sys.exit(code)
