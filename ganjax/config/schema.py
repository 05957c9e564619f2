"""What a config may say: every section, name, key, default and range. No jax.

A section is `{name, **keys}`; the keys of a name are exactly the keyword arguments of
the builder of that name, so a key that nothing reads cannot exist. Floats of the
sections in `TRACED` are arguments of the compiled step: changing one recompiles
nothing, and each may have a schedule. Everything else is structure.
"""

from typing import Any, NamedTuple


class Key(NamedTuple):
    """One key of a section.

    `default` gives the type too; where it is None the key is off unless set, and
    `kind` gives the type. `range` is an interval such as "(0, inf)" for numbers;
    `choices` lists the legal values.
    """

    default: Any
    range: str = ""
    choices: tuple[str | int, ...] = ()
    kind: type | None = None


class Row(NamedTuple):
    """An objective or a game: its keys, and the outcome's fields it reads or makes."""

    keys: dict[str, Key]
    fields: tuple[str, ...]


def within(value: float, interval: str) -> bool:
    """Whether a number lies in an interval such as "(0, 1]"."""
    low, high = map(float, interval[1:-1].split(","))
    above = value >= low if interval[0] == "[" else value > low
    below = value <= high if interval[-1] == "]" else value < high
    return above and below


RUN = {
    "seed": Key(0, "[0, 4294967295]"),
    "steps": Key(10_000, "[1, 2147483647]"),
    "batch_size": Key(256, "[1, 2147483647]"),
    # What to do when a loss, gradient or update is not finite: stop the run, or leave
    # that player as it was for the step and go on.
    "non_finite": Key("stop", choices=("stop", "skip")),
    # Another run to begin from, FOLDER or FOLDER@STEP, and which players, separated by
    # commas; all that both have where it is "".
    "init_from": Key(""),
    "init_players": Key(""),
}

_FEW_LABELS = {
    "labelled": Key(0, "[0, 2147483647]"),  # examples that keep their label; 0 is all
    # Of a batch, expected; read where `labelled` is not 0.
    "labelled_share": Key(0.5, "(0, 1]"),
}

_PUBLISHED = {
    "directory": Key(""),  # $GANJAX_DATA or a download where it is ""
    "split": Key("train", choices=("train", "test")),
    **_FEW_LABELS,
}

_OWN = {
    "directory": Key(""),  # must be given
    "height": Key(32, "[1, 16384]"),
    "width": Key(32, "[1, 16384]"),
    "max_pixels": Key(178_956_970, "[1, 2147483647]"),  # of one image
}

_FOLDER = _OWN | {
    "channels": Key(3, choices=(1, 3)),
    # What to do with images that are grey among colour, transparent or CMYK.
    "mismatch": Key("refuse", choices=("refuse", "convert")),
}

SOURCES: dict[str, dict[str, Key]] = {
    "ring": {
        "modes": Key(8, "[1, 10000]"),
        "radius": Key(1.0, "(0, inf)"),
        "sd": Key(0.01, "[0, inf)"),
    },
    "grid": {
        "side": Key(5, "[1, 100]"),
        "spacing": Key(2.0, "(0, inf)"),
        "sd": Key(0.05, "[0, inf)"),
    },
    "mixture": {
        "means": Key(((-1.0,), (1.0,)), "(-inf, inf)"),
        "sds": Key((0.1, 0.1), "[0, inf)"),
        "weights": Key((0.5, 0.5), "(0, inf)"),
    },
    "digits": {
        "split": Key("all", choices=("all", "train", "test")),
        **_FEW_LABELS,
    },
    "mnist": _PUBLISHED,
    "fashion_mnist": _PUBLISHED,
    "image_folder": _FOLDER,
    "class_folders": _FOLDER | _FEW_LABELS,
    "own_images": _OWN,
}

# Sources of images, and the networks that need them.
IMAGES = frozenset(
    {
        *("digits", "mnist", "fashion_mnist"),
        *("image_folder", "class_folders", "own_images"),
    }
)
IMAGE_NETWORKS = frozenset({"dcgan"})

