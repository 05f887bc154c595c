"""Figures of runs, by `mxgan evaluate`, and of arrays of images, by the same functions on the same reference.

The samples of the peer are 64×64, those of mxgan's runs 32×32. Both, and the real photographs, are judged at 32×32: a
larger image is brought to it by area, as the judge does with every image.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Optional

import numpy as np

from benchmarks.results.budget import config_of
from benchmarks.results.jobs import Job, Places, data_words, few_of, ran
from benchmarks.results.peer import SAMPLES, STATISTICS
from benchmarks.results.photographs import OTHERS
from benchmarks.results.plans import PUBLISHED, SUITES
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import COPIES, Evaluation, evaluated, gather
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.metrics import DEFINITIONS, METRICS
from mxgan.evaluation.reference import CHUNK, image_chunks
from mxgan.evaluation.resizing import resized
from mxgan.pictures.report.curves import AVERAGED, TEST_ACCURACY
from mxgan.runs.config import RunConfig, recorded_config
from mxgan.runs.data import open_images
from mxgan.runs.reference import open_reference
from mxgan.runtime import versions
from mxgan.runtime.files import write_whole
from mxgan.training.run_folder import RunFolder

__all__ = ["array_chunks", "figures_of", "is_by_todays_metrics", "judge_folder", "judged_arrays", "real_figures"]

SIDE = 32  # pixels a side of the photographs that are judged
SEED = 0  # of the samples, the real images and every draw of a metric
WITHOUT = {COPIES, "fid", "birthday", "class_agreement"}  # metrics that arrays alone do not have, or that say little


def judge_folder(places: Places) -> Path:
    """The judge of the photographs, in the output folder; trained on the archive if it is not there."""
    folder = places.output / "judge"
    if not folder.is_dir():
        words = ["--dataset", "folder", "--data-dir", places.photographs, "--output", folder]
        ran(["train-classifier", *words], places.output / "judge.log")
    return folder


def figures_of(job: Job, places: Places, threads: Optional[int] = None) -> dict:
    """{weights: content of the JSON of an evaluation} of a trained job; each is kept in a file beside its folder."""
    if job.plan.recipe is None:
        return {kind: _peer_judged(job, kind, places) for kind in STATISTICS}
    averaged = recorded_config(RunFolder.open(job.folder)).recipe.ema is not None
    found = {}
    for weights in ("raw", "ema") if averaged else ("raw",):
        found[weights] = _evaluated(job, weights, [], places, threads)
        if job.plan.samples == PUBLISHED:
            padded = _evaluated(job, weights, ["--metric", "swd", "--pyramid", "padded"], places, threads)
            found[weights]["results"]["swd_padded"] = padded["results"]["swd"]
        right = _test_accuracy(job, weights) or found[weights]["results"].get("class_agreement")
        if right is not None:
            found[weights]["results"]["right"] = right
    return found


def _evaluated(job: Job, weights: str, flags: list, places: Places, threads: Optional[int]) -> dict:
    """The JSON of `mxgan evaluate` for "raw" or "ema" weights."""
    target = _file(job, "-".join([weights, *flags[-1:]]))
    words = ["evaluate", job.folder, f"--{weights}", "--samples", job.plan.samples, "--seed", SEED, *flags]
    words += data_words(job, places)[2:]
    if SUITES[job.plan.suite].data == "photographs":
        words += ["--classifier", judge_folder(places)]
    if job.plan.few:
        others = few_of(job, places) / OTHERS
        words += ["--against", others, "--held-out", others]
    if _read(target, job, places) is None:
        ran([*words, "--output", target, "--overwrite"], job.folder.with_name(f"{job.folder.name}.log"), threads)
    return _read(target, job, places)


def _file(job: Job, weights: str) -> Path:
    return job.folder.with_name(f"{job.folder.name}-{weights}.json")


def _read(target: Path, job: Job, places: Places) -> Optional[dict]:
    """The figures in a file; None unless there are some of this number of samples, by today's metrics and judge."""
    found = _kept(target)
    if found is None or found["protocol"]["samples"] != job.plan.samples:
        return None
    return found if SUITES[job.plan.suite].data != "photographs" or _is_of_judge(found, places) else None


