"""What a Kubernetes cluster is handed: valid, and what would not be is found before."""

import copy
import json
import re
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest

from ganjax.command.scheduler import Place, find_peers
from ganjax.config.experiment import ConfigError
from launch.backend import Array
from launch.kubernetes import OPTIONS, open_scheduler
from launch.kubernetes_manifest import manifests
from launch.kubernetes_rules import problems
from launch.options import read_options

GIVEN = ["image=lab/ganjax:1", "claim=sweeps", "mount=/mnt/lab"]
ARRAY = Array(
    name="ganjax-0123456789-1-abcdef",
    words=["-m", "launch.task", "/mnt/lab/ring/arrays/1.json"],
    size=12,
    folder=Path("/mnt/lab/ring"),
    cwd=Path("/home/me"),
    at_once=None,
    retries=1,
)
SLICE = ["tpus=4", "tpu_accelerator=tpu-v5-lite-podslice", "tpu_topology=2x4"]

# Each kind of option at least once.
KINDS = {
    "plain": [],
    "gpu": ["gpus=1", "cpu=500m", "memory=16Gi", "tolerations=nvidia.com/gpu"],
    "gpus": ["gpus=8", "env=A=1", "env=B=$(A) $x=", "node_selector=a.b/c=d"],
    "tpu": SLICE,
    "queue": ["queue=lab", "priority_class=low", "service_account=me", "user=7:8"],
    "root": ["user=0:0"],
    "limits": ["grace=30", "deadline=3600", "tolerations=spot=yes:NoSchedule"],
    "hosts": ["hosts=2", "gpus=8"],
    "slice": ["hosts=2", *SLICE, "queue=lab", "deadline=60"],
}


def options(*given):
    return read_options("kubernetes", OPTIONS, None, [*GIVEN, *given])


def made(kind, array=ARRAY):
    return manifests(array, options(*KINDS[kind]))


def strict(**properties):
    """An object of these keys alone, those with a ? at their end not required."""
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": {key.rstrip("_"): x for key, x in properties.items()},
        "required": [key for key in properties if not key.endswith("_")],
    }


TEXT, COUNT = {"type": "string"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}
RULE = strict(
    name={"type": "string", "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$"},
    action={
        "enum": ["FailJobSet", "RestartJobSet", "RestartJobSetAndIgnoreMaxRestarts"]
    },
    onJobFailureReasons_={"type": "array", "items": TEXT, "uniqueItems": True},
    onJobFailureMessagePatterns_={"type": "array", "items": TEXT},
)
# The fields that ganjax writes, as jobset.x-k8s.io/v1alpha2 has them from v0.10 on; a
# name that ends with _ may be left out. What is in a Job is a Job's.
JOB_SET = strict(
    apiVersion={"const": "jobset.x-k8s.io/v1alpha2"},
    kind={"const": "JobSet"},
    metadata=strict(name=TEXT, labels=TEXTS, annotations_=TEXTS),
    spec=strict(
        replicatedJobs={
            "type": "array",
            "items": strict(
                name=TEXT,
                replicas={"type": "integer", "minimum": 1},
                template=strict(spec={"type": "object"}),
            ),
        },
        failurePolicy=strict(
            maxRestarts=COUNT,
            restartStrategy={"enum": ["Recreate", "BlockingRecreate"]},
            rules={"type": "array", "items": RULE, "maxItems": 10},
        ),
        network=strict(
            enableDNSHostnames={"type": "boolean"},
            publishNotReadyAddresses={"type": "boolean"},
        ),
        suspend_={"type": "boolean"},
        ttlSecondsAfterFinished=COUNT,
    ),
)


def refused(manifest):
    """What is wrong with a manifest, by its schema and by the rules beside that."""
    jobs = [manifest]
    found = []
    if manifest["kind"] == "JobSet":
        checked = jsonschema.Draft202012Validator(JOB_SET)
        found = [error.message for error in checked.iter_errors(manifest)]
        head = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "inner"}}
        replicated = manifest["spec"]["replicatedJobs"]
        jobs = [{**head, "spec": x["template"]["spec"]} for x in replicated]
    for job in jobs:
        try:
            kubernetes_validate.validate(job, "1.37", strict=True)
        except kubernetes_validate.ValidationError as error:
            found.append(error.message)
    return found or problems(manifest)


