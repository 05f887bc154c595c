"""Schedule of a training step and instance noise of a run, as plain values; step.py uses them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from mxgan.errors import ArgumentError
from mxgan.runtime.config import check_switch, whole_number

__all__ = ["Schedule"]


@dataclass(frozen=True)
class Schedule:
    """The order and the number of updates in one training step.

    Parameters
    ----------
    discriminator_updates : the number of rounds of D in a step, each with new fakes and reals; five for a Wasserstein
        critic.
    generator_updates : the number of updates of G in a step.
    separate_updates : D is updated on the real batch and then on the fake batch; else once, on both together.
    fresh_fakes : G is trained on fakes from new latents; else its first update uses the last fakes of D.
    fixed_latents : every step uses the same latents, drawn once: those of D's rounds, and one batch for G.
    mean_of_losses : D's loss is the mean of the losses on fake and on real images; else their sum.

    The defaults are the step of MXNet's own DCGAN example: fake, real, one update of D; the same fakes through G.
    """

    discriminator_updates: int = 1
    generator_updates: int = 1
    separate_updates: bool = False
    fresh_fakes: bool = False
    fixed_latents: bool = False
    mean_of_losses: bool = False

    def __post_init__(self) -> None:
        for name in ("discriminator_updates", "generator_updates"):
            whole_number(name, getattr(self, name), maximum=1000)
        for name in ("separate_updates", "fresh_fakes", "fixed_latents", "mean_of_losses"):
            check_switch(name, getattr(self, name))

    @property
    def real_batches(self) -> int:
        """The number of real batches in one step."""
        return self.discriminator_updates

    @property
    def latent_batches(self) -> int:
        """The number of latent batches in one step."""
        return self.latents_of_generator(self.generator_updates - 1) + 1

    def updates_of(self, half: str) -> int:
        """The number of updates of "generator" or "discriminator" in one step."""
        if half == "generator":
            return self.generator_updates
        return self.discriminator_updates * (2 if self.separate_updates else 1)

    def latents_of_generator(self, update: int) -> int:
        """The index of the latent batch for update `update` of G; D's rounds use the first batches."""
        own = int(self.fresh_fakes) + (0 if self.fixed_latents else update)
        return self.discriminator_updates - 1 + own


MOST_SIGMA = 1000  # images are in [-1, 1]; MXNet fails in the middle of a step if float32 cannot hold the value

LEAST_SIGMA = 1e-9  # smaller noise is less than half a bit of a pixel and changes nothing


@dataclass(frozen=True)
class InstanceNoise:
    """Normal noise on every input image of D, real and fake; it can fade linearly to zero.

    At first the distributions of G's images and of the data do not overlap. A discriminator can separate them by any
    small detail, so its gradient does not help G to improve. Noise makes the two distributions overlap.

    Parameters
    ----------
    sigma : standard deviation at step 0, in units of the images' range [-1, 1]; 0: no noise.
    steps : the step at which the noise reaches zero; None: constant noise.

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
        """Standard deviation at `step`; 0 if it would change no pixel."""
        sigma = self.sigma if self.steps is None else self.sigma * max(0.0, 1 - step / self.steps)
        return sigma if sigma >= LEAST_SIGMA else 0.0
