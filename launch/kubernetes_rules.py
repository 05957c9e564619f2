"""What a Kubernetes cluster refuses though its schema allows it: a function of data.

The rules are those of the API server (validation of batch/v1 and of pods) and of the
webhook of JobSet (v1alpha2), for the fields that ganjax writes.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

VALUE = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"  # of a label
QUANTITY = r"[0-9]+(\.[0-9]+)?(m|[kMGTPE]|[KMGTPE]i)?"
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")  # of a taint

_LABEL = r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?"  # of DNS
_RULE_NAME = r"[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?"

_MOST_AT_ONCE = 100_000
_MOST_RULES = 20
_ACTIONS = ("FailJob", "FailIndex", "Ignore", "Count")
_SET_ACTIONS = ("FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts")
_REASONS = (
    *("BackoffLimitExceeded", "DeadlineExceeded", "FailedIndexes"),
    *("MaxFailedIndexesExceeded", "PodFailurePolicy"),
)
_INDEXED_ALONE = ("backoffLimitPerIndex", "maxFailedIndexes", "successPolicy")
_COUNTS = (
    *("completions", "parallelism", "backoffLimit", "backoffLimitPerIndex"),
    *("maxFailedIndexes", "activeDeadlineSeconds", "ttlSecondsAfterFinished"),
)

Object = Mapping[str, Any]


def problems(manifest: Object) -> list[str]:
    """What would be refused of a Job or JobSet, a line each, PATH: WHY."""
    return [*_metadata(manifest["metadata"]), *_KINDS[manifest["kind"]](manifest)]


def _metadata(metadata: Object, path: str = "metadata") -> Iterator[str]:
    for key, value in metadata.get("labels", {}).items():
        if not re.fullmatch(f"({VALUE})?", value):
            yield f"{path}.labels.{key}: {value!r} is no label's value"


def _job(manifest: Object) -> Iterator[str]:
    spec = manifest["spec"]
    name = manifest["metadata"]["name"]
    if not re.fullmatch(_LABEL, f"{name}-{max(spec.get('completions', 1) - 1, 0)}"):
        yield f"metadata.name: {name!r} and an index make no host name of 63 at most"
    yield from _job_spec(spec, "spec")


def _job_spec(spec: Object, path: str) -> Iterator[str]:
    for key in _COUNTS:
        if spec.get(key, 0) < 0:
            yield f"{path}.{key}: is below 0"
    if spec.get("completionMode") == "Indexed":
        if "completions" not in spec:
            yield f"{path}.completions: is missing, which Indexed needs"
        if spec.get("parallelism", 0) > _MOST_AT_ONCE:
            yield f"{path}.parallelism: is above {_MOST_AT_ONCE}"
    else:
        for key in _INDEXED_ALONE:
            if key in spec:
                yield f"{path}.{key}: needs completionMode Indexed"
    if "maxFailedIndexes" in spec:
        if "backoffLimitPerIndex" not in spec:
            yield f"{path}.maxFailedIndexes: needs backoffLimitPerIndex"
        if spec["maxFailedIndexes"] > spec.get("completions", 0):
            yield f"{path}.maxFailedIndexes: is above completions"
    pod = spec["template"]["spec"]
    if "podFailurePolicy" in spec:
        if pod.get("restartPolicy") != "Never":
            yield f"{path}.podFailurePolicy: needs restartPolicy Never"
        if spec.get("podReplacementPolicy", "Failed") != "Failed":
            yield f"{path}.podReplacementPolicy: must be Failed by podFailurePolicy"
        yield from _failure_rules(spec, f"{path}.podFailurePolicy.rules")
    template = f"{path}.template"
    yield from _metadata(spec["template"].get("metadata", {}), f"{template}.metadata")
    yield from _pod(pod, f"{template}.spec")


def _failure_rules(spec: Object, path: str) -> Iterator[str]:
    rules = spec["podFailurePolicy"]["rules"]
    names = {x["name"] for x in spec["template"]["spec"]["containers"]}
    if len(rules) > _MOST_RULES:
        yield f"{path}: are more than {_MOST_RULES}"
    for index, rule in enumerate(rules):
        here = f"{path}[{index}]"
        if rule["action"] not in _ACTIONS:
            yield f"{here}.action: {rule['action']!r} is none of {', '.join(_ACTIONS)}"
        if rule["action"] == "FailIndex" and "backoffLimitPerIndex" not in spec:
            yield f"{here}.action: FailIndex needs backoffLimitPerIndex"
        if ("onExitCodes" in rule) == ("onPodConditions" in rule):
            yield f"{here}: has not one of onExitCodes and onPodConditions"
        if "onExitCodes" in rule:
            yield from _exit_codes(rule["onExitCodes"], names, f"{here}.onExitCodes")
        for condition in rule.get("onPodConditions", ()):
            if condition.get("status") not in ("True", "False", "Unknown"):
                yield f"{here}.onPodConditions: status is not True, False or Unknown"


def _exit_codes(wanted: Object, names: set[str], path: str) -> Iterator[str]:
    operator, values = wanted["operator"], wanted["values"]
    if operator not in ("In", "NotIn"):
        yield f"{path}.operator: {operator!r} is neither In nor NotIn"
    if not values:
        yield f"{path}.values: are none"
    if any(first >= second for first, second in pairwise(values)):
        yield f"{path}.values: do not ascend"
    if operator == "In" and 0 in values:
        yield f"{path}.values: 0 is no failure"
    if wanted.get("containerName", next(iter(names))) not in names:
        yield f"{path}.containerName: there is no container {wanted['containerName']!r}"


def _pod(pod: Object, path: str) -> Iterator[str]:
    if pod.get("restartPolicy") not in ("Never", "OnFailure"):
        yield f"{path}.restartPolicy: must be Never or OnFailure"
    if pod.get("terminationGracePeriodSeconds", 0) < 0:
        yield f"{path}.terminationGracePeriodSeconds: is below 0"
    for key, value in pod.get("nodeSelector", {}).items():
        if not re.fullmatch(f"({VALUE})?", value):
            yield f"{path}.nodeSelector.{key}: {value!r} is no label's value"
    for index, toleration in enumerate(pod.get("tolerations", ())):
        yield from _toleration(toleration, f"{path}.tolerations[{index}]")
    volumes = [x["name"] for x in pod.get("volumes", ())]
    containers = [x["name"] for x in pod["containers"]]
    yield from _doubles(volumes, f"{path}.volumes")
    yield from _doubles(containers, f"{path}.containers")
    for index, container in enumerate(pod["containers"]):
        yield from _container(container, volumes, f"{path}.containers[{index}]")


def _toleration(toleration: Object, path: str) -> Iterator[str]:
    operator = toleration.get("operator", "Equal")
    if operator not in ("Equal", "Exists"):
        yield f"{path}.operator: {operator!r} is neither Equal nor Exists"
    if operator == "Exists" and toleration.get("value"):
        yield f"{path}.value: is not for Exists"
    if toleration.get("effect", EFFECTS[0]) not in EFFECTS:
        yield f"{path}.effect: is none of {', '.join(EFFECTS)}"


def _container(container: Object, volumes: Sequence[str], path: str) -> Iterator[str]:
    if not container.get("image", "").strip():
        yield f"{path}.image: is missing"
    for entry in container.get("env", ()):
        if not entry["name"] or "=" in entry["name"]:
            yield f"{path}.env: {entry['name']!r} is no name"
    mounts = container.get("volumeMounts", ())
    yield from _doubles([x["mountPath"] for x in mounts], f"{path}.volumeMounts")
    for mount in mounts:
        if mount["name"] not in volumes:
            yield f"{path}.volumeMounts: there is no volume {mount['name']!r}"
    wanted = container.get("resources", {})
    for kind in ("requests", "limits"):
        for name, value in wanted.get(kind, {}).items():
            here = f"{path}.resources.{kind}.{name}"
            if not re.fullmatch(QUANTITY, value):
                yield f"{here}: {value!r} is no quantity"
            elif "/" in name and not value.isdecimal():
                yield f"{here}: is not whole"
    limits = wanted.get("limits", {})
    for name, value in wanted.get("requests", {}).items():
        if "/" in name and limits.get(name) != value:
            yield f"{path}.resources.requests.{name}: is not the limit"


def _doubles(names: Sequence[str], path: str) -> Iterator[str]:
    for name in dict.fromkeys(x for x in names if names.count(x) > 1):
        yield f"{path}: {name!r} is there twice"


def _job_set(manifest: Object) -> Iterator[str]:
    spec, name = manifest["spec"], manifest["metadata"]["name"]
    for index, job in enumerate(spec["replicatedJobs"]):
        path = f"spec.replicatedJobs[{index}]"
        inner = job["template"]["spec"]
        last = f"{job.get('replicas', 1) - 1}-{inner.get('completions', 1) - 1}"
        pod = f"{name}-{job['name']}-{last}-abcde"
        if not (re.fullmatch(_LABEL, pod) and pod[0].isalpha()):
            yield f"{path}.name: {pod!r}, a pod's, is no host name of 63 at most"
        yield from _job_spec(inner, f"{path}.template.spec")
    names = [job["name"] for job in spec["replicatedJobs"]]
    yield from _doubles(names, "spec.replicatedJobs")
    yield from _set_rules(spec.get("failurePolicy", {}).get("rules", ()), names)


def _set_rules(rules: Sequence[Object], jobs: Sequence[str]) -> Iterator[str]:
    path = "spec.failurePolicy.rules"
    yield from _doubles([rule["name"] for rule in rules], path)
    for index, rule in enumerate(rules):
        here = f"{path}[{index}]"
        if not re.fullmatch(_RULE_NAME, rule["name"]):
            yield f"{here}.name: {rule['name']!r} is none"
        if rule["action"] not in _SET_ACTIONS:
            known = ", ".join(_SET_ACTIONS)
            yield f"{here}.action: {rule['action']!r} is none of {known}"
        for reason in rule.get("onJobFailureReasons", ()):
            if reason not in _REASONS:
                known = ", ".join(_REASONS)
                yield f"{here}.onJobFailureReasons: {reason!r} is none of {known}"
        for job in rule.get("targetReplicatedJobs", ()):
            if job not in jobs:
                yield f"{here}.targetReplicatedJobs: there is no {job!r}"


_KINDS = {"Job": _job, "JobSet": _job_set}
