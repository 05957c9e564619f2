"""Virtual devices of a CPU: how many, and how long each waits for the others. No jax.

XLA plays each by threads, and ends the process once one has waited 40 s in a collective
for another, which may only be starved on a busy machine.
"""

from collections.abc import MutableMapping

_COUNT = "--xla_force_host_platform_device_count"
_BOUND = "--xla_cpu_collective_call_terminate_timeout_seconds"
_PATIENCE = 1200  # seconds


def be_patient(environment: MutableMapping[str, str]) -> None:
    """Has the virtual devices that an environment asks for wait longer.

    A bound that its XLA_FLAGS set already stays.
    """
    given = environment.get("XLA_FLAGS", "")
    asked = _COUNT in given or "JAX_NUM_CPU_DEVICES" in environment
    if asked and _BOUND not in given:
        environment["XLA_FLAGS"] = f"{given} {_BOUND}={_PATIENCE}".strip()
