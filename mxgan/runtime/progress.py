"""Progress bars on standard error."""

from __future__ import annotations

import sys
from typing import Any, Optional

__all__ = ["progress_bar"]


def progress_bar(progress: Optional[bool], *iterable: Any, **settings: Any):
    """A tqdm bar: True draws it, False does not; None draws it if standard error is a terminal."""
    from tqdm import tqdm

    off = sys.stderr is None  # a process without standard error, as under pythonw
    disable = True if off else None if progress is None else not progress
    return tqdm(*iterable, disable=disable, dynamic_ncols=True, **settings)
