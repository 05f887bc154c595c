"""Named float32 arrays as .npz, .safetensors and .pt: written by their own libraries, read within bounds.

Each reader takes {name: shape} of what the file must hold, so that nothing is allocated for what is not wanted.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mxgan.errors import CorruptFileError, MXGANError, listed
from mxgan.export.tensor_files import read_safetensors, read_torch
from mxgan.graphs.ndarray_files import read_arrays
from mxgan.runtime.extras import needed
from mxgan.runtime.files import open_plain, write_whole

__all__ = ["READERS", "REMEDY", "check_array", "check_file_size", "read_named", "write_named"]

REMEDY = "Export the network again, or copy the folder again."

_LONGEST_HEADER = 1024  # of an array in a .npz
_BESIDES = 2**20  # bytes of a file that are no values …
_EACH = 4096  # … and further ones for each array


def read_named(path: Path, wanted: Mapping) -> dict:
    """{name: array} from a file that `write_named` or plain MXNet has written, by the suffix of its name.

    Parameters
    ----------
    wanted : {name: shape}; the file must hold these arrays as float32, and no others.

    Raises
    ------
    CorruptFileError : it is damaged, holds other arrays, or values that are not finite.
    CheckpointError : it is missing, or no plain file. RuntimeUnavailableError : its library is not installed.
    """
    check_file_size(path, wanted)
    try:
        arrays = READERS[path.suffix](path, wanted)
    except MXGANError:
        raise
    except Exception as error:  # each library raises many types on broken files
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise CorruptFileError(path, f"cannot be read ({reason})", remedy=REMEDY) from error
    _check_names(path, arrays, wanted)
    for name, value in arrays.items():
        check_array(path, name, getattr(value, "shape", ()), getattr(value, "dtype", "a group"), wanted)
        if not np.isfinite(value).all():
            raise CorruptFileError(path, f"has values in {name!r} that are not finite", remedy=REMEDY)
    return {name: arrays[name] for name in wanted}


def check_file_size(path: Path, wanted: Mapping, besides: int = _BESIDES) -> None:
    """Raise CorruptFileError if a file is larger than arrays of the shapes {name: shape}, and what is beside them."""
    with open_plain(path) as stream:
        size = stream.seek(0, io.SEEK_END)
    most = sum(_bytes(shape) + _EACH for shape in wanted.values()) + besides
    if size > most:
        raise CorruptFileError(path, f"has {size} bytes, and its arrays take at most {most}", remedy=REMEDY)


def write_named(path: Path, arrays: Mapping) -> None:
    """Write {name: array} as float32 into a .npz, .pt or .safetensors, whole or not at all.

    Raises
    ------
    RuntimeUnavailableError : its library is not installed. OutputError : it cannot be written.
    """
    write_whole(path, _CONTENTS[path.suffix](arrays))


def _bytes(shape: tuple) -> int:
    return 4 * int(np.prod(shape, dtype=np.int64))


def _check_names(path: Path, found, wanted: Mapping) -> None:
    missing, unknown = sorted(set(wanted) - set(found)), sorted(set(found) - set(wanted))
    if missing or unknown:
        parts = (("lacks", missing), ("has the unknown", unknown))
        problem = " and ".join(f"{word} {listed(names, 3)}" for word, names in parts if names)
        raise CorruptFileError(path, f"{problem}: its arrays are not those of {path.parent}/export.json", remedy=REMEDY)


def check_array(path: Path, name: str, shape: tuple, dtype: object, wanted: Mapping) -> None:
    """Raise CorruptFileError unless an array of a file is float32 and has the shape {name: shape}."""
    if tuple(shape) != wanted[name] or str(dtype) != "float32":
        raise CorruptFileError(
            path, f"has {name!r} as {dtype} {tuple(shape)}, and export.json as float32 {wanted[name]}", remedy=REMEDY
        )


def _npz(arrays: Mapping) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_STORED) as archive:
        for name, value in arrays.items():  # not np.savez, which cannot take an array of the name "file"
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(value, np.float32), allow_pickle=False)
    return content.getvalue()


def _read_npz(path: Path, wanted: Mapping) -> dict:
    with open_plain(path) as stream, zipfile.ZipFile(stream) as archive:
        members = {member.filename: member for member in archive.infolist()}
        _check_names(path, [name[: -len(".npy")] for name in members], wanted)
        return {name: _npy(archive, members[f"{name}.npy"], path, name, wanted) for name in wanted}


def _npy(archive, member, path: Path, name: str, wanted: Mapping) -> np.ndarray:
    if member.file_size > _bytes(wanted[name]) + _LONGEST_HEADER:
        raise CorruptFileError(path, f"claims {member.file_size} bytes for {name!r}", remedy=REMEDY)
    with archive.open(member) as stream:
        content = stream.read(member.file_size)  # no more than that is unpacked
        stream.read(1)  # the CRC is checked at the end
    head = io.BytesIO(content[: _LONGEST_HEADER + 12])
    if np.lib.format.read_magic(head) != (1, 0):
        raise ValueError(f"{name!r} is of another version of NumPy's format")
    shape, by_columns, dtype = np.lib.format.read_array_header_1_0(head)
    check_array(path, name, shape, dtype, wanted)
    values = np.frombuffer(content, "<f4", offset=head.tell())
    return values.reshape(shape, order="F" if by_columns else "C").copy(order="C")


def _safetensors(arrays: Mapping) -> bytes:
    library = needed("safetensors.numpy", "safetensors", "A file of safetensors is")
    arrays = {name: np.ascontiguousarray(value, np.float32) for name, value in arrays.items()}
    return library.save(arrays, {"format": "pt"})  # what programs of PyTorch look for


def _pt(arrays: Mapping) -> bytes:
    torch = needed("torch", "torch", "A .pt file is")
    content = io.BytesIO()
    torch.save({name: torch.from_numpy(np.array(value, np.float32)) for name, value in arrays.items()}, content)
    return content.getvalue()


def _read_params(path: Path) -> dict:
    return {name.partition(":")[2] or name: value for name, value in read_arrays(path).items()}


_CONTENTS: Mapping[str, Callable] = {".npz": _npz, ".pt": _pt, ".safetensors": _safetensors}
# Suffix of a file → its reader, (path, {name: shape}) → {name: array}.
READERS: Mapping[str, Callable] = {
    ".npz": _read_npz,
    ".params": lambda path, wanted: _read_params(path),
    ".pt": lambda path, wanted: read_torch(path),
    ".safetensors": lambda path, wanted: read_safetensors(path),
}
