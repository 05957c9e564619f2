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

  divergence jensen_shannon (default) or any other of ganjax.config.schema.DIVERGENCES
  generator  saturating (default): descends the bound; or direct: section 3.2
  play       simultaneous (default): the paper's single-step algorithm 1; or
             alternating: a double loop, --config.play.discriminator_rounds=k
  data       mixture (default), digits or mnist, these with the dense networks
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
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
    mean_and_sd,
    picture,
    plot,
    samples,
)

NUMBERS = {
    "weighted_jensen_shannon": {"pi": 0.3},
    "alpha_below_one": {"alpha": -0.5},
    "alpha_above_one": {"alpha": 1.5},
}


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
    groups = group_by(runs, "objective.divergence")
    data = runs[0].config["data"]
    if data["name"] != "mixture":
        yield from _progress_of(groups)
        return
    optima = {
        name: optimum(data, name, _number(group)) for name, group in groups.items()
    }
    learned = {
        name: [(float(x.mean()), float(x.std())) for x in map(samples, group)]
        for name, group in groups.items()
    }
    yield _beside_the_optimum(groups, optima, learned)
    yield Figure(
        "Where each divergence puts its Gaussian",
        _positions(optima, learned),
        "Crosses: exact optima, by quadrature. Dots: learned, one for each seed.",
    )
    yield _cross_table(data, groups, learned)


def _number(group: Sequence[Run]) -> float:
    """pi or alpha of a group's divergence; NaN where it has neither."""
    objective = group[0].config["objective"]
    given = [objective[name] for name in ("pi", "alpha") if objective[name] is not None]
    return given[0] if given else math.nan


def value(
    data: Mapping[str, Any], divergence: str, number: float, mu: float, sd: float
) -> float:
    """D_f(P || N(mu, sd^2)) by quadrature, P the mixture of a config's data section."""
    reach = max(abs(m[0]) for m in data["means"]) + 12 * max(*data["sds"], sd)
    x, step = np.linspace(-reach, reach, 20_001, retstep=True)
    weights = np.array(data["weights"]) / np.sum(data["weights"])
    parts = [
        np.log(w) + norm.logpdf(x, m[0], s)
        for w, m, s in zip(weights, data["means"], data["sds"], strict=True)
    ]
    integrand = integrands(logsumexp(parts, axis=0), norm.logpdf(x, mu, sd), number)
    return float(np.sum(integrand[divergence]()) * step)


def integrands(
    log_p: np.ndarray, log_q: np.ndarray, number: float
) -> dict[str, Callable[[], np.ndarray]]:
    """q f(p / q) of each divergence, from log densities: no ratio over- or underflows.

    Terms that integrate to 0 are kept, so that powers of p / q cancel where p = q.
    """
    p, q, a = np.exp(log_p), np.exp(log_q), number

    def skewed(pi: float) -> np.ndarray:
        log_m = np.logaddexp(np.log(pi) + log_p, np.log1p(-pi) + log_q)
        return pi * p * (log_p - log_m) + (1 - pi) * q * (log_q - log_m)

    def alpha() -> np.ndarray:
        mixed = np.exp(a * log_p + (1 - a) * log_q)
        return (mixed - q - a * (p - q)) / (a * (a - 1))

    return {
        "total_variation": lambda: np.abs(p - q) / 2,
        "kl": lambda: p * (log_p - log_q),
        "reverse_kl": lambda: q * (log_q - log_p),
        "pearson": lambda: np.exp(2 * log_p - log_q) - 2 * p + q,
        "neyman": lambda: np.exp(2 * log_q - log_p) - 2 * q + p,
        "squared_hellinger": lambda: p + q - 2 * np.exp((log_p + log_q) / 2),
        "jeffrey": lambda: (p - q) * (log_p - log_q),
        "jensen_shannon": lambda: 2 * skewed(0.5),
        "weighted_jensen_shannon": lambda: skewed(a),
        "gan": lambda: 2 * skewed(0.5) - np.log(4) * q,
        "alpha_below_one": alpha,
        "alpha_above_one": alpha,
    }


