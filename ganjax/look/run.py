"""A trained run as an object: what `ganjax.load` gives."""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ganjax.build import build_setup, keep_compiled_programs
from ganjax.checkpoint import CheckpointError
from ganjax.config import ConfigDict, ConfigError, override
from ganjax.config.catalogue import rows
from ganjax.config.program import Program, read_stored
from ganjax.config.validation import validate
from ganjax.data.absent import absent
from ganjax.look.evaluate import Evaluator
from ganjax.look.pictures import draw_pictures
from ganjax.look.replay import replay
from ganjax.look.restore import check_saved, read_state
from ganjax.look.sampling import class_numbers, draw_samples
from ganjax.record.reading import read_data
from ganjax.report import page
from ganjax.state import TrainState, averaged_variables
from ganjax.step import make_field
from ganjax.study import Metrics, Run, read_run
from ganjax.training.identity import check_data, describe_data
from ganjax.types import Batch, Tree

Labels = str | int | Iterable[str | int]

_OUTSIDE = 1e-3  # of [-1, 1], where a pixel may lie that was resized or rounded
_SEEDS = 2**32


class Looks(NamedTuple):
    """What looks at the states of a run.

    `light` knows the shapes of the data and has none of it, where the run's folder
    tells these; `whole()` reads the data, once.
    """

    light: Evaluator
    whole: Callable[[], Evaluator]


class Page(NamedTuple):
    """A page of HTML, which a notebook shows in place."""

    html: str

    def __repr__(self) -> str:
        """Its length alone."""
        return f"Page of {len(self.html):,} characters"

    def _repr_html_(self) -> str:
        style = "width: 100%; height: 640px; border: 1px solid #8888"
        return f'<iframe srcdoc="{escape(self.html)}" style="{style}"></iframe>'


