"""Densities that are apart: does the optimal discriminator leave a gradient?

    python -m ganjax.main --config=experiments/apart.py:minimax --workdir=runs/apart
    python -m launch --config=experiments/apart.py --workdir=sweeps/apart

The generator is frozen, a narrow Gaussian forty standard deviations away from the
data's, and only the discriminator learns: what becomes of the gradient that the
generator would get? (Arjovsky and Bottou 2017, "Towards Principled Methods for Training
Generative Adversarial Networks", section 2.)

It vanishes under minimax, to 2e-7 within 2,000 steps. It stays under the others: under
Wasserstein at 1.198, where theory says 1.2, and under LS-GAN as it is after 12 steps,
when its objective is 0; experiments/steepness.py looks closer. A few seconds each.

Arguments, as in experiments/apart.py:minimax:

  objective  non_saturating (default), or any other of experiments/ring.py;
             wasserstein gets its wgan_gp
"""

from collections.abc import Callable, Iterator, Sequence

from ganjax.config import ConfigDict, defaults, objectives, parse_arg, penalty, section
from ganjax.study import Figure, Run, Table, curves, table_of, tail

START, WHERE, SD = -2.0, 2.0, 0.1  # generated, real, and their sd
GRADIENT = "generator/gradient_norm"


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    objective = parse_arg(arg, objective=objectives("non_saturating")).objective
    config = defaults(data="mixture", network="affine", objective=objective)
    config.data.update(means=((WHERE,),), sds=(SD,), weights=(1.0,))
    config.game.latent_size = 1
    config.networks.generator.update(mean=START, sd=SD)
    # Of an mlp no tanh bounds the slope.
    config.networks.discriminator = section(
        "network", "mlp", player="discriminator", widths=(32, 32)
    )
    config.play.frozen = "generator"
    config.optimizers.discriminator.update(learning_rate=2e-3, b1=0.0, b2=0.99)
    config.ema = ConfigDict()
    if objective == "wasserstein":
        config.penalties.wgan_gp = penalty("wgan_gp", weight=10.0)
    if "margin_scale" in config.objective:
        config.objective.margin_scale = 1.0
    config.steps = 2_000
    config.record.update(every=20, pictures_every=100, checkpoint_every=2_000)
    return config


def sweep(add: Callable[..., None]) -> None:
    """Four objectives; of seeds, one is enough."""
    for objective in ("minimax", "non_saturating", "wasserstein", "loss_sensitive"):
        add(arg=objective)


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """The gradient that the generator would get, and where the discriminators end."""
    figure, (ax,) = curves(runs, GRADIENT, by="objective.name", scale="log", width=6.4)
    ax.set(xlabel="step of the discriminator", ylabel="norm of the gradient")
    note = "Norm of the generator's loss's gradient in its mean and sd."
    yield Figure("The gradient that the generator would get", figure, note)
    yield table_of(
        "Where the discriminators end",
        runs,
        "objective.name",
        {
            "gradient at first": lambda run: run.metrics[GRADIENT][1][0],
            "at the end": GRADIENT,
            "sd over the end": lambda run: tail(run, GRADIENT).std(),
            "real score": lambda run: score(run, "real"),
            "generated score": lambda run: score(run, "fake"),
            "difference": lambda run: score(run, "real") - score(run, "fake"),
        },
        beside=(),
        note="At first is the first record, a mean over its steps; the end, the last "
        f"tenth. The Wasserstein distance is {WHERE - START:g}. A penalty of weight 10 "
        f"lets the critic's slope rise to 1 + {WHERE - START:g} / 20 = 1.2, and the "
        "difference of its scores to 4.8, as interpolates are spread evenly over the "
        "gap.",
    )


def score(run: Run, side: str) -> float:
    """The last record's mean score of real or of generated examples."""
    return float(run.metrics[f"discriminator/{side}_score"][1][-1])
