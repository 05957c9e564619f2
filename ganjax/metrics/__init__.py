"""Measures of scores and samples."""

from ganjax.metrics.classification import classification_error
from ganjax.metrics.mixture import mixture_quality
from ganjax.metrics.neighbours import nearest_rows, neighbour_quality
from ganjax.metrics.parzen import choose_sd, parzen_log_likelihood
from ganjax.metrics.reconstruction import likelihood_bounds, reconstruction_quality
from ganjax.metrics.scores import score_statistics

__all__ = [
    "choose_sd",
    "classification_error",
    "likelihood_bounds",
    "mixture_quality",
    "nearest_rows",
    "neighbour_quality",
    "parzen_log_likelihood",
    "reconstruction_quality",
    "score_statistics",
]
