"""Trained networks as files of other programs: ONNX, PyTorch, plain MXNet, arrays.

FORMATS has a row for each format; `write_model` writes a `Model` as one of them. In reading order::

    model.py        Model: one half of a pair with its parameters, as every format takes it
    plain.py        the same function in published layers, with parameters alone as weights
    published.py    its products as the convolutions that they are; computing.py: what MXNet computes
    layers.py       the layers of a plain model in order, with their shapes; the batch stays open
    description.py  export.json, which says what a folder holds; description_reading.py: that of a stranger
    array_files.py, mxnet_file.py       one file for each kind of file
    torch_file.py   model.py and its state_dict; torch_code.py: the lines; torch_modules, _elementwise, _shapes: rules
    onnx_file.py    a file of ONNX, with metadata, checked before it gets its name; folding.py: BatchNorm in weights
    onnx_building.py  an ONNX graph that grows layer by layer; onnx_rules, _layers, _elementwise, _shapes: rules
    onnx_sampler.py   images from such a file by onnxruntime
    tensor_files.py  arrays of PyTorch and safetensors from any origin
    onnx_arrays.py  the parameters in a file of ONNX
    reading.py      an exported folder, back as a Model
    checking.py     the files of an export, run by their own library and compared with MXNet
    card.py, card_parts.py, front_matter.py    the model card; filling.py fills in what stands in templates/
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError, listed, lookup, unknown_name
from mxgan.export.array_files import READERS, read_named, write_named
from mxgan.export.description import Description, write_description
from mxgan.export.model import Model
from mxgan.export.mxnet_file import published_for_mxnet, write_mxnet
from mxgan.export.onnx_arrays import read_onnx
from mxgan.export.onnx_file import PRECISIONS, write_onnx
from mxgan.export.plain import plain
from mxgan.export.torch_file import read_torch, write_torch
from mxgan.runtime.extras import needed

__all__ = ["FORMATS", "Format", "check_format", "write_model"]


class Format(NamedTuple):
    """A row of FORMATS.

    Attributes
    ----------
    write : (model, folder, **options) → the names of the files that it has written into the folder.
    read : description → {name: array} of `form`'s parameters.
    form : model → the model that these files hold; `write` takes this one.
    options : {option: values allowed}, the default first.
    needs : options → ((module, extra of mxgan), …) to write it.
    """

    write: Callable
    read: Callable
    form: Callable = lambda model: model
    options: Mapping = MappingProxyType({})
    needs: Callable = lambda options: ()


def _arrays(suffix: str, *needs: tuple) -> Format:
    """The parameters by MXNet's names in one file."""

    def write(model: Model, folder: Path) -> tuple:
        path = folder / f"model{suffix}"
        write_named(path, model.parameters)
        return (path.name,)

    return Format(write, _read_arrays, needs=lambda options: needs)


def _read_arrays(description: Description) -> dict:
    shapes = {name: value.shape for name, value in description.model.parameters.items()}
    return read_named(description.file_of(READERS), shapes)


_OF_WEIGHTS = {"pt": ("torch", "torch"), "safetensors": ("safetensors", "safetensors")}

FORMATS: Mapping[str, Format] = {
    "mxnet": Format(write_mxnet, _read_arrays, published_for_mxnet),
    "npz": _arrays(".npz"),
    "onnx": Format(
        write_onnx,
        read_onnx,
        plain,
        {"precision": PRECISIONS, "keep_batch_norm": (False, True)},
        lambda options: (("onnx", "onnx"),),
    ),
    "safetensors": _arrays(".safetensors", ("safetensors", "safetensors")),
    "torch": Format(
        write_torch,
        read_torch,
        plain,
        {"weights": ("pt", "safetensors")},
        lambda options: (_OF_WEIGHTS[options["weights"]],),
    ),
}


def check_format(name: str, options: Mapping = MappingProxyType({})) -> dict:
    """The options of a format with its defaults, after a check of all that can be known before any work.

    Raises
    ------
    ArgumentError : an unknown format, an option that it does not take, a value that is not allowed.
    RuntimeUnavailableError : a package that it needs is not installed; the message names the extra.
    """
    form = lookup("format", name, FORMATS)
    for option, value in options.items():
        if option not in form.options:
            takers = listed(other for other, row in FORMATS.items() if option in row.options)
            raise ArgumentError(f"the format {name} takes no {option}. Formats that take it: {takers}.")
        if value not in form.options[option]:
            raise unknown_name(option, value, map(str, form.options[option]))
    chosen = {**{option: values[0] for option, values in form.options.items()}, **options}
    for module, extra in form.needs(chosen):
        needed(module, extra, f"The format {name} is")
    return chosen


def write_model(model: Model, folder: Path, name: str, options: Mapping = MappingProxyType({})) -> None:
    """Write a model's files and export.json into a folder that is there.

    Parameters
    ----------
    name : of a row of FORMATS. options : {option: value} of this row; those left out have their defaults.

    Raises
    ------
    ArgumentError, RuntimeUnavailableError : as `check_format` does, or a layer that the format has no rule for.
    CheckpointError : a parameter is not finite or not float32. OutputError : a file cannot be written.
    """
    chosen = check_format(name, options)
    for parameter, value in model.parameters.items():
        if value.dtype != np.float32 or not np.isfinite(value).all():
            raise CheckpointError(
                f"the parameter {parameter!r} of the {model.half} is {value.dtype}, or has values that are not finite; "
                "finite float32 is written. Give an earlier checkpoint."
            )
    stored = FORMATS[name].form(model)
    names = FORMATS[name].write(stored, folder, **chosen)
    write_description(folder, stored, name, chosen, names)
