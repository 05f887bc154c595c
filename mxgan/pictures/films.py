"""Films of pictures: GIF and WebP by Pillow, MP4 by imageio's ffmpeg; a caption under a picture.

A film repeats from its beginning wherever its format can say so (GIF, WebP). Frames are RGB, (H, W, 3) uint8.
"""

from __future__ import annotations

import io
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Union

import numpy as np

from mxgan.errors import ArgumentError, MXGANError, OutputError, RuntimeUnavailableError, ShapeError, first_line, lookup
from mxgan.pictures.grid import checked_grid
from mxgan.runtime.config import is_number, whole_number
from mxgan.runtime.extras import needed
from mxgan.runtime.files import write_whole
from mxgan.runtime.memory import check_room

__all__ = ["FILMS", "captioned", "check_film", "save_film", "stacked"]

MOST_PER_SECOND = {".gif": 50, ".webp": 120, ".mp4": 120}  # GIF counts hundredths, and readers slow one down to ten
LONGEST_SIDE = {".gif": 65_535, ".webp": 16_383, ".mp4": 16_384}
CAPTION = 16  # pixels of height
MP4_QUALITY = 8  # of imageio, 0 … 10


def check_film(path: Union[str, Path], fps: float) -> None:
    """Raise an error if `save_film` could not make this kind of film; called before any frame is drawn.

    Raises
    ------
    ArgumentError : an ending that is no film's, or a number of frames a second that it cannot have.
    RuntimeUnavailableError : the library that writes it is not installed.
    """
    ending = Path(path).suffix
    lookup("ending of a film", ending, FILMS, f"Give a name that ends in {', '.join(FILMS)}.")
    most = MOST_PER_SECOND[ending]
    if not is_number(fps, lambda number: 0.1 <= number <= most):
        raise ArgumentError(f"fps is {fps!r}; give a number of frames a second from 0.1 to {most} for {ending}.")
    if ending == ".webp":
        from PIL import features

        if not features.check("webp"):
            raise RuntimeUnavailableError("this Pillow cannot write WebP. Install Pillow's own wheel, or give a .gif.")
    if ending == ".mp4":
        _ffmpeg()


def _ffmpeg():
    """imageio, with an ffmpeg that can be found."""
    purpose = "A film as .mp4 is"
    try:
        needed("imageio_ffmpeg", "film", purpose).get_ffmpeg_exe()
    except RuntimeError as error:
        raise RuntimeUnavailableError(
            f"{purpose} written by ffmpeg, which cannot be found ({first_line(error)}). Install imageio-ffmpeg's wheel "
            "or ffmpeg, or give a .gif."
        ) from error
    return needed("imageio.v2", "film", purpose)


def save_film(path: Union[str, Path], frames: Iterable[np.ndarray], count: int, fps: float) -> Path:
    """Write a film, whole or not at all.

    Parameters
    ----------
    path : a name that ends in .gif, .webp or .mp4, in a folder that exists; an old file of that name is replaced.
    frames : RGB pictures (H, W, 3) uint8, all of one size; taken one after the other. Grey ones keep their values in a
        GIF; coloured ones get 256 colours each. An MP4 gets a black row or column if a side is odd, because H.264
        stores colours for squares of two pixels.
    count : the number of frames. fps : frames a second.

    Raises
    ------
    OutputError : the file cannot be written; an old one is unchanged. ShapeError : frames of several sizes, too
        large for the format, or not `count` of them. What `check_film` raises.
    """
    path = Path(path)
    check_film(path, fps)
    whole_number("the number of frames", count)
    try:
        content = FILMS[path.suffix](_same_size(frames, path.suffix, count), count, fps)
    except MXGANError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # of Pillow and imageio
        raise OutputError(f"{path} cannot be encoded: {first_line(error)}. Give another format.") from error
    write_whole(path, content)
    return path


