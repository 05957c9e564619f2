"""The rules of the step that every checkpoint relies on."""

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from compiling import QUICKLY
from toys import ALTERNATING, LAZY, SIMULTANEOUS, SOURCE, make_build, numbers

from ganjax.keys import Purpose, example_keys, purpose_key
from ganjax.parallel import jit_layout
from ganjax.state import TrainState, averaged_variables, count_not_finite, init_state
from ganjax.step import make_field, make_train_step
from ganjax.types import Batch, Game, Objective, Outcome, Parts, Penalty

PLAYERS = ("discriminator", "generator")


def toy_step(rounds, objectives=("minimax",), penalties=(), **keywords):
    frozen = keywords.pop("frozen", ())
    build = make_build(objective_names=objectives, penalty_names=penalties, **keywords)
    step = make_train_step(build, SOURCE.batch, rounds, batch_size=16, frozen=frozen)
    return build, step


def start(build, chosen, seed=0):
    return jax.tree.map(np.asarray, init_state(build(chosen, 0), seed))


def assert_same_bits(one, other):
    jax.tree.map(np.testing.assert_array_equal, one, other)


def slices(state, player):
    fields = (state.params, state.mutable, state.optimizer, state.average)
    return [field.get(player) for field in fields]


# A game whose parameters say what was played: each player's loss is its own number
# times the mean of the batch, so SGD at rate 1 subtracts that mean.


def counting_game():
    def play(variables, batch, keys):
        scores = {p: variables[p]["params"] * batch.real for p in PLAYERS}
        outcome = Outcome(real_score=scores["discriminator"], fake=scores["generator"])
        return outcome, {p: {} for p in PLAYERS}

    return Game(
        init=lambda key: {p: {"params": jnp.zeros(())} for p in PLAYERS},
        play=play,
        score=lambda variables, examples, label, keys: examples,
        probes={},
    )


def counting_parts(numbers, step, *, penalties=None):
    return Parts(
        game=counting_game(),
        objective=Objective(
            {
                "discriminator": lambda o: {"mean": jnp.mean(o.real_score)},
                "generator": lambda o: {"mean": jnp.mean(o.fake)},
            },
            threshold=None,
        ),
        optimizers={p: optax.sgd(1.0) for p in PLAYERS},
        penalties=penalties or {},
        average={},
        monitors={},
    )


def counting_run(rounds, draw, steps, build=counting_parts):
    step = jax.jit(make_train_step(build, draw, rounds, batch_size=4))
    state = init_state(build({}, 0), 0)
    metrics = []
    for _ in range(steps):
        state, measured = step(state, {}, {})
        metrics.append(measured)
    return state, metrics


def test_rounds_are_numbered_through_a_step():
    def draw(arrays, key, step, round, index):
        return Batch(jnp.full(index.shape, 1000.0**step * 10.0**round))

    rounds = ((("discriminator",), 3), (("generator",), 2))
    state, _ = counting_run(rounds, draw, 2)
    # Rounds 0, 1, 2 of the discriminator and 3, 4 of the generator, at steps 0 and 1.
    assert -state.params["discriminator"] == 111 + 111_000
    assert -state.params["generator"] == 11_000 + 11_000_000


def test_every_round_has_keys_of_its_own():
    seen = set()
    for purpose in Purpose:
        for step in range(2):
            for round in range(2):
                keys = example_keys(purpose_key(0, purpose), step, round, jnp.arange(3))
                seen |= {tuple(row) for row in jax.random.key_data(keys).tolist()}
    assert len(seen) == len(Purpose) * 2 * 2 * 3


@pytest.mark.usefixtures("quickly_compiled")
def test_the_batch_and_the_latents_of_an_example_follow_from_its_index_alone():
    parts = make_build(normalization="none")(numbers(), 0)
    variables = parts.game.init(jax.random.key(0))

    @jax.jit
    def play(index):
        key = purpose_key(1, Purpose.DATA)
        batch = SOURCE.batch(SOURCE.arrays, key, 5, 1, index)
        keys = example_keys(purpose_key(1, Purpose.PLAY), 5, 1, index)
        return parts.game.play(variables, batch, keys)[0]

    whole, half = play(jnp.arange(8)), play(jnp.arange(4, 8))
    np.testing.assert_array_equal(whole.real[4:], half.real)
    np.testing.assert_allclose(whole.fake[4:], half.fake, rtol=1e-6)


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.usefixtures("quickly_compiled")
def test_a_round_writes_its_movers_only(player):
    other = PLAYERS[1 - PLAYERS.index(player)]
    build, step = toy_step((((player,), 2),), optimizer=optax.adam)
    before = start(build, numbers("minimax"))
    after, metrics = jax.jit(step)(before, numbers("minimax"), SOURCE.arrays)
    assert_same_bits(slices(before, other), slices(after, other))
    for old, new in zip(slices(before, player), slices(after, player), strict=True):
        for a, b in zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True):
            assert not np.array_equal(a, b)
    assert {name.partition("/")[0] for name in metrics} == {player}
    assert int(after.step) == 1


