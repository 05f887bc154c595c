"""What holds a critic's slope: penalties on its gradient, exact to the weights' gradient, and weight clipping.

A gradient penalty's own gradient needs a second derivative, which MXNet lacks for its layers. Two passes over the
discriminator's parameters give the same number::

    slopes     data → score                     backward: g = ∇ₓ D(x), for each sample
    adjoint    tangent, data → ⟨∇ₓ D(x), v⟩     backward: dP/dW, at v = dP/dg held fixed

mxgan/tangent says why that is exact. Like bound_pair.py, this module touches MXNet's private executors: it adds to
the gradient arrays of the discriminator's Module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Callable, Optional

from mxgan.checks import FLOAT32_MAX, check_switch, fits_float32
from mxgan.errors import ArgumentError, ShapeError, unknown_name
from mxgan.networks.rewriting import with_idle_biases
from mxgan.networks.summary import batch_norms
from mxgan.runtime import mx
from mxgan.tangent import linearize

__all__ = ["PENALTIES", "BoundPenalty", "GradientPenalty", "PenaltyRow", "WeightClip", "make_penalty"]

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
        if self.points not in _POINTS:
            raise unknown_name("points of the gradient penalty", self.points, _POINTS)
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
_POINTS = {
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
    if name not in PENALTIES:
        raise unknown_name("penalty", name, PENALTIES, "null (--set penalty=null) turns it off.")
    return PENALTIES[name].make(weight)


class BoundPenalty:
    """A gradient penalty bound to the parameters, and to the gradient arrays, of a discriminator's Module.

    Parameters
    ----------
    penalty : what to add.
    score : symbol with one output, D's raw score (N, 1): no label, no head, no BatchNorm.
    discriminator : mx.mod.Module, bound for training and with its parameters in, that has all of the score's. What
        it holds fixed stays so.
    shapes : {input: shape}, batch included: `data` and, where the score is conditional, one more, `class_label`
        (N,). What the score does not take (it may be a label of D's heads) is ignored.

    Raises
    ------
    ArgumentError : what `linearize` refuses, such as BatchNorm; a score of further inputs.

    MXNet gives two Modules that share parameters one gradient array for each of them. The adjoint pass is bound to
    *add* to it: nothing is copied, and what the discriminator's own passes left there stays. MXNet also shares the
    memory of outputs and of the gradient at `data`: copy what must survive `add_gradients`, such as a prediction.
    """

    def __init__(self, penalty: GradientPenalty, score, discriminator, shapes: Mapping[str, tuple]) -> None:
        self.penalty, self._discriminator = penalty, discriminator
        taken = score.list_arguments()
        shapes = {name: shape for name, shape in shapes.items() if name == "data" or name in taken}
        self._shape, self._others = tuple(shapes["data"]), [name for name in shapes if name != "data"]
        if len(self._others) > 1:
            raise ArgumentError(f"D takes {', '.join(self._others)} besides data; a penalty can feed one more input.")
        linear = linearize(score, shapes, masks_as_inputs=True)
        self._mask_names = list(linear.masks)
        with_masks = mx.sym.Group([mx.sym.MakeLoss(linear.score), *linear.masks.values()])
        self._slopes = self._bind_slopes(with_masks, shapes)
        masks = dict(zip(self._mask_names, with_masks.infer_shape(**shapes)[1][1:]))
        self._adjoint = self._bind_adjoint(mx.sym.MakeLoss(linear.tangent), {"tangent": self._shape, **shapes, **masks})

    def _bind_slopes(self, symbol, shapes: Mapping):
        """For the gradient at `data` alone; an input without a gradient is what a Module calls a label."""
        symbol, idle = with_idle_biases(symbol, shapes)
        module = mx.mod.Module(
            symbol,
            data_names=("data",),
            label_names=[*self._others, *idle],
            context=self._discriminator._context,
            fixed_param_names=[name for name in symbol.list_arguments() if name not in shapes and name not in idle],
        )
        labels = [(name, shapes[name]) for name in self._others]
        labels += [mx.io.DataDesc(name, shape, layout="C") for name, shape in idle.items()]  # not to be split
        module.bind([("data", self._shape)], labels or None, inputs_need_grad=True, shared_module=self._discriminator)
        self._idle = {name: mx.nd.zeros(shape, self._discriminator._context[0]) for name, shape in idle.items()}
        return module

    def _bind_adjoint(self, symbol, shapes: Mapping):
        """For the gradients of the parameters alone, which it adds to what is there."""
        arguments = symbol.list_arguments()
        inputs = [(name, shape) for name, shape in shapes.items() if name in arguments]
        module = mx.mod.Module(
            symbol,
            data_names=[name for name, _ in inputs],
            label_names=None,
            context=self._discriminator._context,
            fixed_param_names=[name for name in self._discriminator._fixed_param_names if name in arguments],
        )
        module.bind(inputs, grad_req="add", shared_module=self._discriminator)
        return module

    def add_gradients(self, real, fake, classes=None, epsilon: Optional[object] = None):
        """Add the gradient of the penalty, summed over the batch, to the discriminator's gradient arrays.

        Summed, because the optimiser divides by the batch's size, as for the losses. To be called after the
        backward passes of D's losses, which overwrite, and before the update. Nothing here waits for the device.

        Parameters
        ----------
        real, fake : NDArray (N, C, H, W) or whatever shape D takes; not changed. One that `points` does not use may
            be None.
        classes : NDArray (N,), the class labels of the points, for a D that takes them: those of the real images
            or of the fakes; with points "between" each pair must be of one class. A D that takes none ignores them.
        epsilon : NDArray (N, 1, …) in [0, 1], the share of the real image in points "between"; None: drawn by
            mx.random, so a function of its seed.

        Returns
        -------
        NDArray (N,), the penalty of each sample, in the order of the batch.

        Raises
        ------
        ArgumentError : images or classes that are needed are not given. ShapeError : images of another shape.
        """
        inputs = {"data": self._points(real, fake, epsilon), **self._classes(classes)}
        _run(self._slopes, {**inputs, **self._idle})
        penalty, pull = self.penalty.evaluate(self._slopes.get_input_grads()[0])
        masks = dict(zip(self._mask_names, self._slopes.get_outputs()[1:]))
        _run(self._adjoint, {"tangent": pull, **inputs, **masks})
        return penalty

    def _points(self, real, fake, epsilon):
        make, needed = _POINTS[self.penalty.points]
        given = {"real": real, "fake": fake}
        for name in needed:
            if given[name] is None:
                raise ArgumentError(f"{name!r} is None; a penalty at points {self.penalty.points!r} needs the images.")
            if given[name].shape != self._shape:
                raise ShapeError(f"{name!r} is {given[name].shape}; the penalty was bound for {self._shape}.")
            given[name] = given[name].as_in_context(self._discriminator._context[0])
        return make(given["real"], given["fake"], epsilon)

    def _classes(self, classes) -> dict:
        if self._others and classes is None:
            raise ArgumentError(f"classes is None; the discriminator takes {self._others[0]!r}: give an NDArray (N,).")
        return dict.fromkeys(self._others, classes)


def _run(module, inputs: Mapping) -> None:
    """One forward and backward pass in training mode."""
    data, labels = ([inputs[name] for name in names] for names in (module.data_names, module.label_names))
    module.forward(mx.io.DataBatch(data, labels or None), is_train=True)
    module.backward()


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
