"""A reader for tables of file names and labels: a CSV, or StyleGAN's dataset.json."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import NamedTuple, Optional

from mxgan.errors import CorruptFileError, counted, listed, shown

__all__ = ["MOST_BYTES", "Row", "label_rows"]

MOST_BYTES = 48 * 2**20  # of a labels file: more than a million rows

_LONGEST = 200  # letters in a label
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}(\.0{1,18})?")  # pandas writes 3 as 3.0 if some other row has no label
_DELIMITERS = ",;\t"
# The headings of a CSV, without capitals, spaces, "_" and "-"; of several in one table the first one here is taken.
_NAMES = ("filename", "file", "filepath", "path", "imagename", "imagepath", "image", "img", "imageid", "name", "id")
_LABELS = ("label", "labels", "class", "classname", "classid", "category", "target", "breed", "species", "y")
_AS_CSV = "Give a CSV in UTF-8 with two columns, the file's name and the label."
_AS_JSON = 'The form is {"labels": [["cat/1.png", 0], …]}, or {"labels": null} for no labels.'


class Row(NamedTuple):
    """One row: the place in the file, for messages; the name of an image; its label; whether it may be a heading."""

    where: str
    name: str
    label: str
    may_be_heading: bool = False


def label_rows(path: Path, content: bytes) -> Optional[list]:
    """The rows of a labels file; None if it says that there are no labels.

    Parameters
    ----------
    path : the file; it is read as JSON if its name ends in .json, else as CSV.
    content : at most `MOST_BYTES` bytes.

    Raises
    ------
    CorruptFileError : any other content; the message says which line or entry.
    """
    rows = (_json_rows if path.suffix.lower() == ".json" else _csv_rows)(path, content)
    if rows is not None and not rows:
        raise CorruptFileError(path, "has no rows", remedy=_AS_JSON if path.suffix.lower() == ".json" else _AS_CSV)
    return rows


def _csv_rows(path: Path, content: bytes) -> list:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise CorruptFileError(path, "is not text in UTF-8", error.start, _AS_CSV) from error
    delimiter = _delimiter(text)
    lines = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list = []
    width, columns, is_heading = 0, (0, 1), False
    try:
        for line in lines:
            cells = [cell.strip() for cell in line]
            if not any(cells):
                continue
            if not width:
                width, (columns, is_heading) = len(cells), _columns(path, cells)
                if is_heading:
                    continue
            if len(cells) != width:
                problem = f"has {counted(len(cells), 'column')} in line {lines.line_num} and {width} in the first"
                raise CorruptFileError(path, problem, remedy=_AS_CSV)
            name, label = (cells[column] for column in columns)
            where = f"line {lines.line_num}"
            rows.append(Row(where, name, _label(path, where, label), not rows and not is_heading))
    except csv.Error as error:
        raise CorruptFileError(path, f"is not CSV: line {lines.line_num}, {error}", remedy=_AS_CSV) from error
    return rows


def _delimiter(text: str) -> str:
    first = re.split("[\r\n]", text.lstrip("\r\n"), maxsplit=1)[0]
    return max(_DELIMITERS, key=first.count)  # of equal counts the first: the comma


def _columns(path: Path, cells: list) -> tuple:
    """((column of names, column of labels), whether these cells are headings for certain)."""
    heads = [re.sub(r"[\s_-]", "", cell.lower()) for cell in cells]
    named, labelled = (
        next((heads.index(known) for known in wanted if known in heads), None) for wanted in (_NAMES, _LABELS)
    )
    if named is not None and labelled is not None:
        return (named, labelled), True
    if len(cells) == 2:
        return (0, 1), False
    raise CorruptFileError(
        path,
        f"has {counted(len(cells), 'column')} ({shown(listed(cells))}), and their headings do not say which are the "
        "file's name and the label",
        remedy="Give two columns, or head them filename and label.",
    )


def _json_rows(path: Path, content: bytes) -> Optional[list]:
    try:
        value = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise CorruptFileError(path, f"is not JSON ({error})", remedy=_AS_JSON) from error
    if not isinstance(value, dict) or "labels" not in value:
        raise CorruptFileError(path, 'has no "labels"', remedy=_AS_JSON)
    rows = value["labels"]
    if rows is None:
        return None
    if not isinstance(rows, list):
        raise CorruptFileError(path, f'has {shown(rows)} as its "labels"', remedy=_AS_JSON)
    return [_json_row(path, f"entry {number}", row) for number, row in enumerate(rows)]


def _json_row(path: Path, where: str, row) -> Row:
    if not isinstance(row, list) or len(row) != 2 or not isinstance(row[0], str):
        raise CorruptFileError(path, f"{where} is {shown(row)}, no name with a label", remedy=_AS_JSON)
    name, label = row
    if not isinstance(label, int) or isinstance(label, bool):
        problem = f"{where} ({shown(name)}) has the label {shown(label)}"
        raise CorruptFileError(path, problem, remedy="Only class numbers are taken, no vectors and no texts.")
    return Row(where, name, _label(path, where, str(label)))


def _label(path: Path, where: str, label: str) -> str:
    """A label as the name of its class: a class number without zeros in front."""
    if not label or len(label) > _LONGEST:
        fault = "no label" if not label else f"a label of {len(label):,} letters"
        raise CorruptFileError(path, f"{where} has {fault}", remedy=f"Give 1 to {_LONGEST} letters or a class number.")
    return str(int(label.partition(".")[0])) if _NUMBER.fullmatch(label) else label
