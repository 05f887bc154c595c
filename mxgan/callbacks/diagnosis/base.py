"""`Diagnosis`, the base class of callbacks that check a run for one fault and warn once."""

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

READ_EVERY = 10  # at least this number of steps between two readings, to keep their cost low
WINDOW_STEPS = 100  # number of steps of a window, which has at least LEAST_READINGS readings
LEAST_READINGS = 5
MOST_NUMBERS = 1 << 16  # numbers read of each weight array: enough to see a change of its size


class Diagnosis(Callback):
    """Base class of the diagnoses: reads a few numbers at logged steps and judges the last readings together.

    A reading is taken at the logged steps that are a multiple of `every`. It uses arrays of this step on the device
    (`look`, which queues reductions and does not wait) and the metrics of the step's log line (`reading`). An episode
    begins when `evidence` finds the fault in the window: the log gets a warning with the remedy, and the line of the
    history gets an entry in `diagnoses`. The episode ends after a whole window without evidence. Only then can the next
    one begin.

    Parameters
    ----------
    log_every : the number of steps between two lines of the history, which calls `conclude`.
    objective : the row of OBJECTIVES of the training.

    Attributes
    ----------
    fault : name in DIAGNOSES and in the history. remedy : advice to the user, in one line.
    windows : the number of windows of WINDOW_STEPS steps in the evidence. numbers : the length of a reading.
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
        self._healthy: Optional[int] = None  # readings without evidence in this episode; None: no episode
        self._seen: Optional[Sequence] = None

    def look(self, trainer, batch, result) -> Sequence:
        """NDArrays that describe this step, computed on the device."""
        return ()

    def reading(self, seen: Sequence, metrics: Mapping) -> Sequence:
        """The numbers to keep, from the arrays of `look` (now NumPy arrays) and the metrics of the log line."""
        raise NotImplementedError

    def evidence(self, readings: np.ndarray) -> Optional[str]:
        """The evidence of the fault in the window (readings, numbers), oldest first, as a clause; None if healthy."""
        raise NotImplementedError

    @property
    def is_full(self) -> bool:
        """Whether the window is full of readings."""
        return len(self._readings) == self.window

    def is_due(self, step: int) -> bool:
        """Whether a reading is taken after step number `step`."""
        return step % self.every == 0

    def on_step_end(self, trainer, batch, result) -> None:
        self._seen = self.look(trainer, batch, result) if self.is_due(trainer.step) else None

    def conclude(self, step: int, metrics: Mapping) -> Optional[dict]:
        """Take the reading of this step, if one is due. Returns the history entry if an episode begins, else None."""
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
        """Continue from a state; without a state, or with one of another `every`, begin without readings."""
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
    """The first MOST_NUMBERS values of an NDArray as a vector, without a copy."""
    return array.reshape((-1,))[: min(array.size, MOST_NUMBERS)]
