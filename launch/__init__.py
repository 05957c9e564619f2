"""Launches the runs of a sweep and watches over them. No jax."""
