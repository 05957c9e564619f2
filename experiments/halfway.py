"""What lies halfway between the codes of two images?

    python -m launch --config=experiments/halfway.py --workdir=sweeps/halfway
"""

from collections.abc import Callable

from ganjax.config import ConfigDict, defaults, parse_arg, penalty, schedule

# What learns to decode, and its objective, which its game is named after but for a GAN.
METHODS = {
    "auto_encoder": "auto_encoder",
    "vae": "vae",
    "vae_gan": "vae_gan",
    "gan": "non_saturating",
}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        method=(*METHODS, "judge"),
        data=("digits", "mnist", "fashion_mnist"),
    )
    is_small = chosen.data == "digits"
    if chosen.method == "judge":
        config = defaults(
            data=chosen.data, network="mlp", objective="classification", game="supervised"
        )
    else:
        config = defaults(
            data=chosen.data,
            network="mlp",
            objective=METHODS[chosen.method],
            game="adversarial" if chosen.method == "gan" else chosen.method,
        )
        config.game.latent_size = 50
    config.data.split = "train"
    config.steps, config.batch_size = 6_000, 100
    for network in config.networks.values():
        network.widths = (200, 200) if is_small else (512, 256)
    for optimizer in config.optimizers.values():
        optimizer.update(learning_rate=1e-3, b1=0.9)
        optimizer.learning_rate_schedule = schedule("cosine", 0.0)
    if chosen.method in ("gan", "vae_gan"):
        config.penalties.real_gradient = penalty("real_gradient", weight=1.0)
        for optimizer in config.optimizers.values():
            optimizer.b1 = 0.5
    if chosen.method != "judge" and chosen.method != "vae":
        config.networks.generator.output = "tanh"
    if chosen.method == "vae_gan":
        config.objective.reconstruction_weight = 0.1
    config.record.update(pictures_every=config.steps, checkpoint_every=config.steps)
    return config
