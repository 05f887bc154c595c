"""Saving and loading: MXNet .params files under the original's names, and a whole training state beside them.

A checkpoint is the folder ``checkpoints/STEP/`` of a run::

    DATASET_G_STAMP-symbol.json  DATASET_G_STAMP-EPOCH.params   generator, as mx.model.load_checkpoint takes it
    DATASET_D_STAMP-symbol.json  DATASET_D_STAMP-EPOCH.params   discriminator
    generator.optimizer  discriminator.optimizer                the optimisers' arrays (NDArray files, no pickle)
    state.json                                                  step, epoch, counts, callbacks' state, sha256 of each

It is written under another name and renamed, so a folder with a number for a name is whole.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import struct
from pathlib import Path
from typing import Union

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.files import sync, write_whole
from mxgan.modules import AdversarialPair
from mxgan.optimizers import export_state, import_state
from mxgan.run_folder import RunFolder
from mxgan.runtime import mx

__all__ = ["load_checkpoint", "load_params", "save_checkpoint", "save_params"]

# Everything that MXNet 1.9.1 was seen to raise on a broken NDArray file.
_LOAD_ERRORS = (
    mx.MXNetError, UnicodeDecodeError, RuntimeError, ValueError, AttributeError, StopIteration, struct.error, OSError,
)  # fmt: skip


def load_params(path: Union[str, Path]) -> tuple:
    """(arg_params, aux_params), name → NDArray, of a .params file as Module.save_params writes it.

    Raises
    ------
    CheckpointError : no such file, or values that are not finite.
    CorruptFileError : not an MXNet parameter file.
    """
    path = Path(path)
    if not path.is_file():
        raise CheckpointError(f"{path} is not a file; give a .params file or a run folder.")
    arg_params, aux_params = {}, {}
    groups = {"arg": arg_params, "aux": aux_params}
    for key, value in _load_arrays(path).items():
        group, colon, name = key.partition(":")
        if not colon or group not in groups:
            raise CorruptFileError(path, f"the entry {key!r} is neither 'arg:NAME' nor 'aux:NAME'")
        if not np.isfinite(value.asnumpy()).all():
            raise CheckpointError(
                f"{path}: the parameter {name!r} has values that are not finite; use an earlier file."
            )
        groups[group][name] = value
    return arg_params, aux_params


def _load_arrays(path: Path) -> dict:
    try:
        arrays = mx.nd.load(str(path))
    except _LOAD_ERRORS as error:
        reason = (str(error).strip().splitlines() or ["unreadable"])[-1]
        remedy = "Give a file that Module.save_params or mxgan has written."
        raise CorruptFileError(
            path, f"is not a whole MXNet parameter file ({reason.rstrip('.')})", None, remedy
        ) from error
    if not isinstance(arrays, dict):
        raise CorruptFileError(path, "holds arrays without names")
    return arrays


def save_params(path: Union[str, Path], arg_params: dict, aux_params: dict) -> None:
    """Write a .params file as Module.save_params does, read it back, and only then give it its name."""
    arrays = {f"arg:{name}": value for name, value in arg_params.items()}
    arrays.update({f"aux:{name}": value for name, value in aux_params.items()})
    path = Path(path)
    beside = path.with_name(f".{path.name}.writing")
    try:
        try:
            _save_arrays(beside, arrays)
            sync(beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be written: {error.strerror}.") from error


def _save_arrays(path: Path, arrays: dict) -> None:
    """nd.save, checked: MXNet reports success on a full disk too."""
    try:
        mx.nd.save(str(path), arrays)
        saved = mx.nd.load(str(path)) if arrays else {}
    except _LOAD_ERRORS as error:
        raise CheckpointError(f"{path} could not be saved whole: is the disk full or the folder read-only?") from error
    if any(
        not np.array_equal(saved[name].asnumpy(), value.asnumpy(), equal_nan=True) for name, value in arrays.items()
    ):
        raise CheckpointError(f"{path} does not read back as it was saved; check the disk.")


def save_checkpoint(
    folder: RunFolder, pair: AdversarialPair, dataset: str, stamp: str, position: dict, callbacks: dict
) -> Path:
    """Save a whole training state as the checkpoint of ``position["step"]``; returns its folder.

    Parameters
    ----------
    dataset, stamp : the first words of the original's file names.
    position : {"step", "epoch", "iteration"}.
    callbacks : {callback's name: its state}, JSON values.
    """
    target = folder.checkpoint(position["step"])
    beside = target.with_name(f".{target.name}.writing")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        counts = {}
        for (half, module), parameters in zip(pair.halves().items(), pair.get_params()):
            _check_finite(half, parameters, position["step"], folder)
            prefix = f"{dataset}_{half[0].upper()}_{stamp}"
            (beside / f"{prefix}-symbol.json").write_text(module.symbol.tojson(), encoding="utf-8")
            save_params(beside / f"{prefix}-{position['epoch']:04d}.params", *parameters)
            arrays, counts[half] = export_state(module)
            _save_arrays(beside / f"{half}.optimizer", arrays)
        sums = {entry.name: _sha256(entry) for entry in sorted(beside.iterdir())}
        state = {**position, "optimizers": counts, "callbacks": callbacks, "sha256": sums}
        write_whole(beside / "state.json", json.dumps(state, indent=1))
        os.replace(beside, target)
    except OSError as error:
        raise CheckpointError(f"the checkpoint {target} cannot be written: {error.strerror}.") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)
    return target


def _check_finite(half: str, parameters: tuple, step: int, folder: RunFolder) -> None:
    """A run that has diverged must not push its good checkpoints out."""
    for group in parameters:
        for name, value in group.items():
            if not np.isfinite(value.asnumpy()).all():
                steps = folder.checkpoint_steps()
                last = f"The last good checkpoint is that of step {steps[-1]}." if steps else "There is no good one."
                raise CheckpointError(
                    f"training has diverged: by step {step} the parameter {name!r} of the {half} is not finite, and "
                    f"nothing was saved. {last} Try a smaller learning rate."
                )


def load_checkpoint(folder: Path, pair: AdversarialPair) -> dict:
    """Put a checkpoint into `pair`, whose optimisers are made; returns its state.json.

    Raises
    ------
    CorruptFileError : a file that is missing or is not what was saved.
    CheckpointError : parameters of another network, states of another optimiser.
    """
    state = read_state(folder)
    files = {half: parameter_file(folder, half) for half in pair.halves()}
    pair.set_params(load_params(files["generator"]), load_params(files["discriminator"]))
    for half, module in pair.halves().items():
        arrays = _load_arrays(folder / f"{half}.optimizer")
        import_state(module, arrays, state["optimizers"][half])
    return state


def parameter_file(folder: Path, half: str) -> Path:
    """The .params file of one half ("generator" or "discriminator") in a checkpoint's folder."""
    found = sorted(folder.glob(f"*_{half[0].upper()}_*.params"))
    if len(found) != 1:
        raise CorruptFileError(folder, f"holds {len(found)} parameter files of the {half}, not one")
    return found[0]


def read_state(folder: Path) -> dict:
    """state.json, after every file in the checkpoint was found to be what was saved."""
    path = folder / "state.json"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        sums, _ = state["sha256"].items(), state["optimizers"]["generator"]
        _ = state["step"], state["epoch"], state["iteration"], state["callbacks"].items()
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise CorruptFileError(path, f"cannot be read ({error})") from error
    for name, expected in sums:
        file = folder / Path(name).name
        problem = "is missing" if not file.is_file() else None if _sha256(file) == expected else "is not what was saved"
        if problem:
            remedy = f"To go on from the checkpoint before it, delete the folder {folder}."
            raise CorruptFileError(file, problem, remedy=remedy)
    return state


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
