"""Random numbers and latents that depend only on (stream, seed, index).

A draw does not depend on the number of earlier draws. So a run that was stopped and resumed gets the same numbers as
an uninterrupted run, and so does the same run on another device.
"""

from __future__ import annotations

import hashlib

import numpy as np

from mxgan.errors import ArgumentError, lookup
from mxgan.runtime.config import is_number

__all__ = ["check_distribution", "check_psi", "draw_latents", "rng_for", "truncated"]

DISTRIBUTIONS = {  # of latents: (random generator, shape) → float32
    "normal": lambda rng, shape: rng.standard_normal(shape, dtype=np.float32),
    "uniform": lambda rng, shape: 2 * rng.random(shape, dtype=np.float32) - 1,  # in [-1, 1)
}


def rng_for(stream: str, seed: int, index: int) -> np.random.Generator:
    """A NumPy random generator; its numbers depend only on `stream`, `seed` and `index`.

    Parameters
    ----------
    stream : the purpose of the numbers ("latents", "shuffle", …); two streams never share numbers.
    seed : the run's seed, 0 … 2**63 - 1.
    index : the step or epoch, 0 … 2**63 - 1.

    Returns
    -------
    numpy.random.Generator on Philox4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"),
    keyed by the seed. Stream and index are the two high words of its 256-bit counter, so each pair has 2**128
    numbers of its own.
    """
    for name, value in (("seed", seed), ("index", index)):
        if not 0 <= value < 2**63:
            raise ArgumentError(f"{name} {value} is out of range; give a whole number from 0 to 2**63 - 1.")
    stream_word = int.from_bytes(hashlib.sha256(stream.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.Philox(key=int(seed), counter=[0, 0, stream_word, int(index)]))


def check_distribution(distribution: str) -> str:
    """The distribution itself; ArgumentError with a suggestion if it is unknown."""
    lookup("distribution of latents", distribution, DISTRIBUTIONS)
    return distribution


def draw_latents(
    shape: tuple, seed: int, index: int, stream: str = "latents", distribution: str = "normal"
) -> np.ndarray:
    """Latents of `shape`, float32, for one step; the same on every machine.

    `distribution` is "normal" (mean 0, standard deviation 1) or "uniform" (on [-1, 1]).
    """
    return DISTRIBUTIONS[check_distribution(distribution)](rng_for(stream, seed, index), shape)


def check_psi(psi: float) -> float:
    """psi itself; ArgumentError unless it is a number from 0 to 1."""
    if not is_number(psi, lambda share: 0 <= share <= 1):
        raise ArgumentError(f"psi is {psi!r}; give a number from 0 (the mean latent) to 1 (the latents as drawn).")
    return psi


def truncated(latents: np.ndarray, psi: float) -> np.ndarray:
    """Latents scaled towards their mean, which is 0 for both distributions: psi · z.

    Fewer unusual images and less variety: psi 1 changes nothing, psi 0 leaves the image of the mean latent alone. This
    is the interpolation towards the mean of Karras et al. 2019 (appendix B), here in the only latent space that there
    is; Brock et al. 2019 (section 3.1) instead draw the numbers outside of a threshold again.

    Parameters
    ----------
    latents : (N, *shape), of either distribution. psi : from 0 to 1.

    Returns
    -------
    (N, *shape) float32; for psi 1 the same bits.
    """
    return (np.asarray(latents, np.float32) * np.float32(check_psi(psi))).astype(np.float32)
