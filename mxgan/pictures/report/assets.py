"""Styles and scripts of the pages: our own files in assets/, and uPlot's out of its wheel."""

from __future__ import annotations

import importlib.metadata
from functools import cache
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from mxgan.errors import ArgumentError, RuntimeUnavailableError, lookup

__all__ = ["PAGES", "Assets", "asset", "page_assets"]

# Name on a page → file in the wheel uplot-python. Its own __init__ is never imported: that would import IPython.
_OF_UPLOT = {"uplot.js": "uplot/static/uPlot.iife.js", "uplot.css": "uplot/static/uPlot.min.css"}


class Assets(NamedTuple):
    """The names of a page's styles and scripts, in the order in which they are loaded."""

    styles: tuple
    scripts: tuple


_LAST = ("start.js",)  # it starts the parts that the others have added
_CHARTS = ("uplot.js", "core.js", "series.js", "plot.js", "charts.js")
# Template → what its page loads.
PAGES = {
    "run.html": Assets(("uplot.css", "page.css", "run.css"), (*_CHARTS, "slider.js", "actions.js", *_LAST)),
    "explorer.html": Assets(
        ("page.css", "explorer.css"),
        ("core.js", "actions.js", "points.js", "asking.js", "shelf.js", "explorer.js", *_LAST),
    ),
    "compare.html": Assets(("uplot.css", "page.css", "run.css"), (*_CHARTS, "actions.js", *_LAST)),
    # Pages of mxgan serve.
    "live.html": Assets(
        ("uplot.css", "page.css", "run.css", "live.css"), (*_CHARTS, "slider.js", "actions.js", "live.js", *_LAST)
    ),
    "live_comparison.html": Assets(
        ("uplot.css", "page.css", "run.css", "live.css"), (*_CHARTS, "actions.js", "live.js", *_LAST)
    ),
    "runs.html": Assets(("page.css", "live.css"), ("core.js", "live.js", "list.js", *_LAST)),
    "message.html": Assets(("page.css", "live.css"), ("core.js", *_LAST)),
}


def page_assets(template: str) -> Assets:
    """The styles and scripts of a page."""
    return lookup("page", template, PAGES)


@cache
def asset(name: str) -> str:
    """The text of a style or script.

    Raises
    ------
    ArgumentError : there is none of this name; only plain names are looked up, so that a server can serve them.
    RuntimeUnavailableError : the package uplot-python is not installed, or has no such file.
    """
    if name in _OF_UPLOT:
        return _of_uplot(_OF_UPLOT[name])
    known = {entry.name: entry for entry in resources.files("mxgan.pictures.report").joinpath("assets").iterdir()}
    if name not in known:
        raise ArgumentError(f"unknown style or script {name!r}; known: {', '.join(sorted({*known, *_OF_UPLOT}))}.")
    return known[name].read_text(encoding="utf-8")


def _of_uplot(file: str) -> str:
    try:
        path = Path(str(importlib.metadata.distribution("uplot-python").locate_file(file)))
        return path.read_text(encoding="utf-8")
    except (importlib.metadata.PackageNotFoundError, OSError) as error:
        raise RuntimeUnavailableError(
            f"The charts are drawn by uPlot, and its file {file} cannot be read out of uplot-python's wheel ({error}). "
            "Install it: pip install uplot-python."
        ) from error
