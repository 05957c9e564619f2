"""Densities on a line: the figure of 2014, and what happens to supports that are apart.

    python -m ganjax.main --config=experiments/densities.py --workdir=runs/densities
    python -m launch --config=experiments/densities.py --workdir=sweeps/densities

Two scenes follow figure 1 of Goodfellow et al. 2014, "Generative Adversarial Nets":
from a wrong start the generated density comes to the data's, and D to 1/2 everywhere.
In the first all is known, the optimal D = p / (p + q) too. The film on a run's page
shows the same, with the score in place of D. States are not kept, so the study plays
these runs again from their configs.

In the third the generator stands still, far from the data, and only the discriminator
learns: does its optimum leave the generator a gradient? (Arjovsky and Bottou 2017,
"Towards Principled Methods for Training Generative Adversarial Networks", section 2;
Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities".) A
learning rate of 1e-12 holds it, and its gradient is recorded as in any run. For LS-GAN
the minimum of the objective over all loss functions that are as steep is known exactly,
by a linear program; so are the lowest and the highest such function through given
values.

Each run takes a few seconds. Arguments, as in experiments/densities.py:apart,minimax:

  scene      gaussian (default): both are a Gaussian; mixture: an mlp learns two of
             them; or apart
  objective  non_saturating (default), or any other of experiments/ring.py;
             wasserstein gets its wgan_gp
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.special import expit
from scipy.stats import norm

from ganjax.config import (
    ConfigDict,
    defaults,
    objectives,
    parse_arg,
    penalty,
    schedule,
)
from ganjax.study import Figure, Run, Table, curve, group_by, plot, setting

APART = ("minimax", "non_saturating", "wasserstein", "loss_sensitive")
MOMENTS = (0, 1, 2, 3, 8)  # in eighths of a run
SAMPLES = 50_000  # for the density of an mlp
EARLY = (0, 1, 2, 3, 4, 6, 8, 1_000)  # in thousandths of a run
PAIRS = 60  # of a real and a generated point, for the linear program
LINE, STEP = np.linspace(-5, 4, 121, retstep=True)
START, WHERE, SD = -2.0, 2.0, 0.1  # of the scene apart: generated, real, and their sd


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        scene=("gaussian", "mixture", "apart"),
        objective=objectives("non_saturating"),
    )
    config = defaults(
        data="mixture",
        network="affine",
        objective=chosen.objective,
    )
    config.game.latent_size = 1
    config.ema = ConfigDict()  # It is the play itself that is looked at.
    if chosen.objective == "wasserstein":
        made = penalty("wgan_gp", weight=10.0)
        config.penalties.wgan_gp = made
    if "margin_scale" in config.objective:
        config.objective.margin_scale = 1.0
    {"gaussian": _gaussian, "mixture": _mixture, "apart": _apart}[chosen.scene](config)
    config.record.update(every=config.steps // 100, checkpoint_every=config.steps)
    config.record.pictures_every = config.steps // 20
    return config


def _gaussian(config: ConfigDict) -> None:
    config.data.update(means=((1.0,),), sds=(0.6,), weights=(1.0,))
    config.networks.generator.update(mean=-2.0, sd=1.0)
    config.steps = 2_000
    _play(config, 5e-3)


def _mixture(config: ConfigDict) -> None:
    config.data.update(means=((-1.5,), (1.0,)), sds=(0.3, 0.6), weights=(0.4, 0.6))
    _use_mlp(config, "generator")
    config.steps = 4_000
    _play(config, 2e-3)


def _use_mlp(config: ConfigDict, player: str) -> None:
    """In place of what the affine network of the paper has for this player."""
    other = defaults(data="mixture", network="mlp", objective="minimax")
    config.networks[player] = other.networks[player]
    config.networks[player].widths = (32, 32)


def _play(config: ConfigDict, rate: float) -> None:
    """A discriminator close to its optimum at all times, as in the paper's figure."""
    config.networks.discriminator.widths = (32, 32)
    config.play.discriminator_rounds = 2
    for player, times in (("discriminator", 2.0), ("generator", 1.0)):
        optimizer = config.optimizers[player]
        optimizer.update(learning_rate=times * rate, b1=0.0, b2=0.99)
        optimizer.learning_rate_schedule = schedule("cosine", 0.0)


