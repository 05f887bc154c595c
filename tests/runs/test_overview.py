"""`overview`: the state of real trainings, and one row of every folder, whatever is in it."""

from __future__ import annotations

import json
import os
import socket
import time

import pytest

import mxgan
from mxgan.errors import DivergedError
from mxgan.runs.events import process_identity
from mxgan.runs.overview import find_runs, overview, overviews
from mxgan.runs.view import run_view
from tests.made_run import made_evaluation, made_run, row, write_lines
from tests.support import Spoil, StopAt, tiny_config
from tests.tiny_run import Training, tiny_flags


class Look(mxgan.Callback):
    """Keeps the overview of its run as it is in the middle of a training."""

    def __init__(self, folder):
        self.folder, self.seen = folder, None

    def on_step_end(self, trainer, batch, result):
        if trainer.step == 10:
            self.seen = overview(self.folder)


def test_a_training_that_is_stopped_continued_and_finished(tmp_path):
    folder = tmp_path / "run"
    look = Look(folder)
    mxgan.start(tiny_config(steps=16), folder, "none", callbacks=[look, StopAt(13)]).run()
    during, stopped = look.seen, overview(folder)
    assert (during.state, during.step, during.last_step) == ("training", 8, 16)  # the last line of the history
    assert during.eta_seconds >= 0  # rounded: a fast machine needs less than a tenth of a second
    assert (stopped.state, stopped.reason, stopped.step, stopped.eta_seconds) == ("stopped", "test", 13, None)
    mxgan.resume(folder, display="none").run()
    finished = overview(folder)
    assert (finished.state, finished.step, finished.last_step, finished.problems) == ("finished", 16, 16, [])
    assert (finished.recipe, finished.dataset, finished.name) == ("dcgan", "digits", "run")
    assert finished.latest_picture == "samples/gout-000016.png"
    assert finished.size_bytes == sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert finished.images_per_second > 0
    assert abs(finished.changed - time.time()) < 60
    json.dumps(finished.as_dict(), allow_nan=False)


def test_a_training_that_fails_says_why(tmp_path):
    folder = tmp_path / "run"
    with pytest.raises(DivergedError):
        mxgan.start(tiny_config(steps=6), folder, "none", callbacks=[Spoil("generator", "g1_weight", 2)]).run()
    found = overview(folder)
    assert (found.state, found.reason[:35]) == ("failed", "DivergedError: training has diverge")


def lines_in(path):
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.long
def test_a_process_that_is_killed_was_training_and_has_died(tmp_path):
    training = Training(tmp_path / "run", tiny_flags(100_000, log_every=1, sample_every=100_000))
    try:
        assert training.wait_until(lambda: lines_in(training.folder / "history.jsonl") > 2)
        assert overview(training.folder).state == "training"
    finally:
        training.kill()
    found = overview(training.folder)
    assert found.state == "died"
    assert str(training.process.pid) in found.reason
    assert found.step > 2
    assert found.eta_seconds is None


@pytest.mark.parametrize("history, saved, found", [(40, 80, (80, 1)), (80, 40, (80, 1)), (10, 50, (50, 0))])
def test_a_checkpoint_may_be_newer_than_the_last_line_of_the_history(tmp_path, history, saved, found):
    run = made_run(tmp_path / "run", history=[row(history)], events=[begin(began="another boot")], saved=saved)
    seen = overview(run)
    assert (seen.state, (seen.step, seen.epoch)) == ("training", found)


def begin(**others):
    return {"event": "begin", "time": time.time() - 50, "step": 0, "last_step": 100, "pid": 1, "host": "", **others}


@pytest.mark.parametrize(
    "events, state",
    [
        ([], "died"),
        ([begin(**process_identity(os.getpid()))], "training"),
        ([begin(**{**process_identity(os.getpid()), "began": "another boot 12"})], "died"),
        ([begin(host="elsewhere", began="x 1")], "training"),
        ([begin(host=socket.gethostname(), began=None)], "training"),  # a system without /proc
        ([begin(), {"event": "end", "step": 100, "how": "finished"}], "finished"),
        ([begin(), {"event": "end", "step": 50, "how": "stopped", "reason": "SIGINT"}], "stopped"),
        ([begin(), {"event": "end", "step": 50, "how": "failed", "reason": "OSError"}], "failed"),
        ([begin(), {"event": "end", "step": 50, "how": "in a new way"}], "died"),
        ([{"event": "end", "step": 50, "how": "stopped"}, begin(pid="1", began=7)], "training"),
        ([{"event": "unknown"}], "died"),
        ([begin(**process_identity(os.getpid())), {"event": "note"}], "training"),
    ],
)
def test_the_last_event_decides(tmp_path, events, state):
    run = made_run(tmp_path / "run", history=[row(50)], events=events)
    assert overview(run).state == state


