"""Loss-sensitive GANs of Qi: without batch norm, with classes, with few labels.

    python -m launch --config=experiments/loss_sensitive.py \
        --workdir=sweeps/loss_sensitive
    python -m ganjax.main --workdir=runs/cls \
        --config=experiments/loss_sensitive.py:conditional_loss_sensitive

Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities", says
of LS-GAN that it does without batch norm, that its generator's gradient does not vanish
however well the discriminator is trained, and that with classes it classifies. The
study asks each of a small dense GAN:

  1  the samples of LS-GAN, GLS-GAN, WGAN and minimax with batch norm in the
     generator, in both networks and in neither;
  2  the norm of the generator's gradient when the discriminator moves 1, 3, 5 or 25
     times as often, beside that of WGAN and minimax;
  3  the test error of CLS-GAN, and its samples by class;
  4  the test error with 100 and with 1,000 labels, beside that of the same network
     trained on the same labels alone.

What it showed:

  1  Coverage is 0.79 with LS-GAN, 0.81 with GLS-GAN, 0.63 with WGAN and 0.87 with
     minimax, and within 0.05 of that without any batch norm. With it in the
     discriminator all four fail alike, at 0: it hides what a whole batch has in common.
  2  Up to 5 rounds no gradient vanishes. With 25 that of minimax falls to a third of
     what 5 rounds leave, and for moments to 0.04; that of LS-GAN is the largest of all.
     The samples get worse all the same: coverage 0.45 with LS-GAN, 0.41 with WGAN and
     0.25 with minimax.
  3  CLS-GAN errs on 3.2 %, the network alone on 3.0 %. Each class has its column, with
     hardly any variety in it.
  4  With 100 labels CLS-GAN errs on 21.4 % (sd 0.5), the network alone on 23.8 % (0.3)
     with the best of three strengths of noise, feature matching on 24.5 % (1.4). With
     1,000 CLS-GAN and the network alone both err on 11.6 %. The samples with few labels
     are noise that the discriminator takes for digits; what helps is probably that
     unlabelled images are taken for their likeliest class.

64 runs, half an hour one at a time on two cores that others used as well.

Arguments, as in experiments/loss_sensitive.py:wasserstein,batch:

  objective     loss_sensitive (default), generalized_loss_sensitive, wasserstein or
                minimax; or with classes conditional_loss_sensitive,
                semi_supervised_loss_sensitive, semi_supervised_feature_matching or
                classification, which is the supervised baseline
  normalization plain (default): batch norm in the generator only; batch: in both; or
                neither
  data          usual (default): mnist with classes and digits without; digits; or mnist

MNIST is looked for in $GANJAX_DATA/mnist, and downloaded once if it is not there; with
`:digits` behind the file the whole sweep is without it.
"""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ganjax.config import ConfigDict, augmentation, defaults, parse_arg
from ganjax.study import (
    Figure,
    Run,
    Table,
    curve,
    group_by,
    mean_and_sd,
    measure,
    picture,
    plot,
    setting,
)

PLAIN = ("loss_sensitive", "generalized_loss_sensitive", "wasserstein", "minimax")
CLASSIFIERS = (
    *("conditional_loss_sensitive", "semi_supervised_loss_sensitive"),
    *("semi_supervised_feature_matching", "classification"),
)
# Of the generator and of the discriminator.
NORMALIZATION = tuple(
    f"networks.{player}.normalization" for player in ("generator", "discriminator")
)
NORMALIZED = {
    ("batch", "none"): "in the generator",
    ("batch", "batch"): "in both",
    ("none", "none"): "in neither",
}
ROUNDS = "play.discriminator_rounds"
LABELLED = "data.labelled"
NOISE = "augment.instance_noise.strength"
RATE = "optimizers.discriminator.learning_rate"
GRADIENT = "generator/gradient_norm"

PIXELS = {"digits": 8 * 8, "mnist": 28 * 28}
USUAL_ROUNDS = {name: 5 if name == "wasserstein" else 1 for name in PLAIN}
COMPARED = ("loss_sensitive", "wasserstein", "minimax")


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(
        arg,
        objective=(*PLAIN, *CLASSIFIERS),
        normalization=("plain", "batch", "neither"),
        data=("usual", "digits", "mnist"),
    )
    has_classes = chosen.objective in CLASSIFIERS
    usual = "mnist" if has_classes else "digits"
    data = usual if chosen.data == "usual" else chosen.data
    config = defaults(
        data=data,
        network="dense",
        objective=chosen.objective,
        optimizer="rmsprop" if chosen.objective == "wasserstein" else "adam",
        game="supervised" if chosen.objective == "classification" else "adversarial",
    )
    config.data.split = "train"
    config.batch_size = 64
    config.networks.discriminator.widths = (256, 128)
    if chosen.normalization == "batch":
        config.networks.discriminator.normalization = "batch"
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = 1e-3
    if "margin_scale" in config.objective:
        # The author's 2e-4 for 64 x 64 x 3 numbers, and 8e-4 for 32 x 32 x 3 with
        # classes, are both 2.46 times the mean distance of a number.
        config.objective.margin_scale = 2.46 / PIXELS[data]
    if "generator" in config.networks:
        config.game.latent_size = 50
        config.networks.generator.widths = (128, 256)
        if chosen.normalization == "neither":
            config.networks.generator.normalization = "none"
        config.ema.generator.decay = 0.99  # of the last 100 steps: the run is short
    (_with_classes if has_classes else _without_classes)(config)
    config.record.update(pictures_every=config.steps, checkpoint_every=config.steps)
    return config


