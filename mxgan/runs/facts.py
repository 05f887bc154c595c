"""Facts about a run's checkpoint, for the metadata and the card of an exported model."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Optional

from mxgan.data import UNKNOWN
from mxgan.pictures.report.values import in_utf_8
from mxgan.recipes import RECIPES
from mxgan.runs.changes import differences
from mxgan.runs.config import RunConfig
from mxgan.runs.published import published_name
from mxgan.runs.scores import kept_records
from mxgan.runs.sources import RunPart
from mxgan.runtime.config import to_dict
from mxgan.training.checkpoint_files import half_of_average, read_state, sha256_of

__all__ = ["facts_of", "recipe_differences"]

logger = logging.getLogger(__name__)

_COUNTS = ("step", "epoch", "seed")


def facts_of(run: RunPart, half: str) -> dict:
    """JSON values: recipe, data, training and scores of one half in a run's checkpoint.

    Returns
    -------
    dict with the keys
        recipe, settings : the published recipe's name, None for one of the user's own, and the settings in which the
            run differs from it.
        summary, source : in words, of the recipe. These four are not there if the run was imported and not trained:
            its recipe is that of a training that did not happen.
        network : its name and settings.
        step, epoch, seed, batch_size : of the training.
        weights : "raw", or "average" for the average of the half's weights.
        imported : what an imported run was imported from; of one that was not trained on, the data are not known.
        dataset, data_fingerprint, data_classes : of the data.
        trained_with : versions of the software.
        scores : records of `mxgan evaluate` of exactly these weights.
    """
    record, state, recipe = run.folder.read_config(), read_state(run.checkpoint), run.config.recipe
    imported, data = record.get("imported"), dict(record["data"])
    untrained = bool(imported) and state["step"] == 0
    known = run.config.dataset != UNKNOWN and not untrained
    weights = "average" if half_of_average(run.file.name) else "raw"
    name = published_name(to_dict(recipe))
    facts = {
        **({} if untrained else _of_recipe(run.config, name)),
        "network": {name: value for name, value in to_dict(recipe.network).items() if not name.endswith("_symbol")},
        **{key: state[key] for key in _COUNTS},
        "batch_size": recipe.batch_size,
        "weights": weights,
        **({"imported": imported} if imported else {}),
        "dataset": run.config.dataset if known else None,
        "data_classes": data.pop("classes", []),
        "data_fingerprint": data if known else {},
        "trained_with": state["versions"],
        "scores": _scores(run, weights) if half == "generator" else [],
    }
    return in_utf_8(facts)


def _of_recipe(config: RunConfig, name: Optional[str]) -> dict:
    return {
        "recipe": name,
        "settings": {key: own for key, (_, own) in recipe_differences(config, name).items()} if name else {},
        "summary": config.recipe.summary,
        "source": config.recipe.source,
    }


def recipe_differences(config: RunConfig, name: str) -> dict:
    """{setting of the recipe: (published value, own value)} where the run differs from the recipe of this name."""
    changed = differences(replace(config, recipe=RECIPES[name]), config)
    return {key.partition(".")[2]: values for key, values in changed.items()}


def _scores(run: RunPart, weights: str) -> list:
    """The records in RUN/evaluation/ of these weights, in the order of their names."""
    records, problems = kept_records(run.folder.path)
    for problem in problems:
        logger.warning("%s: a file is left out of the scores: %s", run.folder.path, problem)
    wanted = {"checkpoint": int(run.checkpoint.name), "weights": weights, "generator_sha256": sha256_of(run.file)}
    return [
        each for each in records.values() if all(each["protocol"].get(key) == value for key, value in wanted.items())
    ]
