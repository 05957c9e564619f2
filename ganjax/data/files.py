"""Files of published data sets: in a folder of the user's, or downloaded once."""

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

FEWEST = 6  # images: measures of samples take five neighbours of each


class DataError(Exception):
    """Data that is missing or damaged, said in one line."""


def find_files(
    name: str, files: Mapping[str, str], *, directory: str, url: str
) -> dict[str, Path]:
    """Where the files of a data set are, by their published names.

    Looks in `directory` alone if one is given; otherwise in `$GANJAX_DATA/name`, and
    then in the user's cache, into which it downloads what is missing. In a folder of
    the user's a file may be unpacked, without its `.gz`, and may be a subset: only what
    is downloaded must have the published sum.

    Args:
      name: of the data set.
      files: SHA-256 sums by file name.
      directory: "" for none.
      url: where the files are published; ends with a slash.

    Raises:
      DataError: a file is not there and cannot be downloaded.
    """
    found, advice = find_own(name, files, directory=directory, url=url)
    return found or _cached(name, files, url, advice)


def find_own(
    name: str, files: Mapping[str, str], *, directory: str, url: str
) -> tuple[dict[str, Path], str]:
    """As `find_files`, but nothing is downloaded.

    Returns:
      Where the files are; or that none is there, and how to put them there.

    Raises:
      DataError: `directory` lacks a file.
    """
    wanted = " and ".join(files)
    if directory:
        found, lack = _look(directory, files)
        if lack:
            raise DataError(
                f"{name}: --config.data.directory={directory} {lack}; put {wanted} "
                f"there, or leave the directory out to have them from {url}"
            )
        return found, ""
    looked = "$GANJAX_DATA is not set"
    if root := os.environ.get("GANJAX_DATA"):
        folder = os.path.join(root, name)
        found, lack = _look(folder, files)
        if not lack:
            return found, ""
        looked = f"$GANJAX_DATA/{name} ({folder}) {lack}"
    advice = (
        f"{looked}; put {wanted} into a folder and name it by --config.data.directory, "
        f"or into $GANJAX_DATA/{name}"
    )
    return {}, advice


def _look(folder: str, files: Iterable[str]) -> tuple[dict[str, Path], str]:
    """The files that a folder of the user's holds, and in words what it lacks."""
    own = os.path.expanduser(folder)
    found = {}
    for file in files:
        for spelling in (file, file.removesuffix(".gz")):
            path = os.path.join(own, spelling)
            # Not Path.is_file, which raises where the folder may not be entered.
            if os.path.isfile(path):
                found[file] = Path(path)
                break
    if not os.path.isdir(own):
        return found, "is not a folder"
    missing = [file for file in files if file not in found]
    return found, f"has no {' and no '.join(missing)}" if missing else ""


def _cached(
    name: str, files: Mapping[str, str], url: str, advice: str
) -> dict[str, Path]:
    """The files in the user's cache, into which missing ones are downloaded."""
    import pooch

    cache = pooch.os_cache("ganjax") / name
    # Streamed, the connection of a refused request would stay open.
    fetch = pooch.HTTPDownloader(stream=False, timeout=30)

    def announced(address: str, *arguments: Any) -> None:
        print(f"downloading {address} ...", file=sys.stderr, flush=True)
        fetch(address, *arguments)

    pooch.get_logger().setLevel("WARNING")
    found = {}
    for file, sha256 in files.items():
        try:
            found[file] = Path(
                pooch.retrieve(url + file, sha256, file, cache, downloader=announced)
            )
        except (OSError, ValueError) as error:  # those of requests are OSErrors
            raise DataError(
                f"{name}: cannot download {file} from {url} to {cache}: "
                f"{_root(error)}; {advice}"
            ) from error
    return found


def _root(error: BaseException) -> str:
    """What went wrong, without what each layer of the network library made of it."""
    while error.__context__ is not None:
        error = error.__context__
    return " ".join(str(error).split()).removesuffix(".")
