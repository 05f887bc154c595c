"""A symbol with our own operators in place of MXNet's, for training on a CPU."""

from __future__ import annotations

import math
from collections.abc import Mapping

from mxgan.graphs.layers import FAST_BATCH_NORM, nodes_of
from mxgan.networks.residual_blocks import transposed_weight
from mxgan.objectives.augment.augmenter import AUGMENTED
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting
from mxgan.training.fast.algorithms import AUGMENTATION, CONVOLUTION, KERNELS, RESAMPLING, fits
from mxgan.training.fast.kinds import (
    doubles,
    halves,
    is_plain_convolution,
    is_plain_norm,
    is_whole_mean,
    sides_of,
    slope_of,
    stated,
)

__all__ = ["LEAST_PAIRS", "LEAST_PRODUCTS", "LEAST_RESAMPLED", "gains", "with_fast_operators"]

# A layer with fewer products (by the definition, in a batch) is as fast in MXNet: a call of our operator takes 0.3 ms.
LEAST_PRODUCTS = 50_000_000
# Channels times filters of a 4×4 convolution: with fewer the transforms take what the products save (32 · 32 at 32×32).
LEAST_PAIRS = 2_048
LEAST_RESAMPLED = 100_000  # numbers of the larger images
_CONVOLUTIONS = ("Convolution", "Deconvolution")
_NORM_SETTINGS = ("eps", "momentum", "fix_gamma")
# The nodes of `upsampled_convolution` by the ends of their names, the input of its last node at the end.
_UPSAMPLED = {"phases": "Convolution", "weight": "null", "bias": "null", "beside": "transpose", "bordered": "Reshape"}


def gains(symbol, inputs: Mapping) -> bool:
    """Whether `with_fast_operators` would change the symbol; it does not need Numba."""
    return bool(_Fast(symbol, inputs).replaced)


def with_fast_operators(symbol, inputs: Mapping):
    """The symbol with each convolution that has a fast algorithm here computed by it, and each BatchNorm by ours.

    A BatchNorm takes the LeakyReLU or ReLU behind it along, and a convolution one before it. MXNet's own BatchNorm is
    slow in the plain layout of memory that our convolutions use; without such a convolution the symbol stays as it is.
    The results are those of MXNet's operators up to rounding, about 10⁻⁵ of the largest value. Arguments, auxiliary
    states, outputs and their order stay the same. The rewritten symbol is of this process alone: what is saved is the
    symbol before.

    Parameters
    ----------
    symbol : a network or loss over float32 numbers, for one CPU. Bind the result once, and a new one for each executor.
    inputs : {input: shape}, batch included.
    """
    rewriting = _Fast(symbol, inputs)
    if not rewriting.replaced:
        return symbol
    # MXNet learns of them
    from mxgan.training.fast import (  # noqa: F401
        augmentation_operator,
        batch_norm_operator,
        convolution_operator,
        resampling_operator,
    )

    return rewriting.symbol()


