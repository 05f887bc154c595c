"""BatchNorm with the mean and variance of the whole batch, of which each rank has a part.

A bound symbol is rewritten: each BatchNorm becomes an operator of this module, with the same parameters, states and
settings. With x̂ = (x − μ) / √(σ² + ε), M numbers of a channel in the batches of all ranks, and g the gradient at the
output, it computes::

    forward     y = γ x̂ + β                  one sum over the ranks, of (count, Σ x, Σ x²) by channel
    backward    dβ = Σ g,  dγ = Σ g x̂        of this rank's part, as every gradient of a rank
                dx = γ (g − Σ g / M − x̂ Σ g x̂ / M) / √(σ² + ε)      one sum over the ranks, of (Σ g, Σ g x̂)

In inference the moving statistics are used, and nothing is summed. The moving statistics change in the backward pass,
by σ² without Bessel's correction, and where `fix_gamma` holds γ at 1, the forward pass writes 1 to it: both as in
MXNet's own BatchNorm on a CPU.

Source: Ioffe and Szegedy 2015, algorithm 1 and the gradients after it, over the whole batch.
"""

from __future__ import annotations

import contextlib
import itertools
import logging
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from mxgan.errors import ArgumentError
from mxgan.graphs.layers import SHARED_BATCH_NORM, is_on
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting
from mxgan.training.parallel.channel_sums import add_data_gradient, gradient_sums, moments, normalise
from mxgan.training.parallel.host_arrays import host_view

__all__ = ["own_errors", "totals_over", "with_shared_batch_norm"]

logger = logging.getLogger(__name__)

_SETTINGS = ("eps", "momentum", "fix_gamma", "axis")  # the others of MXNet's are about cuDNN and int8
_OTHERS = ("BatchNorm_v1", "_contrib_BatchNormWithReLU", "_contrib_SyncBatchNorm")

_numbers = itertools.count()
_layers: dict = {}  # number of a BatchNorm, as in its node's setting → _Layer
_failures: list = []  # what operators have raised, until `own_errors` raises it


class _Layer(NamedTuple):
    name: str
    total: Callable


def with_shared_batch_norm(symbol, total_of: Callable):
    """The symbol with each BatchNorm over all ranks; same arguments, auxiliary states and outputs, in the same order.

    A BatchNorm with use_global_stats stays as it is. Bind the result once, in one executor for training, on one
    device; bind a new rewriting for each further executor, since each has its own passes. A symbol to be saved is the
    one before: the rewritten symbol is of this process alone.

    Parameters
    ----------
    symbol : a network or loss over float32 numbers.
    total_of : called here, with the name of each BatchNorm in the graph's order; see `totals_over`. It returns the
        `total` of this layer: total(vector) sums a float64 (n,) over the ranks in place, waits for that, and raises
        an error where a rank is lost. It is called in threads of MXNet's own, those of several layers at the same
        time and in another order on each rank: so each `total` needs a communicator of its own. Its own calls come in
        the same order on all ranks. The sums must be equal on all ranks to the bit.

    What a `total` raises comes out of MXNet's next wait as an MXNetError, within `own_errors` as itself.

    Raises
    ------
    ArgumentError : a BatchNorm with output_mean_var, or another operator that has BatchNorm in it.
    """
    vars(mx.operator)["print"] = _say  # by which MXNet tells the traceback of an error in an operator
    return _Shared(symbol, total_of).symbol()


def totals_over(ranks, network: str) -> Callable:
    """The `total_of` for `with_shared_batch_norm` over the ranks of an `MPIRanks`.

    The vectors of all ranks are gathered and added in the order of the ranks, so that the bits do not depend on an
    algorithm of MPI. All ranks call it, and rewrite the same networks, in the same order.

    Parameters
    ----------
    network : tells apart the executors of a pair, such as "head": each layer of each has its own communicator.
    """

    def total_of(layer: str) -> Callable:
        communicator = ranks.communicator(f"{SHARED_BATCH_NORM} {network} {layer}")

        def total(vector) -> None:
            every = np.empty((ranks.size, vector.size))
            ranks.wait(communicator.Iallgather(vector, every))
            np.sum(every, axis=0, out=vector)

        return total

    return total_of


@contextlib.contextmanager
def own_errors() -> Iterator[None]:
    """Passes in this context raise the error of a `total` itself, where MXNet raises an MXNetError with its text."""
    try:
        yield
    except mx.base.MXNetError as error:
        found = _failures[:]
        _failures.clear()
        if not found:
            raise
        raise found[0] from error


class _Shared(Rewriting):
    def __init__(self, symbol, total_of: Callable) -> None:
        super().__init__(symbol)
        self._total_of = total_of

    def node(self, number: int, node: dict, inputs: list) -> int:
        if node["op"] in _OTHERS or (node["op"] == "BatchNorm" and _is_on(node, "output_mean_var")):
            raise ArgumentError(
                f"the layer {node['name']!r} is a {node['op']}{' with output_mean_var' * (node['op'] == 'BatchNorm')}, "
                "whose statistics cannot be those of all ranks; use a plain BatchNorm, or leave --sync-batch-norm out."
            )
        if node["op"] == "BatchNorm" and not _is_on(node, "use_global_stats"):
            node = {**node, "op": "Custom", "attrs": self._settings(node)}
        return super().node(number, node, inputs)

    def _settings(self, node: dict) -> dict:
        given, key = node.get("attrs", {}), str(next(_numbers))
        _layers[key] = _Layer(node["name"], self._total_of(node["name"]))
        kept = {name: value for name, value in given.items() if name in _SETTINGS or name.startswith("__")}
        return {"op_type": SHARED_BATCH_NORM, "key": key, **kept}


