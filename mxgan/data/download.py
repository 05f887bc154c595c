"""The download of a gzip file with a known sha256 of its content, whole or not at all.

The bytes are collected in NAME.part, and a later call continues there (HTTP Range). NAME itself appears only by
renaming, after the unpacked content has been checked. One process at a time downloads into a folder.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import logging
import os
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mxgan.errors import DownloadError
from mxgan.runtime.files import one_at_a_time
from mxgan.runtime.progress import Progress

__all__ = ["LIMITS", "Limits", "RemoteFile", "download"]

logger = logging.getLogger(__name__)

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class RemoteFile:
    """A gzip file: its name at every mirror, and the size in bytes and sha256 of its unpacked content."""

    name: str
    unpacked_size: int
    sha256: str


@dataclass(frozen=True)
class Limits:
    """The time limits for a mirror, in seconds.

    `connect` and `read` limit one wait each. If a mirror sends fewer than `stall_bytes` within `stall` seconds, it is
    abandoned, even if it still sends.
    """

    connect: float = 10.0
    read: float = 20.0
    stall: float = 30.0
    stall_bytes: int = 30_000


LIMITS = Limits()


class _MirrorFailed(Exception):
    """The download from this mirror failed; the next mirror may work."""


def download(
    remote: RemoteFile,
    folder: Path,
    mirrors: Sequence[str],
    *,
    limits: Limits = LIMITS,
    progress: Optional[bool] = True,
) -> Path:
    """Fetch `remote` into `folder` from the first of `mirrors` (addresses ending in "/") that works.

    Returns
    -------
    The path of the checked file. A file that exists already is not checked again.

    Raises
    ------
    DownloadError : all mirrors failed, or the folder cannot be written; the message names each mirror and its fault,
    or the folder. If all mirrors failed, the bytes received so far stay in NAME.part, unless they are wrong.
    """
    target = folder / remote.name
    part = folder / f"{remote.name}.part"
    faults = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(folder):
            for mirror in mirrors:
                if target.is_file():
                    return target
                try:
                    _fetch(mirror + remote.name, part, remote, limits, progress)
                    os.replace(part, target)
                except _MirrorFailed as fault:
                    logger.info("%s%s: %s", mirror, remote.name, fault)
                    faults.append((mirror, str(fault)))
                    if part.is_file() and not _size(part):
                        part.unlink()
            if target.is_file():
                return target
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink()  # free the space on a full disk
        raise DownloadError(f"{folder} cannot be written: {error.strerror or error}.") from error
    raise DownloadError(f"{remote.name} could not be fetched ({_by_fault(faults)}).")


def _by_fault(faults: list) -> str:
    """(mirror, fault) pairs in a line, in which mirrors with the same fault are together."""
    mirrors: dict = {}
    for mirror, fault in faults:
        mirrors.setdefault(fault, []).append(mirror.partition("//")[2].partition("/")[0])
    return "; ".join(f"{', '.join(names)}: {fault}" for fault, names in mirrors.items())


def _fetch(url: str, part: Path, remote: RemoteFile, limits: Limits, progress: Optional[bool]) -> None:
    """Complete `part` and check its content; if the bytes of an earlier attempt are wrong, start again once."""
    for _ in range(2):
        resumed = _size(part) > 0
        _receive(url, part, remote, limits, progress)
        problem = _check(part, remote)
        if problem is None:
            return
        part.unlink()
        if not resumed:
            break
    raise _MirrorFailed(problem)


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0


def _receive(url: str, part: Path, remote: RemoteFile, limits: Limits, progress: Optional[bool]) -> None:
    import requests  # imported here: it takes half a second, and only a download needs it
    import urllib3

    start = _size(part)
    headers = {"Accept-Encoding": "identity"}  # a .gz must arrive unchanged
    if start:
        headers["Range"] = f"bytes={start}-"
    failure: Optional[Exception] = None
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(limits.connect, limits.read)) as response:
            if response.status_code == 416:
                return  # the server has no more bytes; the check decides
            start = _start_of(response, start)
            _copy(response, part, start, remote, limits, progress)
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        failure = error
    if failure is not None:
        raise _MirrorFailed(_in_short(failure))


def _start_of(response, wanted: int) -> int:
    """The offset of the response body in the file; 0 if the server ignores Range."""
    if response.status_code == 206:
        if not response.headers.get("Content-Range", "").startswith(f"bytes {wanted}-"):
            raise _MirrorFailed("answered with a range that was not requested")
        return wanted
    if response.status_code != 200:
        raise _MirrorFailed(f"HTTP {response.status_code} {response.reason}")
    return 0


def _copy(response, part: Path, start: int, remote: RemoteFile, limits: Limits, progress: Optional[bool]) -> None:

    length = response.headers.get("Content-Length", "")
    total = start + int(length) if length.isdigit() else None
    most = remote.unpacked_size + 2**20  # a gzip file is at most a little larger than its content
    bar = Progress(progress, remote.name, total, "B", initial=start)
    with part.open("r+b" if start else "wb") as stream, bar:
        stream.seek(start)
        for chunk in _chunks(response, limits):
            if stream.tell() == 0 and not chunk.startswith(_GZIP_MAGIC[: len(chunk)]):
                raise _MirrorFailed(f"sent {response.headers.get('Content-Type', 'something')}, not a gzip file")
            stream.write(chunk)
            bar.update(len(chunk))
            if stream.tell() > most:
                stream.truncate(0)
                raise _MirrorFailed(f"sent more than {most} bytes")
        if total is not None and stream.tell() < total:
            raise _MirrorFailed(f"ended after {stream.tell()} of {total} bytes")


def _chunks(response, limits: Limits) -> Iterator[bytes]:
    """The body in pieces, each after one wait on the network; _MirrorFailed if it arrives too slowly."""
    read = getattr(response.raw, "read1", None) or response.raw.read  # urllib3 has read1 since 2.x
    amount = 2**16 if hasattr(response.raw, "read1") else 2**10
    began, received = time.monotonic(), 0
    while True:
        chunk = read(amount, decode_content=False)
        if not chunk:
            return
        yield chunk
        received += len(chunk)
        elapsed = time.monotonic() - began
        if elapsed >= limits.stall:
            if received < limits.stall_bytes:
                raise _MirrorFailed(f"stalled: {received} bytes in {elapsed:.0f} s")
            began, received = time.monotonic(), 0


def _check(part: Path, remote: RemoteFile) -> Optional[str]:
    """The fault of the content, or None; it stops unpacking when the content is longer than expected."""
    digest, size = hashlib.sha256(), 0
    try:
        with gzip.open(part, "rb") as stream:
            while size <= remote.unpacked_size:
                chunk = stream.read(2**20)
                if not chunk:
                    break
                digest.update(chunk)
                size += len(chunk)
    except (EOFError, zlib.error, gzip.BadGzipFile, FileNotFoundError) as error:
        return f"sent a broken gzip file ({error})"
    if size != remote.unpacked_size or digest.hexdigest() != remote.sha256:
        return "sent other content (its sha256 is not the known one)"
    return None


def _in_short(error: BaseException) -> str:
    """The innermost cause in a few words; requests wraps urllib3, which wraps the system's error."""
    while True:
        inner = getattr(error, "reason", None) or (error.args[-1] if error.args else None)
        if not isinstance(inner, BaseException):
            text = str(error).split(": ")[-1]
            return "its name cannot be resolved" if text.startswith("Failed to resolve ") else text
        error = inner
