"""The layout of a run on disk::

NAME/config.json          everything needed to run it again
NAME/history.jsonl        one JSON object for each logged step
NAME/evaluation.jsonl     one JSON object for each evaluation during training: scores, accuracy of a classifying D
NAME/events.jsonl         one JSON object for each start, resume and end of the training
NAME/report.html          curves, pictures and scores on one page
NAME/tensorboard/         event files for TensorBoard
NAME/evaluation/          STEP.json, STEP-ema.json: results of `mxgan evaluate`, with their protocol
NAME/samples/             gout-STEP.png, diff-STEP.png, data-STEP.png, and other pictures that a recipe names
NAME/checkpoints/STEP/    see checkpoint.py
"""

from __future__ import annotations

import json
import os
import re
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, RunFolderError
from mxgan.runtime.files import clear_leftovers, open_plain, read_json, remove_folder
from mxgan.runtime.inside import entries_inside
from mxgan.runtime.paths import checked_path, path_for_mxnet
from mxgan.training.picture_files import newest_picture, pictures_among

__all__ = ["BEST", "RunFolder", "is_run"]

# The rule for the best checkpoint: a metric, and whether its minimum or its maximum is best.
BEST = re.compile(r"(\w+):(min|max)", re.ASCII)

_NUMBER = re.compile(r"[0-9]{1,15}")
_STEP = re.compile(rb'^\{"step": ([0-9]{1,15}),', re.MULTILINE)
_STAMP = re.compile(r"[0-9]{4}(_[0-9]{2}){2}-[0-9]{2}_[0-9]{2}")  # checked, because it becomes part of file names


def is_run(path: Union[str, Path]) -> bool:
    """Whether a folder holds a run, whose config.json may be broken; `mxgan.runs.overview.find_runs` takes more."""
    return os.path.isfile(os.path.join(path, "config.json"))