@pytest.mark.parametrize("kind", KINDS)
def test_manifests_are_valid(kind):
    for manifest in made(kind):
        assert refused(manifest) == []


def test_an_array_is_an_indexed_job():
    (job,) = made("plain", ARRAY._replace(at_once=3, retries=2))
    rules = [
        {
            "action": "Ignore",
            "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}],
        },
        {
            "action": "Ignore",
            "onExitCodes": {"operator": "In", "values": [75, 138, 143]},
        },
        {"action": "FailIndex", "onExitCodes": {"operator": "In", "values": [2, 3]}},
    ]
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 120,
        "shareProcessNamespace": True,
        "containers": [
            {
                "name": "run",
                "image": "lab/ganjax:1",
                "command": ["python", *ARRAY.words, "$(JOB_COMPLETION_INDEX)"],
                "env": [],
                "resources": {},
                "volumeMounts": [{"name": "sweep", "mountPath": "/mnt/lab"}],
            }
        ],
        "volumes": [
            {"name": "sweep", "persistentVolumeClaim": {"claimName": "sweeps"}}
        ],
    }
    labels = {"ganjax-array": ARRAY.name}
    assert job == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": ARRAY.name, "labels": labels},
        "spec": {
            "completionMode": "Indexed",
            "completions": 12,
            "parallelism": 3,
            "backoffLimitPerIndex": 2,
            "podReplacementPolicy": "Failed",
            "podFailurePolicy": {"rules": rules},
            "ttlSecondsAfterFinished": 604_800,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def pod_of(manifest):
    spec = manifest["spec"]
    if manifest["kind"] == "JobSet":
        spec = spec["replicatedJobs"][0]["template"]["spec"]
    return spec["template"]["spec"]


def container_of(manifest):
    return pod_of(manifest)["containers"][0]


def test_all_tasks_run_at_a_time_unless_told():
    (job,) = made("plain")
    assert job["spec"]["parallelism"] == 12


def test_cores_are_asked_for_and_all_else_is_limited():
    (job,) = made("gpu")
    given = {"memory": "16Gi", "nvidia.com/gpu": "1"}
    wanted = {"limits": given, "requests": {"cpu": "500m", **given}}
    assert container_of(job)["resources"] == wanted
    tolerated = [{"key": "nvidia.com/gpu", "operator": "Exists"}]
    assert pod_of(job)["tolerations"] == tolerated
    assert all(x["mountPath"] != "/dev/shm" for x in container_of(job)["volumeMounts"])


def test_several_gpus_share_memory_and_text_is_taken_as_it_is():
    (job,) = made("gpus")
    assert container_of(job)["volumeMounts"][1]["mountPath"] == "/dev/shm"
    assert container_of(job)["env"] == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "$$(A) $$x="},  # Kubernetes makes a $ of two
    ]
    assert pod_of(job)["nodeSelector"] == {"a.b/c": "d"}


def test_a_tpu_slice_is_chosen_by_nodes():
    (job,) = made("tpu")
    assert pod_of(job)["nodeSelector"] == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v5-lite-podslice",
        "cloud.google.com/gke-tpu-topology": "2x4",
    }
    assert container_of(job)["resources"]["limits"] == {"google.com/tpu": "4"}


