"""Progress bars on standard error, made in one way."""

from __future__ import annotations

from typing import Any, Optional

__all__ = ["progress_bar"]


def progress_bar(progress: Optional[bool], *iterable: Any, **settings: Any):
    """A tqdm bar: drawn when `progress` is True, not when False, and where standard error is a terminal when None."""
    from tqdm import tqdm

    return tqdm(*iterable, disable=None if progress is None else not progress, dynamic_ncols=True, **settings)
