"""Networks, as pairs of pure functions. The only folder that imports flax."""
