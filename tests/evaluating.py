"""What the tests of evaluation share: one classifier of the digits, trained in seconds, and a cache that has it."""

from __future__ import annotations

import functools
from contextlib import contextmanager

import pytest

from mxgan.evaluation.judges.cache import _kept_under
from mxgan.evaluation.judges.data import labelled_data
from mxgan.evaluation.judges.features import FeatureNetwork
from mxgan.evaluation.judges.settings import ClassifierTraining
from mxgan.evaluation.judges.training import train_classifier

QUICK = ClassifierTraining(least_steps=150)


@functools.cache
def quick_classifier() -> FeatureNetwork:
    """A LeNet that has seen the digits a few times: over 90 % right."""
    return train_classifier(labelled_data("digits", training=QUICK), QUICK)


@contextmanager
def cache_with_classifier(folder):
    """`folder` as the user's cache, in which the digits' own classifier is `quick_classifier`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder))
        place = _kept_under(labelled_data("digits"), ClassifierTraining())
        if not place.exists():
            quick_classifier().save(place)
        yield place
