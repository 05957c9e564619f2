"""Fashion-MNIST: 60,000 garments, 28 x 28, grey, in ten classes.

    python -m ganjax.main --config=experiments/fashion_mnist.py --workdir=runs/fashion

Does the convolutional GAN draw garments that one recognises? Arguments and networks are
those of experiments/mnist.py, as in experiments/fashion_mnist.py:wasserstein,dcgan.

The data is looked for in --config.data.directory, then in $GANJAX_DATA/fashion_mnist,
and downloaded once if it is in neither.
"""

import mnist
from ganjax.config import ConfigDict


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    return mnist.get_config(arg, data="fashion_mnist")
