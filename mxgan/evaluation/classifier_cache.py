"""The classifier of a data set, kept in the user's cache.

Weights are not shipped: they follow from the data and the settings, offline, and are kept under the sha256 of both.
"""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Optional

from mxgan.errors import CheckpointError, CorruptFileError, OutputError
from mxgan.evaluation.classifier import ClassifierTraining, LabelledData, train_classifier
from mxgan.evaluation.features import FeatureNetwork
from mxgan.evaluation.lenet import LeNet
from mxgan.runtime.cache import cache_folder
from mxgan.runtime.config import to_dict
from mxgan.runtime.files import remove_folder

__all__ = ["kept_classifier"]

logger = logging.getLogger(__name__)

_VERSION = 1  # to be raised whenever the same data and settings would give another classifier


def kept_classifier(
    data: LabelledData, training: ClassifierTraining = ClassifierTraining(), progress: Optional[bool] = None
) -> FeatureNetwork:
    """The classifier of these data and settings, out of the user's cache; trained and kept where it is not there.

    A kept one that is damaged is trained again; where the cache cannot be written it is trained each time.
    """
    folder = _kept_under(data, training)
    found = _recalled(folder)
    if found is None:
        logger.info("Training a classifier on %s, to be kept in %s", data.name, folder)
        found = train_classifier(data, training, progress)
        figures = (100 * found.record["accuracy"], found.record["test_images"])
        logger.info("It puts %.2f %% of %d images into their class.", *figures)
        _keep(found, folder)
    return found


def _kept_under(data: LabelledData, training: ClassifierTraining) -> Path:
    network = LeNet(classes=data.train.num_classes, image_size=training.image_size)
    asked = {"version": _VERSION, "data": data.describe(), "training": to_dict(training), "network": to_dict(network)}
    name = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()[:32]
    return cache_folder("classifiers", f"{data.name}-{name}")


def _recalled(folder: Path) -> Optional[FeatureNetwork]:
    if not folder.exists():
        return None
    try:
        return FeatureNetwork.load(folder)
    except (CheckpointError, CorruptFileError) as error:
        logger.warning("%s cannot be used (%s): the classifier is trained again.", folder, error)
        return None


def _keep(network: FeatureNetwork, folder: Path) -> None:
    try:
        if folder.exists() and _recalled(folder) is None:  # damaged; a whole one is of another process, and the same
            remove_folder(folder)
        if not folder.exists():
            network.save(folder)
    except (OutputError, OSError) as error:
        logger.warning("The classifier is not kept, and is trained again the next time: %s", error)
