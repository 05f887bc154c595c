"""The modules of an old program: found before installed packages, and compiled with what old code expects.

A file belongs to the program if it is neither in Python's own folders nor in an installed package. Only such modules
see the old NumPy names, and only they are translated from Python 2. This works as in runtime/mxnet_modules.py: these
modules have builtins of their own, whose ``__import__`` gives views of NumPy and other modules.
"""

from __future__ import annotations

import builtins
import functools
import os
import site
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import decode_source, spec_from_loader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any, Callable, Optional

__all__ = ["Compiler", "is_own_file", "own_modules_first"]

Compiler = Callable[[str, str, bool], CodeType]  # (source text, file name, whether it is in a package) → code

_PACKAGE = Path(__file__).resolve().parents[1]
_OURS = _PACKAGE.name


def _installed_folders() -> tuple:
    kinds = ("stdlib", "platstdlib", "purelib", "platlib")
    folders = [sysconfig.get_path(kind) for kind in kinds] + [*site.getsitepackages(), site.getusersitepackages()]
    return tuple({os.path.realpath(folder) + os.sep for folder in folders if folder} | {str(_PACKAGE) + os.sep})


_INSTALLED = _installed_folders()


@functools.cache
def is_own_file(file: str) -> bool:
    """Whether a source file belongs to the program: not to Python, an installed package or this package."""
    return not file.startswith("<") and not os.path.realpath(file).startswith(_INSTALLED)


@contextmanager
def own_modules_first(compiler: Compiler, views: Mapping[str, ModuleType], extra: Mapping, on_import: Callable):
    """Import the program's modules by `compiler`, and a `mxgan` of its own before this package.

    Parameters
    ----------
    views : {module: what its import gives in the program's modules}.
    extra : names that are added to their builtins.
    on_import : called with the name of every module that they import.

    Yields
    ------
    the function that gives a module its builtins, for the program's main module.
    """
    # One module for the whole program, so that it can add names to it by `import builtins`.
    own_builtins = ModuleType("builtins")

    def old_import(name: str, *arguments: Any, **named: Any) -> ModuleType:
        on_import(name)
        found = builtins.__import__(name, *arguments, **named)
        return own_builtins if found is builtins else given.get(id(found), found)

    given = {id(__import__(name)): view for name, view in views.items()}
    own_builtins.__dict__.update({**vars(builtins), **extra, "__import__": old_import})

    def prepare(module: ModuleType) -> None:
        module.__dict__["__builtins__"] = own_builtins

    ours = _taken_out()
    own_modules = _OwnModules(compiler, prepare)
    finders = [_OwnName(ours, own_modules), own_modules]
    sys.meta_path[:0] = finders
    try:
        yield prepare
    finally:
        for finder in finders:
            sys.meta_path.remove(finder)
        _taken_out()
        sys.modules.update(ours)


def _taken_out() -> dict:
    """Take the modules called `mxgan`, this package's or the program's, out of `sys.modules`; return them by name."""
    names = [name for name in sys.modules if name.partition(".")[0] == _OURS]
    return {name: sys.modules.pop(name) for name in names}


class _OwnLoader(SourceFileLoader):
    """Compiles a module of the program; no .pyc is read or written."""

    def __init__(self, name: str, path: str, compiler: Compiler, prepare: Callable) -> None:
        super().__init__(name, path)
        self._compiler, self._prepare = compiler, prepare

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        return self._compiler(decode_source(self.get_data(path)), path, "." in fullname or self.is_package(fullname))

    def exec_module(self, module: ModuleType) -> None:
        self._prepare(module)
        super().exec_module(module)


class _OwnModules(MetaPathFinder):
    def __init__(self, compiler: Compiler, prepare: Callable) -> None:
        self._settings = (compiler, prepare)

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader and is_own_file(spec.loader.path):
            spec.loader = _OwnLoader(spec.loader.name, spec.loader.path, *self._settings)
            return spec
        return None


class _Present(Loader):
    """Gives a module that is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec


def _is_ours(place: str) -> bool:
    return os.path.realpath(place) == str(_PACKAGE)


class _OwnName(MetaPathFinder):
    """`import mxgan`: a folder or file of that name on `sys.path` that is the program's own; else this package."""

    def __init__(self, ours: dict, own_modules: _OwnModules) -> None:
        self._ours, self._own_modules = ours, own_modules

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if name.partition(".")[0] != _OURS:
            return None
        if name == _OURS:
            places = {entry: os.path.join(entry or os.curdir, _OURS) for entry in sys.path}
            own = [entry for entry, place in places.items() if is_own_file(place) and not _is_ours(place)]
            spec = self._own_modules.find_spec(name, own, target) or PathFinder.find_spec(name, own, target)
            if spec is not None:
                return spec
        elif sys.modules[_OURS] is not self._ours[_OURS]:
            return None  # a module of the program's own mxgan
        known = self._ours.get(name)
        return spec_from_loader(name, _Present(known), is_package=hasattr(known, "__path__")) if known else None
