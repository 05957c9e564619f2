"""Sweeps on Kubernetes: the real kubectl, against a stand-in for the cluster."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import compiling
import pytest
from kubernetes_server import Cluster
from processes import PATIENCE, finish, wait_for

from ganjax.record.files import read_json
from launch.backend import Array, SchedulerError, Task
from launch.kubernetes import OPTIONS, open_scheduler
from launch.kubernetes_states import tasks
from launch.options import read_options

ROOT = Path(__file__).parents[1]

ARRAY = Array(
    name="ganjax-ring",
    words=["-m", "launch.task", "/mnt/lab/ring/arrays/1.json"],
    size=3,
    folder=Path("/mnt/lab/ring"),
    cwd=Path("/home/me"),
    at_once=None,
    retries=1,
)
NAME = ARRAY.name
QUEUED, RUNNING = Task("queued"), Task("running")


@pytest.fixture
def cluster(monkeypatch, tmp_path):
    """A cluster that kubectl finds by its environment, as on a user's machine."""
    found = Cluster()
    (tmp_path / "config").write_text(found.config())
    programs = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    monkeypatch.setenv("PATH", programs)
    monkeypatch.setenv("HOME", str(tmp_path))  # for what kubectl keeps
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    yield found
    found.close()


@pytest.fixture
def held(tmp_path):
    """An open file, such as a launcher's lock."""
    with open(tmp_path / "held", "w") as file:
        yield file.fileno()


def scheduler(*given):
    required = ["image=ganjax", "claim=sweeps", "mount=/mnt/lab"]
    return open_scheduler(read_options("", OPTIONS, None, [*required, *given]))


def pod_of(cluster, task):
    """The pod of a task that runs."""
    label = "batch.kubernetes.io/job-completion-index"
    (name,) = (
        name
        for name, pod in cluster.pods("Running").items()
        if pod["metadata"]["labels"][label] == str(task)
    )
    return name


def test_an_array_is_handed_over_once(cluster, held):
    kubernetes = scheduler()
    assert kubernetes.find(NAME) is None
    assert kubernetes.submit(ARRAY, held) == NAME
    (job,) = cluster.all("jobs")
    assert job["metadata"]["namespace"] == "lab"  # of the context
    # Fields that a cluster does not know are to be refused.
    (query,) = (query for call, query in cluster.calls if call == "POST jobs")
    assert query["fieldValidation"] == ["Strict"]
    # As by a launcher that did not hear of it.
    assert kubernetes.submit(ARRAY._replace(size=9), held) == NAME
    assert [x["spec"]["completions"] for x in cluster.all("jobs")] == [3]
    assert kubernetes.find(NAME) == NAME
    assert scheduler("namespace=other").find(NAME) is None


def test_tasks_are_followed_until_they_end(cluster, held):
    kubernetes = scheduler()
    kubernetes.submit(ARRAY._replace(at_once=2), held)
    assert kubernetes.ask(NAME) == dict.fromkeys(range(3), QUEUED)
    cluster.schedule()
    cluster.run()
    assert kubernetes.ask(NAME) == {0: RUNNING, 1: RUNNING, 2: QUEUED}
    cluster.end(pod_of(cluster, 0), 0)
    cluster.end(pod_of(cluster, 1), 3)  # diverged
    cluster.schedule()
    cluster.run()
    assert kubernetes.ask(NAME) == {2: RUNNING}
    cluster.end(pod_of(cluster, 2), 0)
    assert kubernetes.ask(NAME) == {}
    assert kubernetes.find(NAME) == NAME


def lives(cluster, task, *codes, disrupted=False):
    """Has pods of a task end one after another; all the others run on."""
    for code in codes:
        cluster.schedule()
        cluster.run()
        cluster.end(pod_of(cluster, task), code, disrupted=disrupted)


