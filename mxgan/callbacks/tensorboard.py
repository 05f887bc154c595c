"""`TensorBoard`: event files of a run, made from the files that its other callbacks write."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Callable, Optional, Union

from mxgan.callbacks.base import Measuring, Periodic, fitting
from mxgan.callbacks.event_files import EventFile, tensorboard_modules
from mxgan.errors import CorruptFileError, MXGANError, first_line
from mxgan.pictures.report.curves import COUNTS, CURVES
from mxgan.pictures.report.lines import read_lines
from mxgan.pictures.report.marks import marks
from mxgan.pictures.report.values import number
from mxgan.runtime.config import setting_paths, short_path
from mxgan.runtime.files import open_plain
from mxgan.runtime.paths import readable
from mxgan.training.callback import Callback
from mxgan.training.idle_settings import is_idle
from mxgan.training.run_folder import RunFolder

__all__ = ["TensorBoard", "settings_of", "tag_of"]

logger = logging.getLogger(__name__)

# Key of history.jsonl → its tag, of the table of charts; TensorBoard groups tags by what is before the slash.
TAGS = {
    key: f"{group}/{label if label.isalnum() else key}"
    for group, row in CURVES.items()
    for key, label in row.labels.items()
}
OTHERS = "others/"  # the group of keys without a chart in that table
EVALUATIONS = "evaluation/"  # the group of evaluation.jsonl
MARKS = "marks"


class TensorBoard(Callback):
    """Writes RUN/tensorboard/: each number of history.jsonl and evaluation.jsonl, each picture, settings and marks.

    What is in the event files comes from the run's own files, after the callbacks that write these. A run that is
    resumed, or rolled back, begins a new session at its checkpoint, so that no point is there twice. A run that had no
    event files up to its checkpoint gets its whole past; these points have the time of the resume.

    Parameters
    ----------
    folder : the run's folder, the same as `run_dir` of `mxgan.start`.

    Raises
    ------
    RuntimeUnavailableError : tensorboardX is missing; the message names the extra.
    OutputError : the event files cannot be written; raised at the latest in the step that they lack.
    """

    def __init__(self, folder: Union[str, Path]) -> None:
        tensorboard_modules()
        self._folder = RunFolder(folder)
        self._tags = {self._folder.history_path: tag_of, self._folder.evaluation_path: EVALUATIONS.__add__}
        self._events: Optional[EventFile] = None
        self._is_whole, self._is_due, self._is_new = False, True, True
        self._read: dict = {}  # file → bytes of it that are in the event files
        self._pictured: set = set()  # pictures that are there too

    def on_fit_begin(self, trainer) -> None:
        self._folder.make(self._folder.tensorboard)
        self._events, self._is_due, self._is_new = EventFile(self._folder.tensorboard), True, True

    def on_step_begin(self, trainer) -> None:
        """Begin a session if one is due: by now the other callbacks have cut their files back to the checkpoint."""
        if self._is_due:
            self._begin(trainer)

    def on_step_end(self, trainer, batch, result) -> None:
        self._catch_up(trainer)

    def on_epoch_end(self, trainer) -> None:
        self._catch_up(trainer)

    def on_fit_end(self, trainer) -> None:
        if not self._is_due:  # there was a step
            self._catch_up(trainer)
            self._events.add(trainer.step, self._summaries_of_settings(trainer)[-1:])

    def close(self, trainer) -> None:
        self._events = None

    def state(self) -> dict:
        if self._events is not None:
            self._events.sync()
        return {"whole": self._is_whole}

    def restore(self, state: dict) -> None:
        with fitting(self, state):
            self._is_whole = state.get("whole", False)
        self._is_due = True

    def _begin(self, trainer) -> None:
        """Begin a session: hide what the run has forgotten, and write what is missing up to this step."""
        step = trainer.step
        first = step if self._is_whole else 0
        self._events.begin(first)
        if self._is_new:
            self._events.add(step, self._summaries_of_settings(trainer)[:-1])
        self._add_resumes(first, step)
        self._read, self._pictured = {}, set()
        self._add_rows(first)
        self._add_pictures(lambda at: first <= at <= step)
        self._is_whole, self._is_due, self._is_new = True, False, False

    def _catch_up(self, trainer) -> None:
        """Write what the callbacks before this one have added."""
        step = trainer.step
        self._add_rows()
        if any(isinstance(each, Periodic) and each.acted_at(step) for each in trainer.callbacks):
            self._add_pictures(lambda at: at == step)

    def _add_rows(self, first: int = 0) -> None:
        """Add the rows of step `first` and later that are new in the run's files."""
        for path, tag in self._tags.items():
            rows, self._read[path] = _rows(path, self._read.get(path, 0))
            for row in rows:
                if row["step"] >= first:
                    self._events.add(row["step"], [self._events.scalars(_numbers(row, tag))])
                    self._mark(row["step"], marks([row], [], []))

    def _add_resumes(self, first: int, last: int) -> None:
        """Add the marks of resumes and of changed settings at the steps from `first` to `last`."""
        events, changes = read_lines(self._folder.events_path).rows, self._folder.read_config().get("changes")
        found = [mark for mark in marks([], events, changes) if first <= mark["step"] <= last]
        for step, same in itertools.groupby(found, key=lambda mark: mark["step"]):
            self._mark(step, list(same))

    def _mark(self, step: int, found: list) -> None:
        if found:
            texts = [mark["text"] for mark in found]
            self._events.add(step, [self._events.text(MARKS, "\n\n".join(texts))])

    def _add_pictures(self, is_due: Callable) -> None:
        """Add the pictures whose step `is_due`, each once."""
        for title, files in self._folder.all_pictures().items():
            for step, path in files.items():
                if path in self._pictured or not is_due(step):
                    continue
                picture = self._picture(title, path)
                if picture is not None:
                    self._events.add(step, [picture], path.stat().st_mtime)
                self._pictured.add(path)

    def _picture(self, title: str, path: Path):
        """The summary of a picture of the run; None, with a warning, for a file that is no picture any more."""
        try:
            with open_plain(path) as stream:
                return self._events.picture(f"samples/{readable(title)}", stream.read())
        except (MXGANError, OSError) as error:
            logger.warning("%s is not in the event files for TensorBoard: %s", path, first_line(error))
            return None

    def _summaries_of_settings(self, trainer) -> tuple:
        """(experiment, begin, end) of the run's settings and of the metrics that the callbacks of this run have."""
        tags = []
        for each in trainer.callbacks:
            tag = EVALUATIONS.__add__ if isinstance(each, Measuring) else tag_of
            tags += [tag(name) for name in each.metric_names()] if hasattr(each, "metric_names") else []
        return self._events.settings(settings_of(self._folder.read_config()), tags)


