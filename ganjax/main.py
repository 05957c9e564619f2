"""Trains, evaluates or samples one run of an experiment.

python -m ganjax.main --config=FILE.py[:ARGUMENT] --workdir=RUN [--config.KEY=VALUE ...]

Exit codes: 0 done; 2 bad usage, config or data; 3 diverged; 75 stopped after saving,
run the same command again to resume; 1 a bug.
"""
# The docstring is what --help prints; this file is flags only, and imports jax late.

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from absl import app, flags, logging

from ganjax.config import ConfigError, load
from ganjax.validation import validate

_CONFIG = flags.DEFINE_string(
    "config",
    None,
    "Experiment file, its argument behind a colon: experiments/ring.py:wasserstein. "
    "--config.KEY=VALUE sets one of its values.",
)
_WORKDIR = flags.DEFINE_string(
    "workdir", None, "Run folder. The same command on the same folder resumes."
)
_MODE = flags.DEFINE_enum(
    "mode",
    "train",
    ["train", "evaluate", "sample", "check"],
    "train: train or resume; evaluate: write evaluation.json; sample: write "
    "samples/final.npz and a picture; check: check the config and stop.",
)
_COORDINATOR = flags.DEFINE_string(
    "coordinator_address", None, "host:port of process 0, for several processes."
)
_PROCESSES = flags.DEFINE_integer(
    "num_processes", 1, "Processes that train this run together.", lower_bound=1
)
_PROCESS = flags.DEFINE_integer(
    "process_id", 0, "Which of them this one is.", lower_bound=0
)

_USAGE = 2  # exit code of bad usage, config or data

_overrides: list[str] = []


def _parse(argv: Sequence[str]) -> list[str]:
    """Parses the flags; `--config.key=value` are kept for the config's own types."""
    prefixes = ("--config.", "-config.")
    _overrides.extend(
        text.partition(".")[2] for text in argv if text.startswith(prefixes)
    )
    try:
        rest = flags.FLAGS([text for text in argv if not text.startswith(prefixes)])
    except flags.Error as error:
        _fail(error)
    except SystemExit:
        sys.exit(0)  # absl ends --help with 1
    if len(rest) > 1:
        _fail(f"{rest[1]!r} is not a flag; write --name=value")
    return rest


def _fail(error: object) -> NoReturn:
    print("ganjax: error:", " ".join(str(error).split()), file=sys.stderr)
    sys.exit(_USAGE)


def _main(argv: Sequence[str]) -> None:
    del argv
    if not flags.FLAGS["verbosity"].present:
        logging.set_verbosity(logging.WARNING)  # orbax tells of every file
    if not _CONFIG.value:
        _fail("--config is missing; write --config=experiments/ring.py")
    try:
        config = validate(load(_CONFIG.value, _overrides))
        if _MODE.value == "check":
            print(f"{_CONFIG.value}: good")
            return
        if not _WORKDIR.value:
            _fail("--workdir is missing; write --workdir=runs/NAME")
        from ganjax import train

        if _PROCESSES.value > 1 or _PROCESS.value or _COORDINATOR.value:
            train.join(_COORDINATOR.value, _PROCESSES.value, _PROCESS.value)
        sys.exit(train.run(config, Path(_WORKDIR.value), _MODE.value))
    except ConfigError as error:
        _fail(error)


if __name__ == "__main__":
    app.run(_main, flags_parser=_parse)
