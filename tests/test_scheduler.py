"""Several processes are found where a scheduler says so, and nowhere else."""

import pytest

from ganjax.command.scheduler import Place, find_devices, find_peers
from ganjax.config import ConfigError

# Of two tasks on a node, as Slurm 22.05 sets it.
STEP = {
    "SLURM_JOB_ID": "7",
    "SLURM_NTASKS": "2",
    "SLURM_JOB_NODELIST": "n[01-02]",
    "SLURM_STEP_ID": "3",
    "SLURM_STEP_NODELIST": "n02",
    "SLURM_STEP_NUM_TASKS": "2",
    "SLURM_PROCID": "1",
    "SLURM_LOCALID": "1",
    "SLURM_GTIDS": "0,1",
}
JOB = {
    "GANJAX_COORDINATOR": "run-0-0.run:5000",
    "GANJAX_PROCESSES": "4",
    "JOB_COMPLETION_INDEX": "2",
}
SLICE = {"TPU_WORKER_HOSTNAMES": "t-0,t-1", "TPU_WORKER_ID": "1"}

STEP_7_3 = 61440 + 7 * 16 + 3  # a port of its own for each step


def without(environ, *names):
    return {name: value for name, value in environ.items() if name not in names}


@pytest.mark.parametrize(
    ("environ", "place"),
    [
        (STEP, (f"n02:{STEP_7_3}", 2, 1)),
        # Its number is that of another job 4096 / 16 = 256 before.
        (STEP | {"SLURM_JOB_ID": "263"}, (f"n02:{STEP_7_3}", 2, 1)),
        # A job that is the first of an array or not, and its next step.
        (STEP | {"SLURM_JOB_ID": "8"}, (f"n02:{STEP_7_3 + 16}", 2, 1)),
        (STEP | {"SLURM_STEP_ID": "4"}, (f"n02:{STEP_7_3 + 1}", 2, 1)),
        (JOB, ("run-0-0.run:5000", 4, 2)),
        (JOB | STEP, ("run-0-0.run:5000", 4, 2)),  # said of this run alone
        (SLICE, ("t-0:8482", 2, 1)),
        (SLICE | {"MEGASCALE_NUM_SLICES": "1"}, ("t-0:8482", 2, 1)),
    ],
)
def test_one_of_several(environ, place):
    assert find_peers(environ) == Place(*place)


@pytest.mark.parametrize(
    "environ",
    [
        {},
        # srun -n1, also of an allocation of two tasks.
        STEP | {"SLURM_STEP_NUM_TASKS": "1", "SLURM_PROCID": "0"},
        # A batch script, salloc.
        without(STEP, "SLURM_STEP_ID", "SLURM_STEP_NODELIST", "SLURM_STEP_NUM_TASKS"),
        # A login by ssh keeps some of it.
        without(STEP, "SLURM_PROCID"),
        without(STEP, "SLURM_JOB_ID"),
        STEP | {"SLURM_STEP_NODELIST": ""},
        JOB | {"GANJAX_PROCESSES": "1", "JOB_COMPLETION_INDEX": "0"},
        {"JOB_COMPLETION_INDEX": "2"},  # of a sweep, a run for each pod
        {"TPU_WORKER_HOSTNAMES": "localhost", "TPU_WORKER_ID": "0"},
        {"TPU_WORKER_HOSTNAMES": "t-0,t-1"},
    ],
)
def test_one_alone(environ):
    assert find_peers(environ) is None


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("n1", "n1"),
        ("n1,n2", "n1"),
        ("n[01-03,7],m", "n01"),
        ("n[7,9-11]", "n7"),
        ("rack[2,4]n[05-07],rack9n01", "rack2n05"),
        ("a-b-[10-12].example.org", "a-b-10.example.org"),
    ],
)
def test_process_0_is_on_the_first_node_of_the_step(nodes, first):
    place = find_peers(STEP | {"SLURM_STEP_NODELIST": nodes})
    assert place.address == f"{first}:{STEP_7_3}"


@pytest.mark.parametrize(
    ("environ", "message"),
    [
        (STEP | {"SLURM_PROCID": "x"}, "SLURM_PROCID: must be a number, not 'x'"),
        (STEP | {"SLURM_PROCID": "2"}, "SLURM_PROCID: 2 must be below 2"),
        (JOB | {"GANJAX_COORDINATOR": "run"}, "GANJAX_COORDINATOR: write HOST:PORT"),
        (JOB | {"GANJAX_PROCESSES": ""}, "GANJAX_PROCESSES: must be a number, not ''"),
        (
            without(JOB, "JOB_COMPLETION_INDEX"),
            "JOB_COMPLETION_INDEX: must be a number, not ''",
        ),
        (
            JOB | {"JOB_COMPLETION_INDEX": "4"},
            "JOB_COMPLETION_INDEX: 4 must be below 4",
        ),
        (SLICE | {"TPU_WORKER_ID": "2"}, "TPU_WORKER_ID: 2 must be below 2"),
        (SLICE | {"MEGASCALE_NUM_SLICES": "2"}, "MEGASCALE_NUM_SLICES: of several TPU"),
    ],
)
def test_what_does_not_fit_is_named(environ, message):
    with pytest.raises(ConfigError) as raised:
        find_peers(environ)
    assert str(raised.value).startswith(message)


def gpus(seen, on_node, **more):
    return STEP | {"CUDA_VISIBLE_DEVICES": seen, "SLURM_GPUS_ON_NODE": on_node} | more


# As Slurm 22.05 sets it for the second of two tasks on a node of four GPUs.
@pytest.mark.parametrize(
    ("environ", "devices"),
    [
        ({}, None),
        (gpus("1", "2"), None),  # --gpus-per-task=1
        (gpus("2,3", "4"), None),  # --gpus-per-task=2
        (gpus("1", "4"), None),  # --gres=gpu:4 --gpu-bind=single:1
        (gpus("0,1", "2"), (1,)),  # --gres=gpu:2
        (gpus("0,1,2,3", "4"), (2, 3)),  # --gres=gpu:4
        (gpus("0,1,2,3", "4", SLURM_LOCALID="0"), (0, 1)),
        # The only task on the node has all, whatever its number is.
        (gpus("0,1,2,3", "4", SLURM_GTIDS="1", SLURM_LOCALID="0"), None),
        (STEP, (1,)),  # not managed by Slurm
        (STEP | {"JAX_PLATFORMS": "cpu"}, None),
        (without(STEP, "SLURM_STEP_ID"), None),
    ],
)
def test_gpus_of_a_task(environ, devices):
    assert find_devices(environ) == devices


def test_gpus_that_cannot_be_shared_equally():
    with pytest.raises(ConfigError, match="2 tasks on a node have no equal shares of"):
        find_devices(gpus("0,1,2", "3"))
    assert find_devices(gpus("0,1,2", "3", JAX_PLATFORMS="cpu")) is None
