"""`StepBatches`: the real, latent and labelled batches of each step, from iterators with or without `seek`."""

from __future__ import annotations

from typing import Optional

from mxgan.data.latents import RandIter
from mxgan.errors import ArgumentError, shown
from mxgan.runtime import mx
from mxgan.training.inputs import order_of_data

__all__ = ["StepBatches"]


class StepBatches:
    """The batches of a pair's steps; `Trainer` explains the iterators.

    An iterator with `seek` gives each step its own batches, whatever was read before. Another one goes on from where
    it is, and is reset at its end.
    """

    def __init__(self, pair, data, latents, labelled, seed: int) -> None:
        for name, each in {"data": data, "latents": latents, "labelled": labelled}.items():
            _check_iterator(name, each, name == "data")
        self.pair, self.data, self.labelled = pair, data, labelled
        drawn = latents is None and pair.takes_latents
        self.latents = RandIter(pair.whole_batch_size, pair.latent_shape, seed) if drawn else latents
        self._order, self._order_of_labelled = self._order_of(data), self._order_of(labelled)
        self.check_epoch(getattr(data, "batches_per_epoch", None))
        if pair.schedule.fixed_latents and self.latents is not None and not hasattr(self.latents, "seek"):
            raise ArgumentError(
                "the schedule has fixed_latents, and these latents have no seek(batch) to go back to the same ones; "
                "leave latents out, or give a mxgan.RandIter."
            )

    def _order_of(self, iterator) -> Optional[list]:
        """The places of the pair's inputs in a batch of an iterator; None if they are in the pair's order."""
        described = getattr(iterator, "provide_data", None) or ()
        return order_of_data(described, self.pair.conditions) if self.pair.conditions else None

    def check_epoch(self, batches: Optional[int]) -> None:
        """Raise ArgumentError if an epoch of so many batches is too short for one step."""
        wanted = self.pair.schedule.real_batches
        if batches is not None and batches < wanted:
            raise ArgumentError(
                f"an epoch of the data has {batches} whole batches of {self.pair.whole_batch_size}, and one step takes "
                f"{wanted}; give a smaller batch_size, fewer discriminator_updates, or more data."
            )

    def seek(self, epoch: int, iteration: int) -> None:
        """Go to the real batches of a step; an iterator without `seek` goes to the beginning of an epoch."""
        if hasattr(self.data, "seek"):
            self.data.seek(epoch, iteration * self.pair.schedule.real_batches)
        else:
            self.data.reset()

    def real(self) -> list:
        """The next step's real batches; StopIteration if the epoch has too few left."""
        wanted = self.pair.schedule.real_batches
        return [self._part(_ordered(self.data.next(), self._order)) for _ in range(wanted)]

    def latents_of(self, step: int) -> Optional[list]:
        """The latent batches of a step; None for a generator without latents."""
        if self.latents is None:
            return None
        schedule = self.pair.schedule
        if hasattr(self.latents, "seek"):
            self.latents.seek(0 if schedule.fixed_latents else step * schedule.latent_batches)
        return [self._part(_next_round(self.latents)) for _ in range(schedule.latent_batches)]

    def labelled_of(self, step: int) -> list:
        """The labelled batches of a step; empty without a labelled set."""
        if self.labelled is None:
            return []
        wanted, batches = self.pair.schedule.real_batches, []
        for position in range(step * wanted, (step + 1) * wanted):
            if hasattr(self.labelled, "seek"):
                self.labelled.seek(*divmod(position, self.labelled.batches_per_epoch))
            batches.append(self._part(_ordered(_next_round(self.labelled), self._order_of_labelled)))
        return batches

    def _part(self, batch):
        """This rank's rows of a whole batch, without a copy; a batch of another size as it is, which the pair says."""
        arrays, whole = [*(batch.data or ()), *(batch.label or ())], self.pair.whole_batch_size
        if self.pair.ranks.size == 1 or any(array.shape[:1] != (whole,) for array in arrays):
            return batch
        own = [array[self.pair.rows] for array in arrays]
        count = len(batch.data or ())
        return mx.io.DataBatch(own[:count], own[count:])


def _check_iterator(name: str, given, needed: bool) -> None:
    """Raise ArgumentError for what gives no batches; labelled batches with `seek` need the length of an epoch too."""
    if given is None and not needed:
        return
    if not callable(getattr(given, "next", None)):
        remedy = (
            'mxgan.RandIter(batch_size, shape, distribution="uniform")' if name == "latents" else "mx.io.NDArrayIter"
        )
        raise ArgumentError(
            f"{name} is {shown(given)}, which has no next(); give an iterator of mx.io.DataBatch, such as {remedy}."
        )
    if name == "labelled" and hasattr(given, "seek") and not hasattr(given, "batches_per_epoch"):
        raise ArgumentError(
            "labelled has seek(epoch, batch) and no batches_per_epoch, the number of whole batches in an epoch; give "
            "it both, or neither."
        )


def _ordered(batch, places: Optional[list]):
    """The batch with its arrays in the order of the pair's inputs; as it is if it has too few, which the pair says."""
    if places is None or len(batch.data or ()) <= max(places):
        return batch
    return mx.io.DataBatch([batch.data[place] for place in places], batch.label, batch.pad, batch.index)


def _next_round(iterator):
    """The next batch of an iterator, which begins again at its end."""
    try:
        return iterator.next()
    except StopIteration:
        iterator.reset()
    try:
        return iterator.next()
    except StopIteration:
        raise ArgumentError(
            f"{type(iterator).__name__} has no batch, not even after reset(); give more data."
        ) from None
