"""`Rollback`: return to the last checkpoint after divergence, with smaller learning rates."""

from __future__ import annotations

import logging
from typing import Any

from mxgan.callbacks.history import Logger
from mxgan.errors import DivergedError
from mxgan.training.checkpoint import put_into, read_checkpoint, rewrite_state
from mxgan.training.parallel.sharing import saved_on_all
from mxgan.training.run_folder import RunFolder

__all__ = ["Rollback"]

logger = logging.getLogger(__name__)

SMALLER_STEP = 0.5

MOST_ROLLBACKS = 10


class Rollback:
    """The trainer's reaction to a DivergedError: load the last checkpoint and continue with smaller learning rates.

    Each rollback halves both learning rates for the rest of the run and records this in the checkpoint. The next line
    of the history has an entry under `rollbacks`. After MOST_ROLLBACKS rollbacks the error is raised.
    """

    def __init__(self, trainer, folder: RunFolder) -> None:
        self._trainer, self._folder = trainer, folder

    def __call__(self, error: DivergedError) -> None:
        pair = self._trainer.pair
        scale = pair.learning_rate_scale * SMALLER_STEP
        if scale < SMALLER_STEP**MOST_ROLLBACKS:
            remedy = f"It was rolled back {MOST_ROLLBACKS} times; try another seed, or other settings."
            raise DivergedError(error.step, error.network, error.layer, error.what, remedy) from error
        checkpoint = self._folder.latest_checkpoint() if pair.ranks.is_first else None
        saved = saved_on_all(pair.ranks, read_checkpoint(checkpoint) if checkpoint else None)
        state: dict[str, Any] = put_into(pair, saved)
        entry = {
            "from_step": error.step,
            "to_step": state["step"],
            "cause": f"{error.what} not finite",
            "network": error.network,
            "layer": error.layer,
            "learning_rate_scale": scale,
        }
        notes = state["callbacks"][Logger.name]["notes"]
        notes["rollbacks"] = [*notes.get("rollbacks", []), entry]
        state["learning_rate_scale"] = pair.learning_rate_scale = scale
        if checkpoint:
            rewrite_state(checkpoint, state)
        self._trainer.restore(state)
        logger.warning(
            "%s Back to step %d; training continues with %g times the run's original learning rates.",
            str(error).partition(" not finite.")[0] + " not finite.",
            state["step"],
            scale,
        )
