"""Random draws that are functions of (stream, seed, index)."""

from __future__ import annotations

import hashlib

import numpy as np

from mxgan.errors import ArgumentError

__all__ = ["draw_latents", "rng_for"]


def rng_for(stream: str, seed: int, index: int) -> np.random.Generator:
    """A NumPy generator whose numbers depend on `stream`, `seed` and `index` alone.

    Parameters
    ----------
    stream : what the numbers are for ("latents", "shuffle", …); two streams never share numbers.
    seed : the run's seed, 0 … 2**63 - 1.
    index : step or epoch, 0 … 2**63 - 1.

    Returns
    -------
    numpy.random.Generator on Philox4x64 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"),
    keyed by the seed; stream and index are the two high words of its 256-bit counter, which leaves 2**128
    numbers to each.
    """
    for name, value in (("seed", seed), ("index", index)):
        if not 0 <= value < 2**63:
            raise ArgumentError(f"{name} {value} is out of range; give a whole number from 0 to 2**63 - 1.")
    stream_word = int.from_bytes(hashlib.sha256(stream.encode()).digest()[:8], "little")
    return np.random.Generator(np.random.Philox(key=int(seed), counter=[0, 0, stream_word, int(index)]))


def draw_latents(shape: tuple, seed: int, index: int, stream: str = "latents") -> np.ndarray:
    """Standard normal latents of `shape`, float32, for one step: the same on every machine."""
    return rng_for(stream, seed, index).standard_normal(shape, dtype=np.float32)