def _is_on(node: dict, setting: str) -> bool:
    return is_on(node.get("attrs", {}).get(setting, "False"))


@mx.operator.register(SHARED_BATCH_NORM)
class _Description(mx.operator.CustomOpProp):
    """Names, shapes and types of the operator; MXNet gives it the settings of the node, as text."""

    def __init__(self, key, eps="1e-3", momentum="0.9", fix_gamma="True", axis="1", **hidden) -> None:
        super().__init__(need_top_grad=True)
        self.layer, self.eps, self.momentum = _layers[key], float(eps), float(momentum)
        self.fix_gamma, self.axis = is_on(fix_gamma), int(axis)

    def list_arguments(self) -> list:
        return ["data", "gamma", "beta"]

    def list_auxiliary_states(self) -> list:
        return ["moving_mean", "moving_var"]

    def infer_shape(self, in_shape) -> tuple:
        data, *_ = in_shape
        channels = [data[self.axis]]
        return [data, channels, channels], [data], [channels, channels]

    def infer_type(self, in_type) -> tuple:
        return [np.float32] * 3, [np.float32], [np.float32] * 2

    def declare_backward_dependency(self, out_grad, in_data, out_data) -> list:
        return [out_grad[0], in_data[0], in_data[1]]  # not the output, whose memory MXNet may use for another array

    def create_operator(self, ctx, in_shapes, in_dtypes):
        return _Operator(self, in_shapes[0])


class _Operator(mx.operator.CustomOp):
    """One BatchNorm of one executor; a forward pass keeps the statistics for the backward pass."""

    def __init__(self, description: _Description, shape) -> None:
        super().__init__()
        self._about, axis = description, description.axis % len(shape)
        self._by_channel = (int(np.prod(shape[:axis])), shape[axis], int(np.prod(shape[axis + 1 :])))

    def forward(self, is_train, req, in_data, out_data, aux) -> None:
        with _remembered(), _on_host(in_data, out_data, aux) as ((data, gamma, beta), (out,), moving):
            data, out = data.reshape(self._by_channel), out.reshape(self._by_channel)
            if self._about.fix_gamma:
                gamma[...] = 1
            mean, variance = self._shared_moments(data) if is_train else moving
            self._mean, self._variance = mean.astype(np.float32), variance.astype(np.float32)
            self._inverse = 1 / np.sqrt(variance + self._about.eps)
            if req[0] != "null":
                normalise(data, self._mean, self._inverse * gamma, beta, out, req[0] == "add")

    def _shared_moments(self, data) -> tuple:
        """(mean, variance) of each channel over all ranks, float64."""
        mean, deviations = moments(data)
        count = data.shape[0] * data.shape[2]
        sums = np.concatenate([[count], count * mean, deviations + count * mean**2])
        self._about.layer.total(sums)
        self._count = sums[0]
        mean, square = np.split(sums[1:] / self._count, 2)
        return mean, np.maximum(square - mean**2, 0)

    def backward(self, req, out_grad, in_data, out_data, in_grad, aux) -> None:
        with _remembered(), _on_host(out_grad, in_data[:2], in_grad, aux) as ((gradient,), (data, gamma), out, moving):
            data, gradient = data.reshape(self._by_channel), gradient.reshape(self._by_channel)
            for_beta, for_gamma = gradient_sums(data, gradient, self._mean)
            for_gamma *= self._inverse
            _write(req[1], out[1], 0 * for_gamma if self._about.fix_gamma else for_gamma)
            _write(req[2], out[2], for_beta)
            sums = np.concatenate([for_beta, for_gamma])
            self._about.layer.total(sums)
            if req[0] != "null":
                for_beta, for_gamma = np.split(sums / self._count, 2)
                vectors = (self._mean, for_gamma * self._inverse, for_beta, self._inverse * gamma)
                add_data_gradient(data, gradient, *vectors, out[0].reshape(self._by_channel), req[0] == "add")
            for state, now in zip(moving, (self._mean, self._variance)):
                state *= np.float32(self._about.momentum)
                state += (1 - np.float32(self._about.momentum)) * now


def _write(request: str, out, values) -> None:
    """Do with `values` what MXNet asks for: "write", "inplace", "add" or "null"."""
    if request != "null":
        out[...] = out + values if request == "add" else values


def _is_on_gpu(array) -> bool:
    return array.context.device_type == "gpu"


@contextlib.contextmanager
def _on_host(*groups) -> Iterator[list]:
    """Groups of NDArrays as NumPy arrays; what is written to these, the NDArrays have afterwards."""
    on_gpu = _is_on_gpu(groups[0][0])
    arrays = [[each.asnumpy() if on_gpu else host_view(each) for each in group] for group in groups]
    yield arrays
    if on_gpu:
        for group, changed in zip(groups, arrays):
            for array, values in zip(group, changed):
                array[:] = values


@contextlib.contextmanager
def _remembered() -> Iterator[None]:
    """Keep an error for `own_errors`; MXNet, which called this code, knows only that there was one."""
    try:
        yield
    except BaseException as error:
        _failures.append(error)
        raise


def _say(text: str) -> None:
    """Send a traceback that MXNet prints to the log if the error is one of these operators.

    That error itself is raised in the thread that waits for the pass. Those of other operators are printed as ever.
    """
    if _failures:
        logger.debug("%s", text)
    else:
        sys.stdout.write(f"{text}\n")
