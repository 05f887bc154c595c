"""Evaluation in chunks: gather the needs of the metrics from chunks of images, measure, and keep the protocol.

Only data that a requested metric needs are kept. For metrics of features, no more than one block of images is held.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Callable, NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, listed, lookup
from mxgan.evaluation.bundle import Bundle, Settings, best_in_words
from mxgan.evaluation.judges.features import BATCH, FeatureNetwork
from mxgan.evaluation.judges.onnx_features import OnnxFeatures
from mxgan.evaluation.judges.words import judge_in_words
from mxgan.evaluation.metrics import METRICS, measure
from mxgan.evaluation.resizing import resized
from mxgan.runtime.image_size import ImageSize, normal_size
from mxgan.runtime.memory import check_room

__all__ = [
    "COPIES",
    "ERROR",
    "Evaluation",
    "Networks",
    "check_names",
    "evaluated",
    "gather",
    "measured_side",
    "needs_of",
]

COPIES = "copies"  # this metric needs all training images, so it has its own bundles
ERROR = "standard_error"  # the detail with the standard error of a value
FORMAT = 1
LEAST_SIDE = 16  # pixels: of the coarsest level of swd, and the five scales of ms_ssim


class Networks(NamedTuple):
    """The networks that give features of images; None if a network is missing."""

    classifier: Optional[FeatureNetwork] = None
    inception: Optional[OnnxFeatures] = None


def check_names(names: Iterable[str]) -> list:
    """The names as a list, each once; ArgumentError if there are none, or for an unknown name, with a suggestion."""
    names = [names] if isinstance(names, str) else list(dict.fromkeys(names))
    if not names:
        raise ArgumentError(f"metrics is empty; give some of {', '.join(METRICS)}, or None for all.")
    for name in names:
        lookup("metric", name, METRICS)
    return names


def needs_of(names: Iterable[str]) -> set:
    """The needs of these metrics: keys of `mxgan.evaluation.metrics.NEEDS`."""
    return {need for name in names for need in METRICS[name].needs}


def gather(
    chunks: Iterable[tuple], count: int, networks: Networks, names: Iterable[str], kept: Optional[int] = None
) -> Bundle:
    """The bundle of `count` images for these metrics.

    Parameters
    ----------
    chunks : (images (n, C, H, W) in [-1, 1], labels (n,) or None), `count` images in total. Images are kept at the
        size of `measured_side`.
    kept : the number of images in the bundle, from the first, for metrics of images; None means all. The features are
        of all images.

    The bundle has the same bits for any chunk size, because the networks get blocks of a fixed size.
    """
    needs = needs_of(name for name in names if name != COPIES)
    columns: dict = {}
    start = 0
    for images, labels in _in_blocks(chunks, BATCH):
        made = _looked_at(images, networks, needs)
        if "images" in needs:
            made["images"] = resized(images, measured_side(images.shape[2:]))
        if labels is not None:
            made["labels"] = labels
        if start + len(images) > count:
            raise ArgumentError(f"{start + len(images)} images or more came, and {count} were announced.")
        columns = columns or _room_for(dict.fromkeys(made, count) | {"images": kept or count}, made)
        for name, part in made.items():
            room = columns[name][start : start + len(part)]
            room[:] = part[: len(room)]
        start += len(images)
    if start != count:
        raise ArgumentError(f"{start} images came, and {count} were announced.")
    return Bundle(**columns)


def _in_blocks(chunks: Iterable[tuple], size: int) -> Iterator[tuple]:
    """The same images and labels in blocks of `size`; the last may be smaller. `full_batches` explains the reason."""
    waiting: tuple = (None, None)
    for chunk in chunks:
        waiting = tuple(_joined(*pair) for pair in zip(waiting, chunk))
        while len(waiting[0]) >= size:
            yield tuple(None if rows is None else rows[:size] for rows in waiting)
            waiting = tuple(None if rows is None else rows[size:] for rows in waiting)
    if waiting[0] is not None and len(waiting[0]):
        yield waiting


def _joined(first: Optional[np.ndarray], second: Optional[np.ndarray]) -> Optional[np.ndarray]:
    return second if first is None or second is None or not len(first) else np.concatenate([first, second])


def _room_for(counts: dict, made: dict) -> dict:
    """Empty arrays of `counts` rows, with the types and row shapes of `made`; ArgumentError if memory is too small."""
    needed, most = sum(counts[name] * part[:1].nbytes for name, part in made.items()), max(counts.values())
    check_room(f"{most:,} images and their features", needed, "Give fewer samples, or only metrics of features.")
    return {name: np.empty((counts[name], *part.shape[1:]), part.dtype) for name, part in made.items()}


def measured_side(sides: Sequence[int]) -> ImageSize:
    """The size at which metrics of images measure images of these sides: both scaled alike, nothing stretched.

    The shorter side becomes the next power of two, at least 16 (28 becomes 32), and the longer one, scaled alike, the
    next number that the pyramid of swd can halve as often: 48×96 becomes 64×128. So scores can be compared with those
    of networks of this size.
    """
    shorter, longer = min(sides), max(sides)
    side = max(LEAST_SIDE, 2 ** (shorter - 1).bit_length())
    step = max(LEAST_SIDE, side // LEAST_SIDE)
    other = -(-longer * side // (shorter * step)) * step  # rounded up
    return normal_size(*((side, other) if sides[0] == shorter else (other, side)))


def _looked_at(images: np.ndarray, networks: Networks, needs: set) -> dict:
    made: dict = {}
    if networks.classifier is not None and needs & {"features", "probabilities"}:
        seen = networks.classifier.features_and_probabilities(images)._asdict()
        made.update({name: rows for name, rows in seen.items() if rows is not None})
    if networks.inception is not None and "inception" in needs:
        made["inception"] = networks.inception.features(images)
    return made


def evaluated(
    names: Sequence[str],
    reference: Bundle,
    samples: Bundle,
    settings: Settings,
    copies: Optional[tuple] = None,
    before: Optional[Callable] = None,
) -> dict:
    """{name: Score} of these metrics, in their order.

    Parameters
    ----------
    names : keys of METRICS.
    copies : (reference, samples) for the metric `copies`, which searches all training images. None means the other two
        bundles.
    before : called with the name of each metric before it is measured, in the order of `names`.

    Raises
    ------
    ArgumentError, ShapeError : as in `measure`.
    """
    return measure(names, reference, samples, settings, before, {} if copies is None else {COPIES: copies})


@dataclass(frozen=True)
class Evaluation:
    """Scores and their protocol.

    Attributes
    ----------
    results : {metric: Score}, in the requested order.
    protocol : JSON values: everything that determines the scores.
    """

    results: dict
    protocol: dict

    def as_json(self) -> str:
        """Scores and protocol as one JSON text; values that are not finite become null."""
        results = {
            name: {"value": score.value, **score.details, **METRICS[name].describe()}
            for name, score in self.results.items()
        }
        whole = {"format": FORMAT, "results": results, "protocol": self.protocol}
        return json.dumps(_finite(whole), indent=1, allow_nan=False)

    def table(self) -> str:
        """One line for each metric: name and unit, value, standard error, best value or direction."""
        rows = [("metric", "value", "± error", "best")]
        for name, score in self.results.items():
            error = f"{score.details[ERROR]:.3g}" if ERROR in score.details else ""
            bound = "≥ " if score.details.get("at_least") else ""
            value = f"{bound}{score.value:.5g}{self._names_of(score.details.get('classes'))}"
            best = best_in_words(METRICS[name].better, score.details)
            rows.append((f"{name} {METRICS[name].unit}".strip(), value, error, best))
        widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
        lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in rows]
        return "\n".join(lines)

    def _names_of(self, classes: Optional[list]) -> str:
        """The names of some classes for the table: " (7, 26)"; "" for none."""
        known = (self.protocol["reference"]["classifier"] or {}).get("class_names") or [] if classes else []
        return f" ({listed(known[number] if known else number for number in classes)})" if classes else ""

    def describe(self) -> str:
        """The protocol in one line, and what its judge can see in a second one."""
        told, real = self.protocol, self.protocol["reference"]
        split = f", split {real['split']}" if real["split"] else ""
        looking = [
            f"{name} {real[name]['fingerprint'][:12]}{_trained_on(real[name])}"
            for name in ("classifier", "inception")
            if real[name] is not None
        ]
        judge = "" if real["classifier"] is None else f"\n{judge_in_words(real['classifier'])}"
        return (
            f"step {told['checkpoint']} ({told['weights']} weights), {told['samples']:,} samples against "
            f"{real['images']:,} images of {real['dataset']}{split}; {', '.join([*looking, ''])}seed {told['seed']}"
            f"{judge}"
        )


def _trained_on(network: dict) -> str:
    data = network.get("data")
    return f" (of {data['name']})" if isinstance(data, dict) and "name" in data else ""


def _finite(value):
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    if isinstance(value, (float, np.floating)):
        return float(value) if math.isfinite(value) else None
    return value.item() if isinstance(value, np.generic) else value
