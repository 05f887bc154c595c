"""The exponential moving average of a generator's weights, kept beside it while it trains.

After each update of G, of every weight w and every moving statistic of BatchNorm::

    w̄ ← d w̄ + (1 − d) w        d = min(decay, (1 + t) / (10 + t)), t counting the updates before this one from 0

From a copy of the first weights; they weigh ∏ d, which falls as t⁻⁹, so that the average is soon free of them: an
average at `decay` from the first update on would hold on to them for 1 / (1 − decay) updates.

Source: Karras et al. 2018 (progressive growing, section 4 and appendix A: decay 0.999 for what is shown and measured);
Yazici et al. 2019, eq. 5, on why it helps. The warm-up is that of TensorFlow's ExponentialMovingAverage; the average
of the moving statistics is as in Brock et al. 2019, appendix C. In float32 an average comes no nearer to a weight that
stands still than about 6e-8 / (1 − decay) of it.

Like bound_pair.py, this module reads MXNet's private executors.
"""

from __future__ import annotations

from numbers import Real
from typing import Optional

from mxgan.errors import ArgumentError
from mxgan.graphs.layers import batch_norms
from mxgan.graphs.shapes import check_parameters
from mxgan.runtime import mx

__all__ = ["GeneratorAverage", "check_decay"]

_GRID = 2.0**24  # float32 has every multiple of 1/_GRID up to 1


def check_decay(ema: Optional[float]) -> None:
    """Raise ArgumentError unless a decay is above 0 and below 1, or None."""
    if ema is not None and (isinstance(ema, bool) or not isinstance(ema, Real) or not 0 < ema < 1):
        raise ArgumentError(
            f"ema is {ema!r}; give the decay of the generator's average, above 0 and below 1, such as 0.999, or null "
            "for none."
        )


class GeneratorAverage:
    """The average of one bound generator, on its first device; nothing of it goes through the host.

    Gammas that BatchNorm's fix_gamma holds at 1 are 1 in it, whatever their arrays have. Averages of finite numbers
    are finite: FiniteGuard, which looks at the numbers, need not look here.

    Attributes
    ----------
    decay : above 0 and below 1. updates : how often it was brought up to date.
    """

    def __init__(self, generator, decay: float) -> None:
        check_decay(decay)
        self.decay, self.updates = decay, 0
        self._group = generator._exec_group
        norms = batch_norms(generator.symbol)
        self._held = {norm.gamma for norm in norms if norm.held}
        self._written_with = {name for norm in norms for name in (norm.gamma, norm.beta)}
        self._weights: dict = {}  # {parameter: NDArray}
        self._statistics = None  # (sum of their sizes,): every moving mean and variance, one after the other

    def begin(self) -> None:
        """Start again from the weights that the generator has now."""
        mx.nd.waitall()
        self.updates = 0
        self._weights = {name: weight.copy() for name, weight in self._raw_weights().items()}
        self._statistics = self._raw_statistics()

    def update(self) -> None:
        """Count in the weights that the generator has now; returns before the device has done it."""
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        # On the grid 1 − share is exact too: an average of a constant does not drift off from it.
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
        """Go on from what `get_params` gave after so many updates; CheckpointError where it is of another generator."""
        statistics = {name: array for name, (array, *_) in zip(self._group.aux_names, self._group.aux_arrays)}
        for wanted, given in ((self._raw_weights(), arg_params), (statistics, aux_params)):
            check_parameters("generator's average", {name: array.shape for name, array in wanted.items()}, given)
        for name, weights in self._weights.items():
            arg_params[name].copyto(weights)
        if statistics:
            mx.nd.concat(*(aux_params[name].reshape((-1,)) for name in statistics), dim=0).copyto(self._statistics)
        self.updates = updates

    def _raw_weights(self) -> dict:
        """{parameter: NDArray} on the first device; every device has the same."""
        return {name: first for name, (first, *_) in zip(self._group.param_names, self._group.param_arrays)}

    def _raw_statistics(self):
        """Every moving statistic in one vector, their mean over the devices as in a checkpoint; None: there are none.

        MXNet's backward pass of BatchNorm writes them without its engine knowing, so that who only reads them gets
        those of this step or of another. It writes gradients of gamma and beta in the same operation, of which the
        engine does know: whoever reads both in one operation comes after this step's pass and before the next one's.
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
            size = sum(array.size for array in statistics)
            vectors.append(mx.nd.concat(*statistics, *markers, dim=0)[:size].as_in_context(self._group.contexts[0]))
        return vectors[0].copy() if len(vectors) == 1 else mx.nd.add_n(*vectors) / len(vectors)


def _blend(average, array, share: float) -> None:
    """average ← (1 − share) · average + share · array, in place and in one pass over the memory.

    As w ← (1 − lr wd) w − lr · rescale · gradient, the one operator of MXNet that does it.
    """
    mx.nd.sgd_update(average, array, lr=share, wd=1.0, rescale_grad=-1.0, out=average)
