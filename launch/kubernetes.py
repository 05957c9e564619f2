"""Runs as pods of a Kubernetes cluster, by way of the program kubectl."""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from ganjax.command.line import one_line
from ganjax.config.experiment import ConfigError
from launch.backend import Array, Scheduler, SchedulerError, Task
from launch.kubernetes_manifest import ARRAY, manifests
from launch.kubernetes_rules import EFFECTS, QUANTITY, VALUE, problems
from launch.kubernetes_states import tasks
from launch.options import Option, Table
from launch.programs import run

OPTIONS: Table = {
    "image": Option("", "Container image with ganjax, and with python in its PATH."),
    "claim": Option("", "PersistentVolumeClaim that holds the sweep folder."),
    "mount": Option("", "Where that is mounted, here and in the pods."),
    "namespace": Option("", "Namespace; that of the context unless given."),
    "context": Option("", "Context of kubectl; the current one unless given."),
    "service_account": Option("", "Service account of the pods."),
    "user": Option("", "UID:GID of the processes; those of the image unless given."),
    "gpus": Option(0, "GPUs of a pod, nvidia.com/gpu."),
    "tpus": Option(0, "TPU chips of a pod, google.com/tpu."),
    "tpu_accelerator": Option("", "Kind of TPU, such as tpu-v5-lite-podslice."),
    "tpu_topology": Option("", "Topology of the slice, such as 2x4."),
    "cpu": Option("", "Cores that a pod asks for, such as 4 or 500m."),
    "memory": Option("", "Memory that a pod gets, such as 16Gi."),
    "hosts": Option(
        1, "Pods that train a run together; above 1, each run is a JobSet."
    ),
    "queue": Option("", "Local queue of Kueue, which then starts the runs."),
    "priority_class": Option("", "Priority class of the pods."),
    "node_selector": Option((), "KEY=VALUE, a label that nodes must have."),
    "tolerations": Option((), "KEY[=VALUE][:EFFECT], a taint that nodes may have."),
    "env": Option((), "NAME=VALUE, set in the pods."),
    "grace": Option(120, "Seconds to save and end in, before a pod is killed."),
    "deadline": Option(0, "Seconds after which an array is ended; 0 is never."),
}

_REQUIRED = ("image", "claim", "mount")

_NAME = r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?"
_KEY = f"([-a-z0-9.]+/)?{VALUE}"  # of a label or taint

# What an option must match, and that in words.
_FORMS = {
    "image": (r"\S+", "the name of an image"),
    "mount": (r"/[^:]*[^:/]", "an absolute path without : and without / at its end"),
    **dict.fromkeys(
        ("claim", "namespace", "service_account", "priority_class", "queue"),
        (_NAME, "a name of a to z, 0 to 9, - and ."),
    ),
    **dict.fromkeys(("tpu_accelerator", "tpu_topology"), (VALUE, "a label's value")),
    "user": (r"[0-9]+:[0-9]+", "UID:GID, as `id -u` and `id -g` print them"),
    "cpu": (QUANTITY, "a quantity such as 4 or 500m"),
    "memory": (QUANTITY, "a quantity such as 16Gi"),
    "node_selector": (f"{_KEY}=({VALUE})?", "KEY=VALUE"),
    "tolerations": (
        f"{_KEY}(=({VALUE})?)?(:({'|'.join(EFFECTS)}))?",
        f"KEY[=VALUE][:EFFECT], the effect one of {', '.join(EFFECTS)}",
    ),
    "env": (r"[A-Za-z_][A-Za-z0-9_]*=[\s\S]*", "NAME=VALUE"),
}

_REQUEST_SECONDS = 30  # of one request


