"""`write_onnx`: a model as one file of ONNX, checked before it gets its name."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, CorruptFileError, RuntimeUnavailableError, first_line, lookup
from mxgan.export.folding import folded
from mxgan.export.layers import LOOKING_UP, Graph, check_types, graph_of
from mxgan.export.model import NORMALISATION, OUTSIDE, Model
from mxgan.export.onnx_building import Building, onnx_package
from mxgan.export.onnx_rules import rule_of
from mxgan.runtime.files import write_whole
from mxgan.runtime.onnx_sessions import onnx_session

__all__ = ["MOST_BYTES", "ONNX_FILE", "OPSETS", "PRECISIONS", "check_size", "onnx_model", "write_onnx"]

ONNX_FILE = "model.onnx"
OPSETS = (18, 28)  # the rules are tried with these and what is between them; 18 is that of onnx 1.13
PRECISIONS = ("float32", "float16")
MOST_BYTES = 2**31 - 2**20  # of a protobuf file, with room for what is beside the weights
_EXACT = 2**11  # float16 has every whole number up to this one


def write_onnx(
    model: Model,
    folder: Union[str, Path],
    *,
    precision: str = "float32",
    keep_batch_norm: bool = False,
    opset: Optional[int] = None,
) -> tuple:
    """Write a model as `model.onnx` in a folder; return the names of the files written.

    Parameters
    ----------
    model : as `plain` gives it.
    precision, keep_batch_norm, opset : see `onnx_model`.

    Raises
    ------
    RuntimeUnavailableError : onnx is not installed. OutputError : the file cannot be written.
    ArgumentError : a layer has no rule, or does not fit into ONNX; an unknown setting.
    """
    made = onnx_model(model, precision=precision, keep_batch_norm=keep_batch_norm, opset=opset)
    write_whole(Path(folder) / ONNX_FILE, made.SerializeToString())
    return (ONNX_FILE,)


def onnx_model(model: Model, *, precision: str = "float32", keep_batch_norm: bool = False, opset: Optional[int] = None):
    """A model as an onnx.ModelProto that onnx.checker has passed.

    Inputs are `latent` or `image`, float32 (N, …), and `class`, int64 (N,); outputs are `image`, or `score` and
    `logits`, float32. Metadata says where the model comes from.

    Parameters
    ----------
    model : as `plain` gives it.
    precision : "float32", or "float16" for weights and all computation between the inputs and the outputs.
    keep_batch_norm : whether BatchNorm stays a layer; otherwise it goes into the weights of the layer before it.
    opset : the version of ONNX's operators, 18 or higher; None: the newest that the installed onnx has, the rules were
        tried with, and the installed onnxruntime, if any, runs; if that runs none, the newest.
    """
    lookup("precision", precision, PRECISIONS)
    onnx = onnx_package()
    opsets = _opsets(onnx, opset)
    graph, parameters = graph_of(model), model.parameters
    check_types(graph)
    if not keep_batch_norm:
        graph, parameters = folded(graph, parameters)
    check_size(parameters, precision)
    graph, metadata = _graph_proto(onnx, model, graph, parameters, precision), _metadata(model)
    made = _that_runs([functools.partial(_model_proto, onnx, graph, number, metadata) for number in opsets])
    _check(onnx, made)
    return made


def _that_runs(makers: Sequence):
    """The first file that onnxruntime runs, of those that some functions make; the first if it runs none.

    `agreement` tells of files that onnxruntime does not run.
    """
    for make in makers:
        made = make()
        try:
            onnx_session(made.SerializeToString(), Path(ONNX_FILE))
        except CorruptFileError:
            continue
        except RuntimeUnavailableError:
            break
        return made
    return makers[0]()


def _check(onnx, made) -> None:
    """Raise ArgumentError if onnx.checker refuses the file, shapes included."""
    try:
        onnx.checker.check_model(made, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ArgumentError(
            f"onnx.checker refuses the file: {first_line(error)}. Export in the format mxnet or npz, and report the "
            "network, please."
        ) from error


def _opsets(onnx, opset: Optional[int]) -> list:
    """The opsets to try, the newest first; the one given alone."""
    newest = min(OPSETS[1], onnx.defs.onnx_opset_version())
    known = list(range(newest, OPSETS[0] - 1, -1))
    if opset is None:
        return known
    if isinstance(opset, bool) or opset not in known:
        raise ArgumentError(f"opset is {opset}; with onnx {onnx.__version__} give {OPSETS[0]} to {newest}.")
    return [opset]


def check_size(parameters: Mapping, precision: str) -> None:
    """Raise ArgumentError if the weights are too large for one file."""
    size = sum(value.size for value in parameters.values()) * (2 if precision == "float16" else 4)
    if size > MOST_BYTES:
        raise ArgumentError(
            f"the weights are {size:,} bytes in {precision}, and a file of ONNX holds {MOST_BYTES:,}. Choose the "
            "precision float16, or the format safetensors or npz."
        )


def _graph_proto(onnx, model: Model, graph: Graph, parameters: Mapping, precision: str):
    outside = [OUTSIDE.get(name, name) for name in model.inputs]
    if {*outside} & {*model.outputs}:
        raise ArgumentError(
            f"the {model.half} takes {', '.join(outside)} and gives {', '.join(model.outputs)}; in a file of ONNX no "
            "two values share a name. Give the input another name, with mxgan.renamed."
        )
    building = Building(graph, parameters, precision, [*outside, *model.outputs])
    for name, given in zip(model.inputs, outside):
        building.known[name] = given if precision == "float32" and given != "class" else building.cast(given)
        if given == "class":
            building.whole[name] = given
            _check_classes(model.classes, graph, name, precision)
    for layer in graph.layers:
        building.layer(layer, rule_of(layer))
    _name_outputs(building, graph.outputs, model.outputs)
    building.keep_used(model.outputs)
    helper, types = onnx.helper, onnx.TensorProto
    inputs = [
        helper.make_tensor_value_info(name, types.INT64 if name == "class" else types.FLOAT, ("N", *model.inputs[own]))
        for own, name in zip(model.inputs, outside)
    ]
    outputs = [
        helper.make_tensor_value_info(name, types.FLOAT, ["N" if side is None else side for side in graph.shapes[own]])
        for name, own in zip(model.outputs, graph.outputs)
    ]
    weights = [onnx.numpy_helper.from_array(array, name) for name, array in building.initializers.items()]
    inside = _shapes_inside(building, graph, helper)
    return helper.make_graph(building.nodes, model.half, inputs, outputs, weights, value_info=inside)


def _check_classes(classes: int, graph: Graph, name: str, precision: str) -> None:
    """Raise ArgumentError if a layer computes with numbers of classes that float16 does not have."""
    layers = (each for each in graph.layers if name in each.inputs and each.operator not in LOOKING_UP)
    user = next(layers, None)
    if precision == "float16" and classes > _EXACT + 1 and user is not None:
        raise ArgumentError(
            f"the layer {user.name!r} ({user.operator}) computes with numbers of classes up to {classes - 1}, and "
            f"float16 rounds those above {_EXACT}. Write the file with the precision float32."
        )


def _name_outputs(building: Building, values: Sequence[str], names: Sequence[str]) -> None:
    """Give the outputs their names outside, as float32."""
    for value, name in zip(values, names):
        found = building.value(value)
        if building.dtype != "float32":
            found = building.cast(found, "float32")
        elif values.count(value) > 1 or not any(found in node.output for node in building.nodes):
            found = building.add("Identity", found)
        building.rename(found, name)
        building.known = {key: name if old == found else old for key, old in building.known.items()}


def _shapes_inside(building: Building, graph: Graph, helper) -> list:
    """The shapes that MXNet found for the outputs of layers: onnx.checker compares them with those that it finds."""
    made = {name for node in building.nodes for name in node.output}
    layers = [name for layer in graph.layers for name in layer.outputs if name in building.known]
    values = {building.known[name]: name for name in layers}
    float_ = building.type_of()
    return [
        helper.make_tensor_value_info(value, float_, graph.shapes[name])
        for value, name in values.items()
        if value in made
    ]


def _model_proto(onnx, graph, opset: int, metadata: dict):
    opsets = [onnx.helper.make_opsetid("", opset)]
    product, version = metadata["library"].split(" ", 1)
    made = onnx.helper.make_model(
        graph,
        opset_imports=opsets,
        ir_version=onnx.helper.find_min_ir_version_for(opsets),
        producer_name=product,
        producer_version=version,
    )
    onnx.helper.set_model_props(made, metadata)
    return made


def _metadata(model: Model) -> dict:
    """{key: text}: facts about the origin, and what a program must know to use the model."""
    import mxgan

    known = {
        "library": f"mxgan {mxgan.__version__}",
        "license": "unknown",
        "normalisation": NORMALISATION,
        **model.facts,
        "half": model.half,
        "latent_distribution": model.latent_distribution,
        "classes": model.classes,
        "class_names": list(model.class_names),
    }
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in known.items()}
