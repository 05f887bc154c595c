"""The layout of a run on disk, in one place::

NAME/config.json          everything needed to run it again
NAME/history.jsonl        one JSON object per logged step
NAME/evaluation.jsonl     one JSON object per evaluation while it trains: scores, accuracy of a D that classifies
NAME/evaluation/          STEP.json, STEP-ema.json: what `mxgan evaluate` found, with its protocol
NAME/samples/             gout-STEP.png, diff-STEP.png, data-STEP.png, and other pictures that a recipe names
NAME/checkpoints/STEP/    see checkpoint.py
"""

from __future__ import annotations

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, RunFolderError
from mxgan.runtime.files import clear_leftovers, open_plain, read_json, remove_folder

__all__ = ["BEST", "RunFolder"]

# What decides which checkpoint is the best: a metric, and whether more of it is better.
BEST = re.compile(r"(\w+):(min|max)", re.ASCII)

_NUMBER = re.compile(r"[0-9]{1,15}")
_STEP = re.compile(rb'^\{"step": ([0-9]{1,15}),', re.MULTILINE)
_STAMP = re.compile(r"[0-9]{4}(_[0-9]{2}){2}-[0-9]{2}_[0-9]{2}")  # it is part of file names


class RunFolder:
    """A run's folder. `create` makes a new one and refuses one that holds anything; `open` takes an existing run."""

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.history_path = self.path / "history.jsonl"
        self.evaluation_path = self.path / "evaluation.jsonl"
        self.evaluations = self.path / "evaluation"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"

    @staticmethod
    def refuse_used(path: Path) -> None:
        """Raise RunFolderError where something is already."""
        try:
            used = path.exists() and (not path.is_dir() or any(map(_holds_something, path.iterdir())))
        except OSError as error:
            raise RunFolderError(f"{path} cannot be looked at: {error.strerror}. Give another --run-dir.") from error
        if used:
            go_on = f", or go on with that run by --resume {path}" if (path / "config.json").is_file() else ""
            what = "exists and is not empty; nothing in it was touched" if path.is_dir() else "exists and is no folder"
            raise RunFolderError(f"{path} {what}. Give another --run-dir{go_on}.")

    @classmethod
    def create(cls, path: Union[str, Path]) -> RunFolder:
        """Make the folder; RunFolderError when something is there already, or it cannot be made."""
        folder = cls(path)
        cls.refuse_used(folder.path)
        for part in (folder.samples, folder.checkpoints):
            folder.make(part)
        return folder

    def make(self, part: Path) -> None:
        """Make a folder of the run, unless it is there; RunFolderError where it cannot be, or is a link out of it."""
        self.refuse_link(part)
        try:
            part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"the run folder {self.path} cannot be made: {error.strerror} ({part}). Give a --run-dir that can be "
                "written."
            ) from error

    def refuse_link(self, part: Path) -> None:
        """Raise RunFolderError where a part of the run is a link: what is written through it lands elsewhere."""
        if part.is_symlink():
            raise RunFolderError(
                f"{part} is a link, and what a run writes stays in its folder. Replace it by a folder; the run folder "
                "itself may be a link."
            )

    @classmethod
    def open(cls, path: Union[str, Path]) -> RunFolder:
        """Take an existing run; RunFolderError when there is none."""
        folder = cls(path)
        if not folder.path.exists():
            raise RunFolderError(f"{folder.path} does not exist; give the folder of a run, such as runs/NAME.")
        if not folder.config_path.is_file():
            raise RunFolderError(f"{folder.path} is not a run folder: it has no config.json. Give the folder of a run.")
        return folder

    def read_config(self) -> dict:
        """What config.json holds; CorruptFileError when it is not JSON of the expected form."""
        config = read_json(self.config_path, remedy="Put it back from a copy, or begin anew in another --run-dir.")
        wanted = {"run": dict, "stamp": str, "data": dict, "versions": dict}
        for key, kind in wanted.items():
            if not isinstance(config, dict) or not isinstance(config.get(key), kind):
                raise CorruptFileError(self.config_path, f"is not the configuration of a run: no {key!r} in it")
        if not _STAMP.fullmatch(config["stamp"]):
            raise CorruptFileError(self.config_path, f"the stamp {config['stamp']!r:.60} is not YYYY_MM_DD-HH_MM")
        return config

    def picture(self, title: str, step: int) -> Path:
        """Where the picture `title` of `step` goes."""
        return self.samples / f"{title}-{step:06d}.png"

    def latest_picture(self, title: str = "gout") -> Optional[Path]:
        """The newest picture `title`, None while there is none."""
        found = {path.stem.rpartition("-")[2]: path for path in self.samples.glob(f"{title}-*.png")}
        numbers = {int(number): path for number, path in found.items() if _NUMBER.fullmatch(number)}
        return numbers[max(numbers)] if numbers else None

    def check_data(self, fingerprint: dict) -> None:
        """Raise ArgumentError unless these are the data that the run was trained on."""
        before, found = self.read_config()["data"], json.loads(json.dumps(fingerprint))
        if before != found:
            other = [key for key in {**before, **found} if before.get(key) != found.get(key)]
            told = "; ".join(f"{key} {_brief(before.get(key))} then, {_brief(found.get(key))} now" for key in other)
            raise ArgumentError(
                f"the data set is not the one that {self.path} was trained on: {told}. Put the same files back, or "
                "give the data_dir (--data-dir) where they are."
            )

    def checkpoint_steps(self) -> list:
        """The steps that have a checkpoint, ascending."""
        try:
            entries = list(self.checkpoints.iterdir()) if self.checkpoints.is_dir() else []
        except OSError as error:
            raise RunFolderError(f"{self.checkpoints} cannot be looked at: {error.strerror}.") from error
        return sorted(int(entry.name) for entry in entries if _NUMBER.fullmatch(entry.name) and entry.is_dir())

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint of `step`."""
        return self.checkpoints / f"{step:06d}"

    def latest_checkpoint(self) -> Path:
        """The folder of the newest checkpoint, by its number; CheckpointError while there is none."""
        steps = self.checkpoint_steps()
        if not steps:
            raise CheckpointError(f"{self.path} has no checkpoint yet; it was stopped before its first.")
        return self.checkpoint(steps[-1])

    def checkpoint_of(self, step: int) -> Path:
        """The folder of the checkpoint of `step`; ArgumentError when there is none, with those there are."""
        steps = self.checkpoint_steps()
        if step not in steps:
            raise ArgumentError(
                f"{self.path} has no checkpoint of step {step}; there are {', '.join(map(str, steps)) or 'none'}."
            )
        return self.checkpoint(step)

    def last_good(self) -> str:
        """One sentence for a run that has diverged: what there is to go back to, and what to do."""
        steps = self.checkpoint_steps()
        last = f"The last good checkpoint is {self.checkpoint(steps[-1])}." if steps else "There is no good checkpoint."
        return f"{last} Try a smaller learning rate (--lr), or --on-nan rollback, in a new --run-dir."

    def prune_checkpoints(self, keep: Optional[int], best: Optional[int] = None) -> None:
        """Delete all but the newest `keep` checkpoints and that of step `best`; None keeps all."""
        for step in self.checkpoint_steps()[: -keep if keep else 0]:
            if step != best:
                remove_folder(self.checkpoint(step))

    def clear_leftovers(self) -> None:
        """Delete what a killed process left half-written or half-deleted."""
        for folder in (self.path, self.samples, self.checkpoints, self.evaluations):
            clear_leftovers(folder)

    def check_never_saved(self, every: Union[int, str]) -> None:
        """Raise RunFolderError where checkpoints, one every `every` steps, must have been and are gone."""
        gone = not self.checkpoints.is_dir()
        if not gone and isinstance(every, int) and self.history_path.exists():
            with open_plain(self.history_path) as stream:
                steps = [int(found) for found in _STEP.findall(stream.read())]
            gone = max(steps, default=0) > every
        if gone:
            raise RunFolderError(
                f"{self.path} has no checkpoints any more, and it had some. Put {self.checkpoints} back to go on; to "
                "begin again, give another --run-dir."
            )

    def discard_empty(self) -> None:
        """Take back what `create` made, of a run that did not begin; whatever holds something stays."""
        with suppress(OSError):  # what cannot be removed holds something
            for part in (self.samples, self.checkpoints):
                part.rmdir()
            (self.path / ".lock").unlink()
            self.path.rmdir()

    def forget_results(self) -> None:
        """Delete the histories, for a run that begins again because it never got to a checkpoint."""
        try:
            for path in (self.history_path, self.evaluation_path):
                path.unlink(missing_ok=True)
        except OSError as error:
            raise RunFolderError(f"{self.path} cannot be written: {error.strerror}. Allow writing there.") from error


def _brief(value) -> str:
    """A setting or the beginning of a hash, for a sentence."""
    return f"{value[:12]}…" if isinstance(value, str) and len(value) > 40 else f"{value!r:.60}"


def _holds_something(entry: Path) -> bool:
    """Whether an entry of a folder is more than what a run leaves that was killed while it began."""
    if entry.name in ("samples", "checkpoints") and entry.is_dir():
        return any(entry.iterdir())
    return entry.name != ".lock" and entry.suffix != ".writing"
