"""`evaluate` and its commands: figures with their protocol, the same each time, and written over nothing else."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.errors import ArgumentError, OutputError
from mxgan.evaluation.copies import copy_test
from mxgan.evaluation.evaluate import Evaluation
from mxgan.evaluation.frechet import FeatureStatistics, frechet_distance
from mxgan.evaluation.judges.examination import FOUND
from mxgan.evaluation.metrics import DEFINITIONS, METRICS
from mxgan.evaluation.reference import image_chunks, sample_chunks
from mxgan.evaluation.resizing import reduced
from mxgan.runs.config import recorded_config
from mxgan.runs.data import open_images
from mxgan.runs.evaluate import evaluate
from mxgan.runs.evaluation_files import save_evaluation
from mxgan.runs.load import load_sampler
from mxgan.training.run_folder import RunFolder
from tests.evaluating import cache_with_classifier, quick_classifier
from tests.support import tiny_config
from tests.terminal import terminal_as
from tests.test_recipes import small

CHEAP = ["frechet", "label_kl", "copies"]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with cache_with_classifier(tmp_path_factory.mktemp("cache")) as place:
        yield place


def trained(settings, folder):
    mxgan.start(settings, folder, display="none", progress=False).run()
    return folder


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A generator of two checkpoints and an average, trained on the digits' training split."""
    settings = tiny_config(steps=8, checkpoint_every=4, split="train", sample_every=100)
    settings = replace(settings, recipe=replace(settings.recipe, ema=0.9), keep_best="loss_g:min")
    return trained(settings, tmp_path_factory.mktemp("run") / "run")


@pytest.fixture
def copy(run, tmp_path):
    """The run, of which nothing is measured yet."""
    shutil.copytree(run, tmp_path / "run", ignore=shutil.ignore_patterns("evaluation"))
    return tmp_path / "run"


def command(*arguments):
    return CliRunner().invoke(main, [str(argument) for argument in arguments], catch_exceptions=False)


def told(found, start: str) -> str:
    """What a command has printed, from the first line that begins so: its log may be among it."""
    lines = found.output.splitlines()
    return "\n".join(lines[next(i for i, line in enumerate(lines) if line.startswith(start)) :])


def images_of(chunks) -> np.ndarray:
    return np.concatenate([images for images, _ in chunks])


def test_the_figures_are_those_of_the_functions(run):
    found = evaluate(run, metrics=CHEAP, samples=150, seed=5, averaged=False)
    assert list(found.results) == CHEAP
    config = tiny_config(steps=8, split="train")
    sampler = load_sampler(run, averaged=False)
    fake, real = images_of(sample_chunks(sampler, 150, 5)), images_of(image_chunks(open_images(config, seed=5), 150))
    features = [quick_classifier().features_and_probabilities(images).features for images in (real, fake)]
    expected = frechet_distance(*map(FeatureStatistics.of, features))
    assert found.results["frechet"].value == pytest.approx(expected, rel=1e-12)

    held_out = images_of(image_chunks(open_images(config, seed=5, split="test"), 2000))
    everything = images_of(image_chunks(open_images(config, seed=5), 10**6))
    assert (len(everything), len(held_out)) == (1437, 360)
    many = images_of(sample_chunks(sampler, 2000, 5))
    expected = copy_test(*(reduced(images, 16) for images in (everything, held_out, many)))
    assert found.results["copies"].value == expected.share


def test_a_run_of_mirrored_images_is_compared_with_mirror_images_too(tmp_path):
    settings = tiny_config(steps=1, split="train")
    settings = replace(settings, recipe=replace(settings.recipe, mirror=True))
    found = evaluate(trained(settings, tmp_path / "run"), metrics=["copies"], samples=100).results["copies"]
    sampler, data = load_sampler(tmp_path / "run"), open_images(settings)
    images = images_of(image_chunks(data, 10**6))
    sides = (
        np.concatenate([images, images[..., ::-1]]),
        images_of(image_chunks(open_images(settings, split="test"), 2000)),
    )
    expected = copy_test(*(reduced(each, 16) for each in (*sides, images_of(sample_chunks(sampler, 2000, 0)))))
    assert (found.value, found.details["mirrored"]) == (pytest.approx(expected.share, abs=1e-9), True)