class Kubernetes:
    """A `Scheduler`: an array is a Job or, with several hosts a run, a JobSet for each.

    `options` are checked by `OPTIONS`.

    Raises:
      ConfigError: an option is missing, or nothing that Kubernetes takes.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        _check(options)
        self._options = options
        self.processes: int = options["hosts"]
        several = self.processes > 1
        self._kind = "jobsets.jobset.x-k8s.io" if several else "jobs.batch"
        # An array is asked for as a whole, with all its pods.
        self.most = 100 if several else 1_000

    def render(self, array: Array) -> str:
        """What `kubectl create` is given, JSON for each object; asks nobody.

        Raises:
          ConfigError: the sweep folder is not under the mount; or --max_parallel is
            given where runs have several hosts.
        """
        objects = manifests(array, self._options)
        return "\n".join(json.dumps(one, indent=2) for one in objects)

    def submit(self, array: Array, held: int) -> str:
        """Hands it over; what is there already by its name stays as it is.

        Raises:
          ConfigError: as `render` does.
          SchedulerError: the cluster cannot be asked, or refuses; or would.
        """
        for one in manifests(array, self._options):
            for problem in problems(one):
                raise SchedulerError(f"Kubernetes would refuse {problem}")
        # An older cluster is to refuse the fields it does not know, not to drop them.
        words = ["create", "--validate=strict", "-o", "name", "-f", "-"]
        done = self._run(words, self.render(array), held)
        said = _errors(done.stderr)
        refused = [line for line in said if "(AlreadyExists)" not in line]
        if done.returncode and (refused or not said):
            raise _error(refused)
        return array.name

    def find(self, name: str) -> str | None:
        """The name itself, where the whole array was handed over and is there."""
        first = name if self.processes == 1 else f"{name}-0"
        flags = ("--ignore-not-found", "-o", "name")
        return name if self._call("get", self._kind, first, *flags).strip() else None

    def ask(self, key: str) -> Mapping[int, Task]:
        """The tasks of an array that have not ended, by number."""
        kinds = f"{self._kind},pods"
        text = self._call("get", kinds, f"--selector={ARRAY}={key}", "-o", "json")
        try:
            return tasks(json.loads(text)["items"])
        except (ValueError, KeyError) as error:
            said = f"kubectl: an answer that is none: {error!r}"
            raise SchedulerError(said) from error

    def cancel(self, key: str, *, now: bool = False) -> None:
        """Deletes it: the pods are asked to save and to end, or have a second to."""
        which = f"--selector={ARRAY}={key}"
        # Until the last pod has ended it is there still, marked as deleted.
        how = ("--cascade=foreground", "--wait=false")
        self._call("delete", self._kind, which, *how)
        if now:
            self._call("delete", "pods", which, "--now", "--wait=false")

    def _call(self, *words: str) -> str:
        done = self._run(words)
        if done.returncode:
            raise _error(_errors(done.stderr))
        return done.stdout

    def _run(
        self, words: Sequence[str], given: str = "", *kept: int
    ) -> subprocess.CompletedProcess[str]:
        where = {x: self._options[x] for x in ("context", "namespace")}
        flags = [f"--{name}={value}" for name, value in where.items() if value]
        limit = f"--request-timeout={_REQUEST_SECONDS}s"
        return run(["kubectl", limit, *flags, *words], text=given, kept=kept)


def open_scheduler(options: Mapping[str, Any]) -> Scheduler:
    """A cluster with these options.

    Raises:
      ConfigError: one is missing, or nothing that Kubernetes takes.
    """
    return Kubernetes(options)


def _check(options: Mapping[str, Any]) -> None:
    """Refuses what no cluster could take, by the name of the option."""
    for name in _REQUIRED:
        if not options[name]:
            raise ConfigError(f"--options.{name} is missing: {OPTIONS[name].help}")
    for name, (form, words) in _FORMS.items():
        value = options[name]
        for one in (value,) if isinstance(value, str) else value:
            if one and not re.fullmatch(form, one):
                raise ConfigError(f"--options.{name}: {one!r} is not {words}")
    if not options["hosts"]:
        raise ConfigError("--options.hosts: must be 1 at least")
    if options["gpus"] and options["tpus"]:
        raise ConfigError("--options.tpus: a pod has GPUs or TPUs, not both")
    slices = [bool(options[x]) for x in ("tpus", "tpu_accelerator", "tpu_topology")]
    if any(slices) and not all(slices):
        raise ConfigError(
            "--options.tpus: goes with --options.tpu_accelerator and "
            "--options.tpu_topology"
        )


def _errors(text: str) -> list[str]:
    """What kubectl said, without its log lines and warnings."""
    lines = [line.strip() for line in text.splitlines()]
    noise = re.compile(r"[EWIF]\d{4} |Warning: ")
    return [line for line in lines if line and not noise.match(line)]


def _error(lines: Sequence[str]) -> SchedulerError:
    words = " ".join(lines) or "it failed, and said nothing"
    # What is hinted at then is a flag of its own.
    words = words.removeprefix("error: ").partition("; if you choose to ignore")[0]
    return SchedulerError(one_line(f"kubectl: {words}"))
