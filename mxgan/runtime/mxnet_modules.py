"""A loader for MXNet's Python modules on any NumPy.

MXNet 1.9.1 uses NumPy names that NumPy has removed. They are not added to NumPy itself, where every other program
would see them. Instead a finder loads `mxnet` and all modules below it, and only in those modules ``import numpy``
gives a view of NumPy with these names added. This works through the ``__import__`` of each module's own builtins, so
it also covers an import inside a function. `_names` holds the names. The tables RENAMED, SENDERS and MENDED repair
the other changes of newer versions. The builtins are a copy: MXNet does not see a patched ``builtins.print``.
"""

from __future__ import annotations

import builtins
import functools
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from types import CodeType, MappingProxyType, ModuleType, SimpleNamespace
from typing import Any, Optional

from mxgan.runtime.deconvolution import array_function
from mxgan.runtime.late_imports import late

__all__ = ["install", "numpy_view", "plain"]


# --- names -----------------------------------------------------------------------------------------------


def _names(np: ModuleType) -> dict[str, Any]:
    """The names that MXNet 1.9.1 uses and that some NumPy version from 1.22 on lacks."""
    return {
        **{kind.__name__: kind for kind in (bool, int, float, object, complex, str)},
        "PZERO": 0.0,
        "NZERO": -0.0,
        "PINF": np.inf,
        "NINF": -np.inf,
        "Inf": np.inf,
        "NAN": np.nan,
        "NaN": np.nan,
        "alltrue": np.all,
        "sometrue": np.any,
        "product": np.prod,
        "round_": np.round,
        "in1d": lambda first, *others, **named: np.isin(np.ravel(first), *others, **named),
        "msort": lambda values: np.sort(values, axis=0),
        "trapz": getattr(np, "trapezoid", None) or np.trapz,
        "array": functools.partial(_array, np),
        "compat": SimpleNamespace(basestring=(str, bytes)),
        "core": np._core if np.lib.NumpyVersion(np.__version__) >= "2.0.0" else np.core,  # NumPy 1 has an empty _core
        **{name: _gone(name) for name in ("mirr", "npv", "pmt", "ppmt", "pv", "rate")},
    }


def _array(np: ModuleType, values: Any, dtype: Any = None, **named: Any) -> Any:
    """numpy.array; Python integers outside the range of a smaller `dtype` wrap around, as they did before NumPy 2."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", DeprecationWarning)  # NumPy 1.24 to 1.26 warn about what NumPy 2 refuses
            return np.array(values, dtype=dtype, **named)
    except (OverflowError, DeprecationWarning):
        whole = np.array(values, **named)
        if whole.dtype != np.int64:  # too large for int64: no NumPy version accepted that
            raise
        return whole.astype(dtype)


def _gone(name: str):
    """A stand-in for a financial function that NumPy 1.20 removed; MXNet lists it and never calls it."""

    def gone(*_, **__):
        raise RuntimeError(f"numpy.{name} was removed in NumPy 1.20; the package numpy-financial has it.")

    return gone


class _View(ModuleType):
    """NumPy with `_names` added. It copies NumPy's dictionary, so a lookup is as fast as in NumPy."""

    def __init__(self, np: ModuleType) -> None:
        super().__init__(np.__name__)
        self.__dict__.update(vars(np))
        self.__dict__.update(_names(np))

    def __getattr__(self, name: str) -> Any:  # for modules that NumPy loads on first use
        return getattr(sys.modules["numpy"], name)


@functools.cache
def numpy_view() -> ModuleType:
    """NumPy as MXNet's modules see it."""
    import numpy as np

    return _View(np)


def _import(name: str, *arguments: Any, **named: Any) -> Any:
    names = arguments[2] if len(arguments) > 2 else named.get("fromlist")  # an import statement gives them by position
    found = late(name, names) or builtins.__import__(name, *arguments, **named)
    return numpy_view() if found is sys.modules.get("numpy") else found


# --- changes other than names ----------------------------------------------------------------------------


def plain(value: Any) -> Any:
    """NumPy scalars as Python numbers, also inside tuples and lists; any other value unchanged."""
    import numpy as np

    if isinstance(value, (tuple, list)) and type(value) in (tuple, list):
        return type(value)(map(plain, value))
    return value.item() if isinstance(value, np.generic) else value


class _TextKind(type):
    """Metaclass of `_Text`: isinstance accepts every str, and a call returns a str."""

    def __instancecheck__(cls, value: Any) -> bool:
        return isinstance(value, str)

    def __call__(cls, *arguments: Any) -> str:
        if len(arguments) == 1 and isinstance(arguments[0], (tuple, list)):
            return str(plain(arguments[0]))
        return str(*arguments)


class _Text(str, metaclass=_TextKind):
    """`str` for modules that send settings to C++ as text: it writes (np.int64(3), 3) as "(3, 3)".

    Since NumPy 2 a scalar inside a tuple prints as np.int64(3), which C++ cannot read.
    """


class _Sum(float):
    """A sum in double precision, also after a NumPy scalar is added; it prints as a float.

    Since NumPy 2 the sum of a Python float and a float32 scalar is a float32, so the sums of MXNet's metrics would
    lose their last digits over an epoch. Versions after 2.0 treat a subclass of float as float64, but 2.0 does not.
    """

    def __add__(self, other: Any) -> Any:
        import numpy as np

        return _Sum(float(self) + float(other)) if isinstance(other, np.floating) else super().__add__(other)

    __radd__ = __add__


