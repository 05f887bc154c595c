"""Modules that MXNet imports while it is loaded and uses in a few functions alone: they are imported at the first use.

scipy.stats is for `mxnet.test_utils` and for quantization, and scikit-learn for `mxnet.model.FeedForward`. Together
they take longer than a third of the import of MXNet.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, Optional

__all__ = ["late"]


class _LateModule(ModuleType):
    """A module that is imported when a name of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(_imported(self.__name__, name), name)


class _Estimator:
    """What scikit-learn's `BaseEstimator` gives to a class, imported when a method of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        estimator = _imported("sklearn.base", name).BaseEstimator
        return inspect.getattr_static(estimator, name).__get__(self, type(self))


def _imported(module: str, name: str) -> ModuleType:
    """A module; AttributeError, as of any name that is not there, if it cannot be imported."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise AttributeError(f"{name!r} is a part of {module}, which cannot be imported here: {error}") from error


_STATS = SimpleNamespace(stats=_LateModule("scipy.stats"))
# module → (names that a statement asks of it, what it gets)
_LATE = {
    "scipy.stats": ((), _STATS),  # import scipy.stats as ss
    "scipy": (("stats",), _STATS),  # from scipy import stats
    "sklearn.base": (("BaseEstimator",), SimpleNamespace(BaseEstimator=_Estimator)),
}


def late(name: str, names: Optional[Sequence[str]]) -> Any:
    """What stands for a module in an import statement of MXNet, or None where the statement imports as usual."""
    asked, found = _LATE.get(name, (None, None))
    return found if found and asked == tuple(names or ()) else None
