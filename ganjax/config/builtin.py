"""The parts that ganjax comes with, a row for each. No jax.

A row's keys are exactly the keyword arguments of its builder, but for what it `takes`.
Floats are arguments of the compiled step: changing one recompiles nothing, and each may
have a schedule. Everything else is structure.
"""

from collections.abc import Mapping

from ganjax.config.catalogue import Catalogue, Key, Part

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


def _points(name: str, keys: Mapping[str, Key], check: str = "") -> Part:
    builder = f"ganjax.data.mixture:{name}"
    return Part(
        *("data", name, builder, keys),
        makes=("density",),
        examples="points",
        check=check,
    )


def _images(
    name: str, module: str, keys: Mapping[str, Key], labels: str = "all", look: str = ""
) -> Part:
    builder = f"ganjax.data.{module}:{name}"
    return Part(
        *("data", name, builder, keys),
        makes=("distinct",),
        examples="images",
        labels=labels,
        look=look and f"ganjax.data.look:{look}",
    )


_DATA = (
    _points(
        "ring",
        {
            "modes": Key(8, "[1, 10000]"),
            "radius": Key(1.0, "(0, inf)"),
            "sd": Key(0.01, "[0, inf)"),
        },
    ),
    _points(
        "grid",
        {
            "side": Key(5, "[1, 100]"),
            "spacing": Key(2.0, "(0, inf)"),
            "sd": Key(0.05, "[0, inf)"),
        },
    ),
    _points(
        "mixture",
        {
            "means": Key(((-1.0,), (1.0,)), "(-inf, inf)"),
            "sds": Key((0.1, 0.1), "[0, inf)"),
            "weights": Key((0.5, 0.5), "(0, inf)"),
        },
        check="ganjax.config.checks:mixture",
    ),
    _images(
        "digits",
        "images",
        {"split": Key("all", choices=("all", "train", "test")), **_FEW_LABELS},
    ),
    _images("mnist", "mnist", _PUBLISHED, look="published"),
    _images("fashion_mnist", "mnist", _PUBLISHED, look="published"),
    _images("image_folder", "folder", _FOLDER, labels="", look="image_folder"),
    _images("class_folders", "folder", _FOLDER | _FEW_LABELS, look="class_folders"),
    _images("own_images", "folder", _OWN, labels="seen", look="own_images"),
)

_LATENT = {"latent_size": Key(2, "[1, 2147483647]")}
_SCORES = ("real_score", "fake_score")
_LOGITS = ("real_logits", "fake_logits")
_EXAMPLES = ("real", "fake")
_FEATURES = ("real_features", "fake_features")
_CLASSES = ("real_label", "fake_label")
_CODES = ("encode", "reconstruction", "decode", "interpolation")

_GAMES = (
    Part(
        *("game", "adversarial", "ganjax.games.adversarial:adversarial"),
        _LATENT | {"prior": Key("normal", choices=("normal", "uniform"))},
        takes=("view",),
        players=("discriminator", "generator"),
        makes=(
            *(*_EXAMPLES, *_SCORES, *_LOGITS, *_FEATURES, *_CLASSES),
            "is_labelled",
        ),
        probes=("latents", "sample", "decode", "interpolation", "score", "classify"),
    ),
    Part(
        *("game", "supervised", "ganjax.games.supervised:supervised"),
        takes=("view",),
        players=("discriminator",),
        makes=("real", "real_logits", "real_features", "real_label", "is_labelled"),
        probes=("classify",),
    ),
    Part(
        *("game", "energy", "ganjax.games.energy:energy"),
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
        takes=("view", "axis_name"),
        players=("discriminator",),
        makes=(*_EXAMPLES, *_SCORES, *_FEATURES),
        probes=("sample", "chain", "score"),
        check="ganjax.config.checks:energy",
    ),
    Part(
        *("game", "auto_encoder", "ganjax.games.variational:auto_encoder"),
        _LATENT,
        players=("encoder", "generator"),
        makes=("real", "mean", "reconstruction"),
        probes=_CODES,
    ),
    Part(
        *("game", "vae", "ganjax.games.variational:vae"),
        {
            **_LATENT,
            # What is modelled of a pixel, itself or a draw of black or white.
            "pixels": Key("grey", choices=("grey", "binary")),
            "importance_samples": Key(64, "[1, 100000]"),  # when it is evaluated
        },
        takes=("likelihood",),
        players=("encoder", "generator"),
        makes=("real", "mean", "log_var", "reconstruction_logits"),
        probes=(*_CODES, "latents", "sample", "log_weights"),
    ),
    Part(
        *("game", "vae_gan", "ganjax.games.vae_gan:vae_gan"),
        _LATENT,
        takes=("view",),
        players=("encoder", "generator", "discriminator"),
        makes=(
            *(*_EXAMPLES, *_SCORES, *_CLASSES, "real_features", "mean", "log_var"),
            *("reconstruction_score", "reconstruction_features"),
        ),
        probes=(*_CODES, "latents", "sample", "score"),
    ),
)

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
_OCTAVES = {"octaves": Key(0, "[0, 12]")}  # of Fourier features beside the inputs
_RANGE = {"output": Key("linear", choices=("linear", "tanh"))}