class _DoubleSum:
    """A metric attribute that stores a float as a `_Sum`, and any other value, for example an array, unchanged."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, metric: Any, owner: Optional[type] = None) -> Any:
        if metric is None:
            return self
        try:
            return vars(metric)[self.name]
        except KeyError:
            raise AttributeError(f"{type(metric).__name__!r} object has no attribute {self.name!r}") from None

    def __set__(self, metric: Any, value: Any) -> None:
        value = plain(value)
        vars(metric)[self.name] = _Sum(value) if isinstance(value, float) else value


def _mend_metrics(module: ModuleType) -> None:
    """Make the sums double precision, and the results Python numbers, so that they print without np.float64()."""
    for name in ("sum_metric", "global_sum_metric"):
        attribute = _DoubleSum()
        attribute.__set_name__(module.EvalMetric, name)
        setattr(module.EvalMetric, name, attribute)
    for kind in vars(module).values():
        if isinstance(kind, type) and issubclass(kind, module.EvalMetric):
            for name in {"get", "get_global"} & set(vars(kind)):
                setattr(kind, name, _plain_result(vars(kind)[name]))


def _plain_result(method):
    @functools.wraps(method)
    def wrapped(self):
        return plain(method(self))

    return wrapped


def _mend_sparse(module: ModuleType) -> None:
    """Give MXNet SciPy's matrices without scipy.sparse.csr, which warns and ends with SciPy 2."""
    if module.spsp is not None:
        kinds = {name: getattr(module.spsp, name) for name in ("csr_matrix", "coo_matrix")}
        module.spsp = SimpleNamespace(csr=SimpleNamespace(**kinds), **kinds)


def _mend_data_loader(module: ModuleType) -> None:
    """Fork workers, as on Linux before Python 3.14: a spawned worker would import MXNet before `install` is called."""
    import multiprocessing

    chosen = multiprocessing.get_start_method(allow_none=True)  # without allow_none, the call would set a method
    if sys.version_info >= (3, 14) and chosen in (None, "forkserver"):
        forking = ModuleType(multiprocessing.__name__)
        forking.__dict__.update(vars(multiprocessing))
        context = multiprocessing.get_context("fork")
        for name in ("Pool", "Process", "Queue"):
            setattr(forking, name, getattr(context, name))
        forking.get_context = lambda method=None: multiprocessing.get_context(method or "fork")
        module.multiprocessing = forking


def _mend_arrays(module: ModuleType) -> None:
    """Make `mx.nd.Deconvolution` compute what oneDNN cannot."""
    module.Deconvolution = module.op.Deconvolution = array_function(module)


# Array methods that NumPy 2.3 removed, by the MXNet module that uses them: old name → new name.
RENAMED = {"mxnet.recordio": {"tostring": "tobytes"}}
# Modules whose `str` is `_Text`: they send settings to C++.
SENDERS = {"mxnet._ctypes.ndarray", "mxnet._ctypes.symbol", "mxnet.symbol.symbol", "mxnet.io.io"}
# The repair of each module, applied after it has been loaded; `install` takes more.
MENDED = {
    "mxnet.metric": _mend_metrics,
    "mxnet.ndarray.sparse": _mend_sparse,
    "mxnet.ndarray.utils": _mend_sparse,
    "mxnet.gluon.data.dataloader": _mend_data_loader,
    "mxnet.ndarray": _mend_arrays,
}


# --- loading ---------------------------------------------------------------------------------------------


class _Loader(SourceFileLoader):
    def __init__(self, name: str, path: str, mended: Mapping) -> None:
        super().__init__(name, path)
        self._mended = mended

    def get_code(self, fullname: str) -> Optional[CodeType]:
        return _renamed(super().get_code(fullname), RENAMED.get(fullname, {}))

    def exec_module(self, module: ModuleType) -> None:
        text = {"str": _Text} if module.__name__ in SENDERS else {}
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": _import, **text}
        super().exec_module(module)
        self._mended.get(module.__name__, lambda _: None)(module)


def _renamed(code: CodeType, names: dict[str, str]) -> CodeType:
    """The code with attribute names replaced, also in its functions."""
    if not names:
        return code
    constants = tuple(_renamed(each, names) if isinstance(each, CodeType) else each for each in code.co_consts)
    return code.replace(co_names=tuple(names.get(name, name) for name in code.co_names), co_consts=constants)


class _Finder(MetaPathFinder):
    def __init__(self, mended: Mapping) -> None:
        self._mended = mended

    def find_spec(
        self, name: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        if name.partition(".")[0] != "mxnet":
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and type(spec.loader) is SourceFileLoader:
            spec.loader = _Loader(spec.loader.name, spec.loader.path, self._mended)
        return spec


def install(mended: Mapping = MappingProxyType({})) -> None:
    """Make later imports of `mxnet` and its modules use this loader; a second call changes nothing.

    Parameters
    ----------
    mended : further repairs, {name of a module: function of the module}, as the table MENDED has them.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder({**MENDED, **mended}))
