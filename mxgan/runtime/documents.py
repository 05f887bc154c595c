"""Files of settings: YAML, TOML and JSON as plain values, with every fault in words."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Union

from mxgan.errors import ArgumentError, CheckpointError, first_line, shown
from mxgan.runtime.files import open_plain
from mxgan.runtime.paths import checked_path
from mxgan.runtime.yaml_text import read_yaml

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["read_document"]


def read_document(path: Union[str, Path]) -> dict:
    """The mapping in a file that ends in .yaml, .yml, .toml or .json.

    Returns
    -------
    dict with text keys; below them are mappings, lists, texts, finite numbers, true, false and None (null).

    Raises
    ------
    ArgumentError : the file is missing, of another kind, too large, not in UTF-8, or not of its format; it names the
        file, and where it can the line.
    """
    path = checked_path("the file of settings", path)
    kind = _KINDS.get(path.suffix.lower())
    if path.is_dir():
        inside = path / "config.json"
        remedy = f"give {inside}" if inside.is_file() else "give a file"
        raise ArgumentError(f"{path} is a folder; {remedy}.")
    if kind is None:
        raise ArgumentError(f"{path}: give a file of settings that ends in {', '.join(_KINDS)}.")
    text = _decoded(path, _content(path, kind.most))
    try:
        values = kind.read(text)
        _check(values)
    except RecursionError as error:
        raise ArgumentError(f"{path} is nested too deeply. Write fewer levels.") from error
    except ArgumentError as error:
        raise ArgumentError(f"{path}: {error}") from error
    except ValueError as error:
        raise ArgumentError(f"{path} cannot be read as {kind.name}: {first_line(error)}. Correct it.") from error
    if not isinstance(values, dict):
        found = "is empty" if values is None else f"holds {shown(values)}"
        raise ArgumentError(f"{path} {found}; write settings by their names, such as `steps: 1000`.")
    return values


def _content(path: Path, most: int) -> bytes:
    try:
        with open_plain(path) as stream:
            content = stream.read(most + 1)
    except CheckpointError as error:
        raise ArgumentError(str(error)) from error
    except OSError as error:
        raise ArgumentError(f"{path} cannot be read: {error.strerror}. Give another file.") from error
    if len(content) > most:
        raise ArgumentError(f"{path} is larger than {most >> 10:,} KB, which no file of settings is. Give another.")
    return content


def _decoded(path: Path, content: bytes) -> str:
    """The text of a file in UTF-8, with or without a byte order mark."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ArgumentError(f"{path} is in UTF-16. Save it in UTF-8.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ArgumentError(
            f"{path}, line {line}: byte {error.start} (0x{content[error.start]:02x}) is not UTF-8. Save it in UTF-8."
        ) from error


def _read_json(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_unique)


def _unique(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ArgumentError(f"the key {twice!r} stands twice in one object; leave one out.")
    return found


def _check(values: Any) -> None:
    """Raise ArgumentError for a value that JSON does not have: a date of TOML, infinity, NaN."""
    waiting = [("", values)]
    while waiting:
        name, value = waiting.pop()
        if isinstance(value, dict):
            waiting += [(f"{name}.{key}".lstrip("."), each) for key, each in value.items()]
        elif isinstance(value, list):
            waiting += [(name, each) for each in value]
        elif isinstance(value, float) and not math.isfinite(value):
            raise ArgumentError(f"{name} is {value}; give a finite number.")
        elif not isinstance(value, (str, int, float, type(None))):
            kind = type(value).__name__
            raise ArgumentError(f"{name} is {value} (a {kind}); give text, in quotes, or a number.")


class _Kind(NamedTuple):
    """A format: its name, what reads it, and the most bytes of a file."""

    name: str
    read: Callable
    most: int


_YAML = _Kind("YAML", read_yaml, 1 << 20)
_KINDS = {
    ".yaml": _YAML,
    ".yml": _YAML,
    ".toml": _Kind("TOML", tomllib.loads, 1 << 20),
    ".json": _Kind("JSON", _read_json, 1 << 24),  # config.json of an import holds symbols
}
