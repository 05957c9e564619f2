"""Virtual devices of a CPU: how many, and how long each waits for the others. No jax.

XLA plays each by threads, and ends the process once one has waited 40 s in a collective
for another, which may only be starved on a busy machine.
"""

import os
from collections.abc import Mapping, MutableMapping

_COUNT = "--xla_force_host_platform_device_count"
_VARIABLE = "JAX_NUM_CPU_DEVICES"
_BOUND = "--xla_cpu_collective_call_terminate_timeout_seconds"
_PATIENCE = 1200  # seconds


def be_patient(environment: MutableMapping[str, str]) -> None:
    """Has the virtual devices that an environment asks for wait longer.

    A bound that its XLA_FLAGS set already stays.
    """
    given = environment.get("XLA_FLAGS", "")
    if _are_asked_for(environment) and _BOUND not in given:
        environment["XLA_FLAGS"] = f"{given} {_BOUND}={_PATIENCE}".strip()


def share_cores(environment: MutableMapping[str, str], runs: int) -> None:
    """Makes each core a device, so that as many `runs` of a pack go on at once.

    Unless the environment asks for devices itself; GPUs and TPUs are left as they are.
    """
    if not _are_asked_for(environment):
        has_mask = hasattr(os, "sched_getaffinity")
        cores = len(os.sched_getaffinity(0)) if has_mask else os.cpu_count() or 1
        environment[_VARIABLE] = str(min(cores, runs))


def _are_asked_for(environment: Mapping[str, str]) -> bool:
    return _COUNT in environment.get("XLA_FLAGS", "") or _VARIABLE in environment