@pytest.mark.parametrize("player", PLAYERS)
@pytest.mark.usefixtures("quickly_compiled")
def test_a_frozen_player_is_recorded_and_stays(player):
    other = PLAYERS[1 - PLAYERS.index(player)]
    found = {}
    for frozen in ((), (player,)):
        build, step = toy_step(SIMULTANEOUS, optimizer=optax.adam, frozen=frozen)
        before = start(build, numbers("minimax"))
        found[frozen] = jax.jit(step)(before, numbers("minimax"), SOURCE.arrays)
    (free, recorded), (held, others) = found.values()
    # Both move from the same forward pass, so that nothing else can tell.
    assert others[f"{player}/gradient_norm"] > 0
    jax.tree.map(partial(np.testing.assert_allclose, rtol=1e-6), others, recorded)
    jax.tree.map(
        partial(np.testing.assert_allclose, rtol=1e-6),
        *(slices(state, other) for state in (held, free)),
    )
    assert_same_bits(slices(before, player), slices(held, player))
    assert int(held.step) == 1


def product_parts(numbers, step, *, corrections=None):
    """Losses of D (G + x) and its negative, from D = G = 2."""

    def play(variables, batch, keys):
        product = variables["discriminator"]["params"] * (
            variables["generator"]["params"] + batch.real
        )
        return Outcome(real_score=product, fake=-product), {p: {} for p in PLAYERS}

    game = counting_game()._replace(
        init=lambda key: {p: {"params": jnp.full((), 2.0)} for p in PLAYERS}, play=play
    )
    return counting_parts(numbers, step)._replace(
        game=game, corrections=corrections or {}
    )


def draw_ones(arrays, key, step, round, index):
    return Batch(jnp.ones(index.shape))


def test_simultaneous_players_move_from_the_same_forward_pass():
    together, _ = counting_run(SIMULTANEOUS, draw_ones, 1, product_parts)
    # d/dD D(G + 1) = G + 1 = 3 and d/dG -D(G + 1) = -D = -2, both at (2, 2).
    assert (together.params["discriminator"], together.params["generator"]) == (-1, 4)
    in_turn, _ = counting_run(
        ((("discriminator",), 1), (("generator",), 1)), draw_ones, 1, product_parts
    )
    # The generator sees D = -1: -D = 1.
    assert (in_turn.params["discriminator"], in_turn.params["generator"]) == (-1, 1)


def test_field_is_each_players_gradient_of_its_own_loss():
    parts = product_parts({}, 0)
    state, index = init_state(parts, 0), jnp.arange(4)
    batch = draw_ones({}, None, 0, 0, index)
    field = make_field(parts, PLAYERS, state, batch, 0, index)
    gradients, played = field({"discriminator": 5.0, "generator": 7.0})
    # G + 1 and -D; the losses are 5 * 8 and its negative.
    assert gradients == {"discriminator": 8, "generator": -5}
    assert played.losses == {"discriminator": 40, "generator": -40}
    alone = make_field(parts, ("generator",), state, batch, 0, index)
    # The other player stays at the state's 2.
    assert alone({"generator": 7.0})[0] == {"generator": -2}


def test_corrections_are_added_to_the_gradients_and_their_norms_logged():
    def halved(field, params):
        return jax.tree.map(lambda x: -0.5 * x, field(params))

    def own(field, params):
        return jax.tree.map(lambda x: 10.0 * x, params)

    build = partial(product_parts, corrections={"halved": halved, "own": own})
    state, (measured,) = counting_run(SIMULTANEOUS, draw_ones, 1, build)
    # Gradients 3 and -2 become 3 - 1.5 + 20 = 21.5 and -2 + 1 + 20 = 19.
    assert state.params == {"discriminator": 2 - 21.5, "generator": 2 - 19}
    assert measured["discriminator/gradient_norm"] == 21.5
    assert measured["discriminator/halved_norm"] == 1.5
    assert measured["generator/halved_norm"] == 1
    assert measured["generator/own_norm"] == 20