# Networks of points, with one latent number for each coordinate.
POINT_NETWORKS = frozenset({"affine"})

# Sources whose examples carry a label.
LABELLED = frozenset({"digits", "mnist", "fashion_mnist", "class_folders"})

# Sources whose examples carry one where the data has classes. Networks that are
# conditioned on it are told nothing where it has none.
MAY_BE_LABELLED = frozenset({"own_images"})

GAMES: dict[str, Row] = {
    "adversarial": Row(
        {
            "latent_size": Key(2, "[1, 2147483647]"),
            "prior": Key("normal", choices=("normal", "uniform")),
        },
        (
            *("real", "fake", "real_score", "fake_score"),
            *("real_logits", "fake_logits", "real_features", "fake_features"),
            *("real_label", "fake_label", "is_labelled"),
        ),
    ),
    "supervised": Row(
        {}, ("real", "real_logits", "real_features", "real_label", "is_labelled")
    ),
    "energy": Row(
        {
            "chain_steps": Key(20, "[1, 1000000]"),  # in training
            "sample_steps": Key(500, "[1, 1000000]"),
            "step_size": Key(0.1, "(0, inf)"),
            "noise": Key(0.01, "[0, inf)"),
            "clip_gradient": Key(None, "(0, inf)", kind=float),
            "reach": Key(1.0, "(0, inf)"),
            "buffer_size": Key(8192, "[0, 100000000]"),  # 0 is no buffer
            "refresh": Key(0.05, "[0, 1]"),
        },
        (
            *("real", "fake", "real_score", "fake_score"),
            *("real_features", "fake_features"),
        ),
    ),
    "auto_encoder": Row(
        {"latent_size": Key(2, "[1, 2147483647]")}, ("real", "mean", "reconstruction")
    ),
    "vae": Row(
        {
            "latent_size": Key(2, "[1, 2147483647]"),
            # What is modelled of a pixel, itself or a draw of black or white.
            "pixels": Key("grey", choices=("grey", "binary")),
            "importance_samples": Key(64, "[1, 100000]"),  # when it is evaluated
        },
        ("real", "mean", "log_var", "reconstruction_logits"),
    ),
    "vae_gan": Row(
        {"latent_size": Key(2, "[1, 2147483647]")},
        (
            *("real", "fake", "real_score", "fake_score", "real_features"),
            *("mean", "log_var", "reconstruction_score", "reconstruction_features"),
        ),
    ),
}

# Fields of an outcome that only a labelled source can fill, and those of them that need
# a discriminator with class logits.
LABEL_FIELDS = frozenset(
    {"real_label", "fake_label", "is_labelled", "real_logits", "fake_logits"}
)
LOGIT_FIELDS = frozenset({"real_logits", "fake_logits"})
SCORE_FIELDS = frozenset({"real_score", "fake_score"})

# Games whose discriminator sees examples through the augmentations.
VIEWED = frozenset({"adversarial", "supervised", "energy", "vae_gan"})

PLAYERS: dict[str, tuple[str, ...]] = {
    "adversarial": ("discriminator", "generator"),
    "supervised": ("discriminator",),
    "energy": ("discriminator",),
    "auto_encoder": ("encoder", "generator"),
    "vae": ("encoder", "generator"),
    "vae_gan": ("encoder", "generator", "discriminator"),
}

_STACK = {
    "widths": Key((128, 128, 128), "[1, 10000000]"),
    "slope": Key(0.2, "[0, 1)"),
    "normalization": Key("none", choices=("none", "batch")),
}
_EMBEDDING = {"conditioning": Key("none", choices=("none", "embedding"))}
_PROJECTION = {"conditioning": Key("none", choices=("none", "projection"))}
_OUTPUT = _PROJECTION | {
    # Class logits beside the score, or in place of it: log sum exp of them is a score,
    # and so is the log probability of the label that an example comes with.
    "head": Key(
        "score", choices=("score", "score_and_logits", "logits", "log_probability")
    ),
}

