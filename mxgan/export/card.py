"""The model card of an exported folder, README.md, in the form that the Hugging Face Hub reads.

Its begin is YAML, by front_matter.py. The rest is Markdown, and lines of Python that work as they stand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Optional

import mxgan
from mxgan.errors import ArgumentError, shown
from mxgan.export.card_parts import data_words, image_shape, inline, limits, score_tables, training_rows, value_rows
from mxgan.export.checking import SAMPLES
from mxgan.export.filling import filled
from mxgan.export.front_matter import front_matter
from mxgan.export.model import OUTSIDE, Model
from mxgan.export.torch_code import ARGUMENTS

__all__ = ["Card", "card_of", "check_license", "snippet"]

LONGEST_LICENSE = 200  # characters

# Option that differs from its default → in words.
_OPTION_WORDS = {"keep_batch_norm": "BatchNorm kept as layers"}


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


_IN_CLONE = "mxgan with MXNet, in a clone of mxgan: `pip install '.[{}]'`, `pip install --no-deps mxnet==1.9.1`"
_MXGAN = _Usage("mxgan", _IN_CLONE.format("opencv"), "mxgan")
_USAGE = {
    "safetensors": _MXGAN._replace(needs=_IN_CLONE.format("opencv,safetensors")),
    "onnx": _Usage("onnx", "`pip install onnxruntime numpy`, nothing else", "onnx", OUTSIDE),
    "torch": _Usage(
        "pytorch", "`pip install torch`, nothing else (PyTorch may warn that NumPy is missing)", "torch", ARGUMENTS
    ),
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
        front_matter=front_matter(model, usage.library, _title(model, inline=str)),
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


def _title(model: Model, inline=inline) -> str:
    facts = model.facts
    named = facts.get("recipe") or facts.get("network", {}).get("name") or "GAN"
    trained = f" trained on {inline(facts['dataset'])}" if facts.get("dataset") else ""
    return f"{inline(named)}, {model.half}{trained}"


def _what(model: Model) -> str:
    facts = model.facts
    kind = "generator" if model.half == "generator" else "discriminator"
    of_class = " of a class" if model.classes else ""
    made = f"makes images{of_class} out of random numbers"
    made = made if kind == "generator" else f"judges whether an image{of_class} is real"
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
    """Sentences after the lines of Python: other random numbers, and what the command line offers."""
    found = []
    if model.half == "generator" and _USAGE.get(card.form, _MXGAN).templates != "mxgan":
        found.append("The random numbers are the library's own, so the images are others than those of samples.png.")
    if card.form == "torch":
        of_class = " --class 0" if model.classes else ""
        command = f"python model.py --num 16 --output grid.png{of_class}"
        if model.half == "discriminator":
            command = f"python model.py images.pt{of_class}"
        found.append(f"Or from the command line: `{command}`.")
    return found


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
