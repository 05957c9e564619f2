"""Does the generator's gradient vanish when the discriminator is trained well?

    python -m launch --config=experiments/vanishing_gradient.py \
        --workdir=sweeps/vanishing_gradient

Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities", says
of LS-GAN that its generator's gradient does not vanish however well the discriminator
is trained. What is its norm when the discriminator moves 1, 3, 5 or 25 times as often,
beside that of WGAN and minimax? The GANs are those of experiments/loss_sensitive.py.

Expect none to vanish up to 5 rounds. With 25 that of minimax falls to a third of what 5
rounds leave, and for moments to 0.04; that of LS-GAN is the largest of all. The samples
get worse all the same: coverage 0.45 with LS-GAN, 0.41 with WGAN and 0.25 with minimax.

The argument is that of experiments/loss_sensitive.py.
"""

from collections.abc import Callable, Iterator, Sequence

import loss_sensitive
from ganjax.config import ConfigDict
from ganjax.study import Figure, Run, Table, curves, head, setting, table_of

ROUNDS = "play.discriminator_rounds"
GRADIENT = "generator/gradient_norm"


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    return loss_sensitive.get_config(arg)


def sweep(add: Callable[..., None]) -> None:
    """Four discriminators for each objective; two seeds of the usual one."""
    for objective, usual in (("loss_sensitive", 1), ("wasserstein", 5), ("minimax", 1)):
        for rounds in (1, 3, 5, 25):
            for seed in range(2 if rounds == usual else 1):
                add(arg=objective, seed=seed, **{ROUNDS: rounds})


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """The norm of the gradient over training, and at its beginning and end."""
    runs = sorted(runs, key=lambda run: setting(run, ROUNDS))
    figure, _ = curves(runs, GRADIENT, by=ROUNDS, panels="objective.name", scale="log")
    yield Figure("The generator's gradient", figure, "Bands over seeds.")
    table = table_of(
        "The generator's gradient",
        sorted(runs, key=lambda run: setting(run, "objective.name")),
        {"objective": "objective.name", "discriminator rounds": ROUNDS},
        {
            "first tenth": lambda run: head(run, GRADIENT).mean(),
            "last tenth": GRADIENT,
        },
        beside=(),
        note="Mean norm over a tenth of the records.",
    )
    rows = [(*row, row[-1] / row[-2]) for row in table.rows]
    yield table._replace(columns=(*table.columns, "ratio"), rows=rows)
