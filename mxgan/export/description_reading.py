"""`read_description`: export.json of a folder that may be a stranger's, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from mxgan.errors import CorruptFileError, MXGANError
from mxgan.export.description import DESCRIPTION, REMEDY, VERSION, Description, StoredFile
from mxgan.export.model import Model
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_files import symbol_of
from mxgan.graphs.symbol_json import MOST_BYTES, parsed
from mxgan.graphs.symbol_rules import FileFault, quoted
from mxgan.graphs.symbol_sizes import check_sizes
from mxgan.runtime.files import open_plain

__all__ = ["read_description"]

MOST_CLASSES = 2**16
_NAME = re.compile(r"[\w-][\w.-]{0,127}", re.ASCII)


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
