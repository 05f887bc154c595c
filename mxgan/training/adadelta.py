"""ADADELTA with a learning rate, and the ranges of the settings that optimisers share."""

from __future__ import annotations

from collections.abc import Mapping

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, is_number

__all__ = ["AdaDeltaWithRate", "check_ranges"]


_SHARE = (lambda value: 0 <= value < 1, "a number from 0 to below 1")
_FROM_ZERO = (lambda value: 0 <= value <= FLOAT32_MAX, "a number from 0 up")
_RANGES = {**dict.fromkeys(("beta1", "beta2", "gamma1", "gamma2", "momentum", "rho"), _SHARE), "epsilon": _FROM_ZERO,
           "wd": _FROM_ZERO}  # fmt: skip


def check_ranges(settings: Mapping) -> None:
    """Raise ArgumentError for a setting of an optimiser that is out of its range."""
    for name, (allows, allowed) in _RANGES.items():
        value = settings.get(name, 0)
        if not is_number(value, allows):
            raise ArgumentError(f"{name} is {value!r}; give {allowed}.")


class AdaDeltaWithRate(mx.optimizer.Optimizer):
    """Zeiler's ADADELTA times a learning rate, as PyTorch defines it; registered as "adadelta_lr".

    MXNet's own "adadelta" accepts a learning rate and ignores it. Here, with all arithmetic elementwise::

        v ← ρ v + (1 − ρ) g²        Δ = g √(u + ε) / √(v + ε)        u ← ρ u + (1 − ρ) Δ²        w ← w − lr Δ

    Parameters
    ----------
    learning_rate, rho, epsilon : lr, ρ and ε; the defaults are PyTorch's.
    kwargs : the arguments of every mx.optimizer.Optimizer (rescale_grad, clip_gradient, wd, …).

    Source: Zeiler 2012, algorithm 1; the paper has no learning rate.
    """

    def __init__(self, learning_rate: float = 1.0, rho: float = 0.9, epsilon: float = 1e-6, **kwargs) -> None:
        check_ranges({"rho": rho, "epsilon": epsilon})
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.rho, self.epsilon = rho, epsilon

    def create_state(self, index, weight):
        return tuple(mx.nd.zeros(weight.shape, weight.context, dtype=weight.dtype) for _ in range(2))  # v, u

    def update(self, index, weight, grad, state):
        self._update_count(index)
        gradient = grad * self.rescale_grad
        if self.clip_gradient is not None:
            gradient = mx.nd.clip(gradient, -self.clip_gradient, self.clip_gradient)
        gradient = gradient + self._get_wd(index) * weight
        squares, steps = state
        squares[:] = self.rho * squares + (1 - self.rho) * gradient * gradient
        step = gradient * mx.nd.sqrt(steps + self.epsilon) / mx.nd.sqrt(squares + self.epsilon)
        steps[:] = self.rho * steps + (1 - self.rho) * step * step
        weight[:] = weight - self._get_lr(index) * step


mx.optimizer.Optimizer.opt_registry["adadelta_lr"] = AdaDeltaWithRate