def _network(
    name: str,
    player: str,
    builder: str,
    keys: Mapping[str, Key],
    examples: str = "",
    check: str = "",
    takes: tuple[str, ...] = ("axis_name",),
) -> Part:
    takes += ("latent_size",) if player == "encoder" else ()
    return Part(
        *("network", name, f"ganjax.networks.{builder}", keys),
        takes=takes,
        players=(player,),
        examples=examples,
        check=check,
    )


_NETWORKS = (
    _network("mlp", "generator", "mlp:generator", _STACK | _EMBEDDING | _RANGE),
    _network(
        *("mlp", "discriminator", "mlp:discriminator"),
        _STACK | _OUTPUT | _OCTAVES,
    ),
    _network("mlp", "encoder", "mlp:encoder", _STACK),
    # mlp with the sizes, the batch norm and the tanh of the dense image GAN.
    _network(
        *("dense", "generator", "mlp:generator"),
        _STACK
        | _EMBEDDING
        | {
            "widths": Key((256, 512, 1024), "[1, 10000000]"),
            "normalization": Key("batch", choices=("none", "batch")),
            "output": Key("tanh", choices=("linear", "tanh")),
        },
    ),
    _network(
        *("dense", "discriminator", "mlp:discriminator"),
        _STACK | _OUTPUT | _OCTAVES | {"widths": Key((512, 256), "[1, 10000000]")},
    ),
    _network(
        *("dense", "encoder", "mlp:encoder"),
        _STACK | {"widths": Key((512, 256), "[1, 10000000]")},
    ),
    _network(
        *("dcgan", "generator", "dcgan:generator"),
        {
            "channels": Key((128, 64), "[1, 10000000]"),
            "normalization": Key("batch", choices=("none", "batch")),
            **_EMBEDDING,
            "output": Key("tanh", choices=("linear", "tanh")),
        },
        examples="images",
    ),
    _network(
        *("dcgan", "discriminator", "dcgan:discriminator"),
        {
            "channels": Key((64, 128), "[1, 10000000]"),
            "slope": Key(0.2, "[0, 1)"),
            "normalization": Key("batch", choices=("none", "batch", "spectral")),
            **_OUTPUT,
        },
        examples="images",
    ),
    _network(
        *("dcgan", "encoder", "dcgan:encoder"),
        {
            "channels": Key((64, 128), "[1, 10000000]"),
            "slope": Key(0.2, "[0, 1)"),
            "normalization": Key("batch", choices=("none", "batch")),
        },
        examples="images",
    ),
    _network(
        *("maxout", "generator", "maxout:generator"),
        {
            "widths": Key((1200, 1200), "[1, 10000000]"),
            "reach": Key(0.05, "(0, inf)"),
        },
        takes=(),
    ),
    _network(
        *("maxout", "discriminator", "maxout:discriminator"),
        {
            "units": Key((240, 240), "[1, 10000000]"),
            "pieces": Key(5, "[1, 1000]"),
            "keep_input": Key(0.8, "(0, 1]"),
            "keep_hidden": Key(0.5, "(0, 1]"),
            "reach": Key(0.005, "(0, inf)"),
        },
        takes=(),
    ),
    _network(
        *("dirac", "generator", "toy:constant_generator"),
        {"start": Key(1.0, "(-inf, inf)")},
        takes=(),
    ),
    _network(
        *("dirac", "discriminator", "toy:linear_discriminator"),
        {"start": Key(1.0, "(-inf, inf)")},
        check="ganjax.config.checks:dirac",
        takes=(),
    ),
    _network(
        *("affine", "generator", "toy:affine_generator"),
        {"mean": Key(0.0, "(-inf, inf)"), "sd": Key(1.0, "(-inf, inf)")},
        examples="points",
        check="ganjax.config.checks:affine",
        takes=(),
    ),
    _network(
        *("affine", "discriminator", "toy:tanh_discriminator"),
        {"widths": Key((64, 64), "[1, 10000000]")},
        examples="points",
        takes=(),
    ),
)


