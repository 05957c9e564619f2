"""Several processes of one run: one JAX, and the same data."""

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from ganjax.command.scheduler import Place
from ganjax.config import ConfigError
from ganjax.training.peers import JOIN_SECONDS, Peers


def initialize(joined: Peers, place: Place, devices: Sequence[int] | None) -> None:
    """Makes one JAX of processes that have met, before any other use of it.

    `devices` are those of this process, of the GPUs that it sees; None is all.
    """
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
        initialization_timeout=int(JOIN_SECONDS),
        # Who is done waits for process 0 to evaluate; who is gone is noticed before.
        shutdown_timeout_seconds=24 * 3600,
    )


def check_alike(data: Mapping[str, Any]) -> None:
    """Checks that all processes hold the same data, which each reads for itself.

    Raises:
      ConfigError: this one holds other data than process 0.
    """
    if jax.process_count() == 1:
        return
    text = json.dumps(data, sort_keys=True).encode()
    mine = np.frombuffer(hashlib.sha256(text).digest(), np.uint8)
    if (multihost_utils.broadcast_one_to_all(mine) != mine).any():
        number = jax.process_index()
        raise ConfigError(f"config.data: process {number} reads other than process 0")
