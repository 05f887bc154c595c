"""MXNet .params files and files of optimiser arrays: checked when read, read back when written."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Union

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.graphs.ndarray_files import read_arrays
from mxgan.runtime import mx
from mxgan.runtime.files import sync

__all__ = ["load_arrays", "load_params", "save_arrays", "save_params"]


def load_params(path: Union[str, Path]) -> tuple:
    """Read (arg_params, aux_params), both {name: NDArray}, from a .params file of Module.save_params.

    Raises
    ------
    CheckpointError : the file is missing, or has values that are not finite.
    CorruptFileError : it is not an MXNet parameter file.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file; give a .params file or a run folder.")
    arg_params, aux_params = {}, {}
    groups = {"arg": arg_params, "aux": aux_params}
    for key, value in read_arrays(path).items():
        group, colon, name = key.partition(":")
        if not colon or group not in groups:
            raise CorruptFileError(path, f"the entry {key!r} is neither 'arg:NAME' nor 'aux:NAME'")
        if not np.isfinite(value).all():
            raise CheckpointError(
                f"{path}: the parameter {name!r} has values that are not finite; use an earlier file."
            )
        groups[group][name] = as_ndarray(value)
    return arg_params, aux_params


def load_arrays(path: Path) -> dict:
    """Read {name: NDArray} from a file that `save_arrays` wrote; CorruptFileError for any other file."""
    return {name: as_ndarray(value) for name, value in read_arrays(path).items()}


def as_ndarray(value: np.ndarray):
    """An NDArray of the same type on the CPU."""
    return mx.nd.array(value, dtype=value.dtype)


def save_params(path: Union[str, Path], arg_params: dict, aux_params: dict) -> None:
    """Write a .params file like Module.save_params, read it back, and only then give it its name."""
    arrays = {f"arg:{name}": value for name, value in arg_params.items()}
    arrays.update({f"aux:{name}": value for name, value in aux_params.items()})
    path = Path(path)
    beside = path.with_name(f".{path.name}.writing")
    try:
        try:
            save_arrays(beside, arrays)
            os.replace(beside, path)
            sync(path.parent)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror}.") from error


def save_arrays(path: Path, arrays: dict) -> None:
    """Save with nd.save, sync, and read back, because MXNet reports success even on a full disk."""
    try:
        mx.nd.save(str(path), arrays)
        sync(path)
        saved = read_arrays(path) if arrays else {}
    except (mx.MXNetError, OSError, CorruptFileError) as error:
        raise CheckpointError(f"{path} could not be saved whole: is the disk full or the folder read-only?") from error
    same = saved.keys() == arrays.keys() and all(
        np.array_equal(saved[name], value.asnumpy(), equal_nan=True) for name, value in arrays.items()
    )
    if not same:
        raise CheckpointError(f"{path} does not read back as it was saved; check the disk.")