class _Fast(Rewriting):
    def __init__(self, symbol, inputs: Mapping) -> None:
        super().__init__(symbol)
        self._numbers = {node["name"]: number for number, node in enumerate(self.old)}
        self._shapes = nodes_of(symbol, inputs)
        self.replaced = {number for number, node in enumerate(self.old) if self._fits(number, node)}
        self._slopes, self._merged = {}, set()  # {layer: slope below 0 of its activation}, the activations' numbers
        self._merge_activations()

    def _merge_activations(self) -> None:
        """Find the activations that a BatchNorm before them or else a convolution behind them can compute."""
        kept = {number for number, *_ in self._graph["heads"]}
        takers: dict = {}
        for number, node in enumerate(self.old):
            for place, (source, *_) in enumerate(node["inputs"]):
                takers.setdefault(source, []).append((number, place))
        for number, node in enumerate(self.old):
            slope = slope_of(node)
            if slope is None or number in kept:
                continue
            source, output, *_ = node["inputs"][0]
            behind, place = takers[number][0]
            if is_plain_norm(self.old[source]) and len(takers[source]) == 1 and source not in kept:
                layer = source
            elif output == place == 0 and len(takers[number]) == 1 and self._takes_activations(behind):
                layer = behind
            else:
                continue
            self._slopes[layer] = slope
            self._merged.add(number)

    def _takes_activations(self, number: int) -> bool:
        return number in self.replaced and self.old[number]["op"] == "Convolution"

    def node(self, number: int, node: dict, inputs: list) -> int:
        if number in self._merged:
            return inputs[0][0]  # the layer before or behind computes it
        make = next((make for is_one, make in _KINDS if is_one(self, number, node)), Rewriting.node)
        return make(self, number, node, inputs)

    def _custom(self, number: int, node: dict, inputs: list, op_type: str, **settings) -> int:
        """Add an operator of ours in place of a node."""
        hidden = {name: value for name, value in node.get("attrs", {}).items() if name.startswith("__")}
        ours = {"op_type": op_type, **{name: str(value) for name, value in settings.items()}}
        return super().node(number, {**node, "op": "Custom", "attrs": {**ours, **hidden}}, inputs)

    def _is_upsampled(self, number: int, node: Mapping) -> bool:
        """Whether it is the last node of an `upsampled_convolution`, by the names and kinds of those before it."""
        names = [f"{node['name']}_{part}" for part in _UPSAMPLED]
        if node["op"] != "slice" or not all(name in self._numbers for name in names):
            return False
        before = [self.old[self._numbers[name]] for name in names]
        known = node["inputs"][0][0] == self._numbers[names[-1]] and before[0]["attrs"]["kernel"] == "(2, 2)"
        known = known and [each["op"] for each in before] == [*_UPSAMPLED.values()]
        return known and fits(4, 2, 1, *self._shapes[number].output_shapes[0][1:])

    def _transposed(self, number: int, node: dict, inputs: list) -> int:
        """Add the transposed convolution that an `upsampled_convolution` is; what it was made of is left unused."""
        name = node["name"]
        data, weight, bias = (mx.sym.Variable(part) for part in ("data", "weight", "bias"))
        settings = {"filters": self._shapes[number].output_shapes[0][1], "side": 4}
        settings.update(op_type=CONVOLUTION, transposed=True, has_bias=True, name=f"{name}_enlarged")
        part = mx.sym.Custom(data, transposed_weight(weight, name), bias, **settings)
        source, output, *_ = self.old[self._numbers[f"{name}_phases"]]["inputs"][0]
        places = {each: (self.moved[self._numbers[f"{name}_{each}"]], 0) for each in ("weight", "bias")}
        return self.splice(part, {"data": (self.moved[source], output), **places})

    def _is_augmented(self, number: int, node: Mapping) -> bool:
        return AUGMENTED in node.get("attrs", {}) and self._variables_of(number) == {"data", "augment"}

    def _augmented(self, number: int, node: dict, inputs: list) -> int:
        ordered = sorted((self._numbers[name], name) for name in ("data", "augment"))  # as the symbol has them
        inputs = [(self.moved[place], 0) for place, _ in ordered]
        names = node["attrs"][AUGMENTED]
        return self._custom(number, node, inputs, AUGMENTATION, names=names, first=ordered[0][1])

    def _variables_of(self, number: int) -> set:
        """The names of the Variables that a node is computed from."""
        names, waiting, seen = set(), [number], set()
        while waiting:
            number = waiting.pop()
            if number not in seen:
                seen.add(number)
                waiting += [source for source, *_ in self.old[number]["inputs"]]
                if self.old[number]["op"] == "null":
                    names.add(self.old[number]["name"])
        return names

    def _mean(self, number: int, node: dict, inputs: list) -> int:
        mean = mx.sym.mean(mx.sym.Variable("data"), axis=(2, 3), keepdims=True, name=node["name"])
        return self.splice(mean, {"data": inputs[0]})

    def _norm(self, number: int, node: dict, inputs: list) -> int:
        kept = {name: value for name, value in node.get("attrs", {}).items() if name in _NORM_SETTINGS}
        return self._custom(number, node, inputs, FAST_BATCH_NORM, slope=self._slopes.get(number, 1.0), **kept)

    def _resamples(self, number: int, node: Mapping) -> bool:
        """Whether it doubles the pixels of large images, or takes the mean of each 2×2 of theirs."""
        if not (doubles(node) or halves(node)):
            return False
        source, output = self._shapes[number].inputs[0]
        shapes = self._shapes[source].output_shapes[output], self._shapes[number].output_shapes[0]
        whole = all(side % 2 == 0 for side in max(shapes, key=math.prod)[2:])
        return whole and len(shapes[0]) == 4 and max(map(math.prod, shapes)) >= LEAST_RESAMPLED

    def _resampling(self, number: int, node: dict, inputs: list) -> int:
        return self._custom(number, node, inputs, RESAMPLING, enlarges=node["op"] == "UpSampling")

    def _fits(self, number: int, node: Mapping) -> bool:
        settings = node.get("attrs", {})
        sides = sides_of(settings)
        if node["op"] not in _CONVOLUTIONS or sides[0] not in KERNELS or not is_plain_convolution(settings, sides):
            return False
        source, output = self._shapes[number].inputs[0]
        given, made = self._shapes[source].output_shapes[output], self._shapes[number].output_shapes[0]
        if self._shapes[number].operator == "Deconvolution":
            given, made = made, given
        elif sides[0] == 4 and given[1] * made[1] < LEAST_PAIRS:
            return False
        if math.prod(made) * given[1] * sides[0] ** 2 < LEAST_PRODUCTS:
            return False
        padding = stated(settings, "pad", (0, 0))[0]
        return fits(sides[0], stated(settings, "stride", (1, 1))[0], padding, *given[1:])

    def _convolution(self, number: int, node: dict, inputs: list) -> int:
        settings = node["attrs"]
        return self._custom(
            number,
            node,
            inputs,
            CONVOLUTION,
            filters=settings["num_filter"],
            side=sides_of(settings)[0],
            transposed=node["op"] == "Deconvolution",
            has_bias=len(inputs) > 2,
            slope=self._slopes.get(number, 1.0),
        )


# (whether a node is one of its kind, what is put in its place); the first kind counts.
_KINDS = (
    (_Fast._is_upsampled, _Fast._transposed),
    (_Fast._is_augmented, _Fast._augmented),
    (lambda fast, number, node: is_whole_mean(node), _Fast._mean),
    (lambda fast, number, node: is_plain_norm(node), _Fast._norm),
    (_Fast._resamples, _Fast._resampling),
    (lambda fast, number, node: number in fast.replaced, _Fast._convolution),
)
