"""What happens around the steps: each concern one callback, on a base of no-op hooks."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np

from mxgan.checkpoint import Names, best_step, save_checkpoint
from mxgan.errors import CheckpointError, unknown_name
from mxgan.files import LineFile
from mxgan.metrics import AdversarialMetrics
from mxgan.progress import progress_bar
from mxgan.run_folder import BEST, RunFolder
from mxgan.runtime import mx, versions

__all__ = ["Callback", "Checkpointer", "Logger", "MonitorOutputs", "Periodic", "ProgressBar"]

logger = logging.getLogger(__name__)


class Callback:
    """Hooks that do nothing; override what is needed. `trainer` has step, epoch, iteration, pair, data."""

    def on_fit_begin(self, trainer) -> None:
        """Before the first step of `fit`."""

    def on_step_begin(self, trainer) -> None:
        """Before each step."""

    def on_step_end(self, trainer, batch, result) -> None:
        """After each step; `result` is a StepResult, `batch` the real mx.io.DataBatch."""

    def on_epoch_end(self, trainer) -> None:
        """After the last step of an epoch; `trainer.epoch` counts it already."""

    def on_fit_end(self, trainer) -> None:
        """When `fit` has done what was asked, or was told to stop; not after an error."""

    def close(self, trainer) -> None:
        """At the very end, error or not: let go of what is held."""

    def state(self) -> dict:
        """What a checkpoint must hold for this callback to go on exactly, as JSON values."""
        return {}

    def restore(self, state: dict) -> None:
        """Go on from what `state` gave."""


MOST_PENDING = 200  # predictions kept on the device before they are counted in


class Logger(Callback):
    """Every `every` steps: the metrics since the last time, to history.jsonl and, in the original's words, the log.

    Predictions are read from the device only then, so that steps in between wait for nothing.
    """

    def __init__(
        self, history: Optional[Path] = None, every: int = 10, metrics: Optional[AdversarialMetrics] = None
    ) -> None:
        self.every, self.latest = every, {}
        self.metrics = metrics or AdversarialMetrics()
        self._lines, self._pending = LineFile(history) if history else None, []
        self._notes: dict = {}
        self._steps_timed, self._since = 0, time.perf_counter()

    def on_fit_begin(self, trainer) -> None:
        self._steps_timed, self._since = 0, time.perf_counter()

    def on_step_end(self, trainer, batch, result) -> None:
        self._pending.append(result._replace(fake=None, input_gradient=None))
        self._steps_timed += 1
        if len(self._pending) >= MOST_PENDING:
            self._count_pending()
        if trainer.step % self.every == 0:
            self._log(trainer)

    def on_fit_end(self, trainer) -> None:
        """Log the steps that are left over; their sums stay, for a run that is resumed to go on with."""
        if self._steps_timed:
            self._log(trainer, whole=False)

    def note(self, name: str, value) -> None:
        """Have the next line of the history say `value`, a JSON value, under `name`."""
        self._notes[name] = value

    def _count_pending(self) -> None:
        for result in self._pending:
            self.metrics.update(result)
        self._pending = []

    def _log(self, trainer, whole: bool = True) -> None:
        self._count_pending()
        seconds = time.perf_counter() - self._since
        self.latest = {
            "step": trainer.step,
            "epoch": trainer.epoch,
            "images_per_second": round(self._steps_timed * images_per_step(trainer.pair) / seconds, 2),
            **self.metrics.values(),
        }
        logger.info("%s", self.metrics.line(trainer.epoch, trainer.iteration))
        if self._lines:
            line = {key: finite_or_none(value) for key, value in self.latest.items()}
            self._lines.append(json.dumps({**line, **self._notes}), stays=whole)
        if whole:
            self.metrics.reset()
            self._notes = {}
        self._steps_timed, self._since = 0, time.perf_counter()

    def state(self) -> dict:
        self._count_pending()
        return {
            "metrics": self.metrics.state(),
            "notes": self._notes,
            "bytes": self._lines.kept if self._lines else 0,
        }

    def restore(self, state: dict) -> None:
        self._pending, self.latest = [], {}
        with fitting(self, state):
            self.metrics.restore(state["metrics"])
            self._notes = dict(state["notes"])
            cut_back(self._lines, state["bytes"])


@contextmanager
def fitting(callback: Callback, state: dict):
    """Turn what a state of another form raises while it is put back into a CheckpointError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"the checkpoint's state of {type(callback).__name__} is {state!r:.200}, which does not fit this version "
            "of mxgan; go on from another checkpoint."
        ) from error


def cut_back(lines: Optional[LineFile], kept: int) -> None:
    """Cut a history back to a checkpoint's; warn where it has become shorter than that."""
    if not isinstance(kept, int) or kept < 0:
        raise TypeError("bytes")
    missing = lines.cut(kept) if lines else 0
    if missing:
        logger.warning("%s has lost %d bytes since the checkpoint was saved; it has a gap now.", lines.path, missing)


def images_per_step(pair) -> int:
    """Real images that one step trains on."""
    return pair.batch_size * pair.schedule.real_batches


def finite_or_none(value: float) -> Optional[float]:
    """JSON knows no NaN and no infinity."""
    return value if math.isfinite(value) else None


