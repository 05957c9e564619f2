"""Theorems that training must obey: optimal discriminators, exact distances, schedules.

Everything is trained by the step of a run's config. Densities are on a line, where
integrals are sums over a fine grid.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm
from test_run import stored

import ganjax
from ganjax.config import ConfigDict, defaults, load, penalty, schedule
from ganjax.config import experiment as experiment_file
from ganjax.config.validation import validate
from ganjax.keys import Purpose, purpose_key
from ganjax.look import draw
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.look.replay import replay
from ganjax.losses.loss_sensitive import l1_margin, loss_sensitive_discriminator
from ganjax.measures import STEP_FACTORS, measured_factor
from ganjax.measures.nonparametric import cone_bounds, loss_sensitive_optimum
from ganjax.step import make_field
from ganjax.study import read_run

PLAYERS = ("discriminator", "generator")
LINE, WIDTH = np.linspace(-12, 12, 8_001, retstep=True)


def config_of(objective, real, fake, *, steps=500, rate=5e-3):
    """N(real) against a generator that stays N(fake); both are (mean, sd)."""
    config = defaults(data="mixture", network="affine", objective=objective)
    config.networks.discriminator = (
        defaults(data="mixture", network="mlp", objective=objective)
    ).networks.discriminator
    config.networks.discriminator.widths = (32, 32)
    config.data.update(means=((real[0],),), sds=(real[1],), weights=(1.0,))
    config.networks.generator.update(mean=fake[0], sd=fake[1])
    config.game.latent_size = 1
    config.steps, config.batch_size = steps, 128
    config.ema = ConfigDict()
    config.play.frozen = "generator"
    config.optimizers.discriminator.update(learning_rate=rate, b1=0.5, b2=0.99)
    falling = schedule("cosine", 0.0)
    config.optimizers.discriminator.learning_rate_schedule = falling
    return config


def trained(config):
    """The setup and its last state."""
    setup, states = replay(config.to_dict(), config.steps)
    return setup, jax.tree.map(lambda values: values[-1], states)


def score_of(setup, state, points=LINE):
    given = np.asarray(points, np.float32)[:, None]
    score = Evaluator(setup).probe("score", state, len(points), real=given)
    return score.astype(np.float64)


def expected(values, mean, sd):
    """E values(x) under N(mean, sd^2), of values on the line."""
    return np.sum(values * norm.pdf(LINE, mean, sd)) * WIDTH


# The discriminator's optimum is D* = p / (p + q), and the value there 2 JSD - log 4:
# never exceeded, and for these pairs -1.163451396750418 and -log 4.
@pytest.mark.parametrize(
    ("fake", "value"), [((1.0, 1.0), -1.163451396750418), ((0.0, 1.0), -np.log(4))]
)
def test_discriminator_comes_to_its_optimum(fake, value):
    real = (0.0, 1.0)
    score = score_of(*trained(config_of("minimax", real, fake)))
    p, q = norm.pdf(LINE, *real), norm.pdf(LINE, *fake)
    central = (LINE > -2) & (LINE < 3)
    error = 1 / (1 + np.exp(-score)) - p / (p + q)
    assert np.abs(error[central]).max() < 0.05
    found = -expected(np.logaddexp(0, -score), *real) - expected(
        np.logaddexp(0, score), *fake
    )
    assert value - 0.005 < found <= value + 1e-6


def lipschitz(score):
    return np.abs(np.diff(score)).max() / WIDTH


# By Kantorovich and Rubinstein (E_p f - E_q f) / Lip(f) never exceeds W1. A penalty of
# weight w lets the slope rise above 1 by |F_p - F_q| / (2 w rho), with rho the density
# of the interpolates: by at most 2 % here. Unequal widths need a slope that changes its
# sign, which only the one-sided penalty lets pass through 0.
@pytest.mark.parametrize(
    ("fake", "kind", "distance"),
    [
        ((1.0, 1.0), "wgan_gp", 1.0),
        ((0.0, 2.0), "wgan_lp", 0.7978845608028654),
    ],
)
def test_critic_comes_to_the_exact_distance(fake, kind, distance):
    real = (0.0, 1.0)
    config = config_of("wasserstein", real, fake, steps=800)
    config.penalties[kind] = penalty(kind, weight=30.0)
    score = score_of(*trained(config))
    # Flat beyond 2.5 sd, where no example holds the slope: steeper than 1 nowhere.
    low = min(mean - 2.5 * sd for mean, sd in (real, fake))
    high = max(mean + 2.5 * sd for mean, sd in (real, fake))
    inside = (low < LINE) & (high > LINE)
    critic = np.interp(LINE, LINE[inside], score[inside])
    found = (expected(critic, *real) - expected(critic, *fake)) / lipschitz(critic)
    assert 0.95 * distance < found <= distance * (1 + 1e-6)
    if kind == "wgan_gp":
        between = (LINE[1:] > 0) & (LINE[1:] < 1)
        np.testing.assert_allclose(np.diff(score)[between] / WIDTH, -1.0, atol=0.04)


def generator_gradient(setup, state):
    """The norm of the generator's gradient, as its next step would have it."""
    index = jnp.arange(setup.batch_size)
    source = setup.source
    key = purpose_key(state.seed, Purpose.DATA)
    batch = source.batch(source.arrays, key, state.step, 0, index)
    field = make_field(setup.parts, PLAYERS, state, batch, 0, index)
    gradient = jax.jit(field)(state.params)[0]["generator"]
    return float(np.hypot(*(leaf.item() for leaf in jax.tree.leaves(gradient))))


