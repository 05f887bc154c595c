"""`read_config`: the configuration of a run from a file of settings, in YAML, TOML or JSON."""

from __future__ import annotations

import copy
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import is_dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from mxgan.errors import ArgumentError, shown
from mxgan.networks import get_network
from mxgan.recipes import get_recipe
from mxgan.runs.config import BY_DEFAULT, DEFAULT_RECIPE, RunConfig, with_labels
from mxgan.runs.given import SEVERAL, changes_of_several, default_config, with_end, with_full_paths
from mxgan.runtime.config import from_dict, override, setting_groups, setting_path
from mxgan.runtime.documents import read_document
from mxgan.runtime.setting_types import PAIR, fits, options, read_pair, type_of_setting, typed
from mxgan.training.idle_settings import is_default
from mxgan.training.recipe import Recipe

__all__ = ["FileSettings", "base_config", "read_config"]

_RECORD = (
    "run",
    "stamp",
    "data",
    "versions",
    "changes",
    "first_end",
    "imported",
    *BY_DEFAULT,
)  # of a run's config.json
_FLAGS = ("run_dir", "resume", "display", "allow_changes", "dry_run", "format", "debug", "config", "set")
_ENDS = ("steps", "epochs")


def read_config(path: Union[str, Path]) -> RunConfig:
    """The configuration that a file of settings describes; what it leaves out is the recipe's.

    Parameters
    ----------
    path : a file that ends in .yaml, .yml, .toml or .json; also the config.json of a run.

    Returns
    -------
    RunConfig, as `mxgan train --config FILE` has it. A relative `data_dir` is taken from the working folder.

    Raises
    ------
    ArgumentError : it cannot be read, or a setting in it is unknown, of another type, or out of range; the message
        names the file and the setting.
    """
    settings = FileSettings.read(path)
    return settings.applied(base_config(settings))


class FileSettings(NamedTuple):
    """Settings as a file has them, before they are a configuration.

    Attributes
    ----------
    where : the file, and perhaps a part of it, for errors. values : nested mappings of plain values.
    """

    where: str
    values: Mapping[str, Any]

    @classmethod
    def read(cls, path: Union[str, Path]) -> FileSettings:
        """The settings in a file; ArgumentError if it cannot be read."""
        values = read_document(path)
        if not isinstance(values.get("run"), Mapping):
            return cls(str(path), values)
        other = [name for name in values if name not in _RECORD]
        if other:
            raise ArgumentError(f"{path} has both `run`, as config.json of a run, and {other[0]!r}. Leave one out.")
        return cls(str(path), with_labels(values["run"]))

    @property
    def has_whole_recipe(self) -> bool:
        """Whether `recipe` is a recipe of its own, as in a run's config.json, and not changes of a published one."""
        recipe = self.values.get("recipe")
        return isinstance(recipe, Mapping) and "name" not in recipe and {"summary", "source"} <= recipe.keys()

    @property
    def gives_end(self) -> bool:
        """Whether it says how long the run is."""
        return any(self.values.get(name) is not None for name in _ENDS)

    def gives_any(self, names: Iterable[str]) -> frozenset:
        """Those of the recipe's settings `names` that it gives, a null too."""
        recipe = self.values.get("recipe")
        inside = recipe if isinstance(recipe, Mapping) else {}
        return frozenset(name for name in names if {name, f"recipe.{name}"} & {*self.values} or name in inside)

    def recipe(self) -> Optional[Recipe]:
        """The recipe that it names or describes, without further changes; None if it does neither."""
        given = self.values.get("recipe")
        with _explained(self.where):
            if self.has_whole_recipe:
                return from_dict(Recipe, given, "recipe", "recipe.")
            name = given.get("name") if isinstance(given, Mapping) else given
            if not isinstance(name, (str, type(None))):
                raise ArgumentError(f"recipe is {shown(name)}; give the name of a recipe, or its settings.")
            return None if name is None else get_recipe(name)

    def applied(self, config: RunConfig, recipe: Optional[Recipe] = None) -> RunConfig:
        """`config` with these settings.

        Parameters
        ----------
        recipe : takes the place of the recipe that the file names; None: that one, or else that of `config`.
        """
        own = recipe or self.recipe()
        config = config if own is None else replace(config, recipe=own)
        values = self._without_recipe()
        with _explained(self.where):
            values, config = _with_network(values, config)
            changes = dict(_changes(values, config))
            config = with_end(config, {name: changes.pop(name, None) for name in _ENDS})
            if "data_dir" in changes:
                changes["data_dir"] = _place(self.where, changes["data_dir"])
            config = override(config, changes)
            config = replace(config, recipe=replace(config.recipe))  # checked also where only the network is another
            return with_full_paths(config, changes)

    def _without_recipe(self) -> dict:
        """The values that change the recipe or the run."""
        values = dict(self.values)
        given = values.pop("recipe", None)
        if isinstance(given, Mapping) and not self.has_whole_recipe:
            values["recipe"] = {name: value for name, value in given.items() if name != "name"}
        return values


