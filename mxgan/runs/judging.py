"""The judge of a run's samples: which feature network is used or trained for its data, and why none can be."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Union

from mxgan.data import ImageArrayIter
from mxgan.errors import listed
from mxgan.evaluation.classifier import LabelledData, labelled_data
from mxgan.evaluation.evaluate import needs_of
from mxgan.evaluation.features import FeatureNetwork

__all__ = ["labels_known", "planned_judge", "why_untrained"]

logger = logging.getLogger(__name__)

CLASSIFIED = {"features", "probabilities"}


def labels_known(data, judge) -> bool:
    """Whether the data's labels and the classifier, trained or not, have the same class names in the same order."""
    if judge is None or not data.num_classes:
        return False
    known = data.class_titles
    found = judge.train.class_titles if isinstance(judge, LabelledData) else judge.class_names
    if known != found:
        logger.warning(
            "The classifier knows %s, and the data have %s: the data's own labels are not used.",
            _listed(found),
            _listed(known),
        )
    return known == found


def _listed(names: list) -> str:
    return f"{len(names)} classes ({listed(names, 3)})"


def why_untrained(data) -> str:
    """Why no classifier is trained on these data; "" if one is."""
    if (data.num_classes or 0) < 2:
        return "has no classes to train one on"
    return "" if isinstance(data, ImageArrayIter) else "is read from the disk, and one is trained on images in memory"


def planned_judge(config, data, wanted: Sequence[str], folder, progress) -> Union[FeatureNetwork, LabelledData, None]:
    """The given classifier, or the data to train one on; None if no metric needs one, or the data train none."""
    if folder is not None:
        return FeatureNetwork.load(folder)
    if not needs_of(wanted) & CLASSIFIED or why_untrained(data):
        return None
    own = {"most_broken": config.most_broken, "background": config.background, "labels": config.labels}
    return labelled_data(config.dataset, config.data_dir, progress=progress, **own)
