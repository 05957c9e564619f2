"""Measures: numbers of a state, of its samples, scores and reconstructions."""

from ganjax.measures.classification import classification_error, sure_share
from ganjax.measures.dynamics import STEP_FACTORS, measured_factor
from ganjax.measures.f_divergence import BestGaussian, best_gaussian, f_divergence
from ganjax.measures.mixture import mixture_log_density, mixture_quality
from ganjax.measures.neighbours import nearest_rows, neighbour_quality
from ganjax.measures.parzen import choose_sd, parzen_log_likelihood
from ganjax.measures.reconstruction import likelihood_bounds, reconstruction_quality
from ganjax.measures.scores import score_quality

__all__ = [
    "STEP_FACTORS",
    "BestGaussian",
    "best_gaussian",
    "choose_sd",
    "classification_error",
    "f_divergence",
    "likelihood_bounds",
    "measured_factor",
    "mixture_log_density",
    "mixture_quality",
    "nearest_rows",
    "neighbour_quality",
    "parzen_log_likelihood",
    "reconstruction_quality",
    "score_quality",
    "sure_share",
]
