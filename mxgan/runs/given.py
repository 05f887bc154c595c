"""Settings as users give them, by flags and in files: the configuration below them, names for several, paths."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from mxgan.data.image_labels import labels_path
from mxgan.errors import ArgumentError, shown
from mxgan.runs.config import RunConfig
from mxgan.runtime.config import FLOAT32_MAX
from mxgan.training.recipe import Recipe

__all__ = ["SEVERAL", "changes_of_several", "default_config", "with_end", "with_full_paths"]

EPOCHS = 100  # of a run whose end nobody gives
_ENDS = ("steps", "epochs")  # a run has one of both
_HALVES = ("generator", "discriminator")

# A name that sets several settings at once → their paths.
SEVERAL = {
    "lr": [f"recipe.{half}_optimizer.learning_rate" for half in _HALVES],
    "beta1": [f"recipe.{half}_optimizer.settings.beta1" for half in _HALVES],
}


def default_config(recipe: Recipe, defaults: Mapping[str, Any]) -> RunConfig:
    """The configuration of a run of which only the recipe is given; `defaults` are those of an example program.

    The run ends where the program says, else where the recipe says, in steps or in epochs; else after EPOCHS.
    """
    values: dict = {"epochs": EPOCHS}
    for more in (recipe.run_defaults, defaults):
        if any(name in more for name in _ENDS):
            values = {name: value for name, value in values.items() if name not in _ENDS}
        values.update(more)
    return RunConfig(**{**values, "recipe": recipe})


def with_end(config: RunConfig, given: Mapping[str, Any]) -> RunConfig:
    """`config` with the end that is given as `steps` or `epochs`, which replaces both; without one, as it is."""
    ends = {name: given[name] for name in _ENDS if given.get(name) is not None}
    return replace(config, **{"steps": None, "epochs": None, **ends}) if ends else config


def changes_of_several(recipe: Recipe, given: Mapping[str, Any]) -> dict:
    """{path: value} of the names in SEVERAL that are given. `lr` is G's rate; D's keeps its ratio to it.

    Raises ArgumentError for an `lr` that is no learning rate: a whole number may be too large to be multiplied.
    """
    if "lr" in given and not 0 < given["lr"] <= FLOAT32_MAX:
        raise ArgumentError(f"learning_rate is {shown(given['lr'])}; give a number above 0.")
    changes = {path: given[name] for name, paths in SEVERAL.items() if name in given for path in paths}
    if "lr" in given:
        ratio = recipe.discriminator_optimizer.learning_rate / recipe.generator_optimizer.learning_rate
        changes[SEVERAL["lr"][1]] = given["lr"] * ratio
    return changes


def with_full_paths(config: RunConfig, given: Collection[str]) -> RunConfig:
    """`config` with absolute paths in those of `data_dir` and `labels` that are among the names `given`.

    Only they are still right when the run is resumed from another folder.
    """
    if "data_dir" in given and config.data_dir is not None:
        config = replace(config, data_dir=os.path.abspath(config.data_dir))
    if "labels" in given and config.labels is not None:
        config = replace(config, labels=labels_path(config.labels, config.data_dir))
    return config
