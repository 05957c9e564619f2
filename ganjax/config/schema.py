"""The sections of a config that choose no part: keys, defaults and ranges. No jax."""

from ganjax.config.catalogue import Key

RUN = {
    "seed": Key(0, "[0, 4294967295]"),
    "steps": Key(10_000, "[1, 2147483647]"),
    "batch_size": Key(256, "[1, 2147483647]"),
    # What to do when a loss, gradient or update is not finite: stop the run, or leave
    # that player as it was for the step and continue.
    "non_finite": Key("stop", choices=("stop", "skip")),
    # Another run to begin from, FOLDER or FOLDER@STEP, and which players, separated by
    # commas; all that both have where it is "".
    "init_from": Key(""),
    "init_players": Key(""),
}

# The exponential moving average (EMA) of a player's parameters, of which measures and
# pictures are made. Its decay in step t is min(decay, (1 + t) / (10 + t)), so that the
# run's beginning is soon forgotten.
EMA = {"decay": Key(0.999, "[0, 1)")}

# How a number x may change over a run: x_schedule = {shape, final}, `final` being the
# factor of x at the end.
NUMBER_SCHEDULE = {
    "shape": Key("linear", choices=("linear", "cosine", "exponential")),
    "final": Key(1.0, "[0, inf)"),
}

PARALLEL = {
    # auto: jit on one device, pmap over several.
    "mode": Key("auto", choices=("auto", "jit", "pmap", "shard_map")),
    # How the runs of a pack that share a device take their steps: one after another
    # (map) or together (vmap). auto: map on a CPU, where vmap gains nothing.
    "members": Key("auto", choices=("auto", "map", "vmap")),
}

RECORD = {
    "every": Key(
        100, "[1, 2147483647]"
    ),  # steps per dispatch and per record of metrics
    "pictures_every": Key(2_500, "[1, 2147483647]"),
    "checkpoint_every": Key(2_500, "[1, 2147483647]"),
    "keep": Key(3, "[1, 2147483647]"),  # newest checkpoints
    "examples": Key(64, "[1, 10000]"),  # in a grid of samples
}

EVALUATION = {
    "every": Key(0, "[0, 2147483647]"),  # steps; 0 is at the end only
    "samples": Key(2_500, "[6, 1000000]"),  # each has five neighbours
}

TRACED = (
    *("game", "augment", "objective", "penalties", "corrections"),
    *("optimizers", "ema"),
)

# What a resumed run may change: it does not change what is computed.
RESUMABLE = (
    *("record", "evaluation", "measures", "parallel"),
    *("data.directory", "data.max_pixels"),
)
