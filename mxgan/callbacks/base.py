"""Base classes of callbacks that act at an interval, and helpers for their saved state."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Callable, Optional, Union

from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.runtime.files import open_plain
from mxgan.runtime.line_file import LineFile
from mxgan.training.callback import Callback
from mxgan.training.every import Every

__all__ = ["Measuring", "Periodic", "cut_back", "fitting"]

logger = logging.getLogger(__name__)


@contextmanager
def fitting(callback: Callback, state: dict):
    """Turn the error of restoring a state of another form into a CheckpointError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise CheckpointError(
            f"the checkpoint's state of {callback.name} is {state!r:.200}, which does not fit this version "
            "of mxgan; continue from another checkpoint."
        ) from error


def cut_back(lines: Optional[LineFile], kept: int) -> None:
    """Shorten a history to its `kept` bytes at a checkpoint; warn if it is shorter already."""
    if not isinstance(kept, int) or kept < 0:
        raise TypeError("bytes")
    missing = lines.cut(kept) if lines else 0
    if missing:
        logger.warning("%s has lost %d bytes since the checkpoint was saved; lines are missing.", lines.path, missing)


class Periodic(Callback):
    """Base of callbacks that act at an interval, and once more at the end of `fit`.

    Parameters
    ----------
    every : a number of steps, "epoch", or "15min".
    before : called before each action; it may raise to prevent the action, as FiniteGuard does for NaN.
    """

    def __init__(self, every: Union[int, str], before: Optional[Callable] = None) -> None:
        self.every, self._before = Every.parse("every", every, minutes=True), before
        self._done_at: Optional[int] = None
        self._since = time.monotonic()

    def act(self, trainer) -> None:
        """The action; never called twice at one step."""
        raise NotImplementedError

    def on_fit_begin(self, trainer) -> None:
        self._since = time.monotonic()

    def on_step_end(self, trainer, batch, result) -> None:
        if self.is_due(trainer):
            self._act_once(trainer)

    def is_due(self, trainer) -> bool:
        """Whether to act after the step that has just ended."""
        return self.every.is_over(trainer.step, self._since)

    def on_epoch_end(self, trainer) -> None:
        if self.every.is_epoch:
            self._act_once(trainer)

    def on_fit_end(self, trainer) -> None:
        self._act_once(trainer)

    def names_this_step(self, trainer) -> bool:
        """Whether the interval ends at this step by its number; never for minutes, not always for a last step."""
        return self.every.names(trainer.step, trainer.iteration)

    def acted_at(self, step: int) -> bool:
        """Whether the last action was at this step."""
        return self._done_at == step

    def _act_once(self, trainer) -> None:
        if self._done_at != trainer.step:
            self._done_at = trainer.step
            if self._before:
                self._before()
            self.act(trainer)
            self._since = time.monotonic()

    def restore(self, state: dict) -> None:
        self._done_at = None


class Measuring(Periodic):
    """Base of callbacks that measure the pair; the values go to `lines` and into a checkpoint of the same step.

    Parameters
    ----------
    lines : the file; other callbacks may share it.
    every, before : see `Periodic`.
    """

    def __init__(self, lines: LineFile, every: Union[int, str], before: Optional[Callable] = None) -> None:
        super().__init__(every, before)
        self._lines, self._measured, self._cuts_by_step = lines, (None, {}), False

    def metric_names(self) -> list:
        """The names of the metrics."""
        raise NotImplementedError

    def metrics_at(self, step: int) -> dict:
        """{metric: value} at this step; empty if there was no measurement."""
        measured, metrics = self._measured
        return metrics if measured == step else {}

    def record(self, trainer, metrics: Mapping, **more) -> None:
        """Keep the values of this step and add them to `lines`; `more` adds further entries to the line."""
        self._measured = trainer.step, dict(metrics)
        line = {"step": trainer.step, **metrics, **more}
        self._lines.append(json.dumps(line), stays=self.names_this_step(trainer))

    def on_step_begin(self, trainer) -> None:
        if self._cuts_by_step:
            self._cuts_by_step = False
            self._lines.cut(_bytes_up_to(self._lines, trainer.step))

    def state(self) -> dict:
        return {"bytes": self._lines.settled()}

    def restore(self, state: dict) -> None:
        """Continue from `state`; if the checkpoint has no state of this callback, the lines' steps decide the cut."""
        super().restore(state)
        self._measured, self._cuts_by_step = (None, {}), not state
        if state:
            with fitting(self, state):
                cut_back(self._lines, state["bytes"])


def _bytes_up_to(lines: LineFile, step: int) -> int:
    """Bytes of a JSON lines file before the first line of a later step; CorruptFileError for a line without a step."""
    length = 0
    if lines.path.exists():
        with open_plain(lines.path) as stream:
            for line in stream:
                if not line.endswith(b"\n"):  # half a line of a killed process
                    break
                try:
                    later = json.loads(line)["step"] > step
                except (ValueError, KeyError, TypeError) as error:
                    raise CorruptFileError(
                        lines.path, f"has the line {line!r:.80}, which has no step", remedy="Move the file away."
                    ) from error
                if later:
                    break
                length += len(line)
    return length
