"""Directions of the latent space that change the first layer most: closed-form factorisation (SeFa)."""

from __future__ import annotations

import numpy as np

from mxgan.errors import ArgumentError, ShapeError
from mxgan.pictures.latents.parts import first_layers
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import draw_latents
from mxgan.runtime.memory import check_room

__all__ = ["along", "directions", "first_matrix"]

ROUNDING = 1e-3  # by which a first layer may differ from a linear map, as a share of its values


def directions(matrix: np.ndarray, count: int) -> np.ndarray:
    """The directions of latents to which a linear layer answers most: the first right singular vectors of its matrix.

    With ``y = A z + b``, a step along the unit vector n changes y by A n, whatever z is. The directions are the unit
    vectors n₁, n₂, … that make ‖A n‖ largest, each at right angles to those before: the eigenvectors of AᵀA. No
    image and no label is needed.

    Parameters
    ----------
    matrix : A, (outputs, d), as `first_matrix` gives it.
    count : how many, 1 … d.

    Returns
    -------
    (count, d) float32, the strongest first. The sign of each is chosen so that its largest entry is positive.

    Source: Shen and Zhou 2021, "Closed-form factorization of latent semantics in GANs", equations 5 and 6. Their
    program also scales each column of A to length 1; here it is as in the paper.
    """
    matrix = np.asarray(matrix, np.float64)
    if matrix.ndim != 2 or 0 in matrix.shape:
        raise ShapeError(f"the matrix of a first layer is {matrix.shape}; give (outputs, size of a latent).")
    count = whole_number("directions", count, maximum=matrix.shape[1])
    _check_room(0, matrix.shape[1])
    _, vectors = np.linalg.eigh(matrix.T @ matrix)  # ascending eigenvalues, vectors in columns
    found = vectors.T[::-1][:count]
    largest = np.abs(found).argmax(axis=1)[:, None]
    return (found * np.sign(np.take_along_axis(found, largest, axis=1))).astype(np.float32)


def first_matrix(sampler) -> np.ndarray:
    """The matrix A (outputs, d) of the first layer of a generator, d the number of numbers in a latent.

    It is measured: the answers of the first layer to the unit vectors, less its answer to 0. So it is the same for a
    transposed convolution, a fully connected layer and a reshaped latent, with and without bias. If latents enter
    several layers, their matrices stand below each other.

    Raises
    ------
    ArgumentError : latents do not enter a layer with a weight, or not as they are; no room for the matrix.
    """
    return np.concatenate([_matrix(layer) for layer in first_layers(sampler)])


def _matrix(layer) -> np.ndarray:
    size = int(np.prod(layer.latent_shape))
    outputs = int(np.prod(layer.image_shape))
    _check_room(outputs, size)
    probe = draw_latents((1, size), 0, 0, "first layer")
    answers = np.empty((size + 2, outputs))  # to 0, to the probe, and to each unit vector
    for start in range(0, len(answers), layer.batch_size):
        count = min(layer.batch_size, len(answers) - start)
        tried = np.eye(count, size, start - 2, dtype=np.float32)
        if start < 2 <= start + count:
            tried[1 - start] = probe
        classes = np.zeros(count, np.int64) if layer.classes else None
        made = layer.sample(tried.reshape(-1, *layer.latent_shape), classes)
        answers[start : start + count] = made.reshape(count, -1)
    zero, found = answers[:2]
    matrix = np.ascontiguousarray((answers[2:] - zero).T)  # (outputs, d)
    expected = matrix @ probe[0].astype(np.float64) + zero
    if np.abs(found - expected).max() > ROUNDING * max(np.abs(expected).max(), 1e-30):
        raise ArgumentError(
            "this generator changes its latents before the first layer with a weight, and not linearly, so the weight "
            "has no directions of latents. Use interpolate for this generator."
        )
    return matrix


def _check_room(outputs: int, size: int) -> None:
    """Raise ArgumentError if the matrix of a layer and what `directions` makes of it do not fit into the memory."""
    numbers = 3 * outputs * size + 4 * size**2
    check_room(f"The directions of {size:,} numbers in a latent", 8 * numbers, "Use interpolate for this generator.")


def along(latents: np.ndarray, direction: np.ndarray, amounts: np.ndarray) -> np.ndarray:
    """Latents moved along a direction.

    Parameters
    ----------
    latents : (N, *shape). direction : (d,), d the product of `shape`. amounts : (A,), the lengths of the steps; for
        normal latents a unit vector's amount is in standard deviations.

    Returns
    -------
    (N, A, *shape) float32. Uniform latents may leave [-1, 1].
    """
    latents, steps = np.asarray(latents), np.multiply.outer(amounts, direction)  # (A, d)
    if steps.shape[1:] != (int(np.prod(latents.shape[1:])),):
        raise ShapeError(f"a direction {np.shape(direction)} does not fit latents {latents.shape[1:]}; give (d,).")
    moved = latents[:, None] + steps.reshape(1, -1, *latents.shape[1:])
    return moved.astype(np.float32)
