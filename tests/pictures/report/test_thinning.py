"""Curves that would make a page too large keep the lowest and highest values of equal parts."""

from __future__ import annotations

import math

from mxgan.pictures.report.page import embedded
from mxgan.pictures.report.thinning import charts_within

ROWS = 4000


def chart(rows: int = ROWS, **more) -> dict:
    x = list(range(1, rows + 1))
    values = [math.sin(step / 50) for step in x]
    values[rows // 3] = 100.0
    return {"id": "a", "x": x, "series": [{"name": "a", "label": "a", "values": values}], "thinned": "", **more}


def own_steps(rows: int) -> dict:
    """A chart of two runs, whose series have steps of their own."""
    charts = [chart(rows), chart(rows // 40)]
    return {**charts[0], "x": [], "series": [{**each["series"][0], "x": each["x"]} for each in charts]}


def size(charts: list) -> int:
    return len(embedded(charts).encode())


def test_charts_that_fit_stay_as_they_are():
    charts = [chart(), own_steps(ROWS)]
    assert charts_within(charts, size(charts)) == charts
    assert charts_within([], 10) == []


def test_charts_that_do_not_fit_keep_their_extremes_and_say_so():
    charts = [chart() for _ in range(8)] + [chart(50)]
    found = charts_within(charts, size(charts) // 10)
    assert size(charts) // 20 < size(found) <= size(charts) // 10
    assert found[-1] == charts[-1], "a short one stays"
    for each in found[:-1]:
        values = each["series"][0]["values"]
        assert (each["x"][0], each["x"][-1], max(values), min(values) < -0.999) == (1, ROWS, 100.0, True)
        assert values == [charts[0]["series"][0]["values"][step - 1] for step in each["x"]]
        assert "the lowest and highest of each part" in each["thinned"]


def test_series_with_steps_of_their_own_are_thinned_each_for_itself():
    (found,) = charts_within([own_steps(ROWS)], size([own_steps(ROWS)]) // 4)
    long, short = found["series"]
    assert len(short["x"]) == len(short["values"]) == 100
    assert len(long["x"]) == len(long["values"]) < ROWS // 3
    assert max(long["values"]) == 100.0


def test_a_room_that_is_too_small_for_anything_ends():
    (found,) = charts_within([chart()], 1)
    assert 3 <= len(found["x"]) <= 20
