"""The text of docs/objectives.md."""

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from docs.reference.docstrings import text_of
from docs.reference.figures import NUMBERS
from docs.reference.markdown import code, escaped, items, table
from ganjax import augment, corrections, losses, penalties
from ganjax.config import ConfigError, load
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import KINDS, Key, Part, builder_of, keys_of, make, rows
from ganjax.config.consistency import LABEL_FIELDS, LOGIT_FIELDS
from ganjax.config.validation import validate
from ganjax.losses import f_divergence, loss_sensitive

_Losses = Mapping[str, Callable]

# By who minimises them. A name that is not here has `<name>_discriminator` and
# `<name>_generator`.
_OWN_LOSSES: dict[str, _Losses] = {
    "f_divergence": {
        "discriminator": losses.f_divergence_discriminator,
        "generator, saturating": losses.f_divergence_generator,
        "generator, direct": losses.f_divergence_direct_generator,
    },
    "semi_supervised_feature_matching": {
        "discriminator": losses.semi_supervised_discriminator,
        "generator": losses.feature_matching,
    },
    "feature_matching": {
        "discriminator": losses.minimax_discriminator,
        "generator": losses.feature_matching,
    },
    "classification": {"discriminator": losses.labelled_cross_entropy},
    "energy": {"discriminator": losses.energy_discriminator},
    "auto_encoder": {"encoder and generator": losses.squared_error},
    "vae": {
        "reconstruction": losses.negative_log_likelihood,
        "divergence": losses.gaussian_kl,
    },
    "vae_gan": {
        "encoder and generator": losses.feature_reconstruction,
        "encoder": losses.gaussian_kl,
        "generator": losses.non_saturating_generator,
        "discriminator": losses.non_saturating_discriminator,
    },
}

_MARGINS: _Losses = {
    "l1": losses.l1_margin,
    "l2": losses.l2_margin,
    "features": losses.feature_margin,
}

_INTRODUCTION = """\
# Objectives

What ganjax minimises, as the code says it: this page is made from tables and docstrings
by `python -m docs.reference`, and a test fails where it is stale.

A score rises with realness: `r` is that of a real example `x`, `s` that of a generated
one `G(z)`; `E` is the mean over all axes, of the batch and of patches. Every loss is
minimised. An objective is chosen by name, as the experiment's argument; its numbers are
set by `--config.objective.NUMBER=VALUE` and recompile nothing. The threshold is the
score above which an example is called real.
"""

_DIVERGENCES = """\
A divergence has its formulas below: `^` is a power, `int` an integral over examples, W
inverts w e^w, and `threshold` is the score v where g(v) = f'(1). Remarks call g(v)
`real` and f\\*(g(v)) `fake`, as the code does, and are about float32.

In its figure orange is where densities are equal, u = p / q = 1. Left: f, and its
tangent there. Middle: for some u the line u t - f(u), and f\\*, the highest of all such
lines; the one of u = 1 touches it at t = f'(1). Right: the activation g, which has that
value at the threshold. Dashed is the end of the domain of f\\*, which g only nears.
"""


class _Added(NamedTuple):
    """What a config may add to an objective, each by its name."""

    module: ModuleType
    kind: str  # and the function of ganjax.config that makes its section
    remark: str

    @property
    def rows(self) -> dict[str, Part]:
        """Its parts by name."""
        return rows(BUILT_IN, self.kind)


_ADDED = (
    _Added(
        penalties,
        "penalty",
        "`every` k takes a penalty at each k-th step only, k times as strong.",
    ),
    _Added(corrections, "correction", "They need the play `simultaneous`."),
    _Added(augment, "augmentation", ""),
)
_OBJECTIVES = rows(BUILT_IN, "objective")
_DIVERGENCE_ROWS = rows(BUILT_IN, "divergence")


def losses_of(name: str) -> _Losses:
    """The losses of an objective, by who minimises them."""
    if name in _OWN_LOSSES:
        return _OWN_LOSSES[name]
    row = _OBJECTIVES[name]
    places = (
        losses,
        sys.modules[builder_of(row).__module__],
    )  # in the objective's file
    return {
        player: next(
            filter(None, (getattr(x, f"{name}_{player}", None) for x in places))
        )
        for player in row.players
    }


def page(experiments: Path) -> str:
    """The whole page, in Markdown; examples are of the files in `experiments`."""
    blocks = [_INTRODUCTION, _contents()]
    for module, names in _families().items():
        blocks += _module(module)
        for name in names:
            blocks += _objective(name, experiments)
        if module is loss_sensitive:
            blocks += ["### Margins", *_described(_MARGINS)]
            blocks.append(items(*_sources(_MARGINS)))
        if module is f_divergence:
            blocks.append(_DIVERGENCES)
            for name in _DIVERGENCE_ROWS:
                blocks += _divergence(name, experiments)
    for added in _ADDED:
        blocks += [*_module(added.module), added.remark]
        for name in added.rows:
            blocks += _addition(added, name)
    return "\n\n".join(block.strip("\n") for block in blocks if block) + "\n"


