"""The built-in parts as tests ask for them: rows by kind, and builders by name."""

from functools import partial

from ganjax.config.builtin import BUILT_IN
from ganjax.config.catalogue import KINDS, builder_of, builders, make, rows

PARTS = {kind: rows(BUILT_IN, kind) for kind in KINDS}
NETWORK_PARTS = {
    name: {
        part.players[0]: part
        for part in BUILT_IN
        if (part.kind, part.name) == ("network", name)
    }
    for name in PARTS["network"]
}

# Of these what a key chooses may be given by name, and defaults need not be given.
OBJECTIVES = {
    name: partial(make, BUILT_IN, "objective", name) for name in PARTS["objective"]
}
SOURCES = builders(BUILT_IN, "data")
GAMES = builders(BUILT_IN, "game")
PLAYS = builders(BUILT_IN, "play")
PENALTIES = builders(BUILT_IN, "penalty")
CORRECTIONS = builders(BUILT_IN, "correction")
AUGMENTATIONS = builders(BUILT_IN, "augmentation")
OPTIMIZERS = builders(BUILT_IN, "optimizer")
DIVERGENCES = builders(BUILT_IN, "divergence")
LIKELIHOODS = builders(BUILT_IN, "likelihood")
NETWORKS = {
    name: {player: builder_of(part) for player, part in players.items()}
    for name, players in NETWORK_PARTS.items()
}


def takes_axis(kind, name):
    """Whether the builder of a part takes the name of the device axis."""
    return "axis_name" in PARTS[kind][name].takes


def with_encoder():
    """Names of the objectives that have a loss for an encoder."""
    return [n for n, row in PARTS["objective"].items() if "encoder" in row.players]
