"""A gradient penalty bound to a discriminator's parameters, with the exact gradient of its weights.

The gradient of a gradient penalty needs a second derivative, which MXNet does not have for its layers. Two passes over
the discriminator's parameters give the same numbers::

    slopes     data → score                     backward: g = ∇ₓ D(x), for each sample
    adjoint    tangent, data → ⟨∇ₓ D(x), v⟩     backward: dP/dW, at v = dP/dg held fixed

The docstring of mxgan/objectives/tangent explains why the result is exact. This module adds to the gradient arrays of
the discriminator's Module, which are a private part of MXNet.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Callable, Optional

from mxgan.errors import ArgumentError, ShapeError
from mxgan.graphs.idle_biases import with_idle_biases
from mxgan.objectives.penalties import POINTS, GradientPenalty
from mxgan.objectives.tangent.walk import linearize
from mxgan.runtime import mx

__all__ = ["BoundPenalty"]


class BoundPenalty:
    """A gradient penalty bound to the parameters and the gradient arrays of a discriminator's Module.

    Parameters
    ----------
    penalty : the penalty to add.
    score : symbol with one output, D's raw score (N, 1), without label, head or BatchNorm.
    discriminator : mx.mod.Module, bound for training, with initialised parameters. It has all parameters of the
        score. Its fixed parameters stay fixed.
    shapes : {input: shape}, batch included: `data`, `class_label` (N,) if the score is conditional, and its
        conditions. Inputs that the score does not take, such as a label of D's heads, are ignored.
    rewritten : a function (symbol, {input: shape}) → the symbol that is bound, with the same arguments and outputs.

    Raises
    ------
    ArgumentError : the score has a layer that `linearize` refuses, such as BatchNorm.

    Two Modules that share a parameter also share its gradient array in MXNet. The adjoint pass is bound to *add* to
    this array: nothing is copied, and the gradients of the discriminator's own passes are kept. MXNet also shares the
    memory of the outputs and of the gradient at `data`: before `add_gradients`, copy what you still need, such as a
    prediction.
    """

    def __init__(
        self,
        penalty: GradientPenalty,
        score,
        discriminator,
        shapes: Mapping[str, tuple],
        rewritten: Callable = lambda symbol, shapes: symbol,
    ) -> None:
        self.penalty, self._discriminator = penalty, discriminator
        taken = score.list_arguments()
        shapes = {name: shape for name, shape in shapes.items() if name == "data" or name in taken}
        self._shape, self._others = tuple(shapes["data"]), [name for name in shapes if name != "data"]
        self._sizes, self._rewritten = shapes, rewritten
        linear = linearize(score, shapes, masks_as_inputs=True)
        self._mask_names = list(linear.masks)
        with_masks = mx.sym.Group([mx.sym.MakeLoss(linear.score), *linear.masks.values()])
        self._slopes = self._bind_slopes(with_masks, shapes)
        masks = dict(zip(self._mask_names, with_masks.infer_shape(**shapes)[1][1:]))
        self._adjoint = self._bind_adjoint(mx.sym.MakeLoss(linear.tangent), {"tangent": self._shape, **shapes, **masks})

    def _bind_slopes(self, symbol, shapes: Mapping):
        """The Module that computes only the gradient at `data`. A Module calls an input without gradient a label."""
        symbol, idle = with_idle_biases(symbol, shapes)
        module = mx.mod.Module(
            self._rewritten(symbol, {**shapes, **idle}),
            data_names=("data",),
            label_names=[*self._others, *idle],
            context=self._discriminator._context,
            fixed_param_names=[name for name in symbol.list_arguments() if name not in shapes and name not in idle],
        )
        labels = [(name, shapes[name]) for name in self._others]
        labels += [mx.io.DataDesc(name, shape, layout="C") for name, shape in idle.items()]  # no N: not split
        module.bind([("data", self._shape)], labels or None, inputs_need_grad=True, shared_module=self._discriminator)
        self._idle = {name: mx.nd.zeros(shape, self._discriminator._context[0]) for name, shape in idle.items()}
        return module

    def _bind_adjoint(self, symbol, shapes: Mapping):
        """The Module that computes only the gradients of the parameters and adds them to the gradient arrays."""
        arguments = symbol.list_arguments()
        inputs = [(name, shape) for name, shape in shapes.items() if name in arguments]
        module = mx.mod.Module(
            self._rewritten(symbol, dict(inputs)),
            data_names=[name for name, _ in inputs],
            label_names=None,
            context=self._discriminator._context,
            fixed_param_names=[name for name in self._discriminator._fixed_param_names if name in arguments],
        )
        module.bind(inputs, grad_req="add", shared_module=self._discriminator)
        return module

    def add_gradients(
        self, real, fake, classes=None, epsilon: Optional[object] = None, conditions: Mapping = MappingProxyType({})
    ):
        """Add the gradient of the penalty, summed over the batch, to the discriminator's gradient arrays.

        The gradient is a sum because the optimiser divides by the batch size, as it does for the losses. Call this
        after the backward passes of D's losses, which overwrite the gradient arrays, and before the update. It does
        not wait for the device.

        Parameters
        ----------
        real, fake : NDArray (N, C, H, W), or the shape that D takes; not changed. Images that `points` does not use
            may be None.
        classes : NDArray (N,), the class labels of the points, for a conditional D: those of the real or of the fake
            images. With points "between", both images of a pair must have the same class. Ignored if D takes no
            classes.
        epsilon : NDArray (N, 1, …) in [0, 1], the share of the real image in points "between". None means that
            mx.random draws it, so that it depends on the seed of mx.random.
        conditions : {condition: NDArray}, those of the points; conditions that D does not take are ignored.

        Returns
        -------
        NDArray (N,), the penalty of each sample, in the order of the batch.

        Raises
        ------
        ArgumentError : needed images or classes are missing. ShapeError : the images have another shape.
        """
        inputs = {"data": self._points(real, fake, epsilon), **self._further({"class_label": classes, **conditions})}
        _run(self._slopes, {**inputs, **self._idle})
        penalty, pull = self.penalty.evaluate(self._slopes.get_input_grads()[0])
        masks = dict(zip(self._mask_names, self._slopes.get_outputs()[1:]))
        _run(self._adjoint, {"tangent": pull, **inputs, **masks})
        return penalty

    def _points(self, real, fake, epsilon):
        make, needed = POINTS[self.penalty.points]
        given = {"real": real, "fake": fake}
        for name in needed:
            if given[name] is None:
                raise ArgumentError(f"{name!r} is None; a penalty at points {self.penalty.points!r} needs the images.")
            if given[name].shape != self._shape:
                raise ShapeError(f"{name!r} is {given[name].shape}; the penalty was bound for {self._shape}.")
            given[name] = given[name].as_in_context(self._discriminator._context[0])
        return make(given["real"], given["fake"], epsilon)

    def _further(self, given: Mapping) -> dict:
        for name in self._others:
            if given.get(name) is None:
                what = "classes is None" if name == "class_label" else f"the condition {name!r} is missing"
                raise ArgumentError(f"{what}; the discriminator takes {name!r}: give an NDArray {self._sizes[name]}.")
        return {name: given[name] for name in self._others}


def _run(module, inputs: Mapping) -> None:
    """One forward and backward pass in training mode."""
    data, labels = ([inputs[name] for name in names] for names in (module.data_names, module.label_names))
    module.forward(mx.io.DataBatch(data, labels or None), is_train=True)
    module.backward()
