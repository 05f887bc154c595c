"""Output files at the user's paths: images as a grid, an array or a folder; existing files are never overwritten."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.pictures.grid import save_grid
from mxgan.runtime.files import write_whole

__all__ = ["check_absent", "make_folder", "new_picture", "write_images"]


def check_absent(path: Path) -> None:
    """Raise ArgumentError if the path exists."""
    if path.exists():
        raise ArgumentError(f"{path} exists; give another name, or move it away.")


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
    check_absent(target)
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

    `labels` (N,), class numbers, and the names of the classes go into the array's file; `columns` is the number of
    images in a row of the grid.
    """
    if target.suffix == ".npz":
        content = io.BytesIO()
        arrays = {"images": images, **({} if labels is None else {"labels": labels})}
        np.savez_compressed(content, **arrays, **({"class_names": np.array(class_names)} if len(class_names) else {}))
        write_whole(target, content.getvalue())
    elif target.suffix == ".png":
        save_grid(target, images, columns)
    elif target.suffix:
        raise ArgumentError(f"--output {target}: give a name that ends in .png or .npz, or a folder.")
    else:
        make_folder(target)
        if any(target.iterdir()):
            raise ArgumentError(f"the folder {target} is not empty; give another --output.")
        for i, image in enumerate(images):
            save_grid(target / f"{i:06d}.png", image[None])