# Heads whose score is made of the class logits.
LOGIT_SCORE_HEADS = frozenset({"logits", "log_probability"})

NETWORKS: dict[str, dict[str, dict[str, Key]]] = {
    "mlp": {
        "generator": _STACK
        | _EMBEDDING
        | {"output": Key("linear", choices=("linear", "tanh"))},
        "discriminator": _STACK | _OUTPUT,
        "encoder": _STACK,
    },
    "dense": {
        "generator": _STACK
        | _EMBEDDING
        | {
            "widths": Key((256, 512, 1024), "[1, 10000000]"),
            "normalization": Key("batch", choices=("none", "batch")),
            "output": Key("tanh", choices=("linear", "tanh")),
        },
        "discriminator": _STACK
        | _OUTPUT
        | {"widths": Key((512, 256), "[1, 10000000]")},
        "encoder": _STACK | {"widths": Key((512, 256), "[1, 10000000]")},
    },
    "dcgan": {
        "generator": {
            "channels": Key((128, 64), "[1, 10000000]"),
            "normalization": Key("batch", choices=("none", "batch")),
            **_EMBEDDING,
            "output": Key("tanh", choices=("linear", "tanh")),
        },
        "discriminator": {
            "channels": Key((64, 128), "[1, 10000000]"),
            "slope": Key(0.2, "[0, 1)"),
            "normalization": Key("batch", choices=("none", "batch", "spectral")),
            **_OUTPUT,
        },
        "encoder": {
            "channels": Key((64, 128), "[1, 10000000]"),
            "slope": Key(0.2, "[0, 1)"),
            "normalization": Key("batch", choices=("none", "batch")),
        },
    },
    "maxout": {
        "generator": {
            "widths": Key((1200, 1200), "[1, 10000000]"),
            "reach": Key(0.05, "(0, inf)"),
        },
        "discriminator": {
            "units": Key((240, 240), "[1, 10000000]"),
            "pieces": Key(5, "[1, 1000]"),
            "keep_input": Key(0.8, "(0, 1]"),
            "keep_hidden": Key(0.5, "(0, 1]"),
            "reach": Key(0.005, "(0, inf)"),
        },
    },
    "dirac": {
        "generator": {"start": Key(1.0, "(-inf, inf)")},
        "discriminator": {"start": Key(1.0, "(-inf, inf)")},
    },
    "affine": {
        "generator": {"mean": Key(0.0, "(-inf, inf)"), "sd": Key(1.0, "(-inf, inf)")},
        "discriminator": {"widths": Key((64, 64), "[1, 10000000]")},
    },
}

_SCORES = ("real_score", "fake_score")
_LOGITS = ("real_logits", "fake_logits")
_EXAMPLES = ("real", "fake")
_FEATURES = ("real_features", "fake_features")
_CLASSES = ("real_label", "fake_label")

# How far real examples should lead generated ones: an L1 distance summed over pixels, a
# Euclidean one, or an L1 distance of the discriminator's features.
_MARGIN = {
    "margin": Key("l1", choices=("l1", "l2", "features")),
    "margin_scale": Key(2e-4, "[0, inf)"),
}

# The number that each divergence needs, if any, and its range there.
DIVERGENCES: dict[str, dict[str, str]] = {
    "total_variation": {},
    "kl": {},
    "reverse_kl": {},
    "pearson": {},
    "neyman": {},
    "squared_hellinger": {},
    "jeffrey": {},
    "jensen_shannon": {},
    "weighted_jensen_shannon": {"pi": "(0, 1)"},
    "gan": {},
    "alpha_below_one": {"alpha": "(-inf, 1)"},
    "alpha_above_one": {"alpha": "(1, inf)"},
}
# What the alpha-divergence becomes where its formula is 0 / 0.
ALPHA_LIMITS = {0.0: "reverse_kl", 1.0: "kl"}

# The number that each likelihood needs, if any, and its range there.
LIKELIHOODS: dict[str, dict[str, str]] = {
    "bernoulli": {},
    "gaussian": {"noise_variance": "(0, inf)"},
}