class RunFolder:
    """The folder of a run. `create` makes a new one and refuses a folder that is not empty; `open` opens a run."""

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = checked_path("the run folder", path)
        self.config_path = self.path / "config.json"
        self.history_path = self.path / "history.jsonl"
        self.evaluation_path = self.path / "evaluation.jsonl"
        self.events_path = self.path / "events.jsonl"
        self.report_path = self.path / "report.html"
        self.evaluations = self.path / "evaluation"
        self.tensorboard = self.path / "tensorboard"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"

    @staticmethod
    def refuse_used(path: Path) -> None:
        """Raise RunFolderError if the path exists and is not an empty folder."""
        try:
            used = path.exists() and (not path.is_dir() or any(map(_holds_something, path.iterdir())))
        except OSError as error:
            raise RunFolderError(f"{path} cannot be read: {error.strerror}. Give another --run-dir.") from error
        if used:
            go_on = f", or continue that run with --resume {shlex.quote(str(path))}" if is_run(path) else ""
            what = "exists and is not empty; nothing was changed" if path.is_dir() else "exists and is not a folder"
            raise RunFolderError(f"{path} {what}. Give another --run-dir{go_on}.")

    @classmethod
    def create(cls, path: Union[str, Path]) -> RunFolder:
        """Make the folder; RunFolderError if it exists and is not empty, or cannot be made."""
        folder = cls(path)
        cls.refuse_used(folder.path)
        for part in (folder.samples, folder.checkpoints):
            folder.make(part)
        return folder

    def make(self, part: Path) -> None:
        """Make a folder inside the run if it is missing; RunFolderError if it cannot be made, or is a link.

        Raises OutputError if MXNet cannot open files in it.
        """
        self.refuse_link(part)
        try:
            part.mkdir(parents=True, exist_ok=True)
            with path_for_mxnet(part / "any"):
                pass
        except OSError as error:
            raise RunFolderError(
                f"the run folder {self.path} cannot be made: {error.strerror} ({part}). Give a --run-dir where "
                "you may write."
            ) from error

    def refuse_link(self, part: Path) -> None:
        """Raise RunFolderError if a part of the run is a link: files written there would land outside the run."""
        if part.is_symlink():
            raise RunFolderError(
                f"{part} is a link, and a run writes only inside its own folder. Replace it by a folder; the run "
                "folder itself may be a link."
            )

    @classmethod
    def open(cls, path: Union[str, Path]) -> RunFolder:
        """Open an existing run; RunFolderError if there is none."""
        folder = cls(path)
        if not folder.path.exists():
            raise RunFolderError(f"{folder.path} does not exist; give the folder of a run, such as runs/NAME.")
        if not folder.config_path.is_file():
            remedy = "Give the folder of a run."
            if (folder.path / "export.json").is_file():
                remedy = (
                    f"It is an exported network; make a run of it: mxgan import {shlex.quote(str(path))} --run-dir DIR."
                )
            raise RunFolderError(f"{folder.path} is not a run folder: it has no config.json.", remedy)
        return folder

    def read_config(self) -> dict:
        """The content of config.json; CorruptFileError if it is not JSON of the expected form."""
        config = read_json(self.config_path, remedy="Restore it from a copy, or start a new run in another --run-dir.")
        wanted = {"run": dict, "stamp": str, "data": dict, "versions": dict}
        for key, kind in wanted.items():
            if not isinstance(config, dict) or not isinstance(config.get(key), kind):
                raise CorruptFileError(self.config_path, f"is not the configuration of a run: no {key!r} in it")
        if not _STAMP.fullmatch(config["stamp"]):
            raise CorruptFileError(self.config_path, f"the stamp {config['stamp']!r:.60} is not YYYY_MM_DD-HH_MM")
        return config

    def picture(self, title: str, step: int) -> Path:
        """The path of the picture `title` of `step`."""
        return self.samples / f"{title}-{step:06d}.png"

    def all_pictures(self) -> dict:
        """{title: {step: path}} of all pictures, in the order of titles and steps; links are left out."""
        found = pictures_among(entries_inside(self.path, "samples"))
        return {title: {step: self.samples / name for step, name in names.items()} for title, names in found.items()}

    def latest_picture(self) -> Optional[Path]:
        """The newest gout; without any, the newest picture of another kind; None without one."""
        name = newest_picture(pictures_among(entries_inside(self.path, "samples")))
        return self.samples / name if name else None

    def check_data(self, data: dict) -> None:
        """Raise ArgumentError unless these are the data that the run was trained on.

        `data` is the fingerprint, and `classes`, the names of their classes, which older runs have not recorded. An
        imported run may have no fingerprint, and no names.
        """
        before, found = self.read_config()["data"], json.loads(json.dumps(data))
        if not before.keys() - {"classes"}:
            found = {name: value for name, value in found.items() if name in before}
        before = {"classes": found.get("classes"), **before} if "classes" in found else before
        if before != found:
            other = [key for key in {**before, **found} if before.get(key) != found.get(key)]
            changes = "; ".join(f"{key} {_brief(before.get(key))} then, {_brief(found.get(key))} now" for key in other)
            raise ArgumentError(
                f"the data set is not the one that {self.path} was trained on: {changes}. Restore the same files, or "
                "give the data_dir (--data-dir) where they are."
            )

    def class_names(self, count: int) -> list:
        """The names of the run's classes; empty if it has none, and for a run of an older version.

        Raises CorruptFileError unless there are `count` of them.
        """
        names = self.read_config()["data"].get("classes", []) if count else []
        if not isinstance(names, list) or (names and len(names) != count) or not all(isinstance(n, str) for n in names):
            raise CorruptFileError(self.config_path, f"has the classes {names!r:.60}, which are not {count} names")
        return names

    def checkpoint_steps(self) -> list:
        """The steps that have a checkpoint, ascending."""
        try:
            entries = list(self.checkpoints.iterdir()) if self.checkpoints.is_dir() else []
        except OSError as error:
            raise RunFolderError(f"{self.checkpoints} cannot be read: {error.strerror}.") from error
        return sorted(int(entry.name) for entry in entries if _NUMBER.fullmatch(entry.name) and entry.is_dir())

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint of `step`."""
        return self.checkpoints / f"{step:06d}"

    def latest_checkpoint(self) -> Path:
        """The folder of the checkpoint with the highest step; CheckpointError if there is none."""
        steps = self.checkpoint_steps()
        if not steps:
            raise CheckpointError(
                f"{self.path} has no checkpoint yet; the first one comes at the end of the training, or after "
                "--checkpoint-every steps."
            )
        return self.checkpoint(steps[-1])

    def checkpoint_of(self, step: int) -> Path:
        """The folder of the checkpoint of `step`; ArgumentError, with a list of the existing ones, if it is missing."""
        steps = self.checkpoint_steps()
        if step not in steps:
            raise ArgumentError(
                f"{self.path} has no checkpoint of step {step}; there are {', '.join(map(str, steps)) or 'none'}."
            )
        return self.checkpoint(step)

    def last_good(self) -> str:
        """Advice for a run that has diverged: the last good checkpoint, and what to change."""
        steps = self.checkpoint_steps()
        last = f"The last good checkpoint is {self.checkpoint(steps[-1])}." if steps else "There is no good checkpoint."
        return f"{last} Try a smaller learning rate (--lr), or --on-nan rollback, in a new --run-dir."

    def prune_checkpoints(self, keep: Optional[int], best: Optional[int] = None) -> None:
        """Delete all checkpoints except the newest `keep` and the one of step `best`; `keep` None keeps all."""
        for step in self.checkpoint_steps()[: -keep if keep else 0]:
            if step != best:
                remove_folder(self.checkpoint(step))

    def clear_leftovers(self) -> None:
        """Delete the half-written and half-deleted files of a killed process."""
        for folder in (self.path, self.samples, self.checkpoints, self.evaluations):
            clear_leftovers(folder)

    def check_never_saved(self, every: Union[int, str]) -> None:
        """Raise RunFolderError if the run must have had checkpoints, one every `every` steps, and they are missing."""
        gone = not self.checkpoints.is_dir()
        if not gone and isinstance(every, int) and self.history_path.exists():
            with open_plain(self.history_path) as stream:
                steps = [int(found) for found in _STEP.findall(stream.read())]
            gone = max(steps, default=0) > every
        if gone:
            raise RunFolderError(
                f"{self.path} had checkpoints, and they are missing. Restore {self.checkpoints} to continue; to start "
                "again, give another --run-dir."
            )

    def discard_empty(self) -> None:
        """Remove the folders that `create` made, if the run did not start; folders that are not empty stay."""
        with suppress(OSError):  # a folder that is not empty cannot be removed
            for part in (self.samples, self.checkpoints):
                part.rmdir()
            (self.path / ".lock").unlink()
            self.path.rmdir()

    def forget_results(self) -> None:
        """Delete the histories of a run that starts again because it never saved a checkpoint."""
        try:
            for path in (self.history_path, self.evaluation_path):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise RunFolderError(f"{self.path} cannot be written: {error.strerror}. Allow writing there.") from error


def _brief(value) -> str:
    """A setting, or the start of a hash, shortened for a message."""
    return f"{value[:12]}…" if isinstance(value, str) and len(value) > 40 else f"{value!r:.60}"


def _holds_something(entry: Path) -> bool:
    """Whether an entry of a folder is more than the leftovers of a run that was killed at its start."""
    if entry.name in ("samples", "checkpoints") and entry.is_dir():
        return any(entry.iterdir())
    return entry.name != ".lock" and entry.suffix != ".writing"