class TrainedRun(NamedTuple):
    """A run at one of its steps, by the functions that the command line uses.

    `ganjax.load` makes one. Arrays go in and come out as NumPy's; images are float32
    `[N, H, W, C]` in [-1, 1], points and other examples `[N, ...]`. Parameters are the
    averaged ones, where the run averages them. Methods look at `state`, the run at
    `step`; what a game has no probe for is a `ValueError` that lists what it has. The
    training data is read only where something asks for it.

    Attributes:
      folder: of the run.
      step: that the state is of.
      state: all arrays of the run at that step.
      record: what the folder held when it was loaded, a `ganjax.study.Run`.
      program: the config, with every key, and the parts that it names.
      looks: the evaluators.
    """

    folder: Path
    step: int
    state: TrainState
    record: Run
    program: Program
    looks: Looks

    def __repr__(self) -> str:
        """Where it lies, its step and its probes, in one line."""
        probes = ", ".join(sorted(self.looks.light.probes))
        return f"TrainedRun({str(self.folder)!r}, step {self.step:,}; {probes})"

    @property
    def config(self) -> Mapping[str, Any]:
        """The run's config, nested, with every key."""
        return self.program.config

    @property
    def evaluation(self) -> Mapping[str, float | None]:
        """The numbers of `evaluation.json` by name; None for one that was not finite.

        They are of the last step. `measure` takes them of any.
        """
        return self.record.evaluation.get("metrics", {})

    def metrics(self) -> Metrics:
        """What was recorded in training: (steps `[R]`, values `[R]`) by name."""
        return self.record.metrics

    def measure(self, count: int | None = None) -> dict[str, float]:
        """The numbers of the run's measures; NaN for one that is not finite.

        Args:
          count: of samples and real examples; `evaluation.samples` unless given.
        """
        return self.looks.whole().measure(
            self.state, count or self.config["evaluation"]["samples"]
        )

    def pictures(self) -> dict[str, np.ndarray]:
        """The pictures of the run's page, uint8 `[H, W, 3]` by name, of this step."""
        count = self.config["record"]["examples"]
        return draw_pictures(self.looks.whole(), self.state, count)

    def page(self) -> Page:
        """The run's page, for a notebook to show."""
        return Page(page.render(self.record))

    def sample(
        self,
        n: int,
        *,
        seed: int | None = None,
        label: Labels | None = None,
        truncation: float | None = None,
    ) -> np.ndarray:
        """Samples `[n, ...]`: those of `--mode=sample --number=n`, bit for bit.

        Args:
          n: how many.
          seed: of the latents, in [0, 2^32); the run's unless given.
          label: a class by number or name, or several, which take turns; those of real
            examples unless given, where the generator is told a class.
          truncation: t > 0: each normal latent is drawn within [-t, t].

        Raises:
          ValueError: the game makes no such samples, or a value is not what it must be.
        """
        self._check("sample", n, seed)
        limit = None if truncation is None else float(truncation)
        if limit is not None and not 0 < limit < np.inf:
            raise ValueError(f"truncation: must be above 0 and finite, not {limit}")
        given: dict[str, Any] = {}
        if label is not None:
            given["label"] = np.resize(self._labels(label), n)
        self._check_read("sample", given)
        look = self._look("sample", given)
        return draw_samples(
            self.config, look, self.state, n, seed=seed, truncation=limit, **given
        )

    def latents(self, n: int, *, seed: int | None = None) -> np.ndarray:
        """The latents `[n, Z]` of the samples that `sample(n, seed=seed)` makes."""
        return self.probe("latents", n, seed=seed)

    def decode(self, latents: np.ndarray, *, label: Labels | None = None) -> np.ndarray:
        """What the generator makes of latents `[N, Z]`: `[N, ...]`.

        Args:
          latents: of the prior, or codes of `encode`.
          label: a class for each, or one for all, where the generator is told one.
        """
        return self._of("decode", label, latents=latents)

    def interpolate(
        self,
        a: np.ndarray,
        b: np.ndarray,
        n: int = 9,
        *,
        label: Labels | None = None,
    ) -> np.ndarray:
        """What is decoded along straight lines, `[N, n, ...]`, both ends included.

        Args:
          a: latents `[N, Z]` where the lines begin.
          b: latents `[N, Z]` where they end.
          n: of each line, two or more.
          label: a class for each line, or one for all.
        """
        if n < 2:
            raise ValueError(f"n: a line has two ends or more, not {n}")
        first, last = (self._array("latents", x)[:, None] for x in (a, b))
        if first.shape != last.shape:
            shapes = " and ".join(str(list(np.shape(x))) for x in (a, b))
            raise ValueError(f"a and b must be of the same shape, not {shapes}")
        lines = first + (last - first) * np.linspace(0, 1, n, dtype=np.float32)[:, None]
        if label is not None:
            label = np.repeat(self._classes(label, len(first)), n).tolist()
        made = self.decode(lines.reshape(-1, lines.shape[-1]), label=label)
        return made.reshape(len(first), n, *made.shape[1:])

    def score(self, images: np.ndarray, *, label: Labels | None = None) -> np.ndarray:
        """The discriminator's scores `[N]`, which rise with realness.

        Args:
          images: or points, `[N, ...]`.
          label: a class for each, or one for all, where the discriminator is told one.
        """
        return self._of("score", label, real=images)

    def classify(
        self, images: np.ndarray, *, label: Labels | None = None
    ) -> np.ndarray:
        """log p(class | image) `[N, K]`; arguments as of `score`."""
        return self._of("classify", label, real=images)

    def encode(self, images: np.ndarray, *, label: Labels | None = None) -> np.ndarray:
        """The mean codes `[N, Z]` of images; arguments as of `score`."""
        return self._of("encode", label, real=images)

    def reconstruct(
        self, images: np.ndarray, *, label: Labels | None = None
    ) -> np.ndarray:
        """Decoded mean codes of images, `[N, ...]`; arguments as of `score`."""
        return self._of("reconstruction", label, real=images)

    def probe(
        self, name: str, n: int | None = None, *, seed: int | None = None, **given: Any
    ) -> np.ndarray:
        """What a probe of the game makes, `[n, ...]`.

        Args:
          name: of the probe; `repr` of the run lists them.
          n: how many rows; as many as are given, where something is.
          seed: of latents and of real examples; the run's unless given.
          **given: fields of a batch in place of those of the data: `real [n, ...]`,
            `label [n]`, `latents [n, Z]`.

        Raises:
          ValueError: there is no such probe, it reads no such field, or lacks one.
        """
        batch = {field: self._array(field, x) for field, x in given.items()}
        lengths = {field: len(x) for field, x in batch.items()}
        n = n if n is not None else next(iter(lengths.values()), None)
        if n is None or set(lengths.values()) - {n}:
            said = ", ".join(f"{x} of {field}" for field, x in lengths.items())
            raise ValueError(f"{name}: say how many; {said or 'nothing'} given, n={n}")
        self._check(name, n, seed)
        self._check_read(name, batch)
        look = self._look(name, batch)
        return look.probe(name, self.state, n, seed=seed, **batch)

    def real(self, n: int) -> np.ndarray:
        """Real examples `[n, ...]`, the same at each call."""
        return self.looks.whole().real(n)

    def test_examples(self, n: int) -> Batch:
        """n examples and their labels: of the test split, or without one of the data.

        Of the test split those there are, if fewer.
        """
        batch = self.looks.whole().examples_to_judge(n)
        return jax.tree.map(lambda values: np.asarray(values[:n]), batch)

    def variables(self, player: str) -> dict[str, Tree]:
        """A player's network: `params`, averaged if they are, and its collections.

        Parameters as they were trained are in `state.params[player]`.
        """
        found = averaged_variables(self.state)
        if player not in found:
            raise ValueError(f"no player {player!r}; there are {', '.join(found)}")
        return found[player]

    def field(self) -> Callable[[dict[str, Tree]], dict[str, Tree]]:
        """The joint gradient field v of the run's objective at this step.

        Training descends it: -v is its flow. It is of one batch of real examples, the
        same at each call, with penalties and corrections.

        Returns:
          A pure function of parameters by player, such as `state.params`, which gives
          each player's gradient of its own loss; to be compiled and mapped by jax.
        """
        look = self.looks.whole()
        setup, parts, players = look.setup, look.setup.parts, tuple(self.state.params)
        batch, index = look.batch(setup.batch_size), jnp.arange(setup.batch_size)
        batch, state = jax.device_put((batch, self.state))
        play = make_field(parts, players, state, batch, 0, index)

        def gradients(params: dict[str, Tree]) -> dict[str, Tree]:
            return play(params)[0]

        def field(params: dict[str, Tree]) -> dict[str, Tree]:
            total = gradients(params)
            for correct in parts.corrections.values():
                total = jax.tree.map(jnp.add, total, correct(gradients, params))
            return total

        return field

    @property
    def steps(self) -> list[int]:
        """The steps that are saved, for `at`."""
        names = [path.name for path in (self.folder / "checkpoints").iterdir()]
        return sorted(int(name) for name in names if name.isdecimal())

    def at(self, step: int) -> "TrainedRun":
        """The run at another of its `steps`.

        Raises:
          ValueError: that step is not saved, or its checkpoint is damaged.
        """
        return self._replace(**_state(self.program, self.folder, self.looks, step))

    def replay(self, every: int, **overrides: Any) -> list["TrainedRun"]:
        """The run at moments that were not saved, by taking its steps again.

        On one device, and all at once in memory: for small games.

        Args:
          every: steps from one moment to the next; it must divide the run's.
          **overrides: of the config, by dotted key, such as
            `{"networks.generator.start": 0.1}`: what if?

        Returns:
          The run before its first step, and after each `every` more.

        Raises:
          ValueError: `every` does not divide the steps, an override is none, or the run
            began from another's state.
        """
        words = [f"{key}={value}" for key, value in overrides.items()]
        config = ConfigDict(self.config)
        override(config, words, f"{self.folder}/config.json")
        checked = validate(config, self.program.catalogue)
        setup, states = replay(checked, every, self.program.catalogue)
        program = self.program._replace(config=checked)
        evaluator = Evaluator(setup)
        looks = Looks(evaluator, lambda: evaluator)
        count = checked["steps"] // every + 1
        return [
            self._replace(
                step=index * every,
                state=jax.tree.map(lambda x, index=index: x[index], states),
                program=program,
                looks=looks,
            )
            for index in range(count)
        ]

    def _of(self, name: str, label: Labels | None, **given: Any) -> np.ndarray:
        """A probe of what is given, each row with its class if there is one."""
        self._check(name, 1, None)
        ((field, value),) = given.items()
        batch: dict[str, Any] = {field: self._array(field, value)}
        n = len(batch[field])
        if label is not None:
            batch["label"] = self._classes(label, n)
            self._check_read(name, batch, besides=field)
        # Nothing is said of a network that ignores what it is given, as Dirac's does.
        return self._look(name, batch).probe(name, self.state, n, **batch)

    def _check(self, name: str, n: int, seed: int | None) -> None:
        if name not in self.looks.light.probes:
            has = ", ".join(sorted(self.looks.light.probes))
            game = self.config["game"]["name"]
            raise ValueError(
                f"{self.folder}: the game {game} has no {name}; it has {has}"
            )
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise ValueError(f"{name}: n must be a whole number above 0, not {n!r}")
        is_whole = isinstance(seed, int | np.integer)
        if seed is not None and not (is_whole and 0 <= seed < _SEEDS):
            raise ValueError(f"seed: must be a whole number in [0, 2^32), not {seed!r}")

    def _read(self, name: str, batch: Mapping[str, np.ndarray]) -> set[str]:
        """The fields of a batch that a probe reads, of these and of the data's."""
        two = {
            field: jax.ShapeDtypeStruct((2, *x.shape[1:]), x.dtype)
            for field, x in batch.items()
        }
        return self.looks.light.fields_read(name, self.state, **two)

    def _check_read(
        self, name: str, batch: Mapping[str, np.ndarray], besides: str = ""
    ) -> None:
        """Checks that nothing is given that a probe would ignore."""
        read = self._read(name, batch)
        if unread := sorted(batch.keys() - read - {besides}):
            what = ", ".join(sorted(read)) or "nothing that can be given"
            hint = "; decode does" if unread == ["latents"] else ""
            raise ValueError(f"{name} reads no {unread[0]}{hint}; it reads {what}")

    def _look(self, name: str, batch: Mapping[str, np.ndarray]) -> Evaluator:
        """What can look by a probe: without the data, where that does not read it."""
        lacking = self._read(name, batch) - batch.keys()
        if not lacking:
            return self.looks.light
        if batch:
            lacks = ", ".join(sorted(lacking))
            raise ValueError(f"{name}: {lacks} is missing; this run's networks read it")
        try:
            return self.looks.whole()
        except ConfigError as error:
            hint = "; or give label" if lacking == {"label"} else ""
            raise ConfigError(f"{error}{hint}") from error

    def _array(self, field: str, value: Any) -> np.ndarray:
        """A field of a batch that was given, checked."""
        if field == "label":
            return self._labels(value)
        light = self.looks.light
        if field == "real":
            shape, what = (
                light.example_shape,
                "images" if self.has_images else "examples",
            )
        elif field == "latents":
            shape, what = self._latent_shape(), "latents"
        else:
            raise ValueError(f"no field {field!r}; there are real, label and latents")
        array = np.asarray(value)
        if array.shape[1:] != shape or not array.ndim or not len(array):
            dimensions = ", ".join(map(str, ("N", *shape)))
            hint = "; write x[None] for one" if array.shape == shape else ""
            raise ValueError(
                f"{what}: must be [{dimensions}], not {list(array.shape)}{hint}"
            )
        if array.dtype.kind != "f":
            hint = ""
            if array.dtype == np.uint8 and self.has_images:
                hint = "; write x / 127.5 - 1 for pixels of 0 to 255"
            raise ValueError(f"{what}: must be float32, not {array.dtype}{hint}")
        if not np.isfinite(array).all():
            raise ValueError(f"{what}: some numbers are not finite")
        if field == "real" and self.has_images:
            low, high = float(array.min()), float(array.max())
            if max(-low, high) > 1 + _OUTSIDE:
                raise ValueError(
                    f"{what}: pixels must lie in [-1, 1], and these go from {low:.4g} "
                    f"to {high:.4g}"
                )
        return array.astype(np.float32)

    @property
    def has_images(self) -> bool:
        """Whether examples are images whose pixels are known to lie in [-1, 1]."""
        part = rows(self.program.catalogue, "data")[self.config["data"]["name"]]
        return len(self.looks.light.example_shape) == 3 and not part.is_own

    def _latent_shape(self) -> tuple[int, ...]:
        light = self.looks.light
        for name in ("latents", "encode"):
            if name in light.probes:
                return light.shape_of(name, self.state)
        raise ValueError(f"the game {self.config['game']['name']} has no latents")

    def _classes(self, label: Labels, count: int) -> np.ndarray:
        """A class for each of `count`, of as many or of one."""
        found = self._labels(label)
        if len(found) not in (1, count):
            raise ValueError(f"label: {len(found)} classes for {count} rows")
        return np.resize(found, count)

    def _labels(self, label: Labels) -> np.ndarray:
        """Classes `[L]`, int32, by number or name."""
        words: Any = [label] if np.ndim(label) == 0 else list(label)  # type: ignore[arg-type]
        source = self.looks.light.setup.source
        found = class_numbers(words, source.classes, source.class_names)
        return np.array(found, np.int32)


