"""Several processes of one run, as the environment of a scheduler tells them. No jax.

Nothing is guessed: a process is one of several only where its scheduler says so.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from ganjax.config.experiment import ConfigError

_STEP = (
    *("SLURM_JOB_ID", "SLURM_STEP_ID", "SLURM_STEP_NODELIST"),
    *("SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
)
_PORTS = range(61440, 65536)  # above those that Linux gives to outgoing connections
_STEPS = 16  # of a job that have ports of their own
_TPU_PORT = 8482


class Place(NamedTuple):
    """One of the `processes` that train a run together: the `number`-th from 0.

    They meet at `address`, HOST:PORT, of process 0.
    """

    address: str
    processes: int
    number: int


def find_peers(environ: Mapping[str, str]) -> Place | None:
    """Which of several processes this one is; None where nobody says there are several.

    Read are, the first that says it:

    - GANJAX_COORDINATOR, HOST:PORT of process 0, GANJAX_PROCESSES, how many there are,
      and JOB_COMPLETION_INDEX, which of them: of an indexed Job of Kubernetes;
    - what srun tells the tasks of a step. A batch script, srun -n1 and a login by ssh
      are no such tasks, whatever else of the job's environment they see;
    - TPU_WORKER_HOSTNAMES and TPU_WORKER_ID, of the hosts of a TPU slice.

    Raises:
      ConfigError: a variable is missing beside another, or holds no such thing.
    """
    return _job(environ) or _step(environ) or _slice(environ)


def find_devices(environ: Mapping[str, str]) -> tuple[int, ...] | None:
    """Which of the GPUs that a task of srun sees are its own; None is all of them.

    Slurm either shows each task its own, as by --gpus-per-task, or those of the node to
    all tasks there, as by --gres: then each takes its share. Where Slurm does not
    manage GPUs, and there are several tasks on a node, each takes one.

    Raises:
      ConfigError: there is no equal share of them for each task.
    """
    names = ("SLURM_STEP_ID", "SLURM_GTIDS", "SLURM_LOCALID")
    if not all(map(environ.get, names)) or environ.get("JAX_PLATFORMS") == "cpu":
        return None
    tasks, task = len(environ["SLURM_GTIDS"].split(",")), _int(environ, "SLURM_LOCALID")
    if tasks == 1:
        return None
    seen = environ.get("CUDA_VISIBLE_DEVICES") or environ.get("ROCR_VISIBLE_DEVICES")
    if not seen or "SLURM_GPUS_ON_NODE" not in environ:
        return (task,)
    gpus = len(seen.split(","))
    if gpus < _int(environ, "SLURM_GPUS_ON_NODE"):
        return None
    share, rest = divmod(gpus, tasks)
    if rest:
        raise ConfigError(
            f"srun: {tasks} tasks on a node have no equal shares of the {gpus} GPUs "
            "that they see; write --gpus-per-task=1, or --ntasks-per-node=1"
        )
    return tuple(range(task * share, (task + 1) * share))


def parse_address(name: str, address: str) -> tuple[str, int]:
    """The host and port of HOST:PORT.

    Raises:
      ConfigError: it is no such; `name` is what the message calls it.
    """
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ConfigError(f"{name}: write HOST:PORT, of process 0")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _job(environ: Mapping[str, str]) -> Place | None:
    if "GANJAX_COORDINATOR" not in environ:
        return None
    address = environ["GANJAX_COORDINATOR"]
    parse_address("GANJAX_COORDINATOR", address)
    count = _int(environ, "GANJAX_PROCESSES")
    return _place(address, count, environ, "JOB_COMPLETION_INDEX")


def _step(environ: Mapping[str, str]) -> Place | None:
    if not all(map(environ.get, _STEP)):
        return None
    # Steps of a job may share a node, and so do jobs with numbers in a row.
    chosen = _int(environ, "SLURM_JOB_ID") * _STEPS + _int(environ, "SLURM_STEP_ID")
    port = _PORTS[chosen % len(_PORTS)]
    address = f"{_first_host(environ['SLURM_STEP_NODELIST'])}:{port}"
    count = _int(environ, "SLURM_STEP_NUM_TASKS")
    return _place(address, count, environ, "SLURM_PROCID")


def _slice(environ: Mapping[str, str]) -> Place | None:
    hosts = [x for x in environ.get("TPU_WORKER_HOSTNAMES", "").split(",") if x]
    if "TPU_WORKER_ID" not in environ or len(hosts) < 2:
        return None
    if _int({"MEGASCALE_NUM_SLICES": "1", **environ}, "MEGASCALE_NUM_SLICES") > 1:
        raise ConfigError(
            "MEGASCALE_NUM_SLICES: of several TPU slices write --coordinator_address, "
            "--num_processes and --process_id"
        )
    return _place(f"{hosts[0]}:{_TPU_PORT}", len(hosts), environ, "TPU_WORKER_ID")


def _place(
    address: str, count: int, environ: Mapping[str, str], of_number: str
) -> Place | None:
    """None where there is one process only."""
    number = _int(environ, of_number)
    if number >= count:
        raise ConfigError(f"{of_number}: {number} must be below {count}")
    return Place(address, count, number) if count > 1 else None


def _int(environ: Mapping[str, str], name: str) -> int:
    value = environ.get(name, "")
    if not value.isdecimal():
        raise ConfigError(f"{name}: must be a number, not {value!r}")
    return int(value)


def _first_host(nodes: str) -> str:
    """Of hosts as Slurm writes them, such as rack[2,4]n[05-07],login."""
    first = re.match(r"(?:[^,\[]|\[[^\]]*\])*", nodes)
    assert first is not None  # it matches nothing at least
    return re.sub(r"\[([^\],-]*)[^\]]*\]", r"\1", first[0])
