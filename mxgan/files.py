"""Files that are there whole or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Union

from mxgan.errors import RunFolderError

__all__ = ["write_whole"]


def write_whole(path: Union[str, Path], content: Union[str, bytes]) -> None:
    """Write a file beside its place, and rename it there once it is on the disk.

    Raises
    ------
    RunFolderError : the file cannot be written; what was there before is untouched, and nothing is left beside it.
    """
    path = Path(path)
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.writing")
    try:
        try:
            with beside.open("wb") as file:
                file.write(content.encode() if isinstance(content, str) else content)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise RunFolderError(
            f"{path} cannot be written: {error.strerror}. Check that its folder exists, that you may write there, and "
            "that the disk has room."
        ) from error
