"""The discriminator alone: what it scores high is what is generated."""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from ganjax.axis import device_count, example_index
from ganjax.games.judgement import Judge
from ganjax.games.probes import make_chain_probes, make_score
from ganjax.keys import fold
from ganjax.types import (
    Batch,
    Examples,
    Game,
    Mutable,
    Network,
    Outcome,
    Players,
    Tree,
    Variables,
    View,
)

# What a round's keys are used for; no two draws share one.
_START, _SLOT, _REFRESH, _CHAIN, _REAL, _FAKE, _VIEW = range(7)

_BUFFER = "buffer"  # among the discriminator's collections


def energy(
    networks: Mapping[str, Network],
    examples: Examples,
    view: View = lambda examples, keys: examples,
    *,
    axis_name: str | None = None,
    chain_steps: int,
    sample_steps: int,
    step_size: float | Array,
    noise: float | Array,
    clip_gradient: float | Array | None,
    reach: float | Array,
    buffer_size: int,
    refresh: float | Array,
) -> Game:
    """A discriminator, minus an energy, against what climbs its own score.

    Its negatives are the ends of chains x <- x + step_size grad D(x) + noise e with
    e ~ N(0, 1), kept within [-reach, reach]: plain ascent of the score where noise is
    0, and Langevin dynamics of the density exp(D(x) / T), T = noise^2 / (2 step_size),
    where steps are small. They are constants to the loss, and D is in evaluation mode
    there, so that a chain does not depend on the others.

    A chain begins at U(-reach, reach), or, where there is a buffer, at the end of an
    earlier chain. Example i of a batch of B owns every B-th slot of the buffer from i
    on, draws one of them for its chain, and puts back what comes of it.

    Du and Mordatch 2019, "Implicit Generation and Modeling with Energy-Based Models",
    algorithm 1.

    Args:
      networks: "discriminator".
      examples: what they look like.
      view: what the discriminator sees of examples in training; chains climb without.
      axis_name: the mapped device axis, if any, over which the buffer is the same.
      chain_steps: of a chain in training.
      sample_steps: of a chain from noise for a sample.
      step_size: of a chain, as above; in probes that of the run's first step.
      noise: likewise.
      clip_gradient: the norm above which an example's gradient is shortened to it.
      reach: of examples, in each of their numbers.
      buffer_size: a multiple of B; 0 is no buffer.
      refresh: probability that a chain begins at noise in spite of the buffer.

    The outcome holds real and fake as they are before the view, their scores and
    features; no label is read. Probes, without the view: `sample [B, ...]`; `chain [B,
    10, ...]`, moments of it from its beginning to its end; and `score [B]` of the given
    batch.
    """
    discriminator = _alone(networks["discriminator"])
    judge = Judge(
        discriminator,
        view,
        view_keys=lambda keys, use: fold(fold(keys, _VIEW), use),
        own_keys=fold,
    )

    def scores(own: Variables, examples: Array, keys: Array) -> Array:
        return discriminator.apply(own, examples, None, keys, train=False)[0][0]

    def start(keys: Array, dtype: Any) -> Array:
        def draw(key: Array) -> Array:
            return jax.random.uniform(key, examples.shape, dtype, -reach, reach)

        return jax.vmap(draw)(fold(keys, _START))

    def climb(
        own: Variables, first: Array, keys: Array, begin: Array | int, end: Array | int
    ) -> Array:
        """Where chains `[B, ...]` come to by the steps from `begin` to before `end`."""
        walk = fold(keys, _CHAIN)

        def advance(step: Array, x: Array) -> Array:
            slope = jax.grad(lambda x: jnp.sum(scores(own, x, keys)))(x)
            if clip_gradient is not None:
                slope = _clipped(slope, clip_gradient)

            def draw(key: Array) -> Array:
                now = jax.random.fold_in(key, step)
                return jax.random.normal(now, x.shape[1:], x.dtype)

            moved = x + step_size * slope + noise * jax.vmap(draw)(walk)
            return jnp.clip(moved, -reach, reach)

        return jax.lax.fori_loop(begin, end, advance, first)

    def init(key: Array) -> dict[str, Variables]:
        network, buffer = jax.random.split(key)
        own = discriminator.init(network, jnp.zeros((2, *examples.shape)), None)
        if buffer_size:
            first = start(jax.random.split(buffer, buffer_size), jnp.float32)
            own = {**own, _BUFFER: first}
        return {"discriminator": own}

    def play(
        variables: Players, batch: Batch, keys: Array
    ) -> tuple[Outcome, dict[str, Mutable]]:
        own = variables["discriminator"]
        buffer = own.get(_BUFFER)
        first = start(keys, batch.real.dtype)
        if buffer is not None:
            slots = _slots(keys, len(buffer), axis_name)
            anew = jax.vmap(jax.random.bernoulli, (0, None))(
                fold(keys, _REFRESH), refresh
            )
            anew = anew.reshape(-1, *[1] * (first.ndim - 1))
            first = jnp.where(anew, first, buffer[slots])
        fake = climb(jax.lax.stop_gradient(own), first, keys, 0, chain_steps)
        said, state = judge.round(own, {_REAL: batch.real, _FAKE: fake}, None, keys)
        if buffer is not None:
            slots, ends = _gathered((slots, fake), axis_name)
            state[_BUFFER] = buffer.at[slots].set(ends)
        outcome = Outcome(
            real=batch.real,
            fake=fake,
            real_score=said[_REAL].score,
            fake_score=said[_FAKE].score,
            real_features=said[_REAL].features,
            fake_features=said[_FAKE].features,
        )
        return outcome, {"discriminator": state}

    probes = {
        **make_chain_probes(start, climb, sample_steps),
        "score": make_score(discriminator),
    }
    return Game(init, play, judge.make_score(_REAL), probes)


