"""MXNet .params files and files of optimiser arrays: checked when read, read back when written."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Optional, Union

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.graphs.ndarray_files import read_arrays
from mxgan.graphs.parameter_names import placed_names
from mxgan.runtime import mx
from mxgan.runtime.files import sync
from mxgan.runtime.paths import path_for_mxnet

__all__ = ["as_ndarray", "in_one", "load_arrays", "load_params", "save_arrays", "save_params"]


def load_params(path: Union[str, Path], symbol=None, strip_prefix: Optional[str] = None) -> tuple:
    """Read (arg_params, aux_params), both {name: NDArray}, from a .params file of Module.save_params or of Gluon.

    Parameters
    ----------
    symbol : the network that the parameters are for, as `load_symbol` gives it. Files of Gluon's
        `collect_params().save` need it. If all names fit it but for a prefix, that prefix is taken off, or added.
    strip_prefix : the prefix to take off each name; None: found with the symbol.

    Raises
    ------
    CheckpointError : the file is missing, has values that are not finite, or names that do not fit the symbol.
    CorruptFileError : it is not an MXNet parameter file.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file; give a .params file or a run folder.")
    groups = {"arg": {}, "aux": {}}
    arrays = read_arrays(path)
    for key, (group, name) in placed_names(path, arrays, symbol, strip_prefix).items():
        if not np.isfinite(arrays[key]).all():
            raise CheckpointError(
                f"{path}: the parameter {name!r} has values that are not finite; use an earlier file."
            )
        groups[group][name] = as_ndarray(arrays.pop(key))
    return groups["arg"], groups["aux"]


def in_one(groups: tuple) -> dict:
    """{parameter or auxiliary state: array of NumPy} of (arg_params, aux_params); the names are unique in a network."""
    return {name: value.asnumpy() for group in groups for name, value in group.items()}


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
    beside = path.with_name(f".{secrets.token_hex(8)}.writing")  # ASCII, as `path_for_mxnet` needs
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
    """Save with nd.save, sync, and read back, because MXNet reports success even on a full disk.

    The file's name must be ASCII; its folder may have any name.
    """
    try:
        with path_for_mxnet(path) as name:
            mx.nd.save(name, arrays)
        sync(path)
        saved = read_arrays(path) if arrays else {}
    except (mx.MXNetError, OSError, CorruptFileError) as error:
        raise CheckpointError(f"{path} could not be saved whole: is the disk full or the folder read-only?") from error
    same = saved.keys() == arrays.keys() and all(
        np.array_equal(saved[name], value.asnumpy(), equal_nan=True) for name, value in arrays.items()
    )
    if not same:
        raise CheckpointError(f"{path} does not read back as it was saved; check the disk.")
