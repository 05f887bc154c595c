"""What may go wrong with a training, each a callback: a row of `DIAGNOSES` with its threshold and its remedy.

They read a few numbers at logged steps, warn once when something begins to go wrong, and say so in that line of
history.jsonl::

    "diagnoses": [{"name": "mode_collapse", "evidence": "for 100 steps …", "remedy": "G has found …"}]

Thresholds stand at the top of each module, and its class says what they mean. A new one is a row here.
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
