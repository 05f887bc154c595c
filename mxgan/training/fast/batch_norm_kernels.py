"""BatchNorm and the activation behind it, compiled by Numba: each channel in one visit to its memory.

Arrays are (N, C, S) float32, with S places of an image, and vectors (C,). With x̂ = (x − μ) / √(σ² + ε)::

    y = f(γ x̂ + β),   f(z) = z where z > 0, else slope · z

A slope of 1 is no activation, one of 0 is ReLU. Sums of a row are float32, and sums of rows float64.
"""

from __future__ import annotations

import numpy as np

from mxgan.training.fast.options import compiled, summed

__all__ = ["gradients", "moments", "normalised"]


@summed
def _sum(row):
    total = np.float32(0)
    for place in range(row.size):
        total += row[place]
    return total


@summed
def _deviation(row, mean):
    total = np.float32(0)
    for place in range(row.size):
        total += (row[place] - mean) * (row[place] - mean)
    return total


@summed
def _sums_of_gradient(row, gradient, mean, scale, shift, slope):
    """(Σ g, Σ g (x − μ)) of one row, with g the gradient before the activation."""
    plain, weighted = np.float32(0), np.float32(0)
    for place in range(row.size):
        centred = row[place] - mean
        here = gradient[place] if centred * scale + shift > 0 else gradient[place] * slope
        plain += here
        weighted += here * centred
    return plain, weighted


@compiled
def moments(data, means, variances, first, last):
    """Write the mean and the variance (without Bessel's correction) of the channels in a range, float64."""
    count = data.shape[0] * data.shape[2]
    for channel in range(first, last):
        total = 0.0
        for image in range(data.shape[0]):
            total += _sum(data[image, channel])
        mean, squares = total / count, 0.0
        for image in range(data.shape[0]):
            squares += _deviation(data[image, channel], np.float32(mean))
        means[channel], variances[channel] = mean, squares / count


@compiled
def normalised(data, means, inverses, gamma, beta, slope, results, first, last):
    """Write f(γ (x − μ) · inverse + β) of the channels in a range."""
    for channel in range(first, last):
        mean, scale = np.float32(means[channel]), np.float32(inverses[channel] * gamma[channel])
        shift = beta[channel]
        for image in range(data.shape[0]):
            row, made = data[image, channel], results[image, channel]
            for place in range(row.size):
                value = (row[place] - mean) * scale + shift
                made[place] = value if value > 0 else value * slope


@compiled
def gradients(data, given, means, inverses, gamma, beta, slope, results, for_gamma, for_beta, first, last):
    """Write the gradients of the data (N, C, S), of γ and of β from those of the result, of the channels in a range.

    With g the gradient before the activation and M numbers in a channel::

        dβ = Σ g,  dγ = Σ g x̂,  dx = γ (g − dβ / M − x̂ dγ / M) / √(σ² + ε)
    """
    count = data.shape[0] * data.shape[2]
    for channel in range(first, last):
        mean, inverse = np.float32(means[channel]), inverses[channel]
        scale, shift = np.float32(inverse * gamma[channel]), beta[channel]
        plain, weighted = 0.0, 0.0
        for image in range(data.shape[0]):
            of_row = _sums_of_gradient(data[image, channel], given[image, channel], mean, scale, shift, slope)
            plain += of_row[0]
            weighted += of_row[1]
        for_beta[channel], for_gamma[channel] = plain, weighted * inverse
        constant, factor = np.float32(plain / count), np.float32(weighted * inverse * inverse / count)
        for image in range(data.shape[0]):
            row, gradient, made = data[image, channel], given[image, channel], results[image, channel]
            for place in range(row.size):
                centred = row[place] - mean
                here = gradient[place] if centred * scale + shift > 0 else gradient[place] * slope
                made[place] = (here - constant - centred * factor) * scale
