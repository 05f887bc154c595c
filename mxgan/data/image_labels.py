"""The classes of images by a labels file, whose rows are matched with the files here."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Callable, NamedTuple, Optional

from mxgan.data.archives import LABEL_FILES
from mxgan.data.label_files import MOST_BYTES, Row, label_rows
from mxgan.data.places import Place, has_image_suffix, read_plain
from mxgan.errors import ArgumentError, CorruptFileError, DatasetError, DatasetNotFoundError, listed

__all__ = ["CLASS_FOLDERS", "LabelTable", "labelled_files"]

logger = logging.getLogger(__name__)

CLASS_FOLDERS = "folders"  # the setting that takes the subfolders, whatever labels files there are
_OR_FOLDERS = f"labels={CLASS_FOLDERS} takes the subfolders as classes"


class LabelTable(NamedTuple):
    """Classes by a labels file.

    Parameters
    ----------
    path : the labels file.
    digest : sha256 of its content, for the key of a cache.
    names : the labels that occur, class numbers in their order, other texts sorted; [""] if there are no labels.
    numbers : {path of a file: the index of its class}.
    """

    path: Path
    digest: str
    names: list
    numbers: dict

    def number(self, path: Path) -> int:
        """The class of a file; DatasetError if the labels file has no row for it."""
        self.check([path])
        return self.numbers.get(path, 0)

    def check(self, images: Iterable[Path]) -> None:
        """Raise DatasetError if images have no row."""
        missing = [path for path in images if path not in self.numbers] if self.names != [""] else []
        if missing:
            raise DatasetError(
                f"{self.path} has no row for {len(missing):,} of the images: {listed(missing, 3)}. Add the rows or "
                f"move these images away; {_OR_FOLDERS}."
            )


def labelled_files(place: Place, setting: Optional[str] = None, limit: Optional[int] = None) -> tuple:
    """(the labels file, matched with the files; the files without it). None if the subfolders are the classes.

    Parameters
    ----------
    setting : the path of a labels file, or the name of one in the top folder; "folders" for the subfolders; None for
        the first of `LABEL_FILES` in the top folder, and the subfolders if there is none.
    limit : only the first `limit` images need a row.

    Raises
    ------
    CorruptFileError : the labels file cannot be read.
    DatasetNotFoundError : there is no such file.
    DatasetError : an image without a row, rows that fit several files, no row that fits any.
    ArgumentError : `setting` is no path.
    """
    path, read = _located(place, setting)
    if path is None:
        return None, place.files
    table = _table(place, path, _content(path, read))
    own = path.resolve()
    files = [file for file in place.files if file.name != path.name or file.resolve() != own]
    table.check([file for file in files if has_image_suffix(file)][:limit])
    return table, files


def _located(place: Place, setting: Optional[str]) -> tuple[Optional[Path], Callable]:
    """The path of the labels file, and the function that reads it."""
    if setting is not None and (not isinstance(setting, str) or not setting):
        raise ArgumentError(f"labels is {setting!r}; give the path of a CSV or .json file, or {CLASS_FOLDERS!r}.")
    if setting not in (None, CLASS_FOLDERS) and Path(setting).is_file():
        return Path(setting), read_plain
    names = {None: LABEL_FILES, CLASS_FOLDERS: ()}.get(setting, (setting,))
    known = set(place.files)
    found = [path for path in map(place.top.joinpath, names) if path in known]
    if not found and setting not in (None, CLASS_FOLDERS):
        raise DatasetNotFoundError(
            f"labels is {setting!r}: there is no such file, also not in {place.top}. Give its path, or {_OR_FOLDERS}."
        )
    return next(iter(found), None), place.read


def _content(path: Path, read: Callable) -> bytes:
    try:
        return read(path, MOST_BYTES)
    except (DatasetError, OSError) as error:
        raise CorruptFileError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _table(place: Place, path: Path, content: bytes) -> LabelTable:
    digest, rows = hashlib.sha256(content).hexdigest(), label_rows(path, content)
    if rows is None:
        logger.info("%s says that there are no labels; %s", path, _OR_FOLDERS)
        return LabelTable(path, digest, [""], {})
    labels = _matched(place, path, rows)
    names = set(labels.values())
    are_numbers = all(re.fullmatch("-?[0-9]+", name) for name in names)
    order = {name: number for number, name in enumerate(sorted(names, key=int if are_numbers else str))}
    logger.info("The labels are those of %s, %d classes; %s", path, len(order), _OR_FOLDERS)
    return LabelTable(path, digest, list(order), {file: order[label] for file, label in labels.items()})


# The ways to name a file, tried one after the other.
_WAYS: tuple[Callable[[PurePath], str], ...] = (
    lambda file: file.as_posix(),
    lambda file: file.with_suffix("").as_posix(),
    lambda file: file.name,
    lambda file: file.stem,
)


def _matched(place: Place, path: Path, rows: list) -> dict:
    """{path of a file: its label} of the rows that name one."""
    labels: dict = {}
    left = [row._replace(name=row.name.replace("\\", "/").removeprefix("./")) for row in rows]
    for way in _WAYS:
        left = _take(left, _known(place, way), path, labels) if left else left
    left = [row for row in left if not row.may_be_heading]
    if not labels:
        files = [file.relative_to(place.top).as_posix() for file in place.files if file != path]
        raise DatasetError(
            f"{path} names no file in {place.top}: it has names such as {rows[-1].name!r}, and the files are "
            f"{listed(files, 2)}. Give the names as paths from there, or the names of the files alone; {_OR_FOLDERS}."
        )
    if left:
        where = [f"{row.name} ({row.where})" for row in left[:3]]
        logger.warning("%s has %s rows that name no file here: %s", path, f"{len(left):,}", listed(where))
    return labels


def _known(place: Place, way: Callable) -> dict:
    """{name: the files of this name}; files that are no images by their suffix only by their whole names."""
    known: dict = {}
    for file in place.files:
        if way is _WAYS[0] or has_image_suffix(file):
            known.setdefault(way(file.relative_to(place.top)), []).append(file)
    return known


def _take(rows: list, known: dict, path: Path, labels: dict) -> list:
    """Put the labels of the rows with a known name into `labels`; return the other rows."""
    left: list[Row] = []
    for row in rows:
        files = known.get(row.name, [])
        if len(files) > 1:
            raise DatasetError(
                f"{path}, {row.where}: {row.name!r} is the name of {len(files)} files ({listed(files, 2)}). Give their "
                "paths from the top folder."
            )
        if not files:
            left.append(row)
        elif labels.setdefault(files[0], row.label) != row.label:
            raise DatasetError(
                f"{path}, {row.where}: {row.name!r} has the label {row.label!r} here and {labels[files[0]]!r} in "
                "another row. Leave one of them out."
            )
    return left
