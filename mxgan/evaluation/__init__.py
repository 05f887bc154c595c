"""How good samples are: pure functions of arrays, each with its source; networks in features.py, onnx_features.py.

::

    images (N, C, H, W) in [-1, 1] ─┬─ swd.py                 patches of a Laplacian pyramid, real against fake
                                    ├─ ms_ssim.py             how alike the samples are
                                    ├─ copies.py              nearest training images, copy test, birthday estimate
                                    └─ a feature network ─┐
    features (N, D) ◄─────────────────────────────────────┤
      ├─ frechet.py              two Gaussians            │
      ├─ kernel_distance.py      squared MMD, unbiased    │
      └─ manifold.py             precision, recall, density, coverage
    probabilities (N, K) ◄────────────────────────────────┘
      └─ classifier_scores.py    score, label histogram, its divergence, missing classes

    bundle.py (images, features, … of one side) → metrics.py: METRICS, one row each → measure(names, reference, samples)
    evaluate.py: images that come chunk by chunk → bundles → scores with their protocol

`arrays.py` checks what comes in: ShapeError or ArgumentError, never a number that means nothing.
"""

from __future__ import annotations

from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.classifier_scores import classifier_score, label_divergence, label_histogram, missing_classes
from mxgan.evaluation.copies import birthday_estimate, copy_test, nearest
from mxgan.evaluation.frechet import FeatureStatistics, frechet_distance
from mxgan.evaluation.kernel_distance import KernelDistance, kernel_distance
from mxgan.evaluation.manifold import manifold_scores
from mxgan.evaluation.metrics import METRICS, Metric, get_metric, measure
from mxgan.evaluation.ms_ssim import ms_ssim, sample_diversity
from mxgan.evaluation.swd import sliced_wasserstein

__all__ = [
    "METRICS",
    "Bundle",
    "FeatureStatistics",
    "KernelDistance",
    "Metric",
    "Score",
    "Settings",
    "birthday_estimate",
    "classifier_score",
    "copy_test",
    "frechet_distance",
    "get_metric",
    "kernel_distance",
    "label_divergence",
    "label_histogram",
    "manifold_scores",
    "measure",
    "missing_classes",
    "ms_ssim",
    "nearest",
    "sample_diversity",
    "sliced_wasserstein",
]
