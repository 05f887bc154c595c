"""export.json: what an exported folder holds, so that a reader needs no other file to know it.

::

    format_version, written_by           1; the library and its version
    format, options                      a row of mxgan.export.FORMATS, and what was chosen in it
    half, classes, class_names           of the `Model`
    latent_distribution                  "normal", or "uniform" on [-1, 1]
    inputs                               {name outside: {"symbol": input of the graph, "shape": of one sample, "dtype"}}
    outputs                              {name: shape of one sample}
    files                                [{"name", "bytes", "sha256"}] of the format
    facts                                of the `Model`
    graph                                {"parameters": {name: shape}, "layers": […], "symbol": MXNet's JSON}

The graph is the one that the stored parameters belong to.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import mxgan
from mxgan.errors import ArgumentError, CorruptFileError, MXGANError
from mxgan.export.layers import graph_of, node_names
from mxgan.export.model import OUTSIDE, Model
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_files import symbol_of
from mxgan.graphs.symbol_json import MOST_BYTES, parsed
from mxgan.graphs.symbol_rules import FileFault, quoted
from mxgan.graphs.symbol_sizes import check_sizes
from mxgan.runtime.files import open_plain, write_whole
from mxgan.training.checkpoint import sha256_of

__all__ = ["DESCRIPTION", "Description", "StoredFile", "read_description", "write_description"]

DESCRIPTION = "export.json"
VERSION = 1
REMEDY = "Export the network again by `mxgan export`."

LARGEST_SIDE = 2**15
MOST_CLASSES = 2**16
_NAME = re.compile(r"[\w-][\w.-]{0,127}", re.ASCII)


class StoredFile(NamedTuple):
    """A file of an exported folder: its name, its number of bytes and their sha256."""

    name: str
    bytes: int
    sha256: str


class Description(NamedTuple):
    """The content of export.json, checked.

    Attributes
    ----------
    path : the file.
    format, options : of mxgan.export.FORMATS.
    files : of StoredFile.
    model : the `Model` with the names and shapes of its parameters, without their values.
    """

    path: Path
    format: str
    options: Mapping
    files: tuple
    model: Model

    def file_of(self, suffixes: Collection) -> Path:
        """The only file with one of these suffixes; CorruptFileError for none or several."""
        found = [file.name for file in self.files if Path(file.name).suffix in suffixes]
        if len(found) != 1:
            listed = " and ".join(found) or "no file"
            raise CorruptFileError(self.path, f"names {listed} for the values of its parameters", remedy=REMEDY)
        return self.path.with_name(found[0])


def write_description(folder: Path, model: Model, form: str, options: Mapping, names: tuple) -> None:
    """Write export.json.

    Parameters
    ----------
    model : as it is stored: its graph and its parameters are those of the files.
    form : the format's name.
    names : of the format's files in the folder.
    """
    content = {
        "format_version": VERSION,
        "written_by": f"mxgan {mxgan.__version__}",
        "format": form,
        "options": dict(options),
        "half": model.half,
        "classes": model.classes,
        "class_names": list(model.class_names),
        "latent_distribution": model.latent_distribution,
        "inputs": {
            OUTSIDE.get(name, name): {
                "symbol": name,
                "shape": list(shape),
                "dtype": "int64" if name == "class_label" else "float32",
            }
            for name, shape in model.inputs.items()
        },
        "outputs": _outputs(model),
        "files": [_stored(folder / name)._asdict() for name in names],
        "facts": _finite(dict(model.facts)),
        "graph": _graph(model),
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    if len(text) > MOST_BYTES:
        raise ArgumentError(
            f"{DESCRIPTION} would have {len(text)} bytes; at most {MOST_BYTES} are read. Shorten facts."
        )
    write_whole(folder / DESCRIPTION, text)


def _outputs(model: Model) -> dict:
    shapes = infer(model.symbol, model.argument_shapes(1))[1]
    return {name: list(shape[1:]) for name, shape in zip(model.outputs, shapes)}


def _stored(path: Path) -> StoredFile:
    return StoredFile(path.name, path.stat().st_size, sha256_of(path))


def _finite(value: Any) -> Any:
    """The value with null for numbers that JSON does not have."""
    if isinstance(value, Mapping):
        return {str(key): _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _graph(model: Model) -> dict:
    symbol = json.loads(model.symbol.tojson())
    for node, name in zip(symbol["nodes"], node_names(symbol["nodes"])):
        node["name"] = name
    graph = graph_of(model)
    return {
        "parameters": {name: list(value.shape) for name, value in model.parameters.items()},
        "layers": [
            {
                "name": layer.name,
                "operator": layer.operator,
                "inputs": list(layer.inputs),
                "shape": ["N" if side is None else side for side in graph.shapes[layer.outputs[0]]],
            }
            for layer in graph.layers
        ],
        "symbol": symbol,
    }


def read_description(folder: Path) -> Description:
    """Read export.json of a folder that may be a stranger's.

    Raises
    ------
    CorruptFileError : it is damaged, or of a newer version, or its graph is not one that mxgan writes.
    CheckpointError : it is missing.
    """
    path = Path(folder) / DESCRIPTION
    with open_plain(path) as stream:
        content = stream.read(MOST_BYTES + 1)
    try:
        found = parsed(content)
        version = _taken(found, "format_version", int)
        if version != VERSION:
            raise FileFault(f"it is of version {version}, and this mxgan reads version {VERSION}")
        files = tuple(_file(each) for each in _taken(found, "files", list))
        model = _model(found, path)
        return Description(path, _taken(found, "format", str), _taken(found, "options", dict), files, model)
    except FileFault as fault:
        raise CorruptFileError(path, f"does not describe an export ({fault})", fault.offset, REMEDY) from fault
    except CorruptFileError:
        raise
    except MXGANError as error:
        raise CorruptFileError(
            path, f"does not describe an export ({error.fact.rstrip('.')})", remedy=REMEDY
        ) from error


def _taken(found: Any, key: str, kind: type) -> Any:
    """The value of a key; FileFault if it is missing or of another type."""
    if not isinstance(found, dict) or key not in found:
        raise FileFault(f"it has no {key!r}")
    value = found[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FileFault(f"{key!r} is {quoted(value)}")
    return value


def _file(entry: Any) -> StoredFile:
    file = StoredFile(_taken(entry, "name", str), _taken(entry, "bytes", int), _taken(entry, "sha256", str))
    if not _NAME.fullmatch(file.name):
        raise FileFault(f"{quoted(file.name)} is not the name of a file in this folder")
    return file


def _model(found: Any, path: Path) -> Model:
    graph = _taken(found, "graph", dict)
    symbol = symbol_of(_taken(graph, "symbol", dict), path)
    inputs = dict(_input(entry) for entry in _taken(found, "inputs", dict).values())
    shapes = {name: _shape(shape) for name, shape in _taken(graph, "parameters", dict).items()}
    names = {*symbol.list_arguments(), *symbol.list_auxiliary_states()}
    if not inputs or names != {*inputs, *shapes} or inputs.keys() & shapes.keys():
        raise FileFault("'inputs' and 'parameters' are not those of its graph")
    _check_shapes(symbol, inputs, shapes)
    classes, class_names = _classes(found)
    if classes < 1 and "class_label" in inputs:
        raise FileFault("its graph takes a class, and 'classes' is 0")
    distribution = _taken(found, "latent_distribution", str)
    if distribution not in ("normal", "uniform"):
        raise FileFault(f"'latent_distribution' is {quoted(distribution)}")
    return Model(
        symbol,
        {name: _Unread(shape) for name, shape in shapes.items()},
        inputs,
        _taken(found, "half", str),
        classes,
        class_names,
        distribution,
        _taken(found, "facts", dict),
    )


class _Unread(NamedTuple):
    """The place of a parameter that is not read yet."""

    shape: tuple


def _input(entry: Any) -> tuple:
    return _taken(entry, "symbol", str), _shape(_taken(entry, "shape", list))


def _shape(given: Any) -> tuple:
    """A shape of plain sizes whose product MXNet can index."""
    if not isinstance(given, list) or len(given) > 8:
        raise FileFault(f"{quoted(given)} is not a shape")
    if not all(isinstance(side, int) and not isinstance(side, bool) and 0 < side < 2**31 for side in given):
        raise FileFault(f"{quoted(given)} is not a shape")
    if math.prod(given) >= 2**31:
        raise FileFault(f"the shape {quoted(given)} is of more numbers than MXNet takes")
    return tuple(given)


def _check_shapes(symbol, inputs: Mapping, shapes: Mapping) -> None:
    """Raise FileFault or ShapeError unless inputs and parameters of these shapes fit into the graph."""
    states = set(symbol.list_auxiliary_states())
    sizes = {name: (1, *shape) for name, shape in inputs.items()}
    sizes.update({name: shape for name, shape in shapes.items() if name not in states})
    check_sizes(symbol, sizes)
    for name, wanted in infer(symbol, sizes)[2].items():
        if tuple(wanted) != shapes[name]:
            raise FileFault(f"the parameter {quoted(name)} is of the shape {shapes[name]}, and its layer has {wanted}")


def _classes(found: Any) -> tuple:
    classes, names = _taken(found, "classes", int), _taken(found, "class_names", list)
    if not 0 <= classes <= MOST_CLASSES:
        raise FileFault(f"'classes' is {classes}")
    if len(names) not in (0, classes) or not all(isinstance(name, str) for name in names):
        raise FileFault(f"'class_names' is not one name for each of {classes} classes")
    return classes, tuple(names)
