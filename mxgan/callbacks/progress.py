"""`TrainingProgress`: how far a training is, as a bar on a terminal or in a notebook, and as lines in a log."""

from __future__ import annotations

from typing import Optional

from mxgan.callbacks.history import Logger
from mxgan.runtime.progress import Progress
from mxgan.training.callback import Callback

__all__ = ["TrainingProgress"]

# The names on the bar, which has to fit 80 columns; a line has the names of history.jsonl.
ON_THE_BAR = {"fentropy_g": "loss G", "fentropy_d": "D", "loss_g": "loss G", "loss_d": "D"}


class TrainingProgress(Callback):
    """Step of total, time left, images per second, D's accuracy and both losses; see `mxgan.runtime.progress`.

    The figures are those of the Logger's newest line, so no step waits for the device. In the list of callbacks, the
    Logger must come before this one.

    Parameters
    ----------
    source : gives the figures.
    total : the step at which the training ends.
    progress : whether the bar is drawn.
    """

    def __init__(self, source: Logger, total: int, progress: Optional[bool] = None) -> None:
        self._source, self._total, self._progress = source, total, progress
        self._shown: Optional[Progress] = None
        self._told: dict = {}

    def on_fit_begin(self, trainer) -> None:
        self._shown = Progress(self._progress, "", self._total, "step", initial=trainer.step, timed=False)
        self._told = self._source.latest

    def on_step_end(self, trainer, batch, result) -> None:
        self._shown.move_to(trainer.step)  # smaller than before after a rollback
        self._tell()

    def on_fit_end(self, trainer) -> None:
        self._tell()

    def _tell(self) -> None:
        """Show the figures of the Logger's newest line, once."""
        latest = self._source.latest
        if latest is self._told or not latest:
            return
        self._told = latest
        speed = latest["images_per_second"]
        speed = f"{speed:.0f}" if speed >= 10 else f"{speed:.2g}"
        figures = {name: f"{latest[name]:.3g}" for name in self._source.metrics.headline()}
        short = [f"{ON_THE_BAR.get(name, name)} {figure}" for name, figure in figures.items()]
        long = [f"{name} {figure}" for name, figure in figures.items()]
        self._shown.note(", ".join([f"{speed} img/s", *short]))
        self._shown.say(", ".join([self._shown.describe(), f"{speed} images/s", *long]))

    def close(self, trainer) -> None:
        if self._shown is not None:
            self._shown.close()
