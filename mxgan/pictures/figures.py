"""Matplotlib figures from arrays, as PNG bytes: loss curves, and images with their scores."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.pictures.grid import image_grid

__all__ = ["loss_figure", "scored_figure"]

COLOURS = {"G": "tab:blue", "D": "tab:red"}


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
    figure = _figure(7, 4)
    axes = figure.add_subplot()
    for name, values in losses.items():
        numbers = [float("nan") if value is None else value for value in values]
        axes.plot(steps, numbers, color=COLOURS.get(name), marker="." if len(steps) < 3 else None, label=name)
    axes.set(xlabel="step", ylabel="loss", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    return _png(figure)


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
    return _png(figure)


def _figure(width: float, height: float):
    """A Matplotlib figure; width and height in inches.

    The import is here because it takes a tenth of a run's start, and most runs draw no figure.
    """
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=110, layout="constrained")


def _png(figure) -> bytes:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    return content.getvalue()
