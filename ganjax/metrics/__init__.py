"""Measures of scores and samples."""

from ganjax.metrics.mixture import mixture_quality
from ganjax.metrics.neighbours import neighbour_quality
from ganjax.metrics.scores import score_statistics

__all__ = ["mixture_quality", "neighbour_quality", "score_statistics"]
