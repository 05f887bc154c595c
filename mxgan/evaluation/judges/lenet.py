"""LeNet, the classifier that measures samples: image → class probabilities, with a layer of features.

It is not in NETWORKS because it is not a GAN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number

__all__ = ["LeNet"]

IMAGE_SIZES = (28, 32)
KERNEL = 5


@dataclass(frozen=True)
class LeNet:
    """Two convolutions with max pooling, then two fully connected layers, all with ReLU; the last layer is a softmax.

    Parameters
    ----------
    classes : the number of classes, at least 2.
    image_size : side of the grey images, 28 or 32. For 28 the first convolution pads to 32, so that the parameters have
        the same shapes for both sizes.
    filters : number of filters of the two convolutions.
    hidden, features : widths of the two fully connected layers before the classes. Distances are measured in the
        outputs of the second.

    Source: LeCun et al. 1998, section II.B (LeNet-5: 6 and 16 filters, 120 and 84 units); the pooling, the rectifiers
    and the softmax are those of later practice.
    """

    title: ClassVar[str] = "LeNet"
    knows_classes: ClassVar[bool] = True
    mirrors: ClassVar[bool] = False

    classes: int = 10
    image_size: int = 32
    filters: tuple = (16, 32)
    hidden: int = 120
    features: int = 84

    def __post_init__(self) -> None:
        whole_number("classes", self.classes, minimum=2, maximum=10_000)
        if self.image_size not in IMAGE_SIZES:
            raise ArgumentError(f"image_size is {self.image_size!r}; give {' or '.join(map(str, IMAGE_SIZES))}.")
        if not isinstance(self.filters, tuple) or len(self.filters) != 2:
            raise ArgumentError(f"filters is {self.filters!r}; give a tuple of two whole numbers, such as (16, 32).")
        widths = {**{f"filters[{i}]": width for i, width in enumerate(self.filters)}, "hidden": self.hidden}
        for name, width in {**widths, "features": self.features}.items():
            whole_number(name, width, maximum=65_536)

    @property
    def image_shape(self) -> tuple:
        """Shape of one image: (1, image_size, image_size)."""
        return (1, self.image_size, self.image_size)

    def symbol(self):
        """`data` (N, 1, image_size, image_size) in [-1, 1] → a group of two outputs.

        The outputs are the features (N, features) ≥ 0, and `softmax`, the probabilities (N, classes). The label
        `softmax_label` (N,) trains the network by cross-entropy.
        """
        layer = mx.sym.Variable("data")
        for i, width in enumerate(self.filters, start=1):
            pad = (IMAGE_SIZES[-1] - self.image_size) // 2 if i == 1 else 0
            layer = mx.sym.Convolution(
                layer, name=f"conv{i}", kernel=(KERNEL, KERNEL), pad=(pad, pad), num_filter=width
            )  # (N, width, 28, 28), (N, width, 10, 10)
            layer = mx.sym.Activation(layer, name=f"act{i}", act_type="relu")
            layer = mx.sym.Pooling(layer, name=f"pool{i}", kernel=(2, 2), stride=(2, 2), pool_type="max")
        layer = mx.sym.FullyConnected(mx.sym.Flatten(layer), name="fc1", num_hidden=self.hidden)
        layer = mx.sym.Activation(layer, name="fcact1", act_type="relu")
        layer = mx.sym.FullyConnected(layer, name="fc2", num_hidden=self.features)
        features = mx.sym.Activation(layer, name="features", act_type="relu")
        logits = mx.sym.FullyConnected(features, name="fc3", num_hidden=self.classes)
        # The features are an output without gradient.
        told = mx.sym.BlockGrad(features, name="told")
        return mx.sym.Group([told, mx.sym.SoftmaxOutput(logits, name="softmax")])

    def rescaled(self, arguments: Mapping, size: float) -> dict:
        """The parameters with features divided by `size`; the probabilities do not change."""
        # The ReLU between the two layers keeps the scale.
        factors = {"fc2_weight": 1 / size, "fc2_bias": 1 / size, "fc3_weight": size}
        return {name: value * factors.get(name, 1.0) for name, value in arguments.items()}