def _same_size(frames: Iterable[np.ndarray], ending: str, count: int) -> Iterator[np.ndarray]:
    """The frames, each checked before it is encoded; ShapeError if there are more or fewer than `count`."""
    shape, number = None, -1
    for number, frame in enumerate(frames):
        if number == count:
            raise ShapeError(f"there are more frames than the {count} that this film is said to have; give the count.")
        frame = checked_grid(frame)
        if shape is None:
            shape = frame.shape
            if max(shape) > LONGEST_SIDE[ending]:
                raise ShapeError(
                    f"a frame of {shape[1]}×{shape[0]} pixels is too large for {ending}, at most "
                    f"{LONGEST_SIDE[ending]} a side; draw fewer images."
                )
            if ending != ".mp4":  # Pillow keeps every frame until the film is written
                check_room("the frames of this film", count * frame.nbytes, "Give fewer frames, or a .mp4.")
        if frame.shape != shape:
            raise ShapeError(f"frame {number} is {frame.shape}, and those before it are {shape}; give one size.")
        yield frame
    if number + 1 < count:
        raise ShapeError(f"there are {number + 1} frames, and this film is said to have {count}; give the count.")


def _times(count: int, fps: float, unit: int) -> list:
    """The length of each frame in milliseconds, whole multiples of `unit` that add up to the length of the film."""
    ends = [round(1000 * i / fps / unit) * unit for i in range(count + 1)]
    return [end - start for start, end in zip(ends, ends[1:])]


def _gif(frames: Iterator[np.ndarray], count: int, fps: float) -> bytes:
    return _by_pillow(map(_few_colours, frames), "GIF", duration=_times(count, fps, 10), optimize=False)


def _few_colours(frame: np.ndarray):
    """A picture of at most 256 colours: a grey one as it is."""
    from PIL import Image

    if (frame == frame[..., :1]).all():
        return Image.fromarray(np.ascontiguousarray(frame[..., 0]))
    return Image.fromarray(frame).quantize(256, dither=Image.Dither.NONE)


def _webp(frames: Iterator[np.ndarray], count: int, fps: float) -> bytes:
    from PIL import Image

    return _by_pillow(map(Image.fromarray, frames), "WEBP", duration=_times(count, fps, 1), quality=90)


def _by_pillow(pictures: Iterator, kind: str, **settings) -> bytes:
    content = io.BytesIO()
    next(pictures).save(content, kind, save_all=True, append_images=pictures, loop=0, **settings)
    return content.getvalue()


def _mp4(frames: Iterator[np.ndarray], count: int, fps: float) -> bytes:
    """H.264 with 4:2:0 colours, which every browser plays; ffmpeg needs a file of its own."""
    settings = {"fps": fps, "codec": "libx264", "quality": MP4_QUALITY, "pixelformat": "yuv420p"}
    with TemporaryDirectory() as folder:
        file = Path(folder) / "film.mp4"
        with _ffmpeg().get_writer(str(file), format="FFMPEG", mode="I", macro_block_size=1, **settings) as writer:
            for frame in frames:
                height, width, _ = frame.shape
                writer.append_data(np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0))))
        return file.read_bytes()


FILMS = {".gif": _gif, ".webp": _webp, ".mp4": _mp4}


def captioned(picture: np.ndarray, text: str) -> np.ndarray:
    """A picture (H, W, 3) with a line of white text on black under it: (H + 16, W, 3)."""
    from PIL import Image, ImageDraw, ImageFont

    picture = checked_grid(picture)
    line = Image.new("L", (picture.shape[1], CAPTION))
    ImageDraw.Draw(line).text((3, 2), text, fill=255, font=ImageFont.load_default())
    return np.concatenate([picture, np.repeat(np.asarray(line)[..., None], 3, axis=2)])


def stacked(pictures: Iterable[np.ndarray], gap: int) -> np.ndarray:
    """Pictures of one width below each other, with `gap` black rows between them."""
    pictures = [checked_grid(picture) for picture in pictures]
    black = np.zeros((gap, *pictures[0].shape[1:]), np.uint8)
    rows = itertools.chain.from_iterable((black, picture) for picture in pictures)
    return np.concatenate(list(rows)[1:])
