"""Becomes a run: `python start.py PARENT CORE,CORE,... COMMAND...`.

It is a program of its own, as a fork that prepares itself is not safe beside threads.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def main(parent: str, cores: str, *command: str) -> None:
    """Ties this process to its launcher and its cores, and runs `python COMMAND`.

    On Linux it is asked to save and end when the launcher dies. No cores means all.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit("the launcher died before the run began")
    if cores:
        os.sched_setaffinity(0, map(int, cores.split(",")))
    os.execv(sys.executable, [sys.executable, *command])


if __name__ == "__main__":
    main(*sys.argv[1:])