def test_on_disjoint_supports_the_minimax_generator_has_no_gradient():
    # Forty standard deviations apart, D tells them apart to rounding.
    real, fake = (2.0, 0.1), (-2.0, 0.1)
    gradients = {}
    for objective in ("minimax", "non_saturating", "wasserstein"):
        config = config_of(objective, real, fake, steps=400, rate=2e-2)
        if objective == "wasserstein":
            made = penalty("wgan_gp", weight=10.0)
            config.penalties.wgan_gp = made
        gradients[objective] = generator_gradient(*trained(config))
    assert gradients["minimax"] < 1e-4 * gradients["wasserstein"]
    # Interpolates have the density 1/4 in the gap: the slope is 1 + 1 / (2 w / 4) = 1.2
    # in the terms above, and with it the derivative of -E f(mean + sd z) by the mean.
    np.testing.assert_allclose(gradients["wasserstein"], 1.2, atol=0.06)
    assert gradients["non_saturating"] > 1.0


def test_no_trained_loss_beats_the_linear_program():
    config = config_of("loss_sensitive", (0.0, 1.0), (1.0, 0.7), steps=400)
    # Steep margins, so that the loss cannot satisfy all pairs.
    config.objective.margin_scale = 2.0
    made = penalty("wgan_lp", weight=10.0)
    config.penalties.wgan_lp = made
    setup, state = trained(config)
    rng = np.random.default_rng(0)
    real, fake = rng.normal(0.0, 1.0, (40, 1)), rng.normal(1.0, 0.7, (40, 1))
    held_out = rng.uniform(-4, 5, 200)
    margin = np.asarray(l1_margin(real, fake, scale=2.0), np.float64)

    # L / kappa is 1-Lipschitz: as steep as L is anywhere, to the rounding of float32.
    loss = -score_of(setup, state)
    kappa = lipschitz(loss) * (1 + 1e-4)
    nodes = np.concatenate([real, fake])
    at_nodes = -score_of(setup, state, nodes[:, 0])
    at_nodes -= at_nodes.min()  # L >= 0; the hinge sees differences only

    for real_weight in (0.0, 0.3):
        best = loss_sensitive_optimum(
            *(real, fake, margin / kappa), real_weight=real_weight, kappa=1.0
        )
        found = loss_sensitive_discriminator(
            *(-at_nodes[:40] / kappa, -at_nodes[40:] / kappa, margin / kappa),
            real_weight=real_weight,
        )
        assert 0.1 < best.value <= float(found)
        if real_weight == 0:
            assert float(found) < 1.15 * best.value

    values = at_nodes / kappa
    lower, upper = cone_bounds(held_out[:, None], nodes, values, kappa=1.0)
    offset = (at_nodes + score_of(setup, state, nodes[:, 0])).mean()
    between = (offset - score_of(setup, state, held_out)) / kappa
    assert (lower - 1e-5 <= between).all()
    assert (between <= upper + 1e-5).all()
    assert (upper - lower).max() > 0.01  # there is room between them


def ring_config(play):
    config = defaults(
        data="ring", network="mlp", objective="minimax", optimizer="sgd", play=play
    )
    for player in PLAYERS:
        config.networks[player].widths = (8,)
        config.optimizers[player].learning_rate = 0.1
    config.steps, config.batch_size = 1, 16
    return config.to_dict()


def assert_close(one, other):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-6), one, other)


