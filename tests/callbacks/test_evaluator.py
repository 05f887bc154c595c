"""Samples measured while a run trains: its lines, its best checkpoint, and a training that does not notice."""

from __future__ import annotations

import json
import logging
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.callbacks.evaluator import IMAGES, SAMPLES, Evaluator, classifier_steps
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.evaluation import evaluate
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import evaluated, gather
from mxgan.evaluation.judges import cache as kept_judges
from mxgan.evaluation.judges.data import labelled_data
from mxgan.evaluation.judges.settings import ClassifierTraining
from mxgan.evaluation.reference import sample_chunks
from mxgan.runs.load import load_sampler
from mxgan.runs.scores import newest_scores
from mxgan.training.checkpoint_choice import best_step
from mxgan.training.checkpoint_files import read_state
from tests.callbacks.test_finite_guard import session_of
from tests.evaluating import cache_with_classifier, quick_classifier
from tests.support import Spoil, assert_same, params_of, tiny_config, without_average
from tests.test_recipes import small

NAMES = ["swd", "frechet", "kernel", "classifier_score", "label_kl"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with cache_with_classifier(tmp_path_factory.mktemp("cache")) as place:
        yield place


def config(**settings):
    settings = {"evaluate_every": 10, "checkpoint_every": 10, "sample_every": 1000, **settings}
    return without_average(tiny_config(**settings))


def run(settings, folder):
    made = mxgan.start(settings, folder, display="none", progress=False)
    made.run()
    return made


def lines(folder) -> list:
    return [json.loads(line) for line in folder.evaluation_path.read_text().splitlines()]


def evaluator(session) -> Evaluator:
    return next(each for each in session.trainer.callbacks if isinstance(each, Evaluator))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return run(config(steps=30, keep=None, keep_best="frechet:min"), tmp_path_factory.mktemp("whole") / "run")


def test_there_is_a_line_for_each_evaluation(whole):
    found = lines(whole.folder)
    assert [line["step"] for line in found] == [10, 20, 30]
    assert all(list(line) == ["step", *NAMES, "errors", "samples", "images", "classifier"] for line in found)
    network = quick_classifier()
    told = {"fingerprint": network.fingerprint[:12], "steps": 161, "accuracy": network.record["accuracy"]}
    assert all(line["classifier"] == told for line in found)
    assert all(line["samples"] == SAMPLES for line in found)
    assert all(line["swd"] > 0 and line["frechet"] > 0 for line in found)


def test_the_figures_are_those_of_the_checkpoints_samples(whole):
    reference, names = evaluator(whole)._reference, NAMES
    sampler = load_sampler(whole.folder.path, checkpoint=20)
    samples = gather(sample_chunks(sampler, SAMPLES, 0), SAMPLES, reference.networks, names)
    assert len(reference.bundle.images) == IMAGES < SAMPLES == len(reference.bundle.features)
    scores = evaluated(names, reference.bundle, replace(samples, images=samples.images[:IMAGES]), Settings())
    # A sampler of another batch size: the last bits of a matrix product depend on it.
    assert {name: score.value for name, score in scores.items()} == pytest.approx(
        {name: lines(whole.folder)[1][name] for name in names}, rel=1e-5
    )
    errors = lines(whole.folder)[1]["errors"]
    assert {"swd", "frechet"} <= errors.keys()
    expected = {name: score.details["standard_error"] for name, score in scores.items() if name in errors}
    assert errors == pytest.approx(expected, rel=1e-3)
    assert all("standard_error" not in score.details for name, score in scores.items() if name not in errors)
    told = {score["metric"]: score["error"] for score in newest_scores(lines(whole.folder)[:2])}
    assert {name: error for name, error in told.items() if error is not None} == errors


def test_the_best_checkpoint_is_the_one_with_the_best_figure(whole):
    found = {line["frechet"]: line["step"] for line in lines(whole.folder)}
    assert best_step(whole.folder, "frechet:min") == found[min(found)]
    assert best_step(whole.folder, "frechet:max") == found[max(found)]


def test_an_unknown_metric_for_the_best_is_refused_before_the_first_step(tmp_path):
    with pytest.raises(ArgumentError, match="unknown metric in keep_best 'frechett'; did you mean 'frechet'"):
        mxgan.start(config(steps=1, keep_best="frechett:min"), tmp_path / "b", display="none", progress=False)
    assert not (tmp_path / "b").exists()  # so that the same command can be given again
    with pytest.raises(ArgumentError, match=r"'frechet'.* Metrics of samples need --evaluate-every; metrics of "):
        mxgan.start(tiny_config(steps=1, keep_best="frechet:min"), tmp_path / "b", display="none", progress=False)


@pytest.mark.long
def test_a_checkpoint_has_the_figures_of_its_own_weights_alone(tmp_path):
    settings = config(steps=16, evaluate_every=4, checkpoint_every=8, keep_best="frechet:min")
    whole = run(settings, tmp_path / "whole").folder
    part = run(replace(settings, evaluate_every=8, checkpoint_every=4, keep=None), tmp_path / "part").folder
    found = {line["step"]: line["frechet"] for line in lines(whole)}
    for folder, measured in ((whole, {8, 16}), (part, {8, 16})):
        told = {step: read_state(folder.checkpoint(step))["metrics"] for step in folder.checkpoint_steps()}
        assert {step for step, metrics in told.items() if "frechet" in metrics} == measured
        assert all(told[step]["frechet"] == found[step] for step in measured)
    assert part.checkpoint_steps() == [4, 8, 12, 16]


@pytest.mark.parametrize("evaluate, checkpoint", [(20, 8), (10, "15min"), ("epoch", 10), (10, "epoch")])
def test_intervals_that_do_not_meet_have_no_best(evaluate, checkpoint, tmp_path):
    settings = config(steps=30, evaluate_every=evaluate, checkpoint_every=checkpoint, keep_best="frechet:min")
    said = "epoch" if evaluate == "epoch" else f"{evaluate} steps"
    with pytest.raises(ArgumentError, match=f"frechet is measured every {said} and checkpoints are saved every "):
        mxgan.start(settings, tmp_path / "run", display="none", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_a_measurement_that_fails_costs_no_training(whole, tmp_path, monkeypatch, caplog):
    """As one for which there is no memory at the moment; the second of three, and the last."""
    real, calls = evaluate.check_room, []

    def check_room(*given):
        calls.append(given)
        if len(calls) in (3, 4):  # the first is of the real images
            raise ArgumentError("1,000 images need about 2.0 GB of memory, and 1.0 GB are available.")
        real(*given)

    monkeypatch.setattr(evaluate, "check_room", check_room)
    session = run(config(steps=30, keep=None, keep_best="frechet:min"), tmp_path / "run")
    assert [line["frechet"] is None for line in lines(session.folder)] == [False, True, True]
    assert lines(session.folder)[0] == lines(whole.folder)[0]
    assert "step 20: the samples were not measured: 1,000 images need about 2.0 GB" in caplog.text
    assert session.folder.checkpoint_steps() == [10, 20, 30]
    assert best_step(session.folder, "frechet:min") == 10
    assert_same(params_of(session.trainer.pair), params_of(whole.trainer.pair))


def test_training_does_not_notice(whole, tmp_path):
    without = run(config(steps=30, evaluate_every=None), tmp_path / "run")
    assert_same(params_of(without.trainer.pair), params_of(whole.trainer.pair))
    assert not without.folder.evaluation_path.exists()


@pytest.mark.long
def test_a_run_that_was_stopped_in_between_has_the_same_lines(whole, tmp_path):
    """Its last evaluation, at step 15, is none of those that a whole run has: it is dropped."""
    part = run(config(steps=15, keep=None, keep_best="frechet:min"), tmp_path / "run")
    assert [line["step"] for line in lines(part.folder)] == [10, 15]
    again = mxgan.resume(part.folder.path, steps=30, display="none", progress=False)
    again.run()
    assert again.folder.evaluation_path.read_text() == whole.folder.evaluation_path.read_text()
    assert_same(params_of(again.trainer.pair), params_of(whole.trainer.pair))


@pytest.mark.long
def test_a_run_may_begin_to_be_measured_and_cease_to(tmp_path):
    folder = run(config(steps=10, evaluate_every=None), tmp_path / "run").folder
    for steps, every in ((20, 10), (30, None)):
        session = mxgan.resume(folder.path, steps=steps, evaluate_every=every, display="none", progress=False)
        session.run()
    assert [line["step"] for line in lines(folder)] == [20]


@pytest.mark.long
def test_lines_of_steps_that_were_undone_go(tmp_path):
    """Also where the checkpoint that is gone on from was saved while nothing was measured."""
    folder = run(config(steps=20, keep=None), tmp_path / "run").folder
    without = {"evaluate_every": None, "display": "none", "progress": False}
    mxgan.resume(folder.path, steps=25, **without).run()
    folder.evaluation_path.write_text(
        "".join(f'{{"step": {step}, "frechet": 1.0}}\n' for step in (10, 20, 30, 40)) + '{"step": 5'
    )
    again = mxgan.resume(folder.path, steps=40, evaluate_every=10, display="none", progress=False)
    again.run()
    assert [line["step"] for line in lines(folder)] == [10, 20, 30, 40]
    assert lines(folder)[2]["frechet"] != 1.0


@pytest.mark.long
def test_the_last_checkpoint_has_the_figures_of_the_last_step(tmp_path):
    """Also where that step is none of those that the interval names."""
    settings = config(steps=14, evaluate_every=10, checkpoint_every=10, keep_best="swd:min")
    folder = run(settings, tmp_path / "run").folder
    assert [read_state(folder.checkpoint(line["step"]))["metrics"]["swd"] == line["swd"] for line in lines(folder)] == [
        True,
        True,
    ]


def test_a_file_of_lines_that_are_none_is_said(tmp_path):
    folder = run(config(steps=10, evaluate_every=None), tmp_path / "run").folder
    folder.evaluation_path.write_text("[1, 2]\n")
    again = mxgan.resume(folder.path, steps=20, evaluate_every=10, display="none", progress=False)
    with pytest.raises(CorruptFileError, match=r"evaluation.jsonl: has the line b'\[1, 2\]\\n', which has no step"):
        again.run()
    assert folder.evaluation_path.read_text() == "[1, 2]\n"


@pytest.mark.long
def test_it_may_be_once_an_epoch(tmp_path):
    settings = config(epochs=2, evaluate_every="epoch", checkpoint_every="epoch", limit=96, keep_best="swd:min")
    session = run(settings, tmp_path / "run")
    assert [line["step"] for line in lines(session.folder)] == [3, 6]
    assert best_step(session.folder, "swd:min") in (3, 6)


def test_another_classifier_than_before_is_told(whole, caplog):
    found = evaluator(whole)
    state = {**found.state(), "networks": ["another"]}
    with caplog.at_level(logging.WARNING, "mxgan"):
        found.restore(state)
    assert "The classifier has changed: values in" in caplog.text
    with pytest.raises(CheckpointError, match="the checkpoint's state of Evaluator is {'bytes': 0}"):
        found.restore({"bytes": 0})


@pytest.mark.long
def test_the_average_of_a_generator_is_measured_beside_it(tmp_path):
    settings = config(steps=4, evaluate_every=4, checkpoint_every=8, keep_best="ema_frechet:min")
    session = run(replace(settings, recipe=replace(settings.recipe, ema=0.9)), tmp_path / "run")
    (found,) = lines(session.folder)
    averaged = [f"ema_{name}" for name in NAMES]
    assert list(found) == ["step", *NAMES, *averaged, "errors", "samples", "images", "classifier"]
    assert found["errors"].keys() >= {"ema_swd", "swd"}
    assert found["ema_frechet"] != found["frechet"]
    reference = evaluator(session)._reference
    for averaged, name in ((True, "ema_frechet"), (False, "frechet")):
        sampler = load_sampler(session.folder.path, averaged=averaged)
        samples = gather(sample_chunks(sampler, SAMPLES, 0), SAMPLES, reference.networks, ["frechet"])
        score = evaluated(["frechet"], reference.bundle, samples, Settings())["frechet"]
        assert score.value == pytest.approx(found[name], rel=1e-5)


@pytest.mark.long
def test_a_conditional_generator_is_measured_by_the_classes_asked_for(tmp_path):
    session = run(replace(small("cgan", steps=2), evaluate_every=2), tmp_path / "run")
    (found,) = lines(session.folder)
    assert 0 <= found["class_agreement"] <= 1
    assert found["class_agreement"] * SAMPLES == pytest.approx(round(found["class_agreement"] * SAMPLES))


@pytest.mark.long
def test_the_accuracy_of_a_discriminator_goes_to_the_same_file(tmp_path):
    """Also when the run was stopped between the two, after a line of each that a whole run does not have."""
    settings = replace(small("ssgan", steps=12), sample_every=4, evaluate_every=6, checkpoint_every=7)
    settings = replace(settings, recipe=replace(settings.recipe, batch_size=40))
    whole = lines(run(settings, tmp_path / "whole").folder)
    assert [(line["step"], "test_accuracy" in line) for line in whole] == [
        (4, True), (6, False), (8, True), (12, True), (12, False),
    ]  # fmt: skip
    run(replace(settings, steps=7), tmp_path / "part")
    again = mxgan.resume(tmp_path / "part", steps=12, display="none", progress=False)
    again.run()
    assert lines(again.folder) == whole
    state = json.loads((again.folder.latest_checkpoint() / "state.json").read_text())
    assert {"test_accuracy", "swd"} <= set(state["metrics"])


def test_images_without_classes_are_measured_by_what_needs_none(tmp_path):
    cv2 = pytest.importorskip("cv2")
    (tmp_path / "images").mkdir()
    for i in range(8):
        pixels = np.random.default_rng(i).integers(0, 256, (16, 16, 3), np.uint8)
        cv2.imwrite(str(tmp_path / "images" / f"{i}.png"), pixels)
    settings = replace(config(steps=2, evaluate_every=2), dataset="folder", data_dir=str(tmp_path / "images"))
    session = run(settings, tmp_path / "run")
    assert [list(line) for line in lines(session.folder)] == [["step", "swd", "errors", "samples", "images"]]
    with pytest.raises(ArgumentError, match="unknown metric in keep_best 'frechet'"):
        run(replace(settings, keep_best="frechet:min"), tmp_path / "other")


@pytest.mark.long
def test_images_of_a_side_that_is_no_power_of_two_are_measured_too(tmp_path):
    settings = replace(small("mlp-gan", steps=1), evaluate_every=1)
    network = replace(settings.recipe.network, image_size=28)
    session = run(replace(settings, recipe=replace(settings.recipe, network=network)), tmp_path / "run")
    assert lines(session.folder)[0]["swd"] > 0


@pytest.mark.parametrize("every", [0, -1, "15min", "never", 2.5])
def test_intervals_that_are_none_are_refused(every):
    message = f"evaluate_every is {every!r}; give a number of steps above 0, or 'epoch', or null for none"
    with pytest.raises(ArgumentError, match=message):
        tiny_config(steps=1, evaluate_every=every)


@pytest.mark.long
@pytest.mark.parametrize("recipe", ["dcgan", "ssgan"])
def test_a_divergence_at_an_evaluated_step_is_the_guards_to_tell(tmp_path, recipe):
    settings = {"steps": 12, "evaluate_every": 10, "sample_every": 10, "checkpoint_every": 8, "on_nan": "rollback"}
    if recipe == "ssgan":
        settings["evaluate_every"] = None  # D's test accuracy, with the pictures
    session = session_of(
        replace(small(recipe, steps=12), **settings), tmp_path / "run", Spoil("generator", "g3_weight", 10)
    )
    session.run()
    told = [
        each
        for line in session.folder.history_path.read_text().splitlines()
        for each in json.loads(line).get("rollbacks", [])
    ]
    assert [(each["to_step"], each["layer"]) for each in told] == [(8, "g3_weight")]


@pytest.fixture
def empty_cache(tmp_path, monkeypatch):
    """A cache without a classifier; the quick one is trained for 20 steps."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(ClassifierTraining, "quick_steps", 20)


class AtMessage(logging.Handler):
    """Calls a function when the log has a message that begins with a text."""

    def __init__(self, text, function) -> None:
        super().__init__()
        self.text, self.function = text, function

    def emit(self, record) -> None:
        if record.getMessage().startswith(self.text):
            self.function()


@contextmanager
def at_message(text, function):
    log, handler = logging.getLogger("mxgan"), AtMessage(text, function)
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    yield
    log.removeHandler(handler)


def test_the_run_has_its_folder_before_its_classifier_is_trained(empty_cache, tmp_path, caplog):
    seen = []
    with at_message("Training a judge", lambda: seen.extend(path.name for path in (tmp_path / "run").iterdir())):
        mxgan.start(config(steps=2), tmp_path / "run", display="none").lock.release()
    assert {"config.json", "samples", "checkpoints"} <= set(seen)
    begins = (f"run folder: {tmp_path / 'run'};", "The measurements", "Training a judge (LeNet)", "judge: LeNet")
    told = [text for text in caplog.messages if text.startswith(begins)]
    assert all(text.startswith(begin) for text, begin in zip(told, begins))
    assert len(told) == 4
    assert "use a classifier of 20 steps instead of 621" in caplog.text


def test_a_classifier_that_is_not_finished_leaves_no_folder(empty_cache, tmp_path):
    def stop():
        raise KeyboardInterrupt

    with at_message("Training a judge", stop), pytest.raises(KeyboardInterrupt):
        mxgan.start(config(steps=2), tmp_path / "run", display="none")
    assert not (tmp_path / "run").exists()
    mxgan.start(config(steps=2), tmp_path / "run", display="none").lock.release()


def test_what_can_be_refused_is_refused_before_a_classifier_is_trained(empty_cache, tmp_path, caplog):
    with caplog.at_level(logging.INFO, "mxgan"), pytest.raises(ArgumentError, match="'frechett'"):
        mxgan.start(config(steps=2, keep_best="frechett:min"), tmp_path / "run", display="none")
    assert "Training a judge" not in caplog.text
    assert not (tmp_path / "run").exists()


@pytest.mark.long
def test_a_run_goes_on_with_the_classifier_it_began_with(empty_cache, tmp_path, caplog):
    begun = run(config(steps=2, evaluate_every=2), tmp_path / "run")
    assert [line["classifier"]["steps"] for line in lines(begun.folder)] == [20]
    place = kept_judges._kept_under(labelled_data("digits"), ClassifierTraining())
    quick_classifier().save(place)  # `mxgan evaluate` has trained the full one in between
    again = mxgan.resume(tmp_path / "run", steps=4, display="none")
    again.lock.release()
    assert evaluator(again)._fingerprints() == evaluator(begun)._fingerprints()
    assert "The classifier has changed" not in caplog.text
    other = mxgan.start(config(steps=2), tmp_path / "other", display="none")
    other.lock.release()
    assert evaluator(other)._fingerprints() == [quick_classifier().fingerprint]


@pytest.mark.long
def test_a_checkpoint_of_an_older_version_had_the_full_training(empty_cache, whole, monkeypatch):
    state = read_state(whole.folder.checkpoint(30))
    assert classifier_steps(state) == 161
    assert classifier_steps(None) is None
    assert classifier_steps({"callbacks": {}}) is None
    del state["callbacks"]["Evaluator"]["classifier_steps"]
    assert classifier_steps(state) == 0
    monkeypatch.setattr(ClassifierTraining, "steps_on", lambda self, data: self.most_steps or 30)
    found = kept_judges.classifier_while_training(labelled_data("digits"), 0, progress=False)
    assert found.record["training"]["steps"] == 30
    assert "most_steps" not in found.record["training"]
