"""MXNet's ways to bind a symbol, mended: what a CPU cannot compute is replaced; see deconvolution.py.

The symbol itself stays as it is, with its names, parameters and file: only its executor computes in another way.
mxnet_modules.py applies `mend_symbol`, `mend_executor` and `mend_cached_operator` to the modules of MXNet.
"""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Optional

from mxgan.runtime.computable import computable, has_failing_layers, input_sizes
from mxgan.runtime.rewriting import loaded_mxnet

__all__ = ["mend_cached_operator", "mend_executor", "mend_symbol"]

MOST_KINDS = 16  # types and shapes of inputs for which a hybridized block keeps a graph


def mend_symbol(module: ModuleType) -> None:
    """Make `simple_bind` and `bind` of mxnet.symbol.symbol.Symbol replace what fails on a CPU."""
    simple_bind, bind = module.Symbol.simple_bind, module.Symbol.bind

    @functools.wraps(simple_bind)
    def mended_simple_bind(self, ctx, grad_req="write", type_dict=None, *others, **shapes):
        names = set(self.list_arguments())
        known = {name: shape for name, shape in shapes.items() if name in names}
        bound = _for_device(self, ctx, type_dict, known)
        return _remembering(self, bound, simple_bind(bound, ctx, grad_req, type_dict, *others, **shapes))

    @functools.wraps(bind)
    def mended_bind(self, ctx, args, *others, **named):
        given = args if isinstance(args, dict) else dict(zip(self.list_arguments(), args))
        types = {name: array.dtype for name, array in given.items()}
        bound = _for_device(self, ctx, types, {name: array.shape for name, array in given.items()})
        return _remembering(self, bound, bind(bound, ctx, args, *others, **named))

    module.Symbol.simple_bind, module.Symbol.bind = mended_simple_bind, mended_bind


def _for_device(symbol, ctx, types: Optional[dict], shapes: dict):
    return symbol if ctx.device_type == "gpu" else computable(symbol, types, shapes)


def _remembering(symbol, bound, executor):
    """The executor, with the symbol as the caller knows it if layers of it were replaced."""
    executor._mxgan_original = None if bound is symbol else symbol
    return executor


def mend_executor(module: ModuleType) -> None:
    """Make Executor.reshape bind the symbol again if a replaced layer would get another size than it was made for."""
    reshape = module.Executor.reshape

    @functools.wraps(reshape)
    def mended(self, partial_shaping=False, allow_up_sizing=False, **shapes):
        original = getattr(self, "_mxgan_original", None)
        if original is not None and _changes_size(self, original, shapes):
            return _bound_again(self, original, shapes)
        changed = reshape(self, partial_shaping, allow_up_sizing, **shapes)
        changed._mxgan_original = original
        return changed

    module.Executor.reshape = mended


def _changes_size(executor, symbol, shapes: dict) -> bool:
    """Whether these shapes of inputs give a replaced layer another input size."""
    types = {name: array.dtype for name, array in executor.arg_dict.items()}
    before = {name: executor.arg_dict[name].shape for name in shapes}
    return input_sizes(symbol, types, before) != input_sizes(symbol, types, shapes)


def _bound_again(executor, symbol, shapes: dict):
    """An executor for these shapes over the same arrays; arrays of another shape are made anew."""
    zeros, bind = loaded_mxnet().nd.zeros, symbol.bind
    arguments, _, states = symbol.infer_shape(**shapes)

    def fitting(arrays: dict, names: list, wanted: list) -> dict:
        return {
            name: array if array.shape == shape else zeros(shape, array.context, array.dtype)
            for name, shape, array in zip(names, wanted, map(arrays.get, names))
            if array is not None
        }

    names = symbol.list_arguments()
    return bind(
        executor._ctx,
        fitting(executor.arg_dict, names, arguments),
        fitting(executor.grad_dict, names, arguments),
        executor._grad_req,
        fitting(executor.aux_dict, symbol.list_auxiliary_states(), states),
        executor._group2ctx,
    )


def mend_cached_operator(module: ModuleType) -> None:
    """Make Gluon's hybridized blocks compute what fails, for the types and sizes of each call."""

    class CachedOp(module.CachedOp):
        """MXNet's cached operator; a graph with a failing layer is computed by another one for each kind of input."""

        __slots__ = ("_by_kind", "_flags", "_symbol")

        def __init__(self, sym, flags=()) -> None:
            super().__init__(sym, flags)
            # Symbols of mx.np are another class, with operators of their own.
            fails_here = type(sym).__name__ == "Symbol" and has_failing_layers(sym)
            self._symbol, self._flags, self._by_kind = sym if fails_here else None, flags, {}

        def __call__(self, *args, **named):
            if self._symbol is None or args[0].context.device_type == "gpu":
                return super().__call__(*args, **named)
            kind = tuple((array.dtype, array.shape) for array in args)
            if kind not in self._by_kind:
                if len(self._by_kind) >= MOST_KINDS:
                    self._by_kind.clear()
                names = self._symbol.list_inputs()
                types, shapes = (dict(zip(names, each)) for each in zip(*kind))
                made = computable(self._symbol, _of_arguments(self._symbol, types), _of_arguments(self._symbol, shapes))
                self._by_kind[kind] = module_op(made, self._flags)
            return self._by_kind[kind](*args, **named)

    module_op, module.CachedOp = module.CachedOp, CachedOp


def _of_arguments(symbol, values: dict) -> dict:
    return {name: values[name] for name in symbol.list_arguments()}
