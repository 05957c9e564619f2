"""MNIST: 60,000 handwritten digits, 28 x 28, grey.

    python -m ganjax.main --config=experiments/mnist.py --workdir=runs/mnist

Does the convolutional GAN draw digits that one can read, each class in its column if
it is told the class?

Arguments, as in experiments/mnist.py:wasserstein,dcgan or mnist.py:hinge,conditional:

  objective    non_saturating (default), or any other of experiments/ring.py
  network      dcgan (default) or dense
  conditioning unconditional (default) or conditional

The discriminator of dcgan has spectral normalisation; with batch norm the samples of a
class look alike after three epochs. The wasserstein discriminator has a gradient
penalty and five rounds a step in its place.

The data is looked for in --config.data.directory, then in $GANJAX_DATA/mnist, and
downloaded once if it is in neither.
"""

from ganjax.config import ConfigDict, defaults, objectives, parse_arg, penalty


def get_config(arg: str = "", data: str = "mnist") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=objectives("non_saturating"),
        network=("dcgan", "dense"),
        conditioning=("unconditional", "conditional"),
    )
    config = defaults(data=data, network=chosen.network, objective=chosen.objective)
    config.batch_size = 64
    config.steps = 2_814  # 3 epochs of 60,000 images
    config.game.latent_size = 100
    if chosen.conditioning == "conditional":
        config.networks.generator.conditioning = "embedding"
        config.networks.discriminator.conditioning = "projection"
    if chosen.network == "dcgan":
        config.networks.discriminator.normalization = "spectral"
    if chosen.objective == "wasserstein":
        config.networks.discriminator.normalization = "none"
        config.play.discriminator_rounds = 5
        config.penalties.wgan_gp = penalty("wgan_gp")
    config.ema.generator.decay = 0.99  # of the last 100 steps: the run is short
    config.record.update(every=50, pictures_every=469, checkpoint_every=938)
    return config
