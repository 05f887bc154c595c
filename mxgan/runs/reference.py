"""What a run's samples are compared with: the images it is trained on, and the networks that look at both."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.evaluation.classifier import class_titles, labelled_data
from mxgan.evaluation.classifier_cache import kept_classifier
from mxgan.evaluation.evaluate import Networks, gather, measured_side, needs_of
from mxgan.evaluation.features import FeatureNetwork
from mxgan.evaluation.metrics import METRICS, NEEDS
from mxgan.evaluation.onnx_features import OnnxFeatures
from mxgan.evaluation.reference import Reference, image_chunks
from mxgan.runs.data import held_out_split, open_images, trained_split

__all__ = ["open_reference"]

logger = logging.getLogger(__name__)

CLASSIFIED = {"features", "probabilities"}


def open_reference(
    config,
    default: Sequence[str],
    names: Optional[Sequence[str]] = None,
    *,
    count: int,
    kept: Optional[int] = None,
    seed: int = 0,
    classifier: Union[str, Path, None] = None,
    inception: Union[str, Path, None] = None,
    check: Optional[Callable] = None,
    progress: Optional[bool] = None,
) -> Reference:
    """The images of a run's data set that its samples are measured against, `count` of them or all there are.

    Parameters
    ----------
    default : metrics of which those are measured that the data allow, where `names` is None.
    names : metrics that must be measured.
    kept : of how many of them the images stay in the bundle, see `gather`.
    classifier : folder of a trained one; None: that of the data set, trained where it is not in the cache.
    inception : an ONNX file; None: no `fid`.
    check : called with the data's fingerprint before anything is trained or looked at; may raise.

    Raises
    ------
    ArgumentError : a metric in `names` that cannot be measured, and why. MXGANError : data or a file that cannot be
    read.
    """
    wanted = list(default if names is None else names)
    if names is not None and inception is None:
        _refuse_without(names, "inception")
    data = open_images(config, progress, seed=seed, split=trained_split(config))
    if check is not None:
        check(data.fingerprint)
    networks = Networks(
        _classifier(config, data, wanted, classifier, progress, names is not None),
        OnnxFeatures(inception) if inception is not None else None,
    )
    known = _labels_known(data, networks)
    chosen = _measurable(config, data, networks, wanted, known, names is not None)
    count = min(count, data.num_images)
    chunks = ((images, labels if known else None) for images, labels in image_chunks(data, count))
    bundle = gather(chunks, count, networks, chosen, None if kept is None else min(kept, count))
    return Reference(bundle, networks, chosen, _protocol(config, data, count, networks), _class_counts(data, count))


def _class_counts(data, count: int) -> Optional[np.ndarray]:
    """How many of the images that `image_chunks` gives are of each class; None where they have none."""
    if not data.num_classes:
        return None
    return np.bincount(data.labels[data.order(0)[:count]].astype(np.int64), minlength=data.num_classes)


def _measurable(config, data, networks: Networks, wanted: Sequence[str], labels_known: bool, must: bool) -> list:
    """Those of the wanted metrics that can be measured; another one is an error if they `must`, else left out."""
    have = {
        "images": True,
        **dict.fromkeys(CLASSIFIED, networks.classifier is not None),
        "inception": networks.inception is not None,
        "held_out": held_out_split(config) is not None,
        "labels": labels_known and config.recipe.network.generator_classes == data.num_classes,
    }
    chosen = [name for name in wanted if all(have[need] for need in METRICS[name].needs)]
    if must and len(chosen) < len(wanted):
        _refuse(next(name for name in wanted if name not in chosen), config, have)
    left_out = [name for name in wanted if name not in (*chosen, "fid", "class_agreement")]
    if left_out:
        logger.info("Left out, for these data do not allow it: %s.", ", ".join(left_out))
    return _with_images_enough(chosen, data, must)


def _with_images_enough(names: Sequence[str], data, must: bool) -> list:
    """The metrics for which there are real images enough; others are an error if they `must`, else left out."""
    few = [name for name in names if METRICS[name].least > data.num_images]
    told = ", ".join(f"{name} ({METRICS[name].least})" for name in few)
    if few and (must or len(few) == len(names)):
        raise ArgumentError(
            f"{data.name} has {data.num_images} images here, and more are needed for {told}: raise the limit, give "
            "more images, or leave that out."
        )
    if few:
        logger.warning("%s has %d images; left out, for they need more: %s.", data.name, data.num_images, told)
    return [name for name in names if name not in few]


def _protocol(config, data, count: int, networks: Networks) -> dict:
    return {
        "dataset": config.dataset,
        "split": trained_split(config),
        "fingerprint": data.fingerprint,
        "images": count,
        "image_shape": list(config.recipe.network.image_shape),
        "measured_side": measured_side(config.recipe.network.image_shape[1:]),
        "classifier": networks.classifier.describe() if networks.classifier else None,
        "inception": networks.inception.describe() if networks.inception else None,
    }


def _labels_known(data, networks: Networks) -> bool:
    """Whether the data's labels count the same classes, by their names, as the classifier does."""
    if networks.classifier is None or not data.num_classes:
        return False
    known, found = class_titles(data), networks.classifier.class_names
    if known != found:
        logger.warning(
            "The classifier tells %s apart, and the data %s: the data's own labels are not used.",
            _listed(found),
            _listed(known),
        )
    return known == found


def _listed(names: list) -> str:
    return f"{len(names)} classes ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})"


def _classifier(
    config, data, wanted: Sequence[str], folder, progress: Optional[bool], must: bool
) -> Optional[FeatureNetwork]:
    """The given classifier, or the data set's own; None where no metric wants one, or the data have no classes."""
    needing = [name for name in wanted if needs_of([name]) & CLASSIFIED]
    if folder is not None:
        return FeatureNetwork.load(folder)
    if not needing:
        return None
    if (data.num_classes or 0) >= 2:
        broken = {} if config.most_broken is None else {"most_broken": config.most_broken}
        labelled = labelled_data(config.dataset, config.data_dir, progress=progress, **broken)
        return kept_classifier(labelled, progress=progress)
    without = ", ".join(name for name, row in METRICS.items() if row.needs == ("images",))
    reason = f"the data set {config.dataset!r} has no classes that one could be trained on"
    if must:
        raise ArgumentError(
            f"{needing[0]} needs a classifier, and {reason}; give a trained one (--classifier FOLDER), or ask for "
            f"metrics that need none: {without}."
        )
    logger.info("Metrics that need a classifier are left out: %s.", reason)
    return None


def _refuse_without(names: Sequence[str], need: str) -> None:
    for name in names:
        if need in needs_of([name]):
            raise ArgumentError(f"{name} wants --inception FILE.onnx: {NEEDS[need].remedy}.")


def _refuse(name: str, config, have: dict) -> None:
    lacking = next(need for need in METRICS[name].needs if not have[need])
    if lacking == "labels":
        raise ArgumentError(
            f"{name} is of generators that are asked for a class, and of a classifier of the same classes; the network "
            f"{config.recipe.network.name!r} takes {config.recipe.network.generator_classes or 'no'} classes. Leave it "
            "out, or give another --classifier."
        )
    raise ArgumentError(
        f"{name} needs images that the run was not trained on, and of the data set {config.dataset!r} it was trained "
        f"on {trained_split(config) or 'all'}; leave {name} out, or train with --set split=train where there is one."
    )
