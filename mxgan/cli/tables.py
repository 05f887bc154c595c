"""Tables for a terminal, by rich, and for a pipe, as plain aligned columns."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Sequence
from typing import NamedTuple

from mxgan.cli.streams import printable

__all__ = ["Table", "human_duration", "human_size"]


class Table(NamedTuple):
    """A table of texts.

    Attributes
    ----------
    head : the names of the columns. rows : a text for each column.
    numbers : the positions of columns whose texts stand at the right.
    styles : {text of a cell: style of rich, as "red"}.
    """

    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    numbers: Sequence[int] = ()
    styles: dict = {}  # noqa: RUF012  never written to

    def text(self) -> str:
        """The table as standard output takes it: wrapped and with colours on a terminal, else plain and whole.

        What cannot be printed, such as the codes that move a terminal's cursor, is replaced.
        """
        head, *rows = ([printable(cell) for cell in row] for row in (self.head, *self.rows))
        is_drawn = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        return self._drawn(head, rows) if is_drawn else self._plain(head, rows)

    def _plain(self, head: Sequence, rows: Sequence) -> str:
        widths = [max(map(len, column)) for column in zip(head, *rows)]
        lines = (
            (cell.rjust(width) if index in self.numbers else cell.ljust(width))
            for row in (head, *rows)
            for index, (cell, width) in enumerate(zip(row, widths))
        )
        count = len(head)
        cells = list(lines)
        return "\n".join("  ".join(cells[start : start + count]).rstrip() for start in range(0, len(cells), count))

    def _drawn(self, head: Sequence, rows: Sequence) -> str:
        from rich.console import Console
        from rich.table import Table as Drawn
        from rich.text import Text

        table = Drawn(box=None, pad_edge=False, header_style="bold")
        for index, name in enumerate(head):
            table.add_column(Text(name), justify="right" if index in self.numbers else "left", overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell, style=self.styles.get(cell.partition(" ")[0], "")) for cell in row))
        content = io.StringIO()
        Console(file=content, force_terminal=True, width=shutil.get_terminal_size().columns).print(table)
        return content.getvalue().rstrip("\n")


def human_size(count: int) -> str:
    """A number of bytes in three digits: 10.5 MB."""
    size, units = float(count), ["B", "kB", "MB", "GB", "TB"]
    while size >= 999.5 and len(units) > 1:
        size, units = size / 1000, units[1:]
    return f"{size:.0f} {units[0]}" if size >= 99.95 or units[0] == "B" else f"{size:.1f} {units[0]}"


def human_duration(seconds: float) -> str:
    """A time in its two largest units: 2 h 05 min."""
    whole = max(0, round(seconds))
    for length, unit, below, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= length:
            return f"{whole // length} {unit} {whole % length // below:02d} {name}"
    return f"{whole} s"
