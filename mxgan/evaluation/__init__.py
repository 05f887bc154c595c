"""Metrics of sample quality: functions of arrays, each with its source, and the networks that make features.

The data flow::

    images (N, C, H, W) in [-1, 1]      → swd.py, ms_ssim.py, copies.py, birthday.py
       │ feature network
       ├─ features (N, D)               → frechet.py, kernel_distance.py, manifold.py
       └─ probabilities (N, K)          → classifier_scores.py

The files in reading order::

    arrays.py               checks of arrays: ShapeError or ArgumentError instead of a meaningless number
    bundle.py               Bundle, Settings, Score: the arguments and the result of a metric
    metrics.py              METRICS, one row for each metric; measure computes some of them

    resampling.py           standard errors, from influences and from halves of the images

    swd.py                  sliced Wasserstein distance of image patches
    swd_patches.py          the patches of a level; swd_halves.py: the error of the distance
    ms_ssim.py              similarity of samples to each other
    copies.py               nearest training images, copy test
    birthday.py             birthday estimate; pixel_distances.py: what both searches share
    frechet.py              Fréchet distance of two Gaussians; frechet_error.py: its error
    kernel_distance.py      squared MMD, unbiased
    manifold.py             precision, recall, density, coverage; manifold_halves.py: their errors
    divergences.py          KL, JS and Wasserstein distance; the optimal discriminator
    classifier_scores.py    classifier score, label histogram, missing classes
    classifier_rows.py      the rows of METRICS for these, with their errors

    resizing.py             images of any size as a network or a metric takes them
    judges/                 the networks that give features and probabilities: training, test, cache

    evaluate.py             chunks of images → bundles → scores with their protocol
    reference.py            the real side of an evaluation; chunks of images of both sides
"""

from __future__ import annotations

from mxgan.evaluation.birthday import birthday_estimate
from mxgan.evaluation.bundle import Bundle, Score, Settings
from mxgan.evaluation.classifier_scores import classifier_score, label_divergence, label_histogram, missing_classes
from mxgan.evaluation.copies import copy_test, nearest
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
