"""Pictures of a run as images inside a page: WebP by Pillow, of a size and quality that let all of them fit."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, features

from mxgan.errors import CorruptFileError, counted
from mxgan.pictures.report.foreign import foreign_picture_in

__all__ = ["Encoder", "data_uri", "encoder", "picture_uri", "with_sources"]

LONGEST_SIDE = 1100  # pixels; a picture with a longer side is made smaller first
MARGIN = 0.95  # of the room that is planned; the pictures tried are not the largest ones


class Form(NamedTuple):
    """A way to encode a picture: its sides times `scale`, and the quality of WebP, from 100."""

    scale: float
    quality: int


class Encoder(NamedTuple):
    """How pictures stand in a page: ending and type of their format, and its forms, the one of most bytes first."""

    ending: str
    mime: str
    format: str
    forms: Sequence[Form]


_WEBP = Encoder(
    "webp",
    "image/webp",
    "WEBP",
    tuple(
        Form(*each)
        for each in (
            (1, 82),
            (1, 65),
            (1, 50),
            (1, 35),
            (1, 25),
            (0.7, 45),
            (0.5, 50),
            (0.5, 30),
            (0.35, 45),
            (0.25, 40),
        )
    ),
)
_PNG = Encoder("png", "image/png", "PNG", tuple(Form(scale, 100) for scale in (1, 0.7, 0.5, 0.35)))


def encoder() -> Encoder:
    """WebP, or PNG if this Pillow was built without it."""
    return _WEBP if features.check("webp") else _PNG


def with_sources(folder: Path, pictures: Sequence[dict], most_bytes: int, name: str = "run") -> tuple:
    """(the kinds of pictures with an address `src` and a name `name` to save it in each frame, notes in words).

    Parameters
    ----------
    folder : the run; `file` of a frame is relative to it.
    pictures : the kinds of pictures of a view.
    most_bytes : of all addresses together, those of the last frames twice: a page has them once more, for browsers
        without JavaScript. The form of each kind is chosen so that all frames fit; if that is not enough, frames are
        left out evenly.
    name : the begin of the names.

    The notes say which kinds are smaller or have fewer frames than the run, and which files cannot be read.
    """
    chosen, notes = encoder(), []
    if chosen is _PNG:
        notes.append("This Pillow cannot write WebP: the pictures are PNG, which is larger.")
    most_bytes = most_bytes * 3 // 4  # base64 writes three bytes as four characters
    plans, kinds = _plans(folder, pictures, most_bytes, chosen), []
    with ThreadPoolExecutor(2) as pool:
        for kind, (form, count) in zip(pictures, plans):
            frames = _evenly(kind["frames"], count)
            made = list(pool.map(lambda frame, form=form: _encoded(folder, frame["file"], form, chosen), frames))
            notes += [each.fault for each in made if each.fault]
            kinds.append([(frame, each) for frame, each in zip(frames, made) if each.content])
    kinds = _thinned(kinds, most_bytes)
    notes += _notes(pictures, plans, kinds)
    sourced = [[_sourced(frame, each.content, name, chosen) for frame, each in found] for found in kinds]
    return [{**kind, "frames": frames} for kind, frames in zip(pictures, sourced)], notes


class _Made(NamedTuple):
    """A picture as bytes, or the fault for which it is left out; `scale`: of its sides."""

    content: bytes = b""
    scale: float = 1.0
    fault: str = ""


def _encoded(folder: Path, file: str, form: Form, chosen: Encoder) -> _Made:
    try:
        image, scale = _opened(folder, file)
    except CorruptFileError as error:
        return _Made(fault=f"{file} is left out: {error.problem}.")
    return _Made(_bytes(image, form, chosen), scale * form.scale)


def _opened(folder: Path, file: str) -> tuple:
    """(the picture in RGB, by what it was made smaller); CorruptFileError if it cannot be shown."""
    rgb = foreign_picture_in(folder, file)
    scale = min(1.0, LONGEST_SIDE / max(rgb.size))
    return _scaled(rgb, scale), scale


def _scaled(image: Image.Image, scale: float) -> Image.Image:
    if scale == 1:
        return image
    return image.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BOX)


def _bytes(image: Image.Image, form: Form, chosen: Encoder) -> bytes:
    # method 2 takes a third of the time of Pillow's own choice, for a twentieth more bytes.
    settings = {"quality": form.quality, "method": 2} if chosen is _WEBP else {"optimize": True}
    stream = io.BytesIO()
    _scaled(image, form.scale).save(stream, chosen.format, **settings)
    return stream.getvalue()


def _plans(folder: Path, pictures: Sequence[dict], most_bytes: int, chosen: Encoder) -> list:
    """(form, number of frames) of each kind: the first kind gets half of the room, the others share what is left.

    Which of the others comes next is decided by its bytes: what the small ones do not need goes to the large ones.
    """
    tried = [_tried(folder, kind["frames"]) for kind in pictures]
    largest = [_largest(images, chosen.forms[0], chosen) for images in tried]
    plans: list = [(chosen.forms[-1], 0)] * len(pictures)
    order = sorted(range(len(pictures)), key=lambda place: (place > 0, largest[place]))
    left = MARGIN * most_bytes
    for done, place in enumerate(order):
        count, waiting = len(pictures[place]["frames"]) + 1, len(order) - done  # one more: the last one twice
        share = left if waiting == 1 else left / (2 if done == 0 else waiting)
        form, size = _form(tried[place], share / count, chosen)
        fitting = count if size * count <= share else int(share // size)
        plans[place] = (form, max(1, fitting - 1))
        left -= size * fitting
    return plans


def _tried(folder: Path, frames: Sequence[dict]) -> list:
    """Two pictures of a kind, which show how many bytes a form takes."""
    images = []
    for frame in _evenly(frames[len(frames) // 2 :], 2):
        try:
            images.append(_opened(folder, frame["file"])[0])
        except CorruptFileError:
            continue  # it is named where all pictures are read
    return images


def _largest(images: Sequence, form: Form, chosen: Encoder) -> int:
    return max((len(_bytes(image, form, chosen)) for image in images), default=0)


def _form(images: Sequence, most: float, chosen: Encoder) -> tuple:
    """(the first form in which each of these takes at most so many bytes, or the last one; the bytes that it takes)."""
    low, high = 0, len(chosen.forms) - 1
    while low < high:  # their bytes fall from form to form, so halves of the list decide
        middle = (low + high) // 2
        if _largest(images, chosen.forms[middle], chosen) <= most:
            high = middle
        else:
            low = middle + 1
    return chosen.forms[low], _largest(images, chosen.forms[low], chosen)


def _evenly(frames: Sequence, count: int) -> list:
    """At most so many of the frames, spread evenly, with the last and, from two on, the first one."""
    if len(frames) <= count:
        return list(frames)
    places = np.linspace(0, len(frames) - 1, count).round().astype(int) if count > 1 else [len(frames) - 1]
    return [frames[place] for place in dict.fromkeys(map(int, places))]


def _thinned(kinds: list, most_bytes: int) -> list:
    """The frames of the kinds, fewer of the largest one until all fit; one of each stays."""
    kinds, sizes = list(kinds), list(map(_size, kinds))
    while sum(sizes) > most_bytes and any(len(found) > 1 for found in kinds):
        place = max((place for place, found in enumerate(kinds) if len(found) > 1), key=sizes.__getitem__)
        kinds[place] = _evenly(kinds[place], max(1, len(kinds[place]) * 9 // 10))
        sizes[place] = _size(kinds[place])
    return kinds


def _size(found: Sequence) -> int:
    """The bytes of the frames, those of the last one twice."""
    return sum(len(each.content) for _, each in (*found, *found[-1:]))


def _notes(pictures: Sequence[dict], plans: Sequence, kinds: Sequence) -> list:
    """What is smaller or fewer than in the run, in words."""
    notes = []
    for kind, (_, planned), found in zip(pictures, plans, kinds):
        scale, all_of_them = min((each.scale for _, each in found), default=1), len(kind["frames"])
        parts = [f"at {scale:.0%} of their size"] if scale < 1 else []
        if found and (planned < all_of_them or len(found) < planned):
            parts.append(f"{len(found):,} of {counted(all_of_them, 'picture')}, spread evenly")
        if parts:
            notes.append(f"{kind['title'] or 'Pictures'}: {', '.join(parts)}, so that this page stays small.")
    return notes


def _sourced(frame: dict, content: bytes, name: str, chosen: Encoder) -> dict:
    saved = f"{name}-{Path(frame['file']).stem}.{chosen.ending}"
    return {**frame, "src": data_uri(content, chosen.mime), "name": saved}


def data_uri(content: bytes, mime: str) -> str:
    """An address that holds the content itself."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def picture_uri(pixels: np.ndarray) -> str:
    """A small picture (H, W, 3) uint8, RGB, as an address that holds it without loss."""
    stream, chosen = io.BytesIO(), encoder()
    settings = {"lossless": True} if chosen is _WEBP else {"optimize": True}
    Image.fromarray(pixels).save(stream, chosen.format, **settings)
    return data_uri(stream.getvalue(), chosen.mime)