def test_single_step_and_double_loop_begin_with_the_same_discriminator():
    # Both play round 0 with the same batch, latents and parameters.
    (_, single), (setup, double) = (
        replay(ring_config(play), 1) for play in ("simultaneous", "alternating")
    )
    single, double = (
        [jax.tree.map(lambda x, i=i: x[i], states) for i in range(2)]
        for states in (single, double)
    )
    assert_close(single[1].params["discriminator"], double[1].params["discriminator"])

    # The generator does not: in the double loop it answers the new discriminator, in
    # round 1, with fresh latents. One step of descent on that:
    index = jnp.arange(setup.batch_size)
    source, first = setup.source, double[0]
    key = purpose_key(first.seed, Purpose.DATA)
    for states, old, round in ((single, first, 0), (double, double[1], 1)):
        batch = source.batch(source.arrays, key, 0, round, index)
        field = make_field(setup.parts, PLAYERS, first, batch, round, index)
        params = {
            "discriminator": old.params["discriminator"],
            "generator": first.params["generator"],
        }
        gradient = jax.jit(field)(params)[0]["generator"]
        expected = jax.tree.map(
            lambda x, g: x - 0.1 * g, first.params["generator"], gradient
        )
        assert_close(states[1].params["generator"], expected)
    gap = jax.tree.map(
        lambda a, b: np.abs(a - b).max(),
        *(states[1].params["generator"] for states in (single, double)),
    )
    assert max(jax.tree.leaves(gap)) > 1e-4


# Of the Dirac-GAN's generator latents mean nothing, so that only the discriminator it
# sees differs: psi, or psi - 0.1 theta after a round of E s - E r = psi theta. Then
# theta gains 0.1 psi. From theta = 0 the discriminator stays, and both are the same.
@pytest.mark.parametrize(
    ("play", "start", "expected"),
    [
        ("simultaneous", (1.0, 0.5), (0.95, 0.6)),
        ("alternating", (1.0, 0.5), (0.95, 0.595)),
        ("simultaneous", (1.0, 0.0), (1.0, 0.1)),
        ("alternating", (1.0, 0.0), (1.0, 0.1)),
    ],
)
def test_generator_sees_the_old_or_the_new_discriminator(play, start, expected):
    config = defaults(
        data="mixture",
        network="dirac",
        objective="wasserstein",
        optimizer="sgd",
        play=play,
    )
    config.data.update(means=((0.0,),), sds=(0.0,), weights=(1.0,))
    for player, value in zip(PLAYERS, start, strict=True):
        config.networks[player].start = value
        config.optimizers[player].learning_rate = 0.1
    config.steps, config.batch_size = 1, 2
    _, states = replay(config.to_dict(), 1)
    found = (
        states.params["discriminator"]["psi"][1, 0],
        states.params["generator"]["theta"][1, 0],
    )
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_replay_gives_the_states_on_the_way():
    config = {**ring_config("alternating"), "steps": 6}
    setup, every = replay(config, 1)
    _, some = replay(config, 3)
    assert every.step.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert_close(jax.tree.map(lambda x: x[::3], every), some)
    state, step = setup.init(), jax.jit(setup.make_step(None))
    for _ in range(6):
        state, _ = step(state, setup.numbers, setup.source.arrays)
    assert_close(jax.tree.map(lambda x: x[-1], every), jax.device_get(state))
    with pytest.raises(ValueError, match="every = 4 must divide 6 steps"):
        replay(config, 4)


EXPERIMENTS = Path(__file__).parents[1] / "experiments"


@pytest.mark.parametrize("name", ["dirac", "densities", "apart", "steepness"])
def test_every_point_of_the_sweep_is_valid(name):
    path = str(EXPERIMENTS / f"{name}.py")
    for point in experiment_file.sweep(path):
        overrides = [f"{key}={value}" for key, value in point.overrides.items()]
        validate(load(f"{path}:{point.arg}", overrides))


def untrained(folder, name, *overrides):
    """A run of an experiment of which only the first state is saved."""
    path, _, argument = name.partition(":")
    config = load(f"{EXPERIMENTS / path}.py:{argument}", overrides)
    return read_run(stored(folder, config))


def test_dirac_study_knows_the_truth(tmp_path):
    names = experiment_file.run_file(str(EXPERIMENTS / "dirac.py"))
    run = untrained(tmp_path, "dirac:wasserstein,r1")
    assert names["game"](run) == "wasserstein, r1 1"
    # By hand at (psi, theta) = (2, 1): data at 0 has no score, and R1 is psi^2 / 2.
    # Flow: psi falls by theta and by psi, theta rises by psi.
    flow = names["flow_of"](run)(np.array([[2.0, 1.0]]))
    np.testing.assert_allclose(flow, [[-3.0, 2.0]], rtol=1e-6)
    # So is its Jacobian at 0.
    at_zero = np.array(names["FLOWS"]["wasserstein, r1 1"])
    np.testing.assert_allclose(at_zero @ [2.0, 1.0], flow[0], rtol=1e-6)
    path = names["path_of"](run, 0.01)
    assert path.shape == (501, 2)
    # 0.01 - 0.1 (0.01 + 0.01) and 0.01 + 0.1 0.01.
    np.testing.assert_allclose(path[1], [0.008, 0.011], rtol=1e-5)
    exact = STEP_FACTORS["simultaneous"](at_zero, names["RATE"])
    np.testing.assert_allclose(measured_factor(path), exact, atol=1e-3)


