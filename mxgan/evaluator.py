"""`Evaluator`: how good a run's samples are, while it trains."""

from __future__ import annotations

import json
import logging
import math
from dataclasses import replace
from typing import Callable, Optional, Union

from mxgan.averaging import average_of, generator_params
from mxgan.callbacks import Periodic, cut_back, fitting
from mxgan.evaluation.bundle import Bundle, Settings
from mxgan.evaluation.evaluate import evaluated, gather
from mxgan.files import LineFile
from mxgan.references import Reference, sample_chunks
from mxgan.sampling import Sampler

__all__ = ["WHILE_TRAINING", "Evaluator"]

logger = logging.getLogger(__name__)

WHILE_TRAINING = ("swd", "frechet", "kernel", "classifier_score", "label_kl", "class_agreement")
SAMPLES = 1000
IMAGES = 256  # of them that the metrics of images look at, which cost more than all the others
AVERAGED = "ema_"  # before the names of the metrics of the generator's average


class Evaluator(Periodic):
    """Every `every` steps and at the end: the reference's metrics of `samples` samples, to the log and to `lines`.

    Metrics of images look at the first 256 of them and of the real images, so that they come out higher than by all.
    Samples come from latents of their own, the same each time. Where the pair keeps an average of its generator, that
    is measured too, under names with "ema_" before them.

    Parameters
    ----------
    lines : where one JSON object is added for each evaluation.
    sampler : takes the generator's weights; may be shared with other callbacks.
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
        super().__init__(every, before)
        self._lines, self._reference, self._sampler, self._samples = lines, reference, sampler, samples
        self._settings, self._averaged = Settings(seed=seed), averaged
        self.latest_whole: dict = {}

    def due(self, trainer) -> None:
        values = self._measure(trainer.pair, averaged=False)
        if average_of(trainer.pair) is not None:
            values.update({f"{AVERAGED}{name}": value for name, value in self._measure(trainer.pair, True).items()})
        told = ", ".join(
            f"{name} {'not finite' if value is None else format(value, '.4g')}" for name, value in values.items()
        )
        logger.info("step %d: %s of %d samples", trainer.step, told, self._samples)
        if self.in_its_turn(trainer):
            self.latest_whole = values
        line = {"step": trainer.step, **values, "samples": self._samples, "images": min(IMAGES, self._samples)}
        self._lines.append(json.dumps(line), stays=self.in_its_turn(trainer))

    def _measure(self, pair, averaged: bool) -> dict:
        """{metric: value, None where it is not finite} of the generator, or of its average."""
        self._sampler.set_params(*generator_params(pair, averaged))
        chunks, names = sample_chunks(self._sampler, self._samples, self._settings.seed), self._reference.names
        samples = gather(chunks, self._samples, self._reference.networks, names)
        scores = evaluated(names, _fewer(self._reference.bundle), _fewer(samples), self._settings)
        return {name: score.value if math.isfinite(score.value) else None for name, score in scores.items()}

    def metric_names(self) -> list:
        """What it measures."""
        averaged = [f"{AVERAGED}{name}" for name in self._reference.names] if self._averaged else []
        return [*self._reference.names, *averaged]

    def state(self) -> dict:
        return {"bytes": self._lines.settled(), "latest": self.latest_whole, "networks": self._fingerprints()}

    def restore(self, state: dict) -> None:
        """Go on from what `state` gave; of a checkpoint that was saved without an Evaluator, from nothing."""
        super().restore(state)
        self.latest_whole = {}
        if not state:
            return
        with fitting(self, state):
            self.latest_whole = dict(state["latest"])
            cut_back(self._lines, state["bytes"])
            if state["networks"] != self._fingerprints():
                logger.warning(
                    "The classifier is another one than before: figures of %s before and after this step do not "
                    "compare.",
                    self._lines.path,
                )

    def _fingerprints(self) -> list:
        return [network.fingerprint for network in self._reference.networks if network is not None]


def _fewer(bundle: Bundle) -> Bundle:
    return bundle if bundle.images is None else replace(bundle, images=bundle.images[:IMAGES])
