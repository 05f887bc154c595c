"""The charts of runs as one picture: of one run, or of several, laid over each other."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Optional

from mxgan.errors import ArgumentError, lookup
from mxgan.pictures.figures import COLOURS, Line, Panel, panels_figure
from mxgan.pictures.report.overlay import run_labels

__all__ = ["charts_figure"]

logger = logging.getLogger(__name__)

MOST_PANELS = 40  # of one picture
_OF_RUNS = ("tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown", "tab:pink", "tab:olive")
_STYLES = ("-", "--", "-.", ":")
_OF_MARKS = {"resume": "tab:gray", "rollback": "tab:red", "diagnosis": "tab:orange", "change": "tab:green"}


def charts_figure(
    views: Sequence[Mapping], charts: Optional[Sequence[str]] = None, smooth: int = 1, kind: str = "png"
) -> bytes:
    """A panel for each chart that some run has, as a picture.

    Parameters
    ----------
    views : of `mxgan.runs.view.run_view`. With several, the colour of a curve is that of its run.
    charts : ids of charts, in this order, at most MOST_PANELS; None: all. If there are more, the first ones are drawn,
        and a warning says so.
    smooth, kind : see `mxgan.pictures.figures.panels_figure`.

    Raises ArgumentError for a chart that no run has, for too many, and if there is none.
    """
    known = {chart["id"]: chart for view in reversed(views) for chart in view["charts"]}
    order = list(dict.fromkeys(chart["id"] for view in views for chart in view["charts"]))
    if not order:
        names = ", ".join(run_labels(views))
        raise ArgumentError(f"{names}: the history has no values to draw. Train first, or give another run.")
    for name in charts or ():
        lookup("chart", name, order)
    wanted = list(dict.fromkeys(charts or order))
    if len(wanted) > MOST_PANELS:
        if charts:
            raise ArgumentError(f"{len(wanted)} charts; one picture has at most {MOST_PANELS}. Name fewer (--charts).")
        logger.warning(
            "%d of %d charts are drawn, as many as a picture has; --charts NAME,… draws others: %s.",
            MOST_PANELS, len(wanted), ", ".join(wanted[MOST_PANELS:]),
        )  # fmt: skip
    panels = [_panel(known[name], views) for name in wanted[:MOST_PANELS]]
    return panels_figure(panels, _title(views), kind, smooth)


def _title(views: Sequence[Mapping]) -> str:
    recipe = views[0]["overview"]["recipe"]
    return f"{views[0]['title']}{f' ({recipe})' if recipe else ''}" if len(views) == 1 else ""


def _panel(chart: Mapping, views: Sequence[Mapping]) -> Panel:
    lines, marks = [], []
    for index, (name, view) in enumerate(zip(run_labels(views), views)):
        colour = _OF_RUNS[index % len(_OF_RUNS)] if len(views) > 1 else None
        marks += [(mark["step"], colour or _OF_MARKS[mark["kind"]]) for mark in view["marks"]]
        for found in (each for each in view["charts"] if each["id"] == chart["id"]):
            lines += [_line(found, number, name, colour) for number in range(len(found["series"]))]
    return Panel(chart["title"], lines, chart["unit"], chart["log"], marks)


def _line(chart: Mapping, number: int, run: str, colour: Optional[str]) -> Line:
    """One series of a run's chart; `colour` is that of the run, None if there is one run only."""
    series = chart["series"][number]
    if colour is None:
        return Line(series["label"], chart["x"], series["values"], COLOURS.get(series["label"]))
    label = run if len(chart["series"]) == 1 else f"{run}: {series['label']}"
    return Line(label, chart["x"], series["values"], colour, _STYLES[number % len(_STYLES)])
