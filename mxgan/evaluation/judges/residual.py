"""The residual classifier of colour images: image → class probabilities, with a layer of features.

It is not in NETWORKS because it is not a GAN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number

__all__ = ["ResidualClassifier"]

LEAST_SIDE = 2  # pixels of the last level


@dataclass(frozen=True)
class ResidualClassifier:
    """A convolution, then for each level a convolution with max pooling and one residual block; the mean of each map.

    Every convolution is 3×3, without bias, with BatchNorm; the blocks add their input before the last ReLU. The means
    of the last maps are the features, and a fully connected layer with a softmax maps them to classes. A judge takes
    the means over an image and its mirror image: 1 % more of CIFAR-10's held-out images are told right.

    Parameters
    ----------
    classes : the number of classes, at least 2.
    image_size : side of the RGB images: divisible by 2 for each level, with at least 2 pixels at the end.
    stem : width of the first convolution.
    widths : width of each level; each level halves the side. The last is the number of features.
    smoothing : the part of a label's weight that training gives to all other classes, from 0 to below 1.

    Source: He et al. 2016, "Deep residual learning for image recognition"; label smoothing: Szegedy et al. 2016,
    section 7. The order of widths follows Page 2018, "How to train your ResNet", at a quarter of its width.
    """

    name: ClassVar[str] = "residual"
    title: ClassVar[str] = "residual colour classifier"
    knows_classes: ClassVar[bool] = True
    mirrors: ClassVar[bool] = True  # an image's features and probabilities are the means of it and its mirror image
    scale: ClassVar[str] = "feature_scale"  # a parameter that is not trained

    classes: int = 10
    image_size: int = 32
    stem: int = 16
    widths: tuple = (32, 64, 128)
    smoothing: float = 0.1

    def __post_init__(self) -> None:
        whole_number("classes", self.classes, minimum=2, maximum=10_000)
        if not isinstance(self.widths, tuple) or not self.widths:
            raise ArgumentError(f"widths is {self.widths!r}; give a tuple of whole numbers, such as (32, 64, 128).")
        for name, width in {
            "stem": self.stem,
            **{f"widths[{i}]": width for i, width in enumerate(self.widths)},
        }.items():
            whole_number(name, width, maximum=65_536)
        step = 2 ** len(self.widths)
        side = whole_number("image_size", self.image_size, minimum=LEAST_SIDE * step, maximum=1024)
        if side % step:
            raise ArgumentError(f"image_size is {side}; for {len(self.widths)} levels give a multiple of {step}.")
        if not 0 <= self.smoothing < 1:
            raise ArgumentError(f"smoothing is {self.smoothing!r}; give a number from 0 to below 1.")

    @property
    def image_shape(self) -> tuple:
        """Shape of one image: (3, image_size, image_size)."""
        return (3, self.image_size, self.image_size)

    @property
    def features(self) -> int:
        """The number of features of an image."""
        return self.widths[-1]

    def symbol(self):
        """`data` (N, 3, image_size, image_size) in [-1, 1] → a group of two outputs.

        The outputs are the features (N, features) ≥ 0, and `softmax`, the probabilities (N, classes). The label
        `softmax_label` (N,) trains the network by cross-entropy.
        """
        layer = _relu(_convolved(mx.sym.Variable("data"), "stem", self.stem))
        for level, width in enumerate(self.widths, start=1):
            layer = _convolved(layer, f"level{level}", width)
            layer = mx.sym.Pooling(layer, name=f"pool{level}", kernel=(2, 2), stride=(2, 2), pool_type="max")
            layer = _block(_relu(layer), f"block{level}", width)  # (N, width, S / 2^level, S / 2^level)
        means = mx.sym.Flatten(mx.sym.Pooling(layer, global_pool=True, pool_type="avg", kernel=(1, 1), name="means"))
        scale = mx.sym.Variable(self.scale, shape=(1,), init=mx.init.One())
        features = mx.sym.broadcast_mul(means, scale.reshape((1, 1)), name="features")
        logits = mx.sym.FullyConnected(features, name="classes", num_hidden=self.classes)
        # The features are an output without gradient.
        told = mx.sym.BlockGrad(features, name="told")
        return mx.sym.Group([told, mx.sym.SoftmaxOutput(logits, name="softmax", smooth_alpha=self.smoothing)])

    def rescaled(self, arguments: Mapping, size: float) -> dict:
        """The parameters with features divided by `size`; the probabilities do not change."""
        return {
            **arguments,
            self.scale: arguments[self.scale] / size,
            "classes_weight": arguments["classes_weight"] * size,
        }


def _convolved(layer, name: str, width: int):
    layer = mx.sym.Convolution(layer, name=name, kernel=(3, 3), pad=(1, 1), num_filter=width, no_bias=True)
    return mx.sym.BatchNorm(layer, name=f"{name}_norm", fix_gamma=False, eps=1e-5, momentum=0.9)


def _relu(layer):
    return mx.sym.Activation(layer, act_type="relu")


def _block(layer, name: str, width: int):
    """relu(layer + two convolutions of it)."""
    inner = _relu(_convolved(layer, f"{name}a", width))
    return _relu(layer + _convolved(inner, f"{name}b", width))
