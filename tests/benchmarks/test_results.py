"""The command of the results on tiny plans, from nothing to the page; gone on with, it trains nothing again."""

from __future__ import annotations

import gzip
import json
import math
import struct
import zipfile

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from benchmarks.results import judging
from benchmarks.results.__main__ import main
from benchmarks.results.jobs import Places, jobs_of, ran
from benchmarks.results.judging import array_chunks, judged_arrays
from benchmarks.results.plans import PLANS, plan_named
from mxgan.evaluation.evaluate import COPIES
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.metrics import DEFINITIONS
from mxgan.evaluation.reference import sample_chunks
from mxgan.runs.config import recorded_config
from mxgan.runtime import cv2
from mxgan.training.run_folder import RunFolder

SAMPLES = 100
TITLES, EACH = ("cat", "horse", "ship"), 140


@pytest.fixture
def plan(monkeypatch):
    """plan(NAME, length, …): the plan of this name with other entries, in place of all others."""
    before, kept = list(PLANS), {}

    def change(name: str, **entries):
        PLANS[:] = before
        kept[name] = plan_named(name)._replace(**entries)
        PLANS[:] = kept.values()

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    yield change
    PLANS[:] = before


def command(*words) -> list:
    """The rows after the command with these words."""
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exit_code == 0, found.output
    output = words[words.index("--output") + 1]
    return json.loads((output / "results.json").read_text())["rows"]


@pytest.fixture(scope="module")
def digits(mxgan_data, tmp_path_factory):
    """A folder with the first 2,000 training images and 500 test images of MNIST, as IDX files."""
    folder = tmp_path_factory.mktemp("digits")
    for split, count in (("train", 2000), ("t10k", 500)):
        for kind, header, size in (("images-idx3", 16, 28 * 28), ("labels-idx1", 8, 1)):
            name = f"{split}-{kind}-ubyte"
            whole = gzip.decompress((mxgan_data / "mnist" / f"{name}.gz").read_bytes())
            first = whole[:4] + struct.pack(">i", count) + whole[8:header]
            (folder / name).write_bytes(first + whole[header : header + count * size])
    return folder


@pytest.mark.long
def test_a_recipe_from_nothing_to_the_page(tmp_path, cache, monkeypatch, digits, plan):
    flags = "--nc 1 --ngf 4 --ndf 4 --image-size 16 --limit 600 --ema 0.9 --evaluate-every 1 --log-every 1"
    plan("wgan-gp", length=4, flags=flags, samples=200, seeds=(0,))
    monkeypatch.setattr(judging, "PUBLISHED", 200)
    words = ["--data-dir", digits, "--output", tmp_path / "results", "--publish", tmp_path]
    rows = command(*words)
    assert [(row["name"], row["steps"], row["weights"]) for row in rows] == [
        ("wgan-gp", 4, "raw"),
        ("wgan-gp", 4, "ema"),
    ]
    assert rows[0]["minutes"] is None  # several at a time: their wall time says little
    assert rows[0]["evaluation"]["results"]["frechet"]["value"] > 0
    padded = json.loads((tmp_path / "results" / "wgan-gp-0-4steps-ema-padded.json").read_text())
    assert padded["protocol"]["settings"]["pyramid"] == "padded"
    assert rows[1]["evaluation"]["results"]["swd_padded"] == padded["results"]["swd"]
    pictures = tmp_path / "results" / "pictures"
    assert {path.name for path in pictures.iterdir()} == {"results-wgan-gp-ten.png", "results-wgan-gp.png"}
    for folder in (tmp_path / "results", tmp_path):
        assert "pictures/results-wgan-gp.png" in (folder / "results.md").read_text()
    history = tmp_path / "results" / "wgan-gp-0-4steps" / "history.jsonl"
    before = history.read_bytes()
    assert command(*words) == rows
    assert history.read_bytes() == before
    plan("wgan-gp", length=4, flags=flags, samples=150, seeds=(0, 1))  # other samples, another seed beside the first
    assert [(row["seed"], row["weights"], row["evaluation"]["protocol"]["samples"]) for row in command(*words)] == [
        (0, "raw", 150),
        (1, "raw", 150),
        (0, "ema", 150),
        (1, "ema", 150),
    ]


