"""Gradient penalties and weight clipping: what keeps the slope of a critic bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from mxgan.errors import ArgumentError, lookup
from mxgan.graphs.layers import batch_norms
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, check_switch, fits_float32

__all__ = ["PENALTIES", "POINTS", "GradientPenalty", "PenaltyRow", "WeightClip", "make_penalty"]

_LEAST = 1e-12  # norm to divide by


@dataclass(frozen=True)
class GradientPenalty:
    """weight · (‖∇ₓ D(x)‖₂ − target)² for each sample, of the raw score D; its mean is added to D's loss.

    Parameters
    ----------
    weight : above 0.
    target : the slope that is wanted, from 0.
    points : where x lies: "between" a real and a fake image, at a place drawn evenly for each sample; on the "real"
        ones; or on the "fake" ones.
    one_sided : penalise slopes above the target alone.

    `PENALTIES` has the published ones; `make_penalty` takes their weight as the paper has it.
    """

    weight: float = 10.0
    target: float = 1.0
    points: str = "between"
    one_sided: bool = False

    def __post_init__(self) -> None:
        if not fits_float32(self.weight):
            raise ArgumentError(f"weight of the gradient penalty is {self.weight!r}; give a number above 0.")
        if not 0 <= self.target <= FLOAT32_MAX:
            raise ArgumentError(f"target of the gradient penalty is {self.target!r}; give a number from 0.")
        lookup("points of the gradient penalty", self.points, POINTS)
        check_switch("one_sided", self.one_sided)

    def evaluate(self, gradients) -> tuple:
        """(penalty (N,), its derivative (N, …)) with respect to `gradients`, an NDArray (N, …).

        At a gradient of 0 the penalty has no derivative unless its target is 0; 0 is taken, as there is no direction
        in which to go.
        """
        squares = mx.nd.sum(mx.nd.square(gradients), axis=0, exclude=True, keepdims=True)
        norms = mx.nd.sqrt(squares)  # (N, 1, …)
        excess = norms - self.target
        if self.one_sided:
            excess = mx.nd.relu(excess)
        penalty = self.weight * mx.nd.square(excess)
        pull = mx.nd.broadcast_mul(gradients, 2 * self.weight * excess / mx.nd.maximum(norms, _LEAST))
        return penalty.reshape((-1,)), pull


def _between(real, fake, epsilon):
    """ε · real + (1 − ε) · fake, ε (N, 1, …) drawn evenly from [0, 1) unless it is given."""
    if epsilon is None:
        shape = (real.shape[0],) + (1,) * (len(real.shape) - 1)
        epsilon = mx.nd.random.uniform(0, 1, shape=shape, ctx=real.context)
    return fake + mx.nd.broadcast_mul(real - fake, epsilon)


# name → how the points come of (real, fake, epsilon), and which of the two they need
POINTS = {
    "between": (_between, ("real", "fake")),
    "real": (lambda real, fake, epsilon: real, ("real",)),
    "fake": (lambda real, fake, epsilon: fake, ("fake",)),
}


@dataclass(frozen=True)
class PenaltyRow:
    """One row of the table: `make`, the paper's weight → GradientPenalty, and `source`, its paper and equation."""

    make: Callable
    source: str


PENALTIES = {
    "gradient_penalty": PenaltyRow(lambda weight: GradientPenalty(weight), "Gulrajani et al. 2017, eq. 3; weight is λ"),
    "r1": PenaltyRow(
        lambda weight: GradientPenalty(weight / 2, 0.0, "real"), "Mescheder et al. 2018, eq. 9; weight is γ of γ/2"
    ),
    "r2": PenaltyRow(
        lambda weight: GradientPenalty(weight / 2, 0.0, "fake"), "Mescheder et al. 2018, eq. 10; weight is γ of γ/2"
    ),
}


def make_penalty(name: str, weight: float) -> GradientPenalty:
    """The penalty `name` of PENALTIES with its weight as the paper has it (λ = 10 for WGAN-GP, γ = 10 for R1).

    Raises
    ------
    ArgumentError : no such penalty, with the nearest; a weight of 0 or below.
    """
    row = lookup("penalty", name, PENALTIES, "null (--set penalty=null) turns it off.")
    return row.make(weight)


class WeightClip:
    """Puts every trainable parameter of a bound Module into [−bound, bound], in place on each device.

    For WGAN, after each update of the critic (Arjovsky et al. 2017, algorithm 1, line 7; c = 0.01 there). Weights,
    biases and trained gammas and betas alike. What is not trained is left alone: fixed parameters, BatchNorm's moving
    statistics, and gammas under fix_gamma, which the operator sets to 1 in each pass whatever they are.

    Raises
    ------
    ArgumentError : a bound of 0 or below.
    """

    def __init__(self, module, bound: float) -> None:
        if not fits_float32(bound):
            raise ArgumentError(
                f"the bound of weight clipping is {bound!r}; give a number above 0 that float32 can hold."
            )
        self._module, self._bound = module, bound
        # Looked up once: MXNet writes the whole graph out for it, and leaks that text.
        self._held = {norm.gamma for norm in batch_norms(module.symbol) if norm.held}

    def clip(self) -> None:
        """Do it now."""
        group = self._module._exec_group
        self._module._params_dirty = True  # `get_params` is to read the devices' arrays
        for name, weights, gradients in zip(group.param_names, group.param_arrays, group.grad_arrays):
            for weight, gradient in zip(weights, gradients):
                if gradient is not None and name not in self._held:
                    mx.nd.clip(weight, -self._bound, self._bound, out=weight)