def _divergence(name: str, check: str = "", **ranges: str) -> Part:
    keys = {number: Key(None, x, kind=float) for number, x in ranges.items()}
    builder = f"ganjax.losses.f_divergence:{name}"
    return Part("divergence", name, builder, keys, check=check)


_ALPHA = "ganjax.config.checks:alpha"

_DIVERGENCES = (
    _divergence("total_variation"),
    _divergence("kl"),
    _divergence("reverse_kl"),
    _divergence("pearson"),
    _divergence("neyman"),
    _divergence("squared_hellinger"),
    _divergence("jeffrey"),
    _divergence("jensen_shannon"),
    _divergence("weighted_jensen_shannon", pi="(0, 1)"),
    _divergence("gan"),
    _divergence("alpha_below_one", _ALPHA, alpha="(-inf, 1)"),
    _divergence("alpha_above_one", _ALPHA, alpha="(1, inf)"),
)

_LIKELIHOODS = (
    Part(
        *("likelihood", "bernoulli", "ganjax.losses.likelihood:bernoulli"),
        examples="images",
        check="ganjax.config.checks:bernoulli",
    ),
    Part(
        *("likelihood", "gaussian", "ganjax.losses.likelihood:gaussian"),
        {"noise_variance": Key(None, "(0, inf)", kind=float)},
    ),
)

# How far real examples should lead generated ones: an L1 distance summed over pixels, a
# Euclidean one, or an L1 distance of the discriminator's features.
_MARGIN = {
    "margin": Key("l1", choices=("l1", "l2", "features")),
    "margin_scale": Key(2e-4, "[0, inf)"),
}
_REAL_WEIGHT = {"real_weight": Key(1.0, "[0, inf)")}
_BOTH = ("discriminator", "generator")


def _objective(
    name: str,
    reads: tuple[str, ...],
    keys: Mapping[str, Key] | None = None,
    players: tuple[str, ...] = _BOTH,
    *,
    takes: tuple[str, ...] = (),
    constrained: bool = False,
    check: str = "",
) -> Part:
    return Part(
        *("objective", name, f"ganjax.objectives:{name}", keys or {}, takes, players),
        reads,
        constrained=constrained,
        check=check,
    )


