"""Types of settings, as their dataclasses annotate them: what fits, and errors in words."""

from __future__ import annotations

import re
import typing
from collections.abc import Mapping
from typing import Any, Optional

from mxgan.errors import ArgumentError

__all__ = ["PAIR", "fits", "options", "read_pair", "type_of_setting", "typed"]

PAIR = tuple[int, int]
_SPELT_PAIR = re.compile(r"([0-9]{1,9})x([0-9]{1,9})", re.ASCII)


def read_pair(text: str) -> Optional[tuple]:
    """The two whole numbers of a text such as "48x96"; None for any other text."""
    found = _SPELT_PAIR.fullmatch(text)
    return (int(found[1]), int(found[2])) if found else None


def options(wanted: Any) -> tuple:
    """The alternatives of a Union, or the type itself."""
    return typing.get_args(wanted) if typing.get_origin(wanted) is typing.Union else (wanted,)


def _class_of(option: Any) -> Any:
    return typing.get_origin(option) or option


def fits(value: Any, wanted: Any) -> bool:
    """Whether a value is of the annotated type; a whole number is one of type float too."""
    return any(_fits_one(value, option) for option in options(wanted))


def _fits_one(value: Any, option: Any) -> bool:
    if option is Any:
        return True
    if isinstance(value, bool):
        return option is bool
    if option is float:
        return isinstance(value, (float, int))
    if _class_of(option) is tuple and isinstance(value, (tuple, list)):
        element, *_ = typing.get_args(option) or (Any,)
        return (option != PAIR or len(value) == 2) and all(fits(each, element) for each in value)
    return isinstance(value, _class_of(option))


_WORDS = {"bool": "true or false", "int": "a whole number", "float": "a number", "str": "text", "NoneType": "null"}
_PLURALS = {"int": "whole numbers", "float": "numbers", "str": "texts"}


def typed(name: str, value: Any, wanted: Any) -> Any:
    """`value` as a setting of the annotated type holds it: JSON's list as a tuple, the rest as it is.

    A whole number will do for a float. Raises ArgumentError for a value of another type.
    """
    if not fits(value, wanted):
        raise ArgumentError(f"{name} is {value!r}; give {' or '.join(map(_described, options(wanted)))}.")
    is_tuple = any(_class_of(option) is tuple for option in options(wanted))
    return tuple(value) if isinstance(value, list) and is_tuple else value


def _described(option: Any) -> str:
    if option == PAIR:
        return "two, as 48x96"
    if _class_of(option) is not tuple:
        return _WORDS.get(_class_of(option).__name__, _class_of(option).__name__)
    element, *_ = typing.get_args(option) or (Any,)
    name = getattr(element, "__name__", "values")
    return f"a list of {_PLURALS.get(name, name)}"


def type_of_setting(config: Any, path: str) -> Any:
    """The type of the setting at a dotted path: as annotated; in a free mapping that of the value there, or Any."""
    wanted: Any = Any
    for name in path.split("."):
        if isinstance(config, Mapping):
            wanted = type(config[name]) if name in config else Any
            config = config.get(name)
        else:
            wanted = typing.get_type_hints(type(config))[name]
            config = getattr(config, name)
    return wanted
