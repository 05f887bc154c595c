"""MXNet as an old program knows it: names that moved, and GPUs that are not there."""

from __future__ import annotations

import functools
from typing import Any

from mxgan.legacy.changes import Changes
from mxgan.legacy.modules import IMPORT_REMEDY
from mxgan.runtime import mx

__all__ = ["give_old_names", "note_replaced_layers", "replace_missing_gpus"]

# Operators that only builds with CUDA had: old name → today's.
_RENAMED = {"CuDNNBatchNorm": "BatchNorm"}


def give_old_names(changes: Changes) -> None:
    """Give MXNet the names and the habits that it has lost since the versions before 1.0."""
    for old, new in _RENAMED.items():
        for module in (mx.sym, mx.nd):
            if not hasattr(module, old):
                setattr(module, old, _renamed(getattr(module, new), old, new, changes))
    for name in ("bind", "reshape"):
        setattr(mx.mod.Module, name, _without_empty_labels(getattr(mx.mod.Module, name), changes))
    _accept_missing_inputs(changes)
    _warn_of_gradient_order(changes)


def _warn_of_gradient_order(changes: Changes) -> None:
    """Note a Module whose input gradients had another order in old versions of MXNet, where it shows."""
    gradients = mx.mod.Module.get_input_grads

    @functools.wraps(gradients)
    def noted(module: Any, *arguments: Any, **named: Any) -> Any:
        names = [name for name in module.symbol.list_arguments() if name in module.data_names]
        if names != list(module.data_names):
            changes.note(
                f"get_input_grads() gave the order {module.data_names}; MXNet before 1.0 gave {names}",
                "find each gradient by its place in data_names",
            )
        return gradients(module, *arguments, **named)

    mx.mod.Module.get_input_grads = noted


def note_replaced_layers(changes: Changes) -> None:
    """Note the symbols of which `mxgan.runtime` replaces Deconvolutions."""
    for name in ("simple_bind", "bind"):
        setattr(mx.sym.Symbol, name, _noting_layers(getattr(mx.sym.Symbol, name), changes))


def _noting_layers(method: Any, changes: Changes) -> Any:
    @functools.wraps(method)
    def bound(symbol: Any, *arguments: Any, **named: Any) -> Any:
        executor = method(symbol, *arguments, **named)
        if executor._mxgan_original is not None:
            changes.note(
                "Deconvolutions that MXNet cannot compute on a CPU were computed in another way", IMPORT_REMEDY
            )
        return executor

    return bound


def _accept_missing_inputs(changes: Changes) -> None:
    """Let a Module keep the last values of inputs that a batch lacks, as before MXNet 1.0."""
    forward = mx.mod.Module.forward

    @functools.wraps(forward)
    def passed(module: Any, data_batch: Any, is_train: Any = None) -> Any:
        given = getattr(data_batch, "data", None) or []
        bound = module.data_shapes if module.binded else []
        fits = all(array.shape == tuple(described.shape) for array, described in zip(given, bound))
        if not (module.params_initialized and 0 < len(given) < len(bound) and fits):
            return forward(module, data_batch, is_train)
        missing = ", ".join(described.name for described in bound[len(given) :])
        changes.note(f"a batch without {missing} kept the last values, as before MXNet 1.0", "give every input")
        return module._exec_group.forward(data_batch, is_train)

    mx.mod.Module.forward = passed


def _renamed(function: Any, old: str, new: str, changes: Changes) -> Any:
    @functools.wraps(function)
    def given(*arguments: Any, **named: Any) -> Any:
        changes.note(f"{old} is now {new}", f"write {new}")
        return function(*arguments, **named)

    return given


def _without_empty_labels(method: Any, changes: Changes) -> Any:
    """`method` of a Module, whose `label_shapes` may be [], as before MXNet 1.0."""

    @functools.wraps(method)
    def bound(module: Any, data_shapes: Any, label_shapes: Any = None, *arguments: Any, **named: Any) -> Any:
        if label_shapes is not None and len(label_shapes) == 0:
            changes.note("label_shapes=[] is None", "leave label_shapes out")
            label_shapes = None
        return method(module, data_shapes, label_shapes, *arguments, **named)

    return bound


def replace_missing_gpus(changes: Changes) -> None:
    """Make every GPU context a context of the CPU, if MXNet has no usable GPU."""
    if _gpus():
        return
    begin, devices = mx.Context.__init__, []

    @functools.wraps(begin)
    def mended(context: Any, device_type: Any, device_id: int = 0) -> None:
        if device_type == "gpu":
            changes.note(
                "mx.gpu() is mx.cpu(), because MXNet finds no GPU; --gpu keeps it",
                "write mx.cpu()",
                now=True,
            )
            if device_id not in devices:
                devices.append(device_id)
            # Several GPUs stay several devices, as a list of devices needs; the first one is mx.cpu().
            device_type, device_id = "cpu", devices.index(device_id)
        begin(context, device_type, device_id)

    mx.Context.__init__ = mended


def _gpus() -> int:
    try:
        return mx.context.num_gpus()
    except mx.MXNetError:  # a wheel for CUDA without a driver
        return 0
