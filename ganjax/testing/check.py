"""What a check is, and the words and numbers that all of them use."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.testing import assert_allclose

from ganjax.config.catalogue import Catalogue, Key, Part, keys_of, within
from ganjax.types import Outcome, PartError


class Check(NamedTuple):
    """One question to a part.

    To call it asks; `AssertionError` says what was expected and what was found. `str`
    of it is "signs[generator]", or "traced" where all players are asked at once.
    """

    part: str
    name: str
    of: str
    ask: Callable[[], None]

    def __str__(self) -> str:
        """Its name, as pytest is to show it."""
        return f"{self.name}[{self.of}]" if self.of else self.name

    def __call__(self) -> None:
        """Asks."""
        try:
            self.ask()
        except (AssertionError, PartError) as error:
            raise AssertionError(f"{self.part}: {self}: {error}") from error


class Declared(Outcome):
    """An outcome that lets nobody read a field which it does not have."""

    __slots__ = ()

    def __getattribute__(self, name: str) -> Any:
        """A field, or what else an outcome has."""
        found = super().__getattribute__(name)
        if found is None and name in Outcome._fields:
            raise AssertionError(f"{name} is read, and the row does not declare it")
        return found


def expect(holds: Any, words: str) -> None:
    """Raises `AssertionError` of these words, also under `python -O`."""
    if not holds:
        raise AssertionError(words)


def close(
    found: Any, expected: Any, what: str, rtol: float = 1e-6, atol: float = 1e-6
) -> None:
    """|found - expected| <= atol + rtol |expected| in every number of two trees."""
    for one, other in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert_allclose(one, other, rtol, atol, err_msg=what)


def section_of(
    catalogue: Catalogue, part: Part, given: Mapping[str, Any] | None
) -> dict[str, Any]:
    """The values of a part's keys: those given, and the defaults of the others.

    Raises:
      ValueError: the part has no such key.
    """
    known = keys_of(catalogue, part)
    unknown = sorted(set(given or {}) - set(known))
    if unknown:
        raise ValueError(
            f"{part.kind} {part.name}: no key {', '.join(unknown)}; "
            f"known are {', '.join(known) or 'none'}"
        )
    return {name: key.default for name, key in known.items()} | dict(given or {})


def numbers_of(
    catalogue: Catalogue, part: Part, section: Mapping[str, Any]
) -> dict[str, float]:
    """The values that are arguments of a compiled step: the floats."""
    return {
        name: section[name]
        for name, key in keys_of(catalogue, part).items()
        if float in (type(key.default), key.kind) and section[name] is not None
    }


def another(value: float, key: Key) -> float:
    """A legal value of a number's key that is not this one."""
    candidates = (0.5 * value, value + 0.25, value - 0.25)
    for other in candidates:
        if other != value and (not key.range or within(other, key.range)):
            return other
    raise ValueError(f"{value} lies too narrowly in {key.range} to be changed")


def check_traced(
    values: Callable[[Mapping[str, Any]], Any],
    numbers: Mapping[str, float],
    keys: Mapping[str, Key],
) -> None:
    """`values(numbers)` is compiled once for all numbers, and each one matters."""
    traces = []

    @jax.jit
    def compiled(numbers: Mapping[str, Any]) -> Any:
        traces.append(numbers)
        return values(numbers)

    try:
        before = jax.tree.leaves(compiled(dict(numbers)))
    except jax.errors.ConcretizationTypeError as error:
        raise AssertionError(
            "Python asks for the value of a number which the compiled step is given "
            f"as an argument; use jnp.where instead of if: {error}"
        ) from error
    for name, number in numbers.items():
        changed = {**numbers, name: another(number, keys[name])}
        after = jax.tree.leaves(compiled(changed))
        close(after, jax.tree.leaves(values(changed)), f"compiled, {name} changed")
        same = all(np.array_equal(a, b) for a, b in zip(after, before, strict=True))
        words = f"{name} of {number} or {changed[name]} makes no difference"
        expect(not same, f"{words}; give keys at which it does, or leave it out")
    expect(len(traces) == 1, f"compiled {len(traces)} times for numbers of one type")


def check_slope(loss: Callable[..., Any], *points: Any, twice: bool = False) -> None:
    """d/dt loss(x + t d) in float64, d random: jvp and grad are its differences.

    `twice`: and so is the derivative of grad along d, where the gradient is there to be
    differentiated again, of a penalty.
    """
    rng = np.random.default_rng(0)
    direction = [rng.normal(size=np.shape(x)) for x in points]
    small = 1e-5

    def along(t: Any, points: Iterable[Any]) -> Any:
        return loss(*(x + t * d for x, d in zip(points, direction, strict=True)))

    def slope(t: Any, points: Iterable[Any]) -> Any:
        return jax.grad(along)(t, points)

    @jax.jit
    def program(*points: Any) -> Any:
        forward = jax.jvp(lambda t: along(t, points), (0.0,), (1.0,))[1]
        gradients = jax.grad(loss, range(len(points)))(*points)
        reverse = sum(jnp.vdot(*x) for x in zip(gradients, direction, strict=True))
        found = [(along(small, points) - along(-small, points)), forward, reverse]
        if twice:
            found += [slope(small, points) - slope(-small, points)]
            found += [jax.grad(slope)(0.0, points)]
        return found

    with jax.enable_x64(True):
        difference, *found = program(*points)
        expect(
            difference.dtype == np.float64,
            f"of float64 it makes {difference.dtype}: some step narrows it",
        )
        what = "forward and reverse derivative, and differences"
        close(found[:2], [difference / (2 * small)] * 2, what, 1e-6, 1e-8)
        if twice:
            what = "second derivative, and differences of the first"
            close(found[3], found[2] / (2 * small), what, 1e-5, 1e-6)
