"""Images at twice and at half of their size, and augmented, compiled by Numba: each in one visit to its memory.

Colour, translation and cutout are those of mxgan/objectives/augment/operators.py, which explains their random numbers.
Each is linear in the images but for the brightness, so that a gradient goes through the adjoint changes in the reverse
order: that of colour is itself without the brightness, that of a translation is the opposite one, that of cutout is
itself.
"""

from __future__ import annotations

import numpy as np

from mxgan.training.fast.options import compiled

__all__ = ["CODES", "SIZES", "changed", "doubled", "summed_squares"]

CODES = {"colour": 0, "translation": 1, "cutout": 2}
SIZES = (3, 2, 2)  # random numbers of each code


@compiled
def _coloured(image, brightness, saturation, contrast):
    channels, height, width = image.shape
    total = 0.0
    for channel in range(channels):
        for y in range(height):
            row = np.float32(0)
            for x in range(width):
                row += image[channel, y, x]
            total += row
    one, mean = np.float32(1), np.float32(total / image.size)
    whole = (one - contrast) * mean + brightness
    own, shared = contrast * saturation, contrast * (one - saturation) / np.float32(channels)
    for y in range(height):
        for x in range(width):
            pixel = np.float32(0)
            for channel in range(channels):
                pixel += image[channel, y, x]
            for channel in range(channels):
                image[channel, y, x] = own * image[channel, y, x] + shared * pixel + whole


@compiled
def _moved(image, down, right, copy):
    channels, height, width = image.shape
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                copy[channel, y, x] = image[channel, y, x]
    begin, end = max(0, -right), min(width, width - right)  # columns whose pixel comes from inside the image
    for channel in range(channels):
        for y in range(height):
            for x in range(width):
                image[channel, y, x] = 0
            if 0 <= y + down < height:
                for x in range(begin, end):
                    image[channel, y, x] = copy[channel, y + down, x + right]


@compiled
def _cut(image, top, left):
    channels, height, width = image.shape
    for channel in range(channels):
        for y in range(max(top, 0), min(top + (height + 1) // 2, height)):
            for x in range(max(left, 0), min(left + (width + 1) // 2, width)):
                image[channel, y, x] = 0


@compiled
def changed(images, values, codes, places, adjoint, results, first, last):
    """results (N, C, H, W) = the images with all changes, or with `adjoint` a gradient of them taken back.

    values : (N, K) float32. codes : (changes,) int64, of CODES. places : (changes,) int64, of the first value of each.
    first, last : a range of images.
    """
    copy = np.empty(images.shape[1:], np.float32)
    count = len(codes)
    for number in range(first, last):
        image = results[number]
        for channel in range(images.shape[1]):
            for y in range(images.shape[2]):
                for x in range(images.shape[3]):
                    image[channel, y, x] = images[number, channel, y, x]
        for turn in range(count):
            change = count - 1 - turn if adjoint else turn
            own = values[number, places[change] :]
            if codes[change] == 0:
                _coloured(image, np.float32(0) if adjoint else own[0], own[1], own[2])
            elif codes[change] == 1:
                sign = -1 if adjoint else 1
                _moved(image, sign * int(own[0]), sign * int(own[1]), copy)
            else:
                _cut(image, int(own[0]), int(own[1]))


@compiled
def doubled(planes, factor, results, first, last):
    """For planes (P, h, w): results[p, 2y + i, 2x + j] = factor · planes[p, y, x] for i, j of 0 and 1.

    first, last : a range of planes.
    """
    for plane in range(first, last):
        for y in range(results.shape[1]):
            for x in range(planes.shape[2]):
                value = factor * planes[plane, y // 2, x]
                results[plane, y, 2 * x] = value
                results[plane, y, 2 * x + 1] = value


@compiled
def summed_squares(planes, factor, results, first, last):
    """For planes (P, 2h, 2w): results[p, y, x] = factor · the sum of the 2×2 pixels at (2y, 2x).

    first, last : a range of planes.
    """
    for plane in range(first, last):
        for y in range(results.shape[1]):
            for x in range(results.shape[2]):
                above = planes[plane, 2 * y, 2 * x] + planes[plane, 2 * y, 2 * x + 1]
                below = planes[plane, 2 * y + 1, 2 * x] + planes[plane, 2 * y + 1, 2 * x + 1]
                results[plane, y, x] = factor * (above + below)
