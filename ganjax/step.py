"""The training step: the one place where gradients of parameters are taken.

A step goes through its rounds in order. A round takes a batch, plays the game once,
pulls each moving player's loss back through that player's own parameters, and writes
the movers' slices of the state and nothing else.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array

from ganjax.axis import device_count, example_index, mean_over
from ganjax.keys import Purpose, example_keys, fold_name, purpose_key
from ganjax.state import TrainState, all_finite, average_decay
from ganjax.types import Batch, Outcome, Parts, Rounds, ScoreFn, TakeBatch, Terms, Tree

Step = Callable[[TrainState, Tree, Tree], tuple[TrainState, Terms]]


def make_train_step(
    build: Callable[[Tree, Array], Parts],
    take_batch: TakeBatch,
    rounds: Rounds,
    *,
    batch_size: int,
    frozen: Collection[str] = (),
    refuse: bool = True,
    axis_name: str | None = None,
) -> Step:
    """Makes `step(state, numbers, data) -> (state, metrics)`.

    Args:
      build: `(numbers, step) -> Parts`, called inside the trace, so that a changed
        number recompiles nothing.
      take_batch: a source's `batch`; `data` is that source's arrays.
      rounds: `(players, repeats)` in playing order. The players of one entry move
        from the same forward pass; an entry with repeats plays that many rounds, each
        with a fresh batch. A player in no entry is not played.
      batch_size: over all devices.
      frozen: players whose loss and gradient are recorded in their rounds as if they
        moved, and whose slices of the state stay as they are.
      refuse: whether an update is left out whose loss, gradient or result is not
        finite; `skipped` counts it. Without, such an update is made, and counted where
        its loss or gradient norm is not finite: `count_not_finite` sees the rest.
      axis_name: the mapped device axis, if any; its size must divide `batch_size`.

    Metrics are scalars named `player/quantity`, of the player's last round.
    """

    def step(state: TrainState, numbers: Tree, data: Tree) -> tuple[TrainState, Terms]:
        parts = build(numbers, state.step)
        metrics: Terms = {}
        first = 0
        for players, repeats in rounds:

            def one_round(
                state: TrainState, round: Array | int, players: tuple = players
            ) -> tuple[TrainState, Terms]:
                # Global indices, as layouts must agree on every key.
                local = batch_size // device_count(axis_name)
                index = example_index(local, axis_name)
                batch = take_batch(
                    data,
                    purpose_key(state.seed, Purpose.DATA),
                    state.step,
                    round,
                    index,
                )
                return _play_round(
                    parts,
                    players,
                    frozen,
                    refuse,
                    state,
                    batch,
                    round,
                    index,
                    axis_name,
                )

            if repeats == 1:
                state, recorded = one_round(state, first)
            else:
                state, recorded = jax.lax.scan(
                    one_round, state, first + jnp.arange(repeats)
                )
                recorded = jax.tree.map(lambda values: values[-1], recorded)
            metrics.update(recorded)
            first += repeats
        return state._replace(step=state.step + 1), metrics

    return step


class Played(NamedTuple):
    """What a round of play showed besides its gradients, by player."""

    losses: Terms
    terms: dict[str, Terms]  # of which each loss is the sum
    mutable: dict[str, dict[str, Tree]]
    outcome: Outcome


def make_field(
    parts: Parts,
    players: tuple[str, ...],
    state: TrainState,
    batch: Batch,
    round: Array | int,
    index: Array,
    *,
    axis_name: str | None = None,
) -> Callable[[dict[str, Tree]], tuple[dict[str, Tree], Played]]:
    """Makes the joint gradient field `field(params) -> (gradients, played)` of a round.

    v(params) = {player: gradient of its own loss in its own parameters}, penalties
    included, corrections not. All of it comes from one forward pass and one pullback
    for each loss. Simultaneous descent follows the flow -v.

    Args:
      parts: the game, its objective and penalties.
      players: who moves; `params` are theirs. The others stay as they are in `state`.
      state: gives everything else but the batch, the random numbers too.
      batch: of this round, on this device.
      round: its number within the step.
      index: global indices of the batch's examples.
      axis_name: the mapped device axis, if any, over which the gradients are means.
    """

    sharing = _sharing(parts, players)

    def keys(purpose: Purpose) -> Array:
        return example_keys(purpose_key(state.seed, purpose), state.step, round, index)

    def play(moving: dict[str, Tree]) -> tuple[Terms, Played]:
        variables = {
            player: {"params": params, **state.mutable[player]}
            for player, params in {**state.params, **moving}.items()
        }
        outcome, mutable = parts.game.play(variables, batch, keys(Purpose.PLAY))

        def score_fn(examples: Array, label: Array | None) -> Array:
            if parts.game.score is None:
                raise ValueError("a penalty needs a game that scores examples")
            return parts.game.score(variables, examples, label, keys(Purpose.PLAY))

        terms = {
            first: _terms(
                parts,
                first,
                outcome,
                score_fn,
                keys(Purpose.PENALTY),
                state.step,
                axis_name,
            )
            for first in sharing
        }
        # The mean of the loss is taken here and that of the gradient below: with only
        # one of them, pmap or shard_map is wrong by a factor of the number of devices.
        terms = mean_over(terms, axis_name)
        losses = {first: sum(terms[first].values()) for first in sharing}
        each = {player: first for first, all in sharing.items() for player in all}
        played = Played(
            {player: losses[first] for player, first in each.items()},
            {player: terms[first] for player, first in each.items()},
            mutable,
            outcome,
        )
        return losses, played

    def field(params: dict[str, Tree]) -> tuple[dict[str, Tree], Played]:
        losses, pullback, played = jax.vjp(play, params, has_aux=True)
        gradients: dict[str, Tree] = {}
        for first, all in sharing.items():
            seeds = {
                name: jnp.ones_like(loss) if name == first else jnp.zeros_like(loss)
                for name, loss in losses.items()
            }
            (pulled,) = pullback(seeds)
            gradients |= {p: mean_over(pulled[p], axis_name) for p in all}
        return gradients, played

    return field


def _sharing(parts: Parts, players: tuple[str, ...]) -> dict[str, list[str]]:
    """The players of each loss, by the first of them.

    Those of one function share one; but for the discriminator, who has penalties.
    """
    sharing: dict[str, list[str]] = {}
    for player in players:
        own = parts.objective.losses[player]
        for first, others in sharing.items():
            if own is parts.objective.losses[first] and not (
                parts.penalties and "discriminator" in (first, player)
            ):
                others.append(player)
                break
        else:
            sharing[player] = [player]
    return sharing


def _play_round(
    parts: Parts,
    players: tuple[str, ...],
    frozen: Collection[str],
    refuse: bool,
    state: TrainState,
    batch: Batch,
    round: Array | int,
    index: Array,
    axis_name: str | None,
) -> tuple[TrainState, Terms]:
    field = make_field(parts, players, state, batch, round, index, axis_name=axis_name)
    params = {player: state.params[player] for player in players}
    gradients, played = field(params)
    corrections = {
        # As with gradients, means are taken twice: a correction is built of gradients
        # that are means already, and is itself averaged.
        name: mean_over(correct(lambda params: field(params)[0], params), axis_name)
        for name, correct in parts.corrections.items()
    }
    metrics: Terms = {}
    for player in players:
        gradient = gradients[player]
        for correction in corrections.values():
            gradient = optax.tree.add(gradient, correction[player])
        loss, mutable = played.losses[player], played.mutable[player]
        norm = optax.tree.norm(gradient)
        if player not in frozen:
            state = _update(parts, player, state, refuse, loss, gradient, norm, mutable)
        recorded = {
            "loss": loss,
            **played.terms[player],
            "gradient_norm": norm,
            **{
                f"{name}_norm": optax.tree.norm(correction[player])
                for name, correction in corrections.items()
            },
            **_monitored(parts, player, played.outcome, axis_name),
        }
        metrics.update({f"{player}/{name}": x for name, x in recorded.items()})
    return state, metrics


def _monitored(
    parts: Parts, player: str, outcome: Outcome, axis_name: str | None
) -> Terms:
    if player not in parts.monitors:
        return {}
    return mean_over(parts.monitors[player](outcome), axis_name)


def _terms(
    parts: Parts,
    player: str,
    outcome: Outcome,
    score_fn: ScoreFn,
    keys: Array,
    step: Array,
    axis_name: str | None,
) -> Terms:
    """A player's objective, and the discriminator's penalties."""
    terms = dict(parts.objective.losses[player](outcome))
    if player != "discriminator":
        return terms
    for name, penalty in parts.penalties.items():
        own = fold_name(keys, penalty.stream or name)
        value = partial(penalty.value, score_fn, outcome, own)
        terms[name] = _lazily(value, penalty.every, step, axis_name)
    return terms


def _lazily(
    value: Callable[[], Array], every: int, step: Array, axis_name: str | None
) -> Array:
    """A penalty's value at every `every`-th step, times `every`, and 0 between."""
    if every == 1:
        return value()

    def weighted() -> Array:
        # The mean is taken already here, as both branches must be the same on all
        # devices.
        return mean_over(every * value(), axis_name)

    nothing = jnp.zeros((), jax.eval_shape(weighted).dtype)
    # A cond on the step, which all members of a population share, stays a branch
    # under vmap and so saves the penalty's cost.
    return jax.lax.cond(step % every == 0, weighted, lambda: nothing)


