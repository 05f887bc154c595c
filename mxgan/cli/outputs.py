"""Output files at the user's paths: images as a grid, an array or a folder.

What exists is replaced only with --overwrite, and only when the new file or folder is whole.
"""

from __future__ import annotations

import io
import os
import tempfile
import zipfile
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, OutputError, listed, lookup
from mxgan.pictures.grid import image_grid, png_bytes, save_grid
from mxgan.runtime.files import is_current, new_folder, write_whole

__all__ = ["ImageOutput", "check_ending", "check_file", "check_folder", "check_new_file", "make_folder", "new_picture"]

LONGEST_NAME = 200  # bytes; file systems allow 255, and a file is first written under a longer name


def check_ending(flag: str, name: str, endings: Collection) -> None:
    """Raise ArgumentError unless the name of a file that a flag gives has one of the endings."""
    if Path(name).suffix not in endings:
        raise ArgumentError(f"{flag} {name}: give a name that ends in {', '.join(endings)}.")


def check_file(path: Path, overwrite: Optional[bool] = None) -> None:
    """Raise ArgumentError if a file must not be written there.

    Parameters
    ----------
    overwrite : whether a plain file may be replaced; None if the program has no such flag.
    """
    if os.path.lexists(path) and not overwrite:
        instead = "move it away" if overwrite is None else "replace it (--overwrite)"
        raise ArgumentError(f"{path} exists; give another name, or {instead}.")
    if path.exists() and not path.is_file():
        raise ArgumentError(f"{path} is {'a folder' if path.is_dir() else 'no plain file'}; give another name.")
    if path.exists() and (path.parent / "config.json").is_file() and (path.parent / "checkpoints").is_dir():
        raise ArgumentError(f"{path} belongs to a run, which it would damage; give another name.")
    _check_place(path)


def _check_place(path: Path) -> None:
    """Raise ArgumentError if nothing can be written under this path; called before any work is done."""
    length = len(os.fsencode(path.name))
    if length > LONGEST_NAME:
        raise ArgumentError(f"the name {path.name[:40]}… has {length} bytes; give one of at most {LONGEST_NAME}.")
    place = path.parent
    while not os.path.lexists(place):
        place = place.parent
    try:
        handle, name = tempfile.mkstemp(prefix=".", suffix=".writing", dir=place)
        os.close(handle)
        os.unlink(name)
    except OSError as error:
        raise ArgumentError(
            f"{path} cannot be written: {place}: {error.strerror}. Give a name in a folder that you may write."
        ) from error


def check_folder(path: Path, overwrite: bool, own: Collection) -> None:
    """Raise ArgumentError if a folder must not be written there.

    Parameters
    ----------
    overwrite : whether a folder may be replaced that holds only files of the same command.
    own : the names of these files.
    """
    if os.path.lexists(path) and not path.is_dir():
        raise ArgumentError(f"{path} exists and is not a folder; give another --output.")
    if is_current(path):
        raise ArgumentError(f"the folder {path} is the current one, or holds it; give a new --output in it.")
    names = sorted(entry.name for entry in path.iterdir()) if path.is_dir() else []
    if names and not overwrite:
        raise ArgumentError(f"the folder {path} is not empty; give another --output, or replace it (--overwrite).")
    foreign = [name for name in names if name not in own]
    if foreign:
        raise ArgumentError(
            f"the folder {path} holds files that this command does not write ({listed(foreign)}), and --overwrite "
            "would delete them. Give another --output."
        )
    _check_place(path)