def test_the_same_call_gives_the_same_figures_and_another_seed_others(run):
    first, again, other = (evaluate(run, metrics=["frechet"], samples=100, seed=seed) for seed in (1, 1, 2))
    assert first.as_json() == again.as_json()
    assert first.results != other.results


def test_the_protocol_says_what_decides_the_figures(run):
    told = evaluate(run, metrics=CHEAP, samples=150, seed=5).protocol
    assert (told["run"], told["checkpoint"], told["weights"], told["samples"], told["seed"]) == (
        "run",
        8,
        "average",
        150,
        5,
    )
    (file,) = (run / "checkpoints" / "000008").glob("digits_E_*.params")
    assert told["generator_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert told["reference"]["split"] == "train"
    assert told["held_out"] == "test"
    assert told["reference"]["classifier"]["fingerprint"] == quick_classifier().fingerprint
    assert told["reference"]["fingerprint"]["count"] == 1437
    assert "INTER_AREA" in told["resizing"]["classifier"]
    assert told["settings"]["seed"] == 5
    assert {"mxnet", "numpy", "mxgan"} <= set(told["versions"])


def test_the_published_pyramid_can_be_asked_for(run):
    found = evaluate(run, metrics=["swd"], samples=100, pyramid="padded")
    assert found.results["swd"].details["pyramid"] == found.protocol["settings"]["pyramid"] == "padded"


def test_checkpoints_and_averages_are_told_apart(run):
    values = {}
    for checkpoint, averaged in ((4, True), (4, False), (8, True), (8, False)):
        found = evaluate(run, checkpoint, ["frechet"], 100, averaged=averaged)
        assert found.protocol["weights"] == ("average" if averaged else "raw")
        values[checkpoint, averaged] = found.results["frechet"].value
        save_evaluation(run, found)
    assert len(set(values.values())) == 4
    names = [path.name for path in sorted((run / "evaluation").iterdir())]
    assert names == ["000004-100.json", "000004-ema-100.json", "000008-100.json", "000008-ema-100.json"]
    for path in (run / "evaluation").iterdir():
        step, *kind = path.stem.split("-")
        assert json.loads(path.read_text())["results"]["frechet"]["value"] == values[int(step), "ema" in kind]


def test_all_that_the_data_allow_is_measured(tmp_path):
    settings = replace(small("cgan", steps=2), split="train")
    found = evaluate(trained(settings, tmp_path / "run"), samples=200)
    assert list(found.results) == [
        "swd",
        "ms_ssim",
        "frechet",
        "kernel",
        "precision",
        "recall",
        "density",
        "coverage",
        "classifier_score",
        "label_kl",
        "class_agreement",
        "copies",
        "birthday",
    ]  # fmt: skip  not missing_classes: the quick classifier is wrong too often
    assert len(found.results["class_agreement"].details["by_class"]) == 10
    assert json.loads(found.as_json())["results"]["kernel"]["standard_error"] > 0


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"metrics": ["swdd"]}, "unknown metric 'swdd'; did you mean 'swd'"),
        ({"metrics": ["fid"]}, "fid needs --inception FILE.onnx: FID is defined for Inception's features only"),
        ({"samples": 99}, "samples is 99; give a whole number from 100"),
        ({"checkpoint": 5}, "has no checkpoint of step 5; there are 4, 8"),
        ({"checkpoint": "last"}, "checkpoint is 'last'; give latest, best, or the number of a step"),
        ({"seed": -1}, "seed is -1"),
        ({"pyramid": "pad"}, "unknown pyramid 'pad'; did you mean 'padded'"),
    ],
)
def test_bad_calls_are_refused_before_anything_is_drawn(run, settings, message):
    with pytest.raises(ArgumentError, match=message):
        evaluate(run, **settings)


def test_other_data_than_the_runs_are_refused(run, tmp_path):
    config = json.loads((run / "config.json").read_text())
    config["data"]["sha256"] = "0"
    other = tmp_path / "other"
    other.mkdir()
    (other / "checkpoints").symlink_to(run / "checkpoints")
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(ArgumentError, match="the data set is not the one that .* was trained on: .* give the data_dir"):
        evaluate(other, metrics=["frechet"], samples=100)


