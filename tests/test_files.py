"""Where files of data sets are looked for, and how they are downloaded."""

import contextlib
import errno
import hashlib
import os
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ganjax.data import DataError
from ganjax.data.files import find_files

CONTENTS = {"a.gz": b"the first", "b.gz": b"the second" * 100}
SUMS = {file: hashlib.sha256(data).hexdigest() for file, data in CONTENTS.items()}


class Server(ThreadingHTTPServer):
    """Serves `contents` by name, and notes what it was asked for."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.contents = dict(CONTENTS)
        self.cut = 0  # bytes announced and never sent
        self.asked = []
        self.url = f"http://127.0.0.1:{self.server_port}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        file = self.path.removeprefix("/")
        self.server.asked.append(file)
        if file not in self.server.contents:
            self.send_error(404)
            return
        content = self.server.contents[file]
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) + self.server.cut))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server():
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    """The data set's folder of an empty cache; no $GANJAX_DATA and no proxy."""
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    monkeypatch.delenv("GANJAX_DATA", raising=False)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "ganjax" / "toy"


def find(server, directory=""):
    return find_files("toy", SUMS, directory=directory, url=server.url)


def fails(server, **keywords):
    with pytest.raises(DataError) as caught:
        find(server, **keywords)
    line = str(caught.value)
    assert line.startswith("toy: ")
    assert "\n" not in line
    return line


def held(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def fill(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"the user's own")
    return folder


@pytest.mark.parametrize("names", [("a.gz", "b.gz"), ("a", "b"), ("a.gz", "b")])
def test_directory(names, server, tmp_path, capsys):
    own = fill(tmp_path / "own", *names)
    found = find(server, str(own))
    assert list(found) == ["a.gz", "b.gz"]
    assert list(found.values()) == [own / name for name in names]
    assert not server.asked
    assert capsys.readouterr() == ("", "")


def test_packed_file_is_preferred(server, tmp_path):
    own = fill(tmp_path / "own", "a", "a.gz", "b.gz")
    assert find(server, str(own))["a.gz"] == own / "a.gz"


def test_home_is_expanded(server, tmp_path, monkeypatch):
    own = fill(tmp_path / "home" / "toy", "a.gz", "b.gz")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    expected = {"a.gz": own / "a.gz", "b.gz": own / "b.gz"}
    assert find(server, "~/toy") == expected
    monkeypatch.setenv("GANJAX_DATA", "~")
    assert find(server) == expected


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (None, "is not a folder"),
        ((), "has no a.gz and no b.gz"),
        (("b",), "has no a.gz"),
        (("a.gz", "b.tgz"), "has no b.gz"),
    ],
)
def test_directory_without_the_files_is_not_passed_over(
    names, words, server, tmp_path, monkeypatch
):
    fill(tmp_path / "toy", "a.gz", "b.gz")
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path))
    own = tmp_path / "own"
    if names is not None:
        fill(own, *names)
    line = fails(server, directory=str(own))
    assert f"--config.data.directory={own} {words}; put a.gz and b.gz there" in line
    assert server.url in line
    assert not server.asked


def test_variable_comes_before_the_cache(server, tmp_path, monkeypatch):
    find(server)
    server.asked.clear()
    own = fill(tmp_path / "toy", "a", "b.gz")
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path))
    assert find(server) == {"a.gz": own / "a", "b.gz": own / "b.gz"}
    assert not server.asked


@pytest.mark.parametrize("value", ["", "nowhere", "partly"])
def test_variable_without_the_files_is_passed_over(
    value, server, cache, tmp_path, monkeypatch
):
    fill(tmp_path / "partly" / "toy", "a.gz")
    monkeypatch.setenv("GANJAX_DATA", value and str(tmp_path / value))
    assert find(server) == {file: cache / file for file in CONTENTS}


