"""Checkpoints: the whole training state in a run's folder ``checkpoints/STEP/``, under the original's file names::

    DATASET_G_STAMP-symbol.json  DATASET_G_STAMP-EPOCH.params   generator, as mx.model.load_checkpoint takes it
    DATASET_D_STAMP-symbol.json  DATASET_D_STAMP-EPOCH.params   discriminator
                                 DATASET_E_STAMP-EPOCH.params   average of the generator, if the run keeps one
    generator.optimizer  discriminator.optimizer                the optimisers' arrays (NDArray files, no pickle)
    state.json                                                  everything else, and the sha256 of each file above

A checkpoint is written under another name, read back, synced to the disk and renamed: a folder with a number as its
name is complete. The symbols are for other programs, and for `mxgan sample FILE.params`; a run itself does not read
them, since its config.json says how to build them.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError, DivergedError, OutputError
from mxgan.graphs.params_files import load_arrays, load_params, save_arrays, save_params
from mxgan.runtime.config import is_number
from mxgan.runtime.files import new_folder, read_json, write_whole
from mxgan.training.optimizers import continue_schedule, import_state
from mxgan.training.run_folder import RunFolder

__all__ = [
    "NO_DISCRIMINATOR",
    "Names",
    "Saved",
    "average_file",
    "is_average",
    "parameter_file",
    "put_into",
    "read_checkpoint",
    "read_state",
    "rewrite_state",
    "save_checkpoint",
    "sha256_of",
    "symbol_prefix",
]

logger = logging.getLogger(__name__)

FORMAT = 2
NO_DISCRIMINATOR = (
    "this run was imported from a generator alone: it makes images, but has no discriminator and cannot be trained. "
    "Import both halves into another --run-dir: mxgan import FILE --discriminator FILE --run-dir DIR."
)
_AVERAGE = re.compile(r".*_E_.*\.params", re.DOTALL)
_COUNTS = ("step", "epoch", "iteration", "seed")


class Names(NamedTuple):
    """The data set and the time stamp in a checkpoint's file names."""

    dataset: str
    stamp: str