_OBJECTIVES = (
    _objective("minimax", _SCORES),
    _objective("non_saturating", _SCORES, {"real_target": Key(1.0, "(0, 1]")}),
    _objective(
        "least_squares",
        _SCORES,
        {
            "real_target": Key(1.0, "(-inf, inf)"),
            "fake_target": Key(0.0, "(-inf, inf)"),
            "generator_target": Key(1.0, "(-inf, inf)"),
        },
    ),
    _objective("hinge", _SCORES),
    _objective("wasserstein", _SCORES, constrained=True),
    _objective("relativistic", _SCORES),
    _objective("relativistic_average", _SCORES, takes=("axis_name",)),
    _objective(
        "f_divergence",
        _SCORES,
        {
            "divergence": Key("jensen_shannon", part="divergence"),
            "generator": Key("saturating", choices=("saturating", "direct")),
        },
    ),
    _objective(
        "loss_sensitive",
        (*_EXAMPLES, *_SCORES),
        _MARGIN | {"real_weight": Key(0.0, "[0, inf)")},
    ),
    _objective(
        "generalized_loss_sensitive",
        (*_EXAMPLES, *_SCORES),
        _MARGIN | {"slope": Key(0.0, "(-inf, 1]")},
    ),
    _objective(
        "conditional_loss_sensitive",
        (*_EXAMPLES, *_LOGITS, *_CLASSES),
        _MARGIN | _REAL_WEIGHT,
    ),
    _objective(
        "semi_supervised_loss_sensitive",
        (*_EXAMPLES, *_LOGITS, *_CLASSES, "is_labelled"),
        _MARGIN | _REAL_WEIGHT,
    ),
    _objective("auxiliary_classifier", (*_SCORES, *_LOGITS, *_CLASSES)),
    _objective("semi_supervised", (*_LOGITS, "real_label", "is_labelled")),
    _objective(
        "semi_supervised_feature_matching",
        (*_LOGITS, *_FEATURES, "real_label", "is_labelled"),
        takes=("axis_name",),
    ),
    _objective("feature_matching", (*_SCORES, *_FEATURES), takes=("axis_name",)),
    _objective(
        "classification",
        ("real_logits", "real_label", "is_labelled"),
        players=("discriminator",),
    ),
    _objective(
        "energy",
        _SCORES,
        {"square_weight": Key(0.1, "[0, inf)")},
        players=("discriminator",),
    ),
    _objective(
        "auto_encoder", ("real", "reconstruction"), players=("encoder", "generator")
    ),
    _objective(
        "vae",
        ("real", "reconstruction_logits", "mean", "log_var"),
        {
            "likelihood": Key("bernoulli", part="likelihood"),
            "beta": Key(1.0, "[0, inf)"),
            "free_bits": Key(0.0, "[0, inf)"),  # nats for each latent
        },
        players=("encoder", "generator"),
        takes=("axis_name",),
    ),
    _objective(
        "vae_gan",
        (
            *("real_score", "fake_score", "reconstruction_score"),
            *("real_features", "reconstruction_features", "mean", "log_var"),
        ),
        {
            # Of the discriminator, from the last.
            "feature_layer": Key(1, "[1, 1000]"),
            # What the discriminator is shown beside real examples.
            "fakes": Key("both", choices=("prior", "reconstruction", "both")),
            "reconstruction_weight": Key(1.0, "[0, inf)"),  # to the generator
            "beta": Key(1.0, "[0, inf)"),
        },
        players=("encoder", "generator", "discriminator"),
        check="ganjax.config.checks:vae_gan",
    ),
)


def _penalty(
    name: str,
    weight: float,
    *,
    target: bool = False,
    takes: tuple[str, ...] = (),
    of_example: bool = True,
    stream: str = "",
) -> Part:
    keys = {"weight": Key(weight, "[0, inf)")}
    keys |= {"target": Key(1.0, "[0, inf)")} if target else {}
    return Part(
        *("penalty", name, f"ganjax.penalties:{name}", keys, takes),
        of_example=of_example,
        stream=stream,
    )


_PENALTIES = (
    _penalty("wgan_gp", 10.0, target=True, stream="interpolated_gradient"),
    _penalty("wgan_lp", 10.0, target=True, stream="one_sided_interpolated_gradient"),
    _penalty("r1", 1.0),
    _penalty("r2", 1.0),
    _penalty(
        *("dragan", 10.0),
        target=True,
        takes=("axis_name",),
        stream="perturbed_gradient",
    ),
    _penalty("real_gradient_norm", 1.0),
    _penalty("score_drift", 0.001, of_example=False),
)

