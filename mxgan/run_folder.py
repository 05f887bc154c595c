"""The layout of a run on disk, in one place::

NAME/config.json          everything needed to run it again
NAME/history.jsonl        one JSON object per logged step
NAME/evaluation.jsonl     one JSON object per evaluation: the test accuracy of a D that classifies
NAME/samples/             gout-STEP.png, diff-STEP.png, data-STEP.png, and other pictures that a recipe names
NAME/checkpoints/STEP/    see checkpoint.py
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import CheckpointError, CorruptFileError, RunFolderError
from mxgan.files import write_whole

__all__ = ["RunFolder"]


class RunFolder:
    """A run's folder. `create` makes a new one and refuses one that holds anything; `open` takes an existing run."""

    def __init__(self, path: Union[str, Path]) -> None:
        self.path = Path(path)
        self.config_path = self.path / "config.json"
        self.history_path = self.path / "history.jsonl"
        self.evaluation_path = self.path / "evaluation.jsonl"
        self.samples = self.path / "samples"
        self.checkpoints = self.path / "checkpoints"

    @staticmethod
    def refuse_used(path: Path) -> None:
        """Raise RunFolderError where something is already."""
        try:
            used = path.exists() and (not path.is_dir() or any(path.iterdir()))
        except OSError as error:
            raise RunFolderError(f"{path} cannot be looked at: {error.strerror}. Give another --run-dir.") from error
        if used:
            raise RunFolderError(
                f"{path} exists and is not empty; nothing in it was touched. Give another --run-dir, or go on with "
                f"that run by --resume {path}."
            )

    @classmethod
    def create(cls, path: Union[str, Path]) -> RunFolder:
        """Make the folder; RunFolderError when something is there already, or it cannot be made."""
        folder = cls(path)
        cls.refuse_used(folder.path)
        try:
            for part in (folder.samples, folder.checkpoints):
                part.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunFolderError(
                f"the run folder {folder.path} cannot be made: {error.strerror}. Give a --run-dir that can be written."
            ) from error
        return folder

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
        try:
            config = json.loads(self.config_path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise CorruptFileError(self.config_path, f"cannot be read as JSON ({error})") from error
        wanted = {"run": dict, "stamp": str, "data": dict, "versions": dict}
        for key, kind in wanted.items():
            if not isinstance(config, dict) or not isinstance(config.get(key), kind):
                raise CorruptFileError(self.config_path, f"is not the configuration of a run: no {key!r} in it")
        return config

    def picture(self, title: str, step: int) -> Path:
        """Where the picture `title` of `step` goes."""
        return self.samples / f"{title}-{step:06d}.png"

    def latest_picture(self, title: str = "gout") -> Optional[Path]:
        """The newest picture `title`, None while there is none."""
        found = {int(path.stem.rpartition("-")[2]): path for path in self.samples.glob(f"{title}-*[0-9].png")}
        return found[max(found)] if found else None

    def checkpoint_steps(self) -> list:
        """The steps that have a checkpoint, ascending."""
        if not self.checkpoints.is_dir():
            return []
        return sorted(int(entry.name) for entry in self.checkpoints.iterdir() if entry.name.isdigit())

    def checkpoint(self, step: int) -> Path:
        """The folder of the checkpoint of `step`."""
        return self.checkpoints / f"{step:06d}"

    def latest_checkpoint(self) -> Path:
        """The folder of the newest checkpoint; CheckpointError while there is none."""
        steps = self.checkpoint_steps()
        if not steps:
            raise CheckpointError(f"{self.path} has no checkpoint yet; it was stopped before its first.")
        return self.checkpoint(steps[-1])

    def prune_checkpoints(self, keep: Optional[int]) -> None:
        """Delete all but the newest `keep` checkpoints; None keeps all."""
        for step in self.checkpoint_steps()[: -keep if keep else 0]:
            shutil.rmtree(self.checkpoint(step))

    def cut_history(self, step: int, log_every: int, sample_every: Union[int, str]) -> None:
        """Drop the lines after `step`, steps that a resumed run does again, and a remainder's, not at its interval."""
        for path, every in ((self.history_path, log_every), (self.evaluation_path, sample_every)):
            if path.exists():
                _cut_lines(path, step, 1 if every == "epoch" else every)


def _cut_lines(path: Path, step: int, every: int) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    kept = []
    for number, line in enumerate(lines, start=1):
        try:
            at = json.loads(line)["step"]
            if at <= step and at % every == 0:
                kept.append(line + "\n")
        except (ValueError, KeyError, TypeError) as error:
            if number < len(lines):  # a last line cut short by a crash is expected; one before it is not
                raise CorruptFileError(path, f"line {number} is not a JSON object with 'step'") from error
    write_whole(path, "".join(kept))