def _kept(target: Path) -> Optional[dict]:
    found = json.loads(target.read_text()) if target.exists() else None
    return found if found is not None and is_by_todays_metrics(found) else None


def is_by_todays_metrics(figures: dict) -> bool:
    """Whether the JSON of an evaluation is by the metrics as they are now: see DEFINITIONS."""
    return figures["protocol"].get("definitions") == DEFINITIONS


def _is_of_judge(figures: dict, places: Places) -> bool:
    judge = FeatureNetwork.load(judge_folder(places))
    return figures["protocol"]["reference"]["classifier"]["fingerprint"] == judge.fingerprint


def _peer_judged(job: Job, statistics: str, places: Places) -> dict:
    """The figures of the peer's samples with these statistics of BatchNorm."""
    target = _file(job, statistics)
    if _read(target, job, places) is None:
        with np.load(job.folder / SAMPLES) as file:
            images = file[statistics]
        told = {"run": job.folder.name, "weights": statistics}
        found = judged_arrays(array_chunks(images), len(images), _photographs(places), judge_folder(places), told)
        write_whole(target, found.as_json() + "\n")
    return _read(target, job, places)


def real_figures(count: int, places: Places) -> dict:
    """The figures of `count` photographs as if they were samples, or of all that are left over by the reference."""
    target, config = places.output / f"photographs-{count}.json", _photographs(places)
    known = _kept(target)
    if known is None or not _is_of_judge(known, places):
        data = open_images(config, seed=SEED)
        both = min(2 * count, data.num_images)
        chunks, told = _after(image_chunks(data, both), count), {"run": "photographs", "weights": "real"}
        found = judged_arrays(chunks, both - count, config, judge_folder(places), told, real=count)
        write_whole(target, found.as_json() + "\n")
    return json.loads(target.read_text())


def _photographs(places: Places) -> RunConfig:
    """A run on all photographs, at the size at which they are judged."""
    words = ["--recipe", "dcgan", "--nc", "3", "--image-size", str(SIDE), "--steps", "1"]
    return config_of([*words, "--dataset", "folder", "--data-dir", str(places.photographs)])


def array_chunks(images: np.ndarray, side: int = SIDE) -> Iterator[tuple]:
    """(images (n, C, side, side) float32 in [-1, 1], None) of uint8 images (N, C, H, W), a chunk at a time."""
    for start in range(0, len(images), CHUNK):
        yield resized(images[start : start + CHUNK].astype(np.float32) / 127.5 - 1, side), None


def _after(chunks: Iterable[tuple], first: int) -> Iterator[tuple]:
    """The images of the chunks without the first ones."""
    for images, _ in chunks:
        if first < len(images):
            yield images[first:], None
        first = max(0, first - len(images))


def judged_arrays(
    chunks: Iterable[tuple], count: int, config: RunConfig, judge: Path, told: dict, real: Optional[int] = None
) -> Evaluation:
    """The evaluation of `count` images in chunks, by the functions and on the reference of `mxgan evaluate`.

    Parameters
    ----------
    config : a run whose data are the reference. judge : folder of the classifier. told : more for the protocol.
    real : the number of real images; None: as many as samples.
    """
    names = [name for name in METRICS if name not in WITHOUT]
    reference = open_reference(config, names, count=real or count, seed=SEED, classifier=judge, progress=False)
    settings, names = Settings(seed=SEED), [name for name in reference.names if name not in WITHOUT]
    made = gather(chunks, count, reference.networks, names)
    results = evaluated(names, reference.bundle, made, settings)
    known = {"checkpoint": None, "samples": count, "seed": SEED, "reference": reference.protocol}
    known.update(settings=asdict(settings), definitions=DEFINITIONS, versions=versions())
    return Evaluation(results, {**known, **told})


def _test_accuracy(job: Job, weights: str) -> Optional[dict]:
    """The last accuracy of a classifying D on the test images, of its own weights ("raw") or their average ("ema")."""
    name = TEST_ACCURACY if weights == "raw" else f"{AVERAGED}{TEST_ACCURACY}"
    path = job.folder / "evaluation.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    return next(({"value": line[name]} for line in reversed(lines) if name in line), None)
