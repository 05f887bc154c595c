"""The crash test, short: a training killed six times, inside saves too, ends in the bits of an undisturbed one."""

import json

import pytest

from tests.crash import EVERY, Crash, draw_aims
from tests.tiny_run import checkpoint_faults, differences, history, tiny_flags


@pytest.mark.long
def test_a_training_that_is_killed_again_and_again_is_the_same_training(tmp_path):
    aims = draw_aims(6, seed=2)
    assert {aim.kind for aim in aims} == {"startup", "training", "save", "any time"}
    figures = Crash(tmp_path, tiny_flags(100, **EVERY), aims).run(jobs=2)
    assert figures.problems == []
    assert sum(figures.kills.values()) == 6
    assert figures.resumes >= 1
    assert figures.files_compared >= 2 * 20


def test_what_a_kill_may_not_leave_is_seen(tmp_path):
    """The test's own eyes: each kind of damage in a folder made by hand."""
    import hashlib

    folder = tmp_path / "checkpoints" / "000005"
    folder.mkdir(parents=True)
    assert checkpoint_faults(tmp_path)[0] == 5
    (folder / "a.params").write_bytes(b"weights")
    sums = {"a.params": hashlib.sha256(b"weights").hexdigest()}
    (folder / "state.json").write_text(json.dumps({"sha256": sums}))
    assert checkpoint_faults(tmp_path) == (5, [])
    (folder / "a.params").write_bytes(b"weightz")
    assert checkpoint_faults(tmp_path)[1] == [f"{folder} is not what its state.json says"]
    (folder / "state.json").write_text('{"sha')
    assert "is not whole" in checkpoint_faults(tmp_path)[1][0]
    assert differences({"a": b"1", "b": b"2"}, {"a": b"1", "b": b"3", "c": b"4"}) == ["b", "c"]


@pytest.mark.parametrize("text, steps", [("", []), ('{"step": 2}\n', [2]), ('{"step": 2}\n{"step": 4}\n{"ste', [2, 4])])
def test_history_is_read_up_to_the_line_that_was_cut_short(tmp_path, text, steps):
    (tmp_path / "history.jsonl").write_text(text)
    assert [line["step"] for line in history(tmp_path)] == steps
