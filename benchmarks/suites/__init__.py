"""SUITES: the comparisons and their goals, one function for each section of the report.

In reading order::

    base.py      Plan, Outcome, Section
    steps.py     training steps of DCGAN
    parts.py     the arithmetic's floor, a critic's step, residual networks
    samples.py   sampling
    runs.py      what a run costs beside its steps
    sizes.py     data iterators; the time of a step by its size
"""

from __future__ import annotations

from typing import Callable

from benchmarks.suites.base import Plan, Section
from benchmarks.suites.parts import critic, floor, residual
from benchmarks.suites.runs import additions, overhead, start
from benchmarks.suites.samples import exported, sampling
from benchmarks.suites.sizes import data, scaling
from benchmarks.suites.steps import steps_grey, steps_quick, steps_rgb

__all__ = ["QUICK", "SUITES"]

SUITES: dict[str, Callable[[Plan], Section]] = {
    "step": steps_rgb,
    "step-grey": steps_grey,
    "floor": floor,
    "critic": critic,
    "residual": residual,
    "sampling": sampling,
    "exported": exported,
    "overhead": overhead,
    "additions": additions,
    "start": start,
    "data": data,
    "scaling": scaling,
}
# Those of --quick, which have the main ratios.
QUICK: dict[str, Callable[[Plan], Section]] = {
    "step": steps_quick,
    "critic": critic,
    "sampling": sampling,
    "overhead": overhead,
}
