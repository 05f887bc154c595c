"""Names of the weights that pictures show: the average of the generator's weights where there is one, else its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from mxgan.pictures.report.values import step_of

__all__ = ["AVERAGE", "OWN", "PICTURED", "weights_in_words", "weights_of_pictures"]

AVERAGE, OWN = "average of G's weights", "G's own weights"
PICTURED = "pictures"  # in a line "begin" of events.jsonl: "average" or "raw"; older versions drew G's own weights


def weights_in_words(ema: Optional[float]) -> str:
    """The weights that pictures and samples of a run show, by its `ema`.

    >>> weights_in_words(0.999), weights_in_words(None)
    ("average of G's weights (ema 0.999)", "G's own weights")
    """
    return OWN if ema is None else f"{AVERAGE} (ema {ema:g})"


def weights_of_pictures(events: Sequence[Mapping], steps: Sequence[int]) -> str:
    """The weights that the pictures of these steps show, by the trainings that a run's events.jsonl tells of.

    >>> resumed = [{"event": "begin", "step": 0}, {"event": "begin", "step": 200, "pictures": "average"}]
    >>> weights_of_pictures(resumed, [100, 200]), weights_of_pictures(resumed, [200, 300])
    ("G's own weights", "G's own weights, after step 200 average of G's weights")
    """
    begins = [row for row in events if row.get("event") == "begin" and step_of(row.get("step")) is not None]
    said: list = []
    for step in sorted(steps):
        last = next((row for row in reversed(begins) if step_of(row["step"]) < step), {})
        words = AVERAGE if last.get(PICTURED) == "average" else OWN
        if not said or not said[-1].endswith(words):
            said.append(f"after step {step_of(last['step']):,} {words}" if said else words)
    return ", ".join(said)