def test_download_once(server, cache, capsys):
    for _ in range(2):
        found = find(server)
        assert found == {file: cache / file for file in CONTENTS}
        assert {file: path.read_bytes() for file, path in found.items()} == CONTENTS
    assert server.asked == ["a.gz", "b.gz"]
    assert held(cache) == ["a.gz", "b.gz"]
    printed, said = capsys.readouterr()
    assert not printed
    assert said.splitlines() == [
        f"downloading {server.url}{file} ..." for file in CONTENTS
    ]


def test_damaged_file_in_the_cache_is_downloaded_again(server, cache):
    fill(cache, "a.gz")
    assert find(server)["a.gz"].read_bytes() == CONTENTS["a.gz"]


def wrong_sum(server):
    server.contents["b.gz"] = b"the sceond" * 100


def cut(server):
    server.cut = 10


def missing(server):
    del server.contents["b.gz"]


def closed(server):
    # A port that nobody listens on.
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as other:
        server.url = f"http://127.0.0.1:{other.server_port}/"


MISHAPS = [
    # The file that fails first, and what is said of it.
    (wrong_sum, "b.gz", "SHA256 hash of downloaded file (b.gz) does not match"),
    (cut, "a.gz", "IncompleteRead(9 bytes read, 10 more expected)"),
    (missing, "b.gz", "404 Client Error: Not Found"),
    (closed, "a.gz", f"[Errno {errno.ECONNREFUSED}]"),
]


@pytest.mark.parametrize(
    ("mishap", "file", "words"),
    MISHAPS,
    ids=[case[0].__name__ for case in MISHAPS],
)
def test_failed_download(mishap, file, words, server, cache):
    good_url = server.url
    mishap(server)
    line = fails(server)
    assert f"cannot download {file} from {server.url} to {cache}: {words}" in line
    assert "$GANJAX_DATA is not set; put a.gz and b.gz into a folder and name" in line
    assert "--config.data.directory, or into $GANJAX_DATA/toy" in line
    # What came before is kept; of what failed nothing is.
    assert held(cache) == [other for other in CONTENTS if other < file]

    server.contents, server.cut, server.url = dict(CONTENTS), 0, good_url
    server.asked.clear()
    found = find(server)
    assert {file: path.read_bytes() for file, path in found.items()} == CONTENTS
    assert server.asked == [other for other in CONTENTS if other >= file]
    assert held(cache) == ["a.gz", "b.gz"]


def test_failed_download_names_the_folder_of_the_variable(
    server, tmp_path, monkeypatch
):
    own = fill(tmp_path / "toy", "a.gz")
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path))
    missing(server)
    assert f"$GANJAX_DATA/toy ({own}) has no b.gz; put" in fails(server)
    monkeypatch.setenv("GANJAX_DATA", str(tmp_path / "x"))
    where = tmp_path / "x" / "toy"
    assert f"$GANJAX_DATA/toy ({where}) is not a folder; put" in fails(server)


def refuse(number):
    def refused(*arguments, **keywords):
        raise OSError(number, os.strerror(number), str(keywords.get("dir", "folder")))

    return refused


@contextlib.contextmanager
def read_only(monkeypatch, number=errno.EACCES):
    """No new file or folder; permissions would not stop root, who may run this."""
    with monkeypatch.context() as patch:
        patch.setattr(os, "makedirs", refuse(number))
        patch.setattr(tempfile, "NamedTemporaryFile", refuse(number))
        yield


@pytest.mark.parametrize("made", [True, False], ids=["made", "not-made"])
@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_cache_that_cannot_be_written(made, number, server, cache, monkeypatch):
    if made:
        cache.mkdir(parents=True)
    with read_only(monkeypatch, number):
        line = fails(server)
    where = f"cannot download a.gz from {server.url} to {cache}"
    assert f"{where}: [Errno {number}]" in line
    assert "--config.data.directory" in line
    assert not server.asked
    find(server)


def test_cache_that_is_a_file(server, cache):
    cache.parent.mkdir(parents=True)
    cache.write_text("")
    assert f"to {cache}: [Errno" in fails(server)


def test_full_cache_need_not_be_written(server, cache, monkeypatch):
    find(server)
    with read_only(monkeypatch):
        assert find(server) == {file: cache / file for file in CONTENTS}
