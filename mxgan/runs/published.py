"""The published recipe of a run, by the texts that it has kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from mxgan.recipes import EARLIER_SUMMARIES, RECIPES

__all__ = ["published_name"]

_NAMES = {(recipe.summary, recipe.source): name for name, recipe in RECIPES.items()}
_NAMES.update({(summary, RECIPES[name].source): name for summary, name in EARLIER_SUMMARIES.items()})


def published_name(recipe: Mapping) -> Optional[str]:
    """The name in RECIPES of a recipe, given as the values of a config.json; None if it is not there."""
    texts = (recipe.get("summary"), recipe.get("source"))
    return _NAMES.get(texts) if all(isinstance(each, str) for each in texts) else None
