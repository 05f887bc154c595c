"""The classes of images by a labels file, whose rows are matched with the files here."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Iterable
from itertools import islice
from pathlib import Path, PurePath
from typing import Callable, NamedTuple, Optional, Union

from mxgan.data.archives import LABEL_FILES, has_image_suffix, is_archive
from mxgan.data.decoding import MAX_BYTES, read_header
from mxgan.data.label_files import MOST_BYTES, Row, label_rows
from mxgan.data.places import Place, opened_place, read_plain
from mxgan.errors import ArgumentError, CorruptFileError, DatasetError, DatasetNotFoundError, counted, listed

__all__ = ["CLASS_FOLDERS", "LabelTable", "labelled_files", "labels_path"]

logger = logging.getLogger(__name__)

CLASS_FOLDERS = "folders"  # the setting that takes the subfolders, whatever labels files there are
_OR_FOLDERS = f"--labels {CLASS_FOLDERS} takes the subfolders as classes"


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
    CorruptFileError : the labels file that `setting` names cannot be read.
    DatasetNotFoundError : there is no such file.
    DatasetError : an image without a row, rows that fit several files, no row that fits any; for a file that `setting`
        names. One that was found without it is not used then, and a warning says why.
    ArgumentError : `setting` is no path, or the name of two files that differ.
    """
    path, read = _located(place, setting)
    if path is None:
        return None, place.files
    try:
        return _labelled(place, path, read, limit, by_name=setting is not None)
    except (DatasetError, CorruptFileError) as error:
        if setting is not None:
            raise
        # It may belong to something else, and the folder may have trained without it.
        logger.warning(
            "%s The subfolders are the classes. Give --labels FILE for a labels file, or --labels %s without this "
            "warning.",
            f"{path} was found and is not used as the labels file: {error}",
            CLASS_FOLDERS,
        )
        return None, place.files


def _labelled(place: Place, path: Path, read: Callable, limit: Optional[int], by_name: bool) -> tuple:
    """What `labelled_files` returns for the labels file `path`; `by_name` says that the setting names it."""
    content = _content(path, read)
    digest, rows = hashlib.sha256(content).hexdigest(), label_rows(path, content)
    if rows is None and not by_name:
        logger.info("%s says that there are no labels: the subfolders are the classes", path)
        return None, place.files
    table = _table(place, path, digest, rows)
    own = path.resolve()
    files = [file for file in place.files if file.name != path.name or file.resolve() != own]
    if by_name:
        images: Iterable = (file for file in files if has_image_suffix(file))
    else:  # nothing but a warning may come of this file: no image without a row may turn up later, while decoding
        is_known = table.numbers if limit is None else ()
        images = (file for file in files if file in is_known or _holds_image(place, file))
    table.check(islice(images, limit))
    return table, files


def _located(place: Place, setting: Optional[str]) -> tuple[Optional[Path], Callable]:
    """The path of the labels file, and the function that reads it."""
    if setting is not None and (not isinstance(setting, str) or not setting):
        raise ArgumentError(f"labels is {setting!r}; give the path of a CSV or .json file, or {CLASS_FOLDERS!r}.")
    names = {None: LABEL_FILES, CLASS_FOLDERS: ()}.get(setting, (setting,))
    known = set(place.files)
    found = [path for path in map(place.top.joinpath, names) if path in known]
    if setting not in (None, CLASS_FOLDERS) and Path(setting).is_file():
        _check_same(place, setting, found)
        return Path(setting), read_plain
    if not found and setting not in (None, CLASS_FOLDERS):
        raise DatasetNotFoundError(
            f"labels is {setting!r}: there is no such file, also not in {place.top}. Give its path, or {_OR_FOLDERS}."
        )
    return next(iter(found), None), place.read


def _check_same(place: Place, setting: str, found: list) -> None:
    """Raise ArgumentError if a name is that of a file in the working folder and of another file beside the images."""
    for inside in found:
        outside = Path(setting).absolute()
        if inside.resolve() != outside.resolve() and _content(inside, place.read) != _content(outside, read_plain):
            raise ArgumentError(
                f"labels is {setting!r}, and there are two such files, which differ: {outside} and "
                f"{inside.absolute()}. Give the whole path of one of them."
            )


def labels_path(labels: str, data_dir: Union[str, Path, None]) -> str:
    """The absolute path of a labels file in the working folder; other texts, such as "folders", stay as they are.

    Raises ArgumentError if `data_dir`, a folder or a zip archive, has another file of this name.
    """
    if labels == CLASS_FOLDERS or not os.path.isfile(labels):
        return labels
    if not os.path.isabs(labels) and data_dir is not None and (os.path.isdir(data_dir) or is_archive(Path(data_dir))):
        with opened_place(Path(data_dir)) as place:
            _located(place, labels)
    return os.path.abspath(labels)


def _content(path: Path, read: Callable) -> bytes:
    try:
        return read(path, MOST_BYTES)
    except (DatasetError, OSError) as error:
        raise CorruptFileError(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from error


def _table(place: Place, path: Path, digest: str, rows: Optional[list]) -> LabelTable:
    if rows is None:
        logger.info("%s says that there are no labels; %s", path, _OR_FOLDERS)
        return LabelTable(path, digest, [""], {})
    labels = _matched(place, path, rows)
    names = _names_in_use(place, path, labels)
    are_numbers = all(re.fullmatch("-?[0-9]+", name) for name in names)
    order = {name: number for number, name in enumerate(sorted(names, key=int if are_numbers else str))}
    logger.info("The labels are those of %s, %d classes; %s", path, len(order), _OR_FOLDERS)
    return LabelTable(path, digest, list(order), {file: order.get(label, 0) for file, label in labels.items()})


def _holds_image(place: Place, file: Path) -> bool:
    try:
        read_header(place.source(file, MAX_BYTES))
    except (DatasetError, OSError):  # the reason is given where the images are decoded
        return False
    return True


def _names_in_use(place: Place, path: Path, labels: dict) -> set:
    """The labels that some readable image has: the classes, as of subfolders. A warning names the other rows."""
    found: set = set()
    for file, label in labels.items():
        if label not in found and _holds_image(place, file):
            found.add(label)
    unread = [file.relative_to(place.top).as_posix() for file, label in labels.items() if label not in found]
    if not found:
        raise DatasetError(f"{path} has no row for an image that can be read: {listed(unread, 3)}. {_OR_FOLDERS}.")
    if unread:
        rows = counted(len(unread), "row")
        logger.warning("%s: %s left out, whose labels no readable image has: %s", path, rows, listed(unread, 3))
    return found


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
        logger.warning("%s has %s without a file here: %s", path, counted(len(left), "row"), listed(where))
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
