"""An array as Kubernetes takes it: pure data, from the array and the options alone.

Runs of one host are the indexes of one Indexed Job. A run of several hosts is a JobSet
of its own, as one that fails must not take the others with it.
"""

from collections.abc import Mapping
from typing import Any

from ganjax.command.exits import Exit
from ganjax.config.experiment import ConfigError
from launch.backend import Array
from launch.kubernetes_pod import template

ARRAY = "ganjax-array"  # the label of all that an array consists of
TASK = "ganjax-task"  # and of what belongs to one task, where that is not the index
INDEX = "batch.kubernetes.io/job-completion-index"

# 128 and a signal: SIGUSR1 and SIGTERM, where they came before or after the training.
# SIGKILL is not among them, as it is what ends a run that wants too much memory.
_FREE = [int(Exit.STOPPED), 138, 143]
_FINAL = [int(Exit.REFUSED), int(Exit.DIVERGED)]

_PORT = 29500  # of process 0, in a pod of its own
_WEEK = 7 * 24 * 60 * 60  # that what has ended is kept to be looked at


def manifests(array: Array, options: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The Job of an array or, for runs over several hosts, its JobSets, last to first.

    Handed over in this order, the first task is there only where all are.

    Raises:
      ConfigError: the sweep folder is not on the volume; or a number of runs at a time
        is given where nothing could keep to it.
    """
    if not array.folder.is_relative_to(options["mount"]):
        raise ConfigError(
            f"--workdir: {array.folder} is not under --options.mount="
            f"{options['mount']}, where the claim is mounted here and in the pods"
        )
    if options["hosts"] == 1:
        return [_job(array, options)]
    if array.at_once:
        raise ConfigError(
            "--max_parallel: how many runs of several hosts run at a time, only a "
            "queue of Kueue can say; write --options.queue=NAME instead"
        )
    return [_job_set(array, options, number) for number in reversed(range(array.size))]


def _job(array: Array, options: Mapping[str, Any]) -> dict[str, Any]:
    labels = {ARRAY: array.name}
    rules = [
        _rule("Ignore", onPodConditions=_disrupted()),
        _rule("Ignore", onExitCodes=_in(_FREE)),
        _rule("FailIndex", onExitCodes=_in(_FINAL)),
    ]
    spec = {
        "completions": array.size,
        "parallelism": array.at_once or array.size,
        "backoffLimitPerIndex": array.retries,
        "ttlSecondsAfterFinished": _WEEK,
        **_job_spec(options, rules),
        "template": template(array, options, labels, "$(JOB_COMPLETION_INDEX)", {}),
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": _metadata(array.name, labels, options),
        "spec": spec | _suspended(options),
    }


def _job_set(array: Array, options: Mapping[str, Any], number: int) -> dict[str, Any]:
    name = f"{array.name}-{number}"
    labels = {ARRAY: array.name, TASK: str(number)}
    # The three rules are told apart by where they stand, as all fail the Job alike.
    rules = [
        _rule("FailJob", onPodConditions=_disrupted()),
        _rule("FailJob", onExitCodes=_in(_FREE)),
        _rule("FailJob", onExitCodes=_in(_FINAL)),
    ]
    peers = {
        "GANJAX_COORDINATOR": f"{name}-run-0-0.{name}:{_PORT}",
        "GANJAX_PROCESSES": str(options["hosts"]),
    }
    job = {
        "completions": options["hosts"],
        "parallelism": options["hosts"],
        "backoffLimit": 0,
        **_job_spec(options, rules),
        "template": template(array, options, labels, str(number), peers),
    }
    spec = {
        "replicatedJobs": [{"name": "run", "replicas": 1, "template": {"spec": job}}],
        "failurePolicy": _failure_policy(array.retries),
        "network": {"enableDNSHostnames": True, "publishNotReadyAddresses": True},
        "ttlSecondsAfterFinished": _WEEK,
    }
    metadata = _metadata(name, labels, options)
    if options["tpus"]:  # all hosts of a run in one slice
        key = "alpha.jobset.sigs.k8s.io/exclusive-topology"
        metadata["annotations"] = {key: "cloud.google.com/gke-nodepool"}
    return {
        "apiVersion": "jobset.x-k8s.io/v1alpha2",
        "kind": "JobSet",
        "metadata": metadata,
        "spec": spec | _suspended(options),
    }


def _failure_policy(retries: int) -> dict[str, Any]:
    """Restarts all hosts of a run together; a failure without a rule counts."""
    return {
        "maxRestarts": retries,
        "restartStrategy": "BlockingRecreate",  # two pods must not share a run folder
        "rules": [
            {
                "name": "stopped",
                "action": "RestartJobSetAndIgnoreMaxRestarts",
                "onJobFailureReasons": ["PodFailurePolicy"],
                "onJobFailureMessagePatterns": ["FailJob rule at index [01]$"],
            },
            {
                "name": "ended",
                "action": "FailJobSet",
                "onJobFailureReasons": ["PodFailurePolicy", "DeadlineExceeded"],
            },
        ],
    }


def _job_spec(
    options: Mapping[str, Any], rules: list[dict[str, Any]]
) -> dict[str, Any]:
    """What a Job has in either case."""
    deadline = options["deadline"]
    return {
        "completionMode": "Indexed",
        "podReplacementPolicy": "Failed",  # two pods must not share a run folder
        "podFailurePolicy": {"rules": rules},
        **({"activeDeadlineSeconds": deadline} if deadline else {}),
    }


def _rule(action: str, **when: Any) -> dict[str, Any]:
    return {"action": action, **when}


def _disrupted() -> list[dict[str, str]]:
    return [{"type": "DisruptionTarget", "status": "True"}]


def _in(codes: list[int]) -> dict[str, Any]:
    return {"operator": "In", "values": codes}


def _metadata(
    name: str, labels: Mapping[str, str], options: Mapping[str, Any]
) -> dict[str, Any]:
    queue = options["queue"]
    queued = {"kueue.x-k8s.io/queue-name": queue} if queue else {}
    return {"name": name, "labels": {**labels, **queued}}


def _suspended(options: Mapping[str, Any]) -> dict[str, Any]:
    """Kueue starts what is handed over suspended."""
    return {"suspend": True} if options["queue"] else {}
