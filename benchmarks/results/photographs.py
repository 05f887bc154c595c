"""Photographs of a zip archive with class folders: some of one class and all others of it, and those of the peer."""

from __future__ import annotations

import io
from contextlib import closing
from pathlib import Path

import numpy as np

from mxgan.data.archives import Archive
from mxgan.data.image_files import MAX_BYTES
from mxgan.errors import ArgumentError
from mxgan.runtime.draws import rng_for
from mxgan.runtime.files import new_folder, one_at_a_time, write_whole

__all__ = ["CHOSEN", "OTHERS", "chosen_and_others", "cropped", "few_folders", "members"]

CHOSEN, OTHERS = "chosen", "others"
PHOTOGRAPHS = (".jpg", ".jpeg", ".png")


def members(archive: Archive, title: str = "") -> list:
    """The paths of the photographs in an archive, in order; with a title, those in the class folder of this name."""
    found = [file for file in archive.files if file.suffix.lower() in PHOTOGRAPHS]
    return [file for file in found if not title or file.parent.name == title]


def chosen_and_others(names: list, count: int, seed: int) -> tuple:
    """(chosen, others): `count` of the names, drawn by the seed, and the rest; both sorted.

    The chosen of a smaller count are among those of a larger one. Raises ArgumentError if no name is left over.
    """
    if not 0 < count < len(names):
        raise ArgumentError(f"{count} photographs of {len(names)} cannot be chosen so that others are left.")
    order = rng_for("few photographs", seed, 0).permutation(len(names))
    return tuple([names[place] for place in sorted(part)] for part in (order[:count], order[count:]))


def few_folders(archive_path: Path, title: str, count: int, seed: int, folder: Path) -> Path:
    """Write the chosen and the other photographs of a class into folder/chosen and folder/others; returns `folder`.

    The files are those of the archive, byte for byte. A folder that is there already must have the same names.
    Raises ArgumentError if it has others, or if two photographs have the same name.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Runs on the same photographs may begin at the same time.
    with closing(Archive(archive_path)) as archive, one_at_a_time(folder.parent):
        parts = dict(zip((CHOSEN, OTHERS), chosen_and_others(members(archive, title), count, seed)))
        wanted = {part: {file.name for file in files} for part, files in parts.items()}
        if len(set.union(*wanted.values())) < sum(map(len, parts.values())):
            raise ArgumentError(f"photographs of {title!r} in {archive_path} have the same name; rename them.")
        if folder.is_dir():
            found = {part: {path.name for path in (folder / part).glob("*")} for part in parts}
            if found != wanted:
                raise ArgumentError(f"{folder} has other photographs than these: move it away, and give its runs up.")
            return folder
        with new_folder(folder) as beside:
            for part, files in parts.items():
                (beside / part).mkdir()
                for file in files:
                    write_whole(beside / part / file.name, archive.read(file, MAX_BYTES))
    return folder


def cropped(archive_path: Path, size: int) -> np.ndarray:
    """Every photograph of an archive, (N, 3, size, size) uint8, RGB, as PyTorch's example reads a folder.

    The shorter side is resized to `size` (torchvision's Resize: Pillow's bilinear filter), then the middle is cut out
    (CenterCrop).
    """
    with closing(Archive(archive_path)) as archive:
        files = members(archive)
        images = np.empty((len(files), 3, size, size), np.uint8)
        for image, file in zip(images, files):
            image[...] = _cropped(archive.read(file, MAX_BYTES), size).transpose(2, 0, 1)
    return images


def _cropped(content: bytes, size: int) -> np.ndarray:
    from PIL import Image

    image = Image.open(io.BytesIO(content)).convert("RGB")
    shorter = min(image.size)
    width, height = (int(size * side / shorter) for side in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))
    top, left = round((height - size) / 2), round((width - size) / 2)
    return pixels[top : top + size, left : left + size]
