"""The benchmarks' own arithmetic; PyTorch is not asked."""

import math

import jax
import pytest
from jax.extend.core import jaxprs_in_params
from jax.interpreters.partial_eval import dce_jaxpr

from benchmarks import packs, page
from benchmarks.summary import Ratio, ratio, summarize
from benchmarks.workloads import WORKLOADS, networks, write_data
from ganjax.build import build_setup
from ganjax.config.validation import validate


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_data(folder)
    return folder


def products(jaxpr):
    """Operations of products and convolutions, those in loops as often as they run."""
    total = 0
    for equation in jaxpr.eqns:
        made = math.prod(equation.outvars[0].aval.shape)
        if equation.primitive.name == "dot_general":
            (contracted, _), _ = equation.params["dimension_numbers"]
            left = equation.invars[0].aval.shape
            total += 2 * made * math.prod(left[axis] for axis in contracted)
        elif equation.primitive.name == "conv_general_dilated":
            kernel = equation.invars[1].aval.shape
            window = [
                kernel[i] for i in equation.params["dimension_numbers"].rhs_spec[1:]
            ]
            # Between the pixels of an image that is spread out there is nothing.
            zeros = math.prod(equation.params["lhs_dilation"])
            total += 2 * made * math.prod(window) // zeros
        inner = [products(inside) for inside in jaxprs_in_params(equation.params)]
        often = equation.params.get("length", 1)
        total += often * (max if equation.primitive.name == "cond" else sum)(
            inner or [0]
        )
    return total


def besides(config):
    """What is traced, and not counted as work."""
    if "likelihood" in config["objective"]:
        # The sum of an image's pixels is written as a product, and so is its gradient.
        return 2 * 2 * config["batch_size"] * 28**2
    image = 2 if config["data"]["name"] == "ring" else 28**2
    zero_centred = [name for name in ("r1", "r2") if name in config["penalties"]]
    if not zero_centred:
        return 0
    # The scores of the same examples, of which XLA sees that they are there already.
    _, judged = networks(config, image)
    return len(zero_centred) * (judged.whole - judged.last)


@pytest.mark.parametrize("name", WORKLOADS)
def test_operations_counted_by_hand_are_those_of_the_step(name, data):
    config = validate(WORKLOADS[name].configure(data))
    setup = build_setup(config)
    step, state = setup.make_step(None), jax.eval_shape(setup.init)
    traced = jax.make_jaxpr(step)(state, setup.numbers, setup.source.arrays).jaxpr
    alive, _ = dce_jaxpr(traced, [True] * len(traced.outvars))
    assert products(alive) == WORKLOADS[name].flops(config) + besides(config)


def test_a_ratio_is_of_the_turns_of_a_round():
    # 2 / 1, 6 / 2 and 2 / 4.
    assert ratio([2, 6, 2], [1, 2, 4]) == Ratio(middle=2, low=0.5, high=3)


def test_a_row_is_beside_the_better_form_of_pytorch():
    def started(first, megabytes):
        return {"first": first, "megabytes": megabytes}

    seconds = {"ganjax": [0.5, 0.5], "torch": [1.0, 2.0], "torch.compile": [1.0, 1.0]}
    start = {
        side: {"cold": started(9.0, 1.0), "warm": started(3.0, megabytes)}
        for side, megabytes in zip(seconds, (300.0, 200.0, 600.0), strict=True)
    }
    speed = {"seconds": seconds, "peaks": [100.0, 50.0], "flops": 10}
    (row,) = summarize("ring", {"start": start, "threads": {"2": speed}})
    assert (row.threads, row.batches, row.best) == (2, 2, "torch.compile")
    assert row.ratios == {"torch": Ratio(3, 2, 4), "torch.compile": Ratio(2, 2, 2)}
    # 10 operations in half a second, where a product does 100 and 50 in one.
    assert row.peak_share == pytest.approx((10 / 50 + 10 / 25) / 2)
    assert row.memory == 0.5
    assert row.first["ganjax"] == (9, 3)


def test_a_way_to_train_is_beside_the_pack_in_steps_of_all_runs():
    def measured(*seconds):
        first = {"cold": 9.0, "warm": 3.0}
        rest = {"cpu": [0.5, 0.7], "megabytes": 400.0, "first": first}
        return {"seconds": list(seconds), **rest}

    found = {"sides": {"map": measured(0.5, 0.25), "single": measured(1.0, 1.0)}}
    ours, single = packs.summarize(found)
    assert (ours.steps, ours.ratio) == (1 / 0.375, None)
    # 1 / 0.5 and 1 / 0.25.
    assert (single.steps, single.ratio) == (1, Ratio(3, 2, 4))
    assert (single.cpu, single.megabytes, single.first) == (0.6, 400, (9, 3))


def test_the_page_says_what_was_measured():
    text = (page.DOCS / "performance.md").read_text()
    assert page.write(page.newest()) in text
    assert page.write_packs(page.newest(packs.RESULTS)) in text
