"""Deconvolutions that MXNet 1.9.1 cannot compute on a CPU, and other ways to compute them.

Under oneDNN, three kinds of Deconvolution fail, or crash the process:

- `target_shape` set: "could not create a descriptor for a dilated deconvolution";
- one filter in each group, such as a grey image, after another layer: "could not create a primitive descriptor for a
  reorder primitive";
- a weight that is not a Variable of its own: its gradient is written through a null pointer.

computable.py replaces them in symbols. `array_function` below replaces them in `mx.nd.Deconvolution`, where a weight
that several layers share is not recognised. Each layer is computed in the fastest way that is right:

- `target_shape` becomes `pad` and `adj`, with the same result to the last bit;
- one filter becomes a matrix product and `col2im`: each pixel times the kernel, then the sum of what overlaps;
- everything else, and every case where the input's size is unknown, is computed in float64, without oneDNN.

Only float32 layers on a CPU are replaced.
"""

from __future__ import annotations

import ast
import functools
import inspect
from types import ModuleType
from typing import Any, NamedTuple

from mxgan.runtime.rewriting import loaded_mxnet

DOUBLE_AXES = 2  # MXNet's own code, which computes float64, has no third axis

__all__ = ["Geometry", "array_function", "fails", "in_double", "is_column_case", "one_filter"]


