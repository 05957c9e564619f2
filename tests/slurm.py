"""A Slurm of one node for tests: the real daemons, on this machine's loopback.

Its node has four CPUs whatever the machine has, so that tasks of an array run side by
side; the two minutes for which Slurm holds back a job that was requeued are a few
seconds here. Each test finds it up and without jobs, and whatever a test leaves there
is gone before the next.
"""

import os
import secrets
import socket
import subprocess
from collections.abc import Callable
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from processes import PATIENCE, lasting, wait_for

_USER = str(os.geteuid())
_PATH = f"{os.environ['PATH']}:/usr/sbin"  # of the daemons, which not all users see
_CONTROLLER = ("slurmctld", "-D", "-c")  # -c: forget all jobs

# A machine without cgroups, systemd, mail and accounting; its users are one.
_CONFIGURATION = """
ClusterName=tests
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
MailProg=/bin/true
MpiDefault=none
ReturnToService=2
JobRequeue=1
KillWait=120
MessageTimeout=3
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
NodeName=localhost NodeAddr=127.0.0.1 CPUs=4 State=UNKNOWN
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
PartitionName=tests Nodes=localhost Default=YES MaxTime=60 State=UP GraceTime=60
PartitionName=urgent Nodes=localhost MaxTime=60 State=UP PriorityTier=9
"""


class Slurm:
    """The daemons, and how to talk to them.

    Attributes:
      environment: of this process, with SLURM_CONF; for commands that a test starts.
      folder: of its files, the daemons' logs among them.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        path = folder / "slurm.conf"
        self.environment = os.environ | {"SLURM_CONF": str(path)}
        key = folder / "munge.key"
        key.touch(mode=0o600)
        key.write_bytes(secrets.token_bytes(1024))
        for name in ("state", "spool"):
            (folder / name).mkdir()
        with socket.socket() as one, socket.socket() as other:
            for probe in (one, other):
                probe.bind(("127.0.0.1", 0))
            ports = [probe.getsockname()[1] for probe in (one, other)]
        path.write_text(
            _CONFIGURATION.format(
                folder=folder,
                user=_USER,
                controller_port=ports[0],
                node_port=ports[1],
            )
        )
        self._controller: subprocess.Popen | None = None
        self._others: list[subprocess.Popen] = []

    def __enter__(self) -> "Slurm":
        files = ("key-file", "socket", "pid-file", "log-file", "seed-file")
        options = [f"--{x}={self.folder}/munge.{x.split('-')[0]}" for x in files]
        with ExitStack() as unless_it_works:
            unless_it_works.push(self.__exit__)
            munged = self._start("munged", "--foreground", "--force", *options)
            self._others.append(munged)
            wait_for((self.folder / "munge.socket").exists, munged)
            self._controller = self._start(*_CONTROLLER)
            self._others.append(self._start("slurmd", "-D", "-N", "localhost"))
            self._wait_for_node()
            unless_it_works.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop_controller()
        while self._others:
            _end(self._others.pop())  # munged last

    def start_controller(self) -> None:
        """Starts a slurmctld that knows no job, unless one is up."""
        if self._controller is None:
            self._controller = self._start(*_CONTROLLER)
            self._wait_for_node()

    def stop_controller(self) -> None:
        """Stops slurmctld: commands fail until it is started again."""
        if self._controller is not None:
            _end(self._controller)
            self._controller = None

    def run(self, *words: str, **options: object) -> str:
        """What a command prints, without the last newline; fails where it does.

        `options` are those of `subprocess.run`.
        """
        options = {"env": self.environment, "timeout": PATIENCE, **options}
        done = subprocess.run(words, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout.rstrip("\n")

    def submit(self, *words: str, **options: object) -> str:
        """Hands a job to sbatch; returns its number."""
        return self.run("sbatch", "--parsable", *words, **options)

    def states(self, job: str) -> dict[str, str]:
        """The state of a job, or of each task of an array, by its number."""
        lines = self.run("squeue", "-h", "-r", "-t", "all", "-j", job, "-o", "%i %T")
        return dict(line.split() for line in lines.splitlines())

    def wait(self, job: str, *states: str) -> None:
        """Waits until a job, or each task of an array, is in one of these states."""
        self._wait_for(lambda: {*self.states(job).values()} <= {*states})

    def clear(self) -> None:
        """Ends all jobs, and waits until none of their processes is left."""
        self.start_controller()
        self.run("scancel", "--full", "--signal=KILL", "--user", _USER)
        self.run("scancel", "--user", _USER)
        self._wait_for(lambda: not self.run("squeue", "-h"))

    def _wait_for_node(self) -> None:
        command = ("sinfo", "-h", "-o", "%t")
        options = {"env": self.environment, "capture_output": True}

        def is_idle() -> bool:
            done = subprocess.run(command, **options, timeout=PATIENCE)
            return done.stdout == b"idle\n"

        self._wait_for(is_idle)

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        try:
            wait_for(condition, self._controller)
        except AssertionError as error:
            logs = sorted(self.folder.glob("*.out"))
            raise AssertionError("\n".join(x.read_text() for x in logs)) from error

    def _start(self, *words: str) -> subprocess.Popen:
        # It outlives a test, but not this process, however that ends.
        with open(self.folder / f"{words[0]}.out", "ab") as log:
            return subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=lasting(self.environment) | {"PATH": _PATH},
            )


def _end(process: subprocess.Popen) -> None:
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(20)
    process.kill()
    process.wait(PATIENCE)


@pytest.fixture(scope="session")
def slurm_daemons(tmp_path_factory):
    with Slurm(tmp_path_factory.mktemp("slurm")) as daemons:
        yield daemons


@pytest.fixture
def slurm(slurm_daemons):
    """The Slurm of this session, without jobs before and after."""
    slurm_daemons.clear()
    yield slurm_daemons
    slurm_daemons.clear()
