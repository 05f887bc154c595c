"""Time to quality: both contenders in parts on the same digits, judged, resumed, and their table and plot."""

from __future__ import annotations

import json

import click
import numpy as np
import pytest

from benchmarks.quality.__main__ import RESULT, THRESHOLDS, _ends, best, compare, minutes_to, table
from benchmarks.quality.contest import Contest, Judge, _images_file, drawn
from benchmarks.quality.plot import draw_courses
from benchmarks.results.peer import STATISTICS

TINY = Contest("digits", size=16, width=2, samples=64, clock="cpu")


def row(who: str, minutes: float, *values: float) -> dict:
    swd = {f"kind {number}": {"value": value} for number, value in enumerate(values)}
    return {"who": who, "until": minutes, "seconds": 60 * minutes + 1.2, "steps": 10, "swd": swd}


ROWS = [row("mxgan", 1, 12.0), row("PyTorch", 1, 30.0, 40.0), row("mxgan", 2, 5.5), row("PyTorch", 2, 20.0, 9.5),
        row("mxgan", 3, 6.5)]  # fmt: skip


def test_the_first_judgement_at_or_below_a_threshold_counts():
    assert minutes_to(ROWS, "mxgan", 12.0) == pytest.approx(1.02)
    assert minutes_to(ROWS, "mxgan", 6.0) == pytest.approx(2.02)
    assert minutes_to(ROWS, "PyTorch", 10.0) == pytest.approx(2.02)
    assert minutes_to(ROWS, "PyTorch", 6.0) is None
    assert best(ROWS[3]) == 9.5


def test_the_table_says_what_was_not_reached():
    text = table({"machine": {"cpu": "a CPU", "cpus": 2}, "rows": ROWS})
    assert text.startswith("a CPU (no instruction sets known); 2 CPUs\n")
    assert "| mxgan | 2.0 | 2.0 | 6.50, 3.0 |" in text
    assert "| PyTorch | 2.0 | not reached | 9.50, 2.0 |" in text


def test_parts_end_evenly_and_at_the_end():
    assert _ends(6, 2) == [2, 4, 6]
    assert _ends(5, 2) == [2, 4, 5]
    assert _ends(1, 2) == [1]


def test_both_train_on_the_same_images(tmp_path):
    images = np.load(_images_file(TINY, tmp_path))
    assert (images.shape, images.dtype) == ((1797, 1, 16, 16), np.uint8)
    assert (images.min(), images.max()) == (0, 255)
    known = {bytes(image) for image in images}
    judge = Judge(TINY)
    judged = np.round((judge._reference.bundle.images + 1) * 127.5).astype(np.uint8)
    assert {bytes(image) for image in judged} <= known
    assert 0 <= judge.swd(judged)["value"] < 0.5  # the same images, rounded to whole pixels
    assert judge.swd(255 - judged)["value"] > 50


def test_the_plot_is_drawn(tmp_path):
    draw_courses(ROWS, THRESHOLDS, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_a_folder_of_other_settings_is_refused(tmp_path):
    (tmp_path / RESULT).write_text(json.dumps({"machine": {}, "contest": TINY.as_dict(), "rows": []}))
    with pytest.raises(click.ClickException, match="has other settings"):
        compare(Contest("digits", size=32, width=2, samples=64), 1, 1, tmp_path)


@pytest.mark.long
def test_parts_in_turn_and_the_same_command_goes_on(tmp_path):
    pytest.importorskip("torch", reason="PyTorch is not installed; setup.py has it in the extra of benchmarks")
    first = compare(TINY, 0.001, 0.001, tmp_path)
    assert [each["who"] for each in first["rows"]] == ["mxgan", "PyTorch"]
    steps = [each["steps"] for each in first["rows"]]
    longest = 2 * max(each["seconds"] for each in first["rows"]) / 60
    found = compare(TINY, longest, longest, tmp_path)
    assert found["rows"][:2] == first["rows"]
    assert [each["who"] for each in found["rows"][2:]] == ["mxgan", "PyTorch"]
    assert all(later["steps"] > earlier for later, earlier in zip(found["rows"][2:], steps))
    assert json.loads((tmp_path / RESULT).read_text()) == found
    assert compare(TINY, longest, longest, tmp_path) == found
    for who, kinds in (("mxgan", ("ema",)), ("PyTorch", STATISTICS)):
        images = drawn(TINY, who, tmp_path)
        assert tuple(images) == kinds
        assert {(each.shape, each.dtype) for each in images.values()} == {((64, 1, 16, 16), np.dtype(np.uint8))}
        assert tuple(found["rows"][-1 if who == "PyTorch" else -2]["swd"]) == kinds


@pytest.mark.parametrize("minutes, every", [(2, 0.5), (1.5, 1)])
def test_ends_that_a_training_has_passed_are_refused(minutes, every, tmp_path):
    told = {"machine": {}, "contest": TINY.as_dict(), "rows": ROWS}
    (tmp_path / RESULT).write_text(json.dumps(told))
    with pytest.raises(click.ClickException, match="mxgan is at minute 3 and was not judged at (0.5, 1)?1?.5; give"):
        compare(TINY, minutes, every, tmp_path)
    assert json.loads((tmp_path / RESULT).read_text()) == told