class ProgressBar(Callback):
    """One line on standard error: steps, images a second, both losses."""

    def __init__(self, source: Logger, total: int, progress: Optional[bool] = None) -> None:
        self._source, self._total, self._progress, self._bar = source, total, progress, None

    def on_fit_begin(self, trainer) -> None:
        self._bar = progress_bar(self._progress, total=self._total, initial=trainer.step, unit="step")

    def on_step_end(self, trainer, batch, result) -> None:
        self._bar.update(trainer.step - self._bar.n)  # less than nothing when the run was rolled back
        latest = self._source.latest
        if latest.get("step") == trainer.step:
            self._bar.set_postfix_str(
                f"{latest['images_per_second']:.0f} images/s, loss G {latest['loss_g']:.2f} D {latest['loss_d']:.3f}"
            )

    def close(self, trainer) -> None:
        if self._bar is not None:
            self._bar.close()


class Periodic(Callback):
    """Base of what is done every `every` steps, or at each epoch's end, and once more at the end of `fit`.

    Parameters
    ----------
    every : a number of steps, "epoch", or "15min".
    """

    def __init__(self, every: Union[int, str]) -> None:
        self.every = every
        self._seconds = 60 * int(every[: -len("min")]) if str(every).endswith("min") else None
        self._done_at: Optional[int] = None
        self._since = time.monotonic()

    def due(self, trainer) -> None:
        """Do it now; never called twice at one step."""
        raise NotImplementedError

    def on_fit_begin(self, trainer) -> None:
        self._since = time.monotonic()

    def on_step_end(self, trainer, batch, result) -> None:
        if self._seconds is not None:
            due = time.monotonic() - self._since >= self._seconds
        else:
            due = self.every != "epoch" and self.in_its_turn(trainer)
        if due:
            self._do(trainer)

    def on_epoch_end(self, trainer) -> None:
        if self.every == "epoch":
            self._do(trainer)

    def on_fit_end(self, trainer) -> None:
        self._do(trainer)

    def in_its_turn(self, trainer) -> bool:
        """Whether this step is one of those that `every` names; the last step of a `fit` may be none."""
        return not (trainer.iteration if self.every == "epoch" else trainer.step % self.every)

    def _do(self, trainer) -> None:
        if self._done_at != trainer.step:
            self._done_at = trainer.step
            self.due(trainer)
            self._since = time.monotonic()

    def restore(self, state: dict) -> None:
        self._done_at = None


class Checkpointer(Periodic):
    """Saves every `every` steps, minutes or epochs, and at the end; keeps the newest `keep` and the best.

    Parameters
    ----------
    names : the first words of the files' names.
    every : a number of steps, "epoch", or "15min".
    keep : how many checkpoints stay, at least 1; None: all.
    keep_best : "METRIC:min" or "METRIC:max": the best by that metric stays too; None: no such.
    sources : callbacks whose `latest` has metrics.
    before_saving : called first; may raise so that nothing is saved.
    save_first : save also before the first step.
    """

    def __init__(
        self,
        folder: RunFolder,
        names: Names,
        every: Union[int, str] = 1000,
        keep: Optional[int] = 5,
        keep_best: Optional[str] = None,
        sources: Sequence = (),
        before_saving: Optional[Callable] = None,
        save_first: bool = False,
    ) -> None:
        super().__init__(every)
        self.keep, self.keep_best = keep, keep_best
        self._folder, self._names, self._sources = folder, names, sources
        self._before_saving, self._save_first = before_saving, save_first

    def on_fit_begin(self, trainer) -> None:
        super().on_fit_begin(trainer)
        if self._save_first and not self._folder.checkpoint_steps():
            self._do(trainer)

    def due(self, trainer) -> None:
        """Save now, unless this step is saved already."""
        if self._before_saving:
            self._before_saving()
        if trainer.step in self._folder.checkpoint_steps():
            return
        metrics = {name: value for source in self._sources for name, value in source.latest.items()}
        self._check_metric(metrics)
        state = {
            "step": trainer.step,
            "epoch": trainer.epoch,
            "iteration": trainer.iteration,
            "seed": trainer.seed,
            "versions": versions(),
            "metrics": {name: finite_or_none(value) for name, value in metrics.items()},
            "callbacks": {type(callback).__name__: callback.state() for callback in trainer.callbacks},
        }
        save_checkpoint(self._folder, trainer.pair, self._names, state)
        best = best_step(self._folder, self.keep_best) if self.keep_best else None
        self._folder.prune_checkpoints(self.keep, best)

    def _check_metric(self, metrics: dict) -> None:
        wanted = BEST.fullmatch(self.keep_best).group(1) if self.keep_best else None
        if wanted and metrics and wanted not in metrics:
            raise unknown_name("metric in keep_best", wanted, sorted(metrics))


class MonitorOutputs(Callback):
    """mx.mon.Monitor over outputs and gradients: every `every` steps, the norm of each over √size, to the log.

    D's outputs come as often as a step's schedule has D judge: by default on the fake batch, on the real one, and on
    the fake one for G. What MXNet
    itself calls `…_backward_output` is left out: parts of it are never computed, and hold what was in memory.
    """

    def __init__(self, every: int = 10, pattern: str = r"(?!.*_backward).*(output|gradient)") -> None:
        self.monitor = mx.mon.Monitor(every, norm_over_root_size, pattern=pattern, sort=True)
        self._installed = False

    def on_fit_begin(self, trainer) -> None:
        if not self._installed:
            self._installed = True
            for module in trainer.pair.modules():
                module.install_monitor(self.monitor)

    def on_step_begin(self, trainer) -> None:
        self.monitor.tic()

    def on_step_end(self, trainer, batch, result) -> None:
        if self.monitor.activated:
            for name, gradient in trainer.pair.gradients().items():
                self.monitor.queue.append((self.monitor.step, f"{name}_gradient", norm_over_root_size(gradient)))
        self.monitor.toc_print()


def norm_over_root_size(array):
    """Root mean square of an NDArray, as the original's monitor prints it."""
    return mx.nd.norm(array) / np.sqrt(array.size)
