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
from ganjax.study import Figure, Run, Table, curves, group_by, side_by_side, table_of

OPTIMIZERS = {
    "sgd": {"learning_rate": 0.01, "momentum": 0.5},
    "rmsprop": {"learning_rate": 2e-4, "decay": 0.9},
    "adam": {"learning_rate": 2e-4, "b1": 0.5},
}

OPTIMIZER = "optimizers.generator.name"
LOSSES = {
    "loss: discriminator, real": "discriminator/real_loss",
    "loss: discriminator, generated": "discriminator/fake_loss",
    "loss: generator": "generator/loss",
}
ACCURACIES = {
    "real judged real": "discriminator/real_accuracy",
    "generated judged generated": "discriminator/fake_accuracy",
}
QUALITY = {name: name for name in ("coverage", "precision", "recall")}


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
    for title, metrics, blind in (
        ("Losses", LOSSES, math.log(2)),
        ("Accuracies of the discriminator", ACCURACIES, 0.5),
    ):
        figure, axes = curves(runs, metrics, panels=OPTIMIZER)
        for ax in axes:
            ax.axhline(blind, color="black", ls=":", lw=1)
        note = "Means over seeds; bands from the least to the greatest. Dotted: what a "
        yield Figure(title, figure, f"{note}discriminator that cannot tell has.")
    for name, (run, *_) in group_by(runs, OPTIMIZER).items():
        pictures = run.samples["sample"]
        moments = np.linspace(0, len(pictures) - 1, 5).astype(int)
        shown = {f"step {pictures[i][0]:,}": pictures[i][1] for i in moments}
        seed = f"Seed {run.config['seed']}."
        yield Figure(f"Samples under {name}", side_by_side(shown, width=2.2), seed)
    yield table_of(
        "Where they end",
        runs,
        {"optimiser": OPTIMIZER},
        {**LOSSES, **ACCURACIES, **QUALITY},
        beside=(),
        note="Losses and accuracies are means of the last tenth of the records.",
    )
