"""Evaluation against other real images than the run's own: files of their own, classes by their names."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.data import UNKNOWN, load_digits
from mxgan.errors import ArgumentError, DatasetNotFoundError
from mxgan.evaluation.evaluate import Networks
from mxgan.runs.config import recorded_config
from mxgan.runs.data import open_images
from mxgan.runs.evaluate import evaluate
from mxgan.runs.evaluation_files import save_evaluation
from mxgan.runs.overview import overview
from mxgan.runs.reference import _protocol, plan_reference
from mxgan.runs.scores import kept_scores
from mxgan.runtime import cv2
from mxgan.training.run_folder import RunFolder
from tests.evaluating import cache_with_classifier, quick_classifier
from tests.support import tiny_config
from tests.test_recipes import small


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with cache_with_classifier(tmp_path_factory.mktemp("cache")) as place:
        yield place


def folder_of(place, classes, names=str, count=40):
    """A folder of digits, a subfolder for each of these classes; without a name: in the folder itself."""
    images, labels = load_digits("test")
    for label in classes:
        target = place / names(label)
        target.mkdir(parents=True, exist_ok=True)
        for number, image in enumerate(images[labels == label][:count]):
            cv2.imwrite(str(target / f"{label}-{number:02}.png"), image)
    return place


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    mxgan.start(tiny_config(steps=2), folder, "none").run()
    return folder


@pytest.fixture(scope="module")
def conditional(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cgan") / "run"
    mxgan.start(small("cgan", steps=2), folder, "none").run()
    return folder


def test_other_images_are_the_reference_and_the_judge_stays(run, tmp_path):
    other = folder_of(tmp_path / "my digits", range(10), count=20)
    found = evaluate(run, metrics=["swd", "frechet"], samples=100, against=other)
    told = found.protocol["reference"]
    assert (told["against"], told["dataset"], told["split"], told["images"]) == ("my digits", "my digits", None, 100)
    assert (told["fingerprint"]["name"], told["fingerprint"]["count"]) == ("folder", 200)
    assert told["classifier"]["fingerprint"] == quick_classifier().fingerprint
    assert "100 images of my digits;" in found.describe()
    usual = evaluate(run, metrics=["swd", "frechet"], samples=100)
    assert found.results["frechet"].value != usual.results["frechet"].value
    assert "against" not in usual.protocol["reference"]


def test_figures_against_others_are_never_among_the_usual_ones(run, tmp_path):
    first, second = (folder_of(tmp_path / place / "ones", [1]) for place in ("a", "b"))
    cv2.imwrite(str(second / "1" / "more.png"), np.eye(8, dtype=np.uint8) * 255)
    names = [
        save_evaluation(run, evaluate(run, metrics=["swd"], samples=100, **given)).name
        for given in ({}, {"against": first}, {"against": second}, {"against": first})
    ]
    assert names[:2] == ["000002-ema-100.json", "000002-ema-100-against-ones.json"]
    assert names[2].startswith("000002-ema-100-against-ones-")
    assert names[3] == names[1]
    scores, _ = kept_scores(run)
    assert {score["source"]: score["against"] for score in scores} == {
        f"evaluation/{name}": "" if name == names[0] else "ones" for name in names
    }
    usual = next(score["value"] for score in scores if score["source"] == f"evaluation/{names[0]}")
    assert overview(run).best["value"] == usual


def test_a_run_with_no_usual_score_has_no_best_one(tmp_path):
    folder = tmp_path / "run"
    mxgan.start(tiny_config(steps=1), folder, "none").run()
    other = folder_of(tmp_path / "ones", [1])
    save_evaluation(folder, evaluate(folder, metrics=["swd"], samples=100, against=other))
    assert overview(folder).best is None


def test_classes_are_known_by_their_names(conditional, tmp_path):
    """Of the folder's classes 3 and 7, numbers 0 and 1 there, the generator is asked for its own 3 and 7."""
    other = folder_of(tmp_path / "two", [3, 7], count=30)
    found = evaluate(conditional, metrics=["class_agreement", "label_kl"], samples=100, against=other)
    assert found.protocol["classes_asked_for"] == "in the shares of the reference"
    assert found.results["class_agreement"].details["real_images"] == 60  # others than the judge was trained on
    real = evaluate(conditional, metrics=["label_kl"], samples=100)
    assert found.results["label_kl"].value != real.results["label_kl"].value
    config = recorded_config(RunFolder(conditional))
    planned = plan_reference(config, ["label_kl"], count=60, against=other, classes=list("0123456789"))
    np.testing.assert_array_equal(planned.open().class_counts, [0, 0, 0, 30, 0, 0, 0, 30, 0, 0])


def test_images_without_classes_ask_for_all_classes_equally(conditional, tmp_path):
    other = folder_of(tmp_path / "flat", range(10), names=lambda label: "", count=12)
    told = evaluate(conditional, metrics=["swd"], samples=100, against=other).protocol
    assert told["classes_asked_for"] == "all equally"