def _update(
    parts: Parts,
    player: str,
    state: TrainState,
    refuse: bool,
    loss: Array,
    gradient: Tree,
    norm: Array,
    mutable: Tree,
) -> TrainState:
    """Writes `player`'s slices; see `make_train_step` for what is not finite."""
    params = state.params[player]
    updates, optimizer = parts.optimizers[player].update(
        gradient, state.optimizer[player], params
    )
    moved = {
        "params": optax.apply_updates(params, updates),
        "mutable": mutable,
        "optimizer": optimizer,
    }
    if player in parts.average:
        moved["average"] = optax.incremental_update(
            moved["params"],
            state.average[player],
            1 - average_decay(parts.average[player], state.step),
        )
    if refuse:
        finite = all_finite((loss, gradient, moved))
        old = {field: getattr(state, field)[player] for field in moved}
        moved = jax.tree.map(lambda n, o: jnp.where(finite, n, o), moved, old)
    else:
        # Both are there anyway, where a look at all that moved is another pass over
        # the memory: half of the step of a large dense network with small batches.
        finite = jnp.isfinite(loss) & jnp.isfinite(norm)
    changes: dict[str, Any] = {
        field: {**getattr(state, field), player: new} for field, new in moved.items()
    }
    skipped = state.skipped[player] + jnp.where(finite, 0, 1)
    return state._replace(**changes, skipped={**state.skipped, player: skipped})
