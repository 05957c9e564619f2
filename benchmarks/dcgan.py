"""Images per second of the dcgan step, beside PyTorch's same step, in one run.

    python -m pip install -e '.[bench]'
    GANJAX_DATA=... python benchmarks/dcgan.py --threads=1

28 x 28, 64 and 128 channels, batch norm, batch 64, Adam, a moving average of the
generator: one discriminator and one generator round a step. The three are timed in
turn, round after round, so that a noisy machine disturbs all alike; medians are given.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

_BATCH = 64
_LATENT = 100


def make_ganjax(steps: int, *, scanned: bool) -> Callable[[], None]:
    """`steps` steps of experiments/mnist.py, in one dispatch or one by one."""
    import jax

    from ganjax.build import build_layout, build_setup
    from ganjax.config import load
    from ganjax.config.validation import validate

    file = Path(__file__).parents[1] / "experiments/mnist.py"
    batch_norm = "networks.discriminator.normalization=batch"
    config = validate(load(str(file), [batch_norm]))
    setup, layout = build_setup(config), build_layout(config)
    advance = layout.compile(setup.make_step(layout.axis_name))
    data = layout.place_data(setup.source.arrays)
    state = layout.place(jax.device_get(setup.init()))

    def run() -> None:
        nonlocal state
        for _ in range(1 if scanned else steps):
            state, metrics = advance(
                state, setup.numbers, data, steps if scanned else 1
            )
            jax.block_until_ready(metrics)

    return run


def make_torch(steps: int) -> Callable[[], None]:
    """The same networks, losses and optimizers: eager, channels_last, fused Adam."""
    import torch
    from torch import nn
    from torch.nn.functional import softplus

    generator = nn.Sequential(
        nn.Linear(_LATENT, 7 * 7 * 128, bias=False),
        nn.Unflatten(1, (128, 7, 7)),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1),
        nn.Tanh(),
    ).to(memory_format=torch.channels_last)
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1, bias=False),
        nn.BatchNorm2d(128),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    ).to(memory_format=torch.channels_last)
    average = [parameter.detach().clone() for parameter in generator.parameters()]
    optimizers = [
        torch.optim.Adam(net.parameters(), lr=2e-4, betas=(0.5, 0.999), fused=True)
        for net in (discriminator, generator)
    ]
    images = torch.randint(0, 256, (60_000, 1, 28, 28), dtype=torch.uint8)

    def step() -> None:
        rows = torch.randint(0, len(images), (_BATCH,))
        real = images[rows].float() / 127.5 - 1
        real = real.to(memory_format=torch.channels_last)
        with torch.no_grad():
            fake = generator(torch.randn(_BATCH, _LATENT))
        loss = softplus(-discriminator(real)).mean()
        loss = loss + softplus(discriminator(fake)).mean()
        optimizers[0].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[0].step()
        discriminator.requires_grad_(False)
        fake = generator(torch.randn(_BATCH, _LATENT))
        loss = softplus(-discriminator(fake)).mean()
        optimizers[1].zero_grad(set_to_none=True)
        loss.backward()
        optimizers[1].step()
        discriminator.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(average, list(generator.parameters()), 0.01)

    def run() -> None:
        for _ in range(steps):
            step()

    return run


def main() -> None:
    """Times the three in turn and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--steps", type=int, default=10, help="of each turn")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    # Before jax and torch are imported: they size their thread pools by this.
    cores = sorted(os.sched_getaffinity(0))[: arguments.threads]
    os.sched_setaffinity(0, cores)
    import torch

    torch.set_num_threads(arguments.threads)
    runs = {
        "ganjax, jit": make_ganjax(arguments.steps, scanned=False),
        "ganjax, scan": make_ganjax(arguments.steps, scanned=True),
        "torch": make_torch(arguments.steps),
    }
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for round in range(arguments.rounds + 1):
        for name, run in runs.items():
            began = time.perf_counter()
            run()
            seconds = time.perf_counter() - began
            if round:  # the first one compiles
                rates[name].append(_BATCH * arguments.steps / seconds)
    reference = statistics.median(rates["torch"])
    for name, measured in rates.items():
        middle = statistics.median(measured)
        print(
            f"{name:14} {middle:7.0f} images/s ({min(measured):.0f} to "
            f"{max(measured):.0f}), {middle / reference:.2f} of torch"
        )


if __name__ == "__main__":
    main()
