"""The files in samples/ of a run: TITLE-STEP.png."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Optional

from mxgan.runtime.inside import Entry

__all__ = ["newest_picture", "pictures_among"]

_PICTURE = re.compile(r"(.+)-([0-9]{1,15})\.png", re.DOTALL)


def pictures_among(entries: Iterable[Entry]) -> dict:
    """{title: {step: file name}} of the pictures among the entries of a folder, in the order of titles and steps."""
    found: dict = {}
    for entry in entries:
        parts = None if entry.is_folder else _PICTURE.fullmatch(entry.name)
        if parts:
            found.setdefault(parts[1], {})[int(parts[2])] = entry.name
    return {title: dict(sorted(found[title].items())) for title in sorted(found)}


def newest_picture(pictures: Mapping) -> Optional[str]:
    """The newest gout among the result of `pictures_among`; without any, the newest picture; None without one."""
    own = pictures.get("gout") or max(pictures.values(), key=max, default={})
    return own[max(own)] if own else None