_DIVERGENCE_NUMBERS = {
    "pi": Key(None, "(0, 1)", kind=float),
    "alpha": Key(None, "(-inf, inf)", kind=float),
}

OBJECTIVES: dict[str, Row] = {
    "minimax": Row({}, _SCORES),
    "non_saturating": Row({"real_target": Key(1.0, "(0, 1]")}, _SCORES),
    "least_squares": Row(
        {
            "real_target": Key(1.0, "(-inf, inf)"),
            "fake_target": Key(0.0, "(-inf, inf)"),
            "generator_target": Key(1.0, "(-inf, inf)"),
        },
        _SCORES,
    ),
    "hinge": Row({}, _SCORES),
    "wasserstein": Row({}, _SCORES),
    "relativistic": Row({}, _SCORES),
    "relativistic_average": Row({}, _SCORES),
    "f_divergence": Row(
        {
            "divergence": Key("jensen_shannon", choices=tuple(DIVERGENCES)),
            "generator": Key("saturating", choices=("saturating", "direct")),
            **_DIVERGENCE_NUMBERS,
        },
        _SCORES,
    ),
    "loss_sensitive": Row(
        _MARGIN | {"real_weight": Key(0.0, "[0, inf)")}, (*_EXAMPLES, *_SCORES)
    ),
    "generalized_loss_sensitive": Row(
        _MARGIN | {"slope": Key(0.0, "(-inf, 1]")}, (*_EXAMPLES, *_SCORES)
    ),
    "conditional_loss_sensitive": Row(
        _MARGIN | {"real_weight": Key(1.0, "[0, inf)")},
        (*_EXAMPLES, *_LOGITS, *_CLASSES),
    ),
    "semi_supervised_loss_sensitive": Row(
        _MARGIN | {"real_weight": Key(1.0, "[0, inf)")},
        (*_EXAMPLES, *_LOGITS, *_CLASSES, "is_labelled"),
    ),
    "auxiliary_classifier": Row({}, (*_SCORES, *_LOGITS, *_CLASSES)),
    "semi_supervised": Row({}, (*_LOGITS, "real_label", "is_labelled")),
    "semi_supervised_feature_matching": Row(
        {}, (*_LOGITS, *_FEATURES, "real_label", "is_labelled")
    ),
    "feature_matching": Row({}, (*_SCORES, *_FEATURES)),
    "classification": Row({}, ("real_logits", "real_label", "is_labelled")),
    "energy": Row({"square_weight": Key(0.1, "[0, inf)")}, _SCORES),
    "auto_encoder": Row({}, ("real", "reconstruction")),
    "vae": Row(
        {
            "likelihood": Key("bernoulli", choices=tuple(LIKELIHOODS)),
            "noise_variance": Key(None, "(0, inf)", kind=float),
            "beta": Key(1.0, "[0, inf)"),
            "free_bits": Key(0.0, "[0, inf)"),  # nats for each latent
        },
        ("real", "reconstruction_logits", "mean", "log_var"),
    ),
    "vae_gan": Row(
        {
            # Of the discriminator, from the last.
            "feature_layer": Key(1, "[1, 1000]"),
            # What the discriminator is shown beside real examples.
            "fakes": Key("both", choices=("prior", "reconstruction", "both")),
            "reconstruction_weight": Key(1.0, "[0, inf)"),  # to the generator
            "beta": Key(1.0, "[0, inf)"),
        },
        (
            *("real_score", "fake_score", "reconstruction_score"),
            *("real_features", "reconstruction_features", "mean", "log_var"),
        ),
    ),
}

# Objectives that give a generator nothing to minimise.
WITHOUT_GENERATOR = frozenset({"classification", "energy"})

# Objectives that give an encoder something to minimise.
WITH_ENCODER = frozenset({"auto_encoder", "vae", "vae_gan"})

_LAZY = {"every": Key(1, "[1, 2147483647]")}

