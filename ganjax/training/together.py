"""Joins several processes into one run."""

import os

import jax

from ganjax.training import peers
from ganjax.training.peers import Peers


def join(coordinator_address: str | None, num_processes: int, process_id: int) -> Peers:
    """Joins several processes into one run; to be called before any other use of jax.

    Raises:
      ConfigError: no coordinator, or a process number out of range.
      PeerError: some process did not come within `peers.JOIN_SECONDS`.
    """
    seconds = peers.JOIN_SECONDS
    joined = Peers(coordinator_address, num_processes, process_id, seconds)
    # JAX dials this machine alone, which no proxy reaches.
    os.environ.update(no_grpc_proxy="127.0.0.1")
    jax.config.update("jax_check_proxy_envs", False)
    jax.distributed.initialize(
        joined.coordinator(),
        num_processes,
        process_id,
        initialization_timeout=int(seconds),
        # Who is done waits for process 0 to evaluate; who is gone is noticed before.
        shutdown_timeout_seconds=24 * 3600,
    )
    return joined
