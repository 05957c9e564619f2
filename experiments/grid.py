"""A grid of 25 Gaussians, spacing 2, sd 0.05: does the generator drop modes?

    python -m ganjax.main --config=experiments/grid.py --workdir=runs/grid

Expect 25 modes and 95 to 97 % high quality over seeds 0 to 4, after five minutes of one
core, but modes that are too narrow: variance ratio 0.25 to 0.64 (docs/results.md).

Arguments, as in experiments/grid.py:hinge:

  objective  relativistic (default), or any other of ganjax.schema.OBJECTIVES
  constraint usual (default): zero-centred gradient penalties on both sides; none; or
             interpolated_gradient
"""

from ganjax.config import (
    ConfigDict,
    defaults,
    objectives,
    parse_arg,
    penalty,
    schedule,
)


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=objectives("relativistic"),
        constraint=("usual", "none", "interpolated_gradient"),
    )
    config = defaults(data="grid", network="mlp", objective=chosen.objective)
    config.steps = 100_000
    config.batch_size = 256

    for optimizer in config.optimizers.values():
        optimizer.update(learning_rate=2e-3, b1=0.0, b2=0.99)
        optimizer.learning_rate_schedule = schedule("cosine", 0.0)

    if chosen.constraint == "usual":
        # Ten times the ring's: slopes shrink as the data grows.
        for name in ("real_gradient", "fake_gradient"):
            falling = schedule("cosine", 0.01)
            config.penalties[name] = penalty(name, weight=1.0, weight_schedule=falling)
    elif chosen.constraint == "interpolated_gradient":
        # Weight 0.1 for toys, as in the authors' code.
        config.penalties.interpolated_gradient = penalty(
            "interpolated_gradient", weight=0.1
        )
        config.schedule.discriminator_rounds = 5

    config.record.pictures_every = 2_500
    config.evaluation.every = 2_500
    return config
