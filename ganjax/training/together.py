"""Joins several processes into one run."""

import os
from collections.abc import Sequence

import jax

from ganjax.command.scheduler import Place
from ganjax.training import peers
from ganjax.training.peers import Peers


def join(place: Place, devices: Sequence[int] | None) -> Peers:
    """Joins several processes into one run; to be called before any other use of jax.

    `devices` are those of this process, of the GPUs that it sees; None is all.

    Raises:
      ConfigError: no coordinator, or a process number out of range.
      PeerError: some process did not come within `peers.JOIN_SECONDS`.
    """
    seconds = peers.JOIN_SECONDS
    joined = Peers(*place, seconds)
    # JAX dials this machine alone, which no proxy reaches.
    os.environ.update(no_grpc_proxy="127.0.0.1")
    jax.config.update("jax_check_proxy_envs", False)
    jax.distributed.initialize(
        joined.coordinator(),
        place.processes,
        place.number,
        local_device_ids=devices,
        # Under Slurm it would take a GPU of those that belong to another task.
        cluster_detection_method="deactivate",
        initialization_timeout=int(seconds),
        # Who is done waits for process 0 to evaluate; who is gone is noticed before.
        shutdown_timeout_seconds=24 * 3600,
    )
    return joined
