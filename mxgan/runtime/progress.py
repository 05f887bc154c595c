"""Progress bars on standard error."""

from __future__ import annotations

from typing import Any, Optional

__all__ = ["progress_bar"]


def progress_bar(progress: Optional[bool], *iterable: Any, **settings: Any):
    """A tqdm bar: True draws it, False does not; None draws it if standard error is a terminal."""
    from tqdm import tqdm

    return tqdm(*iterable, disable=None if progress is None else not progress, dynamic_ncols=True, **settings)
