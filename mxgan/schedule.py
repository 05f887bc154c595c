"""In which order one training step does what, as data: `Schedule.plan` is the list that steps.py carries out."""

from __future__ import annotations

from dataclasses import dataclass

from mxgan.checks import check_switch, whole_number

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
        return self._latents_of_generator(self.generator_updates - 1) + 1

    def plan(self, labelled: bool = False, penalty: bool = False) -> list:
        """The step as a list of (action, batch): `steps.ACTIONS` says what each does, `batch` is which it takes.

        Parameters
        ----------
        labelled : each of D's rounds has a batch for D's classifier alone too.
        penalty : each of D's rounds ends with the penalty on D's gradient.
        """
        rounds = [self._round(index, labelled, penalty) for index in range(self.discriminator_updates)]
        actions = [action for each in rounds for action in each]
        for update in range(self.generator_updates):
            if update or self.fresh_fakes:
                actions.append(("generate", self._latents_of_generator(update)))
            actions.append(("update_generator", 0))
        return actions

    def _round(self, index: int, labelled: bool, penalty: bool) -> list:
        fake = [("generate", index), ("judge_fake", index)]
        real = [("judge_real", index)] + [("judge_labelled", index)] * labelled
        update, penalize = [("update_discriminator", index)], [("penalize", index)] * penalty
        if self.separate_updates:
            return real + update + fake + penalize + update
        return fake + real + penalize + update

    def _latents_of_generator(self, update: int) -> int:
        """Which batch of latents G's update number `update` takes; D's rounds take the first ones."""
        own = int(self.fresh_fakes) + (0 if self.fixed_latents else update)
        return self.discriminator_updates - 1 + own
