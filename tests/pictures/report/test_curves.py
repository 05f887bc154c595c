"""The charts of a run: their values are those of its files, whatever is in them."""

from __future__ import annotations

import json
import math
import time

import pytest

from mxgan.pictures.report.curves import CURVES, curves
from tests.made_run import row


def chart_of(charts, key):
    return next(chart for chart in charts if chart["id"] == key)


def test_the_values_are_those_of_the_history():
    rows = [row(step) for step in range(10, 4010, 10)]
    losses = chart_of(curves(rows), "losses")
    assert losses["x"] == [each["step"] for each in rows]
    assert [(each["name"], each["label"]) for each in losses["series"]] == [("loss_g", "G"), ("loss_d", "D")]
    for series in losses["series"]:
        assert series["values"] == [each[series["name"]] for each in rows]
    assert losses["thinned"] == ""


def test_every_group_of_the_table_and_every_other_number_has_a_chart():
    listed = {name: 1.5 for curve in CURVES.values() for name in curve.labels}
    charts = curves([row(1, **listed, own_metric=3, flag=True, note="text", diagnoses=[])])
    assert [chart["id"] for chart in charts] == [*CURVES, "own_metric"]
    assert chart_of(charts, "own_metric")["title"] == "Own metric"
    assert all(set(chart) == set(charts[0]) for chart in charts)


def test_a_chart_has_only_the_steps_at_which_it_was_measured_and_a_gap_for_null():
    rows = [row(1), row(2, penalty=0.5), row(3, penalty=None), row(4, penalty=0.25), row(5)]
    penalty = chart_of(curves(rows), "penalty")
    assert (penalty["x"], penalty["series"][0]["values"]) == ([2, 3, 4], [0.5, None, 0.25])


def test_what_is_never_a_number_has_no_chart():
    bad = [True, "1", [1], None, float("inf"), float("nan"), {"a": 1}]
    assert [chart["id"] for chart in curves([{"step": step, "a": each} for step, each in enumerate(bad)])] == []
    assert curves([]) == []


def test_a_metric_and_that_of_the_average_are_one_chart():
    rows = [{"step": 8, "swd": 3.0, "ema_swd": 2.0, "samples": 1000}, {"step": 16, "swd": 2.5, "ema_swd": None}]
    about = {"swd": {"title": "A distance", "better": "min", "unit": "×10³", "summary": "the distance"}}
    (chart,) = curves([], rows, about)
    assert (chart["id"], chart["title"], chart["unit"]) == ("swd", "A distance", "×10³")
    assert chart["summary"] == "the distance. Lower is better."
    assert [(each["name"], each["values"]) for each in chart["series"]] == [
        ("swd", [3.0, 2.5]),
        ("ema_swd", [2.0, None]),
    ]


def test_a_long_history_keeps_the_extremes_of_every_part(monkeypatch):
    monkeypatch.setattr("mxgan.pictures.report.curves.MOST_ROWS", 40)
    rows = [row(step, loss_g=math.sin(step / 5), loss_d=None if 200 < step < 600 else 1.0) for step in range(1000)]
    rows[543]["loss_g"], rows[777]["loss_g"] = 99.0, -99.0
    losses = chart_of(curves(rows), "losses")
    kept = dict(zip(losses["x"], losses["series"][0]["values"]))
    assert len(losses["x"]) <= 40
    assert (kept[543], kept[777], kept[0]) == (99.0, -99.0, 0.0)
    assert 999 in kept
    assert kept == {step: rows[step]["loss_g"] for step in kept}
    assert all(None in chart["values"] for chart in losses["series"][1:])  # the gap is seen
    assert losses["thinned"].startswith(f"{len(kept):,} of 1,000 values")


def test_at_four_thousand_rows_none_is_left_out():
    assert len(chart_of(curves([row(step) for step in range(4000)]), "losses")["x"]) == 4000
    assert len(chart_of(curves([row(step) for step in range(4001)]), "losses")["x"]) < 4000


@pytest.mark.parametrize("name", ["losses", "<script>alert(1)</script>", "a b", "é", "", "x" * 100, "__proto__"])
def test_ids_are_plain_and_each_is_there_once(name):
    charts = curves([row(1, **{name: 2.0})], [{"step": 1, name: 3.0, "a b": 1.0}])
    ids = [chart["id"] for chart in charts]
    assert len(set(ids)) == len(ids)
    assert all((each.replace("-", "").replace("_", "").isalnum() and each.isascii()) or each == "-" for each in ids)


def test_names_in_any_number_and_length_end_at_a_bound():
    many = row(1, **{f"metric{number}": 1.0 for number in range(50_000)}, **{"y" * 5000: 1.0, "new\nline": 2.0})
    began = time.process_time()
    charts = curves([{**many, "step": step} for step in range(20)])
    assert time.process_time() - began < 1
    assert len(charts) == 100
    assert len(json.dumps(charts)) < 100_000
