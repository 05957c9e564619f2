"""The Parzen window, against SciPy and against the density it estimates."""

import numpy as np
from numpy.testing import assert_allclose
from scipy import stats

from ganjax.measures import choose_sd, parzen_log_likelihood


def test_one_sample_is_one_gaussian():
    rng = np.random.default_rng(0)
    examples, sample = rng.normal(size=(5, 2, 3)), rng.normal(size=(1, 2, 3))
    expected = stats.norm.logpdf(examples, sample, 0.7).sum(axis=(1, 2))
    assert_allclose(parzen_log_likelihood(examples, sample, 0.7), expected)


def test_two_samples_by_hand():
    # Half of N(0; 0, 1) and half of N(0; 2, 1):
    # log((0.398942 + 0.053991) / 2) = log 0.226467
    found = parzen_log_likelihood(np.zeros((1, 1)), np.array([[0.0], [2.0]]), 1.0)
    assert_allclose(found, [-1.485158], rtol=1e-5)


def test_far_examples_do_not_underflow():
    found = parzen_log_likelihood(np.full((1, 784), 50.0), np.zeros((3, 784)), 0.1)
    expected = -784 * (50.0**2 / 0.02 + np.log(0.1 * np.sqrt(2 * np.pi)))
    assert_allclose(found, [expected], rtol=1e-12)


def test_more_examples_than_a_chunk():
    rng = np.random.default_rng(1)
    examples, samples = rng.normal(size=(2_500, 2)), rng.normal(size=(40, 2))
    whole = parzen_log_likelihood(examples, samples, 0.5)
    assert_allclose(whole[-1:], parzen_log_likelihood(examples[-1:], samples, 0.5))


def test_chosen_window_is_the_likeliest_and_its_likelihood_near_the_entropy():
    rng = np.random.default_rng(2)
    samples, validation, test = rng.normal(size=(3, 1_500, 1))
    sds = np.geomspace(0.01, 3.0, 12)
    chosen = choose_sd(validation, samples, sds)
    means = [parzen_log_likelihood(validation, samples, sd).mean() for sd in sds]
    assert chosen == sds[np.argmax(means)]
    # The mean log density of a standard normal: -(1 + log 2 pi) / 2.
    found = parzen_log_likelihood(test, samples, chosen).mean()
    assert_allclose(found, -0.5 * (1 + np.log(2 * np.pi)), atol=0.05)
