"""The model card of an exported folder, README.md, in the form that the Hugging Face Hub reads.

Its begin is YAML with the keys that the Hub documents: license, library_name, pipeline_tag, tags, datasets, metrics and
model-index. The rest is Markdown, and lines of Python that work as they stand.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple, Optional

import mxgan
from mxgan.errors import ArgumentError, shown
from mxgan.export.card_parts import data_words, image_shape, inline, limits, score_tables, training_rows, value_rows
from mxgan.export.checking import SAMPLES
from mxgan.export.filling import filled
from mxgan.export.model import OUTSIDE, Model
from mxgan.export.torch_code import ARGUMENTS

__all__ = ["Card", "card_of", "check_license", "snippet"]

LONGEST_LICENSE = 200  # characters
TASK = "unconditional-image-generation"  # the Hub's only one for networks that draw images of noise

# What the Hub calls licences, of those that people give to networks; any other one is "other", and has its own name.
_LICENSES = {
    "afl-3.0", "agpl-3.0", "apache-2.0", "artistic-2.0", "bsd-2-clause", "bsd-3-clause", "bsl-1.0", "cc-by-2.0",
    "cc-by-3.0", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-nd-4.0", "cc-by-nc-sa-4.0", "cc-by-nd-4.0", "cc-by-sa-3.0",
    "cc-by-sa-4.0", "cc0-1.0", "creativeml-openrail-m", "epl-2.0", "gpl-2.0", "gpl-3.0", "isc", "lgpl-2.1", "lgpl-3.0",
    "mit", "mpl-2.0", "openrail", "other", "unknown", "unlicense", "wtfpl", "zlib",
}  # fmt: skip
# Option that differs from its default → in words.
_OPTION_WORDS = {"keep_batch_norm": "BatchNorm kept as layers"}
_YAML_WORDS = {"false", "no", "null", "off", "on", "true", "yes"}
_DATASETS = {"mnist": "ylecun/mnist"}  # our name of a data set → the Hub's, for those that it has


class _Usage(NamedTuple):
    """A format for the reader of a card.

    Attributes
    ----------
    library : the Hub's name of its library.
    needs : what to install. templates : their names.
    names : input of the symbol → its name in this format.
    """

    library: str
    needs: str
    templates: str
    names: Mapping = MappingProxyType({})


_MXGAN = _Usage("mxgan", "mxgan with MXNet", "mxgan")
_USAGE = {
    "safetensors": _MXGAN._replace(needs="mxgan with MXNet and its extra `safetensors`"),
    "onnx": _Usage("onnx", "`pip install onnxruntime numpy`, nothing else", "onnx", OUTSIDE),
    "torch": _Usage("pytorch", "`pip install torch`, nothing else", "torch", ARGUMENTS),
    "mxnet": _Usage("mxnet", "MXNet 1.x with a NumPy that it takes (`mxnet==1.9.1`, `numpy<1.24`)", "mxnet"),
}


class Card(NamedTuple):
    """What a card tells beside the model.

    Attributes
    ----------
    form, options : the format and its options.
    files : ((name, bytes), …) of the folder, without the card.
    pictured : the number of images in samples.png; 0 if there is none.
    checked : the largest difference between the outputs of MXNet and of the files; None if they were not compared.
    warning : in words, if that is more than usual.
    """

    form: str
    options: Mapping
    files: Sequence
    pictured: int = 0
    checked: Optional[float] = None
    warning: str = ""


def check_license(text: str) -> str:
    """The text of --license on one line; ArgumentError if it is empty or too long."""
    words = " ".join(text.split()) if isinstance(text, str) else ""
    if not words or len(words) > LONGEST_LICENSE or not words.isprintable():
        raise ArgumentError(
            f"license is {shown(text)}; give an identifier such as mit or cc-by-4.0, or a name of at most "
            f"{LONGEST_LICENSE} characters."
        )
    return words


def card_of(model: Model, card: Card) -> str:
    """The card as Markdown."""
    facts, usage = model.facts, _USAGE.get(card.form, _MXGAN)
    scores = score_tables(facts)
    return filled(
        "card.md",
        front_matter="\n".join(_yaml(_front_matter(model, usage))),
        title=_title(model),
        half=model.half,
        picture=f"{card.pictured} images drawn by this network, with the seed 0" if card.pictured else "",
        what=_what(model),
        needs=usage.needs.replace("torch`", "torch safetensors`") if _with_safetensors(card) else usage.needs,
        snippet=snippet(model, card.form, card.files),
        more=_more(model, card),
        values=value_rows(model, usage.names),
        training=training_rows(facts),
        data=data_words(facts),
        scores=scores,
        measurable="step" in facts,
        limits=limits(model),
        licence=_licence(facts),
        files=card.files,
        exported=_exported(card),
    )


def snippet(model: Model, form: str, files: Sequence) -> str:
    """Lines of Python that draw a grid (G) or print scores (D) with the files of a format, in their folder."""
    verb = "sample" if model.half == "generator" else "score"
    first, *_ = [tuple(shape) for name, shape in model.inputs.items() if name != "class_label"]
    image = image_shape(model)
    weights = next((name for name, _ in files if name.startswith("model.") and not name.endswith(".py")), "")
    text = filled(
        f"{verb}_{_USAGE.get(form, _MXGAN).templates}.py.txt",
        file=weights,
        latents=(SAMPLES, *first),
        images=(SAMPLES, *image),
        channels=image[0],
        height=image[1],
        width=image[2],
        classes=model.classes,
        distribution=model.latent_distribution,
        outputs=len(model.outputs),
    )
    return text.strip()


def _front_matter(model: Model, usage: _Usage) -> dict:
    facts, dataset = model.facts, model.facts.get("dataset")
    found: dict = {**_hub_license(facts.get("license", "unknown")), "library_name": usage.library}
    if model.half == "generator":
        found["pipeline_tag"] = TASK
    tags = ("gan", "image-generation", "mxnet", facts.get("recipe"), facts.get("network", {}).get("name"))
    found["tags"] = list(dict.fromkeys(filter(None, tags)))
    if dataset in _DATASETS:
        found["datasets"] = [_DATASETS[dataset]]
    records = facts.get("scores", ()) if model.half == "generator" else ()
    results = [result for record in records for result in _results(record)]
    if results:
        found["metrics"] = list(dict.fromkeys(result["type"] for result in results))
        entries = [
            {"task": {"type": TASK}, "dataset": _judged_by(record, dataset), "metrics": list(_results(record))}
            for record in records
        ]
        found["model-index"] = [
            {"name": _title(model, inline=str), "results": [entry for entry in entries if entry["metrics"]]}
        ]
    return found


def _judged_by(record: Mapping, trained: Optional[str]) -> dict:
    """The data set that an evaluation took its real images from; for an old record, that of the training."""
    name = (record["protocol"].get("reference") or {}).get("dataset") or trained or "unknown"
    return {"type": _DATASETS.get(name, name), "name": name}


def _results(record: Mapping) -> Iterable[dict]:
    """The scores of one evaluation, as model-index has them; the protocol is in the name."""
    told = record["protocol"]
    for name, result in record["results"].items():
        if isinstance(result.get("value"), (int, float)) and math.isfinite(result["value"]):
            title = f"{name} ({told.get('samples')} samples, seed {told.get('seed')})"
            yield {"type": name, "value": result["value"], "name": title}


def _hub_license(text: str) -> dict:
    if text.lower() in _LICENSES:
        return {"license": text.lower()}
    return {"license": "other", "license_name": re.sub(r"[^a-z0-9.]+", "-", text.lower()).strip("-") or "other"}


def _yaml(value: Any, indent: str = "") -> list:
    """Lines of YAML in block style; a text is in double quotes, as JSON writes it, if it could be taken for more."""
    if isinstance(value, dict):
        return [line for key, each in value.items() for line in _entry(f"{indent}{key}:", each, indent)]
    return [
        f"{indent}- {lines[0].lstrip()}" if not i else line
        for each in value
        for lines in [_yaml(each, f"{indent}  ") if isinstance(each, dict) else [_scalar(each)]]
        for i, line in enumerate(lines)
    ]


def _entry(key: str, value: Any, indent: str) -> list:
    if isinstance(value, (dict, list)):
        return [key, *_yaml(value, f"{indent}  ")]
    return [f"{key} {_scalar(value)}"]


def _scalar(value: Any) -> str:
    if isinstance(value, float):  # YAML 1.1 takes 1e-05 for a text
        return re.sub(r"^(-?\d+)e", r"\1.0e", json.dumps(value))
    if not isinstance(value, str):
        return json.dumps(value)
    plain = re.fullmatch(r"[a-z][a-z0-9./_-]*[a-z0-9]", value) and value not in _YAML_WORDS
    text = "".join(letter if letter.isprintable() else " " for letter in value)
    return value if plain else json.dumps(text, ensure_ascii=False)


def _title(model: Model, inline=inline) -> str:
    facts = model.facts
    named = facts.get("recipe") or facts.get("network", {}).get("name") or "GAN"
    trained = f" trained on {inline(facts['dataset'])}" if facts.get("dataset") else ""
    return f"{inline(named)}, {model.half}{trained}"


def _what(model: Model) -> str:
    facts = model.facts
    kind = "generator" if model.half == "generator" else "discriminator"
    made = "makes images out of random numbers" if kind == "generator" else "judges whether an image is real"
    words = [f"This is the {kind} of a generative adversarial network: it {made}."]
    if "summary" in facts:
        recipe = f"`{inline(facts['recipe'])}`" if facts.get("recipe") else "the user's own"
        words.append(f"Recipe: {recipe}, {inline(facts['summary'])}. Source: {inline(facts['source'])}.")
    elif "file" in facts:
        words.append(f"It comes from the file {inline(facts['file'])}; its training is not known.")
    elif facts.get("imported"):
        words.append("It was imported into mxgan; its training is not known.")
    return " ".join(words)


def _more(model: Model, card: Card) -> list:
    """What the command line offers beside the lines of Python."""
    if card.form == "torch" and model.half == "generator":
        return ["Or from the command line: `python model.py --num 16 --output grid.png`."]
    return []


def _with_safetensors(card: Card) -> bool:
    return any(name.endswith(".safetensors") for name, _ in card.files)


def _licence(facts: Mapping) -> str:
    text = facts.get("license", "unknown")
    if text.lower() == "unknown":
        return "Unknown: whoever exported this network gave none. Ask before you use it or pass it on."
    return f"{inline(text)}."


def _exported(card: Card) -> str:
    options = ", ".join(_OPTION_WORDS.get(name, f"{name} {value}") for name, value in card.options.items())
    words = [f"Exported by mxgan {mxgan.__version__} in the format {card.form}{f' ({options})' if options else ''}."]
    if card.checked is not None:
        apart = f"differed from those of MXNet by at most {card.checked:.2g}" if card.checked else "were those of MXNet"
        words.append(f"On {SAMPLES} random inputs, the outputs of these files {apart}.")
    if card.warning:
        words.append(f"That is {card.warning}.")
    words.append("`export.json` says all of this for programs.")
    return " ".join(words)
