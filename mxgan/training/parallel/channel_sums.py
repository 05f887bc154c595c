"""The arithmetic of BatchNorm on the CPU: sums and products by channel, in pieces that fit a core's cache.

All arrays are float32 (N, C, I): samples, channels, and the I numbers of a channel in a sample. A row is one channel of
one sample. Its sum is taken in float32, sums of rows in float64. What is written depends on no number of threads.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from mxgan.runtime.cpus import threads

__all__ = ["add_data_gradient", "gradient_sums", "moments", "normalise"]

PIECE = 2**17  # numbers that are worked on at once, 512 KiB; measured: 2**15 and 2**20 are slower


def moments(data) -> tuple:
    """(means, sums of the squared deviations from them) by channel, float64 (C,)."""
    samples, channels, inner = data.shape
    means, deviations = np.empty((samples, channels)), np.empty((samples, channels))
    weights = np.full(inner, 1 / inner, np.float32)

    def work(rows: slice) -> None:
        row_means = np.matmul(data[rows], weights)
        means[rows], deviations[rows] = row_means, _products(*[data[rows] - row_means[..., None]] * 2)

    _in_pieces(work, data)
    mean = means.mean(axis=0)
    return mean, deviations.sum(axis=0) + inner * np.square(means - mean).sum(axis=0)


def normalise(data, mean, scale, beta, out, add: bool) -> None:
    """(data − mean) · scale + beta, each by channel, to `out`, or added to it."""
    mean, scale, beta = _columns(mean, scale, beta)

    def work(rows: slice) -> None:
        found = np.subtract(data[rows], mean, out=None if add else out[rows])
        found *= scale
        found += beta
        if add:
            out[rows] += found

    _in_pieces(work, data)


def gradient_sums(data, gradient, mean) -> tuple:
    """(Σ gradient, Σ gradient · (data − mean)) by channel, float64 (C,)."""
    plain, weighted = np.empty(data.shape[:2]), np.empty(data.shape[:2])
    ones = np.ones(data.shape[2], np.float32)
    (mean,) = _columns(mean)

    def work(rows: slice) -> None:
        plain[rows] = np.matmul(gradient[rows], ones)
        weighted[rows] = _products(data[rows] - mean, gradient[rows])

    _in_pieces(work, data)
    return plain.sum(axis=0), weighted.sum(axis=0)


def add_data_gradient(data, gradient, mean, slope, offset, scale, out, add: bool) -> None:
    """(gradient − (data − mean) · slope − offset) · scale, by channel, to `out`, or added to it."""
    mean, slope, offset, scale = _columns(mean, slope, offset, scale)

    def work(rows: slice) -> None:
        found = np.subtract(data[rows], mean, out=None if add else out[rows])
        found *= slope
        np.subtract(gradient[rows], found, out=found)
        found -= offset
        found *= scale
        if add:
            out[rows] += found

    _in_pieces(work, data)


def _columns(*vectors) -> list:
    """Vectors by channel as float32 (C, 1)."""
    return [np.asarray(vector, np.float32)[:, None] for vector in vectors]


def _products(first, second):
    """The scalar product of each row of one array with the same row of another, (n, C)."""
    return np.matmul(first[..., None, :], second[..., None])[..., 0, 0]


def _in_pieces(work: Callable, data) -> None:
    """Call work(rows) for slices of the samples, which it must be able to do in several threads."""
    samples, channels, inner = data.shape
    step = max(1, PIECE // (channels * inner))
    pieces = [slice(first, first + step) for first in range(0, samples, step)]
    if len(pieces) == 1 or threads().count == 1:
        for piece in pieces:
            work(piece)
    else:
        list(_pool().map(work, pieces))  # the list raises what a piece raised


@functools.lru_cache(maxsize=1)
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads().count, "batch-norm")
