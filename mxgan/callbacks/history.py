"""The log of a run: `Logger` writes history.jsonl, and the line of MXNet's example."""

from __future__ import annotations

import json
import logging
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Optional

from mxgan.callbacks.base import cut_back, fitting
from mxgan.runtime.line_file import LineFile
from mxgan.training.callback import Callback
from mxgan.training.metrics import AdversarialMetrics

__all__ = ["Logger", "finite_or_none", "images_per_step"]

logger = logging.getLogger(__name__)

MOST_PENDING = 200  # steps whose predictions stay on the device before they are added to the metrics


class Logger(Callback):
    """Writes the metrics of the last `every` steps to history.jsonl and, in the original's words, to the log.

    Predictions are read from the device only then, so the steps between do not wait. If one of the `diagnoses` starts
    at a step, that step's line names it under `diagnoses`. In the list of callbacks, they must come before the Logger.
    """

    def __init__(
        self,
        history: Optional[Path] = None,
        every: int = 10,
        metrics: Optional[AdversarialMetrics] = None,
        diagnoses: Sequence = (),
    ) -> None:
        self.every, self.latest, self.latest_whole = every, {}, {}
        self.metrics, self._diagnoses = metrics or AdversarialMetrics(), diagnoses
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
        """Log the steps since the last line; their sums stay, so that a resumed run can continue them."""
        if self._steps_timed:
            self._log(trainer, whole=False)

    def metric_names(self) -> list:
        """All names that the metrics of a line can have."""
        return self.metrics.names()

    def metrics_at(self, step: int) -> dict:
        """{metric: value} of the newest line with `every` steps; it is less than `every` steps older than `step`."""
        return self.latest_whole

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
            **_scheduled_rates(trainer.pair),
            **_adapted(trainer.pair.augmenter),
        }
        logger.info("%s", self.metrics.line(trainer.epoch, trainer.iteration))
        found = [diagnosis.conclude(trainer.step, self.latest) for diagnosis in self._diagnoses if whole]
        begun = [each for each in found if each]
        if self._lines:
            line = {key: finite_or_none(value) for key, value in self.latest.items()}
            diagnoses = {"diagnoses": begun} if begun else {}
            self._lines.append(json.dumps({**line, **self._notes, **diagnoses}), stays=whole)
        if whole:
            self.latest_whole = {name: finite_or_none(value) for name, value in self.metrics.values().items()}
            self.metrics.reset()
            self._notes = {}
        self._steps_timed, self._since = 0, time.perf_counter()

    def state(self) -> dict:
        self._count_pending()
        return {
            "metrics": self.metrics.state(),
            "latest": self.latest_whole,
            "notes": self._notes,
            "bytes": self._lines.settled() if self._lines else 0,
        }

    def restore(self, state: dict) -> None:
        self._pending, self.latest = [], {}
        self._steps_timed, self._since = 0, time.perf_counter()
        with fitting(self, state):
            self.metrics.restore(state["metrics"])
            self._notes, self.latest_whole = dict(state["notes"]), dict(state["latest"])
            cut_back(self._lines, state["bytes"])


def _scheduled_rates(pair) -> dict:
    """The learning rates from this step on, if a schedule changes them."""
    if not pair.is_scheduled:
        return {}
    return {f"learning_rate_{half[0]}": rate for half, rate in pair.learning_rates().items()}


def _adapted(augmenter) -> dict:
    """The probability of the augmentations from this step on, and D's mean sign that led to it, if it is adapted."""
    if not augmenter.adaptive:
        return {}
    return {"augment_probability": augmenter.probability, "augment_sign": augmenter.sign}


def images_per_step(pair) -> int:
    """The number of real images in one step."""
    return pair.whole_batch_size * pair.schedule.real_batches


def finite_or_none(value: float) -> Optional[float]:
    """The value, or None for NaN and infinity, which JSON does not have."""
    return value if math.isfinite(value) else None
