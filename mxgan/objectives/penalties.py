"""Gradient penalties and weight clipping, which keep the slope of a critic bounded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Callable

from mxgan.errors import ArgumentError, lookup
from mxgan.graphs.layers import batch_norms
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, check_switch, fits_float32

__all__ = ["PENALTIES", "POINTS", "GradientPenalty", "PenaltyRow", "WeightClip", "check_clip", "make_penalty"]

_LEAST = 1e-12  # smallest norm to divide by


@dataclass(frozen=True)
class GradientPenalty:
    """weight · (‖∇ₓ D(x)‖₂ − target)² for each sample, with the raw score D; the batch mean is added to D's loss.

    Parameters
    ----------
    weight : a number above 0.
    target : the wanted norm of the gradient, 0 or more.
    points : the points x: "between" a real and a fake image, drawn uniformly on the line between the two for each
        sample; the "real" images; or the "fake" images.
    one_sided : penalise only norms above the target.

    `PENALTIES` lists the published penalties; `make_penalty` takes their weight as the paper defines it.
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

        At a gradient of 0 the penalty has no derivative, unless the target is 0. The result there is 0, because a
        zero gradient has no direction.
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
    """ε · real + (1 − ε) · fake. If ε (N, 1, …) is None, it is drawn uniformly from [0, 1)."""
    if epsilon is None:
        shape = (real.shape[0],) + (1,) * (len(real.shape) - 1)
        epsilon = mx.nd.random.uniform(0, 1, shape=shape, ctx=real.context)
    return fake + mx.nd.broadcast_mul(real - fake, epsilon)


# name → (function (real, fake, epsilon) → points, the images that it needs)
POINTS = {
    "between": (_between, ("real", "fake")),
    "real": (lambda real, fake, epsilon: real, ("real",)),
    "fake": (lambda real, fake, epsilon: fake, ("fake",)),
}


@dataclass(frozen=True)
class PenaltyRow:
    """One row of PENALTIES. `make` : the paper's weight → GradientPenalty. `source` : paper and equation."""

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
    """The penalty `name` of PENALTIES. `weight` is the paper's own (λ = 10 for WGAN-GP, γ = 10 for R1).

    Raises
    ------
    ArgumentError : an unknown name (the message suggests the nearest one); a weight of 0 or below.
    """
    row = lookup("penalty", name, PENALTIES, "null (--set penalty=null) turns it off.")
    return row.make(weight)


def check_clip(weight_clip: float) -> None:
    """Raise ArgumentError unless the bound of weight clipping is above 0 and fits float32."""
    if not fits_float32(weight_clip):
        raise ArgumentError(
            f"weight_clip is {weight_clip}; give a number above 0 that float32 can hold, or null for none."
        )


class WeightClip:
    """Clips every trainable parameter of a bound Module to [−bound, bound], in place on each device.

    WGAN clips after each update of the critic (Arjovsky et al. 2017, algorithm 1, line 7, with c = 0.01). Weights,
    biases, trained gammas and trained betas are clipped. Arrays that are not trained stay as they are: fixed
    parameters, BatchNorm's moving statistics, and gammas under fix_gamma, which the operator reads as 1.

    Raises
    ------
    ArgumentError : a bound of 0 or below, or too large for float32.
    """

    def __init__(self, module, bound: float) -> None:
        check_clip(bound)
        self._module, self._bound = module, bound
        # Looked up only once: for each look-up MXNet writes the whole graph as text and leaks its memory.
        self._held = {norm.gamma for norm in batch_norms(module.symbol) if norm.held}

    def clip(self) -> None:
        """Clip all trainable parameters once."""
        group = self._module._exec_group
        self._module._params_dirty = True  # so that `get_params` reads the arrays on the devices
        for name, weights, gradients in zip(group.param_names, group.param_arrays, group.grad_arrays):
            for weight, gradient in zip(weights, gradients):
                if gradient is not None and name not in self._held:
                    mx.nd.clip(weight, -self._bound, self._bound, out=weight)
