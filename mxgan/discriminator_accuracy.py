"""How well a D that classifies too does so: its accuracy on a test set, while it trains."""

from __future__ import annotations

import logging
from typing import Callable, Optional, Union

from mxgan.callbacks import Measuring
from mxgan.classifier_training import accuracy
from mxgan.files import LineFile

__all__ = ["ClassifierAccuracy", "classifier_accuracy"]

logger = logging.getLogger(__name__)


def classifier_accuracy(pair, data) -> float:
    """Share of the images of `data`, each seen once, that D puts into their class; BatchNorm by its moving statistics.

    `data` is an iterator of mxgan.data over labelled images, of the pair's batch size.
    """
    return accuracy(lambda images: pair.classify(images).asnumpy(), data)


class ClassifierAccuracy(Measuring):
    """Every `every` steps and at the end: accuracy on `data`, to the log and a line of `lines`."""

    def __init__(self, lines: LineFile, data, every: Union[int, str], before: Optional[Callable] = None) -> None:
        super().__init__(lines, every, before)
        self._data = data

    def due(self, trainer) -> None:
        found = classifier_accuracy(trainer.pair, self._data)
        logger.info("step %d: test accuracy %.4f on %s images", trainer.step, found, f"{self._data.num_images:,}")
        self.record(trainer, {"test_accuracy": found}, images=self._data.num_images)

    def metric_names(self) -> list:
        return ["test_accuracy"]
