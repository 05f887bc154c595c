"""Checkpoints: the whole training state in a run's folder ``checkpoints/STEP/``, under the original's file names::

    DATASET_G_STAMP-symbol.json  DATASET_G_STAMP-EPOCH.params   generator, as mx.model.load_checkpoint takes it
    DATASET_D_STAMP-symbol.json  DATASET_D_STAMP-EPOCH.params   discriminator
                                 DATASET_E_STAMP-EPOCH.params   average of the generator, if the run keeps one
                                 DATASET_ED_STAMP-EPOCH.params  average of the discriminator, if the run keeps one
    generator.optimizer  discriminator.optimizer                the optimisers' arrays (NDArray files, no pickle)
    state.json                                                  everything else, and the sha256 of each file above

A checkpoint is written under another name, read back, synced to the disk and renamed: a folder with a number as its
name is complete. The symbols are for other programs, and for `mxgan sample FILE.params`; a run itself does not read
them, since its config.json says how to build them.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import NamedTuple, Optional, Union

import numpy as np

from mxgan.errors import CheckpointError, DivergedError, OutputError
from mxgan.graphs.params_files import load_arrays, load_params, save_arrays, save_params
from mxgan.runtime.files import new_folder, write_whole
from mxgan.training.checkpoint_files import AVERAGES, FORMAT, average_file, parameter_file, read_state, sha256_of
from mxgan.training.optimizers import continue_schedule, import_state
from mxgan.training.run_folder import RunFolder

__all__ = ["Names", "Saved", "put_into", "read_checkpoint", "rewrite_state", "save_checkpoint"]

logger = logging.getLogger(__name__)


class Names(NamedTuple):
    """The data set and the time stamp in a checkpoint's file names."""

    dataset: str
    stamp: str


def save_checkpoint(folder: RunFolder, pair, names: Names, state: dict) -> Path:
    """Save the whole training state as the checkpoint of ``state["step"]``; returns its folder.

    Parameters
    ----------
    pair : an `AdversarialPair`, or what has its `halves`, `get_params`, `symbol_json`, `optimizer_state`, `averages`
        and `learning_rate_scale`; a half whose parameters are None has no files of parameters.
    state : JSON values: step, epoch, iteration and seed; versions, on which the bits depend; metrics, the newest value
        of each; callbacks, {name: its state}. This function adds the update counts of the optimisers and of the
        averages, and the sha256 sums.

    Raises
    ------
    DivergedError : a parameter or statistic is not finite; nothing was saved.
    CheckpointError : the checkpoint cannot be written; earlier checkpoints are untouched.
    """
    target = folder.checkpoint(state["step"])
    try:
        with new_folder(target) as beside:
            _write(beside, folder, pair, names, state)
    except (OSError, OutputError, CheckpointError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else "the written file reads back differently"
        raise CheckpointError(
            f"the checkpoint {target} cannot be written: {reason}. Is the disk full, or the folder read-only? Earlier "
            "checkpoints are untouched; make room, and continue the run with --resume."
        ) from error
    return target


def _write(beside: Path, folder: RunFolder, pair, names: Names, state: dict) -> None:
    counts = {}
    for half, parameters in zip(pair.halves(), pair.get_params()):
        if parameters is not None:
            _check_finite(half, parameters, state["step"], folder)
            prefix = f"{names.dataset}_{half[0].upper()}_{names.stamp}"
            write_whole(beside / f"{prefix}-symbol.json", pair.symbol_json(half))
            save_params(beside / f"{prefix}-{state['epoch']:04d}.params", *parameters)
        arrays, counts[half] = pair.optimizer_state(half)
        save_arrays(beside / f"{half}.optimizer", arrays)
    state = {**state, **_save_averages(beside, pair, names, state, folder)}
    sums = {entry.name: sha256_of(entry) for entry in sorted(beside.iterdir())}
    whole = {"format": FORMAT, **state, "learning_rate_scale": pair.learning_rate_scale}
    write_whole(beside / "state.json", json.dumps({**whole, "optimizers": counts, "sha256": sums}, indent=1))


def _save_averages(beside: Path, pair, names: Names, state: dict, folder: RunFolder) -> dict:
    """Save the averages that the pair keeps; returns their entries for state.json."""
    entries = {}
    for half, average in pair.averages.items():
        (initials, entry), parameters = AVERAGES[half], average.get_params()
        _check_finite(f"{half}'s average", parameters, state["step"], folder)
        save_params(beside / f"{names.dataset}_{initials}_{names.stamp}-{state['epoch']:04d}.params", *parameters)
        entries[entry] = {"updates": average.updates}
    return entries


def rewrite_state(folder: Path, state: dict) -> None:
    """Replace a checkpoint's state.json, atomically; the other files stay unchanged."""
    write_whole(folder / "state.json", json.dumps(state, indent=1))


def _check_finite(half: str, parameters: tuple, step: int, folder: RunFolder) -> None:
    """Raise DivergedError for a value that is not finite, so that a bad checkpoint never replaces a good one."""
    for group in parameters:
        for name, value in group.items():
            if not np.isfinite(value.asnumpy()).all():
                raise DivergedError(step, half, name, f"{name!r} of the {half} is", folder.last_good())


class Saved(NamedTuple):
    """The content of a checkpoint's files; `put_into` sets it on a pair.

    Attributes
    ----------
    folder : the checkpoint. state : the content of its state.json.
    parameters : {half: (arg_params, aux_params)}. optimizers : {half: the optimiser's arrays}.
    averages : {half: (arg_params, aux_params)} of the averages that the checkpoint has.
    """

    folder: Union[str, Path]
    state: dict
    parameters: dict
    optimizers: dict
    averages: dict


def read_checkpoint(folder: Path, state: Optional[dict] = None) -> Saved:
    """Read the files of a checkpoint.

    Parameters
    ----------
    state : the result of `read_state`, so that no file is hashed twice; None: read it here.

    Raises
    ------
    CorruptFileError : a file is missing or has changed since it was saved.
    """
    state = state or read_state(folder)
    files = {half: parameter_file(folder, half) for half in ("generator", "discriminator")}
    kept = {half: state["optimizers"][half]["arrays"] for half in files}
    averages = {half: average_file(folder, state, half) for half in AVERAGES}
    return Saved(
        folder,
        state,
        {half: load_params(file) for half, file in files.items()},
        {half: load_arrays(folder / f"{half}.optimizer") if kept[half] else {} for half in files},
        {half: load_params(file) for half, file in averages.items() if file is not None},
    )


def put_into(pair, saved: Saved) -> dict:
    """Set a saved state on `pair`, which has its optimisers already; returns its state.json.

    Raises CheckpointError : the parameters belong to another network, or the state to another optimiser.
    """
    state = saved.state
    pair.set_params(saved.parameters["generator"], saved.parameters["discriminator"])
    for half, module in pair.halves().items():
        import_state(module, saved.optimizers[half], state["optimizers"][half])
        continue_schedule(module, state["step"])
    pair.learning_rate_scale = state["learning_rate_scale"]
    for half, average in pair.averages.items():
        if half in saved.averages:
            average.set_params(*saved.averages[half], state[AVERAGES[half].entry]["updates"])
        elif state["step"]:  # it starts at the checkpoint's weights
            logger.warning("%s has no average of the %s; it begins with the weights of this step.", saved.folder, half)
    return state
