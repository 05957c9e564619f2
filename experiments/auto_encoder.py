"""A plain auto-encoder of images, to be set beside experiments/vae.py and a GAN.

    python -m ganjax.main --config=experiments/auto_encoder.py --workdir=runs/ae
    python -m ganjax.main --config=experiments/vae.py --workdir=runs/vae
    python -m ganjax.main --config=experiments/digits.py --workdir=runs/gan
    python -m ganjax.report runs/ae runs/vae runs/gan --output=codes.html

What lies halfway between the codes of two images? Nothing asks an auto-encoder to make
images of codes that are not its own: experiments/halfway.py measures how often it fails
there. Expect it to reconstruct best of all, at 1.6 in squared distance where the VAE
has 5.3.

Argument, as in experiments/auto_encoder.py:mnist:

  data        digits (default), mnist or fashion_mnist
"""

from ganjax.config import ConfigDict, defaults, parse_arg, schedule

DATA = ("digits", "mnist", "fashion_mnist")


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, data=DATA)
    config = defaults(
        data=chosen.data, network="mlp", objective="auto_encoder", game="auto_encoder"
    )
    config.data.split = "train"
    config.steps = 12_000
    config.batch_size = 100
    config.game.latent_size = 16 if chosen.data == "digits" else 50
    config.networks.generator.output = "tanh"
    for player in ("encoder", "generator"):
        config.networks[player].widths = (200, 200)
        config.optimizers[player].update(learning_rate=1e-3, b1=0.9)
        config.optimizers[player].learning_rate_schedule = schedule("cosine", 0.0)
    config.record.update(pictures_every=3_000, checkpoint_every=3_000)
    return config
