"""Reference of a run's metrics: its training images, and the networks that compare samples with them."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Callable, Optional, Union

import numpy as np

from mxgan.data import UNKNOWN, ImageArrayIter
from mxgan.errors import ArgumentError, listed
from mxgan.evaluation.evaluate import Networks, gather, measured_side, needs_of
from mxgan.evaluation.judges.cache import kept_classifier
from mxgan.evaluation.judges.data import LabelledData
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.onnx_features import OnnxFeatures
from mxgan.evaluation.metrics import METRICS, NEEDS
from mxgan.evaluation.reference import Reference, image_chunks
from mxgan.runs.data import config_of_set, data_record, held_out_split, name_of_place, open_images, trained_split
from mxgan.runs.judging import (
    CLASSIFIED,
    held_out_accuracy,
    labels_known,
    misleading,
    planned_judge,
    without_judge,
)
from mxgan.runtime.progress import tracked

__all__ = ["PlannedReference", "open_reference", "plan_reference"]

logger = logging.getLogger(__name__)

NO_INCEPTION = f"needs --inception FILE.onnx: {NEEDS['inception'].remedy}"
_FLAG = re.compile(r"--[a-z-]+ [\w.=]*\w")  # in an advice
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
    classifier: Union[FeatureNetwork, str, Path, None] = None,
    inception: Union[str, Path, None] = None,
    check: Optional[Callable] = None,
    trained: Callable = kept_classifier,
    progress: Optional[bool] = None,
    against: Union[str, Path, None] = None,
    classes: Sequence[str] = (),
    held_out: bool = False,
) -> PlannedReference:
    """The reference of a run's metrics from `count` images of its data set, or from all if there are fewer.

    What can be refused is refused here; a classifier is trained, and images are looked at, when it is opened.

    Parameters
    ----------
    default : the metrics if `names` is None; metrics that the data do not allow are left out.
    names : metrics that must be measured.
    kept : the number of images that stay in the bundle, see `gather`.
    classifier : a trained judge, or its folder; None: the data set's own, by `trained`.
    inception : an ONNX file; None: no `fid`.
    check : called with the `data_record` of the data before anything is trained or measured; it may raise.
    trained : gives the classifier of labelled data, ``trained(data, progress=…)``.
    against : a folder or zip archive of images, which are the reference instead of the training images. The classifier
        is that of the run's own data, if these train one.
    classes : with `against`, the names of the classes that the run was trained on, if they are known.
    held_out : whether images are given that the run was not trained on, for `copies`.

    Raises
    ------
    ArgumentError : a metric in `names` cannot be measured; the message says why.
    MXGANError : the data or a file cannot be read.
    """
    wanted = list(default if names is None else names)
    if inception is None:
        _refuse_without_inception(names or ())
    looking = OnnxFeatures(inception) if inception is not None else None
    other = None if against is None else config_of_set(config, against)
    own = data = judge = None
    judged = config  # the data set that the judge would be trained on
    if against is None or _is_judged_by_own(config, wanted, classifier):
        own = data = open_images(config, progress, seed=seed, split=trained_split(config))
        if check is not None:
            check(data_record(own))
        judge = planned_judge(config, own, wanted, classifier, progress)
    if against is not None:
        data = _in_own_classes(config, open_images(other, progress, seed=seed), against, classes)
        if judge is None:
            judge, judged = planned_judge(other, data, wanted, classifier, progress), other
    known = labels_known(data, judge)
    place = data.name if against is None else str(against)
    reasons = _reasons(config, data, Networks(judge, looking), wanted, known, held_out, place)
    chosen = _without(reasons, wanted, names)
    count = min(count, data.num_images)

    def make() -> Reference:
        is_trained = not isinstance(judge, LabelledData)
        networks = Networks(judge if is_trained else trained(judge, progress=progress), looking)
        # A run in training is followed by what judge it has: its figures are compared with each other alone.
        weak = misleading(networks.classifier, chosen) if trained is kept_classifier else {}
        measured = _without(weak, chosen, names)
        chunks = ((images, labels if known else None) for images, labels in image_chunks(data, count))
        shown = tracked(progress, chunks, "real images", count)
        bundle = gather(shown, count, networks, measured, None if kept is None else min(kept, count))
        if "class_agreement" in measured and (against is None or judged is not config):  # else no image is one of its
            trained_on = None if is_trained else judge
            bundle = replace(bundle, accuracy=held_out_accuracy(judged, networks.classifier, trained_on, progress))
        protocol = _protocol(config, data, count, networks, against)
        return Reference(bundle, networks, measured, protocol, _class_counts(data, count))

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


def _is_judged_by_own(config, wanted: Sequence[str], classifier) -> bool:
    """Whether the classifier of the run's own data is needed, and these are known."""
    return classifier is None and config.dataset != UNKNOWN and bool(needs_of(wanted) & CLASSIFIED)