def _families() -> dict[ModuleType, list[str]]:
    """The names of objectives, by the module of the first of their losses."""
    families: dict[ModuleType, list[str]] = {}
    for name in _OBJECTIVES:
        first = next(iter(losses_of(name).values()))
        module = sys.modules[first.__module__]
        families.setdefault(module, []).append(name)
    return families


def _contents() -> str:
    families = {_heading(module): names for module, names in _families().items()}
    families["Divergences"] = list(_DIVERGENCE_ROWS)
    families |= {_heading(added.module): list(added.rows) for added in _ADDED}
    return "\n".join(
        f"- {heading}: {', '.join(f'[{name}](#{name})' for name in names)}"
        for heading, names in families.items()
    )


def _heading(module: ModuleType) -> str:
    return (inspect.getdoc(module) or "").partition("\n")[0].removesuffix(".")


def _module(module: ModuleType) -> list[str]:
    body = (inspect.getdoc(module) or "").partition("\n")[2]
    file = module.__name__.replace(".", "/") + ".py"
    return [f"## {_heading(module)}", f"From [{file}](../{file}).", escaped(body)]


def _objective(name: str, experiments: Path) -> Iterator[str]:
    row = _OBJECTIVES[name]
    yield f"### {name}"
    yield escaped(inspect.getdoc(builder_of(row)) or "")
    yield from _described(losses_of(name))
    yield from _keys(row)
    threshold = make(BUILT_IN, "objective", name).threshold
    yield items(
        *_sources(losses_of(name)),
        _needs(row.reads),
        f"Threshold: {_threshold(threshold, row)}",
        *_examples(experiments, name),
    )


def _addition(added: _Added, name: str) -> Iterator[str]:
    function = {"": builder_of(added.rows[name])}
    yield f"### {name}"
    yield from _described(function)
    yield from _keys(added.rows[name])
    use = f'`config.{KINDS[added.kind]}.{name} = {added.kind}("{name}")`'
    yield items(*_sources(function), f"In an experiment file: {use}")


def _threshold(threshold: Any, row: Part) -> str:
    if threshold is None:
        return "none"
    return f"{threshold:g}" + (" at the defaults" if row.keys else "")


def _needs(fields: tuple[str, ...]) -> str:
    needs = []
    if not LABEL_FIELDS.isdisjoint(fields):
        needs.append("labelled data")
    if not LOGIT_FIELDS.isdisjoint(fields):
        needs.append("a discriminator with class logits")
    reads = ", ".join(f"`{field}`" for field in fields)
    return f"Reads {reads}" + (f": needs {' and '.join(needs)}" if needs else "")


def _examples(experiments: Path, word: str) -> Iterator[str]:
    """The command of the first experiment that takes `word` as its argument, if any."""
    for file in sorted(experiments.glob("*.py"), key=lambda x: (x.stem != "ring", x)):
        try:
            config = validate(load(f"{file}:{word}"))
        except ConfigError:
            continue
        if word in config["objective"].values():
            yield f"Try `--config={experiments.name}/{file.name}:{word}`"
            return


def _divergence(name: str, experiments: Path) -> Iterator[str]:
    text = text_of(builder_of(_DIVERGENCE_ROWS[name]))
    yield f"#### {name}"
    yield code({"D_f(P || Q)": text.formula} | text.formulas, " = ")
    yield from text.remarks
    yield f"![f, f\\* and g of {name}](divergences/{name}.svg)"
    needs = [
        f"Needs the number `{key}` in {own.range}, in the figure {NUMBERS[name][key]:g}"
        for key, own in _DIVERGENCE_ROWS[name].keys.items()
    ]
    yield items(*needs, *_examples(experiments, name))


def _described(functions: _Losses) -> Iterator[str]:
    """Formulas, then remarks, with whose they are."""
    texts = {who: text_of(function) for who, function in functions.items()}
    yield code({who: text.formula for who, text in texts.items()}, "  ")
    for who, text in texts.items():
        first, *others = text.remarks or [""]
        if first:
            yield f"*{who.capitalize()}.* {first}" if who else first
        yield from others


def _sources(functions: _Losses) -> list[str]:
    """The source of all, or those of each."""
    sources = {who: text_of(function).source for who, function in functions.items()}
    if len(set(sources.values())) == 1:
        return list(sources.values())[:1]
    return [f"{who.capitalize()}: {source}" for who, source in sources.items()]


def _keys(row: Part) -> Iterator[str]:
    keys = keys_of(BUILT_IN, row)
    if keys:
        yield table(
            ("key", "default", "values"),
            [(f"`{name}`", _default(key), _values(key)) for name, key in keys.items()],
        )


def _default(key: Key) -> str:
    return "none" if key.default is None else f"`{key.default}`"


def _values(key: Key) -> str:
    return key.range or ", ".join(f"`{choice}`" for choice in key.choices)
