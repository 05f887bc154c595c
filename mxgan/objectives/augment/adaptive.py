"""Check of the settings of an adaptive probability: augmentations, a target, an objective with a threshold."""

from __future__ import annotations

from collections.abc import Sequence

from mxgan.errors import ArgumentError, shown
from mxgan.objectives.heads import OBJECTIVES, get_objective
from mxgan.runtime.config import is_number

__all__ = ["check_adaptive"]


def check_adaptive(names: Sequence[str], target: float, objective: str) -> float:
    """The objective's threshold between real and fake.

    Raises
    ------
    ArgumentError : no augmentations, a target that is not above 0 and below 1, or an objective without threshold, whose
        single predictions have no meaning.
    """
    if not is_number(target, lambda value: 0 < value < 1):
        raise ArgumentError(f"augment_target is {shown(target)}; give a number above 0 and below 1, as 0.6, or null.")
    if not names:
        raise ArgumentError(
            f"augment_target is {target}, and there is no augmentation to adapt; add --augment "
            "colour,translation,cutout, or --set augment_target=null."
        )
    threshold = get_objective(objective).threshold
    if threshold is None:
        known = [name for name, row in OBJECTIVES.items() if row.threshold is not None]
        raise ArgumentError(
            f"augment_target is {target}, and with the objective {objective!r} the sign of D's prediction says nothing "
            f"about an image; add --set augment_target=null, or take one of {', '.join(known)}."
        )
    return threshold