@pytest.mark.parametrize(
    "settings, error, message",
    [
        ({"against": "nowhere"}, DatasetNotFoundError, "nowhere does not exist. Give a folder or a zip archive"),
        ({"held_out": "nowhere"}, DatasetNotFoundError, "nowhere does not exist."),
        ({"against": "empty"}, mxgan.errors.DatasetError, "empty has no image"),
        ({"held_out": "empty", "metrics": ["swd"]}, ArgumentError, r"held_out \(--held-out\) is for the metric copies"),
        ({"against": "named"}, ArgumentError, "named has the classes cat, dog, and the run was trained on 0, 1, 2, …"),
        ({"against": "flat", "metrics": ["class_agreement"]}, ArgumentError, "class_agreement needs a generator that"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_said(settings, error, message, conditional, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    folder_of(tmp_path / "named", [1, 2], names=lambda label: ["cat", "dog"][label - 1], count=4)
    folder_of(tmp_path / "flat", [1, 2], names=lambda label: "", count=8)
    with pytest.raises(error, match=message):
        evaluate(conditional, samples=100, **{"metrics": ["swd", "copies"], **settings})


def test_other_classes_do_not_matter_to_a_generator_without_classes(run, tmp_path):
    other = folder_of(tmp_path / "named", [1, 2], names=lambda label: ["cat", "dog"][label - 1])
    assert evaluate(run, metrics=["frechet"], samples=100, against=other).results["frechet"].value > 0


def test_too_few_other_images_are_named_by_their_place(run, tmp_path):
    other = folder_of(tmp_path / "one", [3], count=1)
    with pytest.raises(ArgumentError, match="swd needs at least 2 images, and .*one has 1 here; give more images, or"):
        evaluate(run, metrics=["swd"], samples=100, against=other)


def test_held_out_photographs_are_given_by_hand(run, tmp_path):
    unseen = folder_of(tmp_path / "unseen", range(10), names=lambda label: "", count=5)
    with pytest.raises(ArgumentError, match=r"\(--held-out FOLDER\), or keep a part back .* --set held_out=0.1"):
        evaluate(run, metrics=["copies"], samples=100)
    flags = ["evaluate", run, "--metric", "copies", "--samples", 100, "--held-out", unseen, "--json"]
    found = CliRunner().invoke(main, list(map(str, flags)), catch_exceptions=False)
    told = json.loads(found.output[found.output.index("{") :])
    assert told["results"]["copies"]["held_out_images"] == 50
    assert "copies: only 50 images that the run was not trained on, fewer than 100" in found.output
    assert (told["protocol"]["held_out"]["given"], told["protocol"]["held_out"]["count"]) == ("unseen", 50)


def test_a_run_without_data_is_measured_against_a_folder(run, tmp_path):
    """Its own data are not on this machine any more; its classifier is that of the folder."""
    other = folder_of(tmp_path / "two", [3, 7], count=20)
    record = json.loads((run / "config.json").read_text())
    lost = tmp_path / "lost"
    shutil.copytree(run, lost)
    record["run"] = {**record["run"], "dataset": "folder", "data_dir": str(tmp_path / "gone"), "labels": None}
    (lost / "config.json").write_text(json.dumps(record))
    assert evaluate(lost, metrics=["swd"], samples=100, against=other).results["swd"].value > 0


def test_an_imported_run_without_data_has_no_search_for_copies(run, tmp_path):
    other, unseen = (folder_of(tmp_path / name, [3, 7], count=20) for name in ("two", "unseen"))
    lost = tmp_path / "lost"
    shutil.copytree(run, lost, ignore=shutil.ignore_patterns("evaluation"))
    record = json.loads((run / "config.json").read_text())
    record["run"].update(dataset=UNKNOWN, split=None)
    (lost / "config.json").write_text(json.dumps({**record, "data": {}}))
    config = recorded_config(RunFolder(lost))
    assert plan_reference(config, ["swd", "copies"], count=20, against=other, held_out=True).names == ["swd"]
    with pytest.raises(ArgumentError, match="copies needs the images that the run was trained on, and .* imported"):
        evaluate(lost, metrics=["swd", "copies"], samples=100, against=other)
    with pytest.raises(ArgumentError, match="imported without data, .* Give the data: --dataset NAME"):
        evaluate(lost, samples=100, against=other, held_out=unseen)


def test_the_root_of_a_disk_is_an_own_name_too(run, tmp_path):
    """Its last part is empty, and the file would be that of the run's own data."""
    other = folder_of(tmp_path / "two", [3, 7], count=20)
    found = evaluate(run, metrics=["swd"], samples=100, against=other)
    config, data = recorded_config(RunFolder(run)), open_images(tiny_config(steps=1))
    found.protocol["reference"] = _protocol(config, data, 40, Networks(), "/")
    assert found.protocol["reference"]["against"] == "/"
    assert save_evaluation(run, found).name == "000002-ema-100-against-_.json"


def test_a_run_on_images_without_classes_is_judged_by_the_others(tmp_path):
    """A classifier of the other images is planned, since its own train none; planned only, so nothing is trained."""
    own = folder_of(tmp_path / "own", range(10), names=lambda label: "", count=4)
    other = folder_of(tmp_path / "two", [3, 7], count=20)
    config = replace(tiny_config(steps=1), dataset="folder", data_dir=str(own))
    assert plan_reference(config, ["swd", "frechet"], count=20, against=other).names == ["swd", "frechet"]
