"""A VAE whose reconstructions are compared by the features of a discriminator.

    python -m ganjax.main --config=experiments/vae_gan.py --workdir=runs/vae_gan

Are reconstructions sharper than those of experiments/vae.py, by the measure sharpness:
the variance of their Laplacian over that of the originals?

Expect 0.97 of the test digits, where the VAE has 0.54, and an error that is lower too:
4.3 against 5.3 in squared distance. Of mnist expect 0.99 where experiments/vae.py:mnist
of the same networks has 0.52 (its argument dcgan), and 44 against 20 in distance, after
half an hour on a busy core.

Argument, as in experiments/vae_gan.py:mnist:

  data        digits (default), of fully connected networks; mnist or fashion_mnist, of
              convolutional ones

Larsen et al. 2016, "Autoencoding beyond pixels using a learned similarity metric".
"""

from ganjax.config import ConfigDict, defaults, parse_arg, penalty

DATA = ("digits", "mnist", "fashion_mnist")


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, data=DATA)
    is_small = chosen.data == "digits"
    config = defaults(
        data=chosen.data,
        network="dense" if is_small else "dcgan",
        objective="vae_gan",
        game="vae_gan",
    )
    config.data.split = "train"
    config.steps = 4_000 if is_small else 5_628  # 6 epochs of 60,000 images
    config.batch_size = 64
    config.game.latent_size = 16 if is_small else 50
    config.objective.reconstruction_weight = 0.1
    if is_small:
        config.networks.encoder.widths = (200, 200)
    else:
        config.networks.discriminator.normalization = "spectral"
        for average in config.ema.values():
            average.decay = 0.99  # over 100 steps, as the run is short
    config.penalties.r1 = penalty("r1", weight=1.0)
    config.record.update(pictures_every=1_000, checkpoint_every=1_000)
    return config
