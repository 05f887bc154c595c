"""The tables and words of a model card, made of a model's facts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mxgan.evaluation.bundle import best_in_words
from mxgan.export.model import NORMALISATION, Model
from mxgan.graphs.shapes import infer

__all__ = ["data_words", "image_shape", "inline", "limits", "score_tables", "training_rows", "value_rows"]

MOST_NAMES = 20  # of classes that are listed
LONGEST = 300  # characters of a value in a text


def inline(value: Any) -> str:
    """A value as one line of Markdown text: what has a meaning in Markdown or HTML is escaped."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value))
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return re.sub(r"([\\`*_{}\[\]<>#|~&$!])", r"\\\1", text)


def image_shape(model: Model) -> tuple:
    """(C, H, W) of the images that a generator makes, or a discriminator takes."""
    if model.half == "discriminator":
        return tuple(model.inputs["data"])
    return tuple(infer(model.symbol, model.argument_shapes(1))[1][0][1:])


def value_rows(model: Model, names: Mapping) -> list:
    """Rows (name, shape, type, values) of the inputs and outputs; `names` gives an input its name in the format."""
    drawn = "uniform on [-1, 1]" if model.latent_distribution == "uniform" else "standard normal"
    known = _range_known(model)
    pixels = "-1 to 1" if known else "not known"
    said = {"rand": drawn, "data": pixels, "class_label": f"0 to {model.classes - 1}{_names(model.class_names)}"}
    whole = {"class_label"} & {*names}  # MXNet itself takes classes as float32
    rows = [
        (f"`{names.get(own, own)}` (input)", _shape(shape), "int64" if own in whole else "float32", said.get(own, ""))
        for own, shape in model.inputs.items()
    ]
    said = {"image": pixels}
    said.update(score="any number, before a sigmoid; the higher, the more real", logits="of each class, before softmax")
    outputs = infer(model.symbol, model.argument_shapes(1))[1]
    made = zip(model.outputs, outputs)
    return [*rows, *((f"`{name}` (output)", _shape(shape[1:]), "float32", said.get(name, "")) for name, shape in made)]


def _range_known(model: Model) -> bool:
    return model.facts.get("normalisation", NORMALISATION) == NORMALISATION


def _shape(sides: tuple) -> str:
    return f"({', '.join(map(str, ('N', *sides)))}{'' if sides else ','})"


def _names(names: Any) -> str:
    listed = [inline(name) for name in list(names)[:MOST_NAMES]]
    return f": {', '.join(listed)}{', …' if len(names) > MOST_NAMES else ''}" if listed else ""


def training_rows(facts: Mapping) -> list:
    """Rows (what, value) of the training; () for a network whose training is not known."""
    if "step" not in facts:
        return []
    if facts.get("imported") and facts["step"] == 0:
        return [("Imported from", inline(_files(facts["imported"])))]
    network = dict(facts["network"])
    versions = facts.get("trained_with", {})
    software = (f"{name} {versions[name]}" for name in ("mxgan", "mxnet", "python") if name in versions)
    weights = "average over the steps (ema)" if facts["weights"] == "average" else "those of the last step (raw)"
    changed = ", ".join(f"{name} {value}" for name, value in facts["settings"].items())
    recipe = facts["recipe"] or "the user's own"
    rows = [
        *([("Begun from", _files(facts["imported"]))] if facts.get("imported") else []),
        ("Steps", f"{facts['step']:,}, of {facts['batch_size']} images each (epoch {facts['epoch']})"),
        ("Weights", weights),
        ("Seed", facts["seed"]),
        (
            "Network",
            f"{network.pop('name')}: " + ", ".join(f"{name} {_short(value)}" for name, value in network.items()),
        ),
        ("Recipe", recipe),
        *([("Settings that differ from the recipe's", changed)] if changed else []),
        ("Software", ", ".join(software)),
    ]
    return [(name, inline(value)) for name, value in rows]


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _files(imported: Any) -> str:
    """The names of the files that the halves of an imported run come from."""
    halves = imported.values() if isinstance(imported, Mapping) else ()
    names = [str(half.get("file")) for half in halves if isinstance(half, Mapping)]
    return f"{' and '.join(dict.fromkeys(names)) or 'a file'}, of a training that is not known"


def data_words(facts: Mapping) -> str:
    """What the network was trained on."""
    found = facts.get("data_fingerprint")
    if not found:
        return "What the network was trained on is not known."
    names = facts.get("data_classes") or []
    classes = f" Classes ({len(names)}){_names(names)}." if names else ""
    count = f"{found['count']:,} images" if isinstance(found.get("count"), int) else "images"
    return (
        f"{inline(facts.get('dataset'))} ({inline(found.get('name'))}): {count}. "
        f"Fingerprint, sha256: `{inline(found.get('sha256'))}`.{classes}"
    )


def score_tables(facts: Mapping) -> list:
    """[{"protocol": text, "rows": [(metric, value, best, meaning), …]}, …], one for each evaluation."""
    return [
        {"protocol": _protocol(record["protocol"]), "rows": [_score(*each) for each in record["results"].items()]}
        for record in facts.get("scores", ())
    ]


def _score(name: str, result: Mapping) -> tuple:
    value, error = result.get("value"), result.get("standard_error")
    shown = f"{value:.5g}" if isinstance(value, (int, float)) else "not finite"
    shown = f"≥ {shown}" if result.get("at_least") else shown
    shown += f" ± {error:.2g}" if isinstance(error, (int, float)) else ""
    meaning = str(result.get("summary", "")).replace("`", "")
    best = best_in_words(result.get("better"), result)
    return tuple(map(inline, (f"{name} {result.get('unit', '')}".strip(), shown, best, meaning)))


def _protocol(told: Mapping) -> str:
    real = told.get("reference") or {}
    split = f", split {inline(real['split'])}" if real.get("split") else ""
    networks = [
        f"{name} `{str(real[name]['fingerprint'])[:12]}`"
        for name in ("classifier", "inception")
        if isinstance(real.get(name), Mapping) and "fingerprint" in real[name]
    ]
    return (
        f"By `mxgan evaluate`: {told.get('samples'):,} samples against {real.get('images'):,} images of "
        f"{inline(real.get('dataset'))}{split}; {', '.join([*networks, ''])}seed {told.get('seed')}, step "
        f"{told.get('checkpoint')}, {told.get('weights')} weights."
    )


def limits(model: Model) -> list:
    """Sentences on what the network was not made or judged for."""
    facts = model.facts
    trained = f"the data set {inline(facts['dataset'])}" if facts.get("dataset") else "data that are not known"
    _, height, width = image_shape(model)
    if model.half == "discriminator":
        values = "from -1 to 1" if _range_known(model) else "in a range that is not known"
        return [
            f"It was trained on {trained} against one generator; its score is no measure of quality for other images.",
            f"It takes images of {height}×{width} pixels only, {values}.",
        ]
    return [
        f"It was trained on {trained}, draws images of that kind of {height}×{width} pixels, and repeats the "
        "biases of its data.",
        "It may have learned single training images by heart, which `mxgan evaluate` looks for (`copies`)"
        " where it was asked to.",
        "It was not judged for any use beyond research and teaching.",
    ]
