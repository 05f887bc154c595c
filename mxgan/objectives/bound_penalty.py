"""A gradient penalty bound to a discriminator's parameters, exact to the weights' gradient.

A gradient penalty's own gradient needs a second derivative, which MXNet lacks for its layers. Two passes over the
discriminator's parameters give the same number::

    slopes     data → score                     backward: g = ∇ₓ D(x), for each sample
    adjoint    tangent, data → ⟨∇ₓ D(x), v⟩     backward: dP/dW, at v = dP/dg held fixed

mxgan/objectives/tangent says why that is exact. This module adds to the gradient arrays of the discriminator's Module,
a private part of MXNet.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Optional

from mxgan.errors import ArgumentError, ShapeError
from mxgan.graphs.rewriting import with_idle_biases
from mxgan.objectives.penalties import POINTS, GradientPenalty
from mxgan.objectives.tangent.walk import linearize
from mxgan.runtime import mx

__all__ = ["BoundPenalty"]


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
        make, needed = POINTS[self.penalty.points]
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
