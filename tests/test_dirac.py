"""The Dirac-GAN: data at 0, a generator at theta, a score of psi x.

Mescheder et al. 2018, "Which Training Methods for GANs do actually Converge?", section
2: near the equilibrium (psi, theta) = (0, 0) training follows the flow -v of the joint
gradient field v, so the eigenvalues of its Jacobian there say whether it converges. All
is taken of what a run of the config is made of: losses, penalties, corrections,
augmentations, optimizers and the step.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from ganjax import augment
from ganjax.build import build_setup
from ganjax.config import augmentation, correction, defaults, penalty
from ganjax.config.validation import numbers, validate
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.step import make_field
from ganjax.types import Batch

RATE = 0.1  # of gradient descent
PLAYERS = ("discriminator", "generator")


def config_of(objective, play="simultaneous", **sections):
    """A config with sections as `penalties={"r1": {"weight": 1.0}}`."""
    config = defaults(
        data="mixture", network="dirac", objective=objective, optimizer="sgd", play=play
    )
    config.data.update(means=((0.0,),), sds=(0.0,), weights=(1.0,))
    config.batch_size = 2
    for player in PLAYERS:
        config.networks[player].start = 0.0
        config.optimizers[player].learning_rate = RATE
    makers = {"penalties": penalty, "augment": augmentation, "corrections": correction}
    for section, chosen in sections.items():
        for name, values in chosen.items():
            config[section][name] = makers[section](name, **values)
    return validate(config)


def widened(tree):
    """float32 as float64, in which the eigenvalues are exact enough."""

    def widen(leaf):
        leaf = np.asarray(leaf)
        return leaf.astype(np.float64) if leaf.dtype == np.float32 else leaf

    return jax.tree.map(widen, tree)


def as_params(point):
    return {"discriminator": {"psi": point[:1]}, "generator": {"theta": point[1:]}}


def as_point(params):
    return jnp.concatenate(
        [params["discriminator"]["psi"], params["generator"]["theta"]]
    )


def make_flow(setup):
    """The vector field (psi, theta) -> -v, of a batch of two."""
    state = widened(setup.init())
    batch = Batch(np.zeros((2, 1)))

    def flow(point, chosen):
        parts = setup.make_build(None)(chosen, 0)
        played = make_field(parts, PLAYERS, state, batch, 0, np.arange(2))

        def field(params):
            return played(params)[0]

        params = as_params(point)
        total = field(params)
        for correct in parts.corrections.values():
            total = optax.tree.add(total, correct(field, params))
        return -as_point(total)

    return flow


def make_descent(setup):
    """One step of training, (psi, theta) -> (psi, theta)."""
    state, data = widened(setup.init()), widened(setup.source.arrays)
    step = setup.make_step(None)

    def descent(point, chosen):
        before = state._replace(params=as_params(point))
        return as_point(step(before, chosen, data)[0].params)

    return descent


def compiled_jacobian(make, *arguments, **keywords):
    return jax.jit(jax.jacobian(make(build_setup(config_of(*arguments, **keywords)))))


@cache
def jacobian_of(make, objective, kind, play):
    """Of the numbers, so that all weights of a penalty share one program."""
    penalties = {kind: {"weight": 1.0}} if kind else {}
    return compiled_jacobian(make, objective, play, penalties=penalties)


def jacobian(make, objective, kind, weight, play="simultaneous"):
    chosen = config_of(
        objective, play, penalties={kind: {"weight": weight}} if kind else {}
    )
    with jax.enable_x64(True):
        of_numbers = jacobian_of(make, objective, kind, play)
        return np.asarray(of_numbers(np.zeros(2), numbers(chosen)))


def assert_eigenvalues(matrix, expected):
    def ordered(values):
        return sorted(values, key=lambda value: (round(value.imag, 5), value.real))

    # The tables have six decimals.
    np.testing.assert_allclose(
        ordered(np.linalg.eigvals(matrix).astype(complex)),
        ordered(np.array(expected, complex)),
        atol=1e-6,
    )


R1, R2 = "r1", "r2"

# Objective, penalty and its weight gamma; eigenvalues of the flow's Jacobian; spectral
# radii of one step of simultaneous and of alternating descent at the rate of 0.1.
# Damped by gamma, minimax has the characteristic polynomial l^2 + gamma l + 1/4, and a
# simultaneous step the radius |1 + 0.1 l|. The relativistic average adds two terms, so
# that its field is twice the paired one's.
TRUTH = [
    ("minimax", None, 0.0, (0.5j, -0.5j), 1.00124922, 1.0),
    ("non_saturating", None, 0.0, (0.5j, -0.5j), 1.00124922, 1.0),
    ("relativistic", None, 0.0, (0.5j, -0.5j), 1.00124922, 1.0),
    ("relativistic_average", None, 0.0, (1j, -1j), 1.00498756, 1.0),
    ("wasserstein", None, 0.0, (1j, -1j), 1.00498756, 1.0),
    ("hinge", None, 0.0, (1j, -1j), 1.00498756, 1.0),
    ("least_squares", None, 0.0, (0, 0), 1.0, 1.0),
    *(
        ("minimax", name, *row)
        for name in (R1, R2)
        for row in (
            (0.3, (-0.15 + 0.476970j, -0.15 - 0.476970j), 0.98615415, 0.98488578),
            (0.5, (-0.25 + 0.433013j, -0.25 - 0.433013j), 0.97596106, 0.97467943),
            (1.0, (-0.5, -0.5), 0.95, 0.96),
        )
    ),
    ("non_saturating", R1, 1.0, (-0.5, -0.5), 0.95, 0.96),
    (
        *("wasserstein", R1, 1.0, (-0.5 + 0.866025j, -0.5 - 0.866025j)),
        *(0.95393920, 0.94868330),
    ),
]
each_row = pytest.mark.parametrize(
    ("objective", "kind", "weight", "eigenvalues", "simultaneous", "alternating"),
    [pytest.param(*row, id=" ".join(map(str, row[:3]))) for row in TRUTH],
)


@each_row
def test_eigenvalues_of_the_field(
    objective, kind, weight, eigenvalues, simultaneous, alternating
):
    assert_eigenvalues(jacobian(make_flow, objective, kind, weight), eigenvalues)


@each_row
def test_spectral_radii_of_descent(
    objective, kind, weight, eigenvalues, simultaneous, alternating
):
    for play, radius in (("simultaneous", simultaneous), ("alternating", alternating)):
        matrix = jacobian(make_descent, objective, kind, weight, play)
        assert matrix.dtype == np.float64
        found = np.abs(np.linalg.eigvals(matrix)).max()
        # A double eigenvalue is found to the square root of the rounding only.
        np.testing.assert_allclose(found, radius, atol=3e-8, err_msg=play)


def test_field_points_as_the_paper_says():
    # Minimax at (psi, theta): v = (f'(psi theta) theta, -f'(psi theta) psi) with f the
    # softplus: f'(0) = 1/2 on the axes.
    flow = make_flow(build_setup(config_of("minimax")))
    with jax.enable_x64(True):
        chosen = numbers(config_of("minimax"))
        np.testing.assert_allclose(flow(np.array([0.0, 2.0]), chosen), [-1.0, 0.0])
        np.testing.assert_allclose(flow(np.array([2.0, 0.0]), chosen), [0.0, 1.0])


def test_instance_noise_damps(monkeypatch):
    # Two nodes of Gauss and Hermite, of equal weight. At psi = 0 the field's derivative
    # has no power of the noise above the second, so that they are exact.
    nodes = np.array([[-1.0], [1.0]])
    monkeypatch.setattr(augment, "_normal", lambda keys, like: nodes)
    compiled = compiled_jacobian(
        make_flow, "minimax", augment={"instance_noise": {"strength": 1.0}}
    )
    for strength, eigenvalues in {
        0.5: (-0.0625 + 0.496078j, -0.0625 - 0.496078j),
        1.0: (-0.25 + 0.433013j, -0.25 - 0.433013j),
        2.0: (-0.133975, -1.866025),
    }.items():
        noise = {"instance_noise": {"strength": strength}}
        chosen = numbers(config_of("minimax", augment=noise))
        with jax.enable_x64(True):
            assert_eigenvalues(compiled(np.zeros(2), chosen), eigenvalues)


def test_consensus_damps():
    consensus = {"consensus": {"weight": 1.0}}
    chosen = numbers(config_of("minimax", corrections=consensus))
    expected = (-0.25 + 0.5j, -0.25 - 0.5j)
    with jax.enable_x64(True):
        for make, taken in (
            (make_flow, lambda matrix: matrix),
            # A step of simultaneous descent is 1 + rate * flow.
            (make_descent, lambda matrix: (matrix - np.eye(2)) / RATE),
        ):
            compiled = compiled_jacobian(make, "minimax", corrections=consensus)
            matrix = np.asarray(compiled(np.zeros(2), chosen))
            assert_eigenvalues(taken(matrix), expected)


def test_point_masses_can_be_drawn_and_measured():
    setup = build_setup(config_of("minimax"))
    index = np.arange(4)
    arrays = setup.source.arrays
    batch = setup.source.batch(arrays, jax.random.key(0), 0, 0, index)
    np.testing.assert_array_equal(batch.real, np.zeros((4, 1)))
    # No sample is closer than three standard deviations of 0, wherever it is.
    for where in (0.0, 0.5):
        measured = setup.measures["mixture"].value(
            np.full((5, 1), where, np.float32), arrays
        )
        assert (measured["high_quality"], measured["reverse_kl"]) == (0, 0)
        assert np.isnan(measured["cell_distance"])  # there are no shells
    evaluator = Evaluator(setup)
    assert set(draw_pictures(evaluator, setup.init(), 4)) == {"histogram"}
