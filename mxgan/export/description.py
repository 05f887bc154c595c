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
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import mxgan
from mxgan.errors import ArgumentError, CorruptFileError
from mxgan.export.layers import graph_of, node_names
from mxgan.export.model import OUTSIDE, Model
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_json import MOST_BYTES
from mxgan.runtime.files import write_whole
from mxgan.training.checkpoint_files import sha256_of

__all__ = ["DESCRIPTION", "REMEDY", "VERSION", "Description", "StoredFile", "write_description"]

DESCRIPTION = "export.json"
VERSION = 1
REMEDY = "Export the network again by `mxgan export`."


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
