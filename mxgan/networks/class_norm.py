"""BatchNorm whose scale and shift depend on the class of each sample."""

from __future__ import annotations

from mxgan.runtime import mx

__all__ = ["class_embedding", "class_norm"]


def class_embedding(weight, name: str, classes: int, width: int):
    """The row of `weight` (classes, width) for each class in the input `class_label` (N,): (N, width)."""
    # MXNet has no gradient of an Embedding at its numbers, and refuses to be asked for one.
    label = mx.sym.BlockGrad(mx.sym.Variable("class_label"))
    return mx.sym.Embedding(label, weight=weight, input_dim=classes, output_dim=width, name=name)


def class_norm(data, hot, name: str, channels: int, side: int, classes: int, eps: float):
    """BatchNorm over the whole batch, then γ_y x + β_y for a sample of class y: (N, channels, side, side).

    `hot` is the one-hot code of the classes (N, classes). The parameters are `NAME_gamma` and `NAME_beta` (classes,
    channels), which begin at 1 and 0, and BatchNorm's moving statistics (channels,).

    Source: Dumoulin et al. 2017, "A Learned Representation for Artistic Style", eq. 5, with BatchNorm as in Miyato and
    Koyama 2018, section 4 and appendix.
    """
    shape = (classes, channels)
    gamma, beta = (mx.sym.Variable(f"{name}_{part}", shape=shape, dtype="float32") for part in ("gamma", "beta"))
    zeros = mx.sym.Reshape(mx.sym.zeros_like(mx.sym.slice_axis(beta, axis=0, begin=0, end=1)), shape=(-1,))
    whole = mx.sym.BatchNorm(data, mx.sym.ones_like(zeros), zeros, name=name, fix_gamma=False, eps=eps)
    rows = mx.sym.Reshape(whole, shape=(-1, side * side))  # (N · channels, pixels)
    ones = mx.sym.ones_like(mx.sym.slice_axis(rows, axis=0, begin=0, end=1))  # (1, pixels)

    def spread(weight):
        """(N, channels) for all pixels, as a matrix product: the gradient of a broadcast takes twice as long."""
        return mx.sym.dot(mx.sym.Reshape(mx.sym.dot(hot, weight), shape=(-1, 1)), ones)

    return mx.sym.Reshape(rows * spread(gamma) + spread(beta), shape=(-1, channels, side, side))