def test_who_is_stopped_is_started_again_and_who_fails_as_often_as_told(cluster, held):
    kubernetes = scheduler()
    kubernetes.submit(ARRAY, held)
    lives(cluster, 0, 75, 143, 138, 75)  # stopped: not counted
    lives(cluster, 0, 137, disrupted=True)  # as by a node that was taken away
    lives(cluster, 0, 1)
    said = Task("queued", "its last pod ended with code 1")
    assert kubernetes.ask(NAME) == {0: said, 1: RUNNING, 2: RUNNING}
    lives(cluster, 1, 2)  # refused: at once
    lives(cluster, 2, 1, 75, 137)  # no memory: counted, as the 1 was
    assert cluster.all("jobs")[0]["status"]["failedIndexes"] == "1,2"
    cluster.schedule()
    cluster.run()
    assert kubernetes.ask(NAME) == {0: RUNNING}


def test_pods_that_are_deleted_are_replaced_once_they_have_saved(cluster, held):
    kubernetes = scheduler()
    kubernetes.submit(ARRAY._replace(size=1), held)
    cluster.schedule()
    cluster.run()
    first = pod_of(cluster, 0)
    cluster.delete("pods", first, {})
    cluster.schedule()
    assert list(cluster.pods()) == [first]  # two would share a run folder
    assert kubernetes.ask(NAME) == {0: Task("running", "is asked to stop")}
    lives(cluster, 0, 75)
    cluster.schedule()
    assert list(cluster.pods()) != [first]
    assert kubernetes.ask(NAME) == {0: QUEUED}


def test_what_is_cancelled_may_save_and_is_not_started_again(cluster, held):
    kubernetes = scheduler("grace=30")
    kubernetes.submit(ARRAY._replace(at_once=2), held)
    cluster.schedule()
    cluster.run()
    cluster.end(pod_of(cluster, 0), 75)
    kubernetes.cancel(NAME)
    cluster.schedule()
    (last,) = cluster.pods().values()
    assert last["metadata"]["deletionGracePeriodSeconds"] == 30
    assert kubernetes.ask(NAME) == {1: Task("running", "is asked to stop")}
    kubernetes.cancel(NAME, now=True)
    assert last["metadata"]["deletionGracePeriodSeconds"] == 1
    cluster.end(pod_of(cluster, 1), 143)
    assert kubernetes.ask(NAME) == {}
    assert kubernetes.find(NAME) is None
    kubernetes.cancel(NAME)  # as by a launcher that did not hear of it


def test_hosts_of_a_run_start_and_stop_together(cluster, held):
    kubernetes = scheduler("hosts=2")
    assert kubernetes.processes == 2
    assert kubernetes.submit(ARRAY, held) == NAME
    del cluster.objects["jobsets", f"{NAME}-0"]  # as if it had not come that far
    assert kubernetes.find(NAME) is None
    cluster.refuses[f"POST jobsets {NAME}-0"] = "exceeded quota"
    with pytest.raises(SchedulerError) as caught:
        kubernetes.submit(ARRAY, held)
    assert_one_line(caught, "exceeded quota$")
    assert "already exists" not in str(caught.value)
    cluster.refuses.clear()
    kubernetes.submit(ARRAY, held)
    assert len(cluster.all("jobsets")) == 3
    assert kubernetes.find(NAME) == NAME

    cluster.schedule()
    cluster.run()
    for pod in cluster.pods().values():
        if pod["metadata"]["labels"]["owner"] == f"{NAME}-1":
            pod["status"] = {"phase": "Pending"}
            break
    assert kubernetes.ask(NAME) == {0: RUNNING, 1: QUEUED, 2: RUNNING}
    cluster.run()

    def one_of(task):
        """A pod of a task, after all have run."""
        cluster.schedule()
        cluster.run()
        owned = cluster.pods("Running").items()
        named = (x for x, y in owned if y["metadata"]["labels"]["owner"] == task)
        return next(named)

    for code, disrupted in ((75, False), (143, False), (137, True), (1, False)):
        cluster.end(one_of(f"{NAME}-0"), code, disrupted=disrupted)
    assert kubernetes.ask(NAME) == {0: QUEUED, 1: RUNNING, 2: RUNNING}
    cluster.end(one_of(f"{NAME}-0"), 1)  # the second that counts
    cluster.end(one_of(f"{NAME}-1"), 3)
    assert kubernetes.ask(NAME) == {2: RUNNING}
    cluster.end(one_of(f"{NAME}-2"), 0)
    assert kubernetes.ask(NAME) == {2: RUNNING}
    cluster.end(one_of(f"{NAME}-2"), 0)
    assert kubernetes.ask(NAME) == {}


