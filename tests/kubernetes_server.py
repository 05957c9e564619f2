"""A stand-in for a Kubernetes cluster: what kubectl asks, in memory, on loopback.

The controllers of Jobs and JobSets are here as far as their rules for failures go; a
test says when pods are scheduled, run and end, in place of scheduler and kubelet.
"""

import http.server
import itertools
import json
import re
import threading
from collections import Counter
from urllib.parse import parse_qs, urlsplit

INDEX = "batch.kubernetes.io/job-completion-index"

# The paths of the groups, and the kinds of each by the names of their resources.
GROUPS = {
    "/api/v1": {"pods": "Pod"},
    "/apis/batch/v1": {"jobs": "Job"},
    "/apis/jobset.x-k8s.io/v1alpha2": {"jobsets": "JobSet"},
}
PATH = re.compile(r"(/api.*)/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?")


class Cluster:
    """Objects by resource and name; a test reads and moves them."""

    def __init__(self):
        self.objects = {}
        self.calls = []  # "POST jobs", with the query where a test reads it
        self.refuses = {}  # why calls are refused, "POST jobs" or "POST jobs NAME"
        self._serial = itertools.count()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def config(self):
        """A file for KUBECONFIG."""
        server = {"server": f"http://127.0.0.1:{self._server.server_port}"}
        context = {"cluster": "here", "user": "me", "namespace": "lab"}
        return json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "here", "cluster": server}],
                "users": [{"name": "me", "user": {}}],
                "contexts": [{"name": "here", "context": context}],
                "current-context": "here",
            }
        )

    def all(self, resource):
        return [x for (kind, _), x in self.objects.items() if kind == resource]

    def pods(self, phase=None):
        """By name; all, or those of a phase."""
        found = {pod["metadata"]["name"]: pod for pod in self.all("pods")}
        return {k: x for k, x in found.items() if phase in (None, x["status"]["phase"])}

    def add(self, resource, manifest, namespace):
        manifest["metadata"] |= {
            "namespace": namespace,
            "uid": f"uid-{next(self._serial)}",
            "resourceVersion": "1",
            "creationTimestamp": f"2026-01-01T00:00:{next(self._serial) % 60:02}Z",
        }
        manifest["status"] = {}
        self.objects[resource, manifest["metadata"]["name"]] = manifest

    def schedule(self):
        """Makes the pods that Jobs and JobSets lack, as Pending."""
        for owner in [*self.all("jobs"), *self.all("jobsets")]:
            if _is_over(owner) or owner["spec"].get("suspend"):
                continue
            job, status = _job_of(owner), owner["status"]
            ended = {*_numbers(status, "completed"), *_numbers(status, "failed")}
            phases = [(pod["status"]["phase"], _index(pod)) for pod in self._of(owner)]
            ended |= {index for phase, index in phases if phase == "Succeeded"}
            live = {index for phase, index in phases if phase in ("Pending", "Running")}
            for index in range(job["completions"]):
                if len(live) < job["parallelism"] and index not in live | ended:
                    live.add(index)
                    self._make(owner, job, index)

    def _make(self, owner, job, index):
        metadata = owner["metadata"]
        name = f"{metadata['name']}-{index}-{next(self._serial)}"
        labels = {**job["template"]["metadata"]["labels"], INDEX: str(index)}
        labels["owner"] = metadata["name"]
        pod = {"metadata": {"name": name, "labels": labels}}
        pod |= {"apiVersion": "v1", "kind": "Pod", "spec": job["template"]["spec"]}
        self.add("pods", pod, metadata["namespace"])
        pod["status"] = {"phase": "Pending"}

    def run(self):
        """Has all pods that are pending run."""
        for pod in self.pods("Pending").values():
            pod["status"] = {"phase": "Running"}

    def end(self, name, code, *, disrupted=False):
        """Ends a pod, and does what its Job or JobSet says of that."""
        pod = self.objects["pods", name]
        terminated = {"name": "run", "state": {"terminated": {"exitCode": code}}}
        pod["status"] = {
            "phase": "Failed" if code else "Succeeded",
            "containerStatuses": [terminated],
            "conditions": [{"type": "DisruptionTarget", "status": "True"}]
            if disrupted
            else [],
        }
        kind = "jobs" if "ganjax-task" not in pod["metadata"]["labels"] else "jobsets"
        owner = self.objects[kind, pod["metadata"]["labels"]["owner"]]
        if "deletionTimestamp" in pod["metadata"]:
            del self.objects["pods", name]
            if "deletionTimestamp" in owner["metadata"] and not self._of(owner):
                del self.objects[kind, owner["metadata"]["name"]]
                return
        (self._judge_set if kind == "jobsets" else self._judge)(owner, pod, code)

    def _judge(self, job, pod, code):
        """The controller of Jobs, whose pods are counted by index."""
        status, index = job["status"], _index(pod)
        action = _rule(job["spec"], pod, code)[0] if code else "done"
        counts = status.setdefault("counts", Counter())
        counts[index] += action == "Count"
        if counts[index] > job["spec"]["backoffLimitPerIndex"]:
            action = "FailIndex"
        which = {"done": "completedIndexes", "FailIndex": "failedIndexes"}.get(action)
        if which:
            before = filter(None, status.get(which, "").split(","))
            status[which] = ",".join([*before, str(index)])
        ended = {*_numbers(status, "completed"), *_numbers(status, "failed")}
        if len(ended) == job["spec"]["completions"]:
            how = "Failed" if status.get("failedIndexes") else "Complete"
            status["conditions"] = [{"type": how, "status": "True"}]

    def _judge_set(self, owner, pod, code):
        """That of JobSets, for the one Job that ours have; nobody is counted in it."""
        status, job = owner["status"], _job_of(owner)
        action, at = _rule(job, pod, code) if code else ("", 0)
        if action:
            reason = "PodFailurePolicy" if action == "FailJob" else "BackoffLimit"
            message = f"matching {action} rule at index {at}"
            what = _set_rule(owner["spec"]["failurePolicy"], reason, message)
            status["counted"] = status.get("counted", 0) + (what == "RestartJobSet")
            limit = owner["spec"]["failurePolicy"]["maxRestarts"]
            if what == "FailJobSet" or status["counted"] > limit:
                status["conditions"] = [{"type": "Failed", "status": "True"}]
            for left in self._of(owner):
                del self.objects["pods", left["metadata"]["name"]]
        elif all(x["status"]["phase"] == "Succeeded" for x in self._of(owner)):
            status["conditions"] = [{"type": "Completed", "status": "True"}]

    def _of(self, owner):
        name = owner["metadata"]["name"]
        return [x for x in self.all("pods") if x["metadata"]["labels"]["owner"] == name]

    def delete(self, resource, name, options):
        """What has no process goes at once, all else when its processes have ended."""
        found = self.objects[resource, name]
        grace = options.get("gracePeriodSeconds")
        pods = [found] if resource == "pods" else self._of(found)
        if resource != "pods":
            assert options["propagationPolicy"] == "Foreground"
        for pod in pods:
            if pod["status"]["phase"] == "Running":
                pod["metadata"] |= {
                    "deletionTimestamp": "2026-01-01T00:01:00Z",
                    "deletionGracePeriodSeconds": pod["spec"][
                        "terminationGracePeriodSeconds"
                    ]
                    if grace is None
                    else grace,
                }
            else:
                self.objects.pop(("pods", pod["metadata"]["name"]), None)
        if resource != "pods":
            found["metadata"]["deletionTimestamp"] = "2026-01-01T00:01:00Z"
            if not self._of(found):
                del self.objects[resource, name]