def _apart(config: ConfigDict) -> None:
    config.data.update(means=((WHERE,),), sds=(SD,), weights=(1.0,))
    config.networks.generator.update(mean=START, sd=SD)
    _use_mlp(config, "discriminator")  # whose slope no tanh bounds
    config.steps = 2_000
    config.optimizers.generator.learning_rate = 1e-12
    config.optimizers.discriminator.update(learning_rate=2e-3, b1=0.0, b2=0.99)


def sweep(add: Callable[..., None]) -> None:
    """The figure of 2014 under two losses of the generator, and what stands apart."""
    for objective in APART[:2]:
        add(arg=f"gaussian,{objective}")
    add(arg="mixture")
    for objective in APART:
        add(arg=f"apart,{objective}")


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """The densities and D at five moments, and the gradients that stay."""
    apart = [run for run in runs if _rate(run) < 1e-9]
    playing = [run for run in runs if run not in apart]
    if playing:
        played = {_name(run): moments_of(run.config) for run in playing}
        for name, moments in played.items():
            yield Figure(
                f"The figure of 2014: {name}",
                _moments(moments),
                "Blue: the data's density; orange: the generated one, of samples where "
                "an mlp makes it. Black: D; dotted: p / (p + q), the best that it "
                "could be.",
            )
        yield _distances(played)
    if apart:
        groups = group_by(apart, "objective.name")
        yield Figure(
            "Supports apart: the gradient that the generator gets",
            _gradients(groups),
            "Norm of its loss's gradient in mean and sd, as the discriminator learns "
            "against a generator that stands still.",
        )
        yield _endings(groups)
    for run in apart:
        if setting(run, "objective.name") == "loss_sensitive":
            bounds = bounds_of(run.config)
            yield Figure(
                "Supports apart: the loss function of LS-GAN among those as steep",
                _bounds(run.config, bounds),
                "Left: the objective at moments of the run, by the steepest slope of "
                "the loss function then, over the least that any loss function as "
                "steep has. Right: the loss function L at the end, which is minus the "
                "score, between the lowest and the highest that are as steep and have "
                "its values at the examples.",
            )
            yield _excesses(bounds)


class Moment(NamedTuple):
    """What there is at a moment, `[X]` each along `LINE`."""

    step: int
    data: np.ndarray  # p
    generated: np.ndarray  # q
    found: np.ndarray  # D
    mean: float  # of q
    sd: float

    @property
    def best(self) -> np.ndarray:
        """D* = p / (p + q), and NaN where next to nothing is ever seen."""
        both = self.data + self.generated
        return np.where(both > 1e-3, self.data / np.maximum(both, 1e-3), np.nan)


def moments_of(config: Mapping[str, Any]) -> list[Moment]:
    """The run at its `MOMENTS`, from before its first step to its end."""
    import jax

    from ganjax.look.evaluate import Evaluator
    from ganjax.look.replay import replay

    every = config["steps"] // MOMENTS[-1]
    setup, states = replay(config, every)
    evaluator, data = Evaluator(setup), config["data"]
    given = LINE[:, None].astype(np.float32)
    moments = []
    for index in MOMENTS:
        state = jax.tree.map(lambda values, index=index: values[index], states)
        score = evaluator.probe("score", state, len(LINE), real=given)
        samples = evaluator.probe("sample", state, SAMPLES)
        if config["networks"]["generator"]["name"] == "affine":
            mean, sd = (state.params["generator"][x].item() for x in ("mean", "sd"))
            generated = norm.pdf(LINE, mean, abs(sd))
        else:
            edges = np.append(LINE - STEP / 2, LINE[-1] + STEP / 2)
            generated = np.histogram(samples, edges)[0] / (SAMPLES * STEP)
        moments.append(
            Moment(
                index * every,
                density_of(data),
                generated,
                expit(score.astype(float)),
                float(samples.mean()),
                float(samples.std()),
            )
        )
    return moments


