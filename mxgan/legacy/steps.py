"""The end of an old program after a number of updates."""

from __future__ import annotations

import functools
import threading
from typing import Any, Callable

from mxgan.runtime import mx

__all__ = ["StepsDone", "count_updates"]


class StepsDone(SystemExit):
    """The program has made its updates and ends with code 0, as by sys.exit."""


class _Counter:
    """Counts the updates of whatever is updated first.

    Parameters
    ----------
    leave : ends the process at once; for a program that goes on after StepsDone, which it has caught.
    """

    def __init__(self, steps: int, leave: Callable[[], None]) -> None:
        self._steps, self._leave, self.done = steps, leave, 0
        self._first, self.ended, self._inside = None, False, threading.local()

    def before(self, updated: Any) -> None:
        """An update begins; StepsDone if the first updated object has had its number."""
        if self.ended:
            self._leave()
        self._first = updated if self._first is None else self._first
        if updated == self._first:
            if self.done >= self._steps:
                self.ended = True
                raise StepsDone(0)
            self.done += 1

    def counting(self, method: Any, key: Any = None) -> Any:
        """`method`, whose calls are updates of its object, or of what `key` makes of the call.

        An update inside another is part of it.
        """

        @functools.wraps(method)
        def counted(owner: Any, *arguments: Any, **named: Any) -> Any:
            if getattr(self._inside, "now", False):
                return method(owner, *arguments, **named)
            self.before(owner if key is None else key(owner, *arguments))
            self._inside.now = True
            try:
                return method(owner, *arguments, **named)
            finally:
                self._inside.now = False

        return counted


def count_updates(steps: int, leave: Callable[[], None]) -> _Counter:
    """End the program when its first Module would begin update `steps` + 1; returns the counter.

    So the rest of the last step still runs, such as the update of the other Module. A program without Modules is
    counted by its first Gluon Trainer, its first key of a KVStore, or the first parameter of its first optimiser.
    """
    counter = _Counter(steps, leave)
    for kind in (mx.mod.Module, mx.mod.BucketingModule):
        kind.update = counter.counting(kind.update)
    mx.gluon.Trainer.step = counter.counting(mx.gluon.Trainer.step)
    mx.kv.KVStore.push = counter.counting(mx.kv.KVStore.push, lambda store, key, *_: (id(store), str(key)))
    mx.optimizer.Updater.__call__ = counter.counting(
        mx.optimizer.Updater.__call__, lambda updater, index, *_: (id(updater), str(index))
    )
    return counter
