"""Evaluation of a run: `evaluate` measures the samples of a checkpoint."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Optional, Union

from mxgan.data import UNKNOWN
from mxgan.errors import ArgumentError
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import COPIES, Evaluation, check_names, evaluated, gather
from mxgan.evaluation.metrics import DEFINITIONS, METRICS
from mxgan.evaluation.reference import Reference, sample_chunks
from mxgan.evaluation.resizing import PADDING, RESIZING
from mxgan.evaluation.swd import check_pyramid
from mxgan.graphs.params_files import load_params
from mxgan.runs.config import RunConfig, recorded_config
from mxgan.runs.copies import COPY_SIZE, Searched, copies_bundles, open_searched
from mxgan.runs.evaluation_files import SAMPLES
from mxgan.runs.judging import given_judge
from mxgan.runs.reference import plan_reference
from mxgan.runtime import versions
from mxgan.runtime.config import whole_number
from mxgan.runtime.progress import Progress, tracked
from mxgan.training.checkpoint_choice import chosen_checkpoint, generator_file
from mxgan.training.checkpoint_files import parameter_file, sha256_of
from mxgan.training.run_folder import RunFolder
from mxgan.training.sampler import Sampler

__all__ = ["evaluate"]

logger = logging.getLogger(__name__)

LEAST_SAMPLES = 100  # with fewer samples, most scores mean nothing


def evaluate(
    run: Union[str, Path],
    checkpoint: Union[str, int] = "latest",
    metrics: Optional[Sequence[str]] = None,
    samples: int = SAMPLES,
    seed: int = 0,
    *,
    averaged: Optional[bool] = None,
    classifier: Union[str, Path, None] = None,
    inception: Union[str, Path, None] = None,
    pyramid: str = "mirrored",
    data_dir: Union[str, Path, None] = None,
    labels: Union[str, Path, None] = None,
    progress: Optional[bool] = None,
    dataset: Optional[str] = None,
    against: Union[str, Path, None] = None,
    held_out: Union[str, Path, None] = None,
) -> Evaluation:
    """Measure samples of a run's checkpoint against the images that the run was trained on, or against others.

    As many real images as samples are used, drawn by the seed from the training images, or all if there are fewer. For
    `copies`, the images that the run was not trained on are those of `held_out`, else the part that the run has kept
    back (`RunConfig.held_out`), else the data set's other split.

    Parameters
    ----------
    run : its folder; nothing in it is changed.
    checkpoint : "latest", "best" (if the run has `keep_best`), or the step of a checkpoint.
    metrics : names in METRICS; None: all metrics that the run's data allow.
    samples : the number of samples, at least 100.
    seed : decides the samples, the real images, and every draw of a metric.
    averaged : True: the average of the generator's weights; False: the weights themselves; None: the average if the
        checkpoint has one.
    classifier : the folder of a trained classifier; None: the data set's own classifier, which is trained once and
        kept in the user's cache.
    inception : an ONNX file of the Inception network, for `fid`.
    pyramid : the pyramid of `swd`, a key of `mxgan.evaluation.swd.PYRAMIDS`.
    data_dir, labels : the present folder and labels file of the data; None: those in the run's settings.
    dataset : only for a run that was imported without data: the images to measure against.
    against : a folder or zip archive of other real images, which are the reference: such as photographs that were not
        trained on, or of one class. Their classes are their subfolders or labels file. The classifier stays that of
        the run's own data, if these have one. Scores against other images are kept in files of their own.
    held_out : a folder or zip archive of images that the run was not trained on, for `copies`.

    Raises
    ------
    ArgumentError : a metric is unknown or cannot be measured here (the message says why), or the data are others.
    MXGANError : a file cannot be read.

    Examples
    --------
    >>> evaluate("runs/mnist", samples=2000).results["frechet"].value  # doctest: +SKIP
    """
    names = None if metrics is None else check_names(metrics)
    samples = whole_number("samples", samples, LEAST_SAMPLES, 10**6)
    settings = Settings(seed=whole_number("seed", seed, 0), pyramid=check_pyramid(pyramid))
    folder = RunFolder.open(run)
    config = _with_places(_with_data(recorded_config(folder), dataset), data_dir, labels)
    chosen = chosen_checkpoint(folder, config.keep_best, checkpoint)
    file = generator_file(chosen, averaged)
    judge = None if classifier is None else given_judge(classifier, names or ())
    given = {"classifier": judge, "inception": inception, "check": folder.check_data, "progress": progress}
    reference, searched = _real_images(
        config, folder, names, settings, given, count=samples, against=against, held_out=held_out
    )
    logger.info("Drawing %s samples of step %d, and %s", f"{samples:,}", int(chosen.name), ", ".join(reference.names))
    sampler = Sampler.of_recipe(config.recipe, load_params(file))
    results = _measured(config, sampler, reference, samples, settings, progress, searched)
    protocol = _protocol(config, chosen, file, samples, settings, reference)
    return Evaluation(results, {**protocol, **({} if searched is None else searched.protocol)})


def _real_images(
    config: RunConfig, folder: RunFolder, names, settings: Settings, given: dict, *, count: int, against, held_out
) -> tuple:
    """(reference, images of the search for copies, or None if it is not measured); what is wrong is an error here."""
    if held_out is not None and COPIES not in (names or METRICS):
        raise ArgumentError("held_out (--held-out) is for the metric copies, which is not measured. Leave it out.")
    logger.info("Reading %s", f"the data set {config.dataset}" if against is None else against)
    classes = folder.read_config()["data"].get("classes") or () if against else ()
    others = {"against": against, "classes": classes, "held_out": held_out is not None}
    # What is wrong with the images for `copies` is an error now, and not after a classifier is trained.
    search = functools.partial(open_searched, config, folder.check_data, held_out, settings.seed, given["progress"])
    searched = None if held_out is None else search()
    default = _default(given["inception"])
    planned = plan_reference(config, default, names, count=count, seed=settings.seed, **given, **others)
    if searched is None and COPIES in planned.names:
        searched = search()
    reference = planned.open()
    return reference, searched if COPIES in reference.names else None


def _default(inception) -> list:
    """The metrics that are measured if none is named."""
    return [name for name in METRICS if name != "fid" or inception is not None]


def _with_data(config: RunConfig, dataset: Optional[str]) -> RunConfig:
    """The settings of a run that was imported without data, with the data set given."""
    if dataset is None or dataset == config.dataset:
        return config
    if config.dataset != UNKNOWN:
        raise ArgumentError(
            f"dataset is {dataset!r}, and the run has the data set {config.dataset!r}. Leave it out; only a run that "
            "was imported without data takes one."
        )
    return replace(config, dataset=dataset)


def _with_places(config: RunConfig, data_dir: Union[str, Path, None], labels: Union[str, Path, None]) -> RunConfig:
    """A run's settings with the present places of its data, where they are given."""
    present = {"data_dir": data_dir and os.path.abspath(data_dir), "labels": labels and os.fspath(labels)}
    return replace(config, **{name: place for name, place in present.items() if place})


