"""Loss-sensitive GANs that classify: with all labels, and with few.

    python -m ganjax.main --config=experiments/few_labels.py --workdir=runs/cls
    python -m launch --config=experiments/few_labels.py --workdir=sweeps/few_labels

Qi 2017, "Loss-Sensitive Generative Adversarial Networks on Lipschitz Densities", says
of LS-GAN that it classifies when it is given classes, CLS-GAN. What is the test error,
and do samples have their class? And what is the error with 100 and with 1,000 labels,
beside that of the same network trained on the same labels alone?

Expect an error of 3.2 %, where the network alone has 3.0 %, and a column for each
class, with hardly any variety in it. With 100 labels CLS-GAN errs on 21.4 % (sd 0.5),
the network alone on 23.8 % (0.3) with the best of three strengths of noise, feature
matching on 24.5 % (1.4). With 1,000 CLS-GAN and the network alone both err on 11.6 %.
The samples with few labels are noise that the discriminator takes for digits; what
helps is probably that unlabelled images are taken for their likeliest class. 31 runs.

Arguments, as in experiments/few_labels.py:classification:

  objective  conditional_loss_sensitive (default), semi_supervised_loss_sensitive,
             semi_supervised_feature_matching; or classification, the network alone
  data       mnist (default): looked for in $GANJAX_DATA/mnist, and downloaded once if
             it is not there; or digits
"""

import math
from collections.abc import Callable, Iterator, Sequence

from ganjax.config import ConfigDict, augmentation, defaults, parse_arg
from ganjax.study import (
    Figure,
    Run,
    Table,
    group_by,
    measure,
    picture,
    plot,
    setting,
    table_of,
    words,
)

OBJECTIVES = (
    *("conditional_loss_sensitive", "semi_supervised_loss_sensitive"),
    *("semi_supervised_feature_matching", "classification"),
)
PIXELS = {"mnist": 28 * 28, "digits": 8 * 8}
LABELLED = "data.labelled"
NOISE = "augment.instance_noise.strength"
RATE = "optimizers.discriminator.learning_rate"


def get_config(arg: str = "") -> ConfigDict:
    """The config of one run."""
    chosen = parse_arg(arg, objective=OBJECTIVES, data=tuple(PIXELS))
    alone = chosen.objective == "classification"
    config = defaults(
        data=chosen.data,
        network="dense",
        objective=chosen.objective,
        game="supervised" if alone else "adversarial",
    )
    config.data.split = "train"
    config.steps, config.batch_size = 1_500, 64
    config.networks.discriminator.widths = (256, 128)
    for optimizer in config.optimizers.values():
        optimizer.learning_rate = 1e-3
    config.augment.instance_noise = augmentation("instance_noise", strength=0.0)
    config.ema.discriminator = {"decay": 0.99}  # of the last 100 steps
    if not alone:
        config.game.latent_size = 50
        config.networks.generator.widths = (128, 256)
        config.ema.generator.decay = 0.99
    if "margin_scale" in config.objective:
        config.objective.margin_scale = 2.46 / PIXELS[chosen.data]
        config.networks.generator.conditioning = "embedding"
    if chosen.objective.startswith("semi_supervised"):
        config.data.labelled = 100
        config.augment.instance_noise.strength = 0.6
        config.optimizers.discriminator.learning_rate = 2e-4
    if chosen.objective == "semi_supervised_loss_sensitive":
        # With less, the hinge, which calls what was made for a class another class,
        # spoils what few labels teach.
        config.objective.real_weight = 4.0
    config.evaluation.samples = 1_000
    config.record.update(pictures_every=config.steps, checkpoint_every=config.steps)
    config.record.examples = 50
    return config


def sweep(add: Callable[..., None]) -> None:
    """All labels, two seeds; 100 and 1,000, three, and the network alone."""
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
    """Samples by class, and test errors by the number of labels."""
    runs = sorted(runs, key=lambda run: setting(run, LABELLED) or math.inf)
    groups = group_by(runs, "objective.name", labels)
    for (objective, labelled), (run, *_) in groups.items():
        if "sample" in run.samples:
            shown = picture(run.samples["sample"][-1][1])
            note = "A column for each class, where the generator is told a class."
            yield Figure(f"Samples of {words(objective)}, {labelled}", shown, note)
    yield table_of(
        "Test error in percent",
        runs,
        {"labels": labels, "objective": "objective.name", "noise": NOISE},
        error,
        beside=("sd", "least", "greatest"),
        note="Of the whole test split, after the last step: nothing is stopped early. "
        "Classification is the same network, trained on the same labels alone. Seeds "
        "differ by start and batches; the labelled images are the same.",
    )
    counts = list(group_by(runs, labels))
    figure, ax = plot(width=7.0, height=3.6)
    for index, ((objective, noise), group) in enumerate(
        group_by(runs, "objective.name", NOISE).items()
    ):
        # Side by side, so that the marks do not hide each other.
        at = [counts.index(labels(run)) + 0.1 * (index - 3) for run in group]
        name = f"{words(objective)}, noise {noise:g}"
        ax.plot(at, [error(run) for run in group], "os^D*vP"[index % 7], label=name)
    ax.set(xticks=range(len(counts)), xticklabels=counts)
    ax.set(yscale="log", ylabel="test error in percent")
    ax.legend()
    yield Figure("Test error", figure, "A mark for each seed.")


def labels(run: Run) -> str:
    """How many labels a run has."""
    count = setting(run, LABELLED)
    return f"{count:,} labels" if count else "all labels"


def error(run: Run) -> float:
    """On test images, in percent."""
    return 100 * measure(run, "error")