def tag_of(key: str) -> str:
    """The tag of a key of history.jsonl, with its group before the slash.

    >>> tag_of("loss_g"), tag_of("own")
    ('losses/G', 'others/own')
    """
    return TAGS.get(key, f"{OTHERS}{key}")


def settings_of(record: Mapping) -> dict:
    """{setting: text, number or bool} of a config.json, by the names that --set takes; lists as JSON."""
    found = {}
    for path, value in setting_paths(record["run"]).items():
        if value is not None and not is_idle(path):
            found[short_path(path)] = value if isinstance(value, (str, bool, int, float)) else json.dumps(value)
    return found


def _rows(path: Path, read: int) -> tuple:
    """(the rows of a JSON lines file after the first `read` bytes, its length); CorruptFileError for other content."""
    try:
        if path.stat().st_size == read:
            return [], read
    except FileNotFoundError:
        return [], 0
    with open_plain(path) as stream:
        stream.seek(read)
        content = stream.read()
    rows = []
    for line in content.splitlines():
        try:
            row = json.loads(line)
            rows.append({**row, "step": int(row["step"])})
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise CorruptFileError(
                path, f"has the line {line!r:.80}, which has no step", remedy="Repair it."
            ) from error
    return rows, read + len(content)


def _numbers(row: Mapping, tag: Callable) -> dict:
    """{tag: number} of a row; a null, which stands for NaN and infinity, has no point."""
    found = {tag(key): number(value) for key, value in row.items() if key not in COUNTS}
    return {name: value for name, value in found.items() if value is not None}
