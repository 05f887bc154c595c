"""Reference of a run's metrics: its training images, and the networks that compare samples with them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np

from mxgan.data import ImageArrayIter
from mxgan.errors import ArgumentError
from mxgan.evaluation.classifier_cache import kept_classifier
from mxgan.evaluation.evaluate import Networks, gather, measured_side, needs_of
from mxgan.evaluation.judge_data import LabelledData
from mxgan.evaluation.metrics import METRICS, NEEDS
from mxgan.evaluation.onnx_features import OnnxFeatures
from mxgan.evaluation.reference import Reference, image_chunks
from mxgan.runs.data import data_record, held_out_split, open_images, trained_split
from mxgan.runs.judging import labels_known, misleading, planned_judge, without_judge
from mxgan.runtime.progress import tracked

__all__ = ["PlannedReference", "open_reference", "plan_reference"]

logger = logging.getLogger(__name__)

NO_INCEPTION = f"needs --inception FILE.onnx: {NEEDS['inception'].remedy}"
FEW = "needs at least"  # so many images: the user may have more
UNTOLD = ("fid", "class_agreement")  # few runs can measure them, so there is no message that they are left out


class PlannedReference:
    """A reference whose metrics are known, and whose data can be read; `open` does the long work, once.

    Attributes
    ----------
    names : the metrics to measure. Opened, it may lack some that the trained judge cannot measure well.
    """

    def __init__(self, names: list, make: Callable) -> None:
        self.names, self._make, self._made = names, make, None

    def open(self) -> Reference:
        """The reference; the first call may train a classifier."""
        if self._made is None:
            self._made, self._make = self._make(), None  # what it was made of is not kept in memory
            self.names = self._made.names
        return self._made


def open_reference(*given, **settings) -> Reference:
    """The reference of `plan_reference`, opened."""
    return plan_reference(*given, **settings).open()


def plan_reference(
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
    trained: Callable = kept_classifier,
    progress: Optional[bool] = None,
) -> PlannedReference:
    """The reference of a run's metrics from `count` images of its data set, or from all if there are fewer.

    What can be refused is refused here; a classifier is trained, and images are looked at, when it is opened.

    Parameters
    ----------
    default : the metrics if `names` is None; metrics that the data do not allow are left out.
    names : metrics that must be measured.
    kept : the number of images that stay in the bundle, see `gather`.
    classifier : folder of a trained classifier; None: the data set's own, by `trained`.
    inception : an ONNX file; None: no `fid`.
    check : called with the `data_record` of the data before anything is trained or measured; it may raise.
    trained : gives the classifier of labelled data, ``trained(data, progress=…)``.

    Raises
    ------
    ArgumentError : a metric in `names` cannot be measured; the message says why.
    MXGANError : the data or a file cannot be read.
    """
    wanted = list(default if names is None else names)
    if inception is None:
        _refuse_without_inception(names or ())
    data = open_images(config, progress, seed=seed, split=trained_split(config))
    if check is not None:
        check(data_record(data))
    judge = planned_judge(config, data, wanted, classifier, progress)
    looking = OnnxFeatures(inception) if inception is not None else None
    known = labels_known(data, judge)
    reasons = _reasons(config, data, Networks(judge, looking), wanted, known)
    chosen = _without(reasons, wanted, names)
    count = min(count, data.num_images)

    def make() -> Reference:
        own = isinstance(judge, LabelledData)
        networks = Networks(trained(judge, progress=progress) if own else judge, looking)
        kept_names = _without(misleading(networks.classifier, chosen), chosen, names)
        chunks = ((images, labels if known else None) for images, labels in image_chunks(data, count))
        shown = tracked(progress, chunks, "real images", count)
        bundle = gather(shown, count, networks, kept_names, None if kept is None else min(kept, count))
        protocol, counts = _protocol(config, data, count, networks), _class_counts(data, count)
        return Reference(bundle, networks, kept_names, protocol, counts)

    return PlannedReference(chosen, make)


def _without(reasons: Mapping[str, str], wanted: Sequence[str], asked: Optional[Sequence[str]]) -> list:
    """The wanted metrics without those that have a reason, which are logged.

    Raises ArgumentError if one of those was `asked` for, or nothing is left.
    """
    chosen = [name for name in wanted if name not in reasons]
    if reasons and (asked is not None or not chosen):
        name, reason = next(iter(reasons.items()))
        raise ArgumentError(f"{name} {reason}.")
    _log_left_out(reasons)
    return chosen


def _refuse_without_inception(names: Sequence[str]) -> None:
    """Raise ArgumentError for a metric that needs an Inception network, before any data are opened."""
    for name in names:
        if "inception" in needs_of([name]):
            raise ArgumentError(f"{name} {NO_INCEPTION}.")


def _reasons(config, data, networks: Networks, wanted: Sequence[str], known: bool) -> dict:
    """{metric: reason why it cannot be measured, with the remedy} among the wanted metrics, in their order."""
    classes, trained_on = config.recipe.network.generator_classes, trained_split(config) or "all"
    lacking = without_judge(config, data, networks.classifier)  # {need of a metric: reason}
    if networks.inception is None:
        lacking["inception"] = NO_INCEPTION
    if not (known and classes == data.num_classes):
        lacking["labels"] = (
            "needs a generator that takes classes, and a classifier of the same classes; the network "
            f"{config.recipe.network.name!r} takes {classes or 'no'} classes. Leave it out, or give another classifier"
        )
    if held_out_split(config) is None:
        lacking["held_out"] = (
            f"needs images that the run was not trained on, and the run was trained on {trained_on} of the data set "
            f"{config.dataset!r}; leave it out, or train on a data set with two splits, with --set split=train"
        )
    found = {}
    for name in wanted:
        row = METRICS[name]
        reasons = [lacking[need] for need in row.needs if need in lacking]
        if row.least > data.num_images:
            reasons.append(
                f"{FEW} {row.least} images, and {data.name} has {data.num_images} here; raise the limit, give more "
                "images, or leave it out"
            )
        if reasons:
            found[name] = reasons[0]
    return found


def _log_left_out(reasons: Mapping[str, str]) -> None:
    """Log the metrics that are left out, those of one reason in one line."""
    names: dict = {}
    for name, reason in reasons.items():
        if name not in UNTOLD:
            names.setdefault(reason.partition(";")[0], []).append(name)  # without the advice to leave it out
    for reason, left_out in names.items():
        level = logging.WARNING if FEW in reason else logging.INFO
        logger.log(level, "Left out: %s: %s.", ", ".join(left_out), reason)


def _class_counts(data, count: int) -> Optional[np.ndarray]:
    """The number of images of each class in `image_chunks`; None if the data have no classes.

    Of a .rec file it is the number in the whole file, because MXNet draws the order.
    """
    if not data.num_classes or not isinstance(data, ImageArrayIter):
        return data.class_counts
    return np.bincount(data.labels[data.order(0)[:count]].astype(np.int64), minlength=data.num_classes)


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
