"""Frozen dataclasses as configuration: to JSON and back, one setting changed by name, errors with suggestions."""

from __future__ import annotations

import dataclasses
import json
import operator
import typing
from collections.abc import Iterable, Iterator, Mapping
from numbers import Real
from typing import Any, Callable, NamedTuple

from mxgan.errors import ArgumentError, lookup, unknown_name
from mxgan.runtime.setting_types import PAIR, fits, options, read_pair, typed

__all__ = [
    "FLOAT32_MAX",
    "check_switch",
    "fits_float32",
    "from_dict",
    "is_number",
    "override",
    "setting_groups",
    "setting_path",
    "setting_paths",
    "short_path",
    "to_dict",
    "whole_number",
]


def to_dict(config: Any) -> Any:
    """A dataclass as plain JSON values; one whose class has a `name` (a row of a table) carries it along."""
    if dataclasses.is_dataclass(config):
        values = {field.name: to_dict(getattr(config, field.name)) for field in dataclasses.fields(config)}
        named = getattr(type(config), "name", None)
        return {"name": named, **values} if isinstance(named, str) and "name" not in values else values
    if isinstance(config, Mapping):
        return {key: to_dict(value) for key, value in config.items()}
    return list(config) if isinstance(config, tuple) else config


def from_dict(cls: type, values: Mapping, where: str = "configuration", prefix: str = "") -> Any:
    """The dataclass `cls` from the values that `to_dict` made of it.

    A value for a field whose annotation is itself a dataclass is built in the same way; a class may build its own
    parts first by a classmethod `parts_from_dict`.

    Parameters
    ----------
    where : the name of the whole, for errors. prefix : stands before the name of each setting in errors.

    Raises
    ------
    ArgumentError : a key that `cls` has no field for (with the nearest), a value of another type, one out of range.
    """
    if not isinstance(values, Mapping):
        raise ArgumentError(f"{where} is {values!r}; an object with named values is wanted.")
    values = dict(getattr(cls, "parts_from_dict", lambda given: given)(values))
    types = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    if "name" not in known and values.get("name") is not None and values["name"] == getattr(cls, "name", None):
        del values["name"]  # of a row of a table
    for key, value in values.items():
        lookup(f"setting in {where}", key, known)
        if dataclasses.is_dataclass(types[key]) and not dataclasses.is_dataclass(value):
            values[key] = from_dict(types[key], value, key, f"{prefix}{key}.")
        else:
            values[key] = typed(f"{prefix}{key}", value, types[key])
    try:
        return cls(**values)
    except TypeError as error:
        raise ArgumentError(f"{where} is incomplete: {error}.") from error


def setting_paths(config: Any, row_names: bool = False) -> dict:
    """{dotted path: value} of every setting in a configuration; `row_names`: the names of rows of tables too."""
    return {path: value for path, value in _walk(config, row_names) if not _is_group(value)}


def short_path(path: str) -> str:
    """The path of a setting of a run as --set takes it, without the recipe before it.

    >>> short_path("recipe.network.ngf"), short_path("seed")
    ('network.ngf', 'seed')
    """
    return path[len("recipe.") :] if path.startswith("recipe.") else path


def setting_groups(config: Any) -> dict:
    """{dotted path: dataclass or mapping} of every group of settings in a configuration."""
    return {path: value for path, value in _walk(config) if _is_group(value)}


def _is_group(value: Any) -> bool:
    return dataclasses.is_dataclass(value) or isinstance(value, Mapping)


def _walk(config: Any, row_names: bool = False, prefix: str = "") -> Iterator[tuple]:
    """(dotted path, value) of every setting, and of every group of settings before its own."""
    values = config
    if dataclasses.is_dataclass(config):
        values = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
        name = getattr(type(config), "name", None)
        if row_names and isinstance(name, str) and "name" not in values:
            values = {"name": name, **values}
    for key, value in values.items():
        yield f"{prefix}{key}", value
        if _is_group(value):
            yield from _walk(value, row_names, f"{prefix}{key}.")


def override(config: Any, changes: Mapping[str, Any]) -> Any:
    """`config` with some settings changed; it is checked once, with all changes in it.

    Parameters
    ----------
    changes : {key: new value}. A key is a dotted path, or the end of one that no other setting ends with:
        "network.ngf", or just "ngf". A mapping (an optimiser's settings) may be given as a whole, or a new name below
        it. A group with a `shorthand` takes the value of that setting, or an object with all of its settings. A string
        is read as JSON where the setting is no string ("32", "true", "null").

    Raises
    ------
    ArgumentError : no such setting (with the nearest), several that end so, or a value of another type.
    """
    tree: dict = {}  # the changes by the parts of their paths
    for key, value in changes.items():
        *groups, leaf = setting_path(config, key, value).split(".")
        place = tree
        for name in groups:
            if isinstance(place.get(name), _New):  # a name below a mapping that is given as a whole
                whole = dict(_read(place[name].value, Any))
                place[name] = _New({**whole, leaf: _read(value, Any)})
                break
            place = place.setdefault(name, {})
        else:
            place[leaf] = _New(value)
    return _rebuilt(config, tree, "")