def _job_of(owner):
    if owner["kind"] == "Job":
        return owner["spec"]
    return owner["spec"]["replicatedJobs"][0]["template"]["spec"]


def _index(pod):
    return int(pod["metadata"]["labels"][INDEX])


def _numbers(status, which):
    return map(int, filter(None, status.get(f"{which}Indexes", "").split(",")))


def _is_over(owner):
    return "conditions" in owner["status"] or "deletionTimestamp" in owner["metadata"]


def _rule(job, pod, code):
    """The action of the first rule that fits a pod that failed, and its number."""
    disrupted = bool(pod["status"]["conditions"])
    for index, rule in enumerate(job["podFailurePolicy"]["rules"]):
        fits = disrupted if "onPodConditions" in rule else False
        if fits or code in rule.get("onExitCodes", {}).get("values", ()):
            return rule["action"], index
    return "Count", None


def _set_rule(policy, reason, message):
    for rule in policy["rules"]:
        patterns = rule.get("onJobFailureMessagePatterns", [""])
        if reason in rule["onJobFailureReasons"] and any(
            re.search(pattern, message) for pattern in patterns
        ):
            return rule["action"]
    return "RestartJobSet"


def _discovery(path):
    """What kubectl asks before all else, or None."""
    if path == "/api":
        return {"kind": "APIVersions", "versions": ["v1"]}
    if path == "/apis":
        names = [x.removeprefix("/apis/") for x in GROUPS if x.startswith("/apis/")]
        versions = [{"groupVersion": x, "version": x.split("/")[1]} for x in names]
        groups = [
            {"name": name.split("/")[0], "versions": [x], "preferredVersion": x}
            for name, x in zip(names, versions, strict=True)
        ]
        return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}
    if path in GROUPS:
        verbs = ["create", "delete", "deletecollection", "get", "list", "patch"]
        resources = [
            {"name": name, "kind": kind, "namespaced": True, "verbs": verbs}
            for name, kind in GROUPS[path].items()
        ]
        group = path.removeprefix("/apis/").removeprefix("/api/")
        found = {"kind": "APIResourceList", "groupVersion": group}
        return {**found, "apiVersion": "v1", "resources": resources}
    if path == "/openapi/v3":
        urls = {x[1:]: {"serverRelativeURL": f"/openapi/v3{x}"} for x in GROUPS}
        return {"paths": urls}
    if path.startswith("/openapi/v3/"):
        return _schema(path.removeprefix("/openapi/v3"))
    return None


