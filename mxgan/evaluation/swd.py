"""Sliced Wasserstein distance (SWD) of image patches, for each resolution of a Laplacian pyramid.

Each level of the pyramid has the details that its resolution adds: edges at the finest level. The last level has the
rest, the layout of the image. Patches of 7×7 pixels are taken at random from every image of both sets. They are
normalised by the mean and standard deviation of each channel in their own set. Along a random direction, two sets of
equally many numbers are compared exactly, by sorting. The distance is the mean over the directions.

The steps of a pyramid are linear and separable: each is one matrix product from the left and one from the right.
Patches are not stored. They are taken again for each block of directions, which bounds the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, ShapeError, lookup
from mxgan.evaluation.arrays import draws, same_images, some_rows
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.swd_halves import level_spread, mean_details
from mxgan.evaluation.swd_patches import Patches, resample
from mxgan.runtime.config import whole_number
from mxgan.runtime.memory import check_room

__all__ = ["PYRAMIDS", "check_pyramid", "measure_swd", "sliced_wasserstein"]

LEAST_HALVED = 4  # images, for an error: two in each half
SMALLEST = 16  # side of the coarsest level, in pixels
BINOMIAL = np.array([1, 4, 6, 4, 1]) / 16
BLOCK_NUMBERS = 52 * 2**21  # number of projections held at a time, for each set: 416 MiB


class Pyramid(NamedTuple):
    """The rules of a pyramid.

    edges : pixels beyond the image. blow_up : upsampling of one pixel to four. levels : the largest number of levels;
    None: down to SMALLEST.
    """

    edges: str
    blow_up: str
    levels: Optional[int] = None


PYRAMIDS = {
    # Karras et al. 2018, like OpenCV's pyrDown and pyrUp inside the image: mirrored edges, zeros between the pixels.
    "mirrored": Pyramid("mirror", "zeros"),
    # MMGeneration, the source of the only published result of a DCGAN on MNIST: zeros (middle grey) beyond the edges,
    # each pixel repeated four times, and no more than four levels: 256 pixels go down to 32, not to 16.
    "padded": Pyramid("zero", "repeat", 4),
}


def check_pyramid(name: str) -> str:
    """The name, if it is a key of PYRAMIDS; else ArgumentError."""
    lookup("pyramid", name, PYRAMIDS)
    return name


def sliced_wasserstein(
    real,
    fake,
    *,
    seed: int = 0,
    patches_per_image: int = 128,
    patch_size: int = 7,
    directions: int = 512,
    pyramid: str = "mirrored",
) -> dict:
    """Sliced Wasserstein distance × 10³ of two sets of images, {"64": …, "32": …, "16": …, "mean": …}.

    Parameters
    ----------
    real, fake : (N, C, H, W) in [-1, 1], the same N for both. The shorter side is a power of two from 16; the longer
        one can be halved as often as that one down to 16. The protocol has N = 16,384 and square images.
        Grey images count as three equal channels, as in the published results. So grey images and their RGB copies give
        the same values, but grey images take a third of the time.
    seed : seed of the patch positions and of the directions.
    patches_per_image : number of patches of each image at each level.
    patch_size : side of the patches, odd, at most 15.
    directions : number of unit vectors, uniform on the sphere (published as 4 × 128).
    pyramid : a key of `PYRAMIDS`. Values of different pyramids are not comparable. "padded" has four levels at most.

    Returns
    -------
    {shorter side of a level: distance}, and their mean. 0 for the same images; always finite, because a set without
    contrast is set to 0 instead of divided by its standard deviation.

    Raises ShapeError and ArgumentError for invalid images or numbers out of range.

    Source: Karras et al. 2018, "Progressive growing of GANs", section 5. One difference: the patches have the same
    positions in both sets, so that the distance of a set to itself is 0.
    """
    vectors, levels = _levels(real, fake, seed, patches_per_image, patch_size, directions, pyramid)
    found = {name: 1e3 * _distance(*pair, vectors) for name, pair in levels}
    return {**found, "mean": float(np.mean(list(found.values())))}


def measure_swd(reference: Bundle, samples: Bundle, settings: Settings) -> dict:
    """The row `swd` of METRICS. If one side has more images, a random part as large as the other side is used.

    Details: the value of each level; the standard error of the mean; `real`, the mean for one half of the real images
    against the other half, and `real_images`, the number of images in a half. Fewer than 4 images have neither an error
    nor `real`.
    """
    count = min(len(reference.images), len(samples.images))
    real, fake = (some_rows(side.images, count, settings.seed, "swd") for side in (reference, samples))
    vectors, levels = _levels(real, fake, settings.seed, pyramid=settings.pyramid)
    found, spreads = {}, []
    for name, pair in levels:
        found[name] = 1e3 * _distance(*pair, vectors)
        if count >= LEAST_HALVED:
            spreads.append(level_spread(*pair, vectors, settings.seed))
    more = {**mean_details(spreads, len(vectors)), "real_images": count // 2} if spreads else {}
    details = {**found, **more, "pyramid": settings.pyramid, "images": count}
    return {"swd": Score(float(np.mean(list(found.values()))), details)}


def _levels(
    real,
    fake,
    seed: int,
    patches_per_image: int = 128,
    patch_size: int = 7,
    directions: int = 512,
    pyramid: str = "mirrored",
) -> tuple:
    """(directions, iterator of (name, (patches of real, of fake)) for each level), once the arguments are checked."""
    real, fake = same_images(("real", "fake"), real, fake, least=2)
    _check_sizes(real, fake, patch_size)
    whole_number("patches_per_image", patches_per_image)
    vectors = _directions(seed, whole_number("directions", directions), real.shape[1], patch_size)
    projected = (
        max(1, min(len(vectors), BLOCK_NUMBERS // (len(real) * patches_per_image))) * len(real) * patches_per_image
    )
    check_room(f"projections of {len(real):,} images", 2 * real.itemsize * projected, "Give fewer, or leave swd out.")
    sizes = _sizes(min(real.shape[2:]), PYRAMIDS[check_pyramid(pyramid)].levels)

    def each(real: np.ndarray, fake: np.ndarray) -> Iterator[tuple]:
        for size in sizes:
            sides = real.shape[2:]
            places = _places(seed, sides, patch_size, (len(real), patches_per_image))
            steps = [_steps(side, pyramid) for side in sides] if size != sizes[-1] else None  # else: the rest
            yield str(size), tuple(Patches(side, steps, places, patch_size) for side in (real, fake))
            if steps:
                real, fake = (resample(images, *(down for down, _ in steps)) for images in (real, fake))

    return vectors, each(real, fake)


def _check_sizes(real: np.ndarray, fake: np.ndarray, patch_size: int) -> None:
    if len(real) != len(fake):
        raise ShapeError(f"real has {len(real)} images, fake {len(fake)}; give the same number of each.")
    height, width = real.shape[2:]
    shorter, longer = sorted((height, width))
    if shorter < SMALLEST or shorter & (shorter - 1) or longer % (shorter // SMALLEST):
        raise ShapeError(
            f"images are {height}x{width}; give a shorter side of 16, 32, 64, 128, … and a longer one that can be "
            f"halved as often (48 with 32, 80 with 64)."
        )
    if whole_number("patch_size", patch_size, 1, SMALLEST) % 2 == 0:
        raise ArgumentError(f"patch_size is {patch_size}; give an odd number from 1 to {SMALLEST - 1}.")


def _directions(seed: int, count: int, channels: int, patch_size: int) -> np.ndarray:
    """Unit vectors (count, channels · patch_size²). For grey images: vectors of three channels, summed over them."""
    drawn = draws("directions", seed).standard_normal((count, 3 if channels == 1 else channels, patch_size**2))
    drawn /= np.sqrt((drawn**2).sum(axis=(1, 2), keepdims=True))
    folded = drawn.sum(axis=1) if channels == 1 else drawn.reshape(count, -1)
    return folded.astype(np.float32)


def _places(seed: int, sides: tuple, patch_size: int, shape: tuple) -> tuple:
    """(rows, columns) of the first pixel of each patch, each of `shape` (N, patches_per_image)."""
    ends = np.reshape([side - patch_size + 1 for side in sides], (2, 1, 1))
    return tuple(draws("patches", seed, min(sides)).integers(0, ends, (2, *shape), dtype=np.int16))


def _sizes(side: int, most: Optional[int]) -> list:
    """The shorter sides of the levels: side, side / 2, … down to SMALLEST, or of the first `most` levels."""
    return [side >> halvings for halvings in range(side.bit_length()) if side >> halvings >= SMALLEST][:most]


def _steps(size: int, name: str) -> tuple:
    """The matrices (down (size/2, size), up (size, size/2)) of a pyramid step along one axis of `size` pixels."""
    pyramid = PYRAMIDS[check_pyramid(name)]
    blur = np.zeros((size, size))
    for offset, weight in zip(range(-2, 3), BINOMIAL):
        for row in range(size):
            column = row + offset
            if pyramid.edges == "mirror":  # … 2 1 | 0 1 2 …, as in OpenCV's BORDER_REFLECT_101
                column = size - 1 - abs(size - 1 - abs(column))
            if 0 <= column < size:
                blur[row, column] += weight
    spread = 2 * blur[:, ::2] if pyramid.blow_up == "zeros" else blur[:, ::2] + blur[:, 1::2]
    return blur[::2].astype(np.float32), spread.astype(np.float32)


def _distance(real: Patches, fake: Patches, vectors: np.ndarray) -> float:
    """The mean of the Wasserstein distances along all vectors."""
    block = max(1, BLOCK_NUMBERS // real.count)
    total = 0.0
    with ThreadPoolExecutor(2) as pool:  # to sort takes most of the time, and each sort has one thread
        for start in range(0, len(vectors), block):
            some = vectors[start : start + block]
            gaps, others = pool.map(Patches.project, (real, fake), (some, some))
            gaps -= others
            np.abs(gaps, out=gaps)
            total += gaps.sum(dtype=np.float64)
    return float(total / (len(vectors) * real.count))
