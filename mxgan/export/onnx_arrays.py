"""The parameters in a file of ONNX that mxgan has written with BatchNorm as layers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError, first_line, listed
from mxgan.export.array_files import REMEDY, check_array, check_file_size
from mxgan.export.description import Description
from mxgan.export.layers import graph_of
from mxgan.runtime.extras import needed
from mxgan.runtime.files import open_plain

__all__ = ["read_onnx"]

_NODES = 2**22  # bytes of a file beside its parameters


def read_onnx(description: Description) -> dict:
    """{name: array} of the parameters of the published layers.

    Raises
    ------
    CheckpointError : BatchNorm is part of the weights, or they are float16: the network cannot be had back.
    CorruptFileError : the file is damaged, or is not one that mxgan has written.
    """
    path = description.file_of((".onnx",))
    shapes = {name: value.shape for name, value in description.model.parameters.items()}
    check_file_size(path, shapes, _NODES)
    tensors = _initializers(path)
    gammas = _held_gammas(description)
    missing = sorted(shapes.keys() - tensors.keys() - gammas)
    if missing or description.options.get("precision") == "float16":
        why = f"it has no {listed(missing, 3)}" if missing else "its weights are float16"
        raise CheckpointError(
            f"{path} is not the whole network: {why}. Export it again with --keep-batch-norm (keep_batch_norm=True) "
            "or in another format; mxgan.load_sampler draws from it as it is."
        )
    return {name: _array(path, name, tensors, shapes) for name in shapes}


def _initializers(path: Path) -> dict:
    """{name: TensorProto}; nothing outside of the file is read."""
    onnx = needed("onnx", "onnx", "A file of ONNX is")
    try:
        with open_plain(path) as stream:
            found = onnx.load(stream, load_external_data=False).graph.initializer
    except Exception as error:  # protobuf's own types
        raise CorruptFileError(path, f"cannot be read as ONNX ({first_line(error)})", remedy=REMEDY) from error
    outside = [each.name for each in found if each.data_location == onnx.TensorProto.EXTERNAL]
    if outside:
        raise CorruptFileError(path, f"keeps {listed(outside, 3)} in another file", remedy=REMEDY)
    return {each.name: each for each in found}


def _held_gammas(description: Description) -> set:
    """The gammas that fix_gamma holds at 1; a file of ONNX has a 1 in their place."""
    return {
        layer.inputs[1]
        for layer in graph_of(description.model).layers
        if layer.operator == "BatchNorm" and layer.switch("fix_gamma", True)
    }


def _array(path: Path, name: str, tensors: dict, shapes: dict) -> np.ndarray:
    if name not in tensors:
        return np.ones(shapes[name], np.float32)
    onnx = needed("onnx", "onnx", "A file of ONNX is")
    tensor = tensors[name]
    kind = "float32" if tensor.data_type == onnx.TensorProto.FLOAT else f"ONNX's type {tensor.data_type}"
    check_array(path, name, tuple(tensor.dims), kind, shapes)
    try:
        value = np.array(onnx.numpy_helper.to_array(tensor))
    except Exception as error:  # of whatever it stumbles upon
        raise CorruptFileError(path, f"cannot be read as ONNX ({first_line(error)})", remedy=REMEDY) from error
    if not np.isfinite(value).all():
        raise CorruptFileError(path, f"has values in {name!r} that are not finite", remedy=REMEDY)
    return value
