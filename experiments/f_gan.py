"""f-GAN: one generator under every f-divergence, and the optimum of each beside it.

    python -m ganjax.main --config=experiments/f_gan.py:kl --workdir=runs/kl
    python -m launch --config=experiments/f_gan.py --workdir=sweeps/f_gan
    python -m launch --config=experiments/f_gan.py:mnist --workdir=sweeps/f_gan_mnist

A Gaussian N(mu, sigma^2) is fitted to a mixture of two that it cannot match, so that
each divergence has an optimum of its own (Nowozin et al. 2016, "f-GAN", section 3.1 and
table 3). The study finds the optima by quadrature and puts mu, sigma and the bound
learned beside them, and how each learned Gaussian does under every other divergence.

Expect every mu and sigma within 0.03 of its own optimum, and the least of each column
of the cross table on the diagonal (docs/results.md); 24 runs in four minutes of CPU.

Arguments, as in experiments/f_gan.py:divergence=kl,alternating or f_gan.py:gan,mnist:

  divergence jensen_shannon (default), weighted_jensen_shannon, gan, total_variation,
             kl, reverse_kl, jeffrey, pearson, neyman, squared_hellinger,
             alpha_below_one or alpha_above_one
  generator  saturating (default): descends the bound; or direct: section 3.2
  play       simultaneous (default): the paper's single-step algorithm 1; or
             alternating: a double loop, --config.play.discriminator_rounds=k
  data       mixture (default), digits or mnist, these with the dense networks
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy.stats import norm

from ganjax.config import (
    ConfigDict,
    defaults,
    divergences,
    parse_arg,
    penalty,
    schedule,
)
from ganjax.study import (
    Figure,
    Run,
    Table,
    group_by,
    picture,
    plot,
    samples,
    setting,
    tail,
    words,
)

KEYS = ("objective.divergence", "objective.pi", "objective.alpha")
NUMBERS = {
    "weighted_jensen_shannon": {"pi": 0.3},
    "alpha_below_one": {"alpha": -0.5},
    "alpha_above_one": {"alpha": 1.5},
}
LINE = np.linspace(-60, 60, 60_001)  # Neyman's tails are long


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        divergence=divergences("jensen_shannon"),
        generator=("saturating", "direct"),
        play=("simultaneous", "alternating"),
        data=("mixture", "digits", "mnist"),
    )
    is_mixture = chosen.data == "mixture"
    config = defaults(
        data=chosen.data,
        network="affine" if is_mixture else "dense",
        objective="f_divergence",
        play=chosen.play,
    )
    config.objective.update(divergence=chosen.divergence, generator=chosen.generator)
    config.objective.update(NUMBERS.get(chosen.divergence, {}))
    if chosen.divergence == "total_variation":
        # Otherwise the scores run into the flat arms of its tanh, and stay there.
        config.penalties.score_drift = penalty("score_drift", weight=0.01)
    (_toward_optimum if is_mixture else _toward_images)(config)
    return config


def _toward_optimum(config: ConfigDict) -> None:
    config.data.means = ((-1.0,), (2.0,))
    config.data.sds = (0.065**0.5, 2.0**0.5)
    config.data.weights = (0.33, 0.67)
    config.game.latent_size = 1
    config.steps = 10_000
    config.batch_size = 1024
    config.networks.discriminator.widths = (64, 64)
    for optimizer in config.optimizers.values():
        optimizer.update(learning_rate=0.01, b1=0.0, b2=0.99)
        optimizer.learning_rate_schedule = schedule("cosine", 0.0)
    config.record.update(pictures_every=2_500, checkpoint_every=5_000)
    config.evaluation.samples = 100_000


def _toward_images(config: ConfigDict) -> None:
    config.steps = 10_000
    config.batch_size = 64
    config.game.latent_size = 100
    config.record.pictures_every = 1_000
    config.evaluation.every = 1_000


def sweep(add: Callable[..., None]) -> None:
    """Every divergence, over two seeds."""
    for seed in range(2):
        for divergence in divergences("jensen_shannon"):
            add(arg=f"divergence={divergence}", seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """Learned beside exact, and every learned Gaussian under every divergence."""
    if setting(runs[0], "data.name") != "mixture":
        for name, (run, *_) in group_by(runs, KEYS[0]).items():
            step, path = run.samples["sample"][-1]
            title = f"Samples under {words(name)}"
            yield Figure(title, picture(path), f"After {step:,} steps.")
        return
    from ganjax.measures import best_gaussian, f_divergence, mixture_log_density

    log_p = mixture_log_density(LINE[:, None], runs[0].config["data"])
    groups = group_by(runs, *KEYS)
    names = [words(name) for name, _, _ in groups]
    rows, crossed = [], []
    figure, ax = plot(width=6.0, height=3.6)
    for index, ((name, pi, alpha), group) in enumerate(groups.items()):
        *exact, least = best_gaussian(log_p, LINE, name, pi=pi, alpha=alpha)
        learned = np.array([(x.mean(), x.std()) for x in map(samples, group)])
        mean, worst = learned.mean(axis=0), np.abs(learned - exact).max(axis=0)
        # The bound is minus the discriminator's loss.
        bound = -np.mean([tail(run, "discriminator/loss").mean() for run in group])
        beside = np.stack([exact, mean, worst], axis=1).ravel()
        rows.append((names[index], least, bound, *beside))

        log_q = norm.logpdf(LINE, *mean)
        measured = [
            f_divergence(log_p, log_q, LINE, other, pi=pi, alpha=alpha)
            for other, pi, alpha in groups
        ]
        crossed.append((names[index], *measured))

        colour, marker = f"C{index % 6}", "os"[index // 6]
        ax.plot(*exact, "x", color=colour, ms=9)
        ax.plot(*learned.T, marker, color=colour, ms=4)
        # The same optimum as Jensen-Shannon's, so its name goes to the other side.
        offset = (-24, 5) if name == "gan" else (6, 5)
        ax.annotate(names[index], exact, offset, textcoords="offset points")
    ax.set(xlabel="mu", ylabel="sigma")
    of_each = ("exact {}", "{}", "worst error of {}")
    heads = (head.format(name) for name in ("mu", "sigma") for head in of_each)
    yield Table(
        "Learned beside exact",
        ("divergence", "exact D", "bound", *heads),
        rows,
        "Means over seeds, and worst errors. The bound is of the last tenth of steps.",
    )
    yield Figure(
        "Where each divergence puts its Gaussian",
        figure,
        "Crosses: exact optima, by quadrature. Dots: learned, one for each seed.",
    )
    yield Table(
        "Trained under the row, measured by the column",
        ("trained under", *names),
        crossed,
        "Exact divergences from the mixture of the Gaussian with the learned mu and "
        "sigma, means over seeds. The least of a column should lie on the diagonal.",
    )