_CORRECTIONS = (
    Part(
        *("correction", "consensus", "ganjax.corrections:consensus"),
        {"weight": Key(1.0, "[0, inf)")},
    ),
)

_AUGMENTATIONS = (
    Part(
        *("augmentation", "instance_noise", "ganjax.augment:instance_noise"),
        {"strength": Key(0.1, "[0, inf)")},
    ),
)

_CLIPS = {
    "clip_gradient_norm": Key(None, "(0, inf)", kind=float),
    "clip_weights": Key(None, "(0, inf)", kind=float),
    # Of each column of a matrix, the weights into one unit.
    "max_column_norm": Key(None, "(0, inf)", kind=float),
}

_OPTIMIZERS = (
    Part(
        *("optimizer", "sgd", "ganjax.optim:sgd"),
        {
            "learning_rate": Key(0.01, "(0, inf)"),
            "momentum": Key(0.0, "[0, 1)"),
            **_CLIPS,
        },
    ),
    Part(
        *("optimizer", "rmsprop", "ganjax.optim:rmsprop"),
        {
            "learning_rate": Key(2e-4, "(0, inf)"),
            "decay": Key(0.9, "[0, 1)"),
            "eps": Key(1e-8, "(0, inf)"),
            **_CLIPS,
        },
    ),
    Part(
        *("optimizer", "adam", "ganjax.optim:adam"),
        {
            "learning_rate": Key(2e-4, "(0, inf)"),
            "b1": Key(0.5, "[0, 1)"),
            "b2": Key(0.999, "[0, 1)"),
            "eps": Key(1e-8, "(0, inf)"),
            **_CLIPS,
        },
    ),
)

_SCHEDULES = (
    Part(
        *("play", "alternating", "ganjax.games.play:alternating"),
        {
            "discriminator_rounds": Key(1, "[1, 1000]"),
            "generator_rounds": Key(1, "[1, 1000]"),
        },
        check="ganjax.config.checks:alternating",
    ),
    Part(*("play", "simultaneous", "ganjax.games.play:simultaneous"), joint=True),
)

# The first number of the first of these that a run has is what it is judged by first.
# Precision, recall's counterpart, and density are best of noise, and so rank nothing.
_MEASURES = (
    Part(
        *("measure", "error", "ganjax.measures.classification:classification_error"),
        reads=("log_probability", "label"),
        better={"error": "lowest"},
    ),
    Part(
        *("measure", "likelihood", "ganjax.measures.reconstruction:likelihood_bounds"),
        reads=("log_weights",),
        better={"log_likelihood": "highest", "elbo": "highest"},
    ),
    Part(
        *("measure", "mixture", "ganjax.measures.mixture:mixture_quality"),
        reads=("sample", "density"),
        better={
            "high_quality": "highest",
            "modes_covered": "highest",
            "reverse_kl": "lowest",
            "variance_ratio": "one",
            "cell_distance": "lowest",
        },
    ),
    Part(
        *("measure", "neighbours", "ganjax.measures.neighbours:neighbour_quality"),
        {"neighbours": Key(5, "[1, 5]")},  # there may be no more than 6 examples
        reads=("distinct", "sample"),
        better={"coverage": "highest", "recall": "highest"},
    ),
    Part(
        *("measure", "scores", "ganjax.measures.scores:score_quality"),
        reads=("real_score", "fake_score", "threshold"),
    ),
    Part(
        *("measure", "reconstruction"),
        "ganjax.measures.reconstruction:reconstruction_quality",
        reads=("judged", "reconstruction"),
        better={"reconstruction_error": "lowest", "sharpness": "one"},
    ),
)

BUILT_IN: Catalogue = (
    *(*_DATA, *_GAMES, *_NETWORKS, *_OBJECTIVES, *_DIVERGENCES, *_LIKELIHOODS),
    *(*_PENALTIES, *_CORRECTIONS, *_AUGMENTATIONS, *_OPTIMIZERS, *_SCHEDULES),
    *_MEASURES,
)
