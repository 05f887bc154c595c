"""Exponential moving average of a network's weights, updated while the network trains.

After each update of the network, for every weight w and every moving statistic of BatchNorm::

    w̄ ← d w̄ + (1 − d) w        d = min(decay, (1 + t) / (10 + t)), t: the number of updates before this one

The average starts as a copy of the first weights. Their share of the average is ∏ d, which falls as t⁻⁹, so it soon
vanishes. With d = `decay` from the first update on, the average would keep them for about 1 / (1 − decay) updates.

Source: Karras et al. 2018 (progressive growing, section 4 and appendix A: decay 0.999 for the images that are shown and
measured); Yazici et al. 2019, eq. 5, on why it helps. For a D that classifies: the published code of Salimans et al.
2016, which measures the classifier with averaged weights. The warm-up is the one of TensorFlow's
ExponentialMovingAverage; the moving statistics are averaged as in Brock et al. 2019, appendix C. In float32, the
relative distance between the average and a constant weight falls to about 6e-8 / (1 − decay) and no further.

Like bound_pair.py, this module reads MXNet's private executors.
"""

from __future__ import annotations

from typing import Optional

from mxgan.errors import ArgumentError
from mxgan.graphs.layers import batch_norms
from mxgan.graphs.shapes import check_parameters
from mxgan.runtime import mx
from mxgan.runtime.config import is_number

__all__ = ["WeightAverage", "check_decay"]

_GRID = 2.0**24  # float32 has every multiple of 1/_GRID up to 1


def check_decay(decay: Optional[float], setting: str = "ema", half: str = "generator") -> None:
    """Raise ArgumentError unless the value of `setting` is above 0 and below 1, or None."""
    if decay is not None and not is_number(decay, lambda decay: 0 < decay < 1):
        raise ArgumentError(
            f"{setting} is {decay!r}; give the decay of the {half}'s average, above 0 and below 1, such as 0.999, or "
            "null for none."
        )


class WeightAverage:
    """The average of one bound network, on its first device; no data goes through the host.

    A gamma that BatchNorm's fix_gamma holds at 1 is 1 in the average, whatever its array contains. FiniteGuard does
    not check the average, because averages of finite numbers are finite.

    Parameters
    ----------
    half : "generator" or "discriminator", for messages. module : the network, bound.

    Attributes
    ----------
    decay : above 0 and below 1. updates : the number of updates so far.
    """

    def __init__(self, half: str, module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self._half, self._group = half, module._exec_group
        norms = batch_norms(module.symbol)
        self._held = {norm.gamma for norm in norms if norm.held}
        self._written_with = {name for norm in norms for name in (norm.gamma, norm.beta)}
        trained = [place for place, (gradient, *_) in enumerate(self._group.grad_arrays) if gradient is not None]
        self._smallest = min(trained, key=lambda place: self._group.param_arrays[place][0].size)
        self._weights: dict = {}  # {parameter: NDArray}
        self._statistics = None  # (sum of all sizes,): every moving mean and variance, concatenated

    def begin(self) -> None:
        """Start again from the network's current weights."""
        mx.nd.waitall()
        self.updates = 0
        self._weights = {name: weight.copy() for name, weight in self._raw_weights().items()}
        self._statistics = self._raw_statistics()

    def update(self) -> None:
        """Add the network's current weights to the average; returns before the device has finished."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        # On the grid 1 − share is exact too, so the average of a constant stays equal to the constant.
        share = max(1.0, round((1 - decay) * _GRID)) / _GRID
        for name, weight in self._raw_weights().items():
            _blend(self._weights[name], weight, share)
        if self._statistics is not None:
            _blend(self._statistics, self._raw_statistics(), share)
        self.updates += 1

    def get_params(self) -> tuple:
        """(arg_params, aux_params) of the average, copied to the CPU."""
        arguments = {
            name: mx.nd.ones(weights.shape) if name in self._held else weights.copyto(mx.cpu())
            for name, weights in self._weights.items()
        }
        auxiliary, first = {}, 0
        for name, (array, *_) in zip(self._group.aux_names, self._group.aux_arrays):
            last = first + array.size
            auxiliary[name] = self._statistics[first:last].copyto(mx.cpu()).reshape(array.shape)
            first = last
        return arguments, auxiliary

    def set_params(self, arg_params: dict, aux_params: dict, updates: int) -> None:
        """Continue from the result of `get_params` after `updates` updates; CheckpointError for another network."""
        statistics = {name: array for name, (array, *_) in zip(self._group.aux_names, self._group.aux_arrays)}
        for wanted, given in ((self._raw_weights(), arg_params), (statistics, aux_params)):
            check_parameters(f"{self._half}'s average", {name: array.shape for name, array in wanted.items()}, given)
        for name, weights in self._weights.items():
            arg_params[name].copyto(weights)
        if statistics:
            mx.nd.concat(*(aux_params[name].reshape((-1,)) for name in statistics), dim=0).copyto(self._statistics)
        self.updates = updates

    def _raw_weights(self) -> dict:
        """{parameter: NDArray} on the first device; all devices have the same weights."""
        return {name: first for name, (first, *_) in zip(self._group.param_names, self._group.param_arrays)}

    def _raw_statistics(self):
        """All moving statistics in one vector, averaged over the devices as in a checkpoint; None without BatchNorm.

        MXNet's backward pass of BatchNorm writes the statistics, but its engine does not know of that write: an
        operation that reads only the statistics may get the values of this step or of another. The same backward pass
        writes the gradients of gamma and beta, and the engine knows of these writes. So one operation that reads both
        runs after this step's backward pass. The next backward pass through D, when G is trained, writes no gradient
        of D, but the forward pass before it reads every weight. So the operation reads a weight too, a small one, which
        is then written with its own values: that pass waits for the write, and the write for the operation.
        """
        if not self._group.aux_names:
            return None
        vectors = []
        for device in range(len(self._group.contexts)):
            statistics = [arrays[device].reshape((-1,)) for arrays in self._group.aux_arrays]
            markers = [
                arrays[device].reshape((-1,))
                for name, arrays in zip(self._group.param_names, self._group.grad_arrays)
                if name in self._written_with and arrays[device] is not None
            ]
            size, weight = sum(array.size for array in statistics), self._group.param_arrays[self._smallest][device]
            read = mx.nd.concat(*statistics, *markers, weight.reshape((-1,)), dim=0)[:size]
            mx.nd.identity(weight, out=weight)
            vectors.append(read.as_in_context(self._group.contexts[0]))
        return vectors[0].copy() if len(vectors) == 1 else mx.nd.add_n(*vectors) / len(vectors)


def _blend(average, array, share: float) -> None:
    """average ← (1 − share) · average + share · array, in place and in one pass over the memory.

    MXNet's only operator for this is its SGD update, w ← (1 − lr wd) w − lr · rescale · gradient.
    """
    mx.nd.sgd_update(average, array, lr=share, wd=1.0, rescale_grad=-1.0, out=average)
