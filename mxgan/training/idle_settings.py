"""The parts of a `Recipe` that do not change a training; beside recipe.py, without what that imports."""

from __future__ import annotations

__all__ = ["is_default", "is_idle"]

_TEXTS = ("recipe.summary", "recipe.source")


def is_default(path: str) -> bool:
    """Whether the dotted path of a setting leads into `run_defaults`: the run has the setting itself.

    >>> is_default("recipe.run_defaults.epochs"), is_default("epochs")
    (True, False)
    """
    return "run_defaults" in path.split(".")


def is_idle(path: str) -> bool:
    """Whether the full path of a setting leads to a recipe's texts or defaults: another value is the same training.

    >>> is_idle("recipe.summary"), is_idle("recipe.run_defaults.epochs"), is_idle("recipe.ema")
    (True, True, False)
    """
    return path in _TEXTS or is_default(path)
