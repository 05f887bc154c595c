"""The crash test: a training that is killed 200 times ends in the same bits as one that is left alone.

::

    python -m tests.crash [--kills 200] [--seed 0] [--steps 600] [--recipe dcgan] [--keep DIR]

`mxgan train --resume auto` on a tiny network, a real process, gets SIGKILL at moments drawn from the seed (during
startup, while it trains, inside saves, at any time) and is started again by the same command, until it has reached
its end; then the next run, until all kills are spent. After every kill each checkpoint must be whole by its sha256,
there must be one once there was one, and the history up to it must be the undisturbed run's. At the end the newest
checkpoint, the history and the pictures must be those of the undisturbed run to the bit. Ends with 1 where not.
"""

from __future__ import annotations

import random
import signal
import sys
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Optional

import click

from mxgan.recipes import RECIPES
from tests.tiny_run import Training, checkpoint_faults, contents, differences, half_written, history, tiny_flags

EVERY = {"log_every": 2, "sample_every": 20, "checkpoint_every": 5, "keep": 3}
AIMS = ("startup", "training", "save", "save", "any time")
SAVE_SECONDS = 0.01  # of the network here, about


class Aim(NamedTuple):
    """One kill to come: at which kind of moment, and how far into it, 0 to 1."""

    kind: str
    fraction: float


@dataclass
class Figures:
    """What came of it; seconds are those of the undisturbed run until its first step, and from there to its end."""

    startup: float = 0.0
    training: float = 0.0
    kills: Counter = field(default_factory=Counter)  # by phase
    runs: int = 0
    from_the_beginning: int = 0
    resumes: int = 0
    steps_again: int = 0
    files_compared: int = 0
    problems: list = field(default_factory=list)


