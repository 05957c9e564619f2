"""Samples on request: their number, seed and classes."""

import io
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jax.scipy.special import ndtr, ndtri

from ganjax.config import ConfigError
from ganjax.look import draw
from ganjax.look.evaluate import Evaluator
from ganjax.record.files import write_bytes
from ganjax.record.png import png_bytes
from ganjax.record.reading import read_class_names
from ganjax.state import TrainState

_LONGEST = 200  # bytes of a file's name without its ending


class Choice(NamedTuple):
    """What `--mode=sample` was asked for; `None` where nothing was said."""

    number: int | None = None
    seed: int | None = None
    label: tuple[str, ...] | None = None  # classes, by number or name
    truncation: float | None = None

    @property
    def name(self) -> str:
        """A file's name that tells the choice, so that no other is overwritten.

        A long one is cut and ends in its CRC-32: a file system takes 255 bytes.
        """
        words = [
            f"{key}{'+'.join(value) if isinstance(value, tuple) else value}"
            for key, value in self._asdict().items()
            if value is not None
        ]
        name = "-".join(["sample", *words]).replace("/", "_")
        if len(name.encode()) <= _LONGEST:
            return name
        return f"{name[: _LONGEST // 4]}-{zlib.crc32(name.encode()):08x}"


def write_choice(
    config: Mapping[str, Any],
    folder: Path,
    evaluator: Evaluator,
    step: int,
    state: TrainState,
    *,
    choice: Choice,
) -> None:
    """Writes `samples/sample-CHOICE.npz`, and of images a picture beside it.

    The file holds `samples [N, ...]`, `step`, and `label [N]` where classes were
    chosen: these take turns, a column of the picture each.

    Raises:
      ConfigError: the game makes no samples by what was chosen.
    """
    number = choice.number or config["evaluation"]["samples"]
    label = None
    if choice.label is not None:
        names = read_class_names(folder)
        labels = class_numbers(choice.label, evaluator.setup.classes, names)
        label = np.resize(np.array(labels, np.int32), number)
    samples = draw_samples(
        config,
        evaluator,
        state,
        number,
        seed=choice.seed,
        label=label,
        truncation=choice.truncation,
    )
    buffer = io.BytesIO()
    arrays: dict[str, Any] = {"samples": samples, "step": step}
    if label is not None:
        arrays["label"] = label
    np.savez_compressed(buffer, **arrays)
    path = folder / "samples" / f"{choice.name}.npz"
    write_bytes(path, buffer.getvalue())
    if samples.ndim == 4:
        shown = samples[: config["record"]["examples"]]
        titles = choice.label or ()
        columns = len(titles) if len(titles) > 1 else None  # otherwise nearly square
        pixels = draw.image_grid(shown, columns=columns, titles=titles)
        write_bytes(path.with_suffix(".png"), png_bytes(pixels))
    print(f"{path}: samples {list(samples.shape)} of step {step}")


def draw_samples(
    config: Mapping[str, Any],
    evaluator: Evaluator,
    state: TrainState,
    number: int,
    *,
    seed: int | None = None,
    label: np.ndarray | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """Samples `[number, ...]` of a state.

    Args:
      config: of the run.
      evaluator: of the run.
      state: that makes them.
      number: how many.
      seed: of the latents, the run's unless given.
      label: int32 `[number]`, classes in place of those of real examples.
      truncation: t, where each component of the latents is to lie in [-t, t].

    Raises:
      ConfigError: the game draws no latents of a normal prior, to be truncated.
    """
    given = {} if label is None else {"label": label}
    name = "sample"
    if truncation is not None:
        latents = _truncated(config, evaluator, state, number, seed, truncation)
        name, given["latents"] = "decode", latents
    return evaluator.probe(name, state, number, seed=seed, **given)


def class_numbers(
    words: Sequence[str | int], classes: int, names: Sequence[str]
) -> list[int]:
    """Classes by number or name.

    Args:
      words: at least one.
      classes: K; numbers are in [0, K).
      names: by number, where the classes have names.

    Raises:
      ConfigError: there is no such class, or the generator is told none.
    """
    if not classes:
        raise ConfigError("label: the generator of this run is told no class")
    labels = []
    for word in words or ("",):
        text = str(word)
        if text in names:
            labels.append(names.index(text))
        elif text.isdecimal() and int(text) < classes:
            labels.append(int(text))
        else:
            known = ", ".join(names) or f"0 to {classes - 1}"
            raise ConfigError(f"label: no class {text!r}; the classes are {known}")
    return labels


def _truncated(
    config: Mapping[str, Any],
    evaluator: Evaluator,
    state: TrainState,
    number: int,
    seed: int | None,
    limit: float,
) -> np.ndarray:
    """Latents of N(0, 1) given that each component lies in [-t, t]: `[N, Z]`.

    F^-1(F(-t) + F(z) (F(t) - F(-t))) of the latents z without truncation, with F the
    normal distribution function, so that each sample stays the same one as t grows.
    After Brock et al. 2019, "Large Scale GAN Training for High Fidelity Natural Image
    Synthesis", section 3.1.
    """
    is_normal = config["game"].get("prior", "normal") == "normal"
    if "latents" not in evaluator.probes or not is_normal:
        raise ConfigError(
            f"truncation: the game {config['game']['name']} of this run draws no "
            "latents of a normal prior"
        )
    latents = evaluator.probe("latents", state, number, seed=seed)
    low, high = ndtr(np.float32(-limit)), ndtr(np.float32(limit))
    return np.asarray(ndtri(low + ndtr(latents) * (high - low)))
