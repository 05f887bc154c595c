"""`Diagnosis`: a callback that looks at a run now and then for one way of going wrong, and says so once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Optional

import numpy as np

from mxgan.callbacks.base import fitting
from mxgan.objectives.heads import Objective
from mxgan.training.callback import Callback

__all__ = ["LEAST_READINGS", "READ_EVERY", "WINDOW_STEPS", "Diagnosis", "first_numbers"]

logger = logging.getLogger(__name__)

READ_EVERY = 10  # steps between two readings, at least: what a reading costs is spread over them
WINDOW_STEPS = 100  # a window has so many steps, and at least LEAST_READINGS readings
LEAST_READINGS = 5
MOST_NUMBERS = 1 << 16  # of each weight array: enough to see a change of its size


class Diagnosis(Callback):
    """Base of the diagnoses: reads a few numbers at logged steps, and judges the last of them together.

    A reading is taken at those logged steps that are a multiple of `every`, of what that step left on the device
    (`look`, which queues reductions and waits for nothing) and of the metrics of its line (`reading`). As soon as
    `evidence` finds the fault in the window, an episode begins: a warning with the remedy, and an entry in the
    line's `diagnoses`. It is over when the whole window was without evidence; only then can the next one begin.

    Parameters
    ----------
    log_every : steps between lines of the history, which asks by `conclude`.
    objective : the row of OBJECTIVES that is trained on.

    Attributes
    ----------
    fault : the name under which it is listed and recorded. remedy : what to do, in one line.
    windows : how many windows of WINDOW_STEPS steps it looks back. numbers : how many a reading has.
    """

    fault = ""
    remedy = ""
    windows = 1
    numbers = 1

    def __init__(self, log_every: int, objective: Objective) -> None:
        self.every = log_every * -(-READ_EVERY // log_every)
        self.objective = objective
        self.window = self.windows * max(LEAST_READINGS, -(-WINDOW_STEPS // self.every))
        self._readings: deque = deque(maxlen=self.window)
        self._healthy: Optional[int] = None  # readings without evidence in the episode under way; None: there is none
        self._seen: Optional[Sequence] = None

    def look(self, trainer, batch, result) -> Sequence:
        """NDArrays with what is to be known of this step; made on the device."""
        return ()

    def reading(self, seen: Sequence, metrics: Mapping) -> Sequence:
        """The numbers to keep, of the arrays that `look` made, as NumPy's, and of the line's metrics."""
        raise NotImplementedError

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        """What of the window (readings, numbers), oldest first, shows the fault, as a clause; None: nothing does."""
        raise NotImplementedError

    @property
    def is_full(self) -> bool:
        """Whether the window has as many readings as it is to have."""
        return len(self._readings) == self.window

    def is_due(self, step: int) -> bool:
        """Whether a reading is taken after step number `step`."""
        return step % self.every == 0

    def on_step_end(self, trainer, batch, result) -> None:
        self._seen = self.look(trainer, batch, result) if self.is_due(trainer.step) else None

    def conclude(self, step: int, metrics: Mapping) -> Optional[dict]:
        """Take the reading of this step, if one is due; the entry for the history where an episode begins, or None."""
        if self._seen is None:
            return None
        seen, self._seen = [array.asnumpy() for array in self._seen], None
        self._readings.append([float(value) for value in self.reading(seen, metrics)])
        found = self.evidence(np.array(self._readings))
        if found is None:
            self._recover(step)
            return None
        begins, self._healthy = self._healthy is None, 0
        if not begins:
            return None
        logger.warning("step %d: %s: %s. %s", step, self.fault.replace("_", " "), found, self.remedy)
        return {"name": self.fault, "evidence": found, "remedy": self.remedy}

    def _recover(self, step: int) -> None:
        if self._healthy is not None:
            self._healthy += 1
            if self._healthy >= self.window:
                self._healthy = None
                logger.info("step %d: %s is over", step, self.fault.replace("_", " "))

    def state(self) -> dict:
        readings = [[value if np.isfinite(value) else None for value in reading] for reading in self._readings]
        return {"every": self.every, "readings": readings, "healthy": self._healthy}

    def restore(self, state: dict) -> None:
        """Go on from a state; of a run that was not diagnosed, or read at another spacing, it begins anew."""
        self._seen = None
        with fitting(self, state):
            state = state if state.get("every", self.every) == self.every else {}
            healthy = state.get("healthy")
            if healthy is not None and (not isinstance(healthy, int) or healthy < 0):
                raise TypeError("healthy")
            readings = [
                [np.nan if value is None else float(value) for value in each] for each in state.get("readings", [])
            ]
            if any(len(reading) != self.numbers for reading in readings):
                raise ValueError("readings")
            self._readings, self._healthy = deque(readings, maxlen=self.window), healthy


def first_numbers(array):
    """The first MOST_NUMBERS numbers of an NDArray as a vector, without a copy."""
    return array.reshape((-1,))[: min(array.size, MOST_NUMBERS)]
