"""What the commands share: messages of one line, folders, lost standard output."""

import subprocess
import sys

import pytest

from ganjax.command.line import check_folder, one_line
from ganjax.config.experiment import ConfigError

PRINTS = """
from absl import flags
from ganjax.command.line import start

def main(argv):
    print("a name \\udcff")

start(main, flags.FLAGS)
"""


def run(redirection, **env):
    words = [sys.executable, "-c", PRINTS]
    shell = ["sh", "-c", f'exec "$@" {redirection}', "sh", *words]
    return subprocess.run(shell, capture_output=True, timeout=60, env=env or None)


def test_messages_are_one_short_printable_line():
    assert one_line("a\n b\x1b[1m\udcff") == r"a b\x1b[1m\udcff"
    assert len(one_line("x" * 5000)) < 1100


@pytest.mark.parametrize(
    ("redirection", "words"),
    [
        (">&-", b"standard output: closed\n"),
        (">/dev/full", b"standard output: No space left on device\n"),
    ],
)
def test_lost_output_ends_no_work(redirection, words):
    done = run(redirection)
    assert (done.returncode, done.stderr) == (0, words)


def test_what_the_locale_has_no_letter_for_is_printed_by_number():
    done = run("", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stdout) == (0, b"a name \\udcff\n")


def test_folders_that_no_run_can_have(tmp_path):
    (tmp_path / "file").touch()
    check_folder(str(tmp_path))
    check_folder(str(tmp_path / "new"))
    for name, words in [
        ("file", "exists and is not a folder"),
        ("file/run", "Not a directory"),
        ("a" * 5000, "File name too long"),
        ("a\udcff", "is not UTF-8, which checkpoints need"),
        ("\udcc3\udcbc", "PYTHONUTF8=1"),
    ]:
        with pytest.raises(ConfigError, match=words):
            check_folder(str(tmp_path / name))
