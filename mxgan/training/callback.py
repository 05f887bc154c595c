"""`Callback`: the hooks that a trainer calls around its steps."""

from __future__ import annotations

__all__ = ["Callback"]


class Callback:
    """Hooks that do nothing; override what is needed. `trainer` has step, epoch, iteration, pair, data."""

    def on_fit_begin(self, trainer) -> None:
        """Before the first step of `fit`."""

    def on_step_begin(self, trainer) -> None:
        """Before each step."""

    def on_step_end(self, trainer, batch, result) -> None:
        """After each step; `result` is a StepResult, `batch` the real mx.io.DataBatch."""

    def on_epoch_end(self, trainer) -> None:
        """After the last step of an epoch; `trainer.epoch` counts it already."""

    def on_fit_end(self, trainer) -> None:
        """When `fit` has done what was asked, or was told to stop; not after an error."""

    def close(self, trainer) -> None:
        """At the very end, error or not: let go of what is held."""

    def state(self) -> dict:
        """What a checkpoint must hold for this callback to go on exactly, as JSON values."""
        return {}

    def restore(self, state: dict) -> None:
        """Go on from what `state` gave."""
