"""The judge of a run's samples: which feature network is used or trained for its data, and what it cannot measure."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from types import MappingProxyType
from typing import Optional, Union

from mxgan.errors import ArgumentError, listed
from mxgan.evaluation.evaluate import needs_of
from mxgan.evaluation.judges.data import FEWEST, LabelledData, architecture_for, images_of_set, labelled_data
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.settings import training_of
from mxgan.evaluation.metrics import METRICS

__all__ = [
    "given_judge",
    "held_out_accuracy",
    "labels_known",
    "misleading",
    "planned_judge",
    "warn_of_chance",
    "without_judge",
]

logger = logging.getLogger(__name__)

FEW = 500  # images under which a rotation judge has seen too little to be called sound
CLASSIFIED = {"features", "probabilities"}

# The held-out accuracy under which a metric misleads, by the trials in docs/judges.md. An absent class gets on average
# the share 1 - accuracy of its own share from errors, so it is not found from 10 % of errors on
# (Settings.missing_share); at 5 % a class that attracts twice as many is found too. Under 80 % most real images of some
# class are called another.
LEAST_ACCURACY = MappingProxyType({"missing_classes": 0.95, "class_agreement": 0.8})


def _has_classes(data) -> bool:
    return (data.num_classes or 0) >= 2


def planned_judge(
    config, data, wanted: Sequence[str], given, progress: Optional[bool]
) -> Union[FeatureNetwork, LabelledData, None]:
    """The given judge (or the one in a folder), or the data to train one on.

    None if no metric needs one, or the data train none.
    """
    if given is not None:
        return given if isinstance(given, FeatureNetwork) else FeatureNetwork.load(given)
    architecture = architecture_for(data)
    if architecture is None or not needs_of(wanted) & (CLASSIFIED if _has_classes(data) else {"features"}):
        return None
    if architecture == "rotation" and images_of_set(data) < FEW:
        logger.warning(
            "%s has %d images without classes, fewer than %d: their judge sees little, and its figures order only "
            "samples that differ much. Give the images classes, or a judge of more images (--classifier FOLDER).",
            data.name,
            images_of_set(data),
            FEW,
        )
    return _labelled(config, training_of(architecture), progress)


def given_judge(folder, names: Sequence[str]) -> FeatureNetwork:
    """The judge in a folder, before any data are read.

    Raises
    ------
    ArgumentError : it has no classes, or is right too rarely, for one of the metrics `names`.
    MXGANError : the folder has no judge.
    """
    judge = FeatureNetwork.load(folder)
    for name in names:
        if not judge.classes and "probabilities" in needs_of([name]):
            raise ArgumentError(
                f"{name} needs a classifier, and the judge in {folder} knows no classes; give another one "
                "(--classifier FOLDER), or leave it out."
            )
    for name, reason in misleading(judge, names).items():
        raise ArgumentError(f"{name} {reason}.")
    return judge


def _labelled(config, training, progress: Optional[bool]) -> LabelledData:
    own = {"most_broken": config.most_broken, "background": config.background, "labels": config.labels}
    return labelled_data(config.dataset, config.data_dir, training, progress, **own)


def held_out_accuracy(
    config, judge: FeatureNetwork, trained_on: Optional[LabelledData], progress: Optional[bool]
) -> Optional[tuple]:
    """(share, number) of the held-out images that a judge is right on, if it was trained on the data set of `config`.

    None for a judge of other data: all images of this data set are new to it.

    Parameters
    ----------
    trained_on : what it was trained on, if it is not a judge that was given. The record of a given one has the sha256
        of its images; the data set is read as it would be for the training of such a judge.
    """
    known = judge.record.get("accuracy"), judge.record.get("test_images")
    if None in known or not isinstance(judge.record.get("data"), dict):
        return None
    if trained_on is None and judge.record["data"].get("name") == config.dataset:
        settings = judge.record.get("training", {})
        asked = {name: settings[name] for name in ("seed", "image_size") if isinstance(settings.get(name), int)}
        trained_on = _labelled(config, training_of(judge.architecture, **asked), progress)
    return known if trained_on is not None and trained_on.describe() == judge.record["data"] else None


def without_judge(config, data, judge: Union[FeatureNetwork, LabelledData, None]) -> dict:
    """{need of a metric: reason why this judge, or that there is none, leaves it without}."""
    if judge is None and _has_classes(data):
        return {}  # no wanted metric needs one
    if judge is not None and (judge.training.needs_classes if isinstance(judge, LabelledData) else judge.classes):
        return {}
    why = f"needs a classifier, and the data set {config.dataset!r} has no classes to train one on"
    remedy = "give a trained one (--classifier FOLDER), or choose metrics that need none:"
    if judge is None and architecture_for(data) is None:
        known = ", ".join(name for name, row in METRICS.items() if row.needs == ("images",))
        few = f"and fewer than the {FEWEST} images for a judge without classes"
        return dict.fromkeys(CLASSIFIED, f"{why}, {few}; {remedy} {known}")
    known = ", ".join(name for name, row in METRICS.items() if set(row.needs) <= {"images", "features"})
    return {"probabilities": f"{why}; {remedy} {known}"}


def misleading(judge: Optional[FeatureNetwork], names: Sequence[str]) -> dict:
    """{metric: reason} of those for which a trained judge is right too rarely. One of unknown accuracy is trusted."""
    share = None if judge is None or not judge.classes else judge.record.get("accuracy")
    if share is None:
        return {}
    return {
        name: f"misleads with a classifier that is right on {100 * share:.1f} % of its test images; it needs "
        f"{100 * LEAST_ACCURACY[name]:.0f} %; give a better one (--classifier FOLDER), or leave it out"
        for name in names
        if share < LEAST_ACCURACY.get(name, 0)
    }


def warn_of_chance(judge: Optional[FeatureNetwork]) -> None:
    """Warn of a classifier that is right on about as many held-out images as one that guesses, within two errors.

    One that guesses names each class equally often. A judge that tells turns is not meant: at 31 % of the turns the
    features of one put all changes of the test into their order (docs/judges.md).
    """
    if judge is None or not judge.classes:
        return
    share, count = (judge.record.get(key) for key in ("accuracy", "test_images"))
    if share is None or not count:
        return
    chance = 1 / judge.classes
    error = math.sqrt(chance * (1 - chance) / count)
    if share <= chance + 2 * error:
        logger.warning(
            "The judge is right on %.1f %% of its held-out images (%d); one that guesses is right on %.1f %%, and by "
            "luck on up to %.1f %%. The figures that it gives may mean nothing. Give more images, or a judge of other "
            "images (--classifier FOLDER).",
            100 * share,
            count,
            100 * chance,
            100 * min(1.0, chance + 2 * error),
        )


def labels_known(data, judge) -> bool:
    """Whether the data's labels and the classifier, trained or not, have the same class names in the same order."""
    if judge is None or not data.num_classes:
        return False
    known = data.class_titles
    if isinstance(judge, LabelledData):
        return judge.training.needs_classes and known == judge.train.class_titles
    found = judge.class_names
    if known != found and found:
        logger.warning(
            "The classifier knows %s, and the data have %s: the data's own labels are not used.",
            _listed(found),
            _listed(known),
        )
    return known == found


def _listed(names: list) -> str:
    return f"{len(names)} classes ({listed(names, 3)})"