BROKEN = ("loss", "gradient", "update", "optimizer")


@cache
def step_that_breaks():
    """A step whose numbers say what is not finite, and for whom."""
    real_build = make_build(
        optimizer=optax.adam, objective_names=("minimax",), penalty_names=()
    )

    def spoil(losses, spoiled, outcome):
        terms = losses(outcome)
        zero = 0.0 * sum(terms.values())
        loss = jnp.where(spoiled["loss"], jnp.nan, 0.0)
        # The square root has a value at zero, and no finite slope.
        slope = jnp.sqrt(jnp.abs(zero) + 1 - spoiled["gradient"])
        return terms | {"spoiled": zero + loss + slope}

    def build(numbers, step):
        parts = real_build(numbers, step)
        losses, optimizers = {}, {}
        for player, spoiled in numbers["spoiled"].items():
            losses[player] = partial(spoil, parts.objective.losses[player], spoiled)
            rate = jnp.where(spoiled["update"], jnp.inf, 0.1)
            # The square that Adam keeps of such a gradient is not finite.
            scale = jnp.where(spoiled["optimizer"], 1e30, 1.0)
            optimizers[player] = optax.chain(optax.scale(scale), optax.adam(rate))
        return parts._replace(
            optimizers=optimizers, objective=Objective(losses, threshold=None)
        )

    def make(refuse):
        return make_train_step(
            build, SOURCE.batch, ALTERNATING, refuse=refuse, batch_size=16
        )

    layout = jit_layout(jax.devices()[0])
    return build, jax.jit(make(refuse=True)), layout.compile(make(refuse=False))


def spoil_one(player, broken):
    return numbers("minimax") | {
        "spoiled": {
            p: {what: np.float32((p, what) == (player, broken)) for what in BROKEN}
            for p in PLAYERS
        }
    }


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("player", PLAYERS)
def test_an_update_that_is_not_finite_is_refused(player, broken):
    other = PLAYERS[1 - PLAYERS.index(player)]
    build, step, _ = step_that_breaks()
    chosen = spoil_one(player, broken)
    before = start(build, chosen)
    after, metrics = step(before, chosen, SOURCE.arrays)
    assert_same_bits(slices(before, player), slices(after, player))
    repeats = {"discriminator": 2, "generator": 1}
    assert after.skipped == {player: repeats[player], other: 0}
    for a, b in zip(
        jax.tree.leaves(before.params[other]),
        jax.tree.leaves(after.params[other]),
        strict=True,
    ):
        assert not np.array_equal(a, b)
    assert np.isnan(metrics[f"{player}/spoiled"]) == (broken == "loss")


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize("player", PLAYERS)
def test_an_update_that_is_not_finite_is_counted_where_none_is_refused(player, broken):
    build, _, advance = step_that_breaks()
    chosen = spoil_one(player, broken)
    after, _ = advance(start(build, chosen), chosen, SOURCE.arrays, 1)
    assert after.skipped[player] > 0
    well = spoil_one(player, "nothing")
    after, _ = advance(start(build, well), well, SOURCE.arrays, 1)
    assert after.skipped == {"discriminator": 0, "generator": 0}


def test_a_player_without_parameters_is_finite():
    state = start(make_build(), numbers("minimax"))
    assert state.skipped["generator"] == 0
    bare = {field: {} for field in ("params", "mutable", "optimizer", "average")}
    assert count_not_finite(state._replace(**bare)).skipped == state.skipped


@pytest.mark.usefixtures("quickly_compiled")
def test_numbers_and_steps_change_without_another_trace():
    traces = []
    real_build = make_build(objective_names=("hinge", "minimax"), penalty_names=("r1",))

    def build(numbers, step):
        traces.append(1)
        return real_build(numbers, step)

    layout = jit_layout(jax.devices()[0])
    advance = layout.compile(
        make_train_step(build, SOURCE.batch, ALTERNATING, batch_size=16)
    )
    state = layout.place(start(real_build, numbers("hinge")))
    data = layout.place_data(SOURCE.arrays)
    first = state
    for chosen, count in [
        (numbers("hinge"), 3),
        (numbers("minimax", "r1", 0.1), 3),
        (numbers("hinge", learning_rate=0.2), 1),
        (numbers("hinge"), 1),
    ]:
        state, _ = advance(state, chosen, data, count)
    assert int(state.step) == 8
    assert len(traces) == 1
    # Whose memory the next state has.
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(first))


