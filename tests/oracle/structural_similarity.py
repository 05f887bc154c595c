"""Multi-scale structural similarity written out window by window, from Wang et al. 2003 and 2004."""

from __future__ import annotations

import math

import numpy as np

WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]


def window(size):
    """A Gaussian of σ 1.5 on 11×11 pixels; on fewer, the same one made smaller."""
    sigma, middle = 1.5 * size / 11, (size - 1) / 2
    weights = [
        [math.exp(-((row - middle) ** 2 + (column - middle) ** 2) / (2 * sigma**2)) for column in range(size)]
        for row in range(size)
    ]
    return np.array(weights) / np.sum(weights)


def terms(x, y):
    """(mean l·c·s, mean c·s) over the windows of one channel, pixels from 0 to 255."""
    size = min(11, *x.shape)
    weights = window(size)
    all_terms, contrasts = [], []
    for row in range(x.shape[0] - size + 1):
        for column in range(x.shape[1] - size + 1):
            a, b = (each[row : row + size, column : column + size] for each in (x, y))
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            luminance = (2 * mean_a * mean_b + 2.55**2) / (mean_a**2 + mean_b**2 + 2.55**2)
            contrasts.append((2 * covariance + 7.65**2) / (var_a + var_b + 7.65**2))
            all_terms.append(luminance * contrasts[-1])
    return np.mean(all_terms), np.mean(contrasts)


def halved(x):
    return np.array([[x[r : r + 2, c : c + 2].mean() for c in range(0, x.shape[1], 2)] for r in range(0, len(x), 2)])


def similarity(a, b):
    """MS-SSIM of two images (C, H, W) in [-1, 1]."""
    a, b = ((each.astype(np.float64) + 1) * 127.5 for each in (a, b))
    found = 1.0
    for scale, weight in enumerate(WEIGHTS):
        of_channels = [terms(x, y) for x, y in zip(a, b)]
        whole, contrast = np.mean(of_channels, axis=0)
        found *= max(0.0, whole if scale == 4 else contrast) ** weight
        if scale < 4:
            a, b = (np.array([halved(x) for x in each]) for each in (a, b))
    return found
