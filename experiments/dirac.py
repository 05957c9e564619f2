"""The Dirac-GAN: the smallest game there is, and which training settles in it.

    python -m ganjax.main --config=experiments/dirac.py:hinge --workdir=runs/dirac
    python -m launch --config=experiments/dirac.py --workdir=sweeps/dirac

The data is the point 0, the generator the point theta, the score psi x. Everything is
known on paper: near the equilibrium (0, 0) training follows the gradient field, whose
eigenvalues say whether it circles, leaves or settles (Mescheder et al. 2018, "Which
Training Methods for GANs do actually Converge?", section 2). Both start at 1.

The study draws where training went over the arrows of the field, and puts the exact
rate of decay beside the measured one. Records hold no parameters, so it plays each run
again from its config, which takes a second, and once more from close to 0, where the
exact rate holds.

Arguments, as in experiments/dirac.py:wasserstein,r1,alternating:

  objective  minimax (default), non_saturating, least_squares, hinge, wasserstein,
             relativistic, relativistic_average, f_divergence, loss_sensitive or
             generalized_loss_sensitive; these two with a margin of theta / 2
  constraint none (default), r1, r2, wgan_gp,
             consensus or instance_noise, each of strength 1
  play       simultaneous (default) or alternating
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ganjax.config import (
    ConfigDict,
    augmentation,
    correction,
    defaults,
    parse_arg,
    penalty,
)
from ganjax.study import Figure, Run, Table, plot, setting

PLAYERS = ("discriminator", "generator")
OBJECTIVES = (
    *("minimax", "non_saturating", "least_squares", "hinge", "wasserstein"),
    *("relativistic", "relativistic_average", "f_divergence"),
    *("loss_sensitive", "generalized_loss_sensitive"),
)
# The section of the config that holds a constraint, and its number of strength.
CONSTRAINTS = {
    "r1": ("penalties", "weight"),
    "r2": ("penalties", "weight"),
    "wgan_gp": ("penalties", "weight"),
    "consensus": ("corrections", "weight"),
    "instance_noise": ("augment", "strength"),
}
SECTIONS = {
    "penalties": penalty,
    "corrections": correction,
    "augment": augmentation,
}
MARGIN = 0.5
COLOURS = {"simultaneous": "C0", "alternating": "C1"}
REACH = 2.2  # of the plane that is drawn
NEAR = 0.01  # where psi and theta start to measure the rate


class Exact(NamedTuple):
    """Eigenvalues of the flow's Jacobian at 0, and spectral radii of one step."""

    eigenvalues: str
    simultaneous: float
    alternating: float | None


_TURNS = Exact("± 0.5i", 1.00124922, 1.0)
_TURNS_FASTER = Exact("± i", 1.00498756, 1.0)

# At a learning rate of 0.1, by the name of the game; worked out on paper.
EXACT = {
    "minimax": _TURNS,
    "non_saturating": _TURNS,
    "relativistic": _TURNS,
    "hinge": _TURNS_FASTER,
    "wasserstein": _TURNS_FASTER,
    "least_squares": Exact("0, 0", 1.0, 1.0),
    "minimax, r1 0.3": Exact("-0.15 ± 0.477i", 0.98615415, 0.98488578),
    "minimax, r1 1": Exact("-0.5, -0.5", 0.95, 0.96),
    "minimax, r2 1": Exact("-0.5, -0.5", 0.95, 0.96),
    "non_saturating, r1 1": Exact("-0.5, -0.5", 0.95, 0.96),
    "wasserstein, r1 1": Exact("-0.5 ± 0.866i", 0.9539392, 0.9486833),
    # Of the simultaneous ones |1 + 0.1 lambda|.
    "minimax, consensus 1": Exact("-0.25 ± 0.5i", 0.97628121, None),
    "minimax, instance_noise 1": Exact("-0.25 ± 0.433i", 0.97596106, None),
}


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=OBJECTIVES,
        constraint=("none", *CONSTRAINTS),
        play=("simultaneous", "alternating"),
    )
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
        optimizer.learning_rate = 0.1
    config.ema = ConfigDict()  # It is the play itself that is looked at.
    if "margin_scale" in config.objective:
        config.objective.margin_scale = MARGIN
    if chosen.constraint != "none":
        section, strength = CONSTRAINTS[chosen.constraint]
        made = SECTIONS[section](chosen.constraint)
        made[strength] = 1.0
        config[section][chosen.constraint] = made
    config.record.update(every=10, pictures_every=50, checkpoint_every=500)
    config.evaluation.samples = 1_000
    return config


