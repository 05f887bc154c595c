"""Reports at the end of a command: whatever is wrong with them, what was trained stays."""

from __future__ import annotations

import logging
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Optional

from mxgan.errors import first_line
from mxgan.training.run_folder import RunFolder

__all__ = ["SWITCH", "final_report", "sweep_report"]

logger = logging.getLogger(__name__)

SWITCH = "MXGAN_REPORT"  # 0 in the environment: no report at the end of a training


def final_report(folder: RunFolder, quick: bool) -> Optional[Path]:
    """Write report.html of a run whose training has just ended; its path, or None.

    Parameters
    ----------
    quick : whether to leave out what takes time, the nearest training images: somebody waits for the process to end.

    An error is a warning in the log. With MXGAN_REPORT=0 in the environment there is no report.
    """
    if os.environ.get(SWITCH) == "0":
        return None

    def write() -> Path:
        from mxgan.runs.report import write_report

        return write_report(folder.path, nearest=not quick)

    return _tried(write, ["mxgan", "report", str(folder.path)])


def sweep_report(runs: Sequence[Path], output: Path) -> Optional[Path]:
    """Write the report that compares the runs of a sweep; its path, or None: an error is a warning in the log."""

    def write() -> Path:
        from mxgan.runs.report import write_report

        return write_report(runs, output=output, nearest=False, overwrite=True)

    return _tried(write, ["mxgan", "report", *map(str, runs), "--output", str(output), "--overwrite"])


def _tried(write: Callable, command: Sequence[str]) -> Optional[Path]:
    """What `write` returns; it imports what it needs, which may be missing, and training does not need it."""
    try:
        return write()
    except Exception as error:
        words = (type(error).__name__, first_line(error), shlex.join(command))
        logger.warning("The report is not written (%s: %s); `%s` tries again.", *words)
        return None