PENALTIES: dict[str, dict[str, Key]] = {
    "wgan_gp": _LAZY
    | {"weight": Key(10.0, "[0, inf)"), "target": Key(1.0, "[0, inf)")},
    "wgan_lp": _LAZY
    | {"weight": Key(10.0, "[0, inf)"), "target": Key(1.0, "[0, inf)")},
    "r1": _LAZY | {"weight": Key(1.0, "[0, inf)")},
    "r2": _LAZY | {"weight": Key(1.0, "[0, inf)")},
    "dragan": _LAZY | {"weight": Key(10.0, "[0, inf)"), "target": Key(1.0, "[0, inf)")},
    "real_gradient_norm": _LAZY | {"weight": Key(1.0, "[0, inf)")},
    "score_drift": _LAZY | {"weight": Key(0.001, "[0, inf)")},
}

# Under which names their random numbers are drawn: those that they had at first, so
# that a run of before is the same run.
STREAMS = {
    "wgan_gp": "interpolated_gradient",
    "wgan_lp": "one_sided_interpolated_gradient",
    "dragan": "perturbed_gradient",
}

# Penalties on gradients of scores with respect to single examples, and the choices of a
# discriminator's normalization by which a score depends on the other examples too.
GRADIENT_PENALTIES = frozenset(PENALTIES) - {"score_drift"}
BATCH_NORMALIZATIONS = frozenset({"batch"})

# Objectives whose discriminator must be constrained, as a rule by such a penalty.
CONSTRAINED = frozenset({"wasserstein"})

AUGMENTATIONS: dict[str, dict[str, Key]] = {
    "instance_noise": {"strength": Key(0.1, "[0, inf)")},
}

# Only where all players move at once: elsewhere there is no joint gradient.
CORRECTIONS: dict[str, dict[str, Key]] = {
    "consensus": {"weight": Key(1.0, "[0, inf)")},
}

_CLIPS = {
    "clip_gradient_norm": Key(None, "(0, inf)", kind=float),
    "clip_weights": Key(None, "(0, inf)", kind=float),
    # Of each column of a matrix, the weights into one unit.
    "max_column_norm": Key(None, "(0, inf)", kind=float),
}

OPTIMIZERS: dict[str, dict[str, Key]] = {
    "sgd": {
        "learning_rate": Key(0.01, "(0, inf)"),
        "momentum": Key(0.0, "[0, 1)"),
        **_CLIPS,
    },
    "rmsprop": {
        "learning_rate": Key(2e-4, "(0, inf)"),
        "decay": Key(0.9, "[0, 1)"),
        "eps": Key(1e-8, "(0, inf)"),
        **_CLIPS,
    },
    "adam": {
        "learning_rate": Key(2e-4, "(0, inf)"),
        "b1": Key(0.5, "[0, 1)"),
        "b2": Key(0.999, "[0, 1)"),
        "eps": Key(1e-8, "(0, inf)"),
        **_CLIPS,
    },
}

# Of the exponential moving average (EMA) of a player's parameters, by which it is
# measured and drawn; in step t min(decay, (1 + t) / (10 + t)): the run's beginning
# is soon forgotten.
EMA = {"decay": Key(0.999, "[0, 1)")}

SCHEDULES: dict[str, dict[str, Key]] = {
    "alternating": {
        "discriminator_rounds": Key(1, "[1, 1000]"),
        "generator_rounds": Key(1, "[1, 1000]"),
    },
    "simultaneous": {},
}

# How a number x may change over a run: x_schedule = {shape, final}, `final` being the
# factor of x at the end.
NUMBER_SCHEDULE = {
    "shape": Key("linear", choices=("linear", "cosine", "exponential")),
    "final": Key(1.0, "[0, inf)"),
}

PARALLEL = {
    # auto: jit on one device, pmap over several.
    "mode": Key("auto", choices=("auto", "jit", "pmap", "shard_map")),
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
RESUMABLE = ("record", "evaluation", "parallel", "data.directory", "data.max_pixels")
