"""LS-GAN on densities that are apart, beside the best loss function that is as steep.

    python -m ganjax.main --config=experiments/steepness.py --workdir=runs/steepness
    python -m launch --config=experiments/steepness.py --workdir=sweeps/steepness

Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities", trains
a loss function L = -score, and proves of the best L under a bound of its slope what a
network can only come near. For given examples a linear program finds it exactly, and so
are the lowest and the highest L known that are as steep and have its values there. How
near does training come?

In 12 steps the objective is 0, the least that there is, with a slope of up to 2.4 where
1.1 would do. Nothing teaches any more, and the generator's gradient stays as it is
then: experiments/apart.py, whose config this is, shows that beside other objectives'.

Arguments, as in experiments/steepness.py:loss_sensitive:

  objective  loss_sensitive (default), the only one whose least is known
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

import apart
from ganjax.config import ConfigDict, parse_arg
from ganjax.study import Figure, Run, Table, plot

MOMENTS = (0, 1, 2, 3, 4, 6, 8, 1_000)  # in thousandths of a run
PAIRS = 60  # of a real and a generated point, for the linear program
LINE = np.linspace(-5, 4, 121)


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, objective=("loss_sensitive",))
    return apart.get_config(chosen.objective)


def sweep(add: Callable[..., None]) -> None:
    """A single run shows it."""
    add()


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """The objective by the slope of L, and L between its bounds at the end."""
    import jax.numpy as jnp

    import ganjax
    from ganjax.losses import loss_sensitive_discriminator
    from ganjax.measures.nonparametric import cone_bounds

    for run in runs:
        real, fake, apart_by = pairs(run.config)
        weight, margin = run.config["objective"]["real_weight"], jnp.asarray(apart_by)
        nodes = np.concatenate([real, fake])
        points = np.unique(np.concatenate([LINE, nodes[:, 0]]))
        moments = ganjax.load(run.workdir).replay(run.config["steps"] // 1_000)
        rows = []
        for moment in (moments[index] for index in MOMENTS):
            loss = -moment.score(points[:, None]).astype(float)
            loss -= loss[np.searchsorted(points, nodes[:, 0])].min()
            at_nodes = loss[np.searchsorted(points, nodes[:, 0])]
            slope = float(np.abs(np.diff(loss) / np.diff(points)).max())
            scores = jnp.asarray(-at_nodes)
            found = loss_sensitive_discriminator(
                scores[:PAIRS], scores[PAIRS:], margin, real_weight=weight
            )
            low, high = cone_bounds(points[:, None], nodes, at_nodes, kappa=slope)
            room = float((high - low)[np.searchsorted(points, 0)])
            best = least(run.config, slope)
            rows.append((moment.step, slope, float(found), best, room))
        figure, (left, right) = plot(1, 2, width=4.0, height=3.2)
        _, slopes, reached, *_ = zip(*rows, strict=True)
        grid = np.linspace(0, max(slopes), 25)
        bound = [least(run.config, slope) for slope in grid]
        left.plot(grid, bound, "C0", label="least")
        left.fill_between(grid, bound, color="C0", alpha=0.15, lw=0)
        left.plot(slopes, reached, "C1o-", ms=4, lw=1, label="found")
        left.annotate(" step 0", (slopes[0], reached[0]))
        left.set(xlabel="steepest slope", ylabel="objective", ylim=(0, None))
        left.legend()
        right.fill_between(points, low, high, color="C0", alpha=0.3, lw=0)
        right.plot(points, loss, "C1")
        right.set(title=f"step {rows[-1][0]:,}", xlabel="x", ylabel="L", xlim=(-5, 4))
        yield Figure(
            "The loss function of LS-GAN among those as steep",
            figure,
            "Left: the objective at moments of the run, by the steepest slope of the "
            "loss function then, over the least that any loss function as steep has. "
            "Right: the loss function L at the end between the lowest and the highest "
            "that are as steep and have its values at the examples.",
        )
        yield Table(
            "LS-GAN beside the best loss function",
            ("step", "steepest slope", "objective", "least as steep", "room at x = 0"),
            rows,
            f"Of {PAIRS} pairs of a real and a generated example. The room is between "
            "the lowest and the highest loss function as steep through its values at "
            "the examples. A slope of margin_scale is enough for an objective of 0.",
        )


def pairs(config: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Real and generated examples `[N, 1]`, spread as their densities, and margins."""
    (mean,), sd = config["data"]["means"][0], config["data"]["sds"][0]
    other, at = config["networks"]["generator"], (np.arange(PAIRS) + 0.5) / PAIRS
    shuffled = np.random.default_rng(0).permutation(at)
    real, fake = norm.ppf(at, mean, sd), norm.ppf(shuffled, other["mean"], other["sd"])
    margin = config["objective"]["margin_scale"] * np.abs(real - fake)
    return real[:, None], fake[:, None], margin


def least(config: Mapping[str, Any], slope: float) -> float:
    """The least objective of loss functions that steep."""
    from ganjax.measures.nonparametric import loss_sensitive_optimum

    weight = config["objective"]["real_weight"]
    best = loss_sensitive_optimum(*pairs(config), real_weight=weight, kappa=slope)
    return best.value