def assert_one_line(caught, words):
    assert re.search(words, str(caught.value)), caught.value
    assert "\n" not in str(caught.value)


def test_a_cluster_that_refuses_is_quoted(cluster, held):
    cluster.refuses["POST jobs"] = 'jobs.batch is forbidden: user "me" cannot'
    with pytest.raises(SchedulerError) as caught:
        scheduler().submit(ARRAY, held)
    assert_one_line(caught, r"^kubectl: .*\(Forbidden\).* user \"me\" cannot$")
    cluster.refuses["GET pods"] = "pods is forbidden"
    with pytest.raises(SchedulerError) as caught:
        scheduler().ask(NAME)
    assert_one_line(caught, r"\(Forbidden\): pods is forbidden$")


def test_what_would_be_refused_is_not_sent(cluster, held):
    with pytest.raises(SchedulerError) as caught:
        scheduler().submit(ARRAY._replace(name="Ring"), held)
    assert_one_line(caught, "^Kubernetes would refuse metadata.name: 'Ring' ")
    assert cluster.calls == []


def test_a_cluster_that_cannot_be_asked_is_one_line(cluster, held, monkeypatch):
    with pytest.raises(SchedulerError) as caught:
        scheduler("context=nowhere").find(NAME)
    assert_one_line(caught, "^kubectl: .*context.*nowhere$")
    cluster.close()
    for act in (
        lambda: scheduler().submit(ARRAY, held),
        lambda: scheduler().find(NAME),
        lambda: scheduler().ask(NAME),
        lambda: scheduler().cancel(NAME),
    ):
        with pytest.raises(SchedulerError) as caught:
            act()
        assert_one_line(caught, "^kubectl: .*refused")
        assert "--validate" not in str(caught.value)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(SchedulerError) as caught:
        scheduler().find(NAME)
    assert_one_line(caught, "^kubectl is not installed, or not in PATH$")


def test_what_hands_it_over_holds_the_lock(tmp_path, monkeypatch, held):
    program = tmp_path / "kubectl"
    script = f"#!{sys.executable}\nimport os; os.write({held}, b'locked')"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    scheduler().submit(ARRAY, held)
    assert (tmp_path / "held").read_text() == "locked"


def job(**status):
    metadata = {"name": NAME, "labels": {}}
    spec = {"completions": 6}
    return {"kind": "Job", "metadata": metadata, "spec": spec, "status": status}


def pod(number, phase, **status):
    labels = {"batch.kubernetes.io/job-completion-index": str(number)}
    metadata = {"labels": labels, "creationTimestamp": "2026-01-01T00:00:00Z"}
    status = {"phase": phase, **status}
    return {"kind": "Pod", "metadata": metadata, "status": status}


def waits(**why):
    return [{"state": {"waiting": why}}]


def condition(kind, status="True", **why):
    return [{"type": kind, "status": status, **why}]


UNFIT = {"reason": "Unschedulable", "message": "0/3 nodes are available"}


