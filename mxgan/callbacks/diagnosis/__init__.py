"""Diagnoses: callbacks that detect a fault of a training, one row of `DIAGNOSES` for each, with its remedy.

A diagnosis reads a few numbers at logged steps. When a fault begins, it warns once and adds an entry to that line of
history.jsonl::

    "diagnoses": [{"name": "mode_collapse", "evidence": "for 100 steps …", "remedy": "G makes …"}]

In reading order::

    base.py           Diagnosis, the base class: readings, window, warning
    saturated.py      the discriminator D is almost always right, and sure
    frozen.py         the generator G does not change
    collapse.py       G makes almost the same images for all latents
    gradients.py      the gradient that G gets from D vanishes or explodes
    oscillation.py    the losses swing up and down
    overflow.py       weights, predictions or losses grow out of float32

Each module has its thresholds at the top; the docstring of its class explains them. To add a diagnosis, add one file
and one row here.
"""

from __future__ import annotations

from mxgan.callbacks.diagnosis.base import Diagnosis
from mxgan.callbacks.diagnosis.collapse import ModeCollapse
from mxgan.callbacks.diagnosis.frozen import FrozenGenerator
from mxgan.callbacks.diagnosis.gradients import ExplodingGradient, VanishingGradient
from mxgan.callbacks.diagnosis.oscillation import Oscillation
from mxgan.callbacks.diagnosis.overflow import NearOverflow
from mxgan.callbacks.diagnosis.saturated import SaturatedDiscriminator

__all__ = ["DIAGNOSES", "Diagnosis"]

DIAGNOSES = {
    row.fault: row
    for row in (
        SaturatedDiscriminator,
        FrozenGenerator,
        ModeCollapse,
        VanishingGradient,
        ExplodingGradient,
        Oscillation,
        NearOverflow,
    )
}