def _alone(network: Network) -> Network:
    """The network, which knows of no label, nor of the buffer, the game's own."""

    def apply(
        variables: Variables,
        inputs: Array,
        label: Array | None,
        keys: Array,
        *,
        train: bool,
    ) -> tuple[Any, Mutable]:
        own = {name: tree for name, tree in variables.items() if name != _BUFFER}
        return network.apply(own, inputs, None, keys, train=train)

    return network._replace(apply=apply)


def _clipped(gradients: Array, norm: float | Array) -> Array:
    """Gradients `[B, ...]`, those longer than `norm` shortened to it."""
    axes = tuple(range(1, gradients.ndim))
    norms = jnp.sqrt(jnp.sum(jnp.square(gradients), axis=axes, keepdims=True))
    return gradients * norm / jnp.maximum(norms, norm)


def _slots(keys: Array, size: int, axis_name: str | None) -> Array:
    """A slot `[B]` for each example, drawn from those that no other example may draw.

    So the order in which chains are put back means nothing.
    """
    column = example_index(len(keys), axis_name)
    batch = device_count(axis_name) * len(keys)
    draw = lambda key: jax.random.randint(key, (), 0, size // batch)  # noqa: E731
    return column + batch * jax.vmap(draw)(fold(keys, _SLOT))


def _gathered(tree: Tree, axis_name: str | None) -> Tree:
    """Arrays `[B, ...]` of all devices, in order of the examples, on each of them."""
    if axis_name is None:
        return tree

    def gather(mine: Array) -> Array:
        # A sum with zeros: shard_map's check does not know all_gather to be equal on
        # all devices.
        size = device_count(axis_name) * len(mine)
        padded = jnp.zeros((size, *mine.shape[1:]), mine.dtype)
        index = example_index(len(mine), axis_name)
        return jax.lax.psum(padded.at[index].set(mine), axis_name)

    return jax.tree.map(gather, tree)
