"""Games: what a round of play makes, and what the probes show of it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tables import GAMES, NETWORKS, OBJECTIVES, PLAYS

from ganjax.keys import Purpose, example_keys, fold, purpose_key
from ganjax.types import Batch, Examples, Network

COUNT, LATENT = 16, 3
INDEX = np.arange(COUNT)
KEYS = example_keys(purpose_key(0, Purpose.PLAY), 0, 0, INDEX)


def identity_generator():
    """Its examples are the latents themselves."""
    return Network(
        init=lambda key, latents, label: {"params": {}},
        apply=lambda variables, latents, label, keys, *, train: (latents, {}),
    )


def noisy_discriminator():
    """Its score is a random number of each example's key; its state counts calls."""

    def apply(variables, examples, label, keys, *, train):
        score = jax.vmap(jax.random.uniform)(keys)
        state = {"count": variables["count"] + 1} if train else {}
        return (score, None, (examples,)), state

    return Network(
        init=lambda key, examples, label: {"params": {}, "count": jnp.zeros(())},
        apply=apply,
    )


def open_game(prior="normal", latent_size=LATENT):
    """A game whose networks show what they are given."""
    networks = {
        "generator": identity_generator(),
        "discriminator": noisy_discriminator(),
    }
    return GAMES["adversarial"](
        networks, Examples((latent_size,), 10), latent_size=latent_size, prior=prior
    )


def real_game(normalization, shape=(4, 4, 1), head="score"):
    made = NETWORKS["mlp"]
    keys = {"widths": (8,), "slope": 0.2, "normalization": normalization}
    keys |= {"axis_name": None, "conditioning": "none"}
    examples = Examples(shape, 10)
    networks = {
        "generator": made["generator"](examples, output="tanh", **keys),
        "discriminator": made["discriminator"](examples, head=head, octaves=0, **keys),
    }
    return GAMES["adversarial"](networks, examples, latent_size=LATENT, prior="normal")


def batch_of(shape):
    real = jax.random.uniform(jax.random.key(5), (COUNT, *shape), minval=-1.0)
    return Batch(real, label=jnp.arange(COUNT) % 10, is_labelled=INDEX % 2 == 0)


POINTS = batch_of((LATENT,))


@pytest.fixture(scope="module", params=["none", "batch"])
def played(request):
    """A game of real networks, its variables, batch, outcome and new state."""
    game, batch = real_game(request.param), batch_of((4, 4, 1))
    variables = game.init(jax.random.key(3))
    return game, variables, batch, *jax.jit(game.play)(variables, batch, KEYS)


def test_outcome(played):
    _, _, batch, outcome, _ = played
    assert outcome.fake.shape == (COUNT, 4, 4, 1)
    assert outcome.real_score.shape == outcome.fake_score.shape == (COUNT,)
    assert [x.shape for x in outcome.real_features] == [(COUNT, 8)]
    assert [x.shape for x in outcome.fake_features] == [(COUNT, 8)]
    for field, value in {
        "real": batch.real,
        "real_label": batch.label,
        "fake_label": batch.label,
        "is_labelled": batch.is_labelled,
    }.items():
        np.testing.assert_array_equal(getattr(outcome, field), value)
    unmade = ("real_logits", "fake_logits", "mean", "log_var", "reconstruction")
    assert all(getattr(outcome, field) is None for field in unmade)


def test_outcome_of_unlabelled_data():
    game = open_game()
    variables = game.init(jax.random.key(0))
    outcome, _ = game.play(variables, Batch(POINTS.real), KEYS)
    fields = (outcome.real_label, outcome.fake_label, outcome.is_labelled)
    assert fields == (None, None, None)


def test_score_is_what_play_computes(played):
    game, variables, batch, outcome, _ = played
    for examples, score in (
        (batch.real, outcome.real_score),
        (outcome.fake, outcome.fake_score),
    ):
        again = game.score(variables, examples, batch.label, KEYS)
        np.testing.assert_allclose(again, score, rtol=1e-5, atol=1e-6)


def test_score_draws_what_play_drew_for_the_real_examples():
    game = open_game()
    variables = game.init(jax.random.key(0))
    outcome, _ = game.play(variables, POINTS, KEYS)
    score = game.score(variables, POINTS.real, POINTS.label, KEYS)
    np.testing.assert_array_equal(score, outcome.real_score)


def test_two_draws_never_share_a_key():
    game = open_game()
    outcome, _ = game.play(game.init(jax.random.key(0)), POINTS, KEYS)
    scores = np.concatenate([outcome.real_score, outcome.fake_score])
    assert len(set(scores.tolist())) == 2 * COUNT
    first = jax.vmap(jax.random.uniform)(KEYS)  # nor is a round's own key used up
    assert not set(first.tolist()) & set(scores.tolist())


def test_discriminator_state_passes_from_real_to_fake():
    game = open_game()
    _, state = game.play(game.init(jax.random.key(0)), POINTS, KEYS)
    assert state == {"generator": {}, "discriminator": {"count": 2}}


