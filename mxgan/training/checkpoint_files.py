"""The files of a checkpoint's folder: their names, their sha256 sums, and the checks of state.json."""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple, Optional

from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.runtime.config import is_number
from mxgan.runtime.files import read_json

__all__ = [
    "AVERAGES",
    "FORMAT",
    "NO_DISCRIMINATOR",
    "AverageNames",
    "average_file",
    "half_of_average",
    "parameter_file",
    "read_state",
    "sha256_of",
    "symbol_prefix",
]

FORMAT = 2
NO_DISCRIMINATOR = (
    "this run was imported from a generator alone: it makes images, but has no discriminator and cannot be trained. "
    "Import both halves into another --run-dir: mxgan import FILE --discriminator FILE --run-dir DIR."
)
_COUNTS = ("step", "epoch", "iteration", "seed")


class AverageNames(NamedTuple):
    """Names of the average of one half: its file is DATASET_INITIALS_STAMP-EPOCH.params, its entry in state.json."""

    initials: str
    entry: str


AVERAGES = {"generator": AverageNames("E", "average"), "discriminator": AverageNames("ED", "discriminator_average")}


def average_file(folder: Path, state: dict, half: str = "generator") -> Optional[Path]:
    """The .params file of the average of one half in a checkpoint's folder; None if there is none.

    `state` is the result of `read_state` for this folder.
    """
    return next((folder / name for name in state["sha256"] if half_of_average(name) == half), None)


def half_of_average(name: str) -> Optional[str]:
    """The half whose average a .params file has, by the file's name; None if it is no average."""
    return next((half for half, each in AVERAGES.items() if fnmatchcase(name, f"*_{each.initials}_*.params")), None)


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


def symbol_prefix(prefix: str) -> str:
    """The prefix of the symbol of a .params file's prefix; an average has that of its half.

    >>> symbol_prefix("mnist_E_2026"), symbol_prefix("mnist_ED_2026"), symbol_prefix("mnist_G_2026")
    ('mnist_G_2026', 'mnist_D_2026', 'mnist_G_2026')
    """
    for half, names in AVERAGES.items():
        dataset, average, stamp = prefix.rpartition(f"_{names.initials}_")
        if average:
            return f"{dataset}_{half[0].upper()}_{stamp}"
    return prefix


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
    faults += [_fault_of_average(state, half) for half in AVERAGES]
    return next((fault for fault in faults if fault), None)


def _fault_of_average(state: dict, half: str) -> Optional[str]:
    entry = AVERAGES[half].entry
    average, files = state.get(entry), [name for name in state["sha256"] if half_of_average(name) == half]
    if average is None:
        return f"lists {files[0]!r:.60} and has no {entry!r}" if files else None
    if not isinstance(average, dict) or not _is_count(average.get("updates")):
        return f"{entry!r} is {average!r:.60}, not its number of updates"
    return None if len(files) == 1 else f"lists {len(files)} files of the {half}'s average, not one"


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
