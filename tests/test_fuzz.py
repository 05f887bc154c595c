"""A short run of tests/fuzz, and that it would notice what it is there to notice."""

from __future__ import annotations

import os
from pathlib import Path
from random import Random

import pytest

from mxgan.errors import CorruptFileError
from tests.fuzz import kinds, worker
from tests.fuzz.byte_breakers import MARKER, Payload, break_bytes
from tests.fuzz.driver import Tally, numbered_cases, run, table
from tests.fuzz.kinds import KINDS


@pytest.mark.long
def test_broken_files_of_every_kind_are_refused_by_name():
    shares = {name: row.share for name, row in KINDS.items()}
    tallies = run(numbered_cases(150, shares), shares)
    faults = [fault for tally in tallies.values() for fault in tally.faults]
    assert not faults, table(tallies)
    assert all(tally.cases for tally in tallies.values())
    assert sum(sum(tally.refusals.values()) for tally in tallies.values()) > 50


def test_shares():
    cases = list(numbered_cases(100, {"a": 3, "b": 1}))
    assert cases[:2] == [("a", 0), ("a", 1)]
    assert [sum(kind == name for kind, _ in cases) for name in "ab"] == [75, 25]


def refuse(folder):
    raise CorruptFileError(folder / "x", "is broken")


def crash(folder):
    raise KeyError("step")


def lack_memory(folder):
    try:
        raise MemoryError
    except MemoryError as error:
        raise CorruptFileError(folder / "x", "is too large") from error


def take_memory(folder):
    bytearray(8 * worker.ROOM)  # what the process has freed before may hold a little more than ROOM


def unpickle(folder):
    open_file, arguments = Payload().__reduce__()
    open_file(*arguments).close()


def write_outside(folder):
    (folder / ".." / "outside" / "victim").write_text("x")


def lose(folder):
    (folder / "a").unlink()
    refuse(folder)


@pytest.mark.long
@pytest.mark.parametrize(
    "use, outcome, message",
    [
        (lambda folder: None, "loaded", ""),
        (refuse, "refused", "CASE/x: is broken."),
        (crash, "fault", "KeyError: 'step'"),
        (lack_memory, "fault", "asks for more memory than it may have: MemoryError"),
        (take_memory, "fault", "asks for more memory than it may have: MemoryError"),
        (unpickle, "fault", "code was run from the file"),
        (write_outside, "fault", "outside the folder, changed: victim"),
        (lose, "fault", "refused, but lost or changed: a"),
    ],
)
def test_what_a_case_ends_in(tmp_path, monkeypatch, use, outcome, message):
    for name in ("good/x/a", "good/params/gen.params"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text("content")
    monkeypatch.setitem(KINDS, "test", kinds.Kind("x", (lambda *_: "not at all",), use))
    before = os.getcwd()
    try:
        answer = worker.run_case(tmp_path, "test", 0, 0)
    finally:
        os.chdir(before)
    assert (answer["outcome"], answer["how"]) == (outcome, "not at all")
    assert answer["message"].startswith(message)
    assert not Path(before, MARKER).exists()


def test_every_case_is_a_function_of_its_number():
    data = bytes(range(256)) * 4
    outcomes = [break_bytes(Random(f"0 x {case}"), data, data) for case in range(50)]
    assert outcomes == [break_bytes(Random(f"0 x {case}"), data, data) for case in range(50)]
    assert len({content for content, _ in outcomes}) > 40


def test_the_table_counts():
    tally = Tally()
    tally.count(0, {"outcome": "refused", "message": "CASE/x, byte 7: is broken."})
    tally.count(1, {"outcome": "refused", "message": "CASE/y, byte 12: is broken."})
    tally.count(2, {"outcome": "fault", "message": "KeyError", "how": "truncate x"})
    text = table({"params": tally})
    assert "2 × … byte N: is broken." in text
    assert "FAULT --kind params --case 2: KeyError (truncate x)" in text
