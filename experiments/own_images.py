"""Your own images, in a folder: at 32 x 32, in colour or grey, by class where sorted.

    python -m ganjax.main --config=experiments/own_images.py --workdir=runs/own \
        --config.data.directory=FOLDER

Does the convolutional GAN draw images like yours?

All images in the folder and below are read, turned upright, cropped around the centre
and resized; they become grey where all of them are. Where each lies in a sub-folder,
the sub-folders are classes: the generator is told one, and each has its column in the
grids. A few hundred images suffice to see what they are of.

Expect faces that one recognises of 400 portraits, grey, in 40 folders of 10, after
3 min 26 s on two cores, 5 min 23 s of CPU; and of 435 colour photographs in one folder,
docs/own_images.png, after 6 min 10 s of CPU on a busy machine (26 November 2026).

Arguments, as in experiments/own_images.py:64 or own_images.py:dense:

  network    dcgan (default) or dense
  size       32 (default) or 64, in pixels; --config.data.height and .width set any

The discriminator of dcgan has spectral normalisation; that of dense a penalty on its
gradient at real images.
"""

from ganjax.config import ConfigDict, defaults, parse_arg, penalty

CHANNELS = {"32": (256, 128, 64), "64": (256, 128, 64, 32)}  # of the generator


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, network=("dcgan", "dense"), size=("32", "64"))
    config = defaults(
        data="own_images", network=chosen.network, objective="non_saturating"
    )
    config.data.update(height=int(chosen.size), width=int(chosen.size))
    config.batch_size = 32
    config.steps = 2_000
    config.game.latent_size = 100
    networks = config.networks
    networks.generator.conditioning = "embedding"
    networks.discriminator.conditioning = "projection"
    if chosen.network == "dcgan":
        networks.generator.channels = CHANNELS[chosen.size]
        networks.discriminator.channels = CHANNELS[chosen.size][::-1]
        networks.discriminator.normalization = "spectral"
    else:
        config.penalties.r1 = penalty("r1", weight=1.0)
    config.ema.generator.decay = 0.99  # of the last 100 steps: the run is short
    config.record.update(every=50, pictures_every=250, checkpoint_every=500)
    config.evaluation.samples = 500
    return config
