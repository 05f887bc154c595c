"""Arrays taken as numbers, distributions or samples: each checked, ArgumentError or ShapeError saying what is wrong."""

from __future__ import annotations

import numpy as np

from mxgan.errors import ArgumentError, ShapeError

__all__ = ["SUM_TOLERANCE", "distribution", "non_negative", "numbers", "same_shape", "sample_rows"]

SUM_TOLERANCE = 1e-6  # the rounding of float32 probabilities


def numbers(name: str, values) -> np.ndarray:
    """`values` (an MXNet array too) as float64, at least one, all finite."""
    try:
        values = np.asarray(values.asnumpy() if hasattr(values, "asnumpy") else values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{name} is no array of numbers: {error}.") from error
    if values.ndim == 0 or values.size == 0:
        raise ShapeError(f"{name} has shape {values.shape}; give an array of at least one number.")
    if not np.isfinite(values).all():
        raise ArgumentError(f"{name} holds NaN or infinity; give finite numbers.")
    return values


def non_negative(name: str, values) -> np.ndarray:
    """`numbers`, none below 0."""
    values = numbers(name, values)
    if values.min() < 0:
        raise ArgumentError(f"{name} holds {values.min():g}; give numbers of 0 or more.")
    return values


def distribution(name: str, values) -> np.ndarray:
    """`non_negative` with sum 1 within `SUM_TOLERANCE`, divided by its sum."""
    values = non_negative(name, values)
    total = values.sum()
    if abs(total - 1) > SUM_TOLERANCE:
        raise ArgumentError(f"{name} sums to {total:.8g}, a distribution to 1; divide it by its sum.")
    return values / total


def same_shape(p: np.ndarray, q: np.ndarray) -> tuple:
    """(p, q), of one shape."""
    if p.shape != q.shape:
        raise ShapeError(f"p {p.shape} and q {q.shape} differ in shape; give both over the same outcomes.")
    return p, q


def sample_rows(name: str, values) -> np.ndarray:
    """(N,) or (N, axes) as (N, axes)."""
    values = numbers(name, values)
    if values.ndim > 2:
        raise ShapeError(f"{name} has shape {values.shape}; give samples (N,) or (N, axes).")
    return values.reshape(len(values), -1)