@pytest.mark.long
def test_what_fails_is_told_at_the_end_and_the_others_go_on(tmp_path, cache, digits, plan):
    plan("headline", length=2, flags="--ngf 0", samples=SAMPLES)
    plan("mlp-gan-64", length=2, flags="--nc 1 --limit 300", samples=SAMPLES)
    words = ["--data-dir", str(digits), "--output", str(tmp_path / "results"), "--jobs", "1"]
    found = CliRunner().invoke(main, words)
    assert found.exit_code == 1
    assert "headline-0-2steps.log" in found.output
    rows = json.loads((tmp_path / "results" / "results.json").read_text())["rows"]
    assert [row["name"] for row in rows] == ["mlp-gan-64"]


@pytest.fixture(scope="module")
def photographs(mxgan_data, tmp_path_factory):
    """An archive of 3 × 140 real photographs, and an output folder with a judge of them."""
    folder = tmp_path_factory.mktemp("photographs")
    with zipfile.ZipFile(mxgan_data / "cifar10_train.zip") as whole, zipfile.ZipFile(folder / "few.zip", "w") as part:
        for name in (f"{title}/{number:04d}.jpg" for title in TITLES for number in range(EACH)):
            part.writestr(name, whole.read(name))
    (folder / "results").mkdir()
    words = ["--dataset", "folder", "--data-dir", folder / "few.zip", "--epochs", 1]
    ran(["train-classifier", *words, "--output", folder / "results" / "judge"], folder / "judge.log", threads=1)
    return Places(folder / "results", None, folder / "few.zip")