def test_state_of_batch_norm_moves_in_play_only():
    game, batch = real_game("batch"), batch_of((4, 4, 1))
    variables = game.init(jax.random.key(3))
    _, state = game.play(variables, batch, KEYS)
    for player in ("discriminator", "generator"):
        before, after = variables[player]["batch_stats"], state[player]["batch_stats"]
        assert jax.tree.structure(before) == jax.tree.structure(after)
        moved = jax.tree.map(lambda a, b: (a != b).any(), before, after)
        assert all(jax.tree.leaves(moved))


@pytest.mark.parametrize("latent_size", [1, 3])
@pytest.mark.parametrize("prior", ["normal", "uniform"])
def test_latents_are_of_the_prior_one_per_example(prior, latent_size):
    game, count = open_game(prior, latent_size), 4096
    keys = example_keys(purpose_key(0, Purpose.PLAY), 0, 0, np.arange(count))
    batch = Batch(np.zeros((count, latent_size)))
    latents, _ = game.play(game.init(jax.random.key(0)), batch, keys)
    latents = np.asarray(latents.fake)
    assert latents.shape == (count, latent_size)
    assert (np.diff(np.sort(latents, axis=0), axis=0) > 0).mean() > 0.99
    # Five standard errors of the mean of x and of x^2: N(0, 1) has E x^2 = 1 and
    # Var x^2 = 2; U(-1, 1) has E x^2 = 1/3 and Var x^2 = 1/5 - 1/9 = 4/45.
    square, variance = {"normal": (1, 2), "uniform": (1 / 3, 4 / 45)}[prior]
    assert np.abs(latents.mean(axis=0)).max() < 5 * np.sqrt(square / count)
    error = np.abs(np.square(latents).mean(axis=0) - square)
    assert error.max() < 5 * np.sqrt(variance / count)
    # 4096 normal draws all below 1 would be a chance of 0.68^4096.
    assert (np.abs(latents).max() <= 1) == (prior == "uniform")


def test_fakes_of_an_example_follow_from_its_key():
    game = open_game()
    variables = game.init(jax.random.key(0))
    whole, _ = game.play(variables, POINTS, KEYS)
    part, _ = game.play(variables, jax.tree.map(lambda x: x[4:9], POINTS), KEYS[4:9])
    np.testing.assert_array_equal(part.fake, whole.fake[4:9])
    other, _ = game.play(variables, POINTS, fold(KEYS, 1))
    assert (np.asarray(other.fake) != whole.fake).all()


def test_sample_shows_what_play_plays():
    game = open_game()
    variables = game.init(jax.random.key(0))
    outcome, _ = game.play(variables, POINTS, KEYS)
    sample = game.probes["sample"](variables, POINTS, KEYS)
    np.testing.assert_array_equal(sample, outcome.fake)


def test_interpolation_is_a_straight_line_between_two_latents():
    game = open_game()
    variables = game.init(jax.random.key(0))
    sample = np.asarray(game.probes["sample"](variables, POINTS, KEYS))
    line = np.asarray(game.probes["interpolation"](variables, POINTS, KEYS))
    assert line.shape == (COUNT, 9, LATENT)
    start, end = line[:, 0], line[:, -1]
    np.testing.assert_array_equal(start, sample)
    assert (start != end).all()
    np.testing.assert_array_equal(line[:, 4], start + (end - start) * 0.5)
    parts = np.arange(9)[:, None] / 8
    straight = start[:, None] + parts * (end - start)[:, None]
    np.testing.assert_allclose(line, straight, rtol=1e-5, atol=1e-6)
    # The end is a draw of the prior too, not of the start: E z z' = 0.
    assert abs((start * end).mean()) < 5 / np.sqrt(start.size)


def test_latents_are_decoded_as_samples_are():
    game, batch = real_game("none"), batch_of((4, 4, 1))
    variables = game.init(jax.random.key(3))
    latents = game.probes["latents"](variables, batch, KEYS)
    assert latents.shape == (COUNT, LATENT)
    again = game.probes["decode"](variables, batch._replace(latents=latents), KEYS)
    sample = game.probes["sample"](variables, batch, KEYS)
    np.testing.assert_array_equal(again, sample)
    other = game.probes["decode"](variables, batch._replace(latents=-latents), KEYS)
    assert (np.asarray(other) != sample).any()


@pytest.mark.parametrize("name", ["sample", "interpolation", "score"])
def test_probes_are_in_evaluation_mode(played, name):
    """An example's row is the same in any company, also under batch norm."""
    game, variables, batch, _, _ = played
    whole = game.probes[name](variables, batch, KEYS)
    assert whole.shape[0] == COUNT
    few = jax.tree.map(lambda x: x[4:6], batch)
    part = game.probes[name](variables, few, KEYS[4:6])
    np.testing.assert_allclose(part, whole[4:6], rtol=1e-5, atol=1e-6)


def test_probe_of_the_score_in_evaluation_mode(played):
    game, variables, batch, outcome, _ = played
    score = game.probes["score"](variables, batch, KEYS)
    alike = np.allclose(score, outcome.real_score, atol=1e-4)
    assert alike == ("batch_stats" not in variables["discriminator"])


