"""DCGANs with classes: conditional, auxiliary-classifier and semi-supervised.

The layers keep DCGAN's names. The added layers are `dclass`, `dminibatch` and `g1_class`. The class enters G through
`g1_class`, which also distinguishes these files from files of a plain DCGAN.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mxgan.errors import ArgumentError
from mxgan.networks.base import check_sizes
from mxgan.networks.blocks import from_latent, minibatch_discrimination
from mxgan.networks.dcgan import DCGAN
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number

__all__ = ["AuxiliaryDCGAN", "ConditionalDCGAN", "SemiSupervisedDCGAN"]


def one_hot_planes(classes: int):
    """The one-hot code of the input `class_label` (N,), as (N, classes, 1, 1)."""
    hot = mx.sym.one_hot(mx.sym.Variable("class_label"), depth=classes)
    return mx.sym.Reshape(hot, shape=(-1, classes, 1, 1))


@dataclass(frozen=True)
class _GivenTheClass(DCGAN):
    """A DCGAN whose generator takes `rand` and `class_label` (N,), float numbers 0 … classes − 1.

    The latent and the one-hot class, concatenated, go through one transposed convolution (Radford's first layer). It
    is written as the sum of two layers, `g1` of the latent and `g1_class` of the class. This is the same function of
    the same weights.
    """

    conditional = True
    recognised_by = "g1_class_weight and those of a DCGAN"

    classes: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(self, "classes")

    def _first_layer(self, channels: int):
        of_class = from_latent(one_hot_planes(self.classes), "g1_class", self.classes, channels, self.end)
        return super()._first_layer(channels) + of_class

    @classmethod
    def fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        return {**super().fields_of(shapes), "classes": shapes["g1_class_weight"][0]}


@dataclass(frozen=True)
class ConditionalDCGAN(_GivenTheClass):
    """A conditional DCGAN: both networks take the class. G draws an image of the class, such as a given digit.

    D sees the image and `classes` more planes. The plane of `class_label` is filled with 1, the others with 0.

    Parameters
    ----------
    classes : the number of classes; the other parameters are those of `DCGAN`.

    Source: Mirza and Osindero 2014, section 3.2 and figure 1, with the body of Radford et al. 2016.
    """

    name = "conditional-dcgan"
    title = "a conditional DCGAN"

    def discriminator(self):
        """`data` (N, nc, H, W), `class_label` (N,) → raw score (N, 1)."""
        planes = mx.sym.broadcast_axis(one_hot_planes(self.classes), axis=(2, 3), size=self.image_shape[1:])
        seen = mx.sym.Concat(mx.sym.Variable("data"), planes, dim=1)  # (N, nc + classes, H, W)
        return self._vector(1, self._features(seen), f"d{self.depth}")


@dataclass(frozen=True)
class AuxiliaryDCGAN(_GivenTheClass):
    """A DCGAN with an auxiliary classifier: the generator takes the class, the discriminator predicts it.

    The last features of D go into two layers: `dL` gives the raw score, `dclass` the class logits.

    Parameters
    ----------
    classes : the number of classes; the other parameters are those of `DCGAN`.

    Source: Odena et al. 2017, section 3.
    """

    classifies = True
    name = "auxiliary-dcgan"
    title = "an auxiliary-classifier DCGAN"

    def discriminator(self):
        """`data` (N, nc, H, W) → raw score (N, 1) and class logits (N, classes)."""
        features = self._features(mx.sym.Variable("data"))
        score, logits = self._vector(1, features, f"d{self.depth}"), self._vector(self.classes, features, "dclass")
        return mx.sym.Group([score, logits])


@dataclass(frozen=True)
class SemiSupervisedDCGAN(DCGAN):
    """A DCGAN whose discriminator is a classifier of K classes; the score "real or fake" comes from its logits.

    The paper's classifier has K + 1 logits, the last one for "fake". Here, as the paper allows, this logit is fixed at
    0. Then D(x) = Z / (Z + 1) with Z = Σ exp(logits), which is σ(score) with score = log Z. The generator is that of
    DCGAN and takes no class.

    Parameters
    ----------
    classes : K.
    minibatch_kernels : B of minibatch discrimination before the logits, 0 for none; see `minibatch_discrimination`.
        With it, D's output for an image depends on the whole batch.
    minibatch_dims : C of minibatch discrimination.

    Source: Salimans et al. 2016, section 5; minibatch discrimination: section 3.2.
    """

    classifies = True
    name = "semi-supervised-dcgan"

    classes: int = 10
    minibatch_kernels: int = 0
    minibatch_dims: int = 16

    def __post_init__(self) -> None:
        super().__post_init__()
        check_sizes(self, "minibatch_dims")
        if whole_number("classes", self.classes) < 2:
            raise ArgumentError(f"classes is {self.classes}; a classifier needs at least 2.")
        whole_number("minibatch_kernels", self.minibatch_kernels, minimum=0)

    @property
    def mixes_samples(self) -> str:
        """Minibatch discrimination, if it is on."""
        return "minibatch discrimination (minibatch_kernels)" if self.minibatch_kernels else ""

    def discriminator(self):
        """`data` (N, nc, H, W) → raw score (N, 1) and class logits (N, classes)."""
        features = mx.sym.Flatten(self._features(mx.sym.Variable("data")))
        if self.minibatch_kernels:
            near = minibatch_discrimination(features, "dminibatch", self.minibatch_kernels, self.minibatch_dims)
            features = mx.sym.Concat(features, near, dim=1)
        logits = mx.sym.FullyConnected(
            features, name=f"d{self.depth}", num_hidden=self.classes, no_bias=self.no_bias
        )  # (N, classes)
        return mx.sym.Group([log_sum_exp(logits), logits])

    @classmethod
    def discriminator_fields_of(cls, shapes: Mapping[str, tuple]) -> dict:
        depth = sum(name.startswith("d") and name.endswith("_weight") and name[1:-7].isdigit() for name in shapes)
        classes, inputs = shapes[f"d{depth}_weight"]
        fields = {**super().discriminator_fields_of(shapes), "classes": classes}
        if "dminibatch_weight" not in shapes:
            return fields
        products, features = shapes["dminibatch_weight"]  # kernels · dims
        kernels = inputs - features
        return {**fields, "minibatch_kernels": kernels, "minibatch_dims": products // kernels}


def log_sum_exp(logits):
    """log Σ_k exp(logits_k), (N, K) → (N, 1). The largest logit is subtracted first so that exp cannot overflow."""
    largest = mx.sym.BlockGrad(mx.sym.max(logits, axis=1, keepdims=True))
    total = mx.sym.sum(mx.sym.exp(mx.sym.broadcast_sub(logits, largest)), axis=1, keepdims=True)
    return mx.sym.log(total) + largest
