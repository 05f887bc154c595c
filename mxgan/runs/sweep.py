"""A sweep: from a file with lists of settings to the configurations and folders of many runs."""

from __future__ import annotations

import itertools
import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Union

from mxgan.errors import (
    ArgumentError,
    CheckpointError,
    CorruptFileError,
    MXGANError,
    RunFolderError,
    listed,
    lookup,
    shown,
)
from mxgan.runs.changes import AVERAGE_SETTINGS, as_begun, differences, end_of, ends_of, finished_at, is_same
from mxgan.runs.config import DATA_SETTINGS, RunConfig, recorded_config
from mxgan.runs.config_files import FileSettings, base_config
from mxgan.runs.data import open_sources
from mxgan.runs.folder_names import free_name, names_of
from mxgan.runtime.config import to_dict
from mxgan.runtime.documents import read_document
from mxgan.training.checkpoint_files import read_state
from mxgan.training.run_folder import RunFolder, is_run

__all__ = ["Place", "Variant", "check_data", "place_all", "read_sweep"]

logger = logging.getLogger(__name__)

MOST_RUNS = 1000
_PARTS = ("base", "grid", "runs")


class Variant(NamedTuple):
    """One run of a sweep: a name made of the settings in which it differs, and its configuration.

    given : the settings of averages that the file has; see `mxgan.runs.changes.as_begun`.
    """

    name: str
    config: RunConfig
    given: frozenset = frozenset()


class Place(NamedTuple):
    """Where a variant is run: its folder, and how far it is there: "new", "begun" or "finished"."""

    variant: Variant
    path: Path
    state: str

    @property
    def name(self) -> str:
        """The name of the folder."""
        return self.path.name


def read_sweep(path: Union[str, Path]) -> list:
    """The variants that a file describes, in its order.

    The file has `base`, settings as --config takes them; `grid`, {setting: list of values}, of which each is combined
    with each; and `runs`, a list of settings of single runs. With both, each of `runs` is combined with the grid.

    Raises
    ------
    ArgumentError : the file, a setting or a value does not fit, or two runs have the same settings; it names the place.
    """
    values = read_document(path)
    for name in values:
        try:
            lookup("part of a sweep", name, _PARTS, "Settings go under `base:`, lists of values under `grid:`.")
        except ArgumentError as error:
            raise ArgumentError(f"{path}: {error}") from error
    base = FileSettings(f"{path}: base", _part(path, values, "base", dict))
    differing = list(itertools.islice(_combined(path, values), MOST_RUNS + 1))
    if len(differing) > MOST_RUNS:
        raise ArgumentError(f"{path} describes more than {MOST_RUNS:,} runs. Give shorter lists.")
    names = names_of(differing)
    found: dict = {}  # configuration as text → name
    variants = []
    for name, own in zip(names, differing):
        settings = FileSettings(f"{path}: {name}", own)
        config = _config(base, settings)
        text = json.dumps(to_dict(config), sort_keys=True)
        if text in found:
            raise ArgumentError(f"{path}: {found[text]} and {name} have the same settings. Leave one out.")
        found[text] = name
        variants.append(Variant(name, config, base.gives_any(AVERAGE_SETTINGS) | settings.gives_any(AVERAGE_SETTINGS)))
    return variants


def _part(path, values: Mapping, name: str, kind: type) -> Any:
    found = kind() if values.get(name) is None else values[name]
    if not isinstance(found, kind):
        words = "a list with the settings of each run" if kind is list else "settings by their names"
        raise ArgumentError(f"{path}: {name} is {shown(found)}; give {words}.")
    return found


def _combined(path, values: Mapping) -> Iterator[dict]:
    """The settings in which each run differs from the base."""
    grid, runs = _part(path, values, "grid", dict), _part(path, values, "runs", list)
    if not grid and not runs:
        raise ArgumentError(f"{path} has neither `grid`, lists of settings, nor `runs`. Write one of them.")
    for name, choices in grid.items():
        if not isinstance(choices, list) or not choices:
            raise ArgumentError(f"{path}: grid: {name} is {shown(choices)}; give a list of values.")
    for number, run in enumerate(runs or [{}], 1):
        if not isinstance(run, dict) or (runs and not run):
            raise ArgumentError(f"{path}: runs: number {number} is {shown(run)}; give settings by their names.")
        both = sorted(run.keys() & grid.keys())
        if both:
            raise ArgumentError(f"{path}: {both[0]} stands in the grid and in number {number} of the runs. Choose one.")
    for run in runs or [{}]:
        for chosen in itertools.product(*grid.values()):
            yield {**run, **dict(zip(grid, chosen))}