class Bound(NamedTuple):
    """The loss function L = -score at a moment, and what there is beside it."""

    step: int
    slope: float  # of L where it is steepest
    found: float  # its objective
    least: float  # that of the best loss function as steep
    points: np.ndarray  # [P], rising; of these also:
    loss: np.ndarray  # L, 0 at its lowest example
    lower: np.ndarray  # of all loss functions as steep through L at the examples
    upper: np.ndarray


def bounds_of(config: Mapping[str, Any]) -> list[Bound]:
    """A run of LS-GAN in the scene apart, at its `EARLY` moments."""
    import jax

    from ganjax.look.evaluate import Evaluator
    from ganjax.look.replay import replay
    from ganjax.losses import loss_sensitive_discriminator
    from ganjax.measures.nonparametric import cone_bounds

    every = config["steps"] // EARLY[-1]
    setup, states = replay(config, every)
    evaluator = Evaluator(setup)
    weight = config["objective"]["real_weight"]
    real, fake, margin = _pairs(config)
    nodes = np.concatenate([real, fake])
    points = np.unique(np.concatenate([LINE, nodes[:, 0]]))
    given = points[:, None].astype(np.float32)
    bounds = []
    for index in EARLY:
        state = jax.tree.map(lambda values, index=index: values[index], states)
        loss = -evaluator.probe("score", state, len(points), real=given).astype(float)
        at_nodes = loss[np.searchsorted(points, nodes[:, 0])]
        loss, at_nodes = loss - at_nodes.min(), at_nodes - at_nodes.min()
        slope = float(np.abs(np.diff(loss) / np.diff(points)).max())
        found = loss_sensitive_discriminator(
            -at_nodes[:PAIRS],
            -at_nodes[PAIRS:],
            jax.numpy.asarray(margin),
            real_weight=weight,
        )
        cones = cone_bounds(points[:, None], nodes, at_nodes, kappa=slope)
        least = _least(config, slope)
        bounds.append(
            Bound(index * every, slope, float(found), least, points, loss, *cones)
        )
    return bounds