def test_a_run_on_another_host_that_has_written_nothing_for_long_has_died(tmp_path):
    run = made_run(tmp_path / "run", history=[row(50)], events=[begin(host="elsewhere", began="x 1")])
    for name in ("config.json", "history.jsonl", "events.jsonl"):
        os.utime(run / name, (time.time() - 1000,) * 2)
    found = overview(run)
    assert (found.state, found.reason) == (
        "died",
        "no end is recorded, and elsewhere has written nothing for 17 minutes",
    )


@pytest.mark.parametrize(
    "step, saved, epochs, state",
    [(100, 100, None, "finished"), (50, 50, None, "stopped"), (50, 40, None, "died"), (0, 0, None, "new"),
     (112, 112, 2, "finished"), (0, 100, None, "finished")],
)  # fmt: skip
def test_runs_of_before_there_were_events(tmp_path, step, saved, epochs, state):
    config = tiny_config(steps=None, epochs=epochs) if epochs else None
    run = made_run(tmp_path / "run", history=[row(step)] if step else None, saved=saved, config=config)
    found = overview(run)
    assert (found.state, found.step) == (state, step or saved)


def test_the_time_left_counts_all_steps_since_the_training_began(tmp_path):
    events = [begin(time=time.time() - 100, step=20, **process_identity(os.getpid()))]
    found = overview(made_run(tmp_path / "run", history=[row(10), row(60)], events=events))
    assert found.eta_seconds == pytest.approx(100, abs=5)  # 40 steps in 100 seconds, 40 are left
    assert overview(made_run(tmp_path / "new", history=[row(20)], events=events)).eta_seconds is None


def scores(*values, **more):
    return [{"step": 10 * (1 + index), **more, **value} for index, value in enumerate(values)]


@pytest.mark.parametrize(
    "rows, keep_best, expected",
    [
        ([], None, None),
        (scores({"swd": 3.0}, {"swd": 2.0}, {"swd": 4.0}), None, ("swd", 2.0, 20, "min")),
        (scores({"swd": 3.0, "frechet": 9.0}, {"frechet": 8.0}), None, ("frechet", 8.0, 20, "min")),
        (scores({"frechet": 1.0, "ema_frechet": 5.0}), None, ("ema_frechet", 5.0, 10, "min")),
        (scores({"test_accuracy": 0.5}, {"test_accuracy": 0.9}), None, ("test_accuracy", 0.9, 20, "max")),
        (scores({"swd": 3.0, "ms_ssim": 0.5}, {"ms_ssim": 0.7}), "ms_ssim:max", ("ms_ssim", 0.7, 20, "max")),
        (scores({"frechet": None, "swd": 3.0}, {"frechet": "1"}, {"frechet": True}), None, ("swd", 3.0, 10, "min")),
        ([*scores({"swd": 1.0}, {"swd": 3.0}), {"step": 10, "swd": 5.0}], None, ("swd", 3.0, 20, "min")),
    ],
)
def test_the_best_score(tmp_path, rows, keep_best, expected):
    run = made_run(tmp_path / "run", evaluation=rows, config=tiny_config(steps=100, keep_best=keep_best))
    best = overview(run).best
    assert (best and tuple(best[key] for key in ("metric", "value", "step", "better"))) == expected


def test_a_score_of_mxgan_evaluate_counts_where_the_training_has_none(tmp_path):
    run = made_run(tmp_path / "run")
    made_evaluation(run, "000100.json")
    expected = {"metric": "frechet", "value": 12.5, "step": 100, "better": "min", "source": "evaluation/000100.json"}
    assert overview(run).best == expected
    made_evaluation(run, "000100-ema.json", weights="average")
    assert overview(run).best["metric"] == "ema_frechet"
    write_lines(run / "evaluation.jsonl", scores({"frechet": 20.0}))
    assert overview(run).best["metric"] == "ema_frechet"  # the average is what a run is judged by
    write_lines(run / "evaluation.jsonl", scores({"ema_frechet": 20.0}))
    assert overview(run).best["value"] == 20.0


