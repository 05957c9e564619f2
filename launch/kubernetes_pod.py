"""The pods of an array: what they run, on what, and what they are given."""

from collections.abc import Mapping
from typing import Any

from launch.backend import Array


def template(
    array: Array,
    options: Mapping[str, Any],
    labels: Mapping[str, str],
    number: str,
    peers: Mapping[str, str],
) -> dict[str, Any]:
    """What pods are made by.

    Args:
      array: the tasks.
      options: of the back end.
      labels: by which they are found again.
      number: of the task, as Kubernetes reads it.
      peers: variables by which the pods of a run find each other.
    """
    volumes = [
        {"name": "sweep", "persistentVolumeClaim": {"claimName": options["claim"]}}
    ]
    mounts = [{"name": "sweep", "mountPath": options["mount"]}]
    if options["gpus"] > 1:  # NCCL shares memory, of which a container has 64 MB
        volumes.append({"name": "shared", "emptyDir": {"medium": "Memory"}})
        mounts.append({"name": "shared", "mountPath": "/dev/shm"})
    own = dict(words.split("=", 1) for words in options["env"])
    container = {
        "name": "run",
        "image": options["image"],
        "command": ["python", *map(_literal, array.words), number],
        "env": [{"name": k, "value": _literal(x)} for k, x in {**own, **peers}.items()],
        "resources": _resources(options),
        "volumeMounts": mounts,
    }
    if array.cwd.is_relative_to(options["mount"]):
        container["workingDir"] = str(array.cwd)
    user, rights = _user(options["user"])
    container |= {"securityContext": rights} if rights else {}
    optional = {
        "serviceAccountName": options["service_account"],
        "priorityClassName": options["priority_class"],
        "nodeSelector": _node_selector(options),
        "tolerations": [_toleration(words) for words in options["tolerations"]],
        "securityContext": user,
    }
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": options["grace"],
        # Otherwise python is process 1, which no signal ends that it does not handle.
        "shareProcessNamespace": True,
        "containers": [container],
        "volumes": volumes,
        **{key: value for key, value in optional.items() if value},
    }
    return {"metadata": {"labels": dict(labels)}, "spec": spec}


def _literal(text: str) -> str:
    """What Kubernetes reads as `text`: it replaces $(NAME), and $$ by $."""
    return text.replace("$", "$$")


def _resources(options: Mapping[str, Any]) -> dict[str, Any]:
    """Cores are asked for and not limited, as those that are idle help; all else is."""
    limits = {
        "memory": options["memory"],
        "nvidia.com/gpu": options["gpus"],
        "google.com/tpu": options["tpus"],
    }
    limits = {key: str(value) for key, value in limits.items() if value}
    cores = {"cpu": options["cpu"]} if options["cpu"] else {}
    wanted = {"limits": limits, "requests": {**limits, **cores}}
    return {key: value for key, value in wanted.items() if value}


def _node_selector(options: Mapping[str, Any]) -> dict[str, str]:
    slices = {
        "cloud.google.com/gke-tpu-accelerator": options["tpu_accelerator"],
        "cloud.google.com/gke-tpu-topology": options["tpu_topology"],
    }
    own = dict(words.split("=", 1) for words in options["node_selector"])
    return own | {key: value for key, value in slices.items() if value}


def _toleration(words: str) -> dict[str, str]:
    """KEY, KEY=VALUE, or either with :EFFECT behind it, as taints are written."""
    taint, _, effect = words.partition(":")
    key, is_equal, value = taint.partition("=")
    where = (
        {"operator": "Equal", "value": value} if is_equal else {"operator": "Exists"}
    )
    return {"key": key, **where, **({"effect": effect} if effect else {})}


def _user(words: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The security contexts of a pod and of its container, for UID:GID.

    A user who is not root is kept to what the Pod Security Standard "restricted" asks.
    """
    if not words:
        return {}, {}
    user, group = map(int, words.split(":"))
    ids = {"runAsUser": user, "runAsGroup": group}
    if user == 0:
        return ids, {}
    seccomp = {"seccompProfile": {"type": "RuntimeDefault"}}
    none = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    return {**ids, "runAsNonRoot": True, **seccomp}, none