class Geometry(NamedTuple):
    """The settings of one Deconvolution, each as a tuple with a number for each spatial axis."""

    kernel: tuple
    stride: tuple
    dilate: tuple
    pad: tuple
    adj: tuple
    target: tuple  # empty if `target_shape` is not set
    filters: int
    groups: int
    no_bias: bool

    @classmethod
    def of(cls, settings: dict) -> Geometry:
        """Read the operator's settings: Python values, or MXNet's text for them."""
        values = {name: _value(given) for name, given in settings.items()}
        kernel = _axes(values.get("kernel"), 0, 0)
        count = len(kernel)
        target = _axes(values.get("target_shape"), count, 0)
        return cls(
            kernel,
            *(_axes(values.get(name), count, default) for name, default in (("stride", 1), ("dilate", 1))),
            *(_axes(values.get(name), count, 0) for name in ("pad", "adj")),
            target if any(target) else (),
            int(values.get("num_filter", 0)),
            int(values.get("num_group") or 1),
            values.get("no_bias", True) in (True, 1),  # MXNet's default for this operator is True
        )

    def padded_for(self, size: tuple) -> Geometry:
        """The same layer with `pad` and `adj` in place of `target_shape`, for an input of this spatial size."""
        if not self.target:
            return self
        wholes = [
            stride * (side - 1) + dilate * (kernel - 1) + 1
            for stride, side, dilate, kernel in zip(self.stride, size, self.dilate, self.kernel)
        ]
        over = [whole - target for whole, target in zip(wholes, self.target)]  # MXNet's shape check: not below 0
        return self._replace(
            pad=tuple((each + 1) // 2 for each in over), adj=tuple(each % 2 for each in over), target=()
        )

    def output_size(self, size: tuple) -> tuple:
        """The spatial size of the output, for an input of this spatial size; `target_shape` must not be set."""
        return tuple(
            stride * (side - 1) + dilate * (kernel - 1) + 1 - 2 * pad + adj
            for side, kernel, stride, dilate, pad, adj in zip(size, *self[:5])
        )


def _value(given: Any) -> Any:
    if not isinstance(given, str):
        return given
    try:
        return ast.literal_eval(given)
    except (ValueError, SyntaxError):
        return {"true": True, "false": False}.get(given, given)


def _axes(given: Any, count: int, default: int) -> tuple:
    if given is None or given == ():
        return (default,) * count
    if isinstance(given, (tuple, list)):
        return tuple(default if each is None else int(each) for each in given)
    return (int(given),)


def one_filter(ops: ModuleType, data, weight, bias, name: str, size: tuple, geometry: Geometry):
    """A Deconvolution to one channel on two axes, as a matrix product and `col2im`.

    Unlike `single_channel_deconvolution` of networks/blocks.py, which is a third faster in training, this one is also
    right when it is bound for inference.

    Parameters
    ----------
    ops : mx.sym or mx.nd. data : (N, C, *size). weight : (C, 1, *kernel). bias : (1,) or None.
    name : the last operator's name; the others' names begin with it.
    """

    def each(title: str) -> str:
        return f"{name}_{title}"

    pixels = ops.Reshape(data, shape=(0, 0, -1), name=each("pixels"))  # (N, C, h · w)
    kernels = ops.expand_dims(ops.Flatten(weight, name=each("flat")), axis=0, name=each("kernels"))  # (1, C, k · k)
    # batch_dot and not a 1×1 Convolution: bound for inference, MXNet would keep the first value of a computed weight.
    repeated = ops.broadcast_like(kernels, pixels, lhs_axes=(0,), rhs_axes=(0,), name=each("repeated"))
    product = ops.batch_dot(pixels, repeated, transpose_a=True, name=each("product"))  # (N, h · w, k · k)
    columns = ops.transpose(product, axes=(0, 2, 1), name=each("columns"))
    settings = {key: getattr(geometry, key) for key in ("kernel", "stride", "dilate", "pad")}
    settings["output_size"] = geometry.output_size(size)
    if bias is None:
        return ops.col2im(columns, name=name, **settings)
    image = ops.col2im(columns, name=each("image"), **settings)
    return ops.broadcast_add(image, ops.Reshape(bias, shape=(1, 1, 1, 1), name=each("offset")), name=name)


def in_double(ops: ModuleType, data, weight, bias, name: str, settings: dict):
    """The Deconvolution itself in float64, which MXNet computes without oneDNN."""
    wide = [
        ops.Cast(given, dtype="float64", name=f"{name}_{title}_float64")
        for title, given in (("data", data), ("weight", weight), ("bias", bias))
        if given is not None
    ]
    return ops.Cast(_plain(ops)(*wide, name=f"{name}_float64", **settings), dtype="float32", name=name)


def _plain(ops: ModuleType):
    """MXNet's own function, also after `array_function`."""
    return getattr(ops.Deconvolution, "__wrapped__", ops.Deconvolution)


def is_column_case(geometry: Geometry) -> bool:
    """Whether `one_filter` computes this layer."""
    return (geometry.filters, geometry.groups, len(geometry.kernel)) == (1, 1, 2) and not geometry.target


def fails(geometry: Geometry) -> bool:
    """Whether MXNet cannot compute this layer, even with a weight of its own."""
    return bool(geometry.target) or (geometry.filters == geometry.groups and len(geometry.kernel) <= DOUBLE_AXES)


def array_function(module: ModuleType):
    """`mx.nd.Deconvolution` that also computes what fails; `module` is mxnet.ndarray."""
    plain = module.Deconvolution
    order = list(inspect.signature(plain).parameters)

    @functools.wraps(plain)
    def mended(*inputs, out=None, **settings):
        settings.update(zip(order, inputs))
        data, weight, bias = (settings.pop(name, None) for name in order[:3])
        geometry = Geometry.of({name: value for name, value in settings.items() if name != "name"})
        # While gradients are recorded, an array without one is computed from others.
        computed = (
            loaded_mxnet().autograd.is_recording() and weight.grad is None and len(geometry.kernel) <= DOUBLE_AXES
        )
        plainly = data.context.device_type == "gpu" or data.dtype.__name__ != "float32"
        if plainly or not (computed or fails(geometry)):
            return plain(data, weight, bias, out=out, **settings)
        size, bias = data.shape[2:], None if geometry.no_bias else bias
        geometry = geometry.padded_for(size)
        if not computed and not fails(geometry):
            settings.pop("target_shape")
            return plain(data, weight, bias, out=out, **{**settings, "pad": geometry.pad, "adj": geometry.adj})
        name = settings.pop("name", None) or "deconvolution"
        if not computed and is_column_case(geometry):
            made = one_filter(module, data, weight, bias, name, size, geometry)
        else:
            made = in_double(module, data, weight, bias, name, settings)
        return made if out is None else made.copyto(out)

    return mended
