"""docs/objectives.md is what the code says, and its formulas what the code does."""

import ast
import decimal
import inspect
import re
import shutil
import sys

import jax
import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy import special
from tables import AUGMENTATIONS, CORRECTIONS, DIVERGENCES, PENALTIES

from docs import reference
from docs.reference import __main__, figures
from docs.reference.docstrings import text_of
from docs.reference.markdown import code, escaped, items, table
from docs.reference.page import losses_of
from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import builders

OBJECTIVES = builders(BUILT_IN, "objective")
PAGE = (reference.ROOT / reference.PAGE).read_text("utf-8")


def test_page_and_figures_are_what_the_code_says():
    assert reference.stale() == [], "renew them: python -m docs.reference"


def test_stale_pages_and_figures_are_named(tmp_path):
    shutil.copytree(reference.ROOT / "docs", tmp_path / "docs")
    page = tmp_path / reference.PAGE
    page.write_text(PAGE.replace("-E s", "E s", 1), "utf-8")
    folder = tmp_path / reference.FIGURES
    (folder / "kl.svg").unlink()
    (folder / "rényi.svg").write_bytes((folder / "gan.svg").read_bytes())
    # f(4) = |4 - 1| / 2 is the last number of f.
    altered = (folder / "total_variation.svg").read_text("utf-8")
    assert altered.count("1.5], ") == 1
    altered = altered.replace("1.5], ", "1.51], ")
    (folder / "total_variation.svg").write_text(altered, "utf-8")
    assert reference.stale(tmp_path) == [
        "docs/divergences/kl.svg does not show what the code computes",
        "docs/divergences/rényi.svg shows no divergence of the table",
        "docs/divergences/total_variation.svg does not show what the code computes",
        "docs/objectives.md is not what tables and docstrings say",
    ]