def optimum(
    data: Mapping[str, Any], divergence: str, number: float
) -> tuple[float, float, float]:
    """mu, sd and the divergence of the best Gaussian."""

    def loss(parameters: np.ndarray) -> float:
        return value(data, divergence, number, parameters[0], np.exp(parameters[1]))

    # From several starts: total variation has more than one valley.
    found = [
        minimize(loss, (mu, np.log(sd)), method="Nelder-Mead", options={"xatol": 1e-6})
        for mu, sd in ((1.0, 1.8), (2.0, 1.4))
    ]
    best = min(found, key=lambda result: result.fun)
    return float(best.x[0]), float(np.exp(best.x[1])), float(best.fun)


def _beside_the_optimum(
    groups: Mapping[str, Sequence[Run]],
    optima: Mapping[str, tuple[float, float, float]],
    learned: Mapping[str, Sequence[tuple[float, float]]],
) -> Table:
    rows = []
    for name, group in groups.items():
        mu, sd, least = optima[name]
        # The bound is minus the discriminator's loss.
        bounds = [-run.metrics["discriminator/loss"][1][-10:].mean() for run in group]
        found = np.array(learned[name])
        worst = np.abs(found - (mu, sd)).max(axis=0)
        rows.append(
            (
                *(name, least, mean_and_sd(bounds)[0]),
                *(mu, found[:, 0].mean(), worst[0]),
                *(sd, found[:, 1].mean(), worst[1]),
            )
        )
    return Table(
        "Learned beside exact",
        (
            *("divergence", "D exact", "bound", "mu exact", "mu", "worst error of mu"),
            *("sigma exact", "sigma", "worst error of sigma"),
        ),
        rows,
        "Means over seeds; the worst errors are over seeds. The bound is the mean over "
        "the last 1,000 steps.",
    )


def _positions(
    optima: Mapping[str, tuple[float, float, float]],
    learned: Mapping[str, Sequence[tuple[float, float]]],
) -> object:
    figure, ax = plot(width=6.0, height=3.6)
    for index, (name, (mu, sd, _)) in enumerate(optima.items()):
        colour = f"C{index % 6}"
        ax.plot(mu, sd, "x", color=colour, ms=9)
        marker = "o" if index < 6 else "s"
        ax.plot(*zip(*learned[name], strict=True), marker, color=colour, ms=4, ls="")
        # The same optimum as Jensen-Shannon's, so its name goes to the other side.
        offset = (-24, 5) if name == "gan" else (6, 5)
        ax.annotate(
            name.replace("_", " "), (mu, sd), offset, textcoords="offset points"
        )
    ax.set(xlabel="mu", ylabel="sigma")
    return figure


def _cross_table(
    data: Mapping[str, Any],
    groups: Mapping[str, Sequence[Run]],
    learned: Mapping[str, Sequence[tuple[float, float]]],
) -> Table:
    """Rows: what trained; columns: what measures, exactly; as the paper's table 3."""
    rows = []
    for trained in groups:
        mu, sd = np.mean(learned[trained], axis=0)
        row = [value(data, n, _number(group), mu, sd) for n, group in groups.items()]
        rows.append((trained, *row))
    return Table(
        "Trained under the row, measured by the column",
        ("trained under", *groups),
        rows,
        "Exact divergences from the mixture of the Gaussian with the learned mu and "
        "sigma, means over seeds. The least of a column should lie on the diagonal.",
    )


def _progress_of(groups: Mapping[str, Sequence[Run]]) -> Iterator[Figure]:
    for name, group in groups.items():
        step, path = group[0].samples["sample"][-1]
        yield Figure(f"Samples under {name}", picture(path), f"After {step:,} steps.")
