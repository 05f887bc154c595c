"""Instance noise: what keeps a discriminator from winning before the generator has learnt anything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from mxgan.errors import ArgumentError

__all__ = ["InstanceNoise"]


MOST_SIGMA = 1000  # images are in [-1, 1]; MXNet refuses what float32 cannot hold, in the middle of a step
LEAST_SIGMA = 1e-9  # less than half a bit of a pixel: none


@dataclass(frozen=True)
class InstanceNoise:
    """Normal noise on every image that D sees, real and fake, fading linearly to nothing.

    At first G's images and the data share no support, and a discriminator can tell them apart by any trifle, so
    that its gradient says nothing of what to draw. Noise blurs both into overlap.

    Parameters
    ----------
    sigma : standard deviation at step 0, in units of the images' range [-1, 1]; 0: no noise.
    steps : the step from which there is none; None: `sigma` for ever.

    Source: Sønderby et al. 2017, section 4; Arjovsky & Bottou 2017, section 3.

    >>> InstanceNoise(0.5, steps=1000).sigma_at(250)
    0.375
    """

    sigma: float = 0.0
    steps: Optional[int] = None

    def __post_init__(self) -> None:
        if not 0 <= self.sigma <= MOST_SIGMA:
            raise ArgumentError(f"the instance noise's sigma is {self.sigma}; give 0 to {MOST_SIGMA}.")
        if self.steps is not None and self.steps < 1:
            raise ArgumentError(f"the instance noise's steps is {self.steps}; give at least 1.")

    def sigma_at(self, step: int) -> float:
        """Standard deviation at `step`; 0 where it would change no pixel."""
        sigma = self.sigma if self.steps is None else self.sigma * max(0.0, 1 - step / self.steps)
        return sigma if sigma >= LEAST_SIGMA else 0.0