def test_command_writes_or_checks(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(sys, "argv", ["reference", "--check"])
    monkeypatch.setattr(reference, "stale", lambda: ["the page is old"])
    monkeypatch.setattr(reference, "write", lambda: pytest.fail("wrote"))
    assert __main__.main() == 1
    assert capsys.readouterr().err == "the page is old\n"
    monkeypatch.setattr(reference, "stale", lambda: [])
    assert __main__.main() == 0
    written = []
    monkeypatch.setattr(sys, "argv", ["reference"])
    monkeypatch.setattr(reference, "write", lambda: written.append(True))
    assert __main__.main() == 0
    assert written == [True]


def test_write_leaves_nothing_stale(monkeypatch, tmp_path):
    one = tuple(x for x in BUILT_IN if x.kind != "divergence" or x.name == "kl")
    for module in (reference, figures):
        monkeypatch.setattr(module, "BUILT_IN", one)
    reference.write(tmp_path)
    assert reference.stale(tmp_path) == []
    figure = tmp_path / reference.FIGURES / "kl.svg"
    assert figure.read_bytes() == figures.svg("kl")  # no date, no random id


def test_section_of_an_objective():
    section = PAGE[PAGE.index("### hinge\n") :]
    section = section[: section.index("\n### ", 1) + 1]
    assert section.splitlines() == [
        "### hinge",
        "",
        "Hinge GAN.",
        "",
        "```text",
        "discriminator  E relu(1 - r) + E relu(1 + s)",
        "generator      -E s",
        "```",
        "",
        '- Discriminator: Lim and Ye 2017, "Geometric GAN", eq. 11-12; Miyato et al. '
        '2018, "Spectral Normalization for Generative Adversarial Networks", eq. 16.',
        '- Generator: Miyato et al. 2018, "Spectral Normalization for GANs", eq. 17.',
        "- Reads `real_score`, `fake_score`",
        "- Threshold: 0",
        "- Try `--config=experiments/ring.py:hinge`",
        "",
    ]


def test_section_of_a_penalty():
    section = PAGE[PAGE.index("### score_drift\n") :].partition("\n## ")[0]
    assert section.splitlines() == [
        "### score_drift",
        "",
        "```text",
        "w E r_i^2, which keeps the scores of real examples near 0",
        "```",
        "",
        "For losses of score differences only, which leave the scores' level free to "
        "drift.",
        "",
        "| key | default | values |",
        "| --- | --- | --- |",
        "| `every` | `1` | [1, 2147483647] |",
        "| `weight` | `0.001` | [0, inf) |",
        "",
        '- Karras et al. 2018, "Progressive Growing of GANs", section A.1.',
        "- In an experiment file: "
        '`config.penalties.score_drift = penalty("score_drift")`',
    ]


def test_links_lead_somewhere():
    headings = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
    assert len(headings) == len(set(headings))  # else GitHub numbers their anchors
    targets = re.findall(r"\]\(([^)]+)\)", PAGE)
    assert {t[1:] for t in targets if t.startswith("#")} <= set(headings)
    files = [t for t in targets if not t.startswith("#")]
    assert len(files) > len(DIVERGENCES)
    for file in files:
        assert (reference.ROOT / "docs" / file).is_file()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_shown_losses_are_those_of_the_objective(name):
    tree = ast.parse(inspect.getsource(OBJECTIVES[name]))
    used = {
        # A sum over the two sides is shown as one.
        re.sub("_(real|fake)$", "_discriminator", node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "losses"
    }
    shown = {function.__name__ for function in losses_of(name).values()}
    assert shown <= used
    # A side may be of another discriminator's loss, which is not shown.
    assert all(other.endswith("_discriminator") for other in used - shown)


SHOWN = [
    *(function for name in OBJECTIVES for function in losses_of(name).values()),
    *(PENALTIES | CORRECTIONS | AUGMENTATIONS).values(),
]


@pytest.mark.parametrize("function", dict.fromkeys(SHOWN))
def test_formula_and_source_are_stated(function):
    text = text_of(function)
    assert text.formula
    assert re.search(r"\b(19|20)\d\d\b", text.source)


# The formulas of a divergence, by the field of its row that they are of.
FIELDS = {
    "f(u)": "f",
    "f*(t)": "conjugate",
    "T*(u)": "optimal",
    "g(v)": "real",
    "threshold": "threshold",
}
NUMBERS = {
    "weighted_jensen_shannon": ({"pi": 0.3}, {"pi": 0.8}),
    "alpha_below_one": ({"alpha": -1.0}, {"alpha": 0.5}),
    "alpha_above_one": ({"alpha": 1.5}, {"alpha": 3.0}),
}
WORDS = {
    **{name: getattr(np, name) for name in ("log", "exp", "sqrt", "tanh", "sign")},
    "abs": np.abs,
    "max": np.maximum,
    "softplus": lambda x: np.logaddexp(0.0, x),
    "W": lambda x: special.lambertw(x).real,
}


def evaluated(formula, **values):
    """A formula as the docstrings write it, of float64 arrays."""
    python = re.sub(r"\|([^|]*)\|", r"abs(\1)", formula).replace("^", "**")
    return eval(python, {"__builtins__": {}}, WORDS | values)


def test_formulas_are_read_as_they_are_written():
    assert evaluated("|u - 3|^2 / 2", u=1.0) == 2.0
    assert evaluated("max(u, -1/2)", u=-2.0) == -0.5
    assert_allclose(evaluated("W(2 * exp(u))", u=2.0), 2.0)  # 2 e^2 = w e^w


@pytest.mark.parametrize("name", DIVERGENCES)
def test_formulas_of_a_divergence_are_what_it_computes(name):
    formulas = text_of(DIVERGENCES[name]).formulas
    assert list(formulas) == list(FIELDS)
    conjugate, domain = formulas["f*(t)"].split(" for ")
    for numbers in NUMBERS.get(name, ({},)):
        with jax.enable_x64(True):
            row = DIVERGENCES[name](**numbers)
            limit = np.inf
            if domain != "any t":
                _, sign, end = re.split(" (<=?) ", domain)
                limit = evaluated(end, **numbers)
                assert sign == "<" or np.isfinite(row.conjugate(limit))
            assert_allclose(row.supremum, limit, rtol=1e-12)
            grids = {
                "u": np.geomspace(0.01, 100, 40),
                "t": min(limit, 6.0) - np.geomspace(1e-3, 10, 40),
                "v": np.linspace(-6, 6, 40),
            }
            for key, field in FIELDS.items():
                formula = conjugate if key == "f*(t)" else formulas[key]
                expected = evaluated(formula, **grids, **numbers)
                computed = getattr(row, field)
                if key != "threshold":
                    computed = computed(grids[key[-2]])
                assert_allclose(computed, expected, rtol=1e-9, atol=1e-12)


def to_60_digits(formula, **values):
    """A formula of one float each, by decimals."""
    with decimal.localcontext(prec=60, Emax=10**6, Emin=-(10**6)):
        exact = {name: decimal.Decimal(value) for name, value in values.items()}
        words = {"log": decimal.Decimal.ln, "sqrt": decimal.Decimal.sqrt, "abs": abs}
        return float(evaluated(formula, **exact, **words))


@pytest.mark.parametrize("name", DIVERGENCES)
def test_f_keeps_its_digits_in_float32(name):
    formula = text_of(DIVERGENCES[name]).formulas["f(u)"]
    u = np.geomspace(1e-8, 1e30, 115, dtype=np.float32)
    for numbers in NUMBERS.get(name, ({},)):
        # The power 3 of a float32 has an error that grows with its logarithm.
        tolerance = 1e-5 if name.startswith("alpha") else 3e-6
        expected = np.array([to_60_digits(formula, u=float(x), **numbers) for x in u])
        computed = np.asarray(DIVERGENCES[name](**numbers).f(u), float)
        ends = np.abs(expected) > 1e37  # of float32, whose u^3 ends before u^3 / 6 does
        assert_allclose(computed[~ends], expected[~ends], tolerance, atol=tolerance)


def test_limits_that_are_stated_of_float32_are_so():
    stated = re.compile(r"`(real|fake)`(?: is infinite)? for v ([<>]) (-?\d+\.\d+)")
    found = []
    for name, divergence in DIVERGENCES.items():
        row = divergence(**dict.fromkeys(inspect.signature(divergence).parameters, 0.5))
        text = " ".join(inspect.getdoc(divergence).split())
        for side, sign, end in stated.findall(text):
            step = 0.01 if sign == ">" else -0.01
            scores = np.float32(end) + np.float32([-step, step])
            inside, beyond = getattr(row, side)(scores)
            assert np.isfinite(inside), name
            assert np.isinf(beyond), name
            found.append((name, side))
    assert len(found) == 8


@pytest.mark.parametrize("name", DIVERGENCES)
def test_figure_shows_an_envelope(name):
    data = {key: np.array(x) for key, x in figures.curves(name).items()}
    lines = data["slope"][:, None] * data["t"] - data["height"][:, None]
    assert (lines <= data["conjugate"] + 2e-3 * np.ptp(data["conjugate"])).all()
    one, f, slope, conjugate, _ = data["equal"]
    assert_allclose(conjugate, one * slope - f, atol=2e-3)
    assert (f + slope * (data["u"] - one) <= data["f"] + 2e-3).all()


def test_figure_of_kl():
    # At u = 1: f = 0, f' = 1 + log 1 = 1, f*(1) = e^0 = 1, and g(1) = 1.
    data = figures.curves("kl")
    assert data["equal"] == [1, 0, 1, 1, 1]
    assert data["supremum"] == []
    # The lines have u = 0, and 1/3 to 3 in equal ratios.
    assert data["slope"] == [0, 0.3333, 0.4807, 0.6934, 1, 1.442, 2.08, 3]
    assert data["height"][-1] == 3.296  # 3 log 3


@pytest.mark.parametrize("name", DIVERGENCES)
def test_figures_are_small_and_on_white_paper(name):
    file = (reference.ROOT / reference.FIGURES / f"{name}.svg").read_text("utf-8")
    assert len(file) < 30_000
    assert 'style="fill: #ffffff"' in file


def documented():
    """a * b: the `product`
    of two numbers.

    It is * below.

    f(u) = u
    g = u
      + 1

    Somebody 1999, "Products", eq. 1.
    """


def test_parts_of_a_docstring():
    assert text_of(documented) == (
        "a * b",
        ["The `product` of two numbers.", r"It is \* below."],
        {"f(u)": "u", "g": "u + 1"},
        'Somebody 1999, "Products", eq. 1.',
    )


def test_docstring_is_needed():
    with pytest.raises(ValueError, match="undocumented has no docstring"):
        text_of(undocumented)


def undocumented(): ...


def test_markdown():
    assert escaped("f*(t) < `f*(t)` \\") == r"f\*(t) \< `f*(t)` \\"
    assert code({"a": "1", "bcd": "2"}, " = ") == "```text\na   = 1\nbcd = 2\n```"
    assert code({"": "1"}, " = ") == "```text\n1\n```"
    assert items("a", "b") == "- a\n- b"
    assert table("ab", ["cd"]) == "| a | b |\n| --- | --- |\n| c | d |"
