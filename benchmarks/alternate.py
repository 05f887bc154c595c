"""Turns of contenders in alternation, so that other load affects all alike; their medians, spreads and ratios."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

__all__ = ["Contender", "Timing", "WorkerError", "alternate", "ratio", "turns"]

ROOT = Path(__file__).resolve().parents[1]


class WorkerError(RuntimeError):
    """A contender ended before its last turn; its own message is on standard error."""


@dataclass(frozen=True)
class Contender:
    """A function to be timed: `make` is "module:function", called with `settings` in its own process."""

    name: str
    make: str
    settings: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Timing:
    """The turns of one contender.

    Attributes
    ----------
    seconds : the time of each turn, in the order of the rounds.
    images : the number of images in one turn.
    """

    name: str
    seconds: tuple
    images: float

    @property
    def median(self) -> float:
        """The median time of a turn, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Half the distance between the quartiles, divided by the median."""
        low, _, high = statistics.quantiles(self.seconds, n=4)
        return (high - low) / 2 / self.median

    @property
    def images_per_second(self) -> float:
        """Images per second in the median turn."""
        return self.images / self.median


class _Worker:
    def __init__(self, contender: Contender) -> None:
        self.name = contender.name
        command = [sys.executable, "-m", "benchmarks.worker", contender.make, json.dumps(contender.settings)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=1
        )
        self.images: Optional[float] = None

    def answer(self) -> dict:
        """The next line of the worker, as a dict."""
        line = self._process.stdout.readline()
        if not line:
            raise WorkerError(f"{self.name} ended with {self._process.wait()}; its standard error is above.")
        return json.loads(line)

    def get_ready(self) -> None:
        self.images = self.answer()["images"]

    def turn(self) -> dict:
        with suppress(BrokenPipeError):  # the process has ended; `answer` raises the error
            self._process.stdin.write("\n")
        return self.answer()

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()


def turns(contenders: Sequence[Contender], rounds: int, warm_up: int = 1) -> dict:
    """{name: [answer of each turn]}: all contenders one after another, `rounds` times after `warm_up` uncounted rounds.

    An answer is {"seconds": s, "images": n}, or the contender's own measurements and "images".
    """
    workers: list[Any] = []
    try:
        for contender in contenders:  # one after another: start-ups would disturb each other
            workers.append(_Worker(contender))
            workers[-1].get_ready()
        each = [[worker.turn() for worker in workers] for _ in range(warm_up + rounds)][warm_up:]
    finally:
        for worker in workers:
            worker.close()
    return {
        worker.name: [{**answer, "images": worker.images} for answer in answers]
        for worker, answers in zip(workers, zip(*each))
    }


def alternate(contenders: Sequence[Contender], rounds: int, warm_up: int = 1) -> dict:
    """{name: Timing} of contenders that the worker times; see `turns`."""
    return {
        name: Timing(name, tuple(answer["seconds"] for answer in answers), answers[0]["images"])
        for name, answers in turns(contenders, rounds, warm_up).items()
    }


def ratio(ours: Timing, peer: Timing) -> tuple:
    """(low quartile, median, high quartile), over the rounds, of our images per second divided by the peer's."""
    each = [(ours.images / own) / (peer.images / other) for own, other in zip(ours.seconds, peer.seconds)]
    return tuple(statistics.quantiles(each, n=4))
