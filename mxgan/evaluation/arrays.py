"""Checks of the arrays that metrics take (images, features, probabilities, labels), and the metrics' random draws."""

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
    "distribution",
    "draws",
    "non_negative",
    "numbers",
    "same_features",
    "same_images",
    "same_shape",
    "sample_rows",
    "some_rows",
]

RANGE_SLACK = 1e-3  # allowed beyond [-1, 1]: rounding, also of half precision
LARGEST_FEATURE = 1e20  # float64 still holds the square of its cube
SUM_SLACK = 1e-3  # allowed error of the sum of a row of probabilities: rounding, also of half precision
SUM_TOLERANCE = 1e-6  # allowed error of the sum of a distribution: the rounding of float32


# ---- numbers and distributions ----


def numbers(name: str, values) -> np.ndarray:
    """`values`, a NumPy or MXNet array or a list, as float64: at least one number, all finite.

    Raises ArgumentError for values that are not finite numbers, ShapeError for a single number or an empty array.
    """
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
    """`values` as `numbers` returns them; ArgumentError if one is below 0."""
    values = numbers(name, values)
    if values.min() < 0:
        raise ArgumentError(f"{name} holds {values.min():g}; give numbers of 0 or more.")
    return values


def distribution(name: str, values) -> np.ndarray:
    """`values` as `non_negative` returns them, divided by their sum.

    Raises ArgumentError if the sum differs from 1 by more than `SUM_TOLERANCE`.
    """
    values = non_negative(name, values)
    total = values.sum()
    if abs(total - 1) > SUM_TOLERANCE:
        raise ArgumentError(f"{name} sums to {total:.8g}, but a distribution sums to 1; divide it by its sum.")
    return values / total


def same_shape(p: np.ndarray, q: np.ndarray) -> tuple:
    """(p, q); ShapeError if their shapes differ."""
    if p.shape != q.shape:
        raise ShapeError(f"p {p.shape} and q {q.shape} differ in shape; give both over the same outcomes.")
    return p, q


def sample_rows(name: str, values) -> np.ndarray:
    """Samples (N,) or (N, axes) as (N, axes); ShapeError for more dimensions."""
    values = numbers(name, values)
    if values.ndim > 2:
        raise ShapeError(f"{name} has shape {values.shape}; give samples (N,) or (N, axes).")
    return values.reshape(len(values), -1)


# ---- images ----


def check_images(name: str, images, least: int = 1) -> np.ndarray:
    """`images` as float32 (N, C, H, W) in [-1, 1], at least `least` of them; not copied if they are float32 already.

    Raises ShapeError for an array without four axes or with too few images. Raises ArgumentError for values that are
    not floats, not finite, or outside [-1, 1].
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
    low, high = images.min(), images.max()  # NaN if any is NaN; isfinite(images) would need a large array
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ArgumentError(f"{name} hold NaN or infinity; give finite images.")
    if low < -1 - RANGE_SLACK or high > 1 + RANGE_SLACK:
        raise ArgumentError(f"{name} go from {low:g} to {high:g}; give images in [-1, 1], such as bytes / 127.5 - 1.")
    return images.astype(np.float32, copy=False)


def same_images(names: tuple, first, second, least: int = 1) -> tuple:
    """Both arrays as `check_images` returns them; ShapeError if their images differ in shape."""
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


# ---- features ----


def check_features(name: str, features, least: int = 1) -> np.ndarray:
    """`features` as float64 (N, D), finite, at least `least` rows; else ShapeError or ArgumentError."""
    features = numbers(name, features)
    if features.ndim != 2:
        raise ShapeError(f"{name} has shape {features.shape}; give features (N, D).")
    largest = np.abs(features).max()
    if largest > LARGEST_FEATURE:
        raise ArgumentError(f"{name} holds {largest:g}; give features up to {LARGEST_FEATURE:g}.")
    _check_count(name, len(features), least, "rows")
    return features


def same_features(names: tuple, first, second, least: int = 1) -> tuple:
    """Both arrays as `check_features` returns them; ShapeError if their rows differ in length."""
    first, second = check_features(names[0], first, least), check_features(names[1], second, least)
    if first.shape[1] != second.shape[1]:
        raise ShapeError(
            f"{names[0]} has {first.shape[1]} features a row, {names[1]} {second.shape[1]}; "
            "give features of the same network."
        )
    return first, second


# ---- probabilities and labels ----


def check_probabilities(name: str, probabilities, least: int = 1) -> np.ndarray:
    """`probabilities` as float64 (N, K), each row ≥ 0 and divided by its sum.

    Raises ArgumentError if the sum of a row differs from 1 by more than `SUM_SLACK`.
    """
    probabilities = non_negative(name, probabilities)
    if probabilities.ndim != 2 or probabilities.shape[1] < 2:
        raise ShapeError(f"{name} has shape {probabilities.shape}; give probabilities (N, K) of K ≥ 2 classes.")
    _check_count(name, len(probabilities), least, "rows")
    sums = probabilities.sum(axis=1, keepdims=True)
    worst = int(np.abs(sums - 1).argmax())
    if abs(sums[worst, 0] - 1) > SUM_SLACK:
        raise ArgumentError(
            f"row {worst} of {name} sums to {sums[worst, 0]:.6g}, but probabilities sum to 1; give a softmax's output."
        )
    return probabilities / sums


def check_labels(name: str, labels, classes: int) -> np.ndarray:
    """`labels` as int64 (N,), whole numbers from 0 to `classes` - 1; else ShapeError or ArgumentError."""
    labels = numbers(name, labels)
    if labels.ndim != 1:
        raise ShapeError(f"{name} has shape {labels.shape}; give labels (N,).")
    if (labels != np.floor(labels)).any() or labels.min() < 0 or labels.max() >= classes:
        raise ArgumentError(
            f"{name} are not all whole numbers from 0 to {classes - 1}; give labels of {classes} classes."
        )
    return labels.astype(np.int64)


# ---- random draws ----


def draws(stream: str, seed: int, index: int = 0) -> np.random.Generator:
    """The NumPy random generator of a metric: `rng_for` of a stream that only evaluation uses."""
    return rng_for(f"evaluation {stream}", whole_number("seed", seed, 0, 2**63 - 1), index)


def some_rows(rows: np.ndarray, count: int, seed: int, stream: str) -> np.ndarray:
    """`count` random rows, in their order; all rows if there are not more than `count`.

    The rows are random because a data set may be sorted by class.
    """
    if count >= len(rows):
        return rows
    return rows[np.sort(draws(stream, seed).choice(len(rows), count, replace=False))]


# ---- parts ----


def _check_count(name: str, given: int, least: int, what: str) -> None:
    if given < least:
        raise ShapeError(f"{name} has {given} {what}; give at least {least}.")


def _axes(images: np.ndarray) -> str:
    return ", ".join(map(str, images.shape[1:]))
