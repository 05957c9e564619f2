"""Densities on a line: the figure of the first paper on GANs, live.

    python -m ganjax.main --config=experiments/densities.py --workdir=runs/densities
    python -m launch --config=experiments/densities.py --workdir=sweeps/densities

From a wrong start the generated density comes to the data's, and D to 1/2 everywhere:
figure 1 of Goodfellow et al. 2014, "Generative Adversarial Nets". Where the generator
is a Gaussian, all is known, the optimal D = p / (p + q) too. The film on a run's page
shows the same, with the score in place of D. States are not kept, so the study takes
the runs' steps again.

Expect densities of one Gaussian that overlap to 0.99, and D within 6e-4 of 1/2 on
average, after a few seconds.

Arguments, as in experiments/densities.py:mixture,minimax:

  scene      gaussian (default): both are a Gaussian; or mixture: an mlp learns two
  objective  non_saturating (default), or any other of experiments/ring.py;
             wasserstein gets its wgan_gp
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganjax.config import (
    ConfigDict,
    defaults,
    objectives,
    parse_arg,
    penalty,
    schedule,
    section,
)
from ganjax.study import Figure, Run, Table, plot, setting, words

MOMENTS = (0, 1, 2, 3, 8)  # in eighths of a run
SAMPLES = 50_000  # for the density of an mlp
LINE, STEP = np.linspace(-5, 4, 121, retstep=True)
SCENES = {"affine": "gaussian", "mlp": "mixture"}  # by the generator


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg, scene=("gaussian", "mixture"), objective=objectives("non_saturating")
    )
    config = defaults(data="mixture", network="affine", objective=chosen.objective)
    config.networks.discriminator.widths = (32, 32)
    if chosen.scene == "gaussian":
        config.data.update(means=((1.0,),), sds=(0.6,), weights=(1.0,))
        config.networks.generator.update(mean=-2.0, sd=1.0)
        config.steps, rate = 2_000, 5e-3
    else:
        config.data.update(means=((-1.5,), (1.0,)), sds=(0.3, 0.6), weights=(0.4, 0.6))
        config.networks.generator = section(
            "network", "mlp", player="generator", widths=(32, 32)
        )
        config.steps, rate = 4_000, 2e-3
    config.game.latent_size = 1
    config.ema = ConfigDict()  # It is the play itself that is looked at.
    # A discriminator close to its optimum at all times, as in the paper's figure.
    config.play.discriminator_rounds = 2
    for player, times in (("discriminator", 2.0), ("generator", 1.0)):
        optimizer = config.optimizers[player]
        optimizer.update(learning_rate=times * rate, b1=0.0, b2=0.99)
        optimizer.learning_rate_schedule = schedule("cosine", 0.0)
    if chosen.objective == "wasserstein":
        config.penalties.wgan_gp = penalty("wgan_gp", weight=10.0)
    if "margin_scale" in config.objective:
        config.objective.margin_scale = 1.0
    config.record.update(every=config.steps // 100, checkpoint_every=config.steps)
    config.record.pictures_every = config.steps // 20
    return config


def sweep(add: Callable[..., None]) -> None:
    """One Gaussian under two losses of the generator, and two."""
    for objective in ("minimax", "non_saturating"):
        add(arg=f"gaussian,{objective}")
    add(arg="mixture")


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """The densities and D at five moments, and how far they are from the optimum."""
    import ganjax
    from ganjax.measures import mixture_log_density

    rows = []
    for run in runs:
        scene = SCENES[setting(run, "networks.generator.name")]
        name = f"{scene}, {words(setting(run, 'objective.name'))}"
        data = np.exp(mixture_log_density(LINE[:, None], run.config["data"]))
        figure, axes = plot(1, len(MOMENTS), width=2.2, height=2.0, sharey=True)
        films = ganjax.load(run.workdir).replay(run.config["steps"] // MOMENTS[-1])
        for ax, index in zip(axes, MOMENTS, strict=True):
            moment = films[index]
            samples = moment.sample(SAMPLES)
            if scene == "gaussian":
                mean, sd = (moment.state.params["generator"][x] for x in ("mean", "sd"))
                affine = {"means": mean[:, None], "sds": abs(sd), "weights": [1.0]}
                generated = np.exp(mixture_log_density(LINE[:, None], affine))
            else:
                edges = np.append(LINE - STEP / 2, LINE[-1] + STEP / 2)
                generated = np.histogram(samples, edges)[0] / (SAMPLES * STEP)
            found = 1 / (1 + np.exp(-moment.score(LINE[:, None]).astype(float)))
            both = data + generated
            # Where next to nothing is ever seen, nothing is learnt.
            best = np.where(both > 1e-3, data / np.maximum(both, 1e-3), np.nan)
            for density, colour in ((data, "C0"), (generated, "C1")):
                ax.plot(LINE, density, colour)
                ax.fill_between(LINE, density, color=colour, alpha=0.15, lw=0)
            ax.plot(LINE, best, "k:", lw=1)
            ax.plot(LINE, found, "k", lw=1)
            ax.set(title=f"step {moment.step:,}", ylim=(0, 1.1), xlim=LINE[[0, -1]])
            rows.append(
                (
                    *(name, moment.step, float(samples.mean()), float(samples.std())),
                    float(STEP * np.minimum(data, generated).sum()),
                    float(STEP / 2 * np.nansum(both * np.abs(found - best))),
                    float(STEP / 2 * both @ np.abs(found - 0.5)),
                )
            )
        yield Figure(
            f"The figure of 2014: {name}",
            figure,
            "Blue: the data's density; orange: the generated one, of samples where an "
            "mlp makes it. Black: D; dotted: p / (p + q), the best that it could be.",
        )
    yield Table(
        "How far from the optimum",
        (
            *("run", "step", "mean generated", "sd generated", "overlap of p and q"),
            *("mean of |D - D*|", "mean of |D - 1/2|"),
        ),
        rows,
        "The overlap is the integral of the lesser density, 1 where they are the same. "
        "Means are over real and generated examples alike.",
    )
