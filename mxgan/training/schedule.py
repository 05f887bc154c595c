"""The schedule of a training step, and the instance noise of a run, as data; step.py follows them."""

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
    discriminator_updates : rounds of D in a step, each on fakes and reals of its own; five for a Wasserstein critic.
    generator_updates : updates of G in a step.
    separate_updates : D is updated on the real batch and then on the fake one; else once, on both together.
    fresh_fakes : G is trained on fakes from new latents; else, in its first update, on those that D has just seen.
    fixed_latents : every step has the same latents, drawn once: those of D's rounds, and one batch for G.
    mean_of_losses : D's loss is the mean of that on fake and that on real images; else their sum.

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
        """Real batches that one step takes."""
        return self.discriminator_updates

    @property
    def latent_batches(self) -> int:
        """Batches of latents that one step takes."""
        return self.latents_of_generator(self.generator_updates - 1) + 1

    def updates_of(self, half: str) -> int:
        """Updates of "generator" or "discriminator" in one step."""
        if half == "generator":
            return self.generator_updates
        return self.discriminator_updates * (2 if self.separate_updates else 1)

    def latents_of_generator(self, update: int) -> int:
        """The number of the latent batch that G's update number `update` takes; D's rounds take the first ones."""
        own = int(self.fresh_fakes) + (0 if self.fixed_latents else update)
        return self.discriminator_updates - 1 + own


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
