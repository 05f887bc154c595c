"""The end of an old program after a number of updates."""

from __future__ import annotations

import functools
from typing import Any, Optional

from mxgan.runtime import mx

__all__ = ["StepsDone", "count_updates"]


class StepsDone(SystemExit):
    """The program has made its updates and ends with code 0, as by sys.exit."""


class _Counter:
    """Counts the updates of whatever is updated first."""

    def __init__(self, steps: int) -> None:
        self._steps, self.done, self._first, self._inside = steps, 0, None, False

    def before(self, updated: Any) -> None:
        """An update begins; StepsDone if the first updated object has had its number."""
        self._first = updated if self._first is None else self._first
        if updated is self._first or updated == self._first:
            if self.done >= self._steps:
                raise StepsDone(0)
            self.done += 1

    def counting(self, method: Any, key: Any = None) -> Any:
        """`method`, whose calls are updates of its object, or of what `key` makes of the call."""

        @functools.wraps(method)
        def counted(owner: Any, *arguments: Any, **named: Any) -> Any:
            if self._inside:
                return method(owner, *arguments, **named)
            self.before(owner if key is None else key(owner, *arguments))
            self._inside = True
            try:
                return method(owner, *arguments, **named)
            finally:
                self._inside = False

        return counted


def count_updates(steps: Optional[int]) -> None:
    """End the program when its first Module would begin update `steps` + 1; None: never.

    So the rest of the last step still runs, such as the update of the other Module. A program without Modules is
    counted by its first Gluon Trainer, or by the first parameter of its first optimiser.
    """
    if steps is None:
        return
    counter = _Counter(steps)
    mx.mod.Module.update = counter.counting(mx.mod.Module.update)
    mx.gluon.Trainer.step = counter.counting(mx.gluon.Trainer.step)
    mx.optimizer.Updater.__call__ = counter.counting(
        mx.optimizer.Updater.__call__, lambda updater, index, *_: (id(updater), str(index))
    )
