"""Matplotlib figures from arrays: curves over the steps, and images with their scores."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.pictures.grid import image_grid

__all__ = ["FIGURES", "Line", "Panel", "loss_figure", "panels_figure", "scored_figure"]

COLOURS = {"G": "tab:blue", "D": "tab:red"}
FIGURES = {".png": "png", ".svg": "svg", ".pdf": "pdf"}  # ending of a file → format
IN_A_ROW = 2  # panels of a figure
MARK = {"linestyle": ":", "linewidth": 1, "alpha": 0.7}


class Line(NamedTuple):
    """One curve: `steps` (T,) and `values` (T,); None or NaN leaves a gap.

    `colour` and `style` are Matplotlib's; without a colour, each line of a panel has its own.
    """

    label: str
    steps: Sequence
    values: Sequence
    colour: Optional[str] = None
    style: str = "-"


class Panel(NamedTuple):
    """One pair of axes with its curves.

    `unit` is written at the vertical axis, which is logarithmic with `log`. `marks` are vertical lines: pairs of a step
    and a colour.
    """

    title: str
    lines: Sequence[Line]
    unit: str = ""
    log: bool = False
    marks: Sequence[tuple] = ()


def panels_figure(panels: Sequence[Panel], title: str = "", kind: str = "png", smooth: int = 1) -> bytes:
    """Panels below and beside each other as a picture.

    Parameters
    ----------
    panels : at least one. title : above them all. kind : a format of FIGURES.
    smooth : a curve is the mean of this many neighbouring values, with the values themselves behind it, pale.
    """
    if not panels:
        raise ArgumentError("there are no panels to draw; give at least one.")
    columns = min(IN_A_ROW, len(panels))
    rows = -(-len(panels) // columns)
    figure = _figure(7 if columns == 1 else 6 * columns, 4 if columns == 1 else 3.2 * rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, panel in zip(grid, panels):
        _draw(axes, panel, smooth)
    for axes in grid[len(panels) :]:
        axes.set_axis_off()
    if title:
        figure.suptitle(_plain(title))
    return _encoded(figure, kind)


def _draw(axes, panel: Panel, smooth: int) -> None:
    for line in panel.lines:
        numbers = np.array([float("nan") if value is None else value for value in line.values], float)
        look = {"color": line.colour, "linestyle": line.style, "marker": "." if len(line.steps) < 3 else None}
        if smooth > 1:
            (pale,) = axes.plot(line.steps, numbers, **{**look, "alpha": 0.25})
            look["color"], numbers = pale.get_color(), _smoothed(numbers, smooth)
        axes.plot(line.steps, numbers, label=_plain(line.label), **look)
    if panel.marks:
        _draw_marks(axes, list(dict.fromkeys(panel.marks)))
    axes.set(xlabel="step", ylabel=_plain(panel.unit), title=_plain(panel.title))
    if panel.log:
        axes.set_yscale("log")
    axes.grid(alpha=0.3)
    axes.legend()


def _draw_marks(axes, marks: Sequence[tuple]) -> None:
    """Vertical lines at pairs of a step and a colour, as one object: hundreds of single lines take seconds to draw."""
    from matplotlib.collections import LineCollection

    lines = [((step, 0), (step, 1)) for step, _ in marks]
    transform = axes.get_xaxis_transform()
    axes.add_collection(LineCollection(lines, colors=[c for _, c in marks], transform=transform, **MARK), autolim=False)
    axes.update_datalim([point for line in lines for point in line], updatey=False)
    axes.autoscale_view()


def _smoothed(values: np.ndarray, count: int) -> np.ndarray:
    """The mean of `count` neighbours of each value; at the ends, and beside gaps, of those that there are."""
    known = np.isfinite(values)
    sums, counts = (
        np.concatenate([[0], np.cumsum(column, dtype=float)]) for column in (np.where(known, values, 0), known)
    )
    first = np.maximum(np.arange(len(values)) - (count - 1) // 2, 0)
    last = np.minimum(np.arange(len(values)) + count // 2 + 1, len(values))
    number = counts[last] - counts[first]
    return np.where(known, (sums[last] - sums[first]) / np.maximum(number, 1), np.nan)


def _plain(text: str) -> str:
    """A text as Matplotlib draws it: no formula between dollar signs, nothing unprintable, in the legend for sure."""
    drawn = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in text).replace("$", r"\$")
    return f" {drawn}" if drawn.startswith("_") else drawn  # the legend leaves out what begins with "_"


def loss_figure(steps: Sequence, losses: Mapping[str, Sequence], title: str = "losses") -> bytes:
    """Loss curves over the steps, as PNG.

    Parameters
    ----------
    steps : (T,) numbers, at least one.
    losses : {"G": (T,) values, "D": (T,) values}; None or NaN leaves a gap. G is blue, D red.
    """
    if not steps or any(len(values) != len(steps) for values in losses.values()):
        lengths = ", ".join(f"{name} {len(values)}" for name, values in losses.items())
        raise ArgumentError(f"{len(steps)} steps and losses of lengths {lengths}; give equal lengths, at least 1.")
    lines = [Line(name, steps, values, COLOURS.get(name)) for name, values in losses.items()]
    return panels_figure([Panel(title, lines, "loss")])


def scored_figure(rows: Mapping[str, tuple]) -> bytes:
    """Rows of images with D's score above each image, as PNG.

    Parameters
    ----------
    rows : {name of the row: (images (N, C, H, W) in [-1, 1], scores (N,))}.
    """
    count = max(len(images) for images, _ in rows.values())
    figure = _figure(1.25 * count, 1.6 * len(rows))
    grid = figure.subplots(len(rows), count, squeeze=False)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
        axes.set_frame_on(False)
    for line, (name, (images, scores)) in zip(grid, rows.items()):
        line[0].set_ylabel(name)
        for axes, image, score in zip(line, images, np.ravel(scores)):
            axes.imshow(image_grid(image[None]))
            axes.set_title(f"{score:.3f}", fontsize=9)
    return _encoded(figure, "png")


def _figure(width: float, height: float):
    """A Matplotlib figure; width and height in inches.

    The import is here because it takes a tenth of a run's start, and most runs draw no figure.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _encoded(figure, kind: str) -> bytes:
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"Glyph .* missing from")  # of a name in letters that the font lacks
        figure.savefig(content, format=kind)
    return content.getvalue()