def test_players_begin_differently_for_every_key():
    game = real_game("none")
    one, other = (game.init(jax.random.key(seed)) for seed in (0, 1))
    for player in ("discriminator", "generator"):
        a, b = (
            v[player]["params"]["layers"]["Dense_0"]["kernel"] for v in (one, other)
        )
        assert (np.asarray(a) != np.asarray(b)).all()


def test_schedules():
    both = ("discriminator", "generator")
    alternating = PLAYS["alternating"](both, discriminator_rounds=5, generator_rounds=2)
    assert alternating == ((("discriminator",), 5), (("generator",), 2))
    assert PLAYS["simultaneous"](both) == ((both, 1),)
    assert PLAYS["simultaneous"](("discriminator",)) == ((("discriminator",), 1),)


def supervised_game(normalization="none", head="logits", view=None):
    examples = Examples((4, 4, 1), 10)
    discriminator = NETWORKS["mlp"]["discriminator"](
        examples,
        axis_name=None,
        widths=(8,),
        slope=0.2,
        normalization=normalization,
        conditioning="none",
        head=head,
        octaves=0,
    )
    networks = {"discriminator": discriminator}
    given = {} if view is None else {"view": view}
    return GAMES["supervised"](networks, examples, **given), discriminator


def test_supervised_outcome_is_of_the_real_examples_alone():
    game, discriminator = supervised_game("batch")
    batch = batch_of((4, 4, 1))
    variables = game.init(jax.random.key(3))
    assert set(variables) == {"discriminator"}
    outcome, state = game.play(variables, batch, KEYS)
    (score, logits, features), expected_state = discriminator.apply(
        variables["discriminator"], batch.real, batch.label, KEYS, train=True
    )
    made = {name: x for name, x in outcome._asdict().items() if x is not None}
    jax.tree.map(
        np.testing.assert_array_equal,
        made,
        {
            "real": batch.real,
            "real_logits": logits,
            "real_features": features,
            "real_label": batch.label,
            "is_labelled": batch.is_labelled,
        },
    )
    jax.tree.map(
        np.testing.assert_array_equal, state, {"discriminator": expected_state}
    )
    again = game.score(variables, batch.real, batch.label, KEYS)
    np.testing.assert_array_equal(again, score)


def test_supervised_game_sees_through_the_view_and_classifies_without():
    batch = batch_of((4, 4, 1))
    plain, _ = supervised_game()
    negative, _ = supervised_game(view=lambda examples, keys: -examples)
    variables = plain.init(jax.random.key(3))
    outcome, _ = negative.play(variables, batch, KEYS)
    mirrored, _ = plain.play(variables, batch._replace(real=-batch.real), KEYS)
    np.testing.assert_array_equal(outcome.real_logits, mirrored.real_logits)
    np.testing.assert_array_equal(outcome.real, batch.real)
    one, other = (
        game.probes["classify"](variables, batch, KEYS) for game in (plain, negative)
    )
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("head", ["score_and_logits", "logits", "log_probability"])
@pytest.mark.parametrize("name", ["adversarial", "supervised"])
def test_classify_gives_the_probabilities_of_the_logits(name, head):
    made = {"adversarial": real_game, "supervised": supervised_game}[name]
    game = made("none", head=head)
    game = game if name == "adversarial" else game[0]
    batch = batch_of((4, 4, 1))
    variables = game.init(jax.random.key(3))
    outcome, _ = game.play(variables, batch, KEYS)
    log_p = game.probes["classify"](variables, batch, KEYS)
    odds = np.exp(outcome.real_logits)
    expected = odds / odds.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(np.exp(log_p), expected, rtol=1e-5)
    assert expected.std(axis=0).min() > 1e-3
    assert (outcome.fake_logits is None) == (name == "supervised")


def test_scores_of_log_probability_are_what_conditional_loss_sensitive_trains():
    game, batch = real_game("none", head="log_probability"), batch_of((4, 4, 1))
    variables = game.init(jax.random.key(3))
    outcome, _ = game.play(variables, batch, KEYS)
    numbers = {"margin": "l1", "margin_scale": 0.1, "real_weight": 0.5}
    of_scores = OBJECTIVES["loss_sensitive"](**numbers)
    of_logits = OBJECTIVES["conditional_loss_sensitive"](**numbers)
    for player in ("discriminator", "generator"):
        (one,) = of_scores.losses[player](outcome).values()
        (other,) = of_logits.losses[player](outcome).values()
        np.testing.assert_allclose(one, other, rtol=1e-6)
    # Penalties and evaluations see these scores too.
    again = game.score(variables, batch.real, batch.label, KEYS)
    np.testing.assert_array_equal(again, outcome.real_score)
    judged = game.probes["score"](variables, batch, KEYS)
    np.testing.assert_allclose(judged, outcome.real_score, rtol=1e-6)


def test_without_logits_there_is_nothing_to_classify():
    assert "classify" not in real_game("none").probes
