"""What a network must hold to, whoever wrote it."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import Part, builder_of
from ganjax.testing.check import Check, close, expect, section_of
from ganjax.types import Examples, Network, Tree

_BATCH, _FEW = 6, 2  # examples of a batch, and of one without the others


def network_checks(
    part: Part,
    shape: tuple[int, ...],
    *,
    classes: int = 0,
    latent_size: int = 3,
    keys: Mapping[str, Any] | None = None,
    mixes: bool | None = None,
    told: bool | None = None,
) -> list[Check]:
    """What a network of one player is asked, f(variables, inputs, label, keys, train).

    Its variables are random ones far from those that it begins with.

    - shapes: it makes examples `[B, *shape]` of latents; of examples, a discriminator
      makes (score `[B]`, logits `[B, classes]` or None, features, each `[B, ...]`), an
      encoder (mean, log_var), each `[B, Z]`; of 6 examples, and of 1.
    - float32: so are its variables and all that it makes.
    - initial: `init` is a function of its key, and what is random follows from it, not
      from numbers of the host.
    - alone: f(x_i) does not depend on other examples when it is evaluated, nor in
      training if it keeps no statistics of batches.
    - collections: in training it returns exactly its collections but "params", each
      changed and of the same form; else none.
    - evaluation: what a discriminator or encoder makes does not depend on random keys.
    - random_keys: in training it is a function of its random keys, and none of numbers
      of the host; f(x_i) stays when examples and keys are moved together.
    - gradients: derivatives in parameters and inputs are finite.
    - devices: over two devices it makes what it makes of the whole batch, statistics
      too; not asked with mixes=False, which says so.
    - label: an example is another with another label, and no other example is; if it is
      not told, none, nor without labels.

    Args:
      part: the row, of one player.
      shape: of an example.
      classes: of the labels, if there are any.
      latent_size: Z.
      keys: values of its keys; the others have their defaults.
      mixes: whether an example depends on others in training; None as said of alone.
      told: whether it uses the label; None asks where the row says so.
    """
    if told is None:
        told = True if "label" in part.reads else None
    if told and classes < 2:
        raise ValueError(f"network {part.name} is told the label: give it classes=3")
    examples = Examples(shape, classes)
    section = section_of(BUILT_IN, part, keys)
    return _Network(part, examples, latent_size, section, mixes, told).checks()


def _leaves(tree: Tree) -> dict[str, Array]:
    flat = jax.tree.leaves_with_path(tree)
    return {jax.tree_util.keystr(path): leaf for path, leaf in flat}


def _is_float(leaf: Any) -> bool:
    return jnp.issubdtype(leaf.dtype, jnp.floating)


def _floats(tree: Tree) -> list[Array]:
    return [leaf for leaf in jax.tree.leaves(tree) if _is_float(leaf)]


def _rows(tree: Tree, rows: Any) -> Tree:
    return jax.tree.map(lambda leaf: leaf[rows], tree)


def _expect_pure(function: Callable[..., Any], words: str, *given: Any) -> None:
    """Two traces of a function are the same, without what the host draws."""

    def trace() -> tuple[str, list[Any]]:
        # A function of its own, for which no trace is kept.
        made = jax.make_jaxpr(lambda *given: function(*given))(*given)
        return re.sub(r" at 0x\w+", "", str(made.jaxpr)), made.consts

    (one, numbers), (other, others) = trace(), trace()
    same = one == other and len(numbers) == len(others)
    same = same and all(map(np.array_equal, numbers, others))
    expect(same, f"{words}: traced twice, it is not the same")


def _changed(before: Tree, after: Tree) -> list[int]:
    """Which examples are not exactly the same."""
    changed = np.zeros(_BATCH, bool)
    for one, other in zip(*map(_floats, (before, after)), strict=True):
        changed |= (np.asarray(one) != other).reshape(_BATCH, -1).any(axis=1)
    return np.flatnonzero(changed).tolist()


@dataclass
class _Network:
    part: Part
    examples: Examples
    latent_size: int
    section: Mapping[str, Any]
    mixes: bool | None
    told: bool | None

    def checks(self) -> list[Check]:
        """All that applies."""
        asked: list[Callable[[], None]] = [self.shapes, self.float32, self.initial]
        asked += [self.alone, self.collections, self.random_keys]
        asked += [self.gradients, *([] if self.mixes is False else [self.devices])]
        if self.player != "generator":
            asked.append(self.evaluation)
        if self.told is not None:
            asked.append(self.label)
        where = f"network {self.part.name}"
        return [Check(where, ask.__name__, self.player, ask) for ask in asked]

    @property
    def player(self) -> str:
        """Whose it is."""
        return self.part.players[0]

    def network(self, axis_name: str | None = None) -> Network:
        """The network, over a device axis if it takes one."""
        known = {"latent_size": self.latent_size, "axis_name": axis_name}
        given = {name: known[name] for name in known if name in self.part.takes}
        return builder_of(self.part)(self.examples, **given, **self.section)

    @cached_property
    def inputs(self) -> tuple[Array, Array | None, Array]:
        """Latents or examples, labels and keys."""
        latent = self.player == "generator"
        size = (self.latent_size,) if latent else self.examples.shape
        drawn = np.random.default_rng(0).normal(scale=2.0, size=(_BATCH, *size))
        inputs = jnp.asarray(drawn, jnp.float32)
        classes = self.examples.classes
        label = jnp.arange(_BATCH, dtype=jnp.int32) % classes if classes else None
        return inputs, label, jax.random.split(jax.random.key(2), _BATCH)

    @cached_property
    def begun(self) -> tuple[Tree, ...]:
        """Initial variables of a key, and of another."""
        inputs, label, _ = self.inputs
        init = jax.jit(self.network().init)
        keys = jax.random.split(jax.random.key(3))
        return tuple(init(key, inputs, label) for key in keys)

    @cached_property
    def variables(self) -> Tree:
        """Variables far from those that it begins with."""
        # Biases and running means begin at 0, scales and variances at 1.
        leaves, tree = jax.tree.flatten(self.begun[0])
        shifts = np.random.default_rng(0)
        moved = [
            leaf + shifts.uniform(0, 0.5, leaf.shape).astype(leaf.dtype)
            if _is_float(leaf)
            else leaf
            for leaf in leaves
        ]
        return jax.tree.unflatten(tree, moved)

    @property
    def kept(self) -> set[str]:
        """The names of its collections that no gradient moves."""
        return set(self.begun[0]) - {"params"}

    @property
    def is_alone(self) -> bool:
        """Whether examples may not meet in training."""
        return not (self.kept if self.mixes is None else self.mixes)

    @cached_property
    def evaluated(self) -> Any:
        """A program: what it makes when evaluated, of few alone, and without labels."""
        apply = partial(self.network().apply, train=False)

        @jax.jit
        def program(variables: Tree, inputs: Any, label: Any, keys: Any) -> Any:
            few = _rows((inputs, label, keys), slice(_FEW))
            made = {
                "whole": apply(variables, inputs, label, keys),
                "few": apply(variables, *few)[0],
            }
            if self.told is False:
                made["untold"] = apply(variables, inputs, None, keys)[0]
            return made

        return program

    @cached_property
    def trained(self) -> Any:
        """A program: what it makes in training, and the gradients."""
        apply = partial(self.network().apply, train=True)

        @jax.jit
        def program(variables: Tree, inputs: Any, label: Any, keys: Any) -> Any:
            rest = {name: tree for name, tree in variables.items() if name != "params"}

            def total(params: Tree, inputs: Any) -> Any:
                output, kept = apply({**rest, "params": params}, inputs, label, keys)
                return sum(leaf.sum() for leaf in _floats(output)), (output, kept)

            both = jax.value_and_grad(total, (0, 1), has_aux=True)
            (_, whole), gradients = both(variables["params"], inputs)
            return {"whole": whole, "gradients": gradients}

        return program

    @property
    def among_others(self) -> tuple[Array, Array | None, Array]:
        """Inputs whose first two examples are the same, and all others are not."""
        inputs, label, keys = self.inputs
        order = jnp.array([*range(_FEW), *reversed(range(_FEW, _BATCH))])
        moved = inputs.at[_FEW:].add(1)
        return moved[order], None if label is None else label[order], keys[order]

    @cached_property
    def in_training(self) -> Any:
        """What the program of training makes."""
        return self.trained(self.variables, *self.inputs)

    @cached_property
    def in_evaluation(self) -> Any:
        """What the program of evaluation makes."""
        return self.evaluated(self.variables, *self.inputs)

    @cached_property
    def forms(self) -> dict[tuple[int, bool], tuple[Tree, Any]]:
        """Forms of variables and outputs, by number of examples and train."""
        inputs, label, keys = self.inputs
        network = self.network()
        variables = jax.eval_shape(network.init, keys[0], inputs, label)
        return {
            (count, train): (
                variables,
                jax.eval_shape(
                    partial(network.apply, train=train),
                    variables,
                    *_rows(self.inputs, slice(count)),
                )[0],
            )
            for count, train in ((_BATCH, True), (_BATCH, False), (1, True))
        }

    def shapes(self) -> None:
        for (count, _), (_, output) in self.forms.items():
            self._shapes(output, count)

    def _shapes(self, output: Any, count: int) -> None:
        of = f"of {count} {'example' if count == 1 else 'examples'}"

        def has(what: str, made: Any, shape: tuple[int, ...]) -> None:
            found = getattr(made, "shape", None)
            found = type(made).__name__ if found is None else list(found)
            words = f"{of} it makes {what} {found}, and must make {list(shape)}"
            expect(found == list(shape), words)

        if self.player == "generator":
            has("examples", output, (count, *self.examples.shape))
            return
        names: tuple[str, ...] = ("mean", "log_var")
        if self.player == "discriminator":
            names = ("score", "logits", "features")
        is_tuple = isinstance(output, tuple) and len(output) == len(names)
        expect(is_tuple, f"must make ({', '.join(names)}), not {type(output).__name__}")
        if self.player == "encoder":
            for name, made in zip(names, output, strict=True):
                has(name, made, (count, self.latent_size))
            return
        score, logits, features = output
        has("score", score, (count,))
        classes = self.network().classes
        says = f"{'no' if logits is None else list(logits.shape)} class logits"
        words = f"it makes {says}, and its Network says classes={classes}"
        expect((logits is None) == (classes == 0), words)
        if logits is not None:
            has("class logits", logits, (count, classes))
        for layer in features:
            has("features", layer, (count, *layer.shape[1:]))

    def float32(self) -> None:
        for name, leaf in _leaves(self.forms).items():
            words = f"{name} is {leaf.dtype}, and must be float32"
            expect(leaf.dtype == jnp.float32 or not _is_float(leaf), words)

    def initial(self) -> None:
        inputs, label, keys = self.inputs
        words = "init draws from something else than its key"
        _expect_pure(self.network().init, words, keys[0], inputs, label)
        one, other = map(_leaves, self.begun)
        for name, leaf in one.items():
            # Biases, scales and a constant generator begin where they do.
            if leaf.ndim > 1 and np.ptp(leaf) > 0 and "params" in name:
                words = f"init of another key makes some of the same {name}"
                expect((leaf != other[name]).all(), words)

    def alone(self) -> None:
        first = slice(_FEW)
        words = f"the same {_FEW} examples among {_BATCH - _FEW} others"
        one = _rows(self.in_evaluation["whole"][0], first)
        made = self.evaluated(self.variables, *self.among_others)["whole"][0]
        what = f"evaluated, {words}; they must not meet"
        close(_rows(made, first), one, f"{what}: is train ignored?", 1e-5, 1e-5)
        what = f"evaluated, {_FEW} examples without the other {_BATCH - _FEW}"
        close(self.in_evaluation["few"], one, what, 1e-5, 1e-5)
        if self.mixes is None and not self.is_alone:
            return
        one = _rows(self.in_training["whole"][0], first)
        made = self.trained(self.variables, *self.among_others)["whole"][0]
        made = _rows(made, first)
        if self.is_alone:
            what = f"in training, {words}; say mixes=True if they are to meet"
            close(made, one, what, 1e-5, 1e-5)
            return
        pairs = zip(_floats(made), _floats(one), strict=True)
        same = all(np.allclose(*pair, 1e-5, 1e-5) for pair in pairs)
        expect(not same, f"in training, the same of {words}; say mixes=False")

    def collections(self) -> None:
        kept, none = self.in_training["whole"][1], self.in_evaluation["whole"][1]
        words = f"returns {sorted(none)} with train=False, and must return {{}}"
        expect(none == {}, f"{words}: is train ignored?")
        words = f"returns {sorted(kept)} with train=True, and has {sorted(self.kept)}"
        expect(set(kept) == self.kept, words)
        for name in kept:
            old, new = self.variables[name], kept[name]
            form = [jax.tree.map(lambda x: (x.shape, x.dtype), x) for x in (old, new)]
            expect(form[0] == form[1], f"{name} is {form[0]}, and {form[1]} returned")
            pairs = zip(jax.tree.leaves(old), jax.tree.leaves(new), strict=True)
            changes = any(not np.array_equal(*pair) for pair in pairs)
            expect(changes, f"{name} stays as it is in training: is train ignored?")

    def evaluation(self) -> None:
        inputs, label, keys = self.inputs
        other = self.evaluated(self.variables, inputs, label, keys[::-1])["whole"][0]
        what = "evaluated with other random keys: is train ignored?"
        close(other, self.in_evaluation["whole"][0], what, 0.0, 0.0)

    def random_keys(self) -> None:
        apply = partial(self.network().apply, train=True)
        words = "in training it draws from something else than its keys"
        _expect_pure(apply, words, self.variables, *self.inputs)
        order = np.arange(_BATCH)[::-1]
        moved = self.trained(self.variables, *_rows(self.inputs, order))["whole"]
        output, kept = self.in_training["whole"]
        what = (
            "in training, examples and keys in another order; what is random must be "
            "drawn from the keys, one for each example"
        )
        close(moved, (_rows(output, order), kept), what, 1e-4, 1e-4)

    def gradients(self) -> None:
        for name, leaf in _leaves(self.in_training["gradients"]).items():
            expect(np.isfinite(leaf).all(), f"of {name} is not finite: {leaf}")

    def devices(self) -> None:
        apply = partial(self.network("devices").apply, train=True)
        shards = jax.tree.map(
            lambda x: x.reshape(2, _BATCH // 2, *x.shape[1:]), self.inputs
        )
        axes = (None, 0, None if self.inputs[1] is None else 0, 0)
        mapped = jax.jit(jax.vmap(apply, axes, axis_name="devices"))
        output, kept = mapped(self.variables, *shards)
        output = jax.tree.map(lambda x: x.reshape(_BATCH, *x.shape[2:]), output)
        whole = self.in_training["whole"]
        what = "over two devices; statistics of a batch are to be over axis_name"
        close((output, _rows(kept, 0)), whole, what, 1e-4, 1e-4)

    def label(self) -> None:
        inputs, label, keys = self.inputs
        whole = self.in_evaluation["whole"][0]
        if not self.told:
            close(self.in_evaluation["untold"], whole, "without labels", 0.0, 0.0)
        if label is None:
            return
        changed = label.at[1].set((label[1] + 1) % self.examples.classes)
        programs = {"evaluated": (self.evaluated, whole)}
        if self.is_alone:
            programs["in training"] = (self.trained, self.in_training["whole"][0])
        expected = [1] if self.told else []
        for when, (program, before) in programs.items():
            after = program(self.variables, inputs, changed, keys)["whole"][0]
            found = _changed(before, after)
            words = f"{when}, another label of example 1 changes the examples {found}"
            expect(found == expected, f"{words}, and must change {expected}")
