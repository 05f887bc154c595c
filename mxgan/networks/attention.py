"""Self-attention over a feature map, as a symbol."""

from __future__ import annotations

from mxgan.runtime import mx

__all__ = ["scaled", "self_attention"]


def self_attention(data, name: str, channels: int, side: int):
    """Each pixel plus γ times a weighted mean over all pixels: (N, channels, side, side) → the same shape.

    With f, g, h and v as 1×1 convolutions without bias::

        β_ji = softmax over i of f(x_i)ᵀ g(x_j)        y_j = x_j + γ v(Σ_i β_ji h(x_i))

    f, g and h have channels / 8 filters, at least one. γ begins at 0, so that training begins without attention. The
    memory for β is N · side⁴ numbers: 4 MB for each image at 32×32, 64 MB at 64×64. A training has two arrays of this
    size, β and its gradient: for a batch of 64, 0.5 GB at 32×32 and 8 GB at 64×64 in each network.

    The parameters are `NAME_key_weight` (f), `NAME_query_weight` (g) and `NAME_value_weight` (h), each
    (channels / 8, channels, 1, 1), `NAME_out_weight` (v) (channels, channels / 8, 1, 1), and `NAME_gamma` (1, 1, 1, 1).

    Source: Zhang et al. 2019, "Self-Attention Generative Adversarial Networks", equations 1 to 3, with k = 8. The
    authors' program differs: there h has channels / 2 filters, and maxima over 2×2 pixels come before the softmax.
    """
    inner, pixels = max(1, channels // 8), side * side

    def rows(part: str):
        layer = _convolution(data, f"{name}_{part}", inner)
        return mx.sym.Reshape(layer, shape=(-1, inner, pixels), name=f"{name}_{part}_rows")

    fits = mx.sym.batch_dot(rows("query"), rows("key"), transpose_a=True, name=f"{name}_fits")  # (N, j, i)
    shares = mx.sym.softmax(fits, axis=-1, name=f"{name}_shares")
    seen = mx.sym.batch_dot(rows("value"), shares, transpose_b=True, name=f"{name}_seen")  # (N, inner, j)
    out = _convolution(mx.sym.Reshape(seen, shape=(-1, inner, side, side)), f"{name}_out", channels)
    gamma = mx.sym.Variable(f"{name}_gamma", shape=(1, 1, 1, 1), init=mx.init.Zero())
    return mx.sym.elemwise_add(data, scaled(out, gamma, (channels, side, side)), name=name)


def scaled(data, gamma, shape: tuple):
    """γ (1, 1, 1, 1) times (N, *shape), as a matrix product, because the gradient of a broadcast is far slower."""
    column, factor = mx.sym.Reshape(data, shape=(-1, 1)), mx.sym.Reshape(gamma, shape=(1, 1))
    return mx.sym.Reshape(mx.sym.dot(column, factor), shape=(-1, *shape))


def _convolution(data, name: str, num_filter: int):
    return mx.sym.Convolution(data, name=name, kernel=(1, 1), num_filter=num_filter, no_bias=True)