def test_a_queue_starts_what_is_suspended():
    (job,) = made("queue")
    assert job["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "lab"
    assert job["spec"]["suspend"] is True
    pod = pod_of(job)
    assert pod["priorityClassName"] == "low"
    assert pod["serviceAccountName"] == "me"


def test_a_user_who_is_not_root_has_no_rights_beside():
    (job,) = made("queue")
    assert pod_of(job)["securityContext"] == {
        "runAsUser": 7,
        "runAsGroup": 8,
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container_of(job)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
    }
    (job,) = made("root")
    assert pod_of(job)["securityContext"] == {"runAsUser": 0, "runAsGroup": 0}
    assert "securityContext" not in container_of(job)


def test_limits_of_time_and_taints():
    (job,) = made("limits")
    assert job["spec"]["activeDeadlineSeconds"] == 3600
    assert pod_of(job)["terminationGracePeriodSeconds"] == 30
    (toleration,) = pod_of(job)["tolerations"]
    equal = {"key": "spot", "operator": "Equal", "value": "yes"}
    assert toleration == {**equal, "effect": "NoSchedule"}


def test_a_run_of_several_hosts_is_a_job_set_whose_pods_find_each_other():
    sets = made("hosts", ARRAY._replace(size=3))
    name = ARRAY.name
    # The first is last: it is there only where all were handed over.
    assert [x["metadata"]["name"] for x in sets] == [f"{name}-{n}" for n in (2, 1, 0)]
    labels = {"ganjax-array": name, "ganjax-task": "2"}
    assert sets[0]["metadata"]["labels"] == labels
    assert "annotations" not in sets[0]["metadata"]
    job = sets[0]["spec"]["replicatedJobs"][0]["template"]["spec"]
    assert job["template"]["metadata"]["labels"] == labels
    counts = ("completions", "parallelism", "backoffLimit")
    assert [job[x] for x in counts] == [2, 2, 0]
    assert job["podReplacementPolicy"] == "Failed"
    assert {x["action"] for x in job["podFailurePolicy"]["rules"]} == {"FailJob"}
    assert container_of(sets[0])["command"][-1] == "2"
    given = {x["name"]: x["value"] for x in container_of(sets[0])["env"]}
    # JobSet names pods after the set, the job in it and their index; its service too.
    first = Place(f"{name}-2-run-0-0.{name}-2:29500", processes=2, number=0)
    for number in range(2):
        found = find_peers({**given, "JOB_COMPLETION_INDEX": str(number)})
        assert found == first._replace(number=number)


def test_a_job_set_restarts_without_charge_what_was_stopped():
    policy = made("hosts")[0]["spec"]["failurePolicy"]
    stopped, ended = policy.pop("rules")
    assert policy == {"maxRestarts": 1, "restartStrategy": "BlockingRecreate"}
    assert stopped["action"] == "RestartJobSetAndIgnoreMaxRestarts"
    assert stopped["onJobFailureReasons"] == ["PodFailurePolicy"]
    assert ended["action"] == "FailJobSet"
    assert ended["onJobFailureReasons"] == ["PodFailurePolicy", "DeadlineExceeded"]
    # As the Job's controller writes it.
    (pattern,) = stopped["onJobFailureMessagePatterns"]
    said = "Container run for pod lab/x failed with exit code 75 matching FailJob rule"
    assert [bool(re.search(pattern, f"{said} at index {n}")) for n in range(3)] == [
        *(True, True, False)
    ]


def test_tasks_of_one_host_are_not_taken_for_one_run():
    (job,) = made("gpus")
    given = {x["name"]: x["value"] for x in container_of(job)["env"]}
    assert find_peers({**given, "JOB_COMPLETION_INDEX": "5"}) is None


def test_hosts_of_a_slice_share_a_node_pool():
    manifest = made("slice")[0]
    assert manifest["metadata"]["annotations"] == {
        "alpha.jobset.sigs.k8s.io/exclusive-topology": "cloud.google.com/gke-nodepool"
    }
    assert manifest["spec"]["suspend"] is True
    assert manifest["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "lab"


def test_experiments_are_found_where_the_launcher_finds_them_if_the_pods_see_it():
    (job,) = made("plain", ARRAY._replace(cwd=Path("/mnt/lab/code")))
    assert container_of(job)["workingDir"] == "/mnt/lab/code"


def test_what_is_shown_is_what_is_handed_over():
    text = open_scheduler(options("hosts=2")).render(ARRAY._replace(size=2))
    first, _, second = text.partition("\n}\n")
    shown = [json.loads(f"{first}}}"), json.loads(second)]
    assert shown == manifests(ARRAY._replace(size=2), options("hosts=2"))


RULES = "spec.podFailurePolicy.rules"
POD = "spec.template.spec"
BOX = f"{POD}.containers.0"
JOB = "spec.replicatedJobs.0.template.spec"
SET_RULES = "spec.failurePolicy.rules"
CODES = {"operator": "In", "values": [1]}
GONE = object()

# A kind, the field that is wrong in it, its value, and a part of what is said.
WRONG = [
    # By the schemas.
    ("plain", "spec.paralelism", 3, "'paralelism' was unexpected"),
    ("plain", "spec.completions", "3", "is not of type 'integer'"),
    ("plain", f"{BOX}.env", {"A": "1"}, "is not of type 'array'"),
    ("plain", f"{BOX}.command", "python", "is not of type 'array'"),
    ("hosts", "spec.replicas", 3, "'replicas' was unexpected"),
    ("hosts", f"{SET_RULES}.0.action", "FailJob", "is not one of"),
    ("hosts", f"{JOB}.completion", 3, "'completion' was unexpected"),
    # By the API server's own rules.
    ("plain", "metadata.name", "Ring", "metadata.name: 'Ring' and an index"),
    ("plain", "metadata.name", "a" * 61, "make no host name of 63 at most"),
    ("plain", "metadata.labels.x", "a b", "labels.x: 'a b' is no label's value"),
    ("plain", "spec.completions", GONE, "completions: is missing"),
    ("plain", "spec.completions", -1, "completions: is below 0"),
    ("plain", "spec.parallelism", 100_001, "parallelism: is above 100000"),
    ("plain", "spec.backoffLimitPerIndex", GONE, "FailIndex needs backoffLimitPer"),
    ("plain", "spec.completionMode", "NonIndexed", "needs completionMode Indexed"),
    ("plain", "spec.maxFailedIndexes", 13, "maxFailedIndexes: is above completions"),
    ("hosts", f"{JOB}.maxFailedIndexes", 1, "needs backoffLimitPerIndex"),
    ("plain", f"{POD}.restartPolicy", "OnFailure", "needs restartPolicy Never"),
    ("plain", f"{POD}.restartPolicy", GONE, "needs restartPolicy Never"),
    ("plain", "spec.podReplacementPolicy", "TerminatingOrFailed", "must be Failed"),
    ("plain", f"{RULES}.0.action", "Nope", "'Nope' is none of FailJob, "),
    ("plain", f"{RULES}.0.onExitCodes", CODES, "has not one of onExitCodes and"),
    ("plain", f"{RULES}.0.onPodConditions", GONE, "has not one of onExitCodes and"),
    ("plain", f"{RULES}.0.onPodConditions.0.status", GONE, "status is not True,"),
    ("plain", f"{RULES}.1.onExitCodes.operator", "Is", "'Is' is neither In nor NotIn"),
    ("plain", f"{RULES}.1.onExitCodes.values", [], "values: are none"),
    ("plain", f"{RULES}.1.onExitCodes.values", [0, 75], "0 is no failure"),
    ("plain", f"{RULES}.1.onExitCodes.values", [75, 75], "do not ascend"),
    ("plain", f"{RULES}.1.onExitCodes.values", [143, 75], "do not ascend"),
    ("plain", f"{RULES}.1.onExitCodes.containerName", "x", "no container 'x'"),
    ("plain", RULES, [{"action": "Count", "onExitCodes": CODES}] * 21, "more than 20"),
    ("plain", f"{POD}.terminationGracePeriodSeconds", -1, "is below 0"),
    ("gpus", f"{POD}.nodeSelector.a", "b=c", "nodeSelector.a: 'b=c' is no label's"),
    ("gpu", f"{POD}.tolerations.0.operator", "Is", "neither Equal nor Exists"),
    ("gpu", f"{POD}.tolerations.0.value", "x", "value: is not for Exists"),
    ("gpu", f"{POD}.tolerations.0.effect", "Never", "is none of NoSchedule,"),
    ("gpus", f"{POD}.volumes.1.name", "sweep", "volumes: 'sweep' is there twice"),
    ("plain", f"{BOX}.image", " ", "image: is missing"),
    ("gpus", f"{BOX}.env.0.name", "A=B", "env: 'A=B' is no name"),
    ("plain", f"{BOX}.volumeMounts.0.name", "x", "there is no volume 'x'"),
    ("gpus", f"{BOX}.volumeMounts.1.mountPath", "/mnt/lab", "is there twice"),
    ("gpu", f"{BOX}.resources.limits.memory", "16Gx", "'16Gx' is no quantity"),
    ("gpus", f"{BOX}.resources.limits.nvidia~1com/gpu", "0.5", "gpu: is not whole"),
    ("gpus", f"{BOX}.resources.limits.nvidia~1com/gpu", "7", "is not the limit"),
    # By the webhook of JobSet.
    ("hosts", "metadata.name", "1-set", "a pod's, is no host name"),
    ("hosts", "metadata.name", "a" * 50, "a pod's, is no host name"),
    ("hosts", f"{SET_RULES}.1.name", "stopped", "'stopped' is there twice"),
    ("hosts", f"{SET_RULES}.0.onJobFailureReasons", ["Nope"], "'Nope' is none of"),
]


def changed(manifest, path, value):
    """A manifest with another value at PATH, in which ~1 stands for a dot."""
    whole = copy.deepcopy(manifest)
    *parents, last = (x.replace("~1", ".") for x in path.split("."))
    here = whole
    for key in parents:
        here = here[int(key) if isinstance(here, list) else key]
    if value is GONE:
        del here[last]
    else:
        here[last] = value
    return whole


@pytest.mark.parametrize(("kind", "path", "value", "words"), WRONG)
def test_a_wrong_field_is_found(kind, path, value, words):
    manifest = made(kind)[0]
    found = refused(changed(manifest, path, value))
    assert any(words in line for line in found), found


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("image=", "--options.image is missing: Container image with"),
        ("claim=", "--options.claim is missing"),
        ("mount=", "--options.mount is missing"),
        ("mount=lab", "--options.mount: 'lab' is not an absolute path"),
        ("mount=/mnt/lab/", "without / at its end"),
        ("image=a b", "--options.image: 'a b' is not the name of an image"),
        ("claim=Sweeps", "--options.claim: 'Sweeps' is not a name of a to z"),
        ("memory=16GB", "--options.memory: '16GB' is not a quantity such as 16Gi"),
        ("cpu=four", "--options.cpu: 'four' is not a quantity such as 4"),
        ("user=me", "--options.user: 'me' is not UID:GID"),
        ("node_selector=gpu", "--options.node_selector: 'gpu' is not KEY=VALUE"),
        ("tolerations=a:Never", "'a:Never' is not KEY[=VALUE][:EFFECT], the effect"),
        ("env=1", "--options.env: '1' is not NAME=VALUE"),
        ("hosts=0", "--options.hosts: must be 1 at least"),
        ("tpus=4", "goes with --options.tpu_accelerator and --options.tpu_topology"),
        ("tpu_topology=2x4", "--options.tpus: goes with"),
    ],
)
def test_a_wrong_option_is_named(given, words):
    with pytest.raises(ConfigError, match=re.escape(words)):
        open_scheduler(options(given))


def test_gpus_and_tpus_are_not_of_one_pod():
    with pytest.raises(ConfigError, match="GPUs or TPUs, not both"):
        open_scheduler(options("gpus=1", *SLICE))


def test_a_folder_that_pods_would_not_see_is_refused():
    elsewhere = ARRAY._replace(folder=Path("/mnt/laboratory/ring"))
    words = "--workdir: /mnt/laboratory/ring is not under --options.mount=/mnt/lab,"
    with pytest.raises(ConfigError, match=words):
        manifests(elsewhere, options())


def test_what_only_a_queue_can_keep_to_is_refused():
    words = "--max_parallel: .* write --options.queue=NAME instead"
    with pytest.raises(ConfigError, match=words):
        manifests(ARRAY._replace(at_once=2), options("hosts=2"))
