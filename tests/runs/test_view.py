"""`run_view`: everything that a page shows of a run, equal to its files, and safe whatever is in them."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import pytest

import mxgan
from mxgan.runs.comparison import compare
from mxgan.runs.view import run_view
from tests.made_run import DATA, VERSIONS, made_evaluation, made_run, row
from tests.support import StopAt, tiny_config

KEYS = {
    "overview", "title", "charts", "marks", "pictures", "scores", "recipe", "settings", "run_settings", "configuration",
    "changes", "environment", "data", "origin", "command", "commands", "nearest", "problems",
}  # fmt: skip


def test_a_real_run(tmp_path):
    folder = tmp_path / "run"
    config = tiny_config(steps=16)
    mxgan.start(config, folder, "none", callbacks=[StopAt(8)]).run()
    mxgan.resume(folder, display="none").run()
    view = run_view(folder)
    history = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    assert view.keys() == KEYS
    for chart in view["charts"]:
        assert chart["x"] == [each["step"] for each in history]
        for series in chart["series"]:
            assert series["values"] == [each[series["name"]] for each in history]
    assert [mark["text"] for mark in view["marks"]] == ["Resumed at step 8; it had been stopped (test) before."]
    assert [(each["title"], [frame["step"] for frame in each["frames"]]) for each in view["pictures"]] == [
        ("gout", [8, 16]), ("diff", [8, 16]), ("data", [8, 16])
    ]  # fmt: skip
    for picture in view["pictures"]:
        for frame in picture["frames"]:
            assert (folder / frame["file"]).is_file()
            assert frame["alt"].endswith(str(frame["step"])) or str(frame["step"]) in frame["alt"]
    assert {each["name"]: each["run"] for each in view["settings"]} == {
        "batch_size": 32, "network.image_size": 16, "network.latent_size": 10, "network.ndf": 4, "network.ngf": 4,
    }  # fmt: skip
    assert {each["name"]: each["value"] for each in view["run_settings"]}["steps"] == 16
    assert {each["name"]: each["value"] for each in view["environment"]}["mxgan"] == mxgan.__version__
    assert (view["data"]["name"], len(view["data"]["classes"])) == ("digits", 10)
    assert view["commands"]["resume"] == f"mxgan train --resume {folder}"
    assert view["problems"] == []
    json.dumps(view, allow_nan=False)


def test_scores_have_their_protocol(tmp_path):
    evaluation = [
        {"step": 50, "swd": 3.0, "frechet": 9.0, "samples": 1000, "classifier": {"fingerprint": "abc", "steps": 3}},
        {"step": 100, "swd": 2.0, "ema_swd": 1.5, "frechet": None, "samples": 1000, "unknown": 1.0},
    ]
    run = made_run(tmp_path / "run", evaluation=evaluation)
    made_evaluation(run, "000100.json")
    (run / "evaluation" / "notes.json").write_text("[]")
    view = run_view(run)
    found = {(each["metric"], each["weights"], each["source"]): each for each in view["scores"]}
    assert {key: (each["value"], each["step"]) for key, each in found.items()} == {
        ("swd", "raw", "evaluation.jsonl"): (2.0, 100),
        ("frechet", "raw", "evaluation.jsonl"): (9.0, 50),
        ("swd", "average", "evaluation.jsonl"): (1.5, 100),
        ("frechet", "raw", "evaluation/000100.json"): (12.5, 100),
    }
    kept = found[("frechet", "raw", "evaluation/000100.json")]
    assert (kept["error"], kept["samples"], kept["classifier"], kept["better"]) == (0.25, 10000, "abcdef012345", "min")
    assert ["reference.classifier.fingerprint", "abcdef0123456789"] in kept["protocol"]
    assert kept["data"] == "digits 000000000000, 1×16×16"
    assert ["classifier.steps", "3"] in found[("frechet", "raw", "evaluation.jsonl")]["protocol"]
    assert view["problems"] == ["evaluation/notes.json is not a file of `mxgan evaluate`."]
    assert [chart["id"] for chart in view["charts"]] == ["swd", "frechet", "unknown"]


def test_numbers_of_a_protocol_are_no_words(tmp_path):
    run = made_run(tmp_path / "run")
    made_evaluation(run, "000100.json", seed=1, checkpoint=0, settings={"a": True, "b": False, "c": 1.0, "d": {}})
    told = dict(run_view(run)["scores"][0]["protocol"])
    assert {key: told[key] for key in ("seed", "checkpoint", "settings.a", "settings.b", "settings.c")} == {
        "seed": "1", "checkpoint": "0", "settings.a": "yes", "settings.b": "no", "settings.c": "1.0",
    }  # fmt: skip
    assert (told["settings.d"], told["reference.split"]) == ("none", "none")


def test_changes_marks_and_the_environment(tmp_path):
    changes = [{"step": 40, "settings": {"recipe.ema": [None, 0.99]}}]
    view = run_view(made_run(tmp_path / "run", history=[row(50)], changes=changes))
    assert view["changes"] == [{"step": 40, "settings": [{"name": "recipe.ema", "before": None, "after": 0.99}]}]
    assert [mark["kind"] for mark in view["marks"]] == ["change"]
    environment = {each["name"]: each["value"] for each in view["environment"]}
    assert environment == {"mxgan": VERSIONS["mxgan"], "threads": "2; two CPUs", "cpu_features": "avx, avx2"}
    assert view["problems"] == ["Settings were changed at step 40; the command has the last ones from its beginning."]


def test_an_imported_run_says_from_what(tmp_path):
    view = run_view(made_run(tmp_path / "run", imported={"generator": {"file": "G.pt"}, "discriminator": None}))
    assert (view["origin"], view["command"]) == ("Imported: generator from G.pt.", "")


def test_a_config_of_another_version_is_read_as_far_as_it_can_be(tmp_path):
    run = made_run(tmp_path / "run", history=[row(50)])
    record = json.loads((run / "config.json").read_text())
    record["run"]["setting_of_the_future"] = 7
    (run / "config.json").write_text(json.dumps(record))
    view = run_view(run)
    assert (view["overview"]["recipe"], view["overview"]["step"], view["command"]) == ("dcgan", 50, "")
    assert {"name": "setting_of_the_future", "value": 7} in view["configuration"]
    (problem,) = view["problems"]
    assert problem.startswith("config.json does not fit this version of mxgan: ")
    assert "setting_of_the_future" in problem


def test_a_name_of_a_thousand_million_letters_is_refused_and_not_made():
    recipe = mxgan.RECIPES["dcgan"]
    began = time.monotonic()
    for pattern in ("{dataset:>1000000000}", "{dataset:{recipe.batch_size}}", "{recipe.batch_size:01000000000}"):
        with pytest.raises(mxgan.errors.ArgumentError, match="run_name"):
            mxgan.RunConfig(recipe=replace(recipe, run_name=pattern), steps=1)
    assert time.monotonic() - began < 1


def test_script_tags_and_halves_of_characters_stay_texts_that_utf_8_has(tmp_path):
    tag = "<script>alert(1)</script>\ud83d"
    run = made_run(
        tmp_path / "run",
        history=[{**row(5, **{tag: 1.0}), "diagnoses": [{"name": tag, "evidence": tag, "remedy": tag}]}],
        events=[{"event": "end", "how": "stopped", "reason": tag, "step": 5}],
        evaluation=[{"step": 5, tag: 1.0, "swd": 2.0, "classifier": {tag: tag}}],
        pictures=("gout-000005.png", "<b>-000005.png"),
        versions={tag: tag},
        changes=[{"step": 5, "settings": {tag: [tag, tag]}}],
    )
    view = run_view(run)
    json.dumps(view, ensure_ascii=False, allow_nan=False).encode()
    assert [each["title"] for each in view["pictures"]] == ["gout", "<b>"]


def test_what_differs_between_runs(tmp_path):
    first = made_run(tmp_path / "a", evaluation=[{"step": 90, "swd": 3.0, "samples": 1000}])
    second = made_run(
        tmp_path / "b", config=tiny_config(steps=200, seed=5), evaluation=[{"step": 90, "swd": 2.0, "samples": 1000}]
    )
    found = compare([first, second])
    assert [run["name"] for run in found["runs"]] == ["a", "b"]
    assert found["settings"] == [
        {"name": "steps", "values": [100, 200], "missing": []},
        {"name": "seed", "values": [0, 5], "missing": []},
    ]
    (score,) = found["scores"]
    assert (score["metric"], score["values"], score["steps"], score["best"]) == ("swd", [3.0, 2.0], [90, 90], 1)
    assert compare([run_view(first), run_view(second)]) == found
    assert compare([first, first])["settings"] == []


@pytest.mark.parametrize("other", [{"classifier": "another"}, {"data": {**DATA, "sha256": "1" * 64}}])
def test_scores_by_another_classifier_or_of_other_images_have_no_best_one(tmp_path, other):
    runs = [made_run(tmp_path / name) for name in "abc"]
    for run, value, more in zip(runs, (3.0, 2.0, 1.0), ({}, {}, other)):
        made_evaluation(run, "000100.json", value, **more)
    first, second = compare(runs)["scores"]
    assert (first["values"], first["best"]) == ([3.0, 2.0, None], 1)
    assert (second["values"], second["best"]) == ([None, None, 1.0], None)
    assert first["apart"] != second["apart"]
    assert all(next(iter(other)) in each["apart"] for each in (first, second))
    assert compare(runs[:2])["scores"][0]["apart"] == ""


def test_settings_that_differ_behind_the_end_of_what_is_shown_differ(tmp_path):
    settings = [
        {"text": "x" * 5000 + end, "list": [*range(300), end], "deep": [[[[[[[[end]]]]]]]], "same": "x" * 5000}
        for end in "ab"
    ]
    runs = []
    for index, added in enumerate(settings):
        run = made_run(tmp_path / str(index))
        record = json.loads((run / "config.json").read_text())
        record["run"].update(added)
        (run / "config.json").write_text(json.dumps(record))
        runs.append(run)
    assert [each["name"] for each in compare(runs)["settings"]] == ["text", "list", "deep"]


NASTY = (
    [1], {"name": 1}, None, True, 0, -1, 10**30, 1e308, float("nan"), float("inf"), "", "x" * 5000, "\ud800",
    "../../etc/passwd", [], {},
    [[]], {"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}, "<script>", "{dataset:>99999999}", [1] * 1000, "null",
)  # fmt: skip


def mutated(run: Path, draw: random.Random) -> None:
    """Change one file of a run: bytes, length, one value of its JSON, or its kind; never what a link leads to."""
    path = draw.choice(sorted(path for path in run.rglob("*.json*") if path.is_file() and not path.is_symlink()))
    content = path.read_bytes()
    kind = draw.choice(["value"] * 6 + ["byte", "cut", "twice", "link", "folder", "pipe", "gone"])
    at = draw.randrange(len(content) + 1)
    if kind == "value":
        path.write_text(with_another_value(content, draw))
    elif kind in ("byte", "cut", "twice"):
        ends = {"byte": bytes([draw.randrange(256)]) + content[at + 1 :], "cut": b"", "twice": content}
        path.write_bytes(content[:at] + ends[kind])
    else:
        path.unlink()
        secret = run.parent / "secret"
        makers = {"link": lambda: path.symlink_to(secret), "folder": path.mkdir, "pipe": lambda: os.mkfifo(path)}
        makers.get(kind, lambda: None)()


def with_another_value(content: bytes, draw: random.Random) -> str:
    """The content with one value of one of its lines replaced; as it is if that line is no JSON any more."""
    lines = content.decode(errors="replace").splitlines() or [""]
    index = draw.randrange(len(lines))
    try:
        value = place = json.loads(lines[index])
    except ValueError:
        return "\n".join(lines)
    while isinstance(place, (dict, list)) and place:
        key = draw.choice(list(place) if isinstance(place, dict) else range(len(place)))
        if not isinstance(place[key], (dict, list)) or draw.random() < 0.3:
            place[key] = draw.choice(NASTY)
            break
        place = place[key]
    lines[index] = json.dumps(value)
    return "\n".join(lines)


def places(value, path=()):
    """The ways to all values in a value of JSON."""
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield (*path, key)
        yield from places(value[key], (*path, key))


@pytest.mark.parametrize("bad", [[1], {"name": [1]}])
def test_a_list_or_a_mapping_at_every_place_of_the_settings(tmp_path, bad):
    run = made_run(tmp_path / "run", history=[row(5)])
    content = (run / "config.json").read_text()
    ways = list(places(json.loads(content)["run"]))
    assert ("recipe", "network", "name") in ways
    for way in ways:
        record = json.loads(content)
        place = record["run"]
        for key in way[:-1]:
            place = place[key]
        place[way[-1]] = bad
        (run / "config.json").write_text(json.dumps(record))
        assert run_view(run)["overview"]["step"] == 5, way


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 40))])
def test_no_file_of_a_run_can_raise_or_hang(tmp_path, seed):
    whole = made_run(
        tmp_path / "whole",
        history=[row(10, diagnoses=[{"name": "a", "evidence": "b"}]), row(20, rollbacks=[{"from_step": 9}])],
        events=[{"event": "begin", "time": 1.0, "step": 0, "last_step": 100, "pid": 1, "host": "h", "began": "b"}] * 2,
        evaluation=[{"step": 10, "swd": 1.0, "classifier": {"fingerprint": "abc"}, "samples": 10}],
        saved=20,
        pictures=("gout-000010.png", "diff-000010.png"),
        changes=[{"step": 10, "settings": {"steps": [1, 2]}}],
        imported=None,
    )  # fmt: skip
    made_evaluation(whole, "000020.json")
    (tmp_path / "secret").write_text('{"step": 10, "secret": 1}')
    draw = random.Random(seed)
    before = run_view(whole)
    for number in range(100):
        run = shutil.copytree(whole, tmp_path / f"{number}")
        for _ in range(draw.randint(1, 3)):
            mutated(run, draw)
        began = time.monotonic()
        view = run_view(run)
        assert b"secret" not in json.dumps(view, ensure_ascii=False, allow_nan=False).encode()
        compare([view, before])
        before = view
        assert time.monotonic() - began < 5, (seed, number)
        assert view.keys() == KEYS
