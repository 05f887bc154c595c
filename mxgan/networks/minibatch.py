"""Minibatch discrimination: what a discriminator may know of the other samples in its batch."""

from __future__ import annotations

from mxgan.runtime import mx

__all__ = ["minibatch_discrimination"]


def minibatch_discrimination(features, name: str, kernels: int, dims: int):
    """How close each sample lies to the others of its batch, in `kernels` learnt projections.

    With M_i = f(x_i) T of `kernels` rows and `dims` columns::

        c_b(x_i, x_j) = exp(−‖M_i,b − M_j,b‖₁)        o(x_i)_b = Σ_j c_b(x_i, x_j)

    As in the paper's formula the sum includes j = i, so every o is at least 1.

    Parameters
    ----------
    features : f, (N, A).
    name : T is the parameter `NAME_weight` (kernels · dims, A), that is, transposed.
    kernels, dims : B and C of the paper.

    Returns
    -------
    o, (N, kernels), to be concatenated to f. The memory is N · N · kernels · dims numbers.

    Source: Salimans et al. 2016, section 3.2.
    """
    flat = mx.sym.FullyConnected(features, name=name, num_hidden=kernels * dims, no_bias=True)
    rows = mx.sym.Reshape(flat, shape=(-1, kernels, dims))  # M (N, B, C)
    apart = mx.sym.broadcast_sub(mx.sym.expand_dims(rows, axis=1), mx.sym.expand_dims(rows, axis=0))  # (N, N, B, C)
    closeness = mx.sym.exp(-mx.sym.sum(mx.sym.abs(apart), axis=3))  # c (N, N, B)
    return mx.sym.sum(closeness, axis=1, name=f"{name}_closeness")