def _in_own_classes(config, data, against, classes: Sequence[str]):
    """Images of another set with the class numbers of the run.

    Where the names of their classes are others: ArgumentError for a generator that takes classes, since it would be
    asked for the wrong ones; for another generator the images stay as they are, and nothing asks for their classes.
    """
    if not data.num_classes or (not config.recipe.network.generator_classes and not classes):
        return data
    known = list(classes) or [str(number) for number in range(config.recipe.network.generator_classes)]
    unknown = [title for title in data.class_titles if title not in known]
    if not unknown:
        return data.in_classes(known)
    if config.recipe.network.generator_classes:
        raise ArgumentError(
            f"{against} has the classes {listed(data.class_titles, 3)}, and the run was trained on "
            f"{listed(known, 3)}: {listed(unknown, 3)} is not one of them. Name the subfolders as the run's classes, "
            "or put the images into one folder without subfolders."
        )
    return data


def _reasons(config, data, networks: Networks, wanted: Sequence[str], known: bool, held_out: bool, place: str) -> dict:
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
    if config.dataset == UNKNOWN:
        lacking["held_out"] = (
            "needs the images that the run was trained on, and the run was imported without data; leave it out, or "
            "give them (--dataset NAME)"
        )
    elif not held_out and config.held_out is None and held_out_split(config) is None:
        lacking["held_out"] = (
            f"needs images that the run was not trained on, and the run was trained on {trained_on} of the data set "
            f"{config.dataset!r}; leave it out, give such images (--held-out FOLDER), or keep a part back from "
            "training, with --set held_out=0.1"
        )
    found = {}
    for name in wanted:
        row = METRICS[name]
        reasons = [lacking[need] for need in row.needs if need in lacking]
        if row.least > data.num_images:
            raised = "raise the limit, " if config.limit and place == data.name else ""
            reasons.append(
                f"{FEW} {row.least} images, and {place} has {data.num_images} here; {raised}give more images, or "
                "leave it out"
            )
        if name == "classifier_score" and _is_of_one_class(data):
            reasons.append(
                f"means nothing for the images of one class, and {place} has one; leave it out, and measure frechet or "
                "coverage"
            )
        if reasons:
            found[name] = reasons[0]
    return found


def _is_of_one_class(data) -> bool:
    counts = data.class_counts
    return counts is not None and np.count_nonzero(counts) == 1


def _log_left_out(reasons: Mapping[str, str]) -> None:
    """Log the metrics that are left out, those of one reason in one line."""
    names: dict = {}
    for name, reason in reasons.items():
        if name not in UNTOLD:
            names.setdefault(reason, []).append(name)
    for reason, left_out in names.items():
        level = logging.WARNING if FEW in reason else logging.INFO
        why, _, advice = reason.partition(";")
        flags = " or ".join(_FLAG.findall(advice))  # without the advice to leave it out
        logger.log(level, "Left out: %s: %s.%s", ", ".join(left_out), why, f" Remedy: {flags}." if flags else "")


def _class_counts(data, count: int) -> Optional[np.ndarray]:
    """The number of images of each class in `image_chunks`; None if the data have no classes.

    Of a .rec file it is the number in the whole file, because MXNet draws the order.
    """
    if not data.num_classes or not isinstance(data, ImageArrayIter):
        return data.class_counts
    return np.bincount(data.labels[data.order(0)[:count]].astype(np.int64), minlength=data.num_classes)


def _protocol(config, data, count: int, networks: Networks, against=None) -> dict:
    name = None if against is None else name_of_place(against)
    return {
        "dataset": name or config.dataset,
        "split": trained_split(config) if name is None else None,
        **({} if name is None else {"against": name}),
        "fingerprint": data.fingerprint,
        "images": count,
        "image_shape": list(config.recipe.network.image_shape),
        "measured_side": measured_side(config.recipe.network.image_shape[1:]),
        "classifier": networks.classifier.describe() if networks.classifier else None,
        "inception": networks.inception.describe() if networks.inception else None,
    }