@pytest.mark.parametrize("kind", ["folder", "link", "pipe"])
def test_nothing_but_a_file_is_written_over(run, tmp_path, kind):
    found = evaluate(run, metrics=["frechet"], samples=100)
    copy = tmp_path / "run"
    (copy / "evaluation").mkdir(parents=True)
    (copy / "config.json").write_text((run / "config.json").read_text())
    target = copy / "evaluation" / "000008-ema-100.json"
    {"folder": target.mkdir, "link": lambda: target.symlink_to(tmp_path / "far"), "pipe": lambda: os.mkfifo(target)}[
        kind
    ]()
    with pytest.raises(OutputError, match="000008-ema-100.json is not a plain file; nothing was written"):
        save_evaluation(copy, found)
    assert not (tmp_path / "far").exists()
    assert [path.name for path in (copy / "evaluation").iterdir()] == ["000008-ema-100.json"]


def test_what_was_measured_before_stays(copy):
    first, second = (evaluate(copy, metrics=[name], samples=100) for name in ("frechet", "kernel"))
    assert save_evaluation(copy, first) == save_evaluation(copy, second) == copy / "evaluation" / "000008-ema-100.json"
    kept = json.loads((copy / "evaluation" / "000008-ema-100.json").read_text())
    assert {name: score["value"] for name, score in kept["results"].items()} == {
        "frechet": first.results["frechet"].value,
        "kernel": second.results["kernel"].value,
    }
    other = evaluate(copy, metrics=["frechet"], samples=120)
    beside = save_evaluation(copy, other)
    assert beside.name == "000008-ema-120.json"
    cold = Evaluation(first.results, {**first.protocol, "versions": {}})
    assert re.fullmatch(r"000008-ema-100-[0-9a-f]{8}\.json", save_evaluation(copy, cold).name)
    looked = evaluate(copy, metrics=["swd"], samples=100)  # which wants no classifier
    assert save_evaluation(copy, looked) == copy / "evaluation" / "000008-ema-100.json"
    united = json.loads((copy / "evaluation" / "000008-ema-100.json").read_text())
    assert list(united["results"]) == ["frechet", "kernel", "swd"]
    assert united["protocol"] == kept["protocol"]
    (copy / "evaluation" / "000008-ema-100.json").write_text(json.dumps(kept))
    names = {save_evaluation(copy, evaluate(copy, metrics=["swd"], samples=100, **more)).name
             for more in ({"seed": 3}, {"pyramid": "padded"}, {"averaged": False})}  # fmt: skip
    assert names == {"000008-ema-100-seed3.json", "000008-ema-100-padded.json", "000008-100.json"}
    assert save_evaluation(copy, other) == beside
    assert json.loads((copy / "evaluation" / "000008-ema-100.json").read_text()) == kept
    (copy / "evaluation" / "000008-ema-100.json").write_text("[]")
    with pytest.raises(OutputError, match="000008-ema-100.json is not a file of `mxgan evaluate`; nothing was"):
        save_evaluation(copy, first)


def test_other_weights_of_the_same_step_have_a_file_of_their_own(copy):
    first = evaluate(copy, metrics=["frechet"], samples=100)
    shutil.rmtree(copy / "checkpoints" / "000008")
    config = recorded_config(RunFolder.open(copy))
    config = replace(config, recipe=replace(config.recipe, real_label=0.7))
    mxgan.resume(copy, config, display="none", progress=False, allow_changes=True).run()
    second = evaluate(copy, metrics=["label_kl"], samples=100)
    kept = [save_evaluation(copy, each) for each in (first, second, second)]
    assert kept[0].name == "000008-ema-100.json"
    assert re.fullmatch(r"000008-ema-100-[0-9a-f]{8}\.json", kept[1].name)
    assert kept[1] == kept[2]
    assert list(json.loads(kept[0].read_text())["results"]) == ["frechet"]