def test_only_scores_that_can_be_compared_make_the_best_one(tmp_path):
    """A hundred samples give another distance than ten thousand, and so does another classifier."""
    run = made_run(tmp_path / "run")
    for name, value, protocol in (
        ("000100-100.json", 3.0, {"samples": 100}),
        ("000100.json", 12.5, {}),
        ("000080.json", 11.5, {"checkpoint": 80}),
        ("000090-0a1b2c3d.json", 5.0, {"checkpoint": 90, "classifier": "another"}),
    ):
        made_evaluation(run, name, value, **protocol)
    best = overview(run).best
    assert (best["value"], best["step"]) == (11.5, 80)
    rows = [
        {"step": step, "frechet": value, "swd": value, "samples": 1000, "classifier": {"fingerprint": name}}
        for step, value, name in ((10, 1.0, "old"), (20, 4.0, "new"), (30, 6.0, "new"))
    ]
    write_lines(run / "evaluation.jsonl", rows)
    assert overview(run).best["value"] == 4.0
    for each in rows:
        del each["frechet"]
    write_lines(run / "evaluation.jsonl", rows)
    for path in (run / "evaluation").iterdir():
        path.unlink()
    assert overview(run).best["value"] == 1.0  # no classifier looks at it for the sliced Wasserstein distance


def test_a_recipe_of_ones_own_has_no_published_name(tmp_path):
    run = made_run(tmp_path / "run")
    record = json.loads((run / "config.json").read_text())
    record["run"]["recipe"]["summary"] = "mine"
    (run / "config.json").write_text(json.dumps(record))
    assert overview(run).recipe is None


DEEP = '{"run": ' + '{"a": ' * 900 + "1" + "}" * 901  # JSON can be read so deep; who walks it runs out of stack


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"run": []}', "[" * 100_000, "x" * (17 << 20), DEEP])
def test_a_folder_whose_config_cannot_be_read_says_so(tmp_path, content):
    run = made_run(tmp_path / "run", history=[row(50)], pictures=("gout-000050.png",))
    (run / "config.json").unlink()
    if content is not None:
        (run / "config.json").write_text(content)
    found = overview(run)
    assert (found.state, found.step, found.latest_picture) == ("unreadable", 50, "samples/gout-000050.png")
    assert found.problems[0].startswith("config.json ")
    assert overviews(tmp_path) == [found]
    assert run_view(run)["problems"][0].startswith("config.json ")


def test_no_link_is_followed_and_no_picture_of_it_shown(tmp_path):
    other = made_run(tmp_path / "other", history=[row(99)], pictures=("gout-000099.png",))
    run = made_run(tmp_path / "runs" / "run")
    (run / "history.jsonl").symlink_to(other / "history.jsonl")
    (run / "samples").rmdir()
    (run / "samples").symlink_to(other / "samples")
    (tmp_path / "runs" / "linked").symlink_to(other)
    (found,) = overviews(tmp_path / "runs")
    assert (found.name, found.step, found.latest_picture) == ("run", 0, None)
    (run / "config.json").unlink()
    (run / "config.json").symlink_to(other / "config.json")
    (problem,) = overview(run).problems
    assert "it is a link" in problem


def test_the_run_folder_itself_may_be_a_link(tmp_path):
    made_run(tmp_path / "run", history=[row(50)])
    (tmp_path / "link").symlink_to("run")
    assert overview(tmp_path / "link").step == 50


def test_runs_are_found_in_a_folder_one_level_below_and_where_they_are(tmp_path):
    for name in ("a", "sweep/b", "sweep/deeper/c", ".hidden"):
        made_run(tmp_path / name)
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes.txt").write_text("no run")
    assert find_runs(tmp_path) == [tmp_path / "a", tmp_path / "sweep" / "b"]
    assert find_runs(tmp_path / "a") == [tmp_path / "a"]
    assert find_runs(tmp_path / "nothing") == []


def test_an_overview_reads_the_end_of_the_history_alone(tmp_path):
    run = made_run(tmp_path / "run", history=[row(step) for step in range(1, 10_001)])
    with (run / "history.jsonl").open("r+b") as file:
        file.write(b"x" * 1_000_000)  # a reader of the beginning would meet no JSON there
    overview(run)
    began = time.process_time()
    found = [overview(run) for _ in range(20)]
    assert found[0].step == 10_000
    assert (time.process_time() - began) / 20 < 0.02


def test_a_folder_that_vanishes_and_one_that_is_a_file(tmp_path):
    assert overview(tmp_path / "gone").problems == ["the folder does not exist."]
    (tmp_path / "file").write_text("x")
    assert overview(tmp_path / "file").state == "unreadable"