def save_checkpoint(folder: RunFolder, pair, names: Names, state: dict) -> Path:
    """Save the whole training state as the checkpoint of ``state["step"]``; returns its folder.

    Parameters
    ----------
    pair : an `AdversarialPair`, or what has its `halves`, `get_params`, `symbol_json`, `optimizer_state`, `average` and
        `learning_rate_scale`; a half whose parameters are None has no files of parameters.
    state : JSON values: step, epoch, iteration and seed; versions, on which the bits depend; metrics, the newest value
        of each; callbacks, {name: its state}. This function adds the update counts of the optimisers and of G's
        average, and the sha256 sums.

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
    state = {**state, **_save_average(beside, pair, names, state, folder)}
    sums = {entry.name: sha256_of(entry) for entry in sorted(beside.iterdir())}
    whole = {"format": FORMAT, **state, "learning_rate_scale": pair.learning_rate_scale}
    write_whole(beside / "state.json", json.dumps({**whole, "optimizers": counts, "sha256": sums}, indent=1))


def _save_average(beside: Path, pair, names: Names, state: dict, folder: RunFolder) -> dict:
    """Save the average of the generator, if the pair keeps one; returns its entry for state.json."""
    average = pair.average
    if average is None:
        return {}
    parameters = average.get_params()
    _check_finite("generator's average", parameters, state["step"], folder)
    save_params(beside / f"{names.dataset}_E_{names.stamp}-{state['epoch']:04d}.params", *parameters)
    return {"average": {"updates": average.updates}}


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
    average : (arg_params, aux_params) of the average of the generator; None if the checkpoint has none.
    """

    folder: Union[str, Path]
    state: dict
    parameters: dict
    optimizers: dict
    average: Optional[tuple]


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
    average = average_file(folder, state)
    return Saved(
        folder,
        state,
        {half: load_params(file) for half, file in files.items()},
        {half: load_arrays(folder / f"{half}.optimizer") if kept[half] else {} for half in files},
        None if average is None else load_params(average),
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
    if pair.average is not None and saved.average is not None:
        pair.average.set_params(*saved.average, state["average"]["updates"])
    elif pair.average is not None and state["step"]:  # it starts at the checkpoint's generator weights
        logger.warning("%s has no average of the generator; it begins with the weights of this step.", saved.folder)
    return state


def average_file(folder: Path, state: dict) -> Optional[Path]:
    """The .params file of the generator's average in a checkpoint's folder; None if there is none.

    `state` is the result of `read_state` for this folder.
    """
    return next((folder / name for name in state["sha256"] if _AVERAGE.fullmatch(name)), None)


def parameter_file(folder: Path, half: str) -> Path:
    """The .params file of one half ("generator" or "discriminator") in a checkpoint's folder.

    Raises CheckpointError for the discriminator of a run that was imported from a generator alone.
    """
    pattern = f"*_{half[0].upper()}_*.params"
    found = sorted(folder.glob(pattern))
    if not found and half == "discriminator" and not any(fnmatchcase(name, pattern) for name in _listed(folder)):
        raise CheckpointError(NO_DISCRIMINATOR)
    if len(found) != 1:
        raise CorruptFileError(folder, f"holds {len(found)} parameter files of the {half}, not one")
    return found[0]


def _listed(folder: Path) -> list:
    """The files that a checkpoint's state.json lists."""
    state = read_json(folder / "state.json")
    sums = state.get("sha256") if isinstance(state, dict) else None
    return list(sums) if isinstance(sums, dict) else []


def is_average(file: Path) -> bool:
    """Whether a .params file is the average of a generator's weights, by its name."""
    return _AVERAGE.fullmatch(file.name) is not None


def symbol_prefix(prefix: str) -> str:
    """The prefix of the symbol of a .params file's prefix: an average, DATASET_E_STAMP, has that of the generator."""
    dataset, average, stamp = prefix.rpartition("_E_")
    return f"{dataset}_G_{stamp}" if average else prefix


def read_state(folder: Path) -> dict:
    """The content of state.json, after the check that every file of the checkpoint has its saved sha256."""
    path = folder / "state.json"
    remedy = f"To continue from the checkpoint before it, delete the folder {folder}."
    state = read_json(path, remedy=remedy)
    problem = _fault_of(state)
    if problem:
        raise CorruptFileError(path, problem, remedy=remedy)
    for name, expected in state["sha256"].items():
        _check_sum(folder, name, expected, remedy)
    for needed in ("generator.optimizer", "discriminator.optimizer"):
        if needed not in state["sha256"]:
            raise CorruptFileError(path, f"does not list {needed}", remedy=remedy)
    return state


def _fault_of(state: Any) -> Optional[str]:
    """The first fault in the values of a state.json; None if there is none."""
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        found = state.get("format") if isinstance(state, dict) else None
        return f"is of the format {found!r}, and this version of mxgan reads {FORMAT}"
    for name in _COUNTS:
        if not _is_count(state.get(name)):
            return f"{name!r} is {state.get(name)!r}, not a whole number"
    scale = state.get("learning_rate_scale")
    if not is_number(scale, lambda share: 0 < share <= 1):
        return f"'learning_rate_scale' is {scale!r}, not above 0 and at most 1"
    for name in ("optimizers", "callbacks", "versions", "metrics", "sha256"):
        if not isinstance(state.get(name), dict):
            return f"{name!r} is {state.get(name)!r:.60}, not an object"
    faults = [_fault_of_counts(state, half) for half in ("generator", "discriminator")]
    return next((fault for fault in [*faults, _fault_of_average(state)] if fault), None)


def _fault_of_average(state: dict) -> Optional[str]:
    average, files = state.get("average"), [name for name in state["sha256"] if _AVERAGE.fullmatch(name)]
    if average is None:
        return f"lists {files[0]!r:.60} and has no 'average'" if files else None
    if not isinstance(average, dict) or not _is_count(average.get("updates")):
        return f"'average' is {average!r:.60}, not its number of updates"
    return None if len(files) == 1 else f"lists {len(files)} files of the generator's average, not one"


def _fault_of_counts(state: dict, half: str) -> Optional[str]:
    counts = state["optimizers"].get(half)
    updates = counts.get("index_update_count") if isinstance(counts, dict) else None
    whole = isinstance(updates, dict) and all(map(_is_count, (counts.get("num_update"), *updates.values())))
    if not whole or not _is_count(counts.get("arrays")):
        return f"the counts of the {half}'s optimiser are not whole numbers by parameter"
    return None


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def _check_sum(folder: Path, name: str, expected: Any, remedy: str) -> None:
    file = folder / name
    if Path(name).name != name:
        raise CorruptFileError(
            folder / "state.json", f"{name!r} is not the name of a file in the same folder", remedy=remedy
        )
    try:
        found = sha256_of(file) if file.is_file() else None
    except OSError as error:
        raise CorruptFileError(file, f"cannot be read: {error.strerror}", remedy=remedy) from error
    if found is None:
        raise CorruptFileError(file, "is missing", remedy=remedy)
    if found != expected:
        raise CorruptFileError(file, "is not what was saved", remedy=remedy)


def sha256_of(path: Path) -> str:
    """The sha256 of a file's bytes, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
