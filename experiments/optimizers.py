"""The dense GAN under SGD, RMSProp and Adam: what do honest loss curves show?

    python -m launch --config=experiments/optimizers.py --workdir=sweeps/optimizers
    python -m launch --config=experiments/optimizers.py:image_folder \
        --workdir=sweeps/faces --config.data.directory=FOLDER

A popular article compared the three on faces: 5,000 steps of batch 32, SGD at 0.01 with
momentum 0.5, RMSProp and Adam at 2e-4, Adam with beta1 0.5. Its code plotted the
discriminator's mean loss as "loss on real" and its accuracy as "loss on fake", and read
its conclusions off those. Here each curve is what it is called: the discriminator's
loss on real and on generated images, and the generator's, with accuracies apart.
RMSProp is that of PyTorch and of the Keras of then, whose eps stands beside the root;
today's Keras adds 1e-7 inside it.

What they show on digits (docs/results.md): the losses on real and on generated images
fall together and the generator's rises, under all three, most under SGD; none is near
log 2, and no loss tells which samples are good. By coverage Adam's are best (0.870),
then RMSProp's (0.839), then SGD's (0.679), in all four seeds; RMSProp's recall is the
highest.

Arguments, as in experiments/optimizers.py:sgd,mnist:

  optimizer  adam (default), rmsprop or sgd; the sweep sets it
  data       digits (default), mnist, fashion_mnist or image_folder
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganjax.config import ConfigDict, defaults, parse_arg
from ganjax.study import (
    Figure,
    Run,
    Table,
    curve,
    group_by,
    mean_and_sd,
    measure,
    picture,
    plot,
)

OPTIMIZERS = {
    "sgd": {"learning_rate": 0.01, "momentum": 0.5},
    "rmsprop": {"learning_rate": 2e-4, "decay": 0.9},
    "adam": {"learning_rate": 2e-4, "b1": 0.5},
}

LOSSES = {
    "discriminator/real_loss": "discriminator, real",
    "discriminator/fake_loss": "discriminator, generated",
    "generator/loss": "generator",
}
ACCURACIES = {
    "discriminator/real_accuracy": "real judged real",
    "discriminator/fake_accuracy": "generated judged generated",
}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        optimizer=("adam", "rmsprop", "sgd"),
        data=("digits", "mnist", "fashion_mnist", "image_folder"),
    )
    config = defaults(
        data=chosen.data,
        network="dense",
        objective="non_saturating",
        optimizer=chosen.optimizer,
    )
    config.steps = 5_000
    config.batch_size = 32
    config.game.latent_size = 100
    for optimizer in config.optimizers.values():
        optimizer.update(OPTIMIZERS[chosen.optimizer])
    if chosen.data == "image_folder":
        config.data.update(height=28, width=28)

    config.record.update(every=50, pictures_every=500, examples=36)
    config.evaluation.every = 500
    return config


def sweep(add: Callable[..., None]) -> None:
    """The three optimisers over four seeds."""
    for seed in range(4):
        for optimizer in OPTIMIZERS:
            add(arg=optimizer, seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """Loss and accuracy curves, the progression of samples, and where the runs end."""
    groups = group_by(runs, "optimizers.generator.name")
    yield Figure(
        "Losses",
        _curves(groups, LOSSES),
        "Mean over seeds; bands from the least to the greatest. The dotted line is log "
        "2, where a discriminator that cannot tell has all three.",
    )
    yield Figure(
        "Accuracies of the discriminator",
        _curves(groups, ACCURACIES),
        "One half is a coin's.",
    )
    for name, group in groups.items():
        yield _progression(name, group[0])
    yield _endings(groups)


def _curves(groups: dict[str, list[Run]], names: dict[str, str]) -> object:
    figure, axes = plot(
        1, len(groups), width=3.6, height=2.8, sharey=True, squeeze=False
    )
    for ax, (optimizer, group) in zip(axes[0], groups.items(), strict=True):
        for name, label in names.items():
            steps, mean, low, high = curve(group, name)
            (line,) = ax.plot(steps, mean, label=label)
            ax.fill_between(steps, low, high, color=line.get_color(), alpha=0.15, lw=0)
        blind = math.log(2) if names is LOSSES else 0.5
        ax.axhline(blind, color="black", ls=":", lw=1)
        ax.set(title=f"{optimizer} ({len(group)} seeds)", xlabel="step")
    axes[0, 0].legend()
    return figure


def _progression(name: str, run: Run) -> Figure:
    """One run's samples at five moments, side by side."""
    pictures = run.samples["sample"]
    chosen = [pictures[i] for i in np.linspace(0, len(pictures) - 1, 5).astype(int)]
    steps = ", ".join(f"{step:,}" for step, _ in chosen)
    strip = [np.pad(picture(p), ((0, 0), (0, 8), (0, 0))) for _, p in chosen]
    return Figure(
        f"Samples under {name}",
        np.concatenate(strip, axis=1),
        f"After {steps} steps, seed {run.config['seed']}.",
    )


def _endings(groups: dict[str, list[Run]]) -> Table:
    """Means over seeds of the last tenth of training, and of the final samples."""
    rows = []
    for optimizer, group in groups.items():
        ends = []
        for name in (*LOSSES, *ACCURACIES):
            tails = [run.metrics[name][1][-10:].mean() for run in group]
            ends.append(mean_and_sd(tails)[0])
        measured = [
            mean_and_sd(measure(run, name) for run in group)[0]
            for name in ("coverage", "precision", "recall")
        ]
        rows.append([optimizer, *ends, *measured])
    return Table(
        "Where they end",
        (
            "optimiser",
            *(f"loss: {label}" for label in LOSSES.values()),
            *ACCURACIES.values(),
            *("coverage", "precision", "recall"),
        ),
        rows,
        "Losses and accuracies are means of the last 500 steps, over seeds.",
    )
