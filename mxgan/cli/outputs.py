"""Output files at the user's paths: images as a grid, an array or a folder.

What exists is replaced only with --overwrite, and only when the new file or folder is whole.
"""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError, OutputError, listed
from mxgan.pictures.grid import save_grid
from mxgan.runtime.files import new_folder, write_whole

__all__ = ["check_file", "check_folder", "check_images", "make_folder", "new_picture", "write_images"]

_FILES = (".npz", ".png")
LONGEST_NAME = 200  # bytes; file systems allow 255, and a file is first written under a longer name


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


def check_images(target: Path, overwrite: bool) -> None:
    """Raise an error if `write_images` could not write there; called before any image is drawn.

    Raises
    ------
    ArgumentError : the target exists, or has another ending. OutputError : its folder is missing.
    """
    if not target.suffix:
        check_folder(target, overwrite, _numbered(len(list(target.iterdir())) if target.is_dir() else 0))
        return
    check_file(target, overwrite)
    if target.suffix not in _FILES:
        raise ArgumentError(f"--output {target}: give a name that ends in .png or .npz, or a folder.")
    if not target.parent.is_dir():
        raise OutputError(f"{target} cannot be written: {target.parent} is not a folder. Make it first.")


def _numbered(count: int) -> list:
    """The names of `count` images in a folder: 000000.png, 000001.png, …"""
    return [f"{i:06d}.png" for i in range(count)]


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
    if target.suffix != ".png":
        raise ArgumentError(f"--output {path}: give a name that ends in .png.")
    check_file(target)
    make_folder(target.parent)
    return target


def write_images(
    target: Path,
    images: np.ndarray,
    labels: Optional[np.ndarray] = None,
    columns: Optional[int] = None,
    class_names: Sequence[str] = (),
) -> None:
    """Write images (N, C, H, W) in [-1, 1] as a grid, an array or a folder of files; the target's name decides.

    An existing target is replaced: see `check_images`. `labels` (N,), class numbers, and the names of the classes go
    into the array's file; `columns` is the number of images in a row of the grid.
    """
    if target.suffix == ".npz":
        content = io.BytesIO()
        arrays = {"images": images, **({} if labels is None else {"labels": labels})}
        np.savez_compressed(content, **arrays, **({"class_names": np.array(class_names)} if len(class_names) else {}))
        write_whole(target, content.getvalue())
    elif target.suffix == ".png":
        save_grid(target, images, columns)
    else:
        try:
            with new_folder(target, replace=True) as beside:
                for i, image in enumerate(images):
                    save_grid(beside / f"{i:06d}.png", image[None])
        except OSError as error:
            raise OutputError(f"the folder {target} cannot be written: {error.strerror}. Give another.") from error
