"""Contents of pages, kept until the files of their runs change: computed once and shared by all viewers."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Optional

from mxgan.errors import MXGANError
from mxgan.web.workers import Workers

__all__ = ["Content", "Kept", "fingerprint", "has_already"]

SHORTEST = 1.0  # seconds for which a content is taken as it is, without a look at the files
SHARE = 50  # what took t seconds of processor time is made again after SHARE × t at the earliest: 2 % of one CPU
LONGEST = 60.0
_FILES = ("config.json", "history.jsonl", "evaluation.jsonl", "events.jsonl", "samples", "checkpoints", "evaluation")


@dataclass(frozen=True)
class Content:
    """The body of an answer and its ETag."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, value: Any) -> Content:
        """The content of a JSON-able value; ValueError for NaN and infinities, which JSON does not have."""
        return cls.of_bytes(json.dumps(value, allow_nan=False, ensure_ascii=True, separators=(",", ":")).encode())

    @classmethod
    def of_bytes(cls, body: bytes) -> Content:
        """The content of a body that is made already."""
        return cls(body, f'"{hashlib.sha256(body).hexdigest()[:32]}"')


def has_already(headers: Mapping, etag: str) -> bool:
    """Whether the headers of a request say that the browser has this content (If-None-Match)."""
    return etag in [each.strip().removeprefix("W/") for each in headers.get("if-none-match", "").split(",")]


def fingerprint(run: Path) -> tuple:
    """Time, size and inode of the files of a run that pages show; two are equal if nothing was written between."""
    return tuple(map(_state, (run / name for name in _FILES)))


def _state(path: Path) -> Optional[tuple]:
    try:
        found = os.lstat(path)
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass
class _Entry:
    lock: asyncio.Lock
    seen: Any = None  # the fingerprint of what was read
    content: Any = None
    fresh_until: float = 0.0


class Kept:
    """Contents by a key, each made by one reader at a time and kept until its fingerprint changes.

    Parameters
    ----------
    workers : the threads that read.
    most_bytes : of all contents together; those that were asked for longest ago go first.
    """

    def __init__(self, workers: Workers, most_bytes: int = 64 << 20, most: int = 256) -> None:
        self._workers, self._most_bytes, self._most = workers, most_bytes, most
        self._entries: OrderedDict = OrderedDict()

    async def get(self, key: Any, look: Callable, make: Callable, at_once: bool = False) -> Any:
        """The content of a key; raises what `look` or `make` raised, which is kept as long as a content.

        Parameters
        ----------
        look : () → a fingerprint, in a worker. make : () → a Content, in a worker, if the fingerprint is another one.
        at_once : look each time, not only when the time of the content is over; for a look that reads no file.
        """
        entry = self._entries.setdefault(key, _Entry(asyncio.Lock()))
        self._entries.move_to_end(key)
        async with entry.lock:
            if at_once or time.monotonic() >= entry.fresh_until:
                await self._refresh(entry, look, make)
        self._tidy()
        if isinstance(entry.content, MXGANError):
            raise entry.content
        return entry.content

    async def _refresh(self, entry: _Entry, look: Callable, make: Callable) -> None:
        seen, content, seconds = await self._workers.run(_read, look, make, entry.seen, entry.content)
        entry.seen, entry.content = seen, content
        entry.fresh_until = time.monotonic() + min(max(SHORTEST, SHARE * seconds), LONGEST)

    def _tidy(self) -> None:
        total = sum(map(_size, self._entries.values()))
        while self._entries and (total > self._most_bytes or len(self._entries) > self._most):
            total -= _size(self._entries.popitem(last=False)[1])


def _size(entry: _Entry) -> int:
    return len(entry.content.body) if isinstance(entry.content, Content) else 0


def _read(look: Callable, make: Callable, before: Any, content: Any) -> tuple:
    """(fingerprint, content, seconds of processor time); the fingerprint is taken first, so no change is missed."""
    began = time.thread_time()
    seen = None
    try:
        seen = look()
        if not isinstance(content, Content) or seen != before:
            content = make()
    except MXGANError as error:
        content = error
    return seen, content, time.thread_time() - began
