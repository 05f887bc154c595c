"""A copy of what a program prints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mxgan.errors import RunFolderError

__all__ = ["logged"]


class _Tee:
    """A stream whose text also goes into the log, until the log is closed."""

    def __init__(self, stream: Any, log: Any) -> None:
        self._stream, self._log = stream, log

    def write(self, text: str) -> int:
        if not self._log.closed:  # a handler of the module logging may keep this stream for longer
            self._log.write(text)
        return self._stream.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        if not self._log.closed:
            self._log.flush()
        self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def logged(folder: Path):
    """Copy what is printed on standard output and standard error into FOLDER/log.txt; makes the folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        log = open(folder / "log.txt", "w", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115
    except OSError as error:
        raise RunFolderError(f"the folder {folder} cannot be written: {error.strerror}. Give another.") from error
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = (stream and _Tee(stream, log) for stream in before)  # None: a process without the stream
    try:
        yield
    finally:
        for stream in filter(None, (sys.stdout, sys.stderr)):
            with suppress(ValueError):  # the program has closed it
                stream.flush()
        sys.stdout, sys.stderr = before
        log.close()