def test_metrics_of_another_protocol_come_into_one_file(copy):
    made = [evaluate(copy, metrics=[name], samples=100) for name in ("frechet", "frechet", "swd", "kernel")]
    made[1:] = [Evaluation(each.results, {**each.protocol, "versions": {"mxnet": "2"}}) for each in made[1:]]
    first, *others = [save_evaluation(copy, each) for each in made]
    assert len(set(others)) == 1
    assert list(json.loads(others[0].read_text())["results"]) == ["frechet", "swd", "kernel"]
    assert list(json.loads(first.read_text())["results"]) == ["frechet"]


@pytest.mark.parametrize("earlier", [{}, {"definitions": DEFINITIONS - 1}])
def test_figures_of_earlier_definitions_stay_alone(copy, earlier):
    """Whichever comes first: the later ones go into a file of their own, and its own again the next time."""
    made = [evaluate(copy, metrics=[name], samples=100) for name in ("label_kl", "frechet", "swd")]
    before = {name: value for name, value in made[0].protocol.items() if name != "definitions"}
    made[0] = Evaluation(made[0].results, {**before, **earlier})
    first, *others = [save_evaluation(copy, each) for each in made]
    assert [list(json.loads(path.read_text())["results"]) for path in (first, others[1])] == [
        ["label_kl"],
        ["frechet", "swd"],
    ]
    assert others[0] == others[1]
    assert save_evaluation(copy, made[0]) == first


def test_a_judge_that_was_tested_later_is_the_same_judge(copy):
    """Earlier versions kept judges without a test; their figures and later ones stay in one file."""
    made = [evaluate(copy, metrics=[name], samples=100) for name in ("frechet", "kernel")]
    reference = made[0].protocol["reference"]
    untested = {name: value for name, value in reference["classifier"].items() if name not in FOUND}
    before = {**made[0].protocol, "reference": {**reference, "classifier": untested}}
    files = [save_evaluation(copy, Evaluation(made[0].results, before)), save_evaluation(copy, made[1])]
    assert len(set(files)) == 1
    record = json.loads(files[0].read_text())
    assert list(record["results"]) == ["frechet", "kernel"]
    assert record["protocol"]["reference"]["classifier"]["judge_test"]