def load(
    folder: str | Path, step: int | None = None, program: Program | None = None
) -> TrainedRun:
    """See `ganjax.load`; `program` is the run's, which is read from its folder."""
    keep_compiled_programs()
    folder = Path(folder)
    record = read_run(folder)
    program = program or read_stored(folder)
    check_saved(folder)

    @cache
    def whole() -> Evaluator:
        setup = build_setup(program.config, program.catalogue)
        check_data(folder, describe_data(setup.source))
        return Evaluator(setup)

    looks = Looks(_light(program, folder) or whole(), whole)
    found = _state(program, folder, looks, step)
    return TrainedRun(
        folder=folder, record=record, program=program, looks=looks, **found
    )


def _light(program: Program, folder: Path) -> Evaluator | None:
    """Of a run whose folder tells the shapes of its data."""
    data = read_data(folder)
    names = tuple(data.get("classes") or ())
    classes = data.get("class_count", len(names) or None)  # which older runs lack
    if "shape" not in data or classes is None:
        return None
    source = absent(tuple(data["shape"]), classes=classes, class_names=names)
    return Evaluator(build_setup(program.config, program.catalogue, source))


def _state(
    program: Program, folder: Path, looks: Looks, step: int | None
) -> dict[str, Any]:
    setup, keep = looks.light.setup, program.config["record"]["keep"]
    try:
        found, state = read_state(setup, folder, keep=keep, step=step)
    except CheckpointError as error:
        raise ConfigError(str(error)) from error
    return {"step": found, "state": state}
