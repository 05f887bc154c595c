"""`Trainer`: step → epoch → fit, for any network, loss and data set."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Callable, Optional

from mxgan.errors import ArgumentError, DivergedError, RanksPartedError
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from mxgan.training.batches import StepBatches
from mxgan.training.callback import Callback, check_callbacks, names_in_package
from mxgan.training.noise import NoisePool
from mxgan.training.pair import AdversarialPair
from mxgan.training.parallel.agreement import agreed
from mxgan.training.parallel.shared_batch_norm import own_errors
from mxgan.training.schedule import InstanceNoise
from mxgan.training.step import StepResult

__all__ = ["Trainer"]

logger = logging.getLogger(__name__)


class Trainer:
    """Trains an `AdversarialPair` on a data iterator and calls the callbacks.

    Parameters
    ----------
    pair : bound, with parameters and optimisers.
    data : an mx.io.DataIter whose batches fit the pair. If it has `seek(epoch, batch)` (every iterator of mxgan.data
        has), a resumed run sees the same batches as an uninterrupted run; another iterator is only `reset` at each
        epoch. A step takes `pair.schedule.real_batches` batches. Batches at the end of an epoch that are too few for a
        step are skipped. With conditions, a batch has the images and the conditions: by name, if `provide_data` has
        `data` and each condition, else in this order.
    latents : iterator over `rand`; None: `RandIter` with this seed. If it has `seek(batch)`, a resumed run sees the
        same latents as an uninterrupted run; another iterator goes on from where it is, and is `reset` at its end.
        Latents that it draws by mx.random are the same too, because the trainer seeds MXNet in each step.
    labelled : iterator over labelled images, for a pair that takes labelled batches; `seek(epoch, batch)` as for data.
    noise : instance noise as a function of the step; its numbers come from a `NoisePool`.
    callbacks : objects of `Callback`, called in this order; callbacks with `told_last` come after all others. With a
        pair over several ranks, each rank calls its own, and the ranks wait for each other after each round of calls.
    seed : the seed and the step decide every draw of the run.

    Attributes
    ----------
    step : steps done in all.
    epoch : epochs done.
    iteration : steps done in this epoch.
    stopping : the reason why `fit` ends early; None if it does not.
    recover : a function that takes a DivergedError and returns the trainer to an earlier step; None: the error ends
        `fit`.
    """

    def __init__(
        self,
        pair: AdversarialPair,
        data,
        *,
        latents=None,
        labelled=None,
        noise: InstanceNoise = InstanceNoise(),
        callbacks: Sequence[Callback] = (),
        seed: int = 0,
    ) -> None:
        self.pair, self.noise, self.seed = pair, noise, seed
        self._noise_pool = NoisePool(pair, seed)
        self._batches = StepBatches(pair, data, latents, labelled, seed)
        self.callbacks = list(callbacks)
        check_callbacks(self.callbacks)
        self.step = self.epoch = self.iteration = 0
        self.stopping: Optional[str] = None
        self.recover: Optional[Callable] = None
        self._last: Optional[StepResult] = None
        self._restored_from: Optional[Mapping] = None  # state of the checkpoint that this trainer continues from
        self._restored: list = []
        self._ends = False  # whether all ranks have agreed to stop
        self._agreed: Optional[DivergedError] = None  # the divergence that all ranks know of
        # Every rank draws the same numbers and takes its own part. Numbers that a layer draws are for its rank alone.
        self._stream = f"mxnet of rank {pair.ranks.rank}" if pair.drawing_layers and pair.ranks.rank else "mxnet"

    @property
    def data(self):
        """The iterator over real images."""
        return self._batches.data

    @property
    def latents(self):
        """The iterator over latents; None for a generator that takes none."""
        return self._batches.latents

    @property
    def labelled(self):
        """The iterator over labelled images, or None."""
        return self._batches.labelled

    def restore(self, state: Mapping) -> None:
        """Continue from the state of a checkpoint; the pair already has its parameters.

        Parameters
        ----------
        state : step, epoch, iteration, and callbacks: {name: its state}. A callback that is added later gets its state
            when `fit` begins, unless a step was done in between.
        """
        self.step, self.epoch, self.iteration = state["step"], state["epoch"], state["iteration"]
        self._last, self._restored_from, self._restored = None, state, []
        self._restore_callbacks()

    def _restore_callbacks(self) -> None:
        """Give each callback its state of the checkpoint, once."""
        if self._restored_from is None or self._restored_from["step"] != self.step:
            return
        for callback in self.callbacks:
            if not any(callback is each for each in self._restored):
                callback.restore(self._restored_from["callbacks"].get(callback.name, {}))
                self._restored.append(callback)

    def _warn_of_lost_states(self) -> None:
        """Log the callbacks of the user that have a state in the checkpoint and are not here to take it."""
        states = self._restored_from["callbacks"] if self._restored_from else {}
        here = {callback.name for callback in self.callbacks} | names_in_package()
        lost = sorted(name for name, state in states.items() if state and name not in here)
        if lost:
            logger.warning(
                "The checkpoint has the state of callbacks that are missing: %s. Give them by callbacks=[…] to "
                "continue with them; the next checkpoint will not have their state.",
                ", ".join(lost),
            )

    def fit(self, steps: Optional[int] = None, epochs: Optional[int] = None) -> None:
        """Train until `steps` steps or `epochs` epochs are done in all, or until `stop` is called; give one of both."""
        if (steps is None) == (epochs is None):
            raise ArgumentError(f"give either steps or epochs; got steps={steps} and epochs={epochs}.")
        check_callbacks(self.callbacks)
        self.callbacks.sort(key=lambda callback: callback.told_last)
        self._restore_callbacks()
        self._warn_of_lost_states()
        begun: list = []
        try:
            with self._agreement():
                for callback in self.callbacks:
                    begun.append(callback)
                    callback.on_fit_begin(self)
            with own_errors():  # a rank that is lost in the middle of a pass
                while not self._fitted(steps, epochs):
                    pass
        except BaseException:
            self._close(begun)
            raise
        failed = self._close(begun)
        if failed:
            raise failed

    def _close(self, callbacks: Sequence[Callback]) -> Optional[Exception]:
        """Close every one of these callbacks; returns the first error, and logs each."""
        first = None
        for callback in callbacks:
            try:
                callback.close(self)
            except Exception as error:
                logger.warning("The callback %s could not be closed: %s", callback.name, error)
                first = first or error
        return first

    def _fitted(self, steps: Optional[int], epochs: Optional[int]) -> bool:
        """Train to the end; False if training diverged and was returned to an earlier step."""
        try:
            while not self._done(steps, epochs):
                self.train_epoch(steps)
            with self._agreement():
                self._tell_everyone("on_fit_end")
        except DivergedError as error:
            if self.recover is None or (self.pair.ranks.size > 1 and error is not self._agreed):
                raise
            self.recover(error)
            return False
        return True

    def train_epoch(self, steps: Optional[int] = None) -> None:
        """Train to the end of the current epoch, or until `steps` steps are done in all."""
        self._batches.seek(self.epoch, self.iteration)
        while not self._done(steps, None):
            try:
                batches = self._batches.real()
            except StopIteration:
                self._batches.check_epoch(self.iteration * self.pair.schedule.real_batches)
                self.epoch, self.iteration = self.epoch + 1, 0
                with self._agreement():
                    self._tell("on_epoch_end")
                return
            self._tell("on_step_begin")
            result = self.train_step(batches)
            self.step, self.iteration = self.step + 1, self.iteration + 1
            with self._agreement():
                self._tell("on_step_end", batches[-1], result)

    def train_step(self, batches: Sequence) -> StepResult:
        """One step on these real batches; the seed and the step number decide latents and MXNet's random numbers."""
        mx.random.seed(int(rng_for(self._stream, self.seed, self.step).integers(2**31)))
        latents, labelled = self._batches.latents_of(self.step), self._batches.labelled_of(self.step)
        noise = self._noise_pool.at(self.step, self.noise)
        result = self.pair.step(latents, batches, noise=noise, labelled=labelled)
        # A single process has at most two steps at a time, or the engine's queue would grow without limit; several
        # ranks wait for each step's gradients.
        if self._last is not None:
            self._last.generator_prediction.wait_to_read()
        self._last = result
        return result.of_whole_batch(self.pair.ranks)

    @property
    def own_result(self) -> Optional[StepResult]:
        """The last step's result over this rank's part of the batch; None before the first step."""
        return self._last

    @property
    def ends_epoch(self) -> bool:
        """Whether too few batches are left for another step of this epoch; False without `data.batches_per_epoch`."""
        batches = getattr(self.data, "batches_per_epoch", None)
        return batches is not None and (self.iteration + 1) * self.pair.schedule.real_batches > batches

    def stop(self, reason: str) -> None:
        """End `fit` after the current step; a callback or a signal handler may call this."""
        self.stopping = reason

    def _done(self, steps: Optional[int], epochs: Optional[int]) -> bool:
        return (
            (self.stopping is not None if self.pair.ranks.size == 1 else self._ends)
            or (steps is not None and self.step >= steps)
            or (epochs is not None and self.epoch >= epochs)
        )

    @contextmanager
    def _agreement(self) -> Iterator[None]:
        """A round of callbacks, after which all ranks stop, or raise the same DivergedError, if one of them does."""
        own = None
        try:
            yield
        except DivergedError as error:
            own = error
        reason, error = agreed(self.pair.ranks, self.stopping, own, self._divergence_here)
        self._ends = reason is not None
        self.stopping = reason or self.stopping  # a signal during the agreement counts at the next one
        self._agreed = error
        if error is not None:
            raise error

    def _divergence_here(self) -> Optional[DivergedError]:
        """The divergence that a callback of this rank has not yet looked for."""
        try:
            self._tell("on_divergence")
        except DivergedError as error:
            return error
        return None

    def _tell_everyone(self, hook: str) -> None:
        """Call `hook` of every callback, also after an error: it must not cost the checkpoint.

        Divergence must, and ranks that are no longer equal.
        """
        failed = None
        for callback in self.callbacks:
            try:
                getattr(callback, hook)(self)
            except (DivergedError, RanksPartedError):
                raise
            except Exception as error:
                failed = failed or error
        if failed:
            raise failed

    def _tell(self, hook: str, *details) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *details)