def _without_classes(config: ConfigDict) -> None:
    config.steps = 2_000
    config.record.update(every=20, examples=36)
    config.play.discriminator_rounds = USUAL_ROUNDS[config.objective.name]
    if config.objective.name == "generalized_loss_sensitive":
        config.objective.slope = -1.0  # the absolute value
    if config.objective.name == "wasserstein":
        # Arjovsky et al. 2017, algorithm 1, but with larger weights and a larger
        # learning rate: a small network and a short run.
        config.optimizers.discriminator.clip_weights = 0.05


def _with_classes(config: ConfigDict) -> None:
    config.steps = 1_500
    config.augment.instance_noise = augmentation("instance_noise", strength=0.0)
    config.evaluation.samples = 1_000
    config.record.examples = 50
    config.ema.discriminator = {"decay": 0.99}
    if config.objective.name.endswith("loss_sensitive"):
        config.networks.generator.conditioning = "embedding"
    if config.objective.name.startswith("semi_supervised"):
        config.data.labelled = 100
        config.augment.instance_noise.strength = 0.6
        config.optimizers.discriminator.learning_rate = 2e-4
    if config.objective.name == "semi_supervised_loss_sensitive":
        # With less, the hinge, which calls what was made for a class another class,
        # spoils what few labels teach.
        config.objective.real_weight = 4.0


def sweep(add: Callable[..., None]) -> None:
    """The points of the four questions, in their order."""
    for objective in PLAIN:
        for normalization in ("plain", "batch", "neither"):
            for seed in range(2):
                add(arg=f"{objective},{normalization}", seed=seed)
    for objective in COMPARED:
        for rounds in (1, 3, 5, 25):
            if rounds != USUAL_ROUNDS[objective]:
                add(arg=objective, seed=0, **{ROUNDS: rounds})
    for seed in range(2):
        add(arg="conditional_loss_sensitive", seed=seed)
        add(arg="classification", seed=seed)
    for labelled in (100, 1_000):
        for seed in range(3):
            few = {"seed": seed, LABELLED: labelled}
            add(arg="semi_supervised_loss_sensitive", **few)
            # The baseline may do better with other noise.
            for strength in (0.0, 0.6, 1.0):
                add(arg="classification", **few, **{RATE: 2e-4, NOISE: strength})
    for seed in range(3):
        add(arg="semi_supervised_feature_matching", seed=seed)


def study(runs: Sequence[Run]) -> Iterator[Figure | Table]:
    """The four answers, of those runs that are there."""
    plain = [run for run in runs if _objective(run) in PLAIN]
    classifiers = [run for run in runs if _objective(run) in CLASSIFIERS]
    sampled = [run for run in plain if _has_usual_rounds(run)]
    if sampled:
        yield _samples_side_by_side(sampled)
        yield _quality(sampled)
    compared = [run for run in plain if _is_compared(run)]
    if compared:
        yield _gradient_norms(compared)
        yield _gradient_table(compared)
    if classifiers:
        yield from _by_class(classifiers)
        yield _errors(classifiers)
        yield _error_figure(classifiers)


def _objective(run: Run) -> str:
    return setting(run, "objective.name")


def _has_usual_rounds(run: Run) -> bool:
    return setting(run, ROUNDS) == USUAL_ROUNDS[_objective(run)]


def _is_compared(run: Run) -> bool:
    found = tuple(setting(run, key) for key in NORMALIZATION)
    return _objective(run) in COMPARED and found == ("batch", "none")


def _words(name: str) -> str:
    return name.replace("_", " ")


