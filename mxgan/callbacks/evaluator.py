"""Measurements during training: metrics of samples, and the accuracy of a discriminator that classifies."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from typing import Callable, Optional, Union

from mxgan.callbacks.base import Measuring, fitting
from mxgan.errors import DivergedError, MXGANError
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import ERROR, evaluated, gather
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.training import accuracy
from mxgan.evaluation.reference import Reference, sample_chunks
from mxgan.pictures.report.curves import AVERAGED, TEST_ACCURACY
from mxgan.runtime.line_file import LineFile
from mxgan.runtime.progress import tracked
from mxgan.training.sampler import Sampler

__all__ = ["IMAGES", "SAMPLES", "WHILE_TRAINING", "Evaluator", "classifier_steps"]

logger = logging.getLogger(__name__)

WHILE_TRAINING = ("swd", "frechet", "kernel", "classifier_score", "label_kl", "class_agreement")
SAMPLES = 1000
IMAGES = 256  # the number of samples for the metrics of images, which cost more than all other metrics
STEPS = "classifier_steps"  # in the state


class Evaluator(Measuring):
    """Measures `samples` samples with the reference's metrics, at an interval and at the end; writes log and `lines`.

    `errors` in a line are the standard errors of those values that have one, as those of `mxgan evaluate`.
    Metrics of images use the first 256 samples and the first 256 real images, so their values are higher than with all
    images. If a measurement fails, for example because memory is short, the log has a warning, the line has nulls, and
    the training continues. The latents of the samples are the same at each measurement. If the pair keeps an average
    of its generator, the average is measured too; the names of its metrics start with "ema_".

    Parameters
    ----------
    lines : the file that gets one JSON object for each evaluation. `classifier` in it is the network that looked at the
        samples; figures of two classifiers cannot be compared.
    sampler : gets the generator's weights; other callbacks may share it.
    planned : gives the real side by `open()`, a bundle with the first 256 images, and by `names` its metrics.
    progress : whether a bar is drawn while samples are drawn.
    before : see `Periodic`; it raises if the weights are not finite.
    """

    def __init__(
        self,
        lines: LineFile,
        planned,
        sampler: Sampler,
        every: Union[int, str],
        seed: int,
        averaged: bool = False,
        samples: int = SAMPLES,
        before: Optional[Callable] = None,
        progress: Optional[bool] = None,
    ) -> None:
        super().__init__(lines, every, before)
        self._planned, self._sampler, self._samples, self._progress = planned, sampler, samples, progress
        self._settings, self._averaged = Settings(seed=seed), averaged

    @property
    def _reference(self) -> Reference:
        return self._planned.open()

    def act(self, trainer) -> None:
        try:
            scores = self._measure(trainer.pair, averaged=False)
            if trainer.pair.average is not None:
                scores.update({f"{AVERAGED}{name}": score for name, score in self._measure(trainer.pair, True).items()})
        except DivergedError:
            raise
        except MXGANError as error:
            logger.warning("step %d: the samples were not measured: %s", trainer.step, error)
            values, errors = dict.fromkeys(self.metric_names()), {}
        else:
            values = {name: score.value if math.isfinite(score.value) else None for name, score in scores.items()}
            errors = {name: score.details.get(ERROR) for name, score in scores.items() if values[name] is not None}
            errors = {name: error for name, error in errors.items() if error is not None and math.isfinite(error)}
            shown = _in_words(values, errors)
            logger.info("step %d: %s of %d samples", trainer.step, shown, self._samples)
        real = self._reference.bundle.images
        images = {} if real is None else {"images": min(IMAGES, self._samples, len(real))}
        self.record(trainer, values, errors=errors, samples=self._samples, **images, **self._classifier())

    def _classifier(self) -> dict:
        network = self._reference.networks.classifier
        if network is None:
            return {}
        known = {"steps": _steps_of(network), "accuracy": network.record.get("accuracy")}
        return {"classifier": {"fingerprint": network.fingerprint[:12], **known}}

    def _measure(self, pair, averaged: bool) -> dict:
        """{metric: Score} of the generator, or of its average."""
        self._sampler.set_params(*pair.generator_params(averaged))
        names = self._planned.names
        chunks = sample_chunks(self._sampler, self._samples, self._settings.seed, self._reference.class_counts)
        chunks = tracked(self._progress, chunks, "samples", self._samples, stays=False)
        samples = gather(chunks, self._samples, self._reference.networks, names, min(IMAGES, self._samples))
        return evaluated(names, self._reference.bundle, samples, self._settings)

    def metric_names(self) -> list:
        averaged = [f"{AVERAGED}{name}" for name in self._planned.names] if self._averaged else []
        return [*self._planned.names, *averaged]

    def state(self) -> dict:
        network = self._reference.networks.classifier
        steps = {} if network is None else {STEPS: _steps_of(network)}
        return {**super().state(), "networks": self._fingerprints(), **steps}

    def restore(self, state: dict) -> None:
        super().restore(state)
        if not state:
            return
        with fitting(self, state):
            same = state["networks"] == self._fingerprints()
        if not same:
            logger.warning(
                "The classifier has changed: values in %s before and after this step cannot be compared.",
                self._lines.path,
            )

    def _fingerprints(self) -> list:
        return [network.fingerprint for network in self._reference.networks if network is not None]


def _in_words(values: Mapping, errors: Mapping) -> str:
    """The values with their standard errors, as a line of the log has them.

    >>> _in_words({"swd": 8.1234, "label_kl": None, "ms_ssim": 0.15}, {"swd": 0.25})
    'swd 8.123 ± 0.25, label_kl not finite, ms_ssim 0.15'
    """
    told = {name: f" ± {error:.2g}" for name, error in errors.items()}
    shown = {name: "not finite" if value is None else f"{value:.4g}" for name, value in values.items()}
    return ", ".join(f"{name} {value}{told.get(name, '')}" for name, value in shown.items())


def _steps_of(network: FeatureNetwork) -> Optional[int]:
    """The number of steps that a classifier was trained for; None if its record does not say."""
    return network.record.get("training", {}).get("steps")


def classifier_steps(state: Optional[Mapping]) -> Optional[int]:
    """The number of steps of the classifier of a run with this state of a checkpoint; None without an evaluation.

    Checkpoints of older versions do not tell it: 0, the full training, which was the only one.
    """
    found = state["callbacks"].get(Evaluator.name) if state else None
    return (found.get(STEPS) or 0) if found else None


def classifier_accuracy(pair, data, averaged: bool = False) -> float:
    """Share of the images of `data` that D puts into the right class; BatchNorm uses its moving statistics.

    Parameters
    ----------
    data : an iterator of mxgan.data over labelled images, with the pair's batch size; each image counts once.
    averaged : whether D has the average of its weights, which the pair must keep (discriminator_ema).
    """
    classify = pair.classifier_of_average() if averaged else pair.classify
    return accuracy(lambda images: classify(images).asnumpy(), data)


class ClassifierAccuracy(Measuring):
    """Measures D's accuracy on `data`, at an interval and at the end; writes the log and a line of `lines`.

    `averaged`: whether it also measures the average of D's weights, as "ema_test_accuracy".
    """

    def __init__(
        self,
        lines: LineFile,
        data,
        every: Union[int, str],
        averaged: bool = False,
        before: Optional[Callable] = None,
    ) -> None:
        super().__init__(lines, every, before)
        self._data = data
        self._metrics = {TEST_ACCURACY: False, **({f"{AVERAGED}{TEST_ACCURACY}": True} if averaged else {})}

    def act(self, trainer) -> None:
        found = {
            name: classifier_accuracy(trainer.pair, self._data, averaged) for name, averaged in self._metrics.items()
        }
        count = self._data.num_images
        errors = {name: math.sqrt(value * (1 - value) / count) for name, value in found.items()}  # of a share
        logger.info("step %d: %s on %s images", trainer.step, _in_words(found, errors), f"{count:,}")
        self.record(trainer, found, errors=errors, images=count)

    def metric_names(self) -> list:
        return list(self._metrics)