@pytest.mark.usefixtures("quickly_compiled")
def test_a_chunk_asks_nothing_of_the_host():
    build, step = toy_step(ALTERNATING, ("minimax",), ("r1",))
    layout = jit_layout(jax.devices()[0])
    state = layout.place(start(build, numbers("minimax", "r1")))
    given = jax.device_put((numbers("minimax", "r1"), SOURCE.arrays))
    advance = layout.compile(step)
    text = advance.lower(state, *given, 3).as_text()
    assert "callback" not in text
    with jax.transfer_guard("disallow"):
        jax.block_until_ready(advance(state, *given, 3))


def test_a_scan_is_its_steps_however_they_are_cut():
    build, step = toy_step(
        ALTERNATING, ("relativistic",), ("r1",), optimizer=optax.adam
    )
    chosen = numbers("relativistic", "r1")
    layout = jit_layout(jax.devices()[0])
    advance = layout.compile(step)
    data = layout.place_data(SOURCE.arrays)

    def run(cuts):
        state = layout.place(start(build, chosen))
        for count in cuts:
            state, _ = advance(state, chosen, data, count)
        return layout.fetch(state)

    # Each length is a program, and takes long to compile as it is for use.
    whole = run([4] * 2)
    assert_same_bits(whole, run([1] * 8))
    assert_same_bits(whole, run([1, 4, 1, 1, 1]))
    # Placed, as what it returns is: otherwise it is compiled again for that.
    state, plain = layout.place(start(build, chosen)), jax.jit(step)
    for _ in range(8):
        state, _ = plain(state, chosen, data)
    assert_same_bits(whole, jax.device_get(state))


def test_metrics_are_means_over_the_steps_of_a_dispatch():
    def draw(arrays, key, step, round, index):
        return Batch(jnp.full(index.shape, 1.0))

    step = make_train_step(counting_parts, draw, ((PLAYERS, 1),), batch_size=4)
    layout = jit_layout(jax.devices()[0])
    state = layout.place(init_state(counting_parts({}, 0), 0))
    _, metrics = layout.compile(step)(state, {}, {}, 4)
    # Parameters 0, -1, -2, -3, each times a batch of ones.
    assert metrics["generator/mean"] == -1.5
    assert metrics["generator/loss"] == -1.5
    assert metrics["generator/gradient_norm"] == 1


def test_a_lazy_penalty_is_multiplied_and_taken_at_its_steps_only():
    def draw(arrays, key, step, round, index):
        return Batch(jnp.zeros(index.shape))

    def value(score_fn, outcome, keys):
        return jnp.mean(outcome.real_score) + 5.0

    build = partial(counting_parts, penalties={"lazy": Penalty(value, every=3)})
    _, metrics = counting_run(((("discriminator",), 1),), draw, 5, build)
    assert [m["discriminator/lazy"] for m in metrics] == [15, 0, 0, 15, 0]
    assert [m["discriminator/loss"] for m in metrics] == [15, 0, 0, 15, 0]


def averaged_steps(rounds, steps, start=0):
    """Averages by a decay of 0.2 after each step, of parameters that fall by ones."""

    def build(numbers, step):
        return counting_parts(numbers, step)._replace(average={"generator": 0.2})

    step = jax.jit(make_train_step(build, draw_ones, rounds, batch_size=4))
    state, averages = init_state(build({}, 0), 0), []
    state = state._replace(step=jnp.asarray(start, jnp.int32))
    for _ in range(steps):
        state, _ = step(state, {}, {})
        averages.append(float(state.average["generator"]))
    return averages


def test_the_average_soon_forgets_the_untrained_weights():
    # The decay is 1/10, 2/11, and then not 3/12 but 0.2. Parameters are -1, -2, -3:
    # 0.9 * -1; (2 * -0.9 + 9 * -2) / 11 = -1.8; 0.2 * -1.8 + 0.8 * -3
    three = averaged_steps(((("generator",), 1),), 3)
    np.testing.assert_allclose(three, [-0.9, -1.8, -2.76], rtol=1e-6)
    # A round of a step is as any other: 0.1 * -0.9 + 0.9 * -2
    twice = averaged_steps(((("generator",), 2),), 1)
    np.testing.assert_allclose(twice, [-1.89], rtol=1e-6)


