"""What cannot fit is refused before anything is compiled, with sizes and keys."""

import re

import jax
import pytest

from ganjax.build import build_setup
from ganjax.config import ConfigError, defaults
from ganjax.config.validation import validate
from ganjax.parallel import jit_layout, pack_layout
from ganjax.training import memory


def make_setup(**values):
    config = defaults(data="ring", network="mlp", objective="hinge")
    config.batch_size = 6
    for network in config.networks.values():
        network.widths = (5,)
    config.update_from_flattened_dict(values)
    return build_setup(validate(config))


def lay_out(members, mapping="map", devices=None):
    return pack_layout(devices or jax.local_devices()[:1], members, mapping)


def check(made, *, free, samples=10, devices=None, monkeypatch):
    monkeypatch.setattr(memory, "free_on_host", lambda: free)
    layout = jit_layout(jax.local_devices()[0])
    memory.check(made, samples, layout._replace(devices=devices or layout.devices))


def test_what_is_counted(monkeypatch):
    # Parameters and their gradients, and Adam's two moments and count, in four bytes:
    # the generator 2 x 5 + 5 and 5 x 2 + 2, so 27, and once more for its average;
    # the discriminator 2 x 5 + 5 and 5 x 1 + 1, so 21.
    generator, discriminator = 4 * (5 * 27 + 1), 4 * (4 * 21 + 1)
    held = dict(memory._needed(make_setup(), jit_layout(jax.local_devices()[0])))
    assert held["config.networks.generator"] == generator
    assert held["config.networks.discriminator"] == discriminator
    # Of each of 6 examples: two points, two scores, and for each of both sides the
    # 5 features of the hidden layer.
    assert held["config.batch_size"] >= 6 * 4 * (2 * 2 + 2 + 2 * 5)
    samples = 2 * 10 * 2 * 4
    total = sum(held.values()) + samples
    check(make_setup(), free=total, monkeypatch=monkeypatch)
    with pytest.raises(ConfigError, match="needs at least"):
        check(make_setup(), free=total - 1, monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        # 2e6 x 2e6 weights are 16 TB: with gradients, two moments and an average.
        (
            {"networks.generator.widths": (2_000_000, 2_000_000)},
            "at least 80 TB of memory, of which this machine has 1 GB free: "
            "80 TB for config.networks.generator",
        ),
        ({"game.latent_size": 2**31 - 1}, "215 GB for config.networks.generator"),
        ({"batch_size": 2**31 - 1}, "137 GB for config.batch_size"),
    ],
)
def test_what_cannot_fit_is_refused(values, said, monkeypatch):
    with pytest.raises(ConfigError, match=re.escape(said)):
        check(make_setup(**values), free=10**9, monkeypatch=monkeypatch)


def test_samples_of_an_evaluation_count(monkeypatch):
    said = "16 GB for config.evaluation.samples"
    with pytest.raises(ConfigError, match=said):
        check(make_setup(), free=10**9, samples=10**9, monkeypatch=monkeypatch)


class Accelerator:
    platform, process_index = "gpu", 0

    def __init__(self, limit):
        self.limit = limit

    def memory_stats(self):
        return {"bytes_limit": self.limit, "bytes_in_use": 1_000}

    def __str__(self):
        return "gpu:0"


def test_an_accelerator_has_its_own_memory(monkeypatch):
    made = make_setup()
    check(made, free=10**6, devices=[Accelerator(10**6)], monkeypatch=monkeypatch)
    with pytest.raises(ConfigError, match="gpu:0 has 1 KB free"):
        check(made, free=10**6, devices=[Accelerator(2_000)], monkeypatch=monkeypatch)


@pytest.mark.parametrize(
    ("limit", "use", "statistics", "prefix"),
    [
        ("memory.max", "memory.current", "memory.stat", ""),
        (
            *("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),
            *("memory/memory.stat", "total_"),
        ),
    ],
)
def test_a_container_has_less_than_its_machine(
    limit, use, statistics, prefix, monkeypatch
):
    files = {
        "/proc/meminfo": "MemTotal: 9000 kB\nMemAvailable:    8000 kB\n",
        f"/sys/fs/cgroup/{limit}": "3000000\n",
        f"/sys/fs/cgroup/{use}": "1000000\n",
        # Pages of files that were read count as use, and are given back when needed.
        f"/sys/fs/cgroup/{statistics}": f"{prefix}active_file 300000\n"
        f"{prefix}inactive_file 400000\n{prefix}shmem 50000\n",
    }
    monkeypatch.setattr(memory, "_read", lambda path: files.get(path, "max"))
    assert memory.free_on_host() == 2_700_000
    files[f"/sys/fs/cgroup/{limit}"] = "max\n"
    assert memory.free_on_host() == 8_192_000
