"""Files of JSON lines: half-written, broken, huge and hostile ones."""

from __future__ import annotations

import json
import os
import time

import pytest

from mxgan.pictures.report.lines import last_rows, read_lines, rows_by_step


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history.jsonl"


def test_a_missing_and_an_empty_file(path):
    assert read_lines(path) == ([], [])
    path.touch()
    assert read_lines(path) == ([], [])


def test_a_last_line_that_is_half_written_is_left_out_until_it_is_whole(path):
    path.write_text('{"step": 1}\n{"step": 2, "lo')
    assert read_lines(path) == ([{"step": 1}], [])
    path.write_text('{"step": 1}\n{"step": 2}')
    assert read_lines(path) == ([{"step": 1}, {"step": 2}], [])


def test_lines_that_are_no_objects_are_counted(path):
    path.write_bytes(b'{"step": 1}\nnonsense\n[1]\n\xff\xfe\n{"step": 2}\n')
    assert read_lines(path) == (
        [{"step": 1}, {"step": 2}],
        ["history.jsonl has 3 lines that cannot be read as a JSON object."],
    )


@pytest.mark.parametrize(
    "line",
    ["[" * 100_000, '{"a":' * 100_000, '{"step": ' + "9" * 5000 + "}", '"' + "x" * (2 << 20) + '"'],
    ids=["deep list", "deep object", "long number", "long line"],
)
def test_a_hostile_line_is_left_out_at_once(path, line):
    path.write_text(f'{{"step": 1}}\n{line}\n{{"step": 3}}\n')
    began = time.monotonic()
    rows, problems = read_lines(path)
    assert ([row["step"] for row in rows], problems) == (
        [1, 3],
        ["history.jsonl has 1 line that cannot be read as a JSON object."],
    )
    assert time.monotonic() - began < 2


def test_values_that_json_does_not_have_are_none(path):
    path.write_text('{"step": 1, "a": NaN, "b": -Infinity, "c": 1e999}\n')
    (row,) = read_lines(path).rows
    assert (row["a"], row["b"]) == (None, None)


def test_numbers_are_those_of_the_file_to_the_last_digit(path):
    values = [0.1, 1 / 3, 5e-324, 1.7976931348623157e308, 123456789012345678, -0.0]
    path.write_text("".join(json.dumps({"step": step, "a": value}) + "\n" for step, value in enumerate(values)))
    assert [repr(row["a"]) for row in read_lines(path).rows] == list(map(repr, values))


def test_of_a_file_of_a_gigabyte_the_end_is_read(path):
    with path.open("wb") as file:
        file.write(b'{"step": 1}\n')
        file.truncate(1 << 30)  # a hole: one line of zeros
        file.seek(0, os.SEEK_END)
        file.write(b'\n{"step": 2}\n')
    began = time.monotonic()
    rows, problems = read_lines(path)
    assert (rows, problems) == (
        [{"step": 2}],
        ["history.jsonl is longer than 200,000 lines, or 32 MB; only its end is shown."],
    )
    assert last_rows(path) == [{"step": 2}]
    assert time.monotonic() - began < 2


def test_of_millions_of_short_lines_the_last_are_read(path):
    path.write_bytes(b"{}\n" * 5_000_000 + b'{"step": 5}\n')
    began = time.process_time()
    rows, problems = read_lines(path)
    assert (len(rows), rows[-1]) == (199_999, {"step": 5})
    assert problems == ["history.jsonl is longer than 200,000 lines, or 32 MB; only its end is shown."]
    assert time.process_time() - began < 5


def test_a_last_row_longer_than_the_tail_is_found(path):
    path.write_text(json.dumps({"step": 7, "note": "x" * 100_000}) + "\n")
    assert [row["step"] for row in last_rows(path)] == [7]


@pytest.mark.parametrize("kind", ["link", "folder", "pipe"])
def test_what_is_no_plain_file_is_not_opened(path, tmp_path, kind):
    (tmp_path / "secret").write_text('{"step": 1}\n')
    {"link": lambda: path.symlink_to("secret"), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}[kind]()
    rows, (problem,) = read_lines(path)
    assert rows == []
    assert problem.startswith("history.jsonl cannot be read: ")


def test_the_last_row_of_a_step_counts_after_a_rollback():
    rows = [
        {"step": 1, "a": 1},
        {"step": 2, "a": 2},
        {"step": 3, "a": 3},
        {"step": 2, "a": 4},
        {"step": "x"},
        {"step": True},
    ]
    assert [(row["step"], row["a"]) for row in rows_by_step(rows)] == [(1, 1), (2, 4), (3, 3)]
