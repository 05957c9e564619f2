"""Whether a folder may hold a run: it is new, or that very run's. No jax."""

from pathlib import Path

from ganjax.config import ConfigError, schema
from ganjax.config.program import Program, check_same_source
from ganjax.config.validation import check_resumable
from ganjax.record import lock
from ganjax.record.files import is_temporary, read_json


def check_run(program: Program, folder: Path, mode: str) -> None:
    """Checks that `folder` is, or to train may become, the run of this program.

    Raises:
      ConfigError: it is another's, or no run's; or it cannot be read.
    """
    try:
        _check(program, folder, mode)
        if mode == "train":
            check_same_source(program, folder)
    except OSError as error:
        raise ConfigError(f"--workdir: {folder}: {error}") from error


def _check(program: Program, folder: Path, mode: str) -> None:
    written = folder / "config.json"
    if not written.exists():
        if mode != "train":
            raise ConfigError(f"--workdir: {folder} is not a run folder; train first")
        # A kill during the first write leaves the lock and a temporary file.
        foreign = not folder.is_dir() or any(
            path.name != lock.RUN and not is_temporary(path)
            for path in folder.iterdir()
        )
        if folder.exists() and foreign:
            raise ConfigError(f"--workdir: {folder} exists and is not a run folder")
        return
    try:
        check_resumable(read_json(written), program.config, program.catalogue)
    except ConfigError as error:
        way = f"to look at it change no key but {', '.join(schema.RESUMABLE)}"
        if mode == "train":
            way = (
                "choose another folder, which may begin from this state by "
                f"--init_from={folder}"
            )
        raise ConfigError(
            f"--workdir: {folder} holds another run: {error}; {way}"
        ) from error
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"--workdir: {written} is damaged: {error}") from error
