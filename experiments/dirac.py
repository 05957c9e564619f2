"""The Dirac-GAN: the smallest game there is, and which training settles in it.

    python -m ganjax.main --config=experiments/dirac.py:hinge --workdir=runs/dirac
    python -m launch --config=experiments/dirac.py --workdir=sweeps/dirac

The data is the point 0, the generator the point theta, the score psi x. Everything is
known on paper: near the equilibrium (0, 0) training follows a linear flow, whose
eigenvalues say whether it circles, leaves or settles (Mescheder et al. 2018, "Which
Training Methods for GANs do actually Converge?", section 2). Both start at 1.

The study draws where training went over the arrows of the flow, and puts the exact rate
of decay beside the measured one: from (1, 1), and from close to 0, where the exact one
holds. Records hold no parameters, so it takes each run's steps again.

Arguments, as in experiments/dirac.py:wasserstein,r1,alternating:

  objective  minimax (default), non_saturating, least_squares, hinge, wasserstein,
             relativistic, relativistic_average, f_divergence, loss_sensitive or
             generalized_loss_sensitive; these two with a margin of theta / 2
  constraint none (default), r1, r2, wgan_gp, consensus or instance_noise, each of
             strength 1; consensus in simultaneous play alone
  play       simultaneous (default) or alternating
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganjax.config import (
    ConfigDict,
    augmentation,
    correction,
    defaults,
    parse_arg,
    penalty,
)
from ganjax.study import Figure, Run, Table, arrows, group_by, plot, setting, words

OBJECTIVES = (
    *("minimax", "non_saturating", "least_squares", "hinge", "wasserstein"),
    *("relativistic", "relativistic_average", "f_divergence"),
    *("loss_sensitive", "generalized_loss_sensitive"),
)
CONSTRAINTS = ("none", "r1", "r2", "wgan_gp", "consensus", "instance_noise")
PLAYS = {"simultaneous": "C0", "alternating": "C1"}  # and their colours
# On paper: the Jacobian of the flow (psi', theta') at (0, 0), by the game's name.
TURNS = ((0.0, -0.5), (0.5, 0.0))
TURNS_FASTER = ((0.0, -1.0), (1.0, 0.0))
FLOWS = {
    **dict.fromkeys(("minimax", "non_saturating", "relativistic"), TURNS),
    **dict.fromkeys(("hinge", "wasserstein"), TURNS_FASTER),
    "least_squares": ((0.0, 0.0), (1.0, 0.0)),
    "minimax, r1 0.3": ((-0.3, -0.5), (0.5, 0.0)),
    "minimax, r1 1": ((-1.0, -0.5), (0.5, 0.0)),
    "wasserstein, r1 1": ((-1.0, -1.0), (1.0, 0.0)),
    "minimax, consensus 1": ((-0.25, -0.5), (0.5, -0.25)),
    "minimax, instance_noise 1": ((-0.5, -0.5), (0.5, 0.0)),
}
RATE, MARGIN = 0.1, 0.5
NEAR = 0.01  # where psi and theta start to measure the rate


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, objective=OBJECTIVES, constraint=CONSTRAINTS, play=PLAYS)
    config = defaults(
        data="mixture",
        network="dirac",
        objective=chosen.objective,
        optimizer="sgd",
        play=chosen.play,
    )
    config.data.update(means=((0.0,),), sds=(0.0,), weights=(1.0,))
    config.steps = 500
    config.batch_size = 256  # All are alike, but for their instance noise.
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = RATE
    config.ema = ConfigDict()  # It is the play itself that is looked at.
    if "margin_scale" in config.objective:
        config.objective.margin_scale = MARGIN
    if chosen.constraint == "consensus":
        config.corrections.consensus = correction("consensus", weight=1.0)
    elif chosen.constraint == "instance_noise":
        config.augment.instance_noise = augmentation("instance_noise", strength=1.0)
    elif chosen.constraint != "none":
        config.penalties[chosen.constraint] = penalty(chosen.constraint, weight=1.0)
    config.record.update(every=10, pictures_every=50, checkpoint_every=500)
    config.evaluation.samples = 1_000
    return config


def sweep(add: Callable[..., None]) -> None:
    """What turns and what settles; one seed, for only instance noise is random."""
    for play in PLAYS:
        for objective in (*OBJECTIVES[:6], "loss_sensitive"):
            add(arg=f"{objective},{play}")
        for objective in ("minimax", "wasserstein"):
            add(arg=f"{objective},r1,{play}")
        add(arg=f"minimax,r1,{play}", **{"penalties.r1.weight": 0.3})
    add(arg="generalized_loss_sensitive", **{"objective.slope": 0.5})
    for constraint in ("consensus", "instance_noise"):
        add(arg=f"minimax,{constraint}")
    add(arg="wasserstein,wgan_gp")


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """Where training went over the flow, and how fast, exactly and as measured."""
    from ganjax.measures import STEP_FACTORS, measured_factor

    games, rows = group_by(runs, game), []
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    figure, axes = plot(-(-len(games) // 4), 4, width=2.7, height=2.7, **shared)
    for ax in axes.flat[len(games) :]:
        ax.set_axis_off()
    for ax, (name, group) in zip(axes.flat, games.items(), strict=False):
        arrows(ax, flow_of(group[0]), reach=2.2)
        eigenvalue, at_zero = "", np.array(FLOWS.get(name, ()))
        if name in FLOWS:
            upper = max(np.linalg.eigvals(at_zero).astype(complex), key=np.imag)
            eigenvalue = f"{upper.real:.3g} ± {upper.imag:.3g}i"
        for run in group:
            play, path = setting(run, "play.name"), path_of(run, 1.0)
            ax.plot(*path.T, PLAYS[play], lw=1, label=play)
            exact = STEP_FACTORS[play](at_zero, RATE) if name in FLOWS else None
            measured = measured_factor(path_of(run, NEAR)), measured_factor(path)
            end = float(np.linalg.norm(path[-1]))
            rows.append((name, play, eigenvalue, exact, *measured, end))
        ax.plot(1, 1, "ko", ms=4)
        ax.set(title=words(name), xlabel="psi", ylabel="theta")
        ax.label_outer()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left")
    yield Figure(
        "Where training goes",
        figure,
        "From (1, 1), the dot, over the arrows of the flow -v. Nearer to 0 than the "
        f"margin, {MARGIN}, the loss-sensitive flow only turns, and from outside it "
        "comes to it; simultaneous steps end a little farther out. Least squares rests "
        "wherever psi theta is 1. The interpolated gradient, of which the slope should "
        "be 1, ends where it balances the score, in (0, 2).",
    )
    heads = ("game", "play", "eigenvalues of the flow", "exact factor a step")
    yield Table(
        "The rate: exact and measured",
        (*heads, "measured near 0", "measured from (1, 1)", "distance at the end"),
        rows,
        "Exact is the spectral radius of a step at 0. Measured is the growth of |(psi, "
        f"theta)| over the last half of a run from ({NEAR}, {NEAR}) and from (1, 1), "
        "where the flow is not linear. A double eigenvalue also grows by the count of "
        "steps, and the noise of a finite batch never lets instance noise rest.",
    )


def game(run: Run) -> str:
    """Objective and constraints, as in `FLOWS`."""
    sections = [run.config[name] for name in ("penalties", "corrections", "augment")]
    made = [item for section in sections for item in section.items()]
    strengths = [f"{k} {x.get('weight', x.get('strength')):g}" for k, x in made]
    slope = run.config["objective"].get("slope")
    objective = setting(run, "objective.name") + (f" {slope:g}" if slope else "")
    return ", ".join([objective, *strengths])


def path_of(run: Run, start: float) -> np.ndarray:
    """(psi, theta) `[steps + 1, 2]` of the run if both begin at `start`."""
    import jax

    import ganjax

    keys = ("networks.discriminator.start", "networks.generator.start")
    moments = ganjax.load(run.workdir).replay(1, **dict.fromkeys(keys, start))
    return np.array([jax.tree.leaves(each.state.params) for each in moments])[..., 0]


def flow_of(run: Run) -> Callable[[np.ndarray], np.ndarray]:
    """-v `[P, 2]` of the run's game at points (psi, theta) `[P, 2]`."""
    import jax

    import ganjax

    field = jax.jit(jax.vmap(ganjax.load(run.workdir).field()))

    def flow(points: np.ndarray) -> np.ndarray:
        psi, theta = np.hsplit(points.astype(np.float32), 2)
        v = field({"discriminator": {"psi": psi}, "generator": {"theta": theta}})
        return -np.hstack(jax.tree.leaves(v))

    return flow
