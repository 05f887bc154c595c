"""What the metrics take, checked where it enters: images, features, probabilities, labels; and their random draws."""

from __future__ import annotations

import numpy as np

from mxgan.errors import ArgumentError, ShapeError
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import rng_for

__all__ = [
    "as_bytes_range",
    "check_features",
    "check_images",
    "check_labels",
    "check_probabilities",
    "draws",
    "same_features",
    "same_images",
    "some_rows",
]

RANGE_SLACK = 1e-3  # beyond [-1, 1]: rounding, of half precision too
LARGEST_FEATURE = 1e20  # the square of its cube is still a number
SUM_SLACK = 1e-3  # of a row of probabilities, likewise


def check_images(name: str, images, least: int = 1) -> np.ndarray:
    """`images` as float32 (N, C, H, W) in [-1, 1], at least `least` of them; not copied where they are that already.

    Raises ShapeError: not four axes, or too few. ArgumentError: not numbers, NaN, infinite, or out of range.
    """
    try:
        images = images.asnumpy() if hasattr(images, "asnumpy") else np.asarray(images)
    except ValueError as error:
        raise ArgumentError(f"{name} are no array of numbers: {error}.") from error
    if images.ndim != 4 or 0 in images.shape[1:]:
        raise ShapeError(f"{name} has shape {images.shape}; give images (N, C, H, W).")
    _check_count(name, len(images), least, "images")
    if not np.issubdtype(images.dtype, np.floating):
        raise ArgumentError(f"{name} are {images.dtype}; give floats in [-1, 1], such as bytes / 127.5 - 1.")
    low, high = images.min(), images.max()  # NaN where there is one: no array of booleans of that size
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ArgumentError(f"{name} hold NaN or infinity; give finite images.")
    if low < -1 - RANGE_SLACK or high > 1 + RANGE_SLACK:
        raise ArgumentError(f"{name} go from {low:g} to {high:g}; give images in [-1, 1], such as bytes / 127.5 - 1.")
    return images.astype(np.float32, copy=False)


def same_images(names: tuple, first, second, least: int = 1) -> tuple:
    """Both as `check_images` gives them, with images of one shape."""
    first, second = check_images(names[0], first, least), check_images(names[1], second, least)
    if first.shape[1:] != second.shape[1:]:
        raise ShapeError(
            f"{names[0]} are (N, {_axes(first)}), {names[1]} (N, {_axes(second)}); give both with the same channels "
            "and size."
        )
    return first, second


def as_bytes_range(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1] as float64 from 0 to 255, not rounded."""
    return np.clip((images.astype(np.float64) + 1) * 127.5, 0, 255)


def check_features(name: str, features, least: int = 1) -> np.ndarray:
    """`features` as float64 (N, D), finite, at least `least` rows; ShapeError or ArgumentError otherwise."""
    features = numbers(name, features)
    if features.ndim != 2:
        raise ShapeError(f"{name} has shape {features.shape}; give features (N, D).")
    largest = np.abs(features).max()
    if largest > LARGEST_FEATURE:
        raise ArgumentError(f"{name} holds {largest:g}; give features up to {LARGEST_FEATURE:g}.")
    _check_count(name, len(features), least, "rows")
    return features


def same_features(names: tuple, first, second, least: int = 1) -> tuple:
    """Both as `check_features` gives them, with rows of one length."""
    first, second = check_features(names[0], first, least), check_features(names[1], second, least)
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"{names[0]} has {first.shape[1]} features a row, {names[1]} {second.shape[1]}; "
            "give features of the same network."
        )
    return first, second


def check_probabilities(name: str, probabilities, least: int = 1) -> np.ndarray:
    """`probabilities` as float64 (N, K), each row ≥ 0 and divided by its sum, which is 1 within `SUM_SLACK`."""
    probabilities = non_negative(name, probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ShapeError(f"{name} has shape {probabilities.shape}; give probabilities (N, K) of K ≥ 2 classes.")
    _check_count(name, len(probabilities), least, "rows")
    sums = probabilities.sum(axis=1, keepdims=True)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst, 0] - 1) > SUM_SLACK:
        raise ArgumentError(
            f"row {worst} of {name} sums to {sums[worst, 0]:.6g}, probabilities to 1; give a softmax's output."
        )
    return probabilities / sums


def check_labels(name: str, labels, classes: int) -> np.ndarray:
    """`labels` as int64 (N,), whole numbers from 0 to `classes` - 1."""
    labels = numbers(name, labels)
    if labels.ndim != 1:
        raise ShapeError(f"{name} has shape {labels.shape}; give labels (N,).")
    if (labels != np.floor(labels)).any() or labels.min() < 0 or labels.max() >= classes:
        raise ArgumentError(
            f"{name} are not all whole numbers from 0 to {classes - 1}; give labels of {classes} classes."
        )
    return labels.astype(np.int64)


def draws(stream: str, seed: int, index: int = 0) -> np.random.Generator:
    """`mxgan.data.latents.generator` of the metrics' own streams."""
    return rng_for(f"evaluation {stream}", whole_number("seed", seed, 0, 2**63 - 1), index)


def some_rows(rows: np.ndarray, count: int, seed: int, stream: str) -> np.ndarray:
    """`count` of the rows at random, in their order (data may lie in that of its classes); all if there are no more."""
    if count >= len(rows):
        return rows
    return rows[np.sort(draws(stream, seed).choice(len(rows), count, replace=False))]


def _check_count(name: str, given: int, least: int, what: str) -> None:
    if given < least:
        raise ShapeError(f"{name} has {given} {what}; give at least {least}.")


def _axes(images: np.ndarray) -> str:
    return ", ".join(map(str, images.shape[1:]))


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
