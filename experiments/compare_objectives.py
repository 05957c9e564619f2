"""Are GANs created equal? Every score objective, tuned alike, on ring, grid and digits.

    python -m launch --config=experiments/compare_objectives.py:small \
        --workdir=sweeps/compare_objectives
    python -m ganjax.main --config=experiments/compare_objectives.py:hinge,ring \
        --workdir=runs/hinge

After Lucic et al. 2018, "Are GANs Created Equal? A Large-Scale Study". Each objective
is trained with its usual penalty, and gets the same number of trials on each data set:
points of one Sobol sequence over both players' learning rates and the penalty's weight,
with seed 0. The best trial is then trained with seeds of its own, so that no luck of
the choice is in what is compared. Which objective is first, how sure is that, and how
much does it matter beside the tuning?

A run is judged by one distance, from 0 to 1, of samples of the averaged generator; one
that diverged counts as 1:

  ring, grid  cell_distance, the total variation between samples and mixture over five
              shells around each centre. Tuning by high quality would choose modes that
              are too narrow, or dropped; by reverse KL alone, blur. Samples of the
              mixture itself reach 0.023 on the ring and 0.042 on the grid
  digits      1 - coverage: the share of images with no sample, of as many, as near as
              their fifth neighbour. Of the measures of pixels it is the one that
              neither blur nor a few good images make good; other images would reach
              0.03. Still, look at the samples

Expect of the small one that another objective is first on each data set, each with a
probability above 0.99: non-saturating without a penalty on the ring, hinge on the grid,
WGAN-GP on digits; and that more lies between the best and the worst trial of one
objective than between the first and the last of the tuned (docs/results.md).

The small one has 216 runs, 16 min of CPU in packs; the full one 1,152. A step took
0.5 to 0.9 ms on points and 1.1 to 1.9 on digits, of WGAN 1.6 and 3.0, of WGAN-GP 2.1
and 5.1 with their five rounds (AMD EPYC, two cores, one run at a time, 27 November
2026): nine hours of steps for the full one.

Arguments, as in experiments/compare_objectives.py:wgan_gp,digits:

  entrant  non_saturating (default, without a penalty); with R1 non_saturating_r1,
           minimax, least_squares, hinge, and the f-divergences f_kl, f_reverse_kl,
           f_pearson, f_squared_hellinger; with R1 and R2 relativistic and
           relativistic_average; dragan, non-saturating with that penalty; wgan,
           with clipped weights, and wgan_gp; with the gradient's norm loss_sensitive
           and generalized_loss_sensitive
  data     ring (default), grid or digits
  size     full (default): all of them, 16 trials each; or small: six, 4 trials, a
           tenth of the steps; the best has eight seeds in both
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ganjax.config import (
    ConfigDict,
    between,
    defaults,
    parse_arg,
    penalty,
    schedule,
    sobol_points,
)
from ganjax.study import (
    Figure,
    Rank,
    Run,
    Table,
    best_setting,
    cost,
    group_by,
    mean_and_sd,
    mean_interval,
    measure,
    plot,
    rank_groups,
    read_sweep,
    side_by_side,
    words,
)


class Entrant(NamedTuple):
    """An objective and what constrains its discriminator."""

    objective: str
    penalties: tuple[str, ...] = ("r1",)
    divergence: str = ""


ENTRANTS = {
    "non_saturating": Entrant("non_saturating", ()),
    "non_saturating_r1": Entrant("non_saturating"),
    "dragan": Entrant("non_saturating", ("dragan",)),
    "minimax": Entrant("minimax"),  # Jensen-Shannon's too, but for a constant
    "least_squares": Entrant("least_squares"),
    "hinge": Entrant("hinge"),
    "wgan": Entrant("wasserstein", ()),  # weights are clipped
    "wgan_gp": Entrant("wasserstein", ("wgan_gp",)),
    "relativistic": Entrant("relativistic", ("r1", "r2")),
    "relativistic_average": Entrant("relativistic_average", ("r1", "r2")),
    "f_kl": Entrant("f_divergence", divergence="kl"),
    "f_reverse_kl": Entrant("f_divergence", divergence="reverse_kl"),
    "f_pearson": Entrant("f_divergence", divergence="pearson"),
    "f_squared_hellinger": Entrant("f_divergence", divergence="squared_hellinger"),
    "loss_sensitive": Entrant("loss_sensitive", ("real_gradient_norm",)),
    "generalized_loss_sensitive": Entrant(
        "generalized_loss_sensitive", ("real_gradient_norm",)
    ),
}
SMALL = (
    *("non_saturating", "non_saturating_r1", "least_squares", "hinge"),
    *("wgan_gp", "relativistic"),
)
DATA = ("ring", "grid", "digits")
SIZES = ("full", "small")
NUMBERS = {"ring": 2, "grid": 2, "digits": 8 * 8}  # of an example
STEPS = {"ring": 40_000, "grid": 40_000, "digits": 15_000}

CONSTRAINTS = {
    (): "no penalty",
    ("r1",): "R1",
    ("r1", "r2"): "R1 + R2",
    ("wgan_gp",): "gradient penalty",
    ("dragan",): "DRAGAN",
    ("real_gradient_norm",): "gradient norm",
}
_OF_MODES = ("modes_covered", "high_quality", "variance_ratio")
DETAILS = {"ring": _OF_MODES, "grid": _OF_MODES, "digits": ("coverage", "recall")}

GENERATOR_RATE = "optimizers.generator.learning_rate"
RATE = "optimizers.discriminator.learning_rate"
CLIP = "optimizers.discriminator.clip_weights"
RATES = {
    "ring": between(1e-3, 2e-2, log=True),
    "grid": between(1e-3, 2e-2, log=True),
    "digits": between(3e-4, 1e-2, log=True),
}
CLIPS = between(0.01, 1.0, log=True)
WEIGHTS = {
    # Slopes are steeper where modes are narrow.
    "ring": between(0.003, 0.3, log=True),
    "grid": between(0.03, 3.0, log=True),
    "digits": between(0.03, 3.0, log=True),
}
Runs = Sequence[Run]
_SHOWN = "Of the first seed of each that has some, the best objective first."


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, entrant=tuple(ENTRANTS), data=DATA, size=SIZES)
    entrant = ENTRANTS[chosen.entrant]
    clipped = chosen.entrant == "wgan"
    config = defaults(
        data=chosen.data,
        network="dense" if chosen.data == "digits" else "mlp",
        objective=entrant.objective,
        optimizer="rmsprop" if clipped else "adam",
    )
    (_toward_digits if chosen.data == "digits" else _toward_points)(config)
    config.steps = STEPS[chosen.data] // (10 if chosen.size == "small" else 1)
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = 1e-3
        optimizer.learning_rate_schedule = schedule("cosine", 0.0)
        if not clipped:
            # Momentum makes the players circle.
            optimizer.update(b1=0.0, b2=0.99)
    if entrant.divergence:
        config.objective.divergence = entrant.divergence
    if "margin_scale" in config.objective:
        # As in experiments/loss_sensitive.py.
        config.objective.margin_scale = 2.46 / NUMBERS[chosen.data]
    if "slope" in config.objective:
        config.objective.slope = -1.0
    for name in entrant.penalties:
        config.penalties[name] = penalty(name, weight=1.0)
    if clipped:
        config.optimizers.discriminator.clip_weights = 0.1
    if entrant.objective == "wasserstein":
        config.play.discriminator_rounds = 5  # as both papers have it
    config.record.update(pictures_every=config.steps, checkpoint_every=config.steps)
    return config


def _toward_points(config: ConfigDict) -> None:
    config.batch_size = 256
    config.evaluation.samples = 10_000
    for network in config.networks.values():
        network.widths = (64, 64)


def _toward_digits(config: ConfigDict) -> None:
    config.data.split = "train"
    config.evaluation.samples = 1_442  # as many as there are images
    config.batch_size = 64
    config.game.latent_size = 50
    config.networks.generator.widths = (128, 256)
    config.networks.discriminator.widths = (256, 128)


def sweep(add: Callable[..., None], arg: str) -> None:
    """The same trials for each entrant, on each data set."""
    is_small = parse_arg(arg, size=SIZES).size == "small"
    for data in DATA:
        for name in SMALL if is_small else ENTRANTS:
            strength = CLIPS if name == "wgan" else WEIGHTS[data]
            tuned = {GENERATOR_RATE: RATES[data], RATE: RATES[data], "": strength}
            for point in sobol_points(4 if is_small else 16, tuned):
                # The papers have one weight for both sides.
                constrained = dict.fromkeys(_strengths(name), point.pop(""))
                add(f"{name},{data}", seed=0, **point, **constrained)


def _strengths(name: str) -> list[str]:
    """The keys that say how much the discriminator is constrained."""
    if name == "wgan":
        return [CLIP]
    return [f"penalties.{x}.weight" for x in ENTRANTS[name].penalties]


def follow(add: Callable[..., None], runs: Runs) -> None:
    """Eight seeds of the best trial of each entrant on each data set."""
    if runs[-1].stage:
        return
    for trials in group_by(runs, lambda run: run.point.arg).values():
        point = best_setting(trials, distance)[0].point
        for seed in range(1, 9):
            add(point.arg, **point.overrides | {"seed": seed})


def study(runs: Runs) -> Iterator[Figure | Table]:
    """The ranking on each data set, how sure it is, and what tuning does beside it."""
    ended = read_sweep(runs[0].workdir.parent)  # those that diverged too
    results = {
        data: _results([run for run in ended if _data(run) == data])
        for data in dict.fromkeys(map(_data, ended))
    }
    height = 0.8 + 0.25 * max(map(len, results.values()))
    figure, axes = plot(len(results), 1, width=8.0, height=height, squeeze=False)
    for (ax,), (data, found) in zip(axes, results.items(), strict=True):
        _draw(ax, found)
        ax.set(title=data, xlabel="distance")
    yield Figure(
        "Tuned objectives, and all that was tried",
        figure,
        "From the first to the last. Grey: each trial. Coloured: each seed of the best "
        "one, and their mean with its 95 % interval. What diverged is at 1.",
    )
    judged = {data: own for data, found in results.items() if (own := _judged(found))}
    if not judged:
        return
    ranks = {data: _ranks(found) for data, found in judged.items()}
    for data, found in judged.items():
        yield _ranking(data, found, ranks[data])
    yield _across(ranks)
    yield _sizes(judged)
    for data, found in judged.items():
        yield _tried(data, found)
        if shown := _pictures(found):
            yield Figure(f"Samples, {data}", side_by_side(shown, width=1.8), _SHOWN)


class Result(NamedTuple):
    """The runs of an entrant on a data set: trials, and seeds of the best."""

    trials: Runs
    seeds: Runs

    @property
    def costs(self) -> list[float]:
        """Of the seeds."""
        return [_distance(run) for run in self.seeds]


def _results(runs: Runs) -> dict[str, Result]:
    """By the name of the entrant, the best mean first; without seeds the best trial."""
    found = {
        label(name): Result(
            [run for run in own if not run.stage], [run for run in own if run.stage]
        )
        for name, own in group_by(runs, lambda run: _words(run)[0]).items()
    }

    def place(item: tuple[str, Result]) -> float:
        _, result = item
        return float(
            np.mean(result.costs)
            if result.seeds
            else min(_distance(run) for run in result.trials)
        )

    return dict(sorted(found.items(), key=place))


def _judged(found: Mapping[str, Result]) -> dict[str, Result]:
    return {name: result for name, result in found.items() if result.seeds}


def _ranks(found: Mapping[str, Result]) -> dict[str, Rank]:
    return rank_groups({name: result.costs for name, result in found.items()})


def _draw(ax: Any, found: Mapping[str, Result]) -> None:
    for place, result in enumerate(found.values()):
        tried = [_distance(run) for run in result.trials]
        ax.plot(tried, [place] * len(tried), "|", color="black", alpha=0.4)
        if not result.seeds:
            continue
        costs, mean = result.costs, np.mean(result.costs)
        low, high = mean_interval(costs) or (mean, mean)
        ax.plot(costs, [place] * len(costs), ".", color="C0", alpha=0.5)
        reach = [[mean - low], [high - mean]]
        ax.errorbar(mean, place, xerr=reach, fmt="o", color="C1", capsize=3)
    ax.set(yticks=range(len(found)), yticklabels=found)
    ax.set(xlim=(0.0, 1.02), ylim=(len(found) - 0.5, -0.5))


def _ranking(
    data: str, found: Mapping[str, Result], ranks: Mapping[str, Rank]
) -> Table:
    rows = []
    for name, result in found.items():
        rank, costs = ranks[name], result.costs
        low, high = mean_interval(costs) or (None, None)
        done = [run for run in result.seeds if not _has_diverged(run)]
        details = [_mean(done, detail) for detail in DETAILS[data]]
        rows.append(
            (
                *(rank.rank, name, float(np.mean(costs)), low, high),
                *(100 * rank.first, *rank.interval, *details, len(costs)),
                len(costs) - len(done),
            )
        )
    return Table(
        f"Ranking, {data}",
        (
            *("rank", "objective", "distance", "from", "to", "first, %"),
            *("rank from", "rank to", *map(words, DETAILS[data]), "seeds", "diverged"),
        ),
        rows,
        "Means over seeds of the best trial, none of which the trials had. From and to "
        "are 95 % intervals, and first is the probability of being it, over bootstrap "
        "resamples of the seeds. What the distance does not say stands behind: means "
        "over the seeds that are done.",
    )


def _across(ranks: Mapping[str, Mapping[str, Rank]]) -> Table:
    """Ranks beside each other, of the entrants that all data sets have."""
    first, *others = ranks.values()
    names = [name for name in first if all(name in own for own in others)]
    found = {name: [own[name].rank for own in ranks.values()] for name in names}
    rows = [(name, *own, sum(own) / len(own)) for name, own in found.items()]
    maybe = {
        data: sum(rank.interval[0] < 1.5 for rank in own.values())
        for data, own in ranks.items()
    }
    said = ", ".join(f"{count} on {data}" for data, count in maybe.items())
    return Table(
        "Ranks over the data sets",
        ("objective", *ranks, "mean"),
        sorted(rows, key=lambda row: row[-1]),
        f"So many may be the first, by the interval of their rank: {said}.",
    )


def _sizes(judged: Mapping[str, Mapping[str, Result]]) -> Table:
    rows = []
    for data, found in judged.items():
        means = [np.mean(result.costs) for result in found.values()]
        tried = [sorted(map(_distance, result.trials)) for result in found.values()]
        rows.append(
            (
                *(data, min(means), max(means), max(means) - min(means)),
                np.mean([own[-1] - own[0] for own in tried]),
                np.mean([np.median(own) - own[0] for own in tried]),
                np.mean([mean_and_sd(result.costs)[1] for result in found.values()]),
            )
        )
    return Table(
        "What matters: the objective, its tuning, the seed",
        (
            *("data", "first", "last", "last - first"),
            *("worst - best trial", "median - best trial", "sd over seeds"),
        ),
        rows,
        "Distances: of the first and the last objective, each tuned; and means over "
        "objectives.",
    )


def _tried(data: str, found: Mapping[str, Result]) -> Table:
    rows = []
    for name, result in found.items():
        own = sorted(map(_distance, result.trials))
        point = best_setting(result.trials, distance)[0].point.overrides
        strength = [
            x for key, x in point.items() if key.endswith(("weight", "weights"))
        ]
        rows.append(
            (
                *(name, point[GENERATOR_RATE], point[RATE], *(strength or [None])[:1]),
                *(own[0], float(np.median(own)), own[-1], len(own)),
                sum(map(_has_diverged, result.trials)),
            )
        )
    return Table(
        f"What was tried, {data}",
        (
            *("objective", "generator's rate", "discriminator's rate", "weight"),
            *("best", "median", "worst", "trials", "diverged"),
        ),
        rows,
        "Rates and weight of the best trial, and distances over all trials. The best "
        "distance is partly luck: the ranking has other seeds.",
    )


def _pictures(found: Mapping[str, Result]) -> dict[str, Path]:
    """The newest picture of a seed of each, from the first to the last."""
    drawn = {
        name: run
        for name, result in found.items()
        for run in reversed(result.seeds)
        if run.samples
    }
    return {
        name.replace(", ", ",\n"): next(iter(run.samples.values()))[-1][1]
        for name, run in drawn.items()
    }


def label(name: str) -> str:
    """An entrant as tables show it, with its constraint."""
    entrant = ENTRANTS[name]
    constraint = CONSTRAINTS[entrant.penalties]
    if name == "wgan":
        constraint = "clipped"
    return f"{words(entrant.divergence or entrant.objective)}, {constraint}"


def distance(run: Run) -> float:
    """Between the samples of a run that is done and the data, from 0 to 1."""
    if _data(run) == "digits":
        return 1 - measure(run, "coverage")
    return measure(run, "cell_distance")


def _distance(run: Run) -> float:
    return min(cost(run, distance), 1.0)  # infinite where the run diverged


def _has_diverged(run: Run) -> bool:
    return run.status["state"] == "diverged"


def _mean(runs: Runs, name: str) -> float | None:
    return float(np.mean([measure(run, name) for run in runs])) if runs else None


def _words(run: Run) -> list[str]:
    """Entrant and data of a run."""
    return run.point.arg.split(",")


def _data(run: Run) -> str:
    return _words(run)[1]