def sweep(add: Callable[..., None]) -> None:
    """What turns and what settles; one seed, for only instance noise is random."""
    weak = {"penalties.r1.weight": 0.3}
    for play in ("simultaneous", "alternating"):
        for objective in (*OBJECTIVES[:6], "loss_sensitive"):
            add(arg=f"{objective},{play}")
        for objective in ("minimax", "wasserstein"):
            add(arg=f"{objective},r1,{play}")
        add(arg=f"minimax,r1,{play}", **weak)
    add(arg="generalized_loss_sensitive", **{"objective.slope": 0.5})
    for constraint in ("consensus", "instance_noise"):
        add(arg=f"minimax,{constraint}")
    add(arg="wasserstein,wgan_gp")


class Played(NamedTuple):
    """A run, and where (psi, theta) went, `[steps + 1, 2]`, from 1 and from near 0."""

    run: Run
    play: str
    path: np.ndarray
    near: np.ndarray


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """Where training went over the field, and how fast, exactly and as measured."""
    games: dict[str, list[Played]] = {}
    for run in runs:
        paths = (path_of(run.config, start) for start in (1.0, NEAR))
        played = Played(run, setting(run, "play.name"), *paths)
        games.setdefault(name_of(run.config), []).append(played)
    free = {name: group for name, group in games.items() if ", " not in name}
    tied = {name: group for name, group in games.items() if name not in free}
    reading = (
        "From (1, 1), the dot, over the arrows of the flow -v, whose lengths are as "
        "the roots of its speed. "
    )
    if free:
        yield Figure(
            "Without a constraint",
            _portraits(free),
            f"{reading}The dotted circle has the margin's radius, {MARGIN}: within "
            "it the loss-sensitive flow only turns, and from outside it comes to it; "
            "simultaneous steps end a little farther out. Least squares rests wherever "
            "psi theta is 1.",
        )
    if tied:
        yield Figure(
            "With a constraint",
            _portraits(tied),
            f"{reading}The interpolated gradient, of which the slope should be 1, ends "
            "elsewhere: in (0, 2) it balances the score.",
        )
    yield Table(
        "The rate: exact and measured",
        (
            *("game", "play", "eigenvalues of the flow", "exact factor a step"),
            *("measured near 0", "measured from (1, 1)", "distance at the end"),
        ),
        [_rates(name, played) for name, group in games.items() for played in group],
        "The exact factor is the spectral radius of a step at 0. Measured is the mean "
        "growth of |(psi, theta)| over the last half of the run, from "
        f"({NEAR}, {NEAR}) and from (1, 1), where the flow is not linear. A double "
        "eigenvalue also grows by the count of steps, which its factor does not tell; "
        "and under instance noise the noise of a finite batch never lets it rest.",
    )


def name_of(config: Mapping[str, Any]) -> str:
    """Objective and constraint, as in `EXACT`."""
    strengths = [
        f"{name} {config[section][name][number]:g}"
        for name, (section, number) in CONSTRAINTS.items()
        if name in config[section]
    ]
    slope = config["objective"].get("slope")
    objective = config["objective"]["name"] + (f" {slope:g}" if slope else "")
    return ", ".join([objective, *strengths])