def base_config(
    file: Optional[FileSettings], recipe: Optional[Recipe] = None, defaults: Optional[Mapping] = None
) -> RunConfig:
    """The configuration before the settings of the file change it: of its recipe, with this recipe's own defaults.

    Parameters
    ----------
    recipe : that of the flag --recipe, which goes before the file's. defaults : of an example program; "recipe" is the
        name of its own.
    """
    named = dict(defaults or {})
    own = named.pop("recipe", DEFAULT_RECIPE)
    return default_config(recipe or (file and file.recipe()) or get_recipe(own), named)


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """Say in an ArgumentError of the block in which file the setting stands."""
    try:
        yield
    except ArgumentError as error:
        if str(error).startswith(where):
            raise
        raise ArgumentError(f"{where}: {error}") from error


def _with_network(values: dict, config: RunConfig) -> tuple:
    """(values without the network's name, the configuration with a network of this name).

    The configuration is not checked yet: a setting that stands beside the network may make both fit.
    """
    for holder in (values, values.get("recipe")):
        given = holder.get("network") if isinstance(holder, Mapping) else None
        given = {"name": given} if isinstance(given, str) else given
        if not isinstance(given, Mapping) or "name" not in given:
            continue
        name, rest = given["name"], {key: value for key, value in given.items() if key != "name"}
        if name != config.recipe.network.name:
            network = from_dict(get_network(name), given, "network", "network.")
            config, rest = _unchecked(config, network), {}
        changed = {**holder, "network": rest}
        values = changed if holder is values else {**values, "recipe": changed}
    return values, config


def _unchecked(config: RunConfig, network: Any) -> RunConfig:
    config, recipe = copy.copy(config), copy.copy(config.recipe)
    object.__setattr__(recipe, "network", network)
    object.__setattr__(config, "recipe", recipe)
    return config


def _changes(values: Mapping, config: RunConfig) -> Iterator[tuple]:
    """(full path, value as the setting holds it) of every setting in a file, the wider ones first.

    Raises ArgumentError for a name that is no setting, a value of another type, and two names for one setting.
    """
    groups = setting_groups(config)
    names = [*SEVERAL, *(path.split(".", cut)[-1] for path in groups for cut in range(path.count(".") + 1))]
    leaves = list(_leaves(values, groups))
    several = {key: _value(key, value, float) for key, value in leaves if key in SEVERAL}
    found: dict = {}  # path → (key as written, value)
    for key, value in leaves:
        if key in SEVERAL:
            continue
        path = _path_of(config, key, value, names)
        if path in found:
            raise ArgumentError(f"{found[path][0]} and {key} are the same setting, {path}; leave one out.")
        found[path] = (key, _value(key, value, type_of_setting(config, path)))
    yield from changes_of_several(config.recipe, several).items()
    yield from ((path, value) for path, (_, value) in sorted(found.items()))


def _leaves(values: Mapping, groups: Mapping, prefix: str = "") -> Iterator[tuple]:
    """(dotted key, value) of every setting; a free mapping, such as an optimiser's settings, is one value."""
    for name, value in values.items():
        key = prefix + (name if prefix else name.replace("-", "_"))
        meant = [group for path, group in groups.items() if path == key or path.endswith(f".{key}")]
        if not meant or not all(map(is_dataclass, meant)):
            yield key, value
        elif isinstance(value, Mapping):
            yield from _leaves(value, groups, f"{key}.")
        elif any(hasattr(group, "shorthand") for group in meant):
            yield key, value
        else:
            raise ArgumentError(f"{key} is {shown(value)}; give a mapping of its settings.")


def _path_of(config: RunConfig, key: str, value: Any, names: Collection[str]) -> str:
    """The full path of the setting that a key means; `names` are those of what is not one setting."""
    if key in _FLAGS:
        raise ArgumentError(f"{key} is no setting of a run; give the flag --{key.replace('_', '-')}.")
    if is_default(key):
        raise ArgumentError(f"{key}: run_defaults are only defaults; write epochs, limit, log_every … themselves.")
    return setting_path(config, key, value, names)


def _value(key: str, value: Any, wanted: Any) -> Any:
    """The value as a setting of the type holds it; ArgumentError for another type."""
    if isinstance(value, str) and PAIR in options(wanted):
        value = read_pair(value) or value
    try:
        return typed(key, value, wanted)
    except ArgumentError as error:
        is_quotable = isinstance(value, (int, float)) and fits("", wanted)
        is_unquotable = isinstance(value, str) and value[:1].isdigit()
        quotes = " Write text in quotes." if is_quotable else " Write a number without quotes." if is_unquotable else ""
        raise ArgumentError(f"{error}{quotes}") from error


def _place(where: str, data_dir: Optional[str]) -> Optional[str]:
    """`data_dir` with ~ filled in, as a shell does for a flag.

    Raises ArgumentError if the data lie beside the file and not in the working folder, where they are looked for.
    """
    if data_dir is None:
        return None
    place, beside = os.path.expanduser(data_dir), Path(where).parent / data_dir
    if not os.path.lexists(place) and os.path.lexists(beside):
        raise ArgumentError(
            f"data_dir {data_dir!r} is taken from the working folder, where it does not exist; beside the file it "
            f"does. Write {os.path.abspath(beside)}."
        )
    return place
