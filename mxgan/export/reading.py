"""An exported folder, back as a `Model`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Union

from mxgan.errors import CorruptFileError
from mxgan.export import FORMATS
from mxgan.export.description import DESCRIPTION, REMEDY, Description, StoredFile
from mxgan.export.description_reading import read_description
from mxgan.export.model import Model
from mxgan.graphs.symbol_rules import quoted
from mxgan.runtime.files import open_plain
from mxgan.training.checkpoint_files import sha256_of

__all__ = ["described", "is_exported", "read_exported"]


def is_exported(folder: Union[str, Path]) -> bool:
    """Whether a folder has an export.json."""
    return (Path(folder) / DESCRIPTION).is_file()


def read_exported(folder: Union[str, Path]) -> Model:
    """Read a folder that `write_model` has written; it may be a stranger's.

    The model is as it is stored: npz and safetensors hold the network of the run, mxnet, onnx and torch its published
    layers.

    Raises
    ------
    CorruptFileError : a file is damaged or was changed, or does not fit the others.
    CheckpointError : a file is missing; one of ONNX has BatchNorm in its weights, or is float16.
    RuntimeUnavailableError : the library of the format is not installed.
    """
    found = described(folder)
    return replace(found.model, parameters=FORMATS[found.format].read(found))


def described(folder: Union[str, Path]) -> Description:
    """The content of a folder's export.json, after a check of the files that it lists.

    Raises CorruptFileError or CheckpointError as `read_exported` does.
    """
    found = read_description(Path(folder))
    if found.format not in FORMATS:
        raise CorruptFileError(found.path, f"is of the unknown format {quoted(found.format)}", remedy=REMEDY)
    for file in found.files:
        _check_file(found, file)
    return found


def _check_file(found: Description, file: StoredFile) -> None:
    path = found.path.with_name(file.name)
    with open_plain(path):  # CheckpointError if it is missing, or a folder, a pipe or a device
        pass
    if path.stat().st_size != file.bytes or sha256_of(path) != file.sha256:
        raise CorruptFileError(path, f"is not the file that {found.path.name} describes", remedy=REMEDY)
