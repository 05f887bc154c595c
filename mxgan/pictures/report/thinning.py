"""Curves with fewer rows: the lowest and highest values of equal parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mxgan.pictures.report.page import embedded

__all__ = ["charts_within", "extremes"]

LEAST_ROWS = 16  # of a curve; with fewer it shows nothing


def extremes(columns: Sequence[list], count: int, most: int) -> list:
    """The indices of the lowest and highest value of every column in each of equal parts of `count` rows.

    Of a part without a value it is the first, so that the gap is seen. The first and the last row are among them. There
    are at most `most` of them, or what one part gives.
    """
    parts = max((most - 2) // (2 * len(columns)), 1)
    width = -(-count // parts)
    kept = {0, count - 1}
    for values in columns:
        column = np.full(-(-count // width) * width, np.nan)
        column[:count] = [np.nan if value is None else value for value in values]
        rows, starts = column.reshape(-1, width), np.arange(0, count, width)
        for fill, find in ((np.inf, np.argmin), (-np.inf, np.argmax)):
            kept.update((starts + find(np.where(np.isnan(rows), fill, rows), axis=1)).tolist())
    return sorted(kept)


def charts_within(charts: Sequence[Mapping], most_bytes: int) -> list:
    """The charts, those with most rows thinned until all take at most so many bytes in a page, or LEAST_ROWS are left.

    A chart whose rows are fewer than before says so in `thinned`. Charts that fit stay as they are.
    """
    found, most = list(charts), max((len(x) for chart in charts for x in _steps(chart)), default=0)
    while (size := len(embedded(found).encode())) > most_bytes and most > LEAST_ROWS:
        most = max(min(int(most * most_bytes / size), most * 9 // 10), LEAST_ROWS)
        found = [_thinned(chart, most) for chart in charts]
    return found


def _steps(chart: Mapping) -> list:
    """The steps of a chart, or those of its series if each has its own."""
    return [each["x"] for each in chart["series"] if "x" in each] or [chart["x"]]


def _thinned(chart: Mapping, most: int) -> dict:
    if all(len(x) <= most for x in _steps(chart)):
        return dict(chart)
    said = f"At most {most:,} values of a curve stand in this page: the lowest and highest of each part."
    if any("x" in each for each in chart["series"]):
        return {**chart, "series": [_of_series(each, most) for each in chart["series"]], "thinned": said}
    kept = extremes([each["values"] for each in chart["series"]], len(chart["x"]), most)
    series = [{**each, "values": [each["values"][index] for index in kept]} for each in chart["series"]]
    return {**chart, "x": [chart["x"][index] for index in kept], "series": series, "thinned": said}


def _of_series(each: Mapping, most: int) -> dict:
    """A series with steps of its own."""
    if len(each["x"]) <= most:
        return dict(each)
    kept = extremes([each["values"]], len(each["x"]), most)
    return {**each, **{name: [each[name][index] for index in kept] for name in ("x", "values")}}