@pytest.mark.parametrize(
    ("items", "found"),
    [
        ([], {}),
        ([job(completedIndexes="0,2-4", failedIndexes="1")], {5: QUEUED}),
        ([job(completedIndexes="0-5")], {}),
        ([job(conditions=condition("Failed"))], {}),
        # Ended by its deadline, and one pod saves still.
        (
            [job(conditions=condition("FailureTarget")), pod(1, "Running")],
            {1: RUNNING},
        ),
        (
            [job(failedIndexes="0-4") | {"spec": {"completions": 6, "suspend": True}}],
            {5: Task("queued", "suspended")},
        ),
        (
            [pod(1, "Pending", conditions=condition("PodScheduled", "False", **UNFIT))],
            {1: Task("queued", "Unschedulable: 0/3 nodes are available")},
        ),
        (
            [pod(1, "Pending", containerStatuses=waits(reason="ImagePullBackOff"))],
            {1: Task("queued", "ImagePullBackOff")},
        ),
        ([pod(1, "Pending")], {1: QUEUED}),
        ([pod(1, "Unknown")], {1: Task("running", "its node does not answer")}),
        (
            [job(completedIndexes="0-4"), pod(5, "Failed", reason="Evicted")],
            {5: Task("queued", "its last pod ended with Evicted")},
        ),
        ([pod(1, "Failed"), pod(2, "Succeeded")], {}),
    ],
)
def test_what_the_cluster_says_of_tasks(items, found):
    assert tasks(items) == found


def test_long_reasons_are_cut():
    why = {"reason": "Unschedulable", "message": "node is full, " * 50}
    waiting = pod(0, "Pending", conditions=condition("PodScheduled", "False", **why))
    said = tasks([waiting])[0].why
    assert said.startswith("Unschedulable: node is full, node")
    assert said.endswith(" ...")
    assert len(said) <= 100


EXPERIMENT = """
from ganjax.config import defaults

def get_config(arg=""):
    config = defaults(data="mixture", network="mlp", objective="hinge")
    config.steps = 20
    config.batch_size = 8
    config.networks.generator.widths = (4,)
    config.networks.discriminator.widths = (4,)
    config.record.update(every=5, pictures_every=20, checkpoint_every=20, examples=4)
    config.evaluation.samples = 20
    return config

def sweep(add):
    for seed in range(2):
        add(seed=seed)
"""


def test_a_sweep_comes_to_its_end_though_a_node_is_taken_away(cluster, tmp_path):
    """What the pods are to run is run, by this test in place of a kubelet."""
    home = tmp_path / "lab"
    home.mkdir()
    (home / "tiny.py").write_text(EXPERIMENT)
    environment = {
        **os.environ,
        "XLA_FLAGS": compiling.FLAGS,
        "JAX_PLATFORMS": "cpu",
        "PYTHONPATH": str(ROOT),
    }

    def launch(*words):
        command = [sys.executable, "-m", "launch", *words, "--workdir=ring"]
        options = {"capture_output": True, "text": True, "timeout": PATIENCE}
        done = subprocess.run(command, cwd=home, env=environment, **options)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(name):
        container = cluster.pods()[name]["spec"]["containers"][0]
        index = name.split("-")[-2]
        first, *words = container["command"]
        assert first == "python"
        words = [x.replace("$(JOB_COMPLETION_INDEX)", index) for x in words]
        return subprocess.Popen(
            [sys.executable, *words],
            cwd=container["workingDir"],
            env=environment | {"JOB_COMPLETION_INDEX": index},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    given = [f"--options.{x}" for x in ("image=i", "claim=c", f"mount={home}")]
    said = launch("--config=tiny.py", "--backend=kubernetes", "--pack=off", *given)
    assert "2 tasks handed to kubernetes as ganjax-" in said
    cluster.schedule()
    cluster.run()
    assert launch("status").count("running") == 2
    logs = home / "ring/logs"
    for turn in range(2):
        for name in cluster.pods("Running"):
            process = start(name)
            drained = turn == 0 and name.split("-")[-2] == "1"
            if drained:
                wait_for(lambda: any(logs.glob("001*.log")), process)
                process.send_signal(signal.SIGTERM)
            code, _, errors = finish(process)
            # 143 where it came before Python could heed it.
            assert code in ((75, -signal.SIGTERM) if drained else (0,)), errors
            cluster.end(name, code % 256 if code >= 0 else 128 - code)
        cluster.schedule()
        cluster.run()
    assert cluster.pods("Running") == {}
    assert "2 done" in launch("resume")
    states = [
        read_json(path)["state"] for path in (home / "ring").glob("*/status.json")
    ]
    assert states == ["done", "done"]
    assert (home / "ring/report.html").exists()
