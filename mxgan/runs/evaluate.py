"""Evaluation of a run: `evaluate` measures a checkpoint's samples, `save_evaluation` saves the scores in the run."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Optional, Union

from mxgan.data import UNKNOWN
from mxgan.errors import ArgumentError, OutputError
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import COPIES, Evaluation, check_names, evaluated, gather
from mxgan.evaluation.judge_test import FOUND
from mxgan.evaluation.metrics import METRICS
from mxgan.evaluation.reference import Reference, sample_chunks
from mxgan.evaluation.resizing import PADDING, RESIZING
from mxgan.evaluation.swd import check_pyramid
from mxgan.graphs.params_files import load_params
from mxgan.runs.config import RunConfig, recorded_config
from mxgan.runs.copies import COPY_SIZE, copies_bundles, held_out_record
from mxgan.runs.data import held_out_images
from mxgan.runs.reference import open_reference
from mxgan.runs.scores import is_record
from mxgan.runtime import versions
from mxgan.runtime.config import whole_number
from mxgan.runtime.files import one_at_a_time, read_json, write_whole
from mxgan.runtime.progress import Progress, tracked
from mxgan.training.checkpoint_choice import chosen_checkpoint, generator_file
from mxgan.training.checkpoint_files import parameter_file, sha256_of
from mxgan.training.run_folder import RunFolder
from mxgan.training.sampler import Sampler

__all__ = ["evaluate", "save_evaluation"]

logger = logging.getLogger(__name__)

SAMPLES = 10_000
LEAST_SAMPLES = 100  # with fewer samples, most scores mean nothing
_UNSAFE = re.compile(r"[^\w.-]+")  # in the name of a file
HASH = re.compile(r"-[0-9a-f]{8}")  # the hash of a protocol, at the end of a file's name


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
    given = {"classifier": classifier, "inception": inception, "check": folder.check_data, "progress": progress}
    if held_out is not None and COPIES not in (names or METRICS):
        raise ArgumentError("held_out (--held-out) is for the metric copies, which is not measured. Leave it out.")
    logger.info("Reading %s", f"the data set {config.dataset}" if against is None else against)
    others = {"against": against, "classes": folder.read_config()["data"].get("classes") or ()} if against else {}
    if held_out is not None:  # an error now, and not after a classifier is trained
        held_out_images(config, progress, held_out)
        others["held_out"] = True
    reference = open_reference(config, _default(inception), names, count=samples, seed=seed, **given, **others)
    logger.info("Drawing %s samples of step %d, and %s", f"{samples:,}", int(chosen.name), ", ".join(reference.names))
    sampler = Sampler.of_recipe(config.recipe, load_params(file))
    unseen = None
    if COPIES in reference.names:
        unseen = held_out_images(config, progress, held_out, seed=settings.seed)
    results = _measured(config, sampler, reference, samples, settings, progress, unseen)
    protocol = _protocol(config, chosen, file, samples, settings, reference)
    if unseen is not None:
        protocol["held_out"] = held_out_record(config, unseen, held_out)
    return Evaluation(results, protocol)


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
    config: RunConfig, sampler: Sampler, reference: Reference, samples: int, settings: Settings, progress, unseen
) -> dict:
    names = reference.names
    chunks = sample_chunks(sampler, samples, settings.seed, reference.class_counts)
    made = gather(tracked(progress, chunks, "samples", samples), samples, reference.networks, names)
    copies = None if unseen is None else copies_bundles(config, sampler, reference, settings, progress, unseen)
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
        "versions": versions(),
    }


def _asked_for(config: RunConfig, reference: Reference) -> Optional[str]:
    if not config.recipe.network.generator_classes:
        return None
    return "all equally" if reference.class_counts is None else "in the shares of the reference"


def save_evaluation(run: Union[str, Path], evaluation: Evaluation) -> Path:
    """Write an evaluation to RUN/evaluation/STEP.json; returns the file.

    The name lists the settings that differ from the defaults: STEP-ema.json for the generator's average,
    STEP-500-seed3-padded.json for 500 samples, seed 3 and the pyramid "padded", STEP-against-ships.json for the images
    of a folder ships. If the file has metrics by the same
    protocol, they stay, and metrics that were measured again are replaced. If the protocol differs in something else,
    such as the classifier, the name ends in the hash of the protocol.

    Raises OutputError if the path is not a plain file, or cannot be written.
    """
    folder, record = RunFolder.open(run), json.loads(evaluation.as_json())
    folder.refuse_link(folder.evaluations)
    try:
        folder.evaluations.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"{folder.evaluations} cannot be made: {error.strerror}; nothing was written. Make room, or use "
            "--output FILE."
        ) from error
    with one_at_a_time(folder.evaluations):
        target, kept = _place_of(record["protocol"], folder.evaluations)
        if kept is not None:
            record["results"] = {**kept["results"], **record["results"]}
            record["protocol"] = _united(kept["protocol"], record["protocol"])
        write_whole(target, json.dumps(record, indent=1) + "\n")
    return target


def _place_of(protocol: dict, folder: Path) -> tuple:
    """(file for this protocol, its content or None): NAME.json, or NAME-HASH.json if that has another protocol."""
    name = _name(protocol)
    digest = hashlib.sha256(json.dumps(protocol, sort_keys=True).encode()).hexdigest()
    others = sorted(path for path in folder.glob(f"{name}-*.json") if HASH.fullmatch(path.stem[len(name) :]))
    for target in (folder / f"{name}.json", *others, folder / f"{name}-{digest[:8]}.json"):
        kept = _kept(target)
        if kept is None or _same_protocol(kept["protocol"], protocol):
            return target, kept
    raise OutputError(f"{target} has another protocol than its name says; nothing was written. Move it away.")


def _name(protocol: dict) -> str:
    settings, against = protocol["settings"], protocol["reference"].get("against")
    parts = [
        f"{protocol['checkpoint']:06d}",
        "ema" if protocol["weights"] == "average" else "",
        str(protocol["samples"]) if protocol["samples"] != SAMPLES else "",
        f"seed{settings['seed']}" if settings["seed"] != Settings.seed else "",
        settings["pyramid"] if settings["pyramid"] != Settings.pyramid else "",
        f"against-{_UNSAFE.sub('_', against)[:60]}" if against else "",
    ]
    return "-".join(filter(None, parts))


def _same_protocol(first: dict, second: dict) -> bool:
    """Whether two protocols agree; an entry that only some metrics use, such as a classifier, may be missing in one.

    What a judge was found to see does not count: one that an earlier version has trained is tested later.
    """
    first, second = _untested(first), _untested(second)
    return _united(first, second) == _united(second, first)


def _untested(protocol: dict) -> dict:
    """The protocol without what `FeatureNetwork.describe` says beside the network, its training and its accuracy."""
    reference = protocol.get("reference")
    if not isinstance(reference, dict) or not isinstance(reference.get("classifier"), dict):
        return protocol
    judge = {name: value for name, value in reference["classifier"].items() if name not in FOUND}
    return {**protocol, "reference": {**reference, "classifier": judge}}


def _united(first: dict, second: dict) -> dict:
    """The second protocol, with its missing entries taken from the first."""
    whole = {**first, **{name: value for name, value in second.items() if value is not None}}
    if isinstance(whole.get("reference"), dict) and isinstance(first.get("reference"), dict):
        whole["reference"] = {
            name: first["reference"].get(name) if value is None else value for name, value in whole["reference"].items()
        }
    return whole


def _kept(target: Path) -> Optional[dict]:
    """The content of an earlier evaluation's file; None if there is no file."""
    if not os.path.lexists(target):
        return None
    if target.is_symlink() or not target.is_file():
        raise OutputError(f"{target} is not a plain file; nothing was written. Move it away.")
    found = read_json(target)
    if not is_record(found):
        raise OutputError(f"{target} is not a file of `mxgan evaluate`; nothing was written. Move it away.")
    return found
