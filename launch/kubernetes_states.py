"""How the tasks of an array stand, by what a Kubernetes cluster says: pure data."""

import textwrap
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from launch.backend import Task
from launch.kubernetes_manifest import INDEX, TASK

_WIDTH = 100  # of why a task is queued


def tasks(items: Iterable[Mapping[str, Any]]) -> dict[int, Task]:
    """The tasks that have not ended, from Jobs or JobSets and their pods."""
    everything = list(items)
    found: dict[int, Task] = {}
    for item in everything:
        if item["kind"] != "Pod" and not _is_over(item):
            why = "suspended" if item["spec"].get("suspend") else ""
            found |= {number: Task("queued", why) for number in _numbers(item)}
    pods = [item for item in everything if item["kind"] == "Pod"]
    pods.sort(key=lambda pod: pod["metadata"]["creationTimestamp"], reverse=True)
    live: dict[int, list[Task]] = {}
    for pod in pods:
        labels = pod["metadata"]["labels"]
        number = int(labels.get(TASK) or labels[INDEX])
        if pod["status"].get("phase") not in ("Succeeded", "Failed"):
            live.setdefault(number, []).append(_task(pod))
        elif number in found:
            found[number] = Task("queued", found[number].why or _end_of(pod))
    for number, states in live.items():  # the hosts of a run wait for each other
        queued = (task for task in states if task.state == "queued")
        found[number] = next(queued, states[0])
    return found


def _is_over(item: Mapping[str, Any]) -> bool:
    """Whether no pod of a Job or JobSet is started any more."""
    over = {"Complete", "Completed", "Failed", "SuccessCriteriaMet", "FailureTarget"}
    conditions = item.get("status", {}).get("conditions", ())
    held = {x["type"] for x in conditions if x["status"] == "True"}
    return "deletionTimestamp" in item["metadata"] or bool(held & over)


def _numbers(item: Mapping[str, Any]) -> set[int]:
    """The tasks of a Job or JobSet that are not known to have ended."""
    if TASK in item["metadata"]["labels"]:
        return {int(item["metadata"]["labels"][TASK])}
    status = item.get("status", {})
    ended = (status.get(x, "") for x in ("completedIndexes", "failedIndexes"))
    return set(range(item["spec"]["completions"])).difference(*map(_indexes, ended))


def _indexes(text: str) -> Iterator[int]:
    """The numbers of such as 0,2-4."""
    for words in filter(None, text.split(",")):
        first, _, last = words.partition("-")
        yield from range(int(first), int(last or first) + 1)


def _task(pod: Mapping[str, Any]) -> Task:
    """How a pod stands that has not ended."""
    status = pod["status"]
    if status.get("phase") == "Unknown":
        return Task("running", "its node does not answer")
    if status.get("phase") == "Running":
        is_asked = "deletionTimestamp" in pod["metadata"]
        return Task("running", "is asked to stop" if is_asked else "")
    containers = status.get("containerStatuses", ())
    waiting = [x["state"]["waiting"] for x in containers if "waiting" in x["state"]]
    waiting += [x for x in status.get("conditions", ()) if x["status"] == "False"]
    return Task("queued", next(filter(None, map(_reason, waiting)), ""))


def _reason(said: Mapping[str, Any]) -> str:
    words = ": ".join(filter(None, (said.get("reason"), said.get("message"))))
    return textwrap.shorten(words, _WIDTH, placeholder=" ...")


def _end_of(pod: Mapping[str, Any]) -> str:
    """How a pod ended, after which its task waits to be started again."""
    containers = pod["status"].get("containerStatuses", ())
    codes = [
        x["state"]["terminated"]["exitCode"]
        for x in containers
        if "terminated" in x["state"]
    ]
    how = pod["status"].get("reason") or (f"code {codes[0]}" if codes else "no code")
    return f"its last pod ended with {how}"
