"""Files of JSON lines of a run (history, evaluations, events), read while another process may be writing them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple, Optional

from mxgan.pictures.report.values import step_of
from mxgan.runtime.inside import DECODER, open_inside

__all__ = ["Lines", "last_rows", "read_lines", "rows_by_step"]

MOST_BYTES = 32 << 20  # a history of 100,000 lines
LONGEST_LINE = 1 << 20
MOST_LINES = 200_000
TAIL_BYTES = 1 << 14


class Lines(NamedTuple):
    """The objects of a file, in its order, and what is wrong with the file, in words."""

    rows: list
    problems: list


def read_lines(path: Path, most: int = MOST_BYTES) -> Lines:
    """The JSON objects of a file, one on each line; both lists are empty if there is no file.

    Of a file above `most` bytes, or with more than MOST_LINES lines, only the end is read. A last line that is only
    half written is left out. Lines that are no JSON object are left out, and `problems` counts them.
    """
    try:
        with open_inside(path.parent, path.name) as stream:
            size = os.fstat(stream.fileno()).st_size
            stream.seek(max(0, size - most))
            content = stream.read(most)
    except FileNotFoundError:
        return Lines([], [])
    except OSError as error:
        return Lines([], [f"{path.name} cannot be read: {error.strerror}."])
    *lines, last = content.rsplit(b"\n", MOST_LINES)
    is_cut = size > most or b"\n" in (lines or [b""])[0]
    rows, bad = [], 0
    for line in lines[1:] if is_cut else lines:
        row = _row(line)
        if row is None:
            bad += 1
        else:
            rows.append(row)
    unfinished = _row(last) if lines or not is_cut else None  # the end of a longer line is not a row
    cut = (
        [f"{path.name} is longer than {MOST_LINES:,} lines, or {most >> 20} MB; only its end is shown."]
        if is_cut
        else []
    )
    broken = [f"{path.name} has {bad} line{'s' * (bad > 1)} that cannot be read as a JSON object."] if bad else []
    return Lines([*rows, *([unfinished] if unfinished else [])], [*cut, *broken])


def last_rows(path: Path, most: int = TAIL_BYTES) -> list:
    """The objects of the last lines of a file, from its last `most` bytes; [] if there is none.

    If there is no whole line in these bytes, they are those of a long line, and more of the file is read.
    """
    return read_lines(path, most).rows or read_lines(path, 2 * LONGEST_LINE).rows


def _row(line: bytes) -> Optional[dict]:
    """The JSON object of a line; None for anything else."""
    if len(line) > LONGEST_LINE:
        return None
    try:
        row = DECODER.decode(line.decode())
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def rows_by_step(rows: list) -> list:
    """The rows in the order of their steps, the last one of each step; rows without a step are left out."""
    found = {step_of(row.get("step")): row for row in rows}
    return [found[step] for step in sorted(step for step in found if step is not None)]