@pytest.mark.long
def test_ours_and_the_peer_are_trained_for_a_time_and_judged_alike(photographs, plan):
    pytest.importorskip("torch", reason="PyTorch is not installed")
    plan("cifar-pytorch", length=0.01, flags="--width 2", samples=SAMPLES)
    plan("cifar-dcgan", length=0.01, flags="--nc 3 --image-size 32 --ngf 4 --ndf 4 --ema 0.9", samples=SAMPLES)
    words = ["--suite", "cifar", "--photographs", photographs.photographs, "--output", photographs.output]
    rows = command(*words)
    assert [(row["name"], row["weights"]) for row in rows] == [
        ("cifar-pytorch", "moving"),
        ("cifar-pytorch", "batch"),
        ("cifar-pytorch", "real"),
        ("cifar-dcgan", "raw"),
        ("cifar-dcgan", "ema"),
    ]
    for row in rows:
        assert row["evaluation"]["results"]["frechet"]["value"] > 0
    assert len({json.dumps(row["evaluation"]["protocol"]["reference"]) for row in rows}) == 1
    peer, real = rows[0], rows[2]
    assert peer["minutes"] >= 0.01
    epochs, batches = divmod(peer["steps"], -(-3 * EACH // 64))
    assert peer["images"] == epochs * 3 * EACH + batches * 64  # the last batch of an epoch is smaller
    assert (real["minutes"], real["steps"]) == (None, None)
    assert real["evaluation"]["results"]["swd"]["value"] < peer["evaluation"]["results"]["swd"]["value"]
    text = (photographs.output / "results.md").read_text()
    assert "| PyTorch's DCGAN | 1 |" in text
    assert "| other photographs | 1 |  | 32 |" in text
    assert command(*words) == rows


@pytest.mark.long
def test_few_photographs_are_judged_against_the_others_of_their_class(photographs, plan):
    small = {"length": 0.01, "flags": "--nc 3 --image-size 32 --ngf 4 --ndf 4", "samples": SAMPLES}
    plan("ship-100-few", **small)
    plan("ship-100-dcgan", **small)
    rows = command("--suite", "few", "--photographs", photographs.photographs, "--output", photographs.output)
    assert [(row["recipe"], row["weights"]) for row in rows if row["suite"] == "few"] == [
        ("few", "raw"),
        ("few", "ema"),
        ("dcgan", "raw"),
        ("dcgan", "ema"),
    ]
    for row in (row for row in rows if row["suite"] == "few"):
        reference = row["evaluation"]["protocol"]["reference"]
        assert (reference["against"], reference["images"]) == ("others", 40)
        assert 0 <= row["evaluation"]["results"]["copies"]["value"] <= 1
    beside = cv2.imread(str(photographs.output / "pictures" / "results-ship-100.png"))
    assert beside.shape == (270, 3 * 270 + 2 * 12, 3)
    assert "## Few photographs" in (photographs.output / "results.md").read_text()


@pytest.mark.long
def test_figures_of_another_judge_are_made_anew(photographs, tmp_path):
    figures = {
        "protocol": {
            "samples": SAMPLES,
            "definitions": DEFINITIONS,
            "reference": {"classifier": {"fingerprint": "another"}},
        }
    }
    (tmp_path / "a.json").write_text(json.dumps(figures))
    job = jobs_of([plan_named("cifar-dcgan")._replace(samples=SAMPLES)], photographs)[0]
    assert judging._read(tmp_path / "a.json", job, photographs) is None
    judge = FeatureNetwork.load(photographs.output / "judge")
    figures["protocol"]["reference"]["classifier"]["fingerprint"] = judge.fingerprint
    (tmp_path / "a.json").write_text(json.dumps(figures))
    assert judging._read(tmp_path / "a.json", job, photographs) == figures


@pytest.mark.long
def test_arrays_get_the_figures_that_evaluate_gives_a_run(photographs, tmp_path):
    words = ["--recipe", "dcgan", "--ngf", 4, "--ndf", 4, "--image-size", 32, "--steps", 2, "--display", "none"]
    data = ["--dataset", "folder", "--data-dir", photographs.photographs]
    run, figures, judge = tmp_path / "run", tmp_path / "a.json", photographs.output / "judge"
    ran(["train", *words, *data, "--run-dir", run], tmp_path / "log", threads=1)
    ran(
        ["evaluate", run, "--samples", SAMPLES, "--classifier", judge, "--output", figures], tmp_path / "log", threads=1
    )
    theirs = json.loads(figures.read_text())["results"]
    chunks = sample_chunks(mxgan.load_sampler(run), SAMPLES, 0)
    found = judged_arrays(chunks, SAMPLES, recorded_config(RunFolder.open(run)), judge, {"weights": "raw"})
    assert {"swd", "frechet", "kernel", "precision", "recall"} <= set(found.results)
    assert COPIES not in found.results
    for name, score in found.results.items():
        expected = pytest.approx(score.value, rel=1e-6) if math.isfinite(score.value) else None  # as JSON has it
        assert theirs[name]["value"] == expected, name


def test_larger_arrays_are_brought_to_the_judged_size_by_area():
    images = np.random.default_rng(0).integers(0, 256, (300, 3, 64, 64)).astype(np.uint8)
    made = np.concatenate([part for part, _ in array_chunks(images)])
    assert made.shape == (300, 3, 32, 32)
    by_area = (images / 127.5 - 1).reshape(300, 3, 32, 2, 32, 2).mean(axis=(3, 5))
    np.testing.assert_allclose(made, by_area, atol=1e-6)


def test_ranks_without_mpirun_are_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))  # no mpirun beside it
    monkeypatch.setenv("PATH", str(tmp_path))
    flags = ["--suite", "cifar", "--ranks", "2", "--photographs", __file__, "--output", str(tmp_path / "out")]
    found = CliRunner().invoke(main, flags)
    assert found.exit_code == 1
    assert "mpi4py, which is missing" in found.output or "neither beside" in found.output
    assert not (tmp_path / "out").exists()
