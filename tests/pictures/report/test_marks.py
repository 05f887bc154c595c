"""The marks of a run's charts."""

from __future__ import annotations

import pytest

from mxgan.pictures.report.marks import changes_in, marks

DIAGNOSIS = {"name": "mode_collapse", "evidence": "for 100 steps the images are alike", "remedy": "Lower the rate."}
ROLLBACK = {
    "from_step": 30, "to_step": 20, "cause": "a gradient is not finite", "network": "generator", "layer": "g1_weight",
    "learning_rate_scale": 0.5,
}  # fmt: skip


def test_every_kind_in_the_order_of_the_steps():
    history = [{"step": 10, "diagnoses": [DIAGNOSIS]}, {"step": 40, "rollbacks": [ROLLBACK]}]
    events = [
        {"event": "begin", "step": 0},
        {"event": "end", "step": 25, "how": "stopped", "reason": "SIGINT"},
        {"event": "begin", "step": 25},
    ]
    changes = [{"step": 25, "settings": {"recipe.ema": [None, 0.99], "steps": [50, 90]}}]
    assert marks(history, events, changes) == [
        {
            "step": 10,
            "kind": "diagnosis",
            "text": "Mode collapse: for 100 steps the images are alike. Lower the rate.",
        },
        {"step": 25, "kind": "resume", "text": "Resumed at step 25; it had been stopped (SIGINT) before."},
        {"step": 25, "kind": "change", "text": "Settings changed: recipe.ema none → 0.99; steps 50 → 90."},
        {
            "step": 30,
            "kind": "rollback",
            "text": "Rolled back to step 20: a gradient is not finite (generator g1_weight). From there on with 0.5 "
            "times the learning rates.",
        },
    ]


def test_a_begin_after_a_process_that_died_and_the_first_begin():
    begins = [{"event": "begin", "step": 0}, {"event": "begin", "step": 0}, {"event": "begin", "step": 8}]
    assert [mark["text"] for mark in marks([], begins, None)] == [
        "Started again at step 0; the process before it had died.",
        "Resumed at step 8; the process before it had died.",
    ]
    assert marks([], begins[:1], None) == []
    assert [mark["step"] for mark in marks([], begins[2:], None)] == [8]  # resumed by the first version with events


@pytest.mark.parametrize("bad", [None, 1, "text", [1], [None], {"a": 1}, [[]], [{"step": "x", "settings": [1]}]])
def test_entries_of_other_types_are_left_out(bad):
    history = [{"step": 1, "diagnoses": bad, "rollbacks": bad}]
    assert all(isinstance(mark["step"], int) and mark["text"] for mark in marks(history, [{"event": bad}], bad))


def test_texts_and_their_number_are_bounded():
    long = {**DIAGNOSIS, "evidence": "x" * 10**6}
    history = [{"step": step, "diagnoses": [long]} for step in range(1000)]
    found = marks(history, [], None)
    assert [mark["step"] for mark in found] == list(range(500, 1000))  # the newest
    assert [mark["text"].endswith(" 500 earlier marks are not shown.") for mark in found] == [True] + [False] * 499
    assert max(len(mark["text"]) for mark in found) < 2000


def test_of_many_changes_the_newest_are_there_and_what_is_left_out_is_counted():
    entries = [{"step": step, "settings": {f"s{index}": [0, 1] for index in range(23)}} for step in range(300)]
    assert [each["step"] for each in changes_in(entries)] == list(range(100, 300))
    found = marks([], [], entries)
    assert [mark["step"] for mark in found] == list(range(100, 300))
    assert found[-1]["text"].endswith("; s19 0 → 1; and 3 more.")
