"""METRICS, the table of metrics: one row for each, with its needs, its best direction and its source.

`measure` computes metrics by name. It calls the function of a row as ``function(reference, samples, settings)``:

reference : `Bundle` of real images, those that the run was trained on.
samples : `Bundle` of the generator's images.
settings : `Settings`, the same for all metrics.

The function returns {name: `Score`}, which includes the name of its row. Rows that are computed together (precision,
recall, density, coverage) share one function, which `measure` calls once. To add a metric, add one file and one row.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Callable, NamedTuple, Optional

from mxgan.errors import ArgumentError, lookup
from mxgan.evaluation.birthday import measure_birthday
from mxgan.evaluation.bundle import Bundle, Settings
from mxgan.evaluation.classifier_rows import measure_agreement, measure_classifier_score, measure_labels
from mxgan.evaluation.copies import measure_copies
from mxgan.evaluation.frechet import measure_fid, measure_frechet
from mxgan.evaluation.kernel_distance import measure_kernel
from mxgan.evaluation.manifold import measure_manifold
from mxgan.evaluation.ms_ssim import measure_ms_ssim
from mxgan.evaluation.swd import measure_swd

__all__ = ["DEFINITIONS", "METRICS", "Metric", "get_metric", "measure"]

# Raise it when a metric gets another value for the same images, so that its figures are not put beside earlier ones.
# 1, which protocols do not name. 2: label_kl compares predictions with predictions, not with the data's labels; the
# padded pyramid of swd ends at four levels; a residual judge looks at an image and its mirror image.
DEFINITIONS = 2


@dataclass(frozen=True)
class Metric:
    """One row of METRICS.

    Attributes
    ----------
    function : (reference, samples, settings) → {name: Score}; see the docstring of this module.
    needs : keys of `NEEDS`: the arrays that the bundles must have.
    better : "min" or "max", the direction in which a best checkpoint is chosen; None if neither is best (see summary).
    summary : meaning and unit of the value, and the value for perfect samples.
    source : paper and section.
    least : the smallest number of real images.
    unit : unit of the value, if it has one; tables show it after the name.
    """

    function: Callable
    needs: tuple
    better: Optional[str]
    summary: str
    source: str
    least: int = 2
    unit: str = ""

    def describe(self) -> dict:
        """JSON values to publish with a score: best direction, unit, summary, source."""
        unit = {"unit": self.unit} if self.unit else {}
        return {"better": self.better, **unit, "summary": self.summary, "source": self.source}


class Need(NamedTuple):
    """The bundles that must have an array, and the remedy if it is missing."""

    sides: tuple
    remedy: str


_BOTH = ("reference", "samples")
_MANIFOLD = 1 + max(Settings.precision_neighbours, Settings.coverage_neighbours)
_CLASSIFIER = "they come from a feature network of the data set: train one, or name its folder"
NEEDS = {
    "images": Need(_BOTH, "give the images of both sides"),
    "features": Need(_BOTH, _CLASSIFIER),
    "probabilities": Need(("samples",), _CLASSIFIER),
    "labels": Need(("samples",), "they are the classes that a conditional generator was asked for"),
    "held_out": Need(("reference",), "give real images that were not trained on, such as the data set's test split"),
    "inception": Need(
        _BOTH,
        "FID is defined for Inception's features only: give an Inception network as an ONNX file; "
        "frechet is the same distance in the features of the data set's own network",
    ),
}


METRICS = {
    "swd": Metric(
        measure_swd,
        ("images",),
        "min",
        "sliced Wasserstein distance of Laplacian patches × 10³, mean of the resolutions; 0 is perfect",
        "Karras et al. 2018, section 5",
        unit="×10³",
    ),
    "ms_ssim": Metric(
        measure_ms_ssim,
        ("images",),
        None,
        "multi-scale similarity of random pairs of samples; best is that of the data, `reference`; 1: all are one",
        "Wang et al. 2003; Odena et al. 2017, section 4.2",
    ),
    "frechet": Metric(
        measure_frechet,
        ("features",),
        "min",
        "Fréchet distance of Gaussians fitted to the features of the data set's own network; 0 is perfect. No FID",
        "Heusel et al. 2017, eq. 6, with another network",
    ),
    "fid": Metric(
        measure_fid,
        ("inception",),
        "min",
        "Fréchet distance of Gaussians fitted to Inception's features; 0 is perfect",
        "Heusel et al. 2017, eq. 6",
    ),
    "kernel": Metric(
        measure_kernel,
        ("features",),
        "min",
        "squared kernel distance of the features, unbiased: around 0 (below it too) for perfect samples; means nothing "
        "for a set against itself",
        "Bińkowski et al. 2018",
        least=4,
    ),
    "precision": Metric(
        measure_manifold,
        ("features",),
        "max",
        "share of samples that lie on the data's manifold; best is that of real images, and some blur raises it",
        "Kynkäänniemi et al. 2019, eq. 1 and 2",
        least=_MANIFOLD,
    ),
    "recall": Metric(
        measure_manifold,
        ("features",),
        "max",
        "share of real images that lie on the samples' manifold",
        "Kynkäänniemi et al. 2019, eq. 1 and 2",
        least=_MANIFOLD,
    ),
    "density": Metric(
        measure_manifold,
        ("features",),
        "max",
        "how many real neighbourhoods a sample lies in, over k; near 1 for perfect samples, more in dense places; some "
        "blur raises it",
        "Naeem et al. 2020, section 3",
        least=_MANIFOLD,
    ),
    "coverage": Metric(
        measure_manifold,
        ("features",),
        "max",
        "share of real images with a sample in their neighbourhood",
        "Naeem et al. 2020, section 3",
        least=_MANIFOLD,
    ),
    "classifier_score": Metric(
        measure_classifier_score,
        ("probabilities",),
        "max",
        "exp of the mean KL of a sample's classes from all samples' classes: from 1 to the number of classes; it rises "
        "with the number of samples",
        "Salimans et al. 2016, section 4, with another network",
    ),
    "label_kl": Metric(
        measure_labels,
        ("probabilities",),
        "min",
        "KL of the samples' predicted label histogram from that of the data, in nats; 0 is perfect",
        "Kullback & Leibler 1951",
        unit="nats",
    ),
    "missing_classes": Metric(
        measure_labels,
        ("probabilities",),
        "min",
        "number of classes with hardly a sample, of those that the data have; 0 is perfect",
        "missing modes of Che et al. 2017",
    ),
    "class_agreement": Metric(
        measure_agreement,
        ("probabilities", "labels"),
        "max",
        "share of a conditional generator's samples that the classifier puts into the class asked for; best is that "
        "of real images",
        "as the label accuracy of Odena et al. 2017, section 4.3",
        least=1,
    ),
    "copies": Metric(
        measure_copies,
        ("images", "held_out"),
        None,
        "chance that a sample lies nearer to a training image than a held-out real image does: ½ is perfect, near 1 "
        "are copies if the samples are sharp; blurred and blank ones are near 1 too, so look at them first",
        "Meehan et al. 2020, with one cell",
    ),
    "birthday": Metric(
        measure_birthday,
        ("images",),
        None,
        "how many different images the generator makes, an order of magnitude; to compare with the data, `reference`",
        "Arora, Risteski & Zhang 2018",
    ),
}


def get_metric(name: str) -> Metric:
    """The row `name` of METRICS; ArgumentError with a suggestion if the name is unknown."""
    return lookup("metric", name, METRICS)


def measure(
    names: Iterable[str],
    reference: Bundle,
    samples: Bundle,
    settings: Optional[Settings] = None,
    before: Optional[Callable] = None,
    own: Mapping[str, tuple] = MappingProxyType({}),
) -> dict:
    """{name: Score} of these metrics, in the given order. `before` is called with the name of each that is measured.

    `own` has (reference, samples) for metrics that have bundles of their own, by name.

    Raises ArgumentError before any measurement for an unknown name, or a bundle without an array that a metric needs.
    The metrics themselves raise ShapeError and ArgumentError for arrays that do not fit `Bundle` or have too few rows.

    >>> measure(["swd"], Bundle(images=real), Bundle(images=fake))["swd"].value  # doctest: +SKIP
    11.3
    """
    names, settings = list(names), settings or Settings()
    sides = {name: own.get(name, (reference, samples)) for name in names}
    for name in names:
        for side, need in _lacking(get_metric(name), *sides[name]):
            raise ArgumentError(f"{name} needs {need} of the {side}, and there are none; {NEEDS[need].remedy}.")
    found: dict = {}
    for name in names:
        if name not in found:
            if before:
                before(name)
            found.update(METRICS[name].function(*sides[name], settings))
    return {name: found[name] for name in names}


def _lacking(row: Metric, reference: Bundle, samples: Bundle):
    sides = {"reference": reference, "samples": samples}
    for need in row.needs:
        for side in NEEDS[need].sides:
            if getattr(sides[side], need) is None:
                yield side, need
