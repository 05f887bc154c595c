"""The trained classifier of a data set, in the user's cache.

mxgan ships no weights: each user's machine trains the classifier from the data and the settings, offline. The name of
its cache folder has the sha256 of both.
"""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Optional

from mxgan.errors import OutputError
from mxgan.evaluation.judges.data import LabelledData
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.settings import ClassifierTraining
from mxgan.evaluation.judges.training import add_test, train_classifier
from mxgan.evaluation.judges.words import judge_in_words
from mxgan.runtime.cache import cache_folder, recall
from mxgan.runtime.config import to_dict
from mxgan.runtime.files import remove_folder

__all__ = ["classifier_while_training", "kept_classifier"]

logger = logging.getLogger(__name__)

_VERSION = 1  # raise it when the same data and settings would give another classifier


def kept_classifier(
    data: LabelledData, training: Optional[ClassifierTraining] = None, progress: Optional[bool] = None
) -> FeatureNetwork:
    """The judge of these data and settings from the user's cache; trained and saved there if it is missing.

    The settings are those of the data if `training` is None. A judge that an earlier version has kept without a
    `judge_test` is tested. A damaged one is trained again. If the cache is not writable, it is trained each time.
    """
    training = training or data.training
    folder = _kept_under(data, training)
    found = _recalled(folder)
    if found is None:
        steps, what = training.steps_on(data.train), training.network(data.train.num_classes).title
        logger.info("Training a judge (%s) on %s for %d steps, once: it is kept in %s", what, data.name, steps, folder)
        found = train_classifier(data, training, progress, tested=False)
        _keep(found, folder)  # before its test, which may be stopped or fail
        _add_test(found, data, folder)
        logger.info("%s.", judge_in_words(found.describe()))
    elif "judge_test" not in found.record:
        _add_test(found, data, folder)
    return found


def _add_test(network: FeatureNetwork, data: LabelledData, folder: Path) -> None:
    """Test a judge, and keep it with its test; one that could not be kept before is not kept."""
    if add_test(network, data) and folder.exists():
        _keep(network, folder, overwrite=True)


def classifier_while_training(
    data: LabelledData, steps: Optional[int] = None, progress: Optional[bool] = None
) -> FeatureNetwork:
    """The classifier for measurements during a training: the one of `kept_classifier` if it is kept, else a quick one.

    The quick one is trained for at most 1,000 steps, so that a run does not wait long for its judge. It is right on
    98.9 % of MNIST's test images, the other one on 99.4 %, and puts checkpoints into the same order: docs/evaluation.md
    has the figures. Its values cannot be compared with those of the other one.

    Parameters
    ----------
    steps : for a run that continues, the number of steps that its classifier was trained for, so that it gets the same
        one; 0 if that is unknown: the full training. None: the run has no measurement yet.
    """
    full = data.training
    quick = replace(full, most_steps=full.quick_steps)
    most, fewer = full.steps_on(data.train), quick.steps_on(data.train)
    is_quick = _recalled(_kept_under(data, full)) is None if steps is None else steps == fewer
    if most == fewer or not is_quick:
        return kept_classifier(data, full, progress)
    logger.info(
        "The measurements of this run use a classifier of %d steps instead of %d: their values cannot be compared with "
        "those of `mxgan evaluate`, which trains the full one.",
        fewer,
        most,
    )
    return kept_classifier(data, quick, progress)


def _kept_under(data: LabelledData, training: ClassifierTraining) -> Path:
    network = training.network(data.train.num_classes)
    asked = {"version": _VERSION, "data": data.describe(), "training": training.as_json(), "network": to_dict(network)}
    if training.is_shortened_on(data.train):  # earlier versions trained for `least_steps`
        asked["steps"] = training.steps_on(data.train)
    name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
    return cache_folder("classifiers", f"{data.name}-{name}")


def _recalled(folder: Path) -> Optional[FeatureNetwork]:
    return recall(folder, FeatureNetwork.load, "the classifier is trained again")


def _keep(network: FeatureNetwork, folder: Path, overwrite: bool = False) -> None:
    try:
        if overwrite:
            network.save(folder, overwrite=True)
        elif folder.exists() and _recalled(folder) is None:  # damaged; another process may have saved a good one
            remove_folder(folder)
        if not folder.exists():
            network.save(folder)
    except (OutputError, OSError) as error:
        logger.warning("The classifier could not be saved and will be trained again the next time: %s", error)