def _pairs(config: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Real and generated examples `[N, 1]`, spread as their densities, and margins."""
    (mean,), sd = config["data"]["means"][0], config["data"]["sds"][0]
    other = config["networks"]["generator"]
    at = (np.arange(PAIRS) + 0.5) / PAIRS
    real = norm.ppf(at, mean, sd)
    fake = norm.ppf(
        np.random.default_rng(0).permutation(at), other["mean"], other["sd"]
    )
    margin = config["objective"]["margin_scale"] * np.abs(real - fake)
    return real[:, None], fake[:, None], margin


def _least(config: Mapping[str, Any], slope: float) -> float:
    from ganjax.measures.nonparametric import loss_sensitive_optimum

    weight = config["objective"]["real_weight"]
    return loss_sensitive_optimum(
        *_pairs(config), real_weight=weight, kappa=slope
    ).value


def density_of(data: Mapping[str, Any]) -> np.ndarray:
    """The density `[X]` of a config's mixture along `LINE`."""
    weights = np.array(data["weights"]) / np.sum(data["weights"])
    parts = [
        w * norm.pdf(LINE, m[0], s)
        for w, m, s in zip(weights, data["means"], data["sds"], strict=True)
    ]
    return np.sum(parts, axis=0)


def _rate(run: Run) -> float:
    return setting(run, "optimizers.generator.learning_rate")


def _name(run: Run) -> str:
    scene = {"affine": "gaussian", "mlp": "mixture"}
    generator = setting(run, "networks.generator.name")
    return f"{scene[generator]}, {setting(run, 'objective.name').replace('_', ' ')}"


def _moments(moments: Sequence[Moment]) -> object:
    figure, axes = plot(1, len(moments), width=2.2, height=2.0, sharey=True)
    for ax, moment in zip(axes, moments, strict=True):
        for density, colour in ((moment.data, "C0"), (moment.generated, "C1")):
            ax.plot(LINE, density, colour)
            ax.fill_between(LINE, density, color=colour, alpha=0.15, lw=0)
        ax.plot(LINE, moment.best, color="black", ls=":", lw=1)
        ax.plot(LINE, moment.found, color="black", lw=1)
        ax.set(title=f"step {moment.step:,}", ylim=(0, 1.1), xlim=LINE[[0, -1]])
    return figure


def _distances(played: Mapping[str, Sequence[Moment]]) -> Table:
    rows = []
    for name, moments in played.items():
        for moment in moments:
            # Under the mean of both densities, which is where D is asked.
            mass = STEP * (moment.data + moment.generated) / 2
            error = float(np.nansum(mass * np.abs(moment.found - moment.best)))
            undecided = float(mass @ np.abs(moment.found - 0.5))
            overlap = float(STEP * np.minimum(moment.data, moment.generated).sum())
            rows.append(
                (name, moment.step, moment.mean, moment.sd, overlap, error, undecided)
            )
    return Table(
        "How far from the optimum",
        (
            *("run", "step", "mean generated", "sd generated", "overlap of p and q"),
            *("mean of |D - D*|", "mean of |D - 1/2|"),
        ),
        rows,
        "The overlap is the integral of the lesser density, 1 where they are the same. "
        "Means are over real and generated examples alike.",
    )


def _gradients(groups: Mapping[str, Sequence[Run]]) -> object:
    figure, ax = plot(width=6.4, height=3.6)
    for name, group in groups.items():
        steps, values, *_ = curve(group, "generator/gradient_norm")
        ax.semilogy(steps, np.maximum(values, 1e-12), label=name.replace("_", " "))
    ax.set(xlabel="step of the discriminator", ylabel="norm of the gradient")
    figure.legend(loc="outside right center")
    return figure


def _endings(groups: Mapping[str, Sequence[Run]]) -> Table:
    rows = []
    for name, group in groups.items():
        metrics = group[0].metrics
        gradient = metrics["generator/gradient_norm"][1]
        end = gradient[-len(gradient) // 10 :]
        real, fake = (
            metrics[f"discriminator/{side}_score"][1][-1] for side in ("real", "fake")
        )
        change = (gradient[0], end.mean(), end.std())
        rows.append((name, *change, real, fake, real - fake))
    return Table(
        "Supports apart: where the discriminators end",
        (
            *("objective", "gradient at first", "at the end", "sd over the end"),
            *("real score", "generated score", "difference"),
        ),
        rows,
        "At first is the first record, a mean over its steps; the end, the last tenth. "
        f"The Wasserstein distance is {WHERE - START:g}. A penalty of weight 10 lets "
        f"the critic's slope rise to 1 + {WHERE - START:g} / 20 = 1.2, and the "
        "difference of its scores to 4.8, as interpolates are spread evenly over the "
        "gap.",
    )


def _bounds(config: Mapping[str, Any], bounds: Sequence[Bound]) -> object:
    figure, (left, right) = plot(1, 2, width=4.0, height=3.2)
    slopes = np.linspace(0, max(bound.slope for bound in bounds), 25)
    least = [_least(config, slope) for slope in slopes]
    left.plot(slopes, least, "C0", label="least")
    left.fill_between(slopes, least, color="C0", alpha=0.15, lw=0)
    found = [(bound.slope, bound.found) for bound in bounds]
    left.plot(*zip(*found, strict=True), "C1o-", ms=4, lw=1, label="found")
    left.annotate(f" step {bounds[0].step}", found[0])
    left.set(xlabel="steepest slope", ylabel="objective", ylim=(0, None))
    left.legend()
    end = bounds[-1]
    right.fill_between(end.points, end.lower, end.upper, color="C0", alpha=0.3, lw=0)
    right.plot(end.points, end.loss, "C1")
    right.set(title=f"step {end.step:,}", xlabel="x", ylabel="L", xlim=LINE[[0, -1]])
    return figure


def _excesses(bounds: Sequence[Bound]) -> Table:
    rows = []
    for bound in bounds:
        room = float((bound.upper - bound.lower)[np.searchsorted(bound.points, 0)])
        rows.append((bound.step, bound.slope, bound.found, bound.least, room))
    return Table(
        "Supports apart: LS-GAN beside the best loss function",
        ("step", "steepest slope", "objective", "least as steep", "room at x = 0"),
        rows,
        f"Of {PAIRS} pairs of a real and a generated example. The room is that between "
        "the lowest and the highest loss function as steep through its values at the "
        "examples. A slope of margin_scale is enough for an objective of 0, after "
        "which nothing teaches any more.",
    )