@pytest.mark.long
def test_evaluations_at_the_same_time_lose_nothing(copy):
    scores = evaluate(copy, metrics=["frechet"], samples=100)
    names = [name for name in METRICS if name != "fid"]
    context = multiprocessing.get_context("spawn")
    processes = [
        context.Process(
            target=save_evaluation, args=(copy, Evaluation({name: scores.results["frechet"]}, scores.protocol))
        )
        for name in names[:6]
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    (path,) = (copy / "evaluation").iterdir()
    assert set(json.loads(path.read_text())["results"]) == set(names[:6])


@pytest.mark.long
def test_a_reader_that_has_seen_enough_loses_no_figures(copy):
    reader, writer = os.pipe()
    os.close(reader)
    arguments = ["-m", "mxgan", "evaluate", str(copy), "--samples", "100", "--metric", "swd", "--json"]
    found = subprocess.run([sys.executable, *arguments], stdout=writer, stderr=subprocess.PIPE, text=True, timeout=300)
    os.close(writer)
    assert found.returncode == 0, found.stderr
    assert "Error" not in found.stderr
    assert "BrokenPipe" not in found.stderr
    assert list(json.loads((copy / "evaluation" / "000008-ema-100.json").read_text())["results"]) == ["swd"]


@pytest.mark.long
def test_figures_that_cannot_be_told_are_kept_all_the_same(copy):
    arguments = ["-m", "mxgan", "evaluate", str(copy), "--samples", "100", "--metric", "swd", "--json"]
    with open("/dev/full", "w") as full:
        found = subprocess.run(
            [sys.executable, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=300
        )
    assert (found.returncode, "No space left on device" in found.stderr) == (1, True)
    assert list(json.loads((copy / "evaluation" / "000008-ema-100.json").read_text())["results"]) == ["swd"]


def test_figures_that_cannot_be_kept_are_told_all_the_same(copy, tmp_path):
    (copy / "evaluation").write_text("in the way")
    found = command("evaluate", copy, "--samples", 100, "--metric", "frechet", "--output", tmp_path / "new" / "x.json")
    assert found.exit_code == 1
    assert told(found, "metric").splitlines()[1].startswith("frechet")
    assert (
        "evaluation cannot be made: File exists; nothing was written. Make room, or use --output FILE." in found.output
    )
    assert "frechet" in json.loads((tmp_path / "new" / "x.json").read_text())["results"]


def test_the_command_prints_a_table_and_writes_json(run, tmp_path):
    arguments = ("evaluate", run, "--samples", 100, "--metric", "label_kl", "--metric", "frechet", "--raw")
    found = command(*arguments, "--output", tmp_path / "figures.json")
    assert found.exit_code == 0, found.output
    head, *rows = told(found, "metric").splitlines()
    assert head.split() == ["metric", "value", "±", "error", "best"]
    assert [row.split()[0] for row in rows[:2]] == ["label_kl", "frechet"]
    assert "step 8 (raw weights), 100 samples against 100 images of digits, split train; classifier" in found.output
    assert "judge: LeNet, right on 9" in found.output
    assert found.output.rstrip().endswith(
        f"written: {run / 'evaluation' / '000008-100.json'} and {tmp_path / 'figures.json'}"
    )
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures == json.loads((run / "evaluation" / "000008-100.json").read_text())

    printed = command(*arguments, "--json")
    assert json.loads(told(printed, "{")) == json.loads((tmp_path / "figures.json").read_text())
    again = command(*arguments, "--output", tmp_path / "figures.json")
    assert (again.exit_code, "figures.json exists; give another name" in again.output) == (2, True)


def test_the_commands_errors_are_one_line(run, tmp_path):
    found = command("evaluate", run, "--metric", "frechett")
    assert found.exit_code == 2
    assert found.output.startswith("Error: unknown metric 'frechett'; did you mean 'frechet'? Known: swd")
    found = command("evaluate", tmp_path / "none")
    assert (found.exit_code, "does not exist; give the folder of a run" in found.output) == (1, True)
    found = command("evaluate", run, "--classifier", tmp_path)
    assert (found.exit_code, "is no folder of a classifier" in found.output) == (1, True)


def test_a_classifier_can_be_trained_by_hand_and_given(run, tmp_path):
    made = command(
        "train-classifier", "--dataset", "digits", "--epochs", 1, "--seed", 3, "--output", tmp_path / "lenet"
    )
    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout.splitlines()[0])
    assert told["test_images"] == 360
    found = command(
        "evaluate", run, "--samples", 100, "--metric", "frechet", "--classifier", tmp_path / "lenet", "--json"
    )
    shown = found.stdout[found.stdout.index("{") :]  # click 8.1, the last for Python 3.9, has standard error in it
    assert json.loads(shown)["protocol"]["reference"]["classifier"]["fingerprint"] == told["fingerprint"]
    again = command("train-classifier", "--output", tmp_path / "lenet")
    told = " ".join(again.output.split())  # a long message has several lines
    assert (again.exit_code, "lenet is not empty; give another --output, or replace it (--overwrite)" in told) == (
        2,
        True,
    )


def test_a_log_tells_every_phase(run):
    found = command("evaluate", run, "--samples", 100, "--metric", "swd", "--metric", "copies")
    assert found.output.splitlines()[:4] == [
        "Reading the data set digits",
        "Drawing 100 samples of step 8, and swd, copies",
        "measuring: metric 1 of 2, swd",
        "measuring: metric 2 of 2, copies",
    ]
    assert "\r" not in found.output


def test_a_terminal_has_a_bar_for_every_phase(run):
    with terminal_as("stderr") as seen:
        evaluate(run, metrics=["swd", "copies"], samples=100)
    for title in ("real images", "samples", "training images", "images not trained on", "measuring"):
        assert re.search(rf"{title}: 100%\|█+\|", seen()), title
    assert "copies" in seen()


def test_the_flag_reaches_the_configuration():
    found = command("train", "--dry-run", "--evaluate-every", "500", "--keep-best", "frechet:min")
    assert json.loads(found.output)["evaluate_every"] == 500
    assert json.loads(command("train", "--dry-run").output)["evaluate_every"] is None
    assert command("train", "--dry-run", "--evaluate-every", "10min").exit_code == 2


def test_the_help_names_every_metric():
    shown = " ".join(command("evaluate", "--help").output.split())
    assert f"may be given again: {', '.join(METRICS)}." in shown
