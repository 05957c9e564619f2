"""What the command lines share: flags, `--config.KEY=VALUE`, output, errors."""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, NoReturn

from absl import app, flags, logging

from ganjax.command.exits import Exit
from ganjax.config import schema
from ganjax.config.experiment import ConfigError
from ganjax.config.faults import blame, is_of_machine

_LONGEST = 1_000  # characters of a message


class _Output:
    """Standard output, whose loss ends no work: it is said once, and all else dropped.

    Nothing is said of a reader that has closed, as `head` does.
    """

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self._lost = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._try(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._stream.flush)

    def _try(self, act: Callable[[], Any]) -> None:
        if self._lost:
            return
        try:
            act()
        except OSError as error:
            self._lost = True
            # Python writes what is left in the buffer when it ends.
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, self._stream.fileno())
            os.close(null)
            if not isinstance(error, BrokenPipeError):
                print(f"standard output: {error.strerror}", file=sys.stderr)


def start(main: Callable[..., Any], parser: Callable[..., list[str]]) -> None:
    """Runs a command, whatever its standard streams are, and ends the process.

    Its exit code is that of its work, though standard output be closed or full.
    """
    # Otherwise the next files that are opened would be taken for standard streams.
    while (free := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(free, True)
    os.close(free)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8")
    if sys.stdout is None:
        print("standard output: closed", file=sys.stderr)
        sys.stdout = os.fdopen(1, "w", encoding="utf-8")
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    sys.stdout = _Output(sys.stdout)
    try:
        app.run(main, flags_parser=parser)
    finally:
        sys.stdout.flush()


def check_folder(path: str) -> None:
    """Checks that a path can be that of a run or sweep folder.

    Raises:
      ConfigError: it is a file, too long, or not UTF-8, as checkpoints must be.
      MachineError: the machine fails to say.
    """
    try:
        path.encode()
        if not os.path.isdir(path) and os.path.lexists(path):
            raise ConfigError(f"--workdir: {path} exists and is not a folder")
        os.stat(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise blame(error, f"--workdir: {path}: {error.strerror}") from error
    except UnicodeEncodeError as error:
        why = "is not UTF-8, which checkpoints need"
        with suppress(UnicodeDecodeError):
            os.fsencode(path).decode()
            why = "is not ASCII, as the locale is; PYTHONUTF8=1 lets it be"
        raise ConfigError(f"--workdir: {path} {why}") from error


def _hint(error: flags.Error) -> str:
    """A hint at the key of the config that an unknown flag was meant for."""
    name = getattr(error, "flagname", "")
    return f"; write --config.{name}=VALUE" if name in schema.RUN else ""


def dotted(argv: Sequence[str], name: str) -> tuple[list[str], list[str]]:
    """What follows --NAME. in the words that begin so, and the other words."""
    prefixes = (f"--{name}.", f"-{name}.")
    given = [x.partition(".")[2] for x in argv if x.startswith(prefixes)]
    return given, [x for x in argv if not x.startswith(prefixes)]


def parse(program: str, argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Parses the flags; returns all other words, and the config's overrides.

    Overrides are kept as they are, "KEY=VALUE": the config knows their types. Ends the
    process with `Exit.REFUSED` for a bad flag, and with 0 after --help.
    """
    overrides, others = dotted(argv, "config")
    try:
        words = flags.FLAGS(others)
    except flags.Error as error:
        fail(program, f"{error}{_hint(error)}")
    except SystemExit:
        sys.exit(Exit.DONE)  # absl ends --help with 1
    return words[1:], overrides


def quiet() -> None:
    """Keeps libraries from logging each thing they do, unless --verbosity is given."""
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)


def one_line(message: object) -> str:
    """A message without line breaks and control characters, the middle cut if long."""
    words = " ".join(str(message).split())
    if len(words) > _LONGEST:
        words = f"{words[: _LONGEST // 2]} ... {words[-_LONGEST // 2 :]}"
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in words)


def fail(program: str, error: object, *, code: Exit | None = None) -> NoReturn:
    """Says an error in one line and ends the process.

    Where no `code` is given it is 1 for an error of the machine, else 2.
    """
    print(f"{program}: error:", one_line(error), file=sys.stderr)
    if code is None:
        code = Exit.FAILED if is_of_machine(error) else Exit.REFUSED
    sys.exit(code)