def _samples_side_by_side(runs: Sequence[Run]) -> Figure:
    groups = group_by(runs, *NORMALIZATION, "objective.name")
    rows = list(group_by(runs, *NORMALIZATION))
    columns = list(group_by(runs, "objective.name"))
    figure, axes = plot(len(rows), len(columns), width=2.6, height=2.9, squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for (*normalization, objective), group in groups.items():
        row = rows.index(tuple(normalization))
        ax = axes[row, columns.index(objective)]
        ax.imshow(picture(group[0].samples["sample"][-1][1]), interpolation="nearest")
        ax.set_title(f"{_words(objective)}\n{NORMALIZED[rows[row]]}")
    return Figure(
        "1. Samples, by where there is batch norm",
        figure,
        f"After {runs[0].config['steps']:,} steps; the first seed.",
    )


def _quality(runs: Sequence[Run]) -> Table:
    names = ("coverage", "precision", "recall")
    rows = []
    groups = group_by(runs, "objective.name", *NORMALIZATION)
    for (objective, *normalization), group in groups.items():
        means = [mean_and_sd(measure(run, name) for run in group)[0] for name in names]
        found = [measure(run, "coverage") for run in group]
        where = NORMALIZED[tuple(normalization)]
        named = (_words(objective), where, len(group))
        rows.append((*named, *means, min(found), max(found)))
    return Table(
        "1. Quality, by where there is batch norm",
        (
            *("objective", "batch norm", "seeds", *names),
            *("least coverage", "greatest coverage"),
        ),
        rows,
        "Means over seeds. The discriminator's batch norm takes the mean of each batch "
        "from the first layer too, so that a pixel which is the same in all images may "
        "have any value.",
    )


def _gradient_norms(runs: Sequence[Run]) -> Figure:
    groups = group_by(runs, "objective.name")
    figure, axes = plot(
        1, len(groups), width=3.6, height=3.0, sharey=True, squeeze=False
    )
    for ax, (objective, group) in zip(axes[0], groups.items(), strict=True):
        for rounds, same in sorted(group_by(group, ROUNDS).items()):
            steps, mean, _, _ = curve(same, GRADIENT)
            ax.semilogy(steps, mean, label=rounds)
        ax.set(title=_words(objective), xlabel="step")
    axes[0, 0].set_ylabel("norm of the generator's gradient")
    axes[0, 0].legend(title="discriminator rounds", loc="lower right")
    return Figure("2. The generator's gradient", figure, "Means over seeds.")


def _gradient_table(runs: Sequence[Run]) -> Table:
    rows = []
    for (objective, rounds), group in group_by(runs, "objective.name", ROUNDS).items():
        _, mean, _, _ = curve(group, GRADIENT)
        tenth = max(1, len(mean) // 10)
        first, last = mean[:tenth].mean(), mean[-tenth:].mean()
        named = (_words(objective), rounds, len(group))
        rows.append((*named, first, last, last / first))
    return Table(
        "2. The generator's gradient",
        (
            *("objective", "discriminator rounds", "seeds"),
            *("first tenth", "last tenth", "ratio"),
        ),
        sorted(rows),
        "Mean norm over a tenth of the steps.",
    )


def _by_class(runs: Sequence[Run]) -> Iterator[Figure]:
    for (objective, labelled), group in group_by(
        runs, "objective.name", LABELLED
    ).items():
        if "sample" in group[0].samples:
            yield Figure(
                f"3. Samples of {_words(objective)}, {_labels(labelled)}",
                picture(group[0].samples["sample"][-1][1]),
                "A column for each class, where the generator is told a class.",
            )


def _labels(labelled: int) -> str:
    return f"{labelled:,} labels" if labelled else "all labels"


def _errors(runs: Sequence[Run]) -> Table:
    rows = []
    groups = group_by(runs, LABELLED, "objective.name", NOISE)
    for (labelled, objective, noise), group in sorted(
        groups.items(), key=lambda item: item[0][0] or math.inf
    ):
        errors = [100 * measure(run, "error") for run in group]
        mean, sd = mean_and_sd(errors)
        named = (_labels(labelled), _words(objective), noise, len(group))
        rows.append((*named, mean, sd, min(errors), max(errors)))
    return Table(
        "4. Test error in percent",
        (
            *("labels", "objective", "noise", "seeds"),
            *("mean", "sd", "least", "greatest"),
        ),
        rows,
        "Of the whole test split, after the last step: nothing is stopped early. "
        "Classification is the same network, trained on the same labels alone. Seeds "
        "differ by start and batches; the labelled images are the same.",
    )


def _error_figure(runs: Sequence[Run]) -> Figure:
    counts = sorted(group_by(runs, LABELLED), key=lambda count: count or math.inf)
    series = group_by(runs, "objective.name", NOISE)
    figure, ax = plot(width=7.0, height=3.6)
    for index, ((objective, noise), group) in enumerate(series.items()):
        by_count = group_by(group, LABELLED)
        found = [
            mean_and_sd(100 * measure(run, "error") for run in same)
            for same in by_count.values()
        ]
        mean, sd = np.transpose(found)
        # Side by side, so that the bars do not hide each other.
        at = [counts.index(n) + 0.1 * (index - len(series) // 2) for n in by_count]
        ax.errorbar(
            *(at, mean, np.nan_to_num(sd)),
            fmt="os^D*vP"[index],
            capsize=3,
            label=f"{_words(objective)}, noise {noise:g}",
        )
    ax.set(xticks=range(len(counts)), xticklabels=map(_labels, counts))
    ax.set(yscale="log", ylabel="test error in percent")
    ax.legend()
    return Figure("4. Test error", figure, "Bars: standard deviation over seeds.")
