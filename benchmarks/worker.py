"""One contender in its own process: it prepares itself, then runs one turn for each line on its standard input.

Each contender has its own process because two libraries in one process would share OpenMP's threads and memory. A
waiting worker costs nothing: it sleeps on its standard input.
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
    """The work of a contender in one turn.

    Attributes
    ----------
    run : does the work, and returns when it is done. It may return its own measurements as a dict.
    images : the number of images in a turn.
    finish : frees all resources.
    """

    run: Callable[[], Any]
    images: float
    finish: Callable[[], Any] = lambda: None


def main() -> None:
    """Write {"images": n} when ready; then for each input line run a turn and write {"seconds": s} or `run`'s dict."""
    answers = os.fdopen(os.dup(1), "w")  # output of libraries goes to standard error
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
