"""scikit-learn's 1,797 handwritten digits, 8 x 8, grey: images without a download.

    python -m ganjax.main --config=experiments/digits.py --workdir=runs/digits

Does the dense GAN draw digits that one can read, and different ones?

Expect most of a grid of 64 to be readable after 80 s on two cores (docs/results.md).

Arguments, as in experiments/digits.py:hinge,mlp:

  objective  non_saturating (default), or any other of experiments/ring.py
  network    dense (default): 256-512-1024 with batch norm against 512-256; or mlp
"""

from ganjax.config import ConfigDict, defaults, objectives, parse_arg, penalty


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg, objective=objectives("non_saturating"), network=("dense", "mlp")
    )
    config = defaults(data="digits", network=chosen.network, objective=chosen.objective)
    config.steps = 20_000
    config.batch_size = 64
    config.game.latent_size = 100
    config.networks.generator.output = "tanh"

    # Without it the discriminator is right about 8 of 10 images after 3,000 steps; with
    # it about 3 of 4 after 20,000.
    config.penalties.r1 = penalty("r1", weight=1.0)

    config.record.pictures_every = 1_000
    config.evaluation.every = 1_000
    return config