def test_the_average_of_an_old_run_goes_on_with_its_own_decay():
    # Whatever it began with; and the last of all steps overflows nothing.
    for start in (10, 2**31 - 2):
        [once] = averaged_steps(((("generator",), 1),), 1, start)
        np.testing.assert_allclose(once, -0.8, rtol=1e-6)


@pytest.mark.usefixtures("quickly_compiled")
def test_the_average_is_what_is_seen_of_a_player():
    build, step = toy_step(((("generator",), 1),))
    chosen = numbers("minimax")
    before = start(build, chosen)
    after, _ = jax.jit(step)(before, chosen, SOURCE.arrays)
    seen = averaged_variables(after)
    assert_same_bits(seen["generator"]["params"], after.average["generator"])
    assert_same_bits(seen["discriminator"]["params"], after.params["discriminator"])


MEMBERS = [
    (0, numbers("minimax", "r1", 0.05)),
    (1, numbers("hinge", LAZY, 0.1)),
    (2, numbers("hinge", "r1", 0.2)),
]
MEMBER = TrainState(None, 0, 0, 0, 0, 0, 0)  # a population shares its step


@cache
def population():
    """The step, also as one run takes it, and the states and numbers of the members.

    Momentum is state of the optimizer, and does not make steps of rounding as Adam.
    """
    build, step = toy_step(
        ALTERNATING,
        ("minimax", "hinge"),
        ("r1", LAZY),
        optimizer=partial(optax.sgd, momentum=0.9),
    )
    states = [start(build, chosen, seed) for seed, chosen in MEMBERS]
    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *states)
    many = jax.tree.map(lambda *xs: np.stack(xs), *[chosen for _, chosen in MEMBERS])
    return step, jax.jit(step), states, stacked._replace(step=states[0].step), many


def test_a_population_holds_another_number_and_seed_in_each_member():
    step, alone, states, stacked, many = population()
    mapped = jax.jit(
        jax.vmap(step, (MEMBER, 0, None), (MEMBER, 0)), compiler_options=QUICKLY
    )
    for _ in range(3):
        stacked, _ = mapped(stacked, many, SOURCE.arrays)
    assert stacked.step.shape == ()
    for member, (_, chosen) in enumerate(MEMBERS):
        state = states[member]
        for _ in range(3):
            state, _ = alone(state, chosen, SOURCE.arrays)
        jax.tree.map(
            lambda a, b, m=member: np.testing.assert_allclose(
                b[m], a, rtol=1e-5, atol=1e-6
            ),
            state.params,
            stacked.params,
        )


def test_a_member_mapped_in_turn_is_its_single_run_bit_for_bit():
    step, alone, states, stacked, many = population()

    def in_turn(stacked, many):
        def one(member):
            fields, chosen = member
            state = TrainState(stacked.step, *fields)
            return tuple(step(state, chosen, SOURCE.arrays)[0])[1:]

        return jax.lax.map(one, (tuple(stacked)[1:], many))

    mapped = jax.jit(in_turn)(stacked, many)
    for member, (_, chosen) in enumerate(MEMBERS):
        single, _ = alone(states[member], chosen, SOURCE.arrays)
        assert_same_bits(
            tuple(single)[1:], jax.tree.map(lambda x, m=member: x[m], mapped)
        )


def test_a_lazy_penalty_stays_a_branch_in_a_population():
    step, _, _, stacked, many = population()
    program = jax.make_jaxpr(jax.vmap(step, (MEMBER, 0, None), (MEMBER, 0)))(
        stacked, many, SOURCE.arrays
    )
    assert " cond[" in str(program)


def test_two_random_penalties_have_keys_of_their_own():
    def draw(arrays, key, step, round, index):
        return Batch(jnp.zeros(index.shape))

    def value(score_fn, outcome, keys):
        return jnp.mean(jax.vmap(jax.random.uniform)(keys))

    build = partial(
        counting_parts, penalties={"one": Penalty(value), "other": Penalty(value)}
    )
    _, metrics = counting_run(((("discriminator",), 1),), draw, 1, build)
    assert metrics[0]["discriminator/one"] != metrics[0]["discriminator/other"]
