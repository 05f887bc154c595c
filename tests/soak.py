"""The soak: 20,000 steps of a tiny network with pictures, checkpoints and logs; memory and files stay flat.

::

    python -m tests.soak [--steps 20000] [--picture NAME]...

Resident memory and open files are read 200 times. The first tenth of the steps is the warm-up; of the rest come the
least-squares line and the medians of its first and its last tenth of the run. Ends with 1 where either says that
memory grows by more than 5 MB from the warm-up to the end, or where files stay open.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np

import mxgan
from mxgan.callbacks.pictures import PICTURES
from mxgan.training.callback import Callback
from tests.support import tiny_config

READINGS = 200
ALLOWED_MB = 5.0
# Scores and losses are drawn by Matplotlib, and losses reads the whole history: with them memory grew by 7 MB.
DEFAULT_PICTURES = ("grids", "strip")
SETTINGS = {"log_every": 10, "sample_every": 250, "checkpoint_every": 50, "keep": 3}


class Reading(NamedTuple):
    """At one step: resident memory in bytes, and the number of open files."""

    step: int
    memory: int
    files: int


class Gauge(Callback):
    """Reads every `every` steps what this process holds."""

    def __init__(self, every: int) -> None:
        self.every, self.readings = every, []

    def on_step_end(self, trainer, batch, result) -> None:
        if trainer.step % self.every == 0:
            self.readings.append(Reading(trainer.step, resident_memory(), len(os.listdir("/proc/self/fd"))))


class Verdict(NamedTuple):
    """What the readings say: growth in MB after the warm-up, twice, and open files then and at the end."""

    warm: float
    by_line: float
    by_medians: float
    files: tuple

    @property
    def flat(self) -> bool:
        return max(self.by_line, self.by_medians) <= ALLOWED_MB and self.files[1] <= self.files[0]


def resident_memory() -> int:
    """Bytes of this process in memory, as Linux counts them."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def soak(steps: int, folder: Path, pictures: Sequence[str] = DEFAULT_PICTURES, **settings) -> list:
    """Train for `steps` steps in `folder`, drawing rows of PICTURES; the readings."""
    config = tiny_config(steps=steps, **{**SETTINGS, **settings})
    config = replace(config, recipe=replace(config.recipe, pictures=tuple(pictures)))
    session = mxgan.start(config, folder, display="none", progress=False)
    gauge = Gauge(max(1, steps // READINGS))
    session.trainer.callbacks.append(gauge)
    session.run()
    return gauge.readings


def judge(readings: list) -> Verdict:
    """Least squares over all but the first tenth of the readings; medians of the second tenth and of the last."""
    tenth = len(readings) // 10
    steps, memory, files = (np.array(column, float) for column in zip(*readings))
    after, megabytes = slice(tenth, None), memory / 1e6
    slope = np.polyfit(steps[after], megabytes[after], 1)[0]
    warm, last = np.median(megabytes[tenth : 2 * tenth]), np.median(megabytes[-tenth:])
    open_files = (int(files[tenth : 2 * tenth].max()), int(files[-tenth:].max()))
    return Verdict(warm, slope * (steps[-1] - steps[tenth]), last - warm, open_files)


@click.command(help=__doc__.partition("\n")[0])
@click.option("--steps", type=click.IntRange(READINGS), default=20000, show_default=True)
@click.option("--picture", "pictures", type=click.Choice(list(PICTURES)), multiple=True, default=DEFAULT_PICTURES)
def main(steps: int, pictures: tuple) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        readings = soak(steps, Path(folder) / "run", pictures)
    verdict = judge(readings)
    for reading in [*readings[:: READINGS // 10], readings[-1]]:
        click.echo(f"step {reading.step:6d}: {reading.memory / 1e6:7.2f} MB, {reading.files} open files")
    click.echo(f"{steps} steps in {time.monotonic() - began:.0f} s")
    click.echo(f"memory after the warm-up: {verdict.warm:.2f} MB")
    click.echo(f"growth since, by least squares: {verdict.by_line:+.2f} MB; by medians: {verdict.by_medians:+.2f} MB")
    click.echo(f"open files: {verdict.files[0]} after the warm-up, {verdict.files[1]} at the end")
    click.echo("flat" if verdict.flat else f"NOT flat: more than {ALLOWED_MB:g} MB, or files stay open")
    sys.exit(0 if verdict.flat else 1)


if __name__ == "__main__":
    main()