class Crash:
    """Runs that are killed as `aims` say, against one undisturbed run; all in `folder`."""

    def __init__(self, folder: Path, flags: Sequence[str], aims: Sequence[Aim]) -> None:
        self.figures = Figures()
        self._folder, self._flags, self._aims, self._lock = folder, flags, deque(aims), threading.Lock()

    def run(self, jobs: int) -> Figures:
        """The undisturbed run; then `jobs` runs at a time, until every kill is spent."""
        whole, began = self._make("undisturbed"), time.monotonic()
        training = Training(whole, self._flags)
        training.wait_until(training.trains)
        self.figures.startup = time.monotonic() - began
        if training.finish() != 0:
            raise RuntimeError(f"the undisturbed run failed: {training.output()}")
        self.figures.training = time.monotonic() - began - self.figures.startup
        self._history, self._whole = history(whole), contents(whole)
        threads = [threading.Thread(target=self._work) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.figures

    def _make(self, name: str) -> Path:
        (self._folder / name).mkdir(parents=True)
        return self._folder / name / "run"  # the same name for all: the picture of the losses has it as its title

    def _work(self) -> None:
        while self._aims and not self.figures.problems:
            with self._lock:
                self.figures.runs += 1
                folder = self._make(f"killed-{self.figures.runs:02d}")
            try:
                self._run_with_kills(folder)
                self._compare(folder)
            except (OSError, ValueError, KeyError, RuntimeError) as error:  # TimeoutError is an OSError
                self._problem(folder, repr(error))

    def _run_with_kills(self, folder: Path) -> None:
        newest: Optional[int] = None
        while True:
            with self._lock:
                aim = self._aims.popleft() if self._aims else None
                self.figures.resumes += newest is not None
                self.figures.from_the_beginning += newest is None
            training = Training(folder, self._flags)
            killed = aim is not None and self._reached(training, aim) and self._strike(training)
            if not killed:
                with self._lock:
                    self._aims.extendleft([aim] if aim else [])
                if training.finish() != 0:
                    raise RuntimeError(f"it ended with {training.process.returncode}: {training.output()}")
                return
            newest = self._examine(training, newest)

    def _reached(self, training: Training, aim: Aim) -> bool:
        """Wait for the moment that `aim` means; False when the run ends before it."""
        window = min(1.0, self.figures.training / 4)
        if aim.kind == "startup":
            return training.sleep(aim.fraction * self.figures.startup)
        if aim.kind == "any time":
            return training.sleep(aim.fraction * (self.figures.startup + window))
        if not training.wait_until(training.trains):
            return False
        if aim.kind == "training":
            return training.sleep(aim.fraction * window)
        later = aim.fraction * 7 % 1  # not always the first save
        return (
            training.sleep(later * window)
            and training.wait_until(training.saves)
            and training.sleep(aim.fraction * SAVE_SECONDS)
        )

    def _strike(self, training: Training) -> bool:
        """Kill it; False when it had ended well just before."""
        training.kill()
        if training.process.returncode not in (0, -signal.SIGKILL):
            raise RuntimeError(f"it ended with {training.process.returncode}: {training.output()}")
        return training.process.returncode != 0

    def _examine(self, training: Training, before: Optional[int]) -> Optional[int]:
        """Look at what a kill has left; the newest checkpoint's step."""
        folder, lines = training.folder, history(training.folder)
        newest, faults = checkpoint_faults(folder)
        if before is not None and (newest is None or newest < before):
            faults.append(f"the newest checkpoint was {before} and is {newest}")
        if newest is not None and _up_to(newest, lines) != _up_to(newest, self._history):
            faults.append(f"the history up to step {newest} is not that of the undisturbed run")
        phase = phase_of(training)
        with self._lock:
            self.figures.kills[phase] += 1
            self.figures.steps_again += max(0, (lines[-1]["step"] if lines else 0) - (newest or 0))
        for fault in faults:
            self._problem(folder, f"after a kill, {phase}: {fault}")
        return newest

    def _compare(self, folder: Path) -> None:
        found = contents(folder)
        for name in differences(found, self._whole):
            self._problem(folder, f"{name} is not that of the undisturbed run")
        for path, _ in half_written(folder):
            self._problem(folder, f"{path} was left behind at the end")
        with self._lock:
            self.figures.files_compared += len(found)

    def _problem(self, folder: Path, text: str) -> None:
        with self._lock:
            self.figures.problems.append(f"{folder.parent.name}: {text}")


def _up_to(step: int, lines: list) -> list:
    return [line for line in lines if line["step"] <= step]


def phase_of(training: Training) -> str:
    """In what a process was killed, read off what it left."""
    if training.saves():
        return "inside a save"
    if training.half_written():
        return "inside another file"
    return "training" if training.trains() else "startup"


def draw_aims(kills: int, seed: int) -> list:
    """The kills to come: each kind of moment as often, in an order and at times drawn from the seed."""
    draw = random.Random(seed)
    aims = [Aim(AIMS[number % len(AIMS)], draw.random()) for number in range(kills)]
    draw.shuffle(aims)
    return aims


@click.command(help=__doc__.partition("\n")[0])
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the moments.")
@click.option("--steps", type=click.IntRange(10), default=600, show_default=True, help="Length of each run.")
@click.option("--recipe", type=click.Choice(sorted(RECIPES)), default="dcgan", show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Runs at a time.")
@click.option("--keep", type=click.Path(path_type=Path), help="A new folder for the runs, which stay.")
def main(kills: int, seed: int, steps: int, recipe: str, jobs: int, keep: Optional[Path]) -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        figures = Crash(keep or Path(scratch), tiny_flags(steps, recipe, **EVERY), draw_aims(kills, seed)).run(jobs)
    for name, count in sorted(figures.kills.items()):
        click.echo(f"{count:6d} kills {name if name.startswith('inside') else f'during {name}'}")
    click.echo(f"{sum(figures.kills.values()):6d} kills in all, {time.monotonic() - began:.0f} s")
    click.echo(f"{figures.runs:6d} runs of {steps} steps")
    click.echo(f"{figures.from_the_beginning:6d} starts from the beginning, {figures.resumes} from a checkpoint")
    click.echo(f"{figures.steps_again:6d} steps done again, as far as the history tells")
    click.echo(f"{figures.files_compared:6d} files compared with those of the undisturbed run")
    for problem in figures.problems:
        click.echo(f"PROBLEM: {problem}")
    click.echo("the same bits" if not figures.problems else "NOT the same")
    sys.exit(1 if figures.problems else 0)


if __name__ == "__main__":
    main()