def make_folder(path: Path) -> None:
    """Make a folder if it is missing; ArgumentError if it cannot be made."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ArgumentError(f"the folder {path} cannot be made: {error.strerror}. Give another.") from error


def new_picture(path: str) -> Path:
    """The path of a new PNG file, checked before any work is done; makes its folder.

    Raises
    ------
    ArgumentError : the name does not end in .png, the file exists, or its folder cannot be made.
    """
    target = Path(path)
    check_ending("--output", path, (".png",))
    check_file(target)
    make_folder(target.parent)
    return target


def check_new_file(target: Path, overwrite: bool) -> None:
    """Raise an error if a file must not or cannot be written there; its folder must exist.

    Raises
    ------
    ArgumentError : it exists, see `check_file`. OutputError : its folder is missing.
    """
    check_file(target, overwrite)
    if not target.parent.is_dir():
        raise OutputError(f"{target} cannot be written: {target.parent} is not a folder. Make it first.")


class ImageOutput(NamedTuple):
    """Where and how `mxgan sample` writes images.

    Attributes
    ----------
    path : the file or folder. kind : a row of `_KINDS`. values : a row of `_RANGES`, for an array.
    """

    path: Path
    kind: str
    values: str = "-1,1"

    @classmethod
    def checked(cls, output: Optional[str], kind: Optional[str], values: Optional[str], overwrite: bool) -> ImageOutput:
        """The output of --output, --format and --range, each None if not given; called before any image is drawn.

        Raises
        ------
        ArgumentError : they contradict each other, or the target exists. OutputError : its folder is missing.
        """
        if kind is not None:
            lookup("--format", kind, _KINDS)
        path = Path(f"samples{_KINDS[kind or 'png'].ending}" if output is None else output)
        told = {row.ending: name for name, row in _KINDS.items()}.get(path.suffix)
        if kind is not None and told not in (None, kind) and path.suffix:
            raise ArgumentError(
                f"--format {kind} contradicts --output {output}, which ends as {told} does. Leave one of them out."
            )
        if kind is not None and _is_ending(path.suffix) and path.suffix.lower() != _KINDS[kind].ending:
            own = f"ends in {_KINDS[kind].ending} or has no ending" if kind != "folder" else "has no ending"
            raise ArgumentError(f"--format {kind} contradicts --output {output}; give a name that {own}.")
        kind = kind or told
        if kind == "folder":
            there = len(list(path.iterdir())) if path.is_dir() else 0
            check_folder(path, overwrite, _numbered(there))
        elif kind is not None:
            check_new_file(path, overwrite)
        else:
            check_file(path, overwrite)
            raise ArgumentError(
                f"--output {output}: give a name that ends in .png, .npz or .zip, or a folder; or give --format."
            )
        _check_range(values, kind)
        return cls(path, kind, values or "-1,1")

    def write(
        self,
        images: np.ndarray,
        labels: Optional[np.ndarray] = None,
        columns: Optional[int] = None,
        class_names: Sequence[str] = (),
    ) -> None:
        """Write images (N, C, H, W) in [-1, 1]; an existing target is replaced: see `checked`.

        `labels` (N,), class numbers, and the names of the classes go into an array's file; `columns` is the number of
        images in a row of a grid.
        """
        _KINDS[self.kind].write(self, images, labels, columns, class_names)


def _is_ending(suffix: str) -> bool:
    """Whether the end of a name, from its last point on, tells a kind of file: .jpg does, the .5 in of-0.5 does not."""
    return suffix[1:2].isalpha()


def _numbered(count: int) -> list:
    """The names of `count` images in a folder: 000000.png, 000001.png, …"""
    return [f"{i:06d}.png" for i in range(count)]


def _check_range(values: Optional[str], kind: str) -> None:
    """Raise ArgumentError for a range that is unknown, or of an output that is no array."""
    if values is None:
        return
    lookup("--range", values, _RANGES)
    if kind != "npz":
        raise ArgumentError(f"--range {values}: only for an array (.npz); pictures have bytes. Leave it out.")


def _write_array(output: ImageOutput, images, labels, columns, class_names) -> None:
    content = io.BytesIO()
    arrays = {"images": _RANGES[output.values](images), **({} if labels is None else {"labels": labels})}
    np.savez_compressed(content, **arrays, **({"class_names": np.array(class_names)} if len(class_names) else {}))
    write_whole(output.path, content.getvalue())


def _write_grid(output: ImageOutput, images, labels, columns, class_names) -> None:
    write_whole(output.path, png_bytes(image_grid(images, columns)))


def _write_zip(output: ImageOutput, images, labels, columns, class_names) -> None:
    """A standard zip archive of numbered PNGs, without times: the same images give the same bytes."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:  # PNG is compressed already
        for name, image in zip(_numbered(len(images)), images):
            archive.writestr(zipfile.ZipInfo(name), png_bytes(image_grid(image[None])))
    write_whole(output.path, content.getvalue())


def _write_folder(output: ImageOutput, images, labels, columns, class_names) -> None:
    try:
        with new_folder(output.path, replace=True) as beside:
            for name, image in zip(_numbered(len(images)), images):
                save_grid(beside / name, image[None])
    except OSError as error:
        raise OutputError(f"the folder {output.path} cannot be written: {error.strerror}. Give another.") from error


class _Kind(NamedTuple):
    """A kind of output: the ending of its name, and the function that writes it."""

    ending: str
    write: Callable


_KINDS = {
    "png": _Kind(".png", _write_grid),
    "npz": _Kind(".npz", _write_array),
    "zip": _Kind(".zip", _write_zip),
    "folder": _Kind("", _write_folder),
}
# The range of an array's values → images in [-1, 1] in it; what lies outside is cut off, except of the range as drawn.
_RANGES = {
    "-1,1": lambda images: images,
    "0,1": lambda images: (np.clip(images, -1, 1) + 1) / 2,
    "0,255": lambda images: np.rint((np.clip(images, -1, 1) + 1) * 127.5).astype(np.uint8),
}
