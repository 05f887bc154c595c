"""Changes to other packages, made when the program imports them."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from types import ModuleType
from typing import Any, Callable, Optional

from mxgan.legacy.changes import Changes

__all__ = ["IMPORT_REMEDY", "after_import", "mend_yaml", "note_imports"]


@contextmanager
def after_import(mended: Mapping[str, Callable[[ModuleType], None]]):
    """Call `mended[name](module)` for each of these modules, as soon as it is loaded.

    Nothing is called for a module that the program does not import.
    """
    for name in list(mended):
        if name in sys.modules:
            mended[name](sys.modules[name])
    finder = _Finder(mended)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)


class _Finder(MetaPathFinder):
    def __init__(self, mended: Mapping) -> None:
        self._mended, self._searching = mended, False

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if name not in self._mended or self._searching:
            return None
        self._searching = True
        try:
            spec = find_spec(name)
        finally:
            self._searching = False
        if spec is not None and spec.loader is not None:
            spec.loader.exec_module = self._then(spec.loader.exec_module, self._mended[name])
        return spec

    @staticmethod
    def _then(load: Callable, mend: Callable) -> Callable:
        def loaded(module: ModuleType) -> None:
            load(module)
            mend(module)

        return loaded


IMPORT_REMEDY = "write `from mxgan.runtime import mx` instead of `import mxnet as mx`"
# Module that a program imports → (change, remedy), to be noted.
_NOTED = {
    "mxnet": ("MXNet was made to import on this Python and NumPy", IMPORT_REMEDY),
    "sklearn.datasets.base": (
        "sklearn.datasets.base is sklearn.datasets",
        "write `from sklearn.datasets import get_data_home`",
    ),
}


def note_imports(changes: Changes) -> Callable[[str], None]:
    """A function for `own_modules_first` that notes some imports of the program."""

    def noted(name: str) -> None:
        change = _NOTED.get(name) or _NOTED.get(name.partition(".")[0])
        if change:
            changes.note(*change)

    return noted


def mend_yaml(changes: Changes) -> Callable[[ModuleType], None]:
    """`yaml.load(stream)` without a Loader is `yaml.safe_load`: PyYAML 6 asks for one."""

    def mend(yaml: ModuleType) -> None:
        load = yaml.load

        @functools.wraps(load)
        def given(stream: Any, Loader: Any = None) -> Any:  # noqa: N803 - PyYAML's name
            if Loader is None:
                changes.note("yaml.load without a Loader read plain values alone", "write yaml.safe_load(…)")
                return yaml.safe_load(stream)
            return load(stream, Loader)

        yaml.load = given

    return mend
