"""A variational auto-encoder of images, by its bound of the likelihood.

    python -m ganjax.main --config=experiments/vae.py --workdir=runs/vae
    python -m ganjax.main --config=experiments/vae.py:mnist,binary --workdir=runs/mnist

How many nats does a test image cost, and what do codes between two images decode to?

Expect of mnist,binary an ELBO of -100.1 nats and -95.9 by 64 importance samples after a
minute on two quiet cores; with --config.steps=80000 -93.9 and -90.1. Burda et al.,
below, have -86.8 by 5,000 samples after 25 times as many epochs.

Arguments, as in experiments/vae.py:mnist,gaussian:

  data        digits (default), mnist or fashion_mnist
  network     mlp (default); or dcgan, to be set beside experiments/vae_gan.py:mnist
  likelihood  bernoulli (default), or gaussian with variance 0.1
  pixels      grey (default), or binary: black or white, drawn anew each time, for which
              alone a Bernoulli likelihood is one

With mnist,binary the networks have the sizes of Burda et al. 2016, "Importance Weighted
Autoencoders", table 1: two layers of 200 units on each side of 50 latents.
"""

from ganjax.config import ConfigDict, defaults, parse_arg, schedule

DATA = ("digits", "mnist", "fashion_mnist")


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        data=DATA,
        network=("mlp", "dcgan"),
        likelihood=("bernoulli", "gaussian"),
        pixels=("grey", "binary"),
    )
    config = defaults(
        data=chosen.data, network=chosen.network, objective="vae", game="vae"
    )
    config.data.split = "train"
    config.steps = 12_000
    config.batch_size = 100
    config.game.latent_size = 16 if chosen.data == "digits" else 50
    config.game.pixels = chosen.pixels
    config.objective.likelihood = chosen.likelihood
    if chosen.likelihood == "gaussian":
        config.objective.noise_variance = 0.1
    for player in ("encoder", "generator"):
        if chosen.network == "mlp":
            config.networks[player].widths = (200, 200)
        config.optimizers[player].update(learning_rate=1e-3, b1=0.9)
        config.optimizers[player].learning_rate_schedule = schedule("cosine", 0.0)
    config.record.update(pictures_every=3_000, checkpoint_every=3_000)
    return config