def _config(base: FileSettings, own: FileSettings) -> RunConfig:
    """The base with the settings of one run; a recipe of its own stands below both."""
    recipe = own.recipe() or base.recipe()
    config = base.applied(base_config(base, recipe), recipe)
    return own.applied(config, config.recipe)


def place_all(variants: Sequence[Variant], folder: Path) -> list:
    """A `Place` in a folder for each variant: the run that it has there, or a new folder; nothing is written.

    A run whose settings have changed in the file is another run: it gets another folder, and the log says so.
    """
    there = dict(_runs_in(folder))
    chosen = _chosen(variants, there)
    places = []
    taken = {path.name for path in chosen.values()} | set(_used_names(folder))
    for number, variant in enumerate(variants):
        if number in chosen:
            places.append(Place(variant, chosen[number], _state(chosen[number], variant.config)))
            continue
        path = folder / free_name(variant.name, taken)
        taken.add(path.name)
        places.append(Place(variant, path, "new"))
        _tell_of_another(variant, folder / variant.name, there, path)
    others = [path.name for path in there if path not in chosen.values()]
    if others:
        logger.info("%s has runs that are not in this file; they stay as they are: %s", folder, listed(others))
    return places


def _chosen(variants: Sequence[Variant], there: Mapping) -> dict:
    """{number of a variant: path of its run}; `there` is {path: configuration} of the runs that there are."""
    chosen: dict = {}
    for fits in (_is_equal, _is_its_run):  # first the run that is equal: the grid may hold settings that may change
        for number, variant in enumerate(variants):
            free = [path for path in there if path not in chosen.values()]
            own = [path for path in free if fits(path, there[path], variant)]
            if number not in chosen and own:
                named = [path for path in own if path.name == variant.name]
                chosen[number] = named[0] if named else own[-1]
    return chosen


def _runs_in(folder: Path) -> Iterator[tuple]:
    """(path, configuration) of each run in a folder that can be read."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not is_run(path):
            continue
        try:
            yield path, recorded_config(RunFolder(path))
        except MXGANError as error:
            logger.warning("%s cannot be read and is skipped: %s", path, error)


def _used_names(folder: Path) -> Iterator[str]:
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            RunFolder.refuse_used(path)
        except RunFolderError:
            yield path.name


def _is_equal(path: Path, config: RunConfig, variant: Variant) -> bool:
    return config == variant.config


def _is_its_run(path: Path, config: RunConfig, variant: Variant) -> bool:
    wanted = as_begun(RunFolder(path), config, variant.config, variant.given)
    return is_same(config, wanted) and end_of(wanted) in ends_of(RunFolder(path))


def _state(path: Path, config: RunConfig) -> str:
    folder = RunFolder(path)
    try:
        if folder.checkpoint_steps() and finished_at(folder, config, read_state(folder.latest_checkpoint())):
            return "finished"
    except (CheckpointError, CorruptFileError):  # the run itself says what is broken, and fails
        return "begun"
    return "begun"


def _tell_of_another(variant: Variant, place: Path, there: Mapping, path: Path) -> None:
    before = there.get(place)
    if before is None or place == path:
        return
    changed = differences(before, variant.config)
    words = [f"{name} is {json.dumps(then)} there, {json.dumps(now)} here" for name, (then, now) in changed.items()]
    if end_of(before) != end_of(variant.config):
        words.append("its end is {} {} there, {} {} here".format(*end_of(before), *end_of(variant.config)))
    logger.info("%s has other settings (%s); the run of this file is %s", place, listed(words, 3), path.name)


def check_data(places: Sequence[Place]) -> None:
    """Open the data of every run once that is not finished; MXGANError if some are missing or do not fit a network."""
    seen = set()
    for place in places:
        config, recipe = place.variant.config, place.variant.config.recipe
        needs = (recipe.network.image_shape, recipe.network.classes, recipe.labelled_per_class, recipe.sampling)
        key = (*(getattr(config, name) for name in DATA_SETTINGS), *needs)
        if place.state != "finished" and key not in seen:
            seen.add(key)
            open_sources(config)
