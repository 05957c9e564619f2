"""Loss-sensitive GANs without batch norm, beside WGAN and minimax.

    python -m launch --config=experiments/loss_sensitive.py \
        --workdir=sweeps/loss_sensitive
    python -m ganjax.main --config=experiments/loss_sensitive.py --workdir=runs/ls

Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities", says
of LS-GAN that it does without batch norm. How good are the samples of a small dense GAN
with batch norm in the generator, in both networks and in neither? What else he says of
it is asked by experiments/vanishing_gradient.py and experiments/few_labels.py.

Expect a coverage of 0.79 with LS-GAN, 0.81 with GLS-GAN, 0.63 with WGAN and 0.87 with
minimax, and within 0.05 of that without any batch norm. With it in the discriminator
all four fail alike, at 0: it hides what a whole batch has in common. 24 runs; the 64
different ones of all three experiments took half an hour, one at a time on two busy
cores.

Arguments, as in experiments/loss_sensitive.py:wasserstein,batch:

  objective     loss_sensitive (default), generalized_loss_sensitive, wasserstein or
                minimax
  normalization plain (default): batch norm in the generator only; batch: in both; or
                neither
  data          digits (default) or mnist
"""

from collections.abc import Callable, Iterator, Sequence

from ganjax.config import ConfigDict, defaults, parse_arg
from ganjax.study import Figure, Run, Table, picture_grid, setting, table_of

OBJECTIVES = ("loss_sensitive", "generalized_loss_sensitive", "wasserstein", "minimax")
NORMALIZED = {
    ("batch", "none"): "in the generator",
    ("batch", "batch"): "in both",
    ("none", "none"): "in neither",
}
PIXELS = {"digits": 8 * 8, "mnist": 28 * 28}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=OBJECTIVES,
        normalization=("plain", "batch", "neither"),
        data=tuple(PIXELS),
    )
    clipped = chosen.objective == "wasserstein"
    config = defaults(
        data=chosen.data,
        network="dense",
        objective=chosen.objective,
        optimizer="rmsprop" if clipped else "adam",
    )
    config.data.split = "train"
    config.steps, config.batch_size = 2_000, 64
    config.game.latent_size = 50
    config.networks.generator.widths = (128, 256)
    config.networks.discriminator.widths = (256, 128)
    if chosen.normalization == "batch":
        config.networks.discriminator.normalization = "batch"
    if chosen.normalization == "neither":
        config.networks.generator.normalization = "none"
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = 1e-3
    if "margin_scale" in config.objective:
        # The author's 2e-4 for 64 x 64 x 3 numbers, and 8e-4 for 32 x 32 x 3 with
        # classes, are both 2.46 times the mean distance of a number.
        config.objective.margin_scale = 2.46 / PIXELS[chosen.data]
    if chosen.objective == "generalized_loss_sensitive":
        config.objective.slope = -1.0  # the absolute value
    if clipped:
        # Arjovsky et al. 2017, algorithm 1, but with larger weights and a larger
        # learning rate: a small network and a short run.
        config.optimizers.discriminator.clip_weights = 0.05
        config.play.discriminator_rounds = 5
    config.ema.generator.decay = 0.99  # of the last 100 steps: the run is short
    config.record.update(pictures_every=config.steps, checkpoint_every=config.steps)
    config.record.update(every=20, examples=36)
    return config


def sweep(add: Callable[..., None]) -> None:
    """Each objective with each normalization, two seeds."""
    for objective in OBJECTIVES:
        for normalization in ("plain", "batch", "neither"):
            for seed in range(2):
                add(arg=f"{objective},{normalization}", seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """Samples and their quality, by where there is batch norm."""
    yield Figure(
        "Samples, by where there is batch norm",
        picture_grid(runs, columns="objective.name", rows=batch_norm),
        f"After {runs[0].config['steps']:,} steps; the first seed.",
    )
    yield table_of(
        "Quality, by where there is batch norm",
        runs,
        ("objective.name", batch_norm),
        ("coverage", "precision", "recall"),
        beside=("least", "greatest"),
        note="The discriminator's batch norm takes the mean of each batch from the "
        "first layer too, so that a pixel which is the same in all images may have any "
        "value.",
    )


def batch_norm(run: Run) -> str:
    """Where there is some."""
    players = ("generator", "discriminator")
    found = (setting(run, f"networks.{player}.normalization") for player in players)
    return NORMALIZED[tuple(found)]