def path_of(config: Mapping[str, Any], start: float) -> np.ndarray:
    """(psi, theta) `[steps + 1, 2]` of the run if both begin at `start`."""
    from ganjax.look.replay import replay

    networks = {
        player: {**section, "start": start}
        for player, section in config["networks"].items()
    }
    _, states = replay({**config, "networks": networks}, 1)
    psi, theta = (states.params[p] for p in PLAYERS)
    return np.concatenate([psi["psi"], theta["theta"]], axis=1)


def flow_at(config: Mapping[str, Any], points: np.ndarray) -> np.ndarray:
    """-v `[P, 2]`, corrections included, at points (psi, theta) `[P, 2]`."""
    import jax
    import jax.numpy as jnp
    import optax

    from ganjax.build import build_setup
    from ganjax.config.validation import revalidate
    from ganjax.step import make_field

    setup = build_setup(revalidate(config))
    parts, state, source = setup.parts, setup.init(), setup.source
    index = jnp.arange(setup.batch_size)
    batch = source.batch(source.arrays, jax.random.key(0), 0, 0, index)
    play = make_field(parts, PLAYERS, state, batch, 0, index)

    def field(params: dict[str, Any]) -> dict[str, Any]:
        return play(params)[0]

    def flow(point: Any) -> Any:
        names = zip(PLAYERS, ("psi", "theta"), (point[:1], point[1:]), strict=True)
        params = {player: {name: value} for player, name, value in names}
        total = field(params)
        for correct in parts.corrections.values():
            total = optax.tree.add(total, correct(field, params))
        return -jnp.concatenate(jax.tree.leaves(total))

    return np.asarray(jax.jit(jax.vmap(flow))(points.astype(np.float32)))


def rate(path: np.ndarray) -> float:
    """The factor a step of |(psi, theta)|, fitted over the last half of a path."""
    half = np.linalg.norm(path[len(path) // 2 :], axis=1)
    return float(np.exp(np.polyfit(np.arange(len(half)), np.log(half), 1)[0]))


def _rates(name: str, played: Played) -> tuple[str | float | None, ...]:
    exact = EXACT.get(name)
    return (
        *(name, played.play),
        *((exact.eigenvalues, getattr(exact, played.play)) if exact else ("", None)),
        *(rate(played.near), rate(played.path)),
        float(np.linalg.norm(played.path[-1])),
    )


def _portraits(games: Mapping[str, Sequence[Played]]) -> object:
    across = min(4, len(games))
    rows = -(-len(games) // across)
    shared = {"sharex": True, "sharey": True, "squeeze": False}
    figure, axes = plot(rows, across, width=2.7, height=2.75, **shared)
    for ax in axes.flat[len(games) :]:
        ax.set_axis_off()
    for ax, (name, group) in zip(axes.flat, games.items(), strict=False):
        _draw_flow(ax, group[0].run.config)
        for played in group:
            ax.plot(*played.path.T, COLOURS[played.play], lw=1, label=played.play)
        ax.plot(1, 1, "o", color="black", ms=4)
        ax.plot(0, 0, "+", color="black", ms=8)
        frame = {"xlim": (-REACH, REACH), "ylim": (-REACH, REACH), "aspect": "equal"}
        ax.set(title=name.replace("_", " "), xlabel="psi", ylabel="theta", **frame)
        ax.label_outer()
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside upper left")
    return figure


def _draw_flow(ax: Any, config: Mapping[str, Any]) -> None:
    ticks = np.linspace(-0.9 * REACH, 0.9 * REACH, 9)
    points = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    flow = flow_at(config, points)
    speed = np.linalg.norm(flow, axis=1, keepdims=True)
    arrows = flow / np.sqrt(np.maximum(speed, 1e-12))
    ax.quiver(*points.T, *arrows.T, color="black", alpha=0.3, width=0.006)
    if "margin_scale" in config["objective"]:
        angle = np.linspace(0, 2 * np.pi, 60)
        ax.plot(MARGIN * np.cos(angle), MARGIN * np.sin(angle), "k:", lw=1)
