"""The choice of a checkpoint: the latest, the best or that of a step, and the generator's file in it."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.runtime.files import read_json
from mxgan.training.checkpoint_files import average_file, parameter_file, read_state
from mxgan.training.run_folder import BEST, RunFolder

__all__ = ["best_step", "chosen_checkpoint", "generator_file"]

logger = logging.getLogger(__name__)


def best_step(folder: RunFolder, best: str) -> Optional[int]:
    """The step of the best checkpoint by `best`, "METRIC:min" or "METRIC:max".

    None if no checkpoint has that metric. Of equal values the earliest step is taken, because checkpoints repeat a
    value until the metric is measured again.
    """
    metric, direction = BEST.fullmatch(best).groups()
    sign = 1 if direction == "max" else -1
    found = []
    for step in folder.checkpoint_steps():
        try:
            value = _metrics_of(folder.checkpoint(step)).get(metric)
        except CorruptFileError as error:
            logger.warning("Skipped in the search for the best checkpoint: %s", error)
            continue
        if isinstance(value, (int, float)):
            found.append((sign * value, -step))
    return -max(found)[1] if found else None


def _metrics_of(checkpoint: Path) -> dict:
    path = checkpoint / "state.json"
    try:
        return dict(read_json(path)["metrics"])
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptFileError(path, "has no metrics") from error


def generator_file(chosen: Path, averaged: Optional[bool] = None) -> Path:
    """The .params file of the generator or of its average in a checkpoint, after a check of all its files.

    `averaged` is True for the average, False for the generator itself, None for the average if there is one.
    """
    average = average_file(chosen, read_state(chosen))
    if averaged and average is None:
        raise ArgumentError(
            f"{chosen} has no average of the generator: the run was trained without ema. Leave --ema out, or train "
            "with --ema 0.999."
        )
    return parameter_file(chosen, "generator") if average is None or averaged is False else average


def chosen_checkpoint(folder: RunFolder, keep_best: Optional[str], checkpoint: Union[str, int]) -> Path:
    """The folder of a run's checkpoint: "latest", "best", or a step; MXGANError if it does not exist."""
    if checkpoint == "latest":
        return folder.latest_checkpoint()
    if checkpoint != "best":
        if not str(checkpoint).isdecimal():
            raise ArgumentError(f"checkpoint is {checkpoint!r}; give latest, best, or the number of a step.")
        return folder.checkpoint_of(int(checkpoint))
    if not keep_best:
        raise ArgumentError(f"the run {folder.path} has no best checkpoint, because it has no keep_best (--keep-best).")
    step = best_step(folder, keep_best)
    if step is None:
        raise CheckpointError(
            f"{folder.path} has no checkpoint with the metric of {keep_best!r}: the run does not measure it, or did "
            "not measure it at a checkpoint's step. Give latest, or the number of a step."
        )
    return folder.checkpoint(step)
