"""Initialisers for `Module.init_params`: the distributions of DCGAN, PyTorch, Keras and SNGAN.

All of them start BatchNorm at gamma 1 and beta 0. Every draw comes from mx.random, so its seed decides the result.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mxgan.errors import ArgumentError, lookup
from mxgan.runtime import mx

__all__ = ["INITIALIZERS", "get_initializer"]


class TorchUniform(mx.init.Initializer):
    """PyTorch's default for Linear, Conv and ConvTranspose: weights and biases U(−1/√fan_in, 1/√fan_in).

    fan_in is the product of the weight's dimensions without the first, as PyTorch computes it; this holds for
    transposed convolutions too. `shapes` is {parameter: shape}: a bias takes the fan_in of the weight of its layer.
    """

    def __init__(self, shapes: Mapping[str, tuple]) -> None:
        super().__init__()
        self._shapes = dict(shapes)

    def _init_weight(self, name, arr) -> None:
        _fill_uniform(arr, 1 / math.sqrt(math.prod(arr.shape[1:])))

    def _init_bias(self, name, arr) -> None:
        weight = name[: -len("bias")] + "weight"
        if weight not in self._shapes:
            raise ArgumentError(
                f"the initializer 'torch' draws {name} by the shape of {weight}, which it was not given."
            )
        _fill_uniform(arr, 1 / math.sqrt(math.prod(self._shapes[weight][1:])))


class GlorotUniform(mx.init.Initializer):
    """Keras's default: weights U(−√(6/(fan_in + fan_out)), +√…), biases 0 (Glorot and Bengio 2010, eq. 16).

    Each fan is a number of channels times the kernel's area, and the sum of the two does not depend on their order.
    """

    def _init_weight(self, name, arr) -> None:
        outputs, inputs, *kernel = arr.shape
        _fill_uniform(arr, math.sqrt(6 / ((outputs + inputs) * math.prod(kernel))))


class ResidualUniform(GlorotUniform):
    """SNGAN's: as `GlorotUniform`, and √2 times as wide for the 3×3 convolutions of residual blocks (`…_conv1_weight`).

    Source: pfnet-research/sngan_projection, gen_models/resblocks.py and dis_models/resblocks.py.
    """

    def _init_weight(self, name, arr) -> None:
        super()._init_weight(name, arr)
        if name.endswith(("_conv1_weight", "_conv2_weight")):
            arr *= math.sqrt(2)


def _fill_uniform(arr, bound: float) -> None:
    mx.random.uniform(-bound, bound, arr.shape, out=arr)


# name → (sigma, {parameter: shape}) → initialiser
INITIALIZERS = {
    "normal": lambda sigma, shapes: mx.init.Normal(sigma),
    "torch": lambda sigma, shapes: TorchUniform(shapes),
    "glorot": lambda sigma, shapes: GlorotUniform(),
    "residual": lambda sigma, shapes: ResidualUniform(),
}


def get_initializer(name: str, sigma: float, shapes: Mapping[str, tuple]):
    """The initialiser `name` of INITIALIZERS; ArgumentError with a suggestion if there is none.

    Parameters
    ----------
    name : "normal": weights from N(0, sigma²), biases 0 (Radford et al. 2016, section 3); "torch", "glorot"
        and "residual": see `TorchUniform`, `GlorotUniform` and `ResidualUniform`.
    sigma : standard deviation of "normal"; the others do not read it.
    shapes : {parameter: shape} of everything that will be initialised, for "torch".
    """
    return lookup("initializer", name, INITIALIZERS)(sigma, shapes)
