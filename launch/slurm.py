"""Slurm: a job array for a sweep, each task of it under `srun`.

Written against Slurm 22.05 and its commands alone, as some clusters keep no accounts:
what has ended is not asked of it.
"""

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from ganjax.config.experiment import ConfigError
from launch.backend import Array, Scheduler, SchedulerError, Task
from launch.options import Option, Table
from launch.programs import run

OPTIONS: Table = {
    "partition": Option("", "Partition."),
    "account": Option("", "Account that is charged."),
    "qos": Option("", "Quality of service."),
    "time": Option("", "Limit of a task, such as 8:00:00; it is resumed after it."),
    "memory": Option("", "Memory of a node, such as 16G."),
    "constraint": Option("", "Features that nodes must have."),
    "gres": Option("", "Generic resources of a node, such as gpu:1."),
    "cpus": Option(0, "Cores of a process; 0 leaves it to Slurm."),
    "nodes": Option(1, "Nodes that train a run together."),
    "processes": Option(1, "Processes on each of them, one for each GPU."),
    "warning": Option(120, "Seconds before its limit that a task saves and ends."),
    "modules": Option((), "Modules to load."),
    "setup": Option((), "Lines of shell before the training."),
    "sbatch": Option((), "Further options of sbatch, such as --exclusive."),
    "python": Option("", "Python of the tasks; that of the launcher unless given."),
}

_GONE = "Invalid job id specified"
_ELSEWHERE = re.compile(r"-M|--clusters?\b")
_FIELD = 40  # columns of what squeue says of a job


class Slurm:
    """A `Scheduler`; `options` are checked by `OPTIONS`.

    Raises:
      ConfigError: one that Slurm cannot take.
    """

    most = 1000  # tasks of an array: MaxArraySize is 1001 unless a site changes it

    def __init__(self, options: Mapping[str, Any]) -> None:
        for key in ("nodes", "processes"):
            if not options[key]:
                raise ConfigError(f"--options.{key}: must be 1 at least")
        for line in options["sbatch"]:
            if _ELSEWHERE.match(line):
                what = f"{line!r} names a cluster, of which squeue is not asked"
                raise ConfigError(f"--options.sbatch: {what}")
        self._options = options
        self.processes: int = options["nodes"] * options["processes"]

    def render(self, array: Array) -> str:
        """The batch script."""
        options, own = self._options, self._own(array)
        python = shlex.quote(options["python"] or sys.executable)
        words = shlex.join(array.words)
        cores = f"--cpus-per-task={options['cpus']} " if options["cpus"] else ""
        return "\n".join(
            [
                "#!/bin/bash",
                *(f"#SBATCH {line}" for line in options["sbatch"]),
                *(f"#SBATCH --{k}={shlex.quote(x)}" for k, x in own.items()),
                "#SBATCH --requeue",
                *(f"module load {shlex.quote(name)}" for name in options["modules"]),
                *options["setup"],
                # Only what runs under srun is told before it is ended.
                f"srun {cores}--kill-on-bad-exit=1 {python} {words}"
                ' "$SLURM_ARRAY_TASK_ID"',
                "code=$?",
                f'if {python} {words} --ended=$code "$SLURM_ARRAY_TASK_ID"; then',
                # The job number of the last task is that of the array.
                '  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"',
                "fi",
                "exit $code",
                "",
            ]
        )

    def _own(self, array: Array) -> dict[str, str]:
        """The options of sbatch that are not the user's own lines."""
        options = self._options
        some = f"%{array.at_once}" if array.at_once else ""
        output = str(array.folder / "logs" / array.name).replace("%", "%%")
        given = {
            "job-name": array.name,
            "array": f"0-{array.size - 1}{some}",
            "chdir": str(array.cwd),
            "output": f"{output}-%a.slurm",
            "open-mode": "append",
            "signal": f"USR1@{options['warning']}",
            "nodes": str(options["nodes"]),
            "ntasks-per-node": str(options["processes"]),
            "cpus-per-task": str(options["cpus"] or ""),
            "partition": options["partition"],
            "account": options["account"],
            "qos": options["qos"],
            "time": options["time"],
            "mem": options["memory"],
            "constraint": options["constraint"],
            "gres": options["gres"],
        }
        return {key: x for key, x in given.items() if x}

    def submit(self, array: Array, held: int) -> str:
        """Gives the script to sbatch; returns the number of the job."""
        # Variables such as SBATCH_JOB_NAME go before the script, and these before them.
        own = [f"--{key}={x}" for key, x in self._own(array).items()]
        command = ["sbatch", "--parsable", "--requeue", *own]
        said = _call(command, text=self.render(array), kept=[held])
        return said.strip().partition(";")[0]  # the cluster's name may come behind it

    def find(self, name: str) -> str | None:
        """By the name of the job."""
        said = _call(["squeue", "-h", "-t", "all", f"--name={name}", "-o", "%F"])
        return next(iter(said.split()), None)

    def ask(self, key: str) -> Mapping[int, Task]:
        """By squeue, which forgets a job some minutes after its end."""
        fields = ",".join(
            f"{name}:{_FIELD}" for name in ("ArrayTaskID", "State", "Reason")
        )
        try:
            said = _call(["squeue", "-h", "-r", "-j", key, "-O", fields])
        except SchedulerError as error:
            if _GONE in str(error):
                return {}
            raise
        tasks = {}
        for line in said.splitlines():
            index, state, why = (
                line[i : i + _FIELD].strip() for i in range(0, 3 * _FIELD, _FIELD)
            )
            if not index.isdecimal():
                raise SchedulerError(f"squeue says {line!r}")
            if state == "PENDING":
                tasks[int(index)] = Task("queued", "" if why == "None" else why)
            else:  # or configuring, suspended, completing
                tasks[int(index)] = Task("running", "")
        return tasks

    def cancel(self, key: str, *, now: bool = False) -> None:
        """Takes the waiting ones away, and lets the steps of the others save."""
        ways = [[]] if now else [["--state=PENDING"], ["--signal=TERM"]]
        for how in ways:
            try:
                _call(["scancel", *how, key])
            except SchedulerError as error:
                if _GONE not in str(error):  # all have ended, perhaps just now
                    raise


def open_scheduler(options: Mapping[str, Any]) -> Scheduler:
    """Slurm with these options."""
    return Slurm(options)


def _call(command: Sequence[str], text: str = "", kept: Sequence[int] = ()) -> str:
    """What a command of Slurm says; raises `SchedulerError` where it fails."""
    environment = _plain(os.environ)
    done = run(command, text=text, kept=kept, environment=environment)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        said = re.sub(rf"^{command[0]}: (error: )?", "", lines[-1])
        raise SchedulerError(f"{command[0]}: {said}")
    return done.stdout


def _plain(environment: Mapping[str, str]) -> dict[str, str]:
    """Without what would change what is asked or whom, and the job around this one."""
    own = ("SQUEUE_", "SCANCEL_", "SLURM_", "SBATCH_CLUSTERS")
    return {
        key: value
        for key, value in environment.items()
        if key == "SLURM_CONF" or not key.startswith(own)
    }
