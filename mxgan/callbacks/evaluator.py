"""Measurements while a run trains: metrics of its samples, and the accuracy of a discriminator that classifies."""

from __future__ import annotations

import logging
import math
from typing import Callable, Optional, Union

from mxgan.callbacks.base import Measuring, fitting
from mxgan.errors import DivergedError, MXGANError
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.classifier import accuracy
from mxgan.evaluation.evaluate import evaluated, gather
from mxgan.evaluation.reference import Reference, sample_chunks
from mxgan.runtime.files import LineFile
from mxgan.training.sampler import Sampler

__all__ = ["IMAGES", "SAMPLES", "WHILE_TRAINING", "Evaluator"]

logger = logging.getLogger(__name__)

WHILE_TRAINING = ("swd", "frechet", "kernel", "classifier_score", "label_kl", "class_agreement")
SAMPLES = 1000
IMAGES = 256  # of them that the metrics of images look at, which cost more than all the others
AVERAGED = "ema_"  # before the names of the metrics of the generator's average


class Evaluator(Measuring):
    """Every `every` steps and at the end: the reference's metrics of `samples` samples, to the log and to `lines`.

    Metrics of images look at the first 256 of them and of the real images, so that they come out higher than by all.
    A measurement that fails, such as for want of memory, is a warning and a line of nulls, and the training goes on.
    Samples come from latents of their own, the same each time. Where the pair keeps an average of its generator, that
    is measured too, under names with "ema_" before them.

    Parameters
    ----------
    lines : where one JSON object is added for each evaluation.
    sampler : takes the generator's weights; may be shared with other callbacks.
    reference : of which the first 256 images stay in the bundle.
    before : as `Periodic`'s: what finds that the weights are not finite.
    """

    def __init__(
        self,
        lines: LineFile,
        reference: Reference,
        sampler: Sampler,
        every: Union[int, str],
        seed: int,
        averaged: bool = False,
        samples: int = SAMPLES,
        before: Optional[Callable] = None,
    ) -> None:
        super().__init__(lines, every, before)
        self._reference, self._sampler, self._samples = reference, sampler, samples
        self._settings, self._averaged = Settings(seed=seed), averaged

    def act(self, trainer) -> None:
        try:
            values = self._measure(trainer.pair, averaged=False)
            if trainer.pair.average is not None:
                values.update({f"{AVERAGED}{name}": value for name, value in self._measure(trainer.pair, True).items()})
        except DivergedError:
            raise
        except MXGANError as error:
            logger.warning("step %d: the samples are not measured: %s", trainer.step, error)
            values = dict.fromkeys(self.metric_names())
        else:
            told = ", ".join(
                f"{name} {'not finite' if value is None else format(value, '.4g')}" for name, value in values.items()
            )
            logger.info("step %d: %s of %d samples", trainer.step, told, self._samples)
        real = self._reference.bundle.images
        images = {} if real is None else {"images": min(IMAGES, self._samples, len(real))}
        self.record(trainer, values, samples=self._samples, **images)

    def _measure(self, pair, averaged: bool) -> dict:
        """{metric: value, None where it is not finite} of the generator, or of its average."""
        self._sampler.set_params(*pair.generator_params(averaged))
        names = self._reference.names
        chunks = sample_chunks(self._sampler, self._samples, self._settings.seed, self._reference.class_counts)
        samples = gather(chunks, self._samples, self._reference.networks, names, min(IMAGES, self._samples))
        scores = evaluated(names, self._reference.bundle, samples, self._settings)
        return {name: score.value if math.isfinite(score.value) else None for name, score in scores.items()}

    def metric_names(self) -> list:
        averaged = [f"{AVERAGED}{name}" for name in self._reference.names] if self._averaged else []
        return [*self._reference.names, *averaged]

    def state(self) -> dict:
        return {**super().state(), "networks": self._fingerprints()}

    def restore(self, state: dict) -> None:
        super().restore(state)
        if not state:
            return
        with fitting(self, state):
            same = state["networks"] == self._fingerprints()
        if not same:
            logger.warning(
                "The classifier is another one than before: figures of %s before and after this step do not compare.",
                self._lines.path,
            )

    def _fingerprints(self) -> list:
        return [network.fingerprint for network in self._reference.networks if network is not None]


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

    def act(self, trainer) -> None:
        found = classifier_accuracy(trainer.pair, self._data)
        logger.info("step %d: test accuracy %.4f on %s images", trainer.step, found, f"{self._data.num_images:,}")
        self.record(trainer, {"test_accuracy": found}, images=self._data.num_images)

    def metric_names(self) -> list:
        return ["test_accuracy"]
