"""NumPy as an old program knows it: removed names, sizes that are whole floats, text that holds bytes."""

from __future__ import annotations

import contextlib
import functools
from types import ModuleType
from typing import Any

import numpy as np

from mxgan.legacy.changes import Changes
from mxgan.runtime.mxnet_modules import numpy_view

__all__ = ["old_numpy"]

_ALIASES = ("bool", "int", "float", "object", "complex", "str")
_SIZED = ("zeros", "ones", "empty", "full")


def old_numpy(changes: Changes) -> ModuleType:
    """A view of NumPy for the program: the names that MXNet's view adds, and the habits below.

    - a size that is a whole float, such as ``np.ceil(n)``, is taken as NumPy before 1.12 took it;
    - ``np.fromstring`` reads bytes, as before NumPy 2.3;
    - ``np.array(x, copy=False)`` copies if it must, and integers wrap around in a smaller type, as before NumPy 2.
    """
    view = _Noting(numpy_view(), changes)
    for name in _SIZED:
        setattr(view, name, _sized(getattr(np, name), changes))
    view.fromstring = _from_string(changes)
    view.array = _array(numpy_view().array, changes)
    return view


class _Noting(ModuleType):
    """MXNet's view of NumPy; a name that today's NumPy lacks is noted when the program uses it."""

    def __init__(self, view: ModuleType, changes: Changes) -> None:
        super().__init__(np.__name__)
        hidden = {*_ALIASES, "__getattr__"}  # Python asks a module's own __getattr__ before that of its class
        self.__dict__.update({name: value for name, value in vars(np).items() if name not in hidden})
        self._view, self._changes = view, changes

    def __getattr__(self, name: str) -> Any:
        if name not in _ALIASES:
            with contextlib.suppress(AttributeError):  # modules that NumPy loads on first use
                return getattr(np, name)
        value = _MORE[name] if name in _MORE else self._of_view(name)
        self._changes.note(f"np.{name} is gone from NumPy and was given", _REMEDIES.get(name, "see NumPy's notes"))
        return value

    def _of_view(self, name: str) -> Any:
        """MXNet's view knows some names by themselves, and their present forms for others."""
        return getattr(self._view, name) if hasattr(self._view, name) else getattr(np, _TODAY.get(name, name))


# Names that are gone → today's names.
_TODAY = {
    "alltrue": "all", "bool8": "bool_", "cfloat": "complex128", "complex_": "complex128", "cumproduct": "cumprod",
    "float_": "float64", "in1d": "isin", "Inf": "inf", "infty": "inf", "Infinity": "inf", "int0": "intp",
    "longfloat": "longdouble", "mat": "asmatrix", "NaN": "nan", "NAN": "nan", "PINF": "inf", "product": "prod",
    "round_": "round", "row_stack": "vstack", "singlecomplex": "complex64", "sometrue": "any", "string_": "bytes_",
    "trapz": "trapezoid", "uint0": "uintp", "unicode_": "str_",
}  # fmt: skip
# Names that MXNet's view does not add, beside those of _TODAY.
_MORE: dict = {
    "asscalar": lambda array: array.item(),
    "asfarray": lambda array, dtype=float: np.asarray(array, dtype),
    "long": int,
    "unicode": str,
}
_REMEDIES = {
    **{old: f"write np.{new}" for old, new in _TODAY.items()},
    **{name: f"write {name}" for name in _ALIASES},
    "asscalar": "write x.item()",
    "asfarray": "write np.asarray(x, float)",
    "long": "write int",
    "unicode": "write str",
}


def _array(wrapping: Any, changes: Changes) -> Any:
    @functools.wraps(np.array)
    def array(values: Any, dtype: Any = None, **named: Any) -> Any:
        if named.get("copy", True) is False:
            changes.note("np.array(x, copy=False) copied where it must, which NumPy 2 refuses", "write np.asarray(x)")
            del named["copy"]
            return np.asanyarray(values, dtype) if named.get("subok") else np.asarray(values, dtype)
        return wrapping(values, dtype, **named)

    return array


def _sized(function: Any, changes: Changes) -> Any:
    @functools.wraps(function)
    def sized(shape: Any, *arguments: Any, **named: Any) -> Any:
        whole = _whole_sizes(shape)
        if whole is not shape:
            changes.note(
                "sizes that were floats were taken as whole numbers", "write int(…) around np.ceil and the like"
            )
        return function(whole, *arguments, **named)

    return sized


def _whole_sizes(shape: Any) -> Any:
    """The shape with whole floats as integers; the shape itself if nothing changes."""
    if isinstance(shape, (float, np.floating)):
        return int(shape) if shape == int(shape) else shape
    if isinstance(shape, (tuple, list)) and any(isinstance(size, (float, np.floating)) for size in shape):
        return tuple(map(_whole_sizes, shape))
    return shape


def _from_string(changes: Changes) -> Any:
    @functools.wraps(np.fromstring)
    def from_string(string: Any, dtype: Any = float, count: int = -1, *, sep: str = "", **named: Any) -> Any:
        if sep:
            return np.fromstring(string, dtype, count, sep=sep, **named)
        changes.note("np.fromstring read bytes, which NumPy 2.3 refuses", "write np.frombuffer")
        given = string.encode("latin-1") if isinstance(string, str) else string
        return np.frombuffer(given, dtype, count).copy()

    return from_string
