"""Run folders and sweeps as training leaves them, made in a moment."""

import json
import math

import numpy as np
from PIL import Image

from ganjax.config.experiment import file_hash
from ganjax.record import files
from ganjax.record.status import write_status

COMMON = {
    "seed": 0,
    "steps": 20_000,
    "batch_size": 256,
    "data.name": "ring",
    "data.modes": 8,
    "networks.generator.name": "mlp",
    "objective.name": "hinge",
    "optimizers.generator.name": "adam",
    "optimizers.generator.learning_rate": 0.002,
    "record.every": 200,
}


def nested(flat):
    """Dotted keys as nested dictionaries."""
    tree = {}
    for key, value in flat.items():
        *sections, last = key.split(".")
        holder = tree
        for section in sections:
            holder = holder.setdefault(section, {})
        holder[last] = value
    return tree


def write_run(
    folder,
    config=None,
    *,
    evaluation=None,
    better=None,
    state="done",
    records=100,
    size=48,
    level=1,
):
    """A run of `records` records, whose curves end near `level`.

    Without `better` its evaluation does not say where the best of a number lies, as
    older ones do not.
    """
    config = COMMON | (config or {})
    rng = np.random.default_rng([config["seed"], sum(map(ord, folder.name))])
    files.write_json(folder / "config.json", nested(config))
    lines = [_record(index, level, rng) for index in range(1, records + 1)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    files.write_bytes(folder / "metrics.jsonl", text.encode())
    step = lines[-1]["step"]
    write_status(folder, state=state, step=step, steps=config["steps"])
    if evaluation is not None:
        found = {"step": step, "samples": 2500, "metrics": evaluation}
        said = {} if better is None else {"better": better}
        files.write_json(folder / "evaluation.json", found | said)
    pixels = rng.integers(0, 256, (size, size, 3), np.uint8)
    (folder / "samples").mkdir(exist_ok=True)
    Image.fromarray(pixels).save(folder / "samples" / f"sample_{step:08d}.png")
    return folder


def _record(index, level, rng):
    noise = rng.normal(0, 0.03)
    settled = level * (1 - math.exp(-index / 15))
    return {
        "step": index * 200,
        "seconds": index * 1.5,
        "discriminator/loss": 2 - settled + noise,
        "generator/loss": 1 + 0.5 * settled + 2 * noise,
        "discriminator/gradient_norm": math.exp(1 - settled + 4 * noise),
        "generator/gradient_norm": math.exp(-settled + 4 * noise),
        "discriminator/real_accuracy": 0.5 + 0.3 * math.exp(-index / 20) + noise,
        "discriminator/fake_accuracy": 0.5 + 0.4 * math.exp(-index / 20) + noise,
    } | (
        {
            "evaluation/high_quality": min(1.0, 0.95 * settled + noise),
            "evaluation/modes_covered": min(8, round(8 * settled)),
        }
        if index % 10 == 0
        else {}
    )


def write_sweep(folder, runs, *, experiment="experiments/none.py", **options):
    """A sweep of `runs`: (name, differing config, what `write_run` gets, or None).

    A run of None is one that has not begun.
    """
    changed = {key for _, config, _ in runs for key in config}
    common = {key: value for key, value in COMMON.items() if key not in changed}
    points = []
    for index, (name, config, run) in enumerate(runs):
        own = {key: COMMON[key] for key in changed if key in COMMON} | config
        point = {"index": index, "folder": name, "config": own, "overrides": config}
        points.append(point | {"arg": "", "hash": str(index)})
        if run is not None:
            write_run(folder / name, config, **options, **run)
    sweep = {
        "experiment": experiment,
        "experiment_hash": file_hash(experiment),
        "overrides": [],
        "common": common,
    }
    files.write_json(folder / "sweep.json", sweep | {"points": points})
    return folder