def _measured(
    config: RunConfig,
    sampler: Sampler,
    reference: Reference,
    samples: int,
    settings: Settings,
    progress: Optional[bool],
    searched: Optional[Searched],
) -> dict:
    names = reference.names
    chunks = sample_chunks(sampler, samples, settings.seed, reference.class_counts)
    made = gather(tracked(progress, chunks, "samples", samples), samples, reference.networks, names)
    copies = None if searched is None else copies_bundles(config, sampler, reference, settings, progress, searched)
    with Progress(progress, "measuring", len(names), "metric", timed=False) as shown:

        def begin(name: str) -> None:
            shown.begin(1 + names.index(name), name)

        found = evaluated(names, reference.bundle, made, settings, copies, begin)
        shown.move_to(len(names))
    return found


def _protocol(
    config: RunConfig, chosen: Path, file: Path, samples: int, settings: Settings, reference: Reference
) -> dict:
    _, height, width = config.recipe.network.image_shape
    resizing = RESIZING if height == width else f"{RESIZING}; {PADDING}"
    return {
        "run": chosen.resolve().parents[1].name,
        "checkpoint": int(chosen.name),
        "weights": "raw" if file == parameter_file(chosen, "generator") else "average",
        "generator_sha256": sha256_of(file),
        "classes_asked_for": _asked_for(config, reference),
        "samples": samples,
        "seed": settings.seed,
        "reference": reference.protocol,
        "resizing": {"classifier": resizing, "copies": f"{resizing}; to at most {COPY_SIZE} pixels a side"},
        "settings": asdict(settings),
        "definitions": DEFINITIONS,
        "versions": versions(),
    }


def _asked_for(config: RunConfig, reference: Reference) -> Optional[str]:
    if not config.recipe.network.generator_classes:
        return None
    return "all equally" if reference.class_counts is None else "in the shares of the reference"
