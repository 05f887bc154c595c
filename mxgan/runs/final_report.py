"""The report at the end of a training: whatever is wrong with it, the training's result stays."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Optional

from mxgan.errors import first_line
from mxgan.training.run_folder import RunFolder

__all__ = ["SWITCH", "final_report"]

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
    try:
        from mxgan.runs.report import write_report  # here: what it needs may be missing, and training does not need it

        return write_report(folder.path, nearest=not quick)
    except Exception as error:
        logger.warning(
            "The report is not written (%s: %s); `mxgan report %s` tries again.",
            type(error).__name__,
            first_line(error),
            folder.path,
        )
        return None
