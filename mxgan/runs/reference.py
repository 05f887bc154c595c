"""Reference of a run's metrics: its training images, and the networks that compare samples with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Callable, NamedTuple, Optional, Union

import numpy as np

from mxgan.data import UNKNOWN, ImageArrayIter
from mxgan.errors import ArgumentError, listed
from mxgan.evaluation.evaluate import Networks, gather, measured_side, needs_of
from mxgan.evaluation.judges.cache import kept_classifier
from mxgan.evaluation.judges.data import LabelledData
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.onnx_features import OnnxFeatures
from mxgan.evaluation.reference import Reference, image_chunks
from mxgan.runs.data import config_of_set, data_record, name_of_place, open_images, trained_split
from mxgan.runs.judging import (
    CLASSIFIED,
    held_out_accuracy,
    labels_known,
    misleading,
    planned_judge,
    warn_of_chance,
)
from mxgan.runs.left_out import UNTOLD, reasons_against, refuse_without_inception, without
from mxgan.runtime.progress import tracked

__all__ = ["PlannedReference", "open_reference", "plan_reference"]


class _RealSide(NamedTuple):
    """The images that samples are compared with, and the judge of both.

    judged : the configuration whose data set the judge is trained on.
    known : whether the classes of the images are those of the judge.
    """

    data: object
    judge: Union[FeatureNetwork, LabelledData, None]
    judged: object
    known: bool


@dataclass
class PlannedReference:
    """A reference whose metrics are known, and whose data can be read; `open` does the long work, once.

    Attributes
    ----------
    names : the metrics to measure. The others are those of `plan_reference`.
    """

    names: list
    config: object
    asked: Optional[Sequence[str]]
    inception: Optional[OnnxFeatures]
    count: int
    kept: Optional[int]
    trained: Callable
    progress: Optional[bool]
    against: Union[str, Path, None]
    _side: Optional[_RealSide]
    _made: Optional[Reference] = None

    def open(self) -> Reference:
        """The reference; the first call may train a classifier."""
        if self._made is None:
            self._made, self._side = self._make(*self._side), None  # what it was made of is not kept in memory
            self.names = self._made.names
        return self._made

    def _make(self, data, judge, judged, known: bool) -> Reference:
        is_trained = not isinstance(judge, LabelledData)
        classifier = judge if is_trained else self.trained(judge, progress=self.progress)
        networks = Networks(classifier, self.inception)
        warn_of_chance(classifier)
        # A run in training is followed by what judge it has: its figures are compared with each other alone.
        weak = misleading(classifier, self.names) if self.trained is kept_classifier else {}
        names, count = without(weak, self.names, self.asked), self.count
        chunks = ((images, labels if known else None) for images, labels in image_chunks(data, count))
        shown = tracked(self.progress, chunks, "real images", count)
        bundle = gather(shown, count, networks, names, None if self.kept is None else min(self.kept, count))
        if "class_agreement" in names and (self.against is None or judged is not self.config):  # else none is its own
            trained_on = None if is_trained else judge
            bundle = replace(bundle, accuracy=held_out_accuracy(judged, classifier, trained_on, self.progress))
        protocol = _protocol(self.config, data, count, networks, self.against)
        return Reference(bundle, networks, names, protocol, _class_counts(data, count))


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
        refuse_without_inception(names or ())
    looking = OnnxFeatures(inception) if inception is not None else None
    side = _real_side(config, wanted, seed, classifier, check, progress, against, classes)
    place = side.data.name if against is None else str(against)
    networks = Networks(side.judge, looking)
    reasons = reasons_against(config, side.data, networks, wanted, side.known, held_out, place)
    count = min(count, side.data.num_images)
    chosen = without(reasons, wanted, names, UNTOLD)
    return PlannedReference(chosen, config, names, looking, count, kept, trained, progress, against, side)


def _real_side(config, wanted: Sequence[str], seed: int, classifier, check, progress, against, classes) -> _RealSide:
    """The run's own images, or those of `against`; the judge is of the run's own, if these train one."""
    other = None if against is None else config_of_set(config, against)
    data = judge = None
    judged = config
    if against is None or _is_judged_by_own(config, wanted, classifier):
        data = open_images(config, progress, seed=seed, split=trained_split(config))
        if check is not None:
            check(data_record(data))
        judge = planned_judge(config, data, wanted, classifier, progress)
    if other is not None:
        data = _in_own_classes(config, open_images(other, progress, seed=seed), against, classes)
        if judge is None:
            judge, judged = planned_judge(other, data, wanted, classifier, progress), other
    return _RealSide(data, judge, judged, labels_known(data, judge))


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
