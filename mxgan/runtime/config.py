"""Frozen dataclasses as configuration: to JSON and back, one setting changed by name, errors with suggestions."""

from __future__ import annotations

import dataclasses
import json
import operator
import typing
from collections.abc import Mapping
from typing import Any

from mxgan.errors import ArgumentError, unknown_name

__all__ = [
    "FLOAT32_MAX",
    "check_switch",
    "fits_float32",
    "from_dict",
    "override",
    "setting_paths",
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


def from_dict(cls: type, values: Mapping, where: str = "configuration") -> Any:
    """The dataclass `cls` out of what `to_dict` made of it.

    A value for a field whose annotation is itself a dataclass is built likewise; a class may build its own parts
    first by a classmethod `parts_from_dict`.

    Raises
    ------
    ArgumentError : a key that `cls` has no field for (with the nearest), a value of another type, one out of range.
    """
    if not isinstance(values, Mapping):
        raise ArgumentError(f"{where} is {values!r}; an object with named values is wanted.")
    values = dict(getattr(cls, "parts_from_dict", lambda given: given)(values))
    types = typing.get_type_hints(cls)
    known = [field.name for field in dataclasses.fields(cls)]
    for key, value in values.items():
        if key not in known:
            raise unknown_name(f"setting in {where}", key, known)
        if dataclasses.is_dataclass(types[key]) and not dataclasses.is_dataclass(value):
            values[key] = from_dict(types[key], value, key)
        else:
            values[key] = _typed(key, value, types[key])
    try:
        return cls(**values)
    except TypeError as error:
        raise ArgumentError(f"{where} is incomplete: {error}.") from error


def setting_paths(config: Any, prefix: str = "") -> dict:
    """{dotted path: value} of every setting in a configuration."""
    if dataclasses.is_dataclass(config):
        config = {field.name: getattr(config, field.name) for field in dataclasses.fields(config)}
    found = {}
    for key, value in config.items():
        if dataclasses.is_dataclass(value) or isinstance(value, Mapping):
            found.update(setting_paths(value, f"{prefix}{key}."))
        else:
            found[f"{prefix}{key}"] = value
    return found


def override(config: Any, key: str, value: Any) -> Any:
    """`config` with one setting changed.

    Parameters
    ----------
    key : a dotted path, or the end of one that no other setting ends with: "network.ngf", or just "ngf". A mapping
        (an optimiser's settings) may also be given as a whole, or a new name below it.
    value : the new value; a string is read as JSON where the old value is no string ("32", "true", "null").

    Raises
    ------
    ArgumentError : no such setting (with the nearest), several that end so, or a value of another type.
    """
    known, mappings = setting_paths(config), _mapping_paths(config)
    parent, _, leaf = key.rpartition(".")
    matches = _ending(known, key) or _ending(mappings, key) or [f"{path}.{leaf}" for path in _ending(mappings, parent)]
    if not matches:
        raise unknown_name("setting", key, sorted(known), "--dry-run prints them all.")
    if len(matches) > 1:
        raise ArgumentError(f"the setting {key!r} is ambiguous; give one of {', '.join(matches)}.")
    return _replaced(config, matches[0].split("."), value, matches[0])


def _ending(paths, key: str) -> list:
    """The path that is `key`, or else all that end with it."""
    if key in paths:
        return [key]
    return [path for path in paths if key and path.endswith(f".{key}")]


def _mapping_paths(config: Any, prefix: str = "") -> list:
    found = []
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found += _mapping_paths(value, f"{prefix}{field.name}.")
        elif isinstance(value, Mapping):
            found.append(f"{prefix}{field.name}")
    return found


def _replaced(config: Any, path: list, value: Any, whole: str) -> Any:
    head, *rest = path
    if rest:
        old = config[head] if isinstance(config, Mapping) else getattr(config, head)
        new = _replaced(old, rest, value, whole)
    else:
        wanted = _type_of(config, head)
        new = _typed(whole, _read(value, wanted), wanted)
    if isinstance(config, Mapping):
        return {**config, head: new}
    return dataclasses.replace(config, **{head: new})


def _type_of(config: Any, key: str) -> Any:
    """What a setting must be: its annotation; in a mapping the type that it has, and anything for a new name."""
    if isinstance(config, Mapping):
        return type(config[key]) if key in config else Any
    return typing.get_type_hints(type(config))[key]


def _read(text: Any, wanted: Any) -> Any:
    """A string as the JSON value that it spells, unless it is the string that is wanted."""
    if not isinstance(text, str):
        return text
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if wanted is Any or _fits(value, wanted) or not _fits(text, wanted) else text


def _options(wanted: Any) -> tuple:
    """The alternatives of a Union, or the type itself."""
    return typing.get_args(wanted) if typing.get_origin(wanted) is typing.Union else (wanted,)


def _class_of(option: Any) -> Any:
    return typing.get_origin(option) or option


def _fits(value: Any, wanted: Any) -> bool:
    return any(_fits_one(value, option) for option in _options(wanted))


def _fits_one(value: Any, option: Any) -> bool:
    if option is Any:
        return True
    if isinstance(value, bool):
        return option is bool
    if option is float:
        return isinstance(value, (float, int))
    if _class_of(option) is tuple and isinstance(value, (tuple, list)):
        element, *_ = typing.get_args(option) or (Any,)
        return all(_fits(each, element) for each in value)
    return isinstance(value, _class_of(option))


_WORDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text", "NoneType": "null"}
_PLURALS = {"int": "whole numbers", "float": "numbers", "str": "texts"}


def _typed(name: str, value: Any, wanted: Any) -> Any:
    """`value` as a setting of the annotated type holds it: JSON's list as a tuple, the rest as it is.

    A whole number will do for a float. Raises ArgumentError for a value of another type.
    """
    if not _fits(value, wanted):
        raise ArgumentError(f"{name} is {value!r}; give {' or '.join(map(_described, _options(wanted)))}.")
    is_tuple = any(_class_of(option) is tuple for option in _options(wanted))
    return tuple(value) if isinstance(value, list) and is_tuple else value


def _described(option: Any) -> str:
    if _class_of(option) is not tuple:
        return _WORDS.get(_class_of(option).__name__, _class_of(option).__name__)
    element, *_ = typing.get_args(option) or (Any,)
    name = getattr(element, "__name__", "values")
    return f"a list of {_PLURALS.get(name, name)}"


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


def fits_float32(value: Any) -> bool:
    """Whether a number above 0 is one that MXNet's operators take."""
    return FLOAT32_MIN <= value <= FLOAT32_MAX


def check_switch(name: str, value: Any) -> None:
    """Raise ArgumentError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise ArgumentError(f"{name} is {value!r}; give True or False.")
