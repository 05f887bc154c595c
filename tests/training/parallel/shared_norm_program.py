"""What the ranks of test_shared_batch_norm.py run: a tiny network, in parts of a batch and as a whole."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

from mxgan.runtime import mx
from mxgan.training.parallel.mpi_ranks import all_ranks
from mxgan.training.parallel.shared_batch_norm import own_errors, totals_over, with_shared_batch_norm

STEPS, WHOLE = 3, 12


def network():
    """Convolution, BatchNorm, leaky rectifier, transposed convolution, BatchNorm with a fixed gamma.

    No biases: the gradient of one before a BatchNorm is rounding alone.
    """
    data = mx.sym.Convolution(mx.sym.Variable("data"), name="c1", kernel=(3, 3), num_filter=8, pad=(1, 1), no_bias=True)
    data = mx.sym.BatchNorm(data, name="b1", fix_gamma=False, eps=1e-4)
    data = mx.sym.LeakyReLU(data, name="l1", act_type="leaky", slope=0.2)
    data = mx.sym.Deconvolution(data, name="d1", kernel=(4, 4), stride=(2, 2), pad=(1, 1), num_filter=5)
    return mx.sym.BatchNorm(data, name="b2", fix_gamma=True)


def passes(symbol, data, rows: slice = slice(None), **settings) -> dict:
    """Forward and backward passes over data (steps, N, …), of which `rows` are this rank's; then one of inference.

    The arguments, and the gradients at the output, depend on the whole batch alone. With float64 data, all is float64.
    """
    types = {name: str(data.dtype) for name in symbol.list_arguments()}
    executor = symbol.simple_bind(mx.cpu(), data=data[0, rows].shape, type_dict=types, **settings)
    draw, found = np.random.default_rng(3), {}
    for name in symbol.list_arguments():
        if name != "data":
            executor.arg_dict[name][:] = draw.normal(0.3, 1, executor.arg_dict[name].shape)
    for gradient in executor.grad_dict.values():
        if gradient is not None:
            gradient[:] = 0
    for step, images in enumerate(data):
        executor.arg_dict["data"][:] = images[rows]
        (out,) = executor.forward(is_train=True)
        found[f"output {step}"] = out.asnumpy()
        pull = draw.normal(size=(len(images), *out.shape[1:])).astype(np.float32)
        executor.backward(mx.nd.array(pull[rows], dtype=data.dtype))
    mx.nd.waitall()
    groups = {"gradient": executor.grad_dict, "state": executor.aux_dict, "argument": executor.arg_dict}
    for kind, arrays in groups.items():
        found.update({f"{kind} {name}": array.asnumpy() for name, array in arrays.items() if array is not None})
    found["inference"] = executor.forward(is_train=False)[0].asnumpy()
    return found


def relative(found, expected) -> float:
    """The largest difference, relative to the largest number."""
    return float(np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-30))


def after(before: Callable, total_of: Callable) -> Callable:
    """A `total_of` whose totals call before(layer) first."""

    def hindered(layer: str) -> Callable:
        total = total_of(layer)
        return lambda vector: (before(layer), total(vector))

    return hindered


def whole_of(ranks, name: str, part):
    """The whole batch's array from the ranks' parts: their rows, the sum of their gradients, or what all have."""
    every = ranks.whole([mx.nd.array(part)])[0].asnumpy()
    if name.startswith(("output", "inference")) or name in ("gradient data", "argument data"):
        return every
    parts = every.reshape(ranks.size, *part.shape)
    return parts.sum(axis=0) if name.startswith("gradient") else part


def say(**report) -> None:
    """One line of standard output, in one piece: mpirun mixes the ranks' pieces."""
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def equality() -> None:
    """Compare the ranks' passes over parts with MXNet's own in float64 over the whole batch."""
    ranks = all_ranks()
    data = np.random.default_rng(4).normal(1, 2, (STEPS, WHOLE, 3, 8, 8)).astype(np.float32)
    rows, total_of = ranks.rows(WHOLE), totals_over(ranks, "network")
    runs = [passes(with_shared_batch_norm(network(), total_of), data, rows) for _ in range(5)]
    expected, separate = passes(network(), data.astype(np.float64)), passes(network(), data, rows)
    found = runs[0]
    states = {name: value.tobytes().hex() for name, value in found.items() if name.startswith("state")}
    say(
        errors={name: relative(whole_of(ranks, name, value), expected[name]) for name, value in found.items()},
        same_states=all(each == states for each in ranks.gathered(states)),
        same_bits=all((run[name] == found[name]).all() for run in runs for name in found),
        own_statistics=relative(separate["output 0"], expected["output 0"][rows]),
    )


def order() -> None:
    """Six layers side by side, whose sums begin in another order on each rank."""
    ranks, begun = all_ranks(), []
    names = [f"side{number}" for number in range(6)]

    def before(layer: str) -> None:
        place = names.index(layer) if ranks.is_first else len(names) - names.index(layer)
        time.sleep(0.05 * place)
        begun.append(layer)

    data = mx.sym.Variable("data")
    sides = [mx.sym.BatchNorm(data * (number + 1), name=name, fix_gamma=False) for number, name in enumerate(names)]
    symbol = mx.sym.Concat(*sides, dim=1)
    images = np.random.default_rng(5).normal(1, 2, (2, 4, 3, 4, 4)).astype(np.float32)
    total_of = after(before, totals_over(ranks, "sides"))
    found = passes(with_shared_batch_norm(symbol, total_of), images, ranks.rows(4))
    expected = passes(symbol, images.astype(np.float64))
    error = max(relative(whole_of(ranks, name, value), expected[name]) for name, value in found.items())
    say(first=begun[0], error=error)


def failure() -> None:
    """Rank 1 fails in the first layer; rank 0 waits for it in that layer until the job is ended."""
    ranks = all_ranks()

    def before(layer: str) -> None:
        if not ranks.is_first:
            raise ValueError("it cannot sum")

    data = np.ones((1, 2, 3, 8, 8), np.float32)
    with ranks.guarded(), own_errors():
        passes(with_shared_batch_norm(network(), after(before, totals_over(ranks, "network"))), data)
        say(text="this line is never reached")