def _schema(group):
    """That the server itself checks fields, which it says of `patch`."""
    *_, name, version = group.split("/")
    paths = {}
    for resource, kind in GROUPS[group].items():
        gvk = {"group": name if name != "api" else "", "version": version, "kind": kind}
        patch = {
            "x-kubernetes-action": "patch",
            "x-kubernetes-group-version-kind": gvk,
            "parameters": [{"name": "fieldValidation", "in": "query"}],
        }
        paths[f"{group}/namespaces/{{namespace}}/{resource}/{{name}}"] = {
            "patch": patch
        }
    info = {"title": "Kubernetes", "version": "1"}
    return {"openapi": "3.0.0", "info": info, "paths": paths}


def _handler(cluster):
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self):
            size = int(self.headers.get("Content-Length") or 0)
            given = json.loads(self.rfile.read(size) or "{}")
            url = urlsplit(self.path)
            code, body = 200, _discovery(url.path)
            if body is None:
                code, body = _serve(
                    cluster, self.command, url.path, parse_qs(url.query), given
                )
            text = json.dumps(body).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815

        def log_message(self, *_):
            """Says nothing."""

    return Handler


def _status(code, reason, message):
    status = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return code, {**status, "code": code, "reason": reason, "message": message}


def _serve(cluster, verb, path, query, given):
    """The code and the body of an answer."""
    matched = PATH.fullmatch(path)
    if not matched:
        return _status(404, "NotFound", f"no {path}")
    group, namespace, resource, name = matched.groups()
    call = f"{verb} {resource}"
    cluster.calls.append((call, query))
    named = name or given.get("metadata", {}).get("name")
    for refused in (call, f"{call} {named}"):
        if refused in cluster.refuses:
            return _status(403, "Forbidden", cluster.refuses[refused])
    what = f'{resource} "{named}"'
    if verb == "POST":
        if (resource, given["metadata"]["name"]) in cluster.objects:
            return _status(409, "AlreadyExists", f"{what} already exists")
        cluster.add(resource, given, namespace)
        return 201, given
    if name is None:
        return 200, _list(cluster, group, resource, namespace, query)
    found = cluster.objects.get((resource, name))
    if found is None or found["metadata"]["namespace"] != namespace:
        return _status(404, "NotFound", f"{what} not found")
    if verb == "DELETE":
        cluster.delete(resource, name, given)
    return 200, found


def _list(cluster, group, resource, namespace, query):
    (wanted,) = query.get("labelSelector", [""])
    pairs = {tuple(x.split("=")) for x in wanted.split(",") if x}
    items = [
        x
        for x in cluster.all(resource)
        if x["metadata"]["namespace"] == namespace
        and pairs <= set(x["metadata"].get("labels", {}).items())
    ]
    version = group.removeprefix("/apis/").removeprefix("/api/")
    kind = f"{GROUPS[group][resource]}List"
    return {"apiVersion": version, "kind": kind, "metadata": {}, "items": items}
