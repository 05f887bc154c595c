"""`python -m benchmarks.results.budget`: a training of mxgan that ends after a time, in several parts if need be.

The clock runs from the first step of a part to its last, with all that happens between them: the next batch, the step,
the log, pictures and checkpoints. What comes before is not counted: the start of the process, decoding the images into
memory, binding the networks. peer.py counts in the same way. A checkpoint has the time up to itself, so the time of
steps that a kill has cost is lost with them.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Optional

import click

import mxgan
from benchmarks.results.clocks import CLOCKS
from mxgan.cli.commands import train as train_command
from mxgan.cli.flags import resolve
from mxgan.cli.terminal import show_log, stop_on_signals
from mxgan.errors import RunFinishedError
from mxgan.runs.config import RunConfig, recorded_config
from mxgan.runtime.files import write_whole
from mxgan.training.checkpoint_files import read_state
from mxgan.training.run_folder import RunFolder

__all__ = ["TimeBudget", "config_of", "main", "trained"]

ENDLESS = 10_000_000  # steps of a training that only its time ends
REASON = "the end of its time"
TRIAL_STEPS, TRIAL_SECONDS = 200, 60.0  # of the trial that measures the speed; what comes first ends it
FIRST = 5  # steps of a trial that are not counted: MXNet allocates its memory in them


class TimeBudget(mxgan.Callback):
    """Stops a training when its steps have taken `seconds`, over all parts of a resumed run.

    Attributes
    ----------
    seconds : the time so far. limit : the time at which it ends. clock : gives the time of now, in seconds.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.limit, self.clock, self._before, self._since = limit, clock, 0.0, None

    @property
    def seconds(self) -> float:
        """The time of the steps so far."""
        return self._before + (0.0 if self._since is None else self.clock() - self._since)

    @property
    def is_over(self) -> bool:
        """Whether the time is used up."""
        return self.seconds >= self.limit

    def on_fit_begin(self, trainer) -> None:
        self._since = self.clock()

    def on_step_end(self, trainer, batch, result) -> None:
        if self.is_over:
            trainer.stop(REASON)

    def on_fit_end(self, trainer) -> None:
        self._before, self._since = self.seconds, None

    def state(self) -> dict:
        return {"seconds": self.seconds}

    def restore(self, state: dict) -> None:
        self._before = state.get("seconds", 0.0)
        self._since = None if self._since is None else self.clock()


def config_of(words: Sequence[str], **settings) -> RunConfig:
    """The configuration of the flags of `mxgan train`; `settings` are settings of the run that replace theirs."""
    flags = train_command.make_context("train", list(words)).params
    return replace(resolve(flags, {}), **settings)


def trained(words: Sequence[str], folder: Path, seconds: float, clock: Callable[[], float] = time.monotonic) -> dict:
    """Train, or go on with, the run in `folder` until its steps have taken `seconds`.

    Returns
    -------
    {"seconds", "steps", "images" (real images that D has seen), "finished"}, also written to FOLDER.time.json; the same
    on all ranks.
    """
    config = _with_end(config_of(words), folder, seconds, clock)
    budget = TimeBudget(seconds, clock)
    try:
        session = mxgan.start_or_resume(config, folder, "none", callbacks=[budget])
    except RunFinishedError:
        return _noted(folder, True)
    if mxgan.all_ranks().any(budget.is_over):  # the time is that of the first rank, whose callbacks are called
        if session.lock is not None:
            session.lock.release()
        return _noted(folder, True)
    with stop_on_signals(session.trainer):
        session.run()
    return _noted(folder, session.trainer.stopping in (None, REASON))


def _noted(folder: Path, finished: bool) -> dict:
    """What the newest checkpoint says of the training, written beside the run by the first rank."""
    ranks = mxgan.all_ranks()
    return ranks.from_first(_written(folder, finished) if ranks.is_first else None)


def _written(folder: Path, finished: bool) -> dict:
    run = RunFolder.open(folder)
    state, recipe = read_state(run.latest_checkpoint()), recorded_config(run).recipe
    images = state["step"] * recipe.schedule.real_batches * recipe.batch_size
    seconds = state["callbacks"][TimeBudget.name]["seconds"]
    found = {"seconds": seconds, "steps": state["step"], "images": images, "finished": finished}
    write_whole(folder.with_name(f"{folder.name}.time.json"), json.dumps(found) + "\n")
    return found


def _with_end(config: RunConfig, folder: Path, seconds: float, clock: Callable[[], float]) -> RunConfig:
    """The configuration with its last step: the run's own if it has begun, else what the recipe needs.

    A recipe with a learning rate that falls to its end must know its last step: a short trial measures how many steps
    fit into the time. Every other recipe is ended by the clock alone.
    """
    steps = _steps_of_run(folder)
    if steps is None:
        steps = _steps_in(config, seconds, clock) if _must_know_its_end(config.recipe) else ENDLESS
    return replace(config, steps=steps, epochs=None)


def _steps_of_run(folder: Path) -> Optional[int]:
    run = RunFolder(folder)
    return recorded_config(run).steps if run.config_path.is_file() else None


def _must_know_its_end(recipe) -> bool:
    schedules = (recipe.generator_optimizer.schedule, recipe.discriminator_optimizer.schedule)
    return any(each.shape in ("linear", "cosine") for each in schedules)


class _Speed(mxgan.Callback):
    """Seconds per step of a trial, without its first steps."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.ends, self.clock = [], clock

    def on_step_end(self, trainer, batch, result) -> None:
        self.ends.append(self.clock())
        if len(self.ends) > FIRST and self.ends[-1] - self.ends[FIRST] > TRIAL_SECONDS:
            trainer.stop("the end of the trial")

    @property
    def seconds(self) -> float:
        return (self.ends[-1] - self.ends[FIRST]) / (len(self.ends) - FIRST - 1)


def _steps_in(config: RunConfig, seconds: float, clock: Callable[[], float]) -> int:
    """How many steps this training does in `seconds`, after a trial in a folder that is then deleted."""
    speed = _Speed(clock)
    with tempfile.TemporaryDirectory() as place:
        trial = replace(config, steps=TRIAL_STEPS, epochs=None, checkpoint_every=TRIAL_STEPS)
        mxgan.start(trial, Path(place) / "trial", "none", callbacks=[speed]).run()
    ranks = mxgan.all_ranks()
    each = ranks.from_first(speed.seconds if ranks.is_first else None)  # callbacks are those of the first rank
    steps = max(1, round(seconds / each))
    click.echo(f"trial: {each:.3f} s per step, so the training has {steps:,} steps")
    return steps


@click.command(help=__doc__, context_settings={"ignore_unknown_options": True})
@click.option("--run-dir", required=True, type=click.Path(path_type=Path), help="Folder of the run.")
@click.option("--seconds", required=True, type=click.FloatRange(0, min_open=True), help="The time of all its steps.")
@click.option("--clock", type=click.Choice([*CLOCKS]), default="wall", show_default=True, help="Whose time.")
@click.argument("words", nargs=-1, type=click.UNPROCESSED)
def main(run_dir: Path, seconds: float, clock: str, words: tuple) -> None:
    """Train with the flags of `mxgan train` that follow."""
    show_log()
    found = trained(words, run_dir, seconds, CLOCKS[clock]())
    click.echo(json.dumps(found))
    if not found["finished"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
