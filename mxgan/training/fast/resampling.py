"""Images at twice and at half of their size, compiled by Numba. Arrays are (planes, height, width) float32."""

from __future__ import annotations

from mxgan.training.fast.options import compiled

__all__ = ["doubled", "summed_squares"]


@compiled
def doubled(planes, factor, results, first, last):
    """results[p, 2y + i, 2x + j] = factor · planes[p, y, x] for i, j of 0 and 1, of the planes in a range."""
    for plane in range(first, last):
        for y in range(results.shape[1]):
            for x in range(planes.shape[2]):
                value = factor * planes[plane, y // 2, x]
                results[plane, y, 2 * x] = value
                results[plane, y, 2 * x + 1] = value


@compiled
def summed_squares(planes, factor, results, first, last):
    """results[p, y, x] = factor · the sum of the 2×2 pixels of planes at (2y, 2x), of the planes in a range."""
    for plane in range(first, last):
        for y in range(results.shape[1]):
            for x in range(results.shape[2]):
                above = planes[plane, 2 * y, 2 * x] + planes[plane, 2 * y, 2 * x + 1]
                below = planes[plane, 2 * y + 1, 2 * x] + planes[plane, 2 * y + 1, 2 * x + 1]
                results[plane, y, x] = factor * (above + below)
