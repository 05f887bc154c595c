"""What a comparison takes and gives: `Plan`, `Outcome`, `Section`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Optional

from benchmarks.alternate import Timing, ratio

__all__ = ["LAST", "Outcome", "Plan", "Section", "best_of", "over", "spread_of"]

LAST = {"channels_last": True, "fused": True}  # PyTorch with the faster layout, and Adam as one operator


@dataclass(frozen=True)
class Plan:
    """The settings of a benchmark.

    Attributes
    ----------
    rounds : number of turns of each contender. mnist, photographs : data folders; None if missing. peers : whether to
        measure PyTorch. compiler : whether to measure torch.compile. bfloat16 : whether this CPU computes in bfloat16.
    width : ngf and ndf of DCGAN.
    """

    rounds: int
    mnist: Optional[str]
    photographs: Optional[str]
    peers: bool
    compiler: bool
    bfloat16: bool
    width: int = 64

    @property
    def data(self) -> dict:
        """The data set of a training, as settings of running.py: MNIST, or the built-in digits."""
        return {"dataset": "mnist", "data_dir": self.mnist} if self.mnist else {"dataset": "digits", "data_dir": None}


@dataclass(frozen=True)
class Outcome:
    """One measured value. It should be at least (or at most) `goal`; None means no goal.

    Attributes
    ----------
    what : what was measured. peer : what it is compared with, if that was chosen in this run; else empty.
    spread : the quartiles of the rounds. short : whether README's table has it.
    """

    what: str
    value: float
    unit: str
    goal: Optional[float] = None
    at_most: bool = False
    spread: str = ""
    peer: str = ""
    short: bool = False

    @property
    def reached(self) -> Optional[bool]:
        """Whether the value reaches the goal; None without a goal."""
        if self.goal is None:
            return None
        return self.value <= self.goal if self.at_most else self.value >= self.goal


@dataclass(frozen=True)
class Section:
    """The result of a suite: timings, outcomes, and notes for the reader."""

    title: str
    timings: Sequence[Timing] = ()
    outcomes: Sequence[Outcome] = ()
    notes: Sequence[str] = ()
    values: dict = field(default_factory=dict)


def best_of(timings: Sequence[Timing]) -> Timing:
    """The one with the most images per second in its median turn."""
    return min(timings, key=lambda timing: timing.median / timing.images)


def over(
    ours: Timing, peers: Sequence[Timing], what: str, goal: Optional[float] = None, short: bool = False
) -> Outcome:
    """The ratio of our images per second to those of the fastest of some peers."""
    best = best_of(peers)
    low, middle, high = ratio(ours, best)
    return Outcome(what, middle, "×", goal, spread=spread_of(low, high), peer=best.name, short=short)


def spread_of(low: float, high: float) -> str:
    """Two quartiles in words."""
    return f"{low:.2f} to {high:.2f}"
