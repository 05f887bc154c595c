"""PyTorch: model.py, a plain nn.Module that needs torch alone, and its state_dict as .pt or .safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

import mxgan
from mxgan.export.array_files import READERS, read_named, write_named
from mxgan.export.description import Description
from mxgan.export.filling import filled
from mxgan.export.model import Model
from mxgan.export.torch_code import ARGUMENTS, Code, code_of
from mxgan.graphs.shapes import infer
from mxgan.runtime.files import write_whole

__all__ = ["read_torch", "write_torch"]


def write_torch(model: Model, folder: Path, weights: str = "pt") -> tuple:
    """Write model.py and the state_dict; return the files' names.

    Parameters
    ----------
    model : as `plain` gives it.
    weights : "pt", which torch alone reads, or "safetensors".
    """
    code = code_of(model)
    path = folder / f"model.{weights}"
    write_whole(folder / "model.py", _source(model, code, path.name))
    write_named(path, _state(model, code))
    return "model.py", path.name


def _state(model: Model, code: Code) -> dict:
    """{name in the state_dict: array}."""
    values = {name: np.asarray(model.parameters[entry.parameter]) for name, entry in code.state.items()}
    return {name: np.ones_like(value) if code.state[name].ones else value for name, value in values.items()}


def _source(model: Model, code: Code, weights: str) -> str:
    outputs = [tuple(shape) for shape in infer(model.symbol, model.argument_shapes(1))[1]]
    known = set(model.inputs) <= ARGUMENTS.keys()
    data = "rand" if model.half == "generator" else "data"
    shape = model.inputs.get(data, ())
    image = outputs[0][1:] if model.half == "generator" else shape
    return filled(
        "torch_model.py.txt",
        code=code,
        half=model.half,
        name=model.half.capitalize(),
        docstring=_docstring(model, outputs),
        library=f"mxgan {mxgan.__version__}",
        weights=weights,
        classes=model.classes if "class_label" in model.inputs else 0,
        uniform=model.latent_distribution == "uniform",
        latent=", ".join(map(str, shape)),
        image=", ".join(map(str, image)),
        channels=image[0] if image else 0,
        # Only a network whose inputs are known can be given them by a program.
        is_program=known and data in model.inputs and len(image) == 3,
        uses_functions=any("F." in line for line in code.forward),
        outputs=model.outputs,
        safetensors=weights.endswith(".safetensors"),
    )


def _docstring(model: Model, outputs: list) -> str:
    """The inputs and outputs in one line."""
    kinds = {"rand": f"{model.latent_distribution} latents", "data": "images in [-1, 1]"}
    kinds["class_label"] = f"labels below {model.classes}"
    given = [f"{kinds.get(name, 'values')} {_sides(shape)}" for name, shape in model.inputs.items()]
    made = [f"{name} {_sides(shape[1:])}" for name, shape in zip(model.outputs, outputs)]
    text = f"{', '.join(given)} -> {', '.join(made)}{' in [-1, 1]' if model.half == 'generator' else ''}."
    return text[:1].upper() + text[1:]


def _sides(shape: tuple) -> str:
    return f"({', '.join(map(str, ('N', *shape)))})"


def read_torch(description: Description) -> Mapping:
    """{name: array} of the parameters of the published layers, from the state_dict."""
    state = code_of(description.model).state
    shapes = {name: description.model.parameters[entry.parameter].shape for name, entry in state.items()}
    tensors = read_named(description.file_of(READERS), shapes)
    return {entry.parameter: tensors[name] for name, entry in state.items()}
