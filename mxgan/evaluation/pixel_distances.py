"""Parts of searches by pixel distances: images as rows, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

__all__ = ["CHUNK_NUMBERS", "chunks", "exact_distances", "flat", "squares"]

CHUNK_NUMBERS = 2**23  # pixels of one side held at a time: 32 MiB in float32
CHUNK_ROWS = 2048


def flat(images: np.ndarray) -> np.ndarray:
    """Images (N, C, H, W) as rows (N, C · H · W)."""
    return images.reshape(len(images), -1)


def chunks(rows: np.ndarray) -> Iterator[tuple]:
    """All rows in chunks: (index of the first row, rows)."""
    size = max(1, min(CHUNK_ROWS, CHUNK_NUMBERS // rows.shape[1]))
    for start in range(0, len(rows), size):
        yield start, rows[start : start + size]


def squares(rows: np.ndarray) -> np.ndarray:
    """The squared norm of each row."""
    return np.einsum("nd,nd->n", rows, rows)


def exact_distances(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The distance of each a[i] to b[i], computed in float64."""
    return np.sqrt(squares(a.astype(np.float64) - b))