class _New(NamedTuple):
    """A new value in the tree of changes."""

    value: Any


def _rebuilt(config: Any, tree: Mapping, prefix: str) -> Any:
    """A dataclass or mapping of the same class with the changes in it; what does not change stays the same object."""
    is_mapping = isinstance(config, Mapping)
    types = {} if is_mapping else typing.get_type_hints(type(config))
    new = {}
    for name, change in tree.items():
        path = f"{prefix}{name}"
        old = config.get(name, _ABSENT) if is_mapping else getattr(config, name)
        if isinstance(change, _New):  # the values of a mapping have the types that they have
            wanted = types[name] if not is_mapping else Any if old is _ABSENT else type(old)
            new[name] = _read_group(path, change.value, wanted)
        else:
            new[name] = _rebuilt({} if old is _ABSENT else old, change, f"{path}.")
    return {**config, **new} if is_mapping else dataclasses.replace(config, **new)


_ABSENT = object()


def _read_group(path: str, value: Any, wanted: Any) -> Any:
    """A new value as its setting holds it; a group of settings from an object of them."""
    value = _read(value, wanted)
    if not dataclasses.is_dataclass(wanted):
        return typed(path, value, wanted)
    return from_dict(wanted, value, path, f"{path}.") if isinstance(value, Mapping) else value


def setting_path(config: Any, key: str, value: Any, more: Iterable[str] = ()) -> str:
    """The dotted path of the one setting, or group of settings, that a key means; see `override`.

    Raises ArgumentError if there is none, with the nearest of the settings and of the names in `more`, or are several.
    """
    known, groups = setting_paths(config), setting_groups(config)
    mappings = [path for path, group in groups.items() if isinstance(group, Mapping)]
    whole = not isinstance(value, str) or value.lstrip().startswith("{")
    shorthands = {
        path: path if whole else f"{path}.{group.shorthand}"
        for path, group in groups.items()
        if hasattr(group, "shorthand")
    }
    parent, _, leaf = key.rpartition(".")
    matches = (
        _ending(known, key)
        or _ending(mappings, key)
        or [shorthands[path] for path in _ending(shorthands, key)]
        or [f"{path}.{leaf}" for path in _ending(mappings, parent)]
    )
    if not matches:
        for path, group in groups.items():
            fixed = getattr(type(group), leaf, None)
            if isinstance(fixed, int) and path.endswith(parent):
                raise ArgumentError(f"{leaf} is always {fixed} in {path} and cannot be set; leave it out.")
        spellings = [path.split(".", cut)[-1] for path in (*shorthands, *known) for cut in range(path.count(".") + 1)]
        raise unknown_name(
            "setting", key, sorted(known), "`mxgan train --dry-run` prints them all.", [*spellings, *more]
        )
    if len(matches) > 1:
        raise ArgumentError(f"the setting {key!r} is ambiguous; give one of {', '.join(matches)}.")
    return matches[0]


def _ending(paths, key: str) -> list:
    """The path that is `key`, or else all that end with it."""
    if key in paths:
        return [key]
    return [path for path in paths if key and path.endswith(f".{key}")]


def _read(text: Any, wanted: Any) -> Any:
    """A string as the JSON value, or the pair of numbers, that it spells, unless it is the string that is wanted."""
    if not isinstance(text, str):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        pair = read_pair(text) if PAIR in options(wanted) else None
        return str(text) if pair is None else pair
    return value if wanted is Any or fits(value, wanted) or not fits(text, wanted) else str(text)


FLOAT32_MIN, FLOAT32_MAX = 1.2e-38, 3.4e38  # MXNet refuses what lies beyond in an operator, in the middle of a step


def whole_number(name: str, value: Any, minimum: int = 1, maximum: int = 2**31 - 1) -> int:
    """`value` as an int, or an ArgumentError that names the argument and its range."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not minimum <= number <= maximum:
        raise ArgumentError(f"{name} is {value!r}; give a whole number from {minimum} to {maximum}.")
    return number


def is_number(value: Any, within: Callable[[float], bool]) -> bool:
    """Whether a value is a real number, and no bool, of which `within` is true; it never is of NaN."""
    return isinstance(value, Real) and not isinstance(value, bool) and bool(within(value))


def fits_float32(value: Any) -> bool:
    """Whether a number above 0 is one that MXNet's operators take."""
    return FLOAT32_MIN <= value <= FLOAT32_MAX


def check_switch(name: str, value: Any) -> None:
    """Raise ArgumentError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} is {value!r}; give True or False.")
