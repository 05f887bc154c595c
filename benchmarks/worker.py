"""One contender in a process of its own: it gets ready, then does one turn for each line it is sent.

Processes, because two libraries in one would share OpenMP's threads, and the memory of one would be that of both. A
worker that waits costs nothing: it sleeps on its standard input.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from typing import Any, Callable, NamedTuple

__all__ = ["Unit", "main"]


class Unit(NamedTuple):
    """What a contender does in one turn.

    Attributes
    ----------
    run : does it, and returns when it is done.
    images : how many images that is.
    finish : lets go of what is held.
    """

    run: Callable[[], Any]
    images: float
    finish: Callable[[], Any] = lambda: None


def main() -> None:
    """Say {"images": n} when ready; then for each line: one turn, and {"seconds": s} or what `run` measured itself."""
    answers = os.fdopen(os.dup(1), "w")  # what libraries print goes to standard error
    os.dup2(2, 1)
    module, name = sys.argv[1].split(":")
    unit = getattr(importlib.import_module(module), name)(**json.loads(sys.argv[2]))
    _say(answers, {"images": unit.images})
    for _ in sys.stdin:
        began = time.perf_counter()
        measured = unit.run()
        seconds = time.perf_counter() - began
        _say(answers, measured if isinstance(measured, dict) else {"seconds": seconds})
    unit.finish()


def _say(answers, what: dict) -> None:
    answers.write(json.dumps(what) + "\n")
    answers.flush()


if __name__ == "__main__":
    main()