def test_steepness_sets_ls_gan_beside_the_best_loss_function(tmp_path):
    path = str(EXPERIMENTS / "steepness.py")
    names = experiment_file.run_file(path)
    run = untrained(tmp_path, "steepness", "steps=1000", "objective.margin_scale=2.0")
    figure, table = experiment_file.study(path, [run])
    assert "LS-GAN" in figure.title
    step, slope, found, least, room = np.array(table.rows, float).T
    assert step.tolist() == [0, 1, 2, 3, 4, 6, 8, 1_000]
    assert (found >= least - 1e-6).all()
    assert (room > 0.1).all()  # the slope may be another between the supports
    # At first it is worse than a loss function as flat need be, at the end it is best.
    assert found[0] > least[0] + 1
    assert (found[-1], least[-1]) == (0, 0)
    # Supports 4 apart: a slope of 2 satisfies margins of 2 |x - z|, 0 none of them.
    assert slope[-1] > 2
    np.testing.assert_allclose(names["least"](run.config, 0.0), 2 * 4.0, rtol=1e-6)
    np.testing.assert_allclose(names["least"](run.config, 1.0), 4.0, rtol=1e-6)
    # L lies between its bounds.
    right = figure.image.axes[1]
    (line,), (between,) = right.lines, right.collections
    corners = between.get_paths()[0].vertices
    for x, loss in zip(*line.get_data(), strict=True):
        bounds = corners[corners[:, 0] == x, 1]
        assert bounds.min() - 1e-6 <= loss <= bounds.max() + 1e-6


def test_apart_holds_its_generator_and_shows_its_gradient(tmp_path):
    path = str(EXPERIMENTS / "apart.py")
    run = ganjax.train(
        path,
        tmp_path / "run",
        overrides={
            "steps": 20,
            "record.every": 10,
            "parallel.mode": "jit",
            "evaluation.samples": 20,
        },
    )
    for name, value in run.state.params["generator"].items():
        given = np.float32(run.config["networks"]["generator"][name])
        np.testing.assert_array_equal(value, [given])
    steps, values = run.metrics()["generator/gradient_norm"]
    assert (steps.tolist(), (values > 0).all()) == ([10, 20], True)
    figure, table = experiment_file.study(path, [read_run(tmp_path / "run")])
    assert figure.title == "The gradient that the generator would get"
    assert table.rows[0][2:4] == (values[0], values[-1])


@pytest.mark.parametrize(
    ("flow", "play", "factor"),
    [
        # |1 + 0.1 (0.5i)|, and of turning in turn none.
        ([[0, -0.5], [0.5, 0]], "simultaneous", 1.00124922),
        ([[0, -0.5], [0.5, 0]], "alternating", 1.0),
        ([[0, -1], [1, 0]], "simultaneous", 1.00498756),
        ([[-1, -1], [1, 0]], "simultaneous", 0.9539392),
        ([[-1, -1], [1, 0]], "alternating", 0.9486833),
        ([[-1, -0.5], [0.5, 0]], "simultaneous", 0.95),
        ([[-1, -0.5], [0.5, 0]], "alternating", 0.96),
        ([[-0.3, -0.5], [0.5, 0]], "alternating", 0.98488578),
        ([[-0.25, -0.5], [0.5, -0.25]], "simultaneous", 0.97628121),
    ],
)
def test_factors_of_a_step(flow, play, factor):
    found = STEP_FACTORS[play](np.array(flow, float), 0.1)
    np.testing.assert_allclose(found, factor, rtol=1e-7)


def test_measured_factor_of_a_path():
    angle, length = np.arange(21.0), 0.9 ** np.arange(21.0)
    path = length[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    path[:10] += 5.0  # its first half counts for nothing
    np.testing.assert_allclose(measured_factor(path), 0.9, rtol=1e-12)


def test_film_of_a_lone_point_at_0_shows_2_to_either_side(monkeypatch):
    config = load(f"{EXPERIMENTS / 'dirac.py'}:hinge").to_dict()
    setup, states = replay({**config, "steps": 1}, 1)
    seen = {}
    monkeypatch.setattr(
        draw, "histogram", lambda *points, bounds: seen.update(p=points, b=bounds)
    )
    draw_pictures(Evaluator(setup), jax.tree.map(lambda x: x[0], states), 4)
    assert seen["b"] == (-2.0, 2.0)
    # The score psi x with psi = 1, along the axis.
    np.testing.assert_allclose(seen["p"][2], draw.field_axes([(-2, 2)], 128)[:, 0])
