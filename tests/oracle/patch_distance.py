"""The sliced Wasserstein distance of patches written out pixel by pixel, from Karras et al. 2018, section 5.

Given are the places and the directions that mxgan drew; all else is worked out here, in float64 and plain loops.
"""

from __future__ import annotations

import numpy as np

KERNEL = [1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16]


def pixel(picture, row, column, edges):
    """A pixel, also beyond the edges: mirrored at the outermost pixel, or 0."""
    height, width = np.shape(picture)
    if edges == "zero" and not (0 <= row < height and 0 <= column < width):
        return 0.0
    inside = ((row, height), (column, width))
    row, column = (-n if n < 0 else 2 * (size - 1) - n if n >= size else n for n, size in inside)
    return picture[row][column]


def blurred(picture, edges):
    out = np.zeros(np.shape(picture))
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            for down, a in enumerate(KERNEL):
                for right, b in enumerate(KERNEL):
                    out[row, column] += a * b * pixel(picture, row + down - 2, column + right - 2, edges)
    return out


def halved(picture, edges):
    return blurred(picture, edges)[::2, ::2]


def doubled(picture, edges, blow_up):
    wide = np.zeros([2 * size for size in np.shape(picture)])
    for row in range(wide.shape[0]):
        for column in range(wide.shape[1]):
            if blow_up == "repeat":
                wide[row, column] = picture[row // 2][column // 2]
            elif row % 2 == column % 2 == 0:
                wide[row, column] = 4 * picture[row // 2][column // 2]
    return blurred(wide, edges)


def levels(picture, edges, blow_up, smallest=16):
    """The Laplacian pyramid of one channel, finest first."""
    found = []
    while min(np.shape(picture)) // 2 >= smallest:
        smaller = halved(picture, edges)
        found.append(picture - doubled(smaller, edges, blow_up))
        picture = smaller
    return [*found, picture]


def descriptors(images, places, side):
    """One level's images (N, C, H, W) → patches (N · places, C, side, side), each channel of mean 0, deviation 1."""
    found = []
    for image, rows, columns in zip(images, *places):
        for row, column in zip(rows, columns):
            found.append(image[:, row : row + side, column : column + side])
    found = np.array(found)
    for channel in range(found.shape[1]):
        found[:, channel] -= found[:, channel].mean()
        found[:, channel] /= found[:, channel].std()
    return found


def patch_distance(real, fake, edges, blow_up, places, directions, side=7):
    """{size: distance × 10³} for images with 3 channels; places {size: (rows, columns)}, directions (n, 3 · side²).

    The size of a level is its shorter side.
    """
    pyramids = []
    for images in (real, fake):
        each = [[levels(channel, edges, blow_up) for channel in image.astype(np.float64)] for image in images]
        pyramids.append([np.array([[c[level] for c in image] for image in each]) for level in range(len(each[0][0]))])
    found = {}
    for a, b in zip(*pyramids):
        size = min(a.shape[2:])
        a, b = (descriptors(level, places[size], side).reshape(-1, 3 * side**2) for level in (a, b))
        gaps = [np.mean(np.abs(np.sort(a @ line) - np.sort(b @ line))) for line in directions]
        found[str(size)] = 1000 * float(np.mean(gaps))
    return found
