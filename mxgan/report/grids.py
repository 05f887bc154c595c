"""Pictures of a run as images inside a page: WebP by Pillow, of a quality that lets all of them fit."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, features

from mxgan.errors import MXGANError, counted, first_line
from mxgan.runtime.files import open_plain

__all__ = ["Encoder", "data_uri", "encoder", "picture_uri", "with_sources"]

QUALITIES = (82, 65, 50, 35, 22)  # of WebP, from 100; the highest one that fits is taken
TRIED = 3  # pictures of each kind that show how many bytes a quality takes
LONGEST_SIDE = 1100  # pixels; a picture with a longer side is shown smaller
MOST_PIXELS = 2**26  # a picture with more is not decoded
MOST_BYTES = 2**26


class Encoder(NamedTuple):
    """How pictures stand in a page: the ending and the type of their format, and the qualities that it has."""

    ending: str
    mime: str
    format: str
    qualities: Sequence[int]


_WEBP = Encoder("webp", "image/webp", "WEBP", QUALITIES)
_PNG = Encoder("png", "image/png", "PNG", (100,))


def encoder() -> Encoder:
    """WebP, or PNG if this Pillow was built without it."""
    return _WEBP if features.check("webp") else _PNG


def with_sources(folder: Path, pictures: Sequence[dict], most_bytes: int, name: str = "run") -> tuple:
    """(the kinds of pictures with an address `src` and a name `name` to save it in each frame, notes in words).

    Parameters
    ----------
    folder : the run; `file` of a frame is relative to it.
    pictures : the kinds of pictures of a view.
    most_bytes : of all addresses together. The quality is chosen so that all pictures fit; if that is not enough,
        frames are left out evenly, and a note says so.
    name : the begin of the names.

    A picture that cannot be read is left out, and a note says why.
    """
    chosen, notes = encoder(), []
    if chosen is _PNG:
        notes.append("This Pillow cannot write WebP: the pictures are PNG, which is larger.")
    most_bytes = most_bytes * 3 // 4  # base64 writes three bytes as four characters
    quality, share = _quality(folder, pictures, most_bytes, chosen)
    kinds, shrunk = [], False
    with ThreadPoolExecutor(2) as pool:
        for kind in pictures:
            frames = _evenly(kind["frames"], max(1, round(len(kind["frames"]) * share)))
            made = list(pool.map(lambda frame: _encoded(folder / frame["file"], quality, chosen), frames))
            notes += [each.fault for each in made if each.fault]
            shrunk |= any(each.is_smaller for each in made)
            found = [(frame, each.content) for frame, each in zip(frames, made) if each.content]
            kinds.append((kind, found))
    kinds, fits = _thinned(kinds, most_bytes), share == 1
    told = [_note(kind["frames"], found) for kind, found in kinds if not fits or len(found) < len(kind["frames"])]
    notes += sorted({note for note in told if note})
    if shrunk:
        notes.append(f"Pictures with a side of more than {LONGEST_SIDE:,} pixels are shown smaller than they are saved.")
    return [{**kind, "frames": [_sourced(*each, name, chosen) for each in found]} for kind, found in kinds], notes


class _Made(NamedTuple):
    """A picture, or the fault for which it is left out."""

    content: bytes = b""
    is_smaller: bool = False
    fault: str = ""


def _encoded(path: Path, quality: int, chosen: Encoder) -> _Made:
    try:
        image, is_smaller = _opened(path)
    except _UNREADABLE as error:
        return _Made(fault=f"{path.name} is left out: {first_line(error)}.")
    return _Made(_bytes(image, quality, chosen), is_smaller)


_UNREADABLE = (MXGANError, OSError, ValueError, SyntaxError, Image.DecompressionBombError)  # all that Pillow raises


def _opened(path: Path) -> tuple:
    """(the picture in RGB, whether it was made smaller); raises one of _UNREADABLE."""
    with open_plain(path) as stream:
        content = stream.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"it is larger than {MOST_BYTES >> 20} MB")
    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        if image.width * image.height > MOST_PIXELS:
            raise ValueError(f"it has {image.width} × {image.height} pixels")
        rgb = image.convert("RGB")
    if max(rgb.size) <= LONGEST_SIDE:
        return rgb, False
    rgb.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    return rgb, True


def _bytes(image: Image.Image, quality: int, chosen: Encoder) -> bytes:
    stream = io.BytesIO()
    # method 2: a third of the time of Pillow's own choice, for a twentieth more bytes
    settings = {"quality": quality, "method": 2} if chosen is _WEBP else {"optimize": True}
    image.save(stream, chosen.format, **settings)
    return stream.getvalue()


def _quality(folder: Path, pictures: Sequence[dict], most_bytes: int, chosen: Encoder) -> tuple:
    """(the highest quality with which all pictures fit, 1), or (the lowest one, the share of the pictures that fits)."""
    counts, tried = [], []
    for kind in pictures:
        images = []
        for frame in _evenly(kind["frames"], TRIED):
            try:
                images.append(_opened(folder / frame["file"])[0])
            except _UNREADABLE:
                continue  # it is named where all pictures are read
        if images:
            counts.append(len(kind["frames"]))
            tried.append(images)
    for quality in chosen.qualities:
        sizes = [sum(len(_bytes(image, quality, chosen)) for image in images) / len(images) for images in tried]
        total = sum(count * size for count, size in zip(counts, sizes))
        if total <= 0.95 * most_bytes:
            return quality, 1
    return quality, 0.95 * most_bytes / total


def _evenly(frames: Sequence, count: int) -> list:
    """At most so many of the frames, spread evenly, with the last and, from two on, the first one."""
    if len(frames) <= count:
        return list(frames)
    places = np.linspace(0, len(frames) - 1, count).round().astype(int) if count > 1 else [len(frames) - 1]
    return [frames[place] for place in dict.fromkeys(map(int, places))]


def _thinned(kinds: list, most_bytes: int) -> list:
    """The kinds with fewer frames of the largest one, until all fit; one frame of each stays."""
    size = [sum(len(content) for _, content in found) for _, found in kinds]
    while sum(size) > most_bytes and any(len(found) > 1 for _, found in kinds):
        largest = max((place for place in range(len(kinds)) if len(kinds[place][1]) > 1), key=size.__getitem__)
        kind, found = kinds[largest]
        found = _evenly(found, max(1, len(found) * 9 // 10))
        kinds[largest], size[largest] = (kind, found), sum(len(content) for _, content in found)
    return kinds


def _note(frames: Sequence, found: Sequence) -> str:
    if not found or len(found) == len(frames):
        return ""
    return f"{len(found):,} of {counted(len(frames), 'picture')} of each kind are shown, spread evenly, so that the page stays small."


def _sourced(frame: dict, content: bytes, name: str, chosen: Encoder) -> dict:
    return {**frame, "src": data_uri(content, chosen.mime), "name": f"{name}-{Path(frame['file']).stem}.{chosen.ending}"}


def data_uri(content: bytes, mime: str) -> str:
    """An address that holds the content itself."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def picture_uri(pixels: np.ndarray) -> str:
    """A small picture (H, W, 3) uint8, RGB, as an address that holds it without loss."""
    stream, chosen = io.BytesIO(), encoder()
    Image.fromarray(pixels).save(stream, chosen.format, **({"lossless": True} if chosen is _WEBP else {"optimize": True}))
    return data_uri(stream.getvalue(), chosen.mime)
