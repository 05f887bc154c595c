"""Arrays in files of PyTorch (.pt, .pth) and of safetensors, from any origin, without running code of the file."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError, MXGANError, first_line
from mxgan.runtime.extras import needed
from mxgan.runtime.files import open_plain
from mxgan.runtime.memory import check_room

__all__ = ["is_safetensors", "is_torch", "read_safetensors", "read_torch"]

ZIP, PICKLE = b"PK\x03\x04", b"\x80"  # the first bytes of either
DEEPEST = 4  # groups in groups of a checkpoint
MOST_ENTRIES = 2**16  # of a zip
LARGEST_PICKLE = 2**24  # bytes of the names and shapes; the values are outside
SAVE_AGAIN = "In the program that made it: torch.save(network.state_dict(), FILE)."


def is_torch(head: bytes) -> bool:
    """Whether the first bytes are those of a zip, as torch.save writes it since 1.6, or of a pickle."""
    return head.startswith((ZIP, PICKLE))


def is_safetensors(head: bytes) -> bool:
    """Whether the first bytes are those of a safetensors file: the length of a JSON object, and its begin."""
    return len(head) > 8 and head[8:9] == b"{"


def read_torch(path: Path) -> dict:
    """{name: array, or a group of the same form} of the tensors in a file of torch.save, in its order.

    Floating-point tensors become float32. Other values, such as numbers, are left out. Nothing is unpickled but what
    torch.load reads with weights_only=True.

    Raises
    ------
    RuntimeUnavailableError : PyTorch is not installed. CorruptFileError : a damaged file.
    CheckpointError : a whole module, a TorchScript program, a file from before PyTorch 1.6, or a plain pickle.
    ArgumentError : the tensors need more memory than is available.
    """
    torch = needed("torch", "torch", "A file of PyTorch is")
    records = _records(path)
    try:
        with open_plain(path) as stream:
            found = torch.load(stream, map_location="cpu", weights_only=True)
    except Exception as error:  # torch.load raises whatever it stumbles upon in a damaged file
        _, other, words = str(error).partition("GLOBAL ")
        if isinstance(error, pickle.UnpicklingError) and other:
            raise CheckpointError(
                f"{path} holds other objects than tensors ({words.split()[0][:80]}), such as a whole module. Reading "
                f"them could run code of the file, so only a state_dict is read. {SAVE_AGAIN}"
            ) from error
        raise CorruptFileError(path, f"cannot be read as a file of torch.save ({first_line(error)})") from error
    if isinstance(found, torch.Tensor) or not isinstance(found, Mapping):
        raise CheckpointError(f"{path} holds a {type(found).__name__}, not a state_dict. {SAVE_AGAIN}")
    try:
        return _Reading(torch, path, records).arrays_in(found)
    except (RuntimeError, TypeError, ValueError) as error:  # of PyTorch, for a kind of tensor that it cannot convert
        if isinstance(error, MXGANError):
            raise
        raise CorruptFileError(path, f"has a tensor that cannot be read ({first_line(error)})") from error


def _records(path: Path) -> list:
    """The sizes of the records of a zip of torch.save, after a check that they are as large as they say."""
    try:
        with open_plain(path) as stream:
            _check_head(path, stream.read(len(ZIP)))
            with zipfile.ZipFile(stream) as archive:
                entries, size = archive.infolist(), stream.seek(0, 2)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, OSError) as error:
        raise CorruptFileError(path, f"is not a whole file of torch.save ({first_line(error)})") from error
    names = [entry.filename.rpartition("/")[2] for entry in entries]
    if "constants.pkl" in names:
        raise CheckpointError(f"{path} is a TorchScript program, not a state_dict. {SAVE_AGAIN}")
    if "data.pkl" not in names:
        raise CorruptFileError(path, "is a zip, but not one of torch.save: it has no data.pkl")
    stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
    pickled = max(entry.file_size for entry, name in zip(entries, names) if name == "data.pkl")
    claimed = sum(entry.file_size for entry in entries)
    if not stored or claimed > size or len(entries) > MOST_ENTRIES or pickled > LARGEST_PICKLE:
        raise CorruptFileError(
            path, f"claims {claimed:,} bytes in {len(entries):,} entries, which torch.save does not write so"
        )
    check_room(f"The tensors of {path}", 2 * claimed, "Free memory.")
    return [entry.file_size for entry in entries]


def _check_head(path: Path, head: bytes) -> None:
    """Raise an error unless a file begins as a zip.

    torch.load decides by these bytes how it reads, and zipfile by the end of the file. So a pickle with a zip behind it
    would be checked as the zip, and read as the pickle.
    """
    if head.startswith(PICKLE):
        raise CheckpointError(
            f"{path} is a plain pickle, or a file of PyTorch before 1.6; reading it could run code of the file. Save "
            "it again with a newer PyTorch: torch.save(torch.load(FILE, weights_only=True), NEW)."
        )
    if head != ZIP:
        raise CorruptFileError(path, f"is not a whole file of torch.save: it begins with {head!r}, not with {ZIP!r}")


class _Reading:
    """One walk over what torch.load gave; a hostile file may repeat a group or a tensor thousands of times."""

    def __init__(self, torch: Any, path: Path, records: list) -> None:
        self._torch, self._path, self._records = torch, path, frozenset(records)
        self._left, self._seen, self._made = sum(records), set(), {}

    def arrays_in(self, group: Mapping, depth: int = DEEPEST) -> dict:
        """{name: array or group}."""
        self._seen.add(id(group))
        found: dict = {}
        for name, value in group.items():
            if not isinstance(name, str):
                continue  # a number, of an optimiser
            if isinstance(value, self._torch.Tensor):
                found[name] = self._array_of(name, value)
            elif isinstance(value, Mapping) and depth > 1 and id(value) not in self._seen:
                inside = self.arrays_in(value, depth - 1)
                found.update({name: inside} if inside else {})
        return found

    def _array_of(self, name: str, tensor: Any) -> np.ndarray:
        plain = tensor.layout == self._torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
        if not plain or tensor.is_complex() or tensor.is_nested:
            raise CheckpointError(
                f"{self._path}: the tensor {name!r} is sparse, quantised, complex, nested or without values; give one "
                "with plain numbers."
            )
        key = (tensor.data_ptr(), tuple(tensor.shape), tensor.stride(), tensor.dtype, tensor.is_neg())
        if key in self._made:  # two names for one tensor
            return self._made[key]
        size, stored = tensor.numel() * tensor.element_size(), tensor.untyped_storage().nbytes()
        self._left -= size
        # A file may give one number as a huge tensor. It may name one record many times. In an older PyTorch, a tensor
        # may reach beyond its record.
        if size > stored or stored not in self._records or self._left < 0:
            claim = f"claims {tensor.numel():,} numbers, more than the file has"
            raise CorruptFileError(self._path, f"the tensor {name!r} {claim}")
        tensor = tensor.detach().resolve_neg()
        values = tensor.float() if tensor.is_floating_point() else tensor
        self._made[key] = values.contiguous().numpy().copy()
        return self._made[key]


def read_safetensors(path: Path) -> dict:
    """{name: array} of a safetensors file; floating-point arrays become float32.

    Raises
    ------
    RuntimeUnavailableError : safetensors is not installed. CorruptFileError : a damaged file.
    ArgumentError : the arrays need more memory than is available.
    """
    library = needed("safetensors", "safetensors", "A file of safetensors is")
    with open_plain(path) as stream:
        check_room(f"The arrays of {path}", 2 * stream.seek(0, 2), "Free memory.")
    try:
        with library.safe_open(path, framework="numpy") as opened:
            arrays = {name: _slice(opened, name) for name in list(opened.keys())}
    except Exception as error:  # of the library's own type, or of the type of what it stumbles upon
        raise CorruptFileError(path, f"cannot be read as safetensors ({first_line(error)})") from error
    other = next((name for name, value in arrays.items() if value is None), None)
    if other is not None:
        raise CheckpointError(
            f"{path}: the tensor {other!r} has a number type that NumPy does not have, such as bfloat16; save it as "
            "float32."
        )
    return {k: v.astype(np.float32) if np.issubdtype(v.dtype, np.floating) else v for k, v in arrays.items()}


def _slice(opened: Any, name: str) -> Optional[np.ndarray]:
    """One array; None for a number type that NumPy does not have."""
    known = opened.get_slice(name).get_dtype() in {"F64", "F32", "F16", "I64", "I32", "I16", "I8", "U8", "BOOL"}
    return opened.get_tensor(name) if known else None
