"""`Unmerged`: residual networks in the layers of their publication, not in those that compute the same faster.

networks/residual_blocks.py merges convolutions with pooling and enlarging; class_norm.py and attention.py there write
broadcasts as products. Each is found by comparing the graph with what these modules build.
"""

from __future__ import annotations

import json
from typing import Optional

from mxgan.export.model import Model
from mxgan.export.published import shapes_of
from mxgan.graphs.heads import WithoutHeads
from mxgan.networks.attention import scaled
from mxgan.networks.class_norm import class_embedding, class_norm
from mxgan.networks.residual_blocks import pooled_convolution, upsampled_convolution
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting

__all__ = ["Unmerged"]

_DATA = "data"


class Unmerged(Rewriting):
    """The network with plain convolutions, pooling, enlarging and broadcasts, of the same parameters.

    Heads and gradient stops must be gone already; see `plain`.
    """

    def __init__(self, model: Model) -> None:
        super().__init__(model.symbol)
        self._shapes = shapes_of(model)
        self._rules = {"Convolution": self._pooled, "Reshape": self._product, "slice": self._upsampled}

    def node(self, number: int, node: dict, inputs: list) -> int:
        rule = self._rules.get(node["op"])
        found = rule(number, node["name"]) if rule else None
        if found is not None:
            merged, published = found
            places = self._matched(number, merged)
            if places is not None:
                return self.splice(published, places)
        return super().node(number, node, inputs)

    def _path(self, number: int, *operators: str) -> Optional[int]:
        """The number of the node at the end of a path of first inputs with these operators; None if it is another."""
        for operator in operators:
            if self.old[number]["op"] != operator:
                return None
            number = self.old[number]["inputs"][0][0]
        return number

    def _shape(self, number: int, position: Optional[int] = None) -> tuple:
        """The shape of an old node's output, or of its input at a position."""
        place = (number, 0) if position is None else tuple(self.old[number]["inputs"][position][:2])
        return self._shapes[place]

    def _pooled(self, number: int, name: str):
        """(what pooled_convolution builds, its published form) for a convolution with a pooled weight."""
        if self.old[self.old[number]["inputs"][1][0]]["op"] != "Pooling":
            return None
        inside, outside = self._shape(number, 0)[1], self._shape(number)[1]
        merged = pooled_convolution(mx.sym.Variable(_DATA), name, inside, outside)
        layer = _convolution(mx.sym.Variable(_DATA), f"{name}_3x3", name, outside)
        return merged, mx.sym.Pooling(layer, kernel=(2, 2), stride=(2, 2), pool_type="avg", name=name)

    def _upsampled(self, number: int, name: str):
        """The same for upsampled_convolution, which ends in a slice."""
        layer = self._path(number, "slice", "Reshape", "transpose", "Reshape")
        if layer is None or self.old[layer]["op"] != "Convolution":
            return None
        (inside, side, _), outside = self._shape(layer, 0)[1:], self._shape(number)[1]
        merged = upsampled_convolution(mx.sym.Variable(_DATA), name, inside, outside, side)
        larger = mx.sym.UpSampling(mx.sym.Variable(_DATA), scale=2, sample_type="nearest", name=f"{name}_larger")
        return merged, _convolution(larger, name, name, outside)

    def _product(self, number: int, name: str):
        """The same for class_norm and for the scale of self_attention, which end in a Reshape."""
        return self._by_class(number, name) or self._scaled(number)

    def _scaled(self, number: int):
        if self._path(number, "Reshape", "dot", "Reshape") is None:
            return None
        factor, _ = self.old[self.old[number]["inputs"][0][0]]["inputs"][1][:2]
        if self.old[factor]["op"] != "Reshape" or self._shape(factor, 0) != (1, 1, 1, 1):
            return None
        data, gamma = mx.sym.Variable(_DATA), mx.sym.Variable("gamma")
        return scaled(data, gamma, self._shape(number)[1:]), mx.sym.broadcast_mul(data, gamma)

    def _by_class(self, number: int, name: str):
        norm = self._path(number, "Reshape", "elemwise_add", "elemwise_mul", "Reshape")
        zeros = None if norm is None or self.old[norm]["op"] != "BatchNorm" else self.old[norm]["inputs"][2][0]
        cut = None if zeros is None else self._path(zeros, "Reshape", "zeros_like")
        if cut is None or self.old[cut]["op"] != "slice_axis":
            return None
        (classes, channels), side = self._shape(cut, 0), self._shape(number)[2]
        name, eps = self.old[norm]["name"], float(self.old[norm]["attrs"]["eps"])
        hot = mx.sym.one_hot(mx.sym.Variable("class_label"), depth=classes)
        merged = class_norm(mx.sym.Variable(_DATA), hot, name, channels, side, classes, eps)
        return merged, _published_class_norm(name, channels, classes, eps)

    def _matched(self, number: int, merged) -> Optional[dict]:
        """{Variable of `merged`: (new node, output)} if an old node computes what `merged` does; None if not."""
        graph, places = json.loads(merged.tojson()), {}
        if not self._is_same(number, graph["heads"][0][0], graph["nodes"], places):
            return None
        return {name: (self.moved[source], output) for name, (source, output) in places.items()}

    def _is_same(self, number: int, other: int, nodes: list, places: dict) -> bool:
        mine, wanted = self.old[number], nodes[other]
        if mine["op"] != wanted["op"] or mine.get("attrs", {}) != wanted.get("attrs", {}):
            return False
        if len(mine["inputs"]) != len(wanted["inputs"]):
            return False
        for (source, output, *_), (to, to_output, *_) in zip(mine["inputs"], wanted["inputs"]):
            if nodes[to]["op"] == "null":
                if places.setdefault(nodes[to]["name"], (source, output)) != (source, output):
                    return False
            elif output != to_output or not self._is_same(source, to, nodes, places):
                return False
        return True


def _convolution(data, name: str, parameters: str, num_filter: int):
    weight, bias = (mx.sym.Variable(f"{parameters}_{part}") for part in ("weight", "bias"))
    return mx.sym.Convolution(data, weight, bias, kernel=(3, 3), pad=(1, 1), num_filter=num_filter, name=name)


def _published_class_norm(name: str, channels: int, classes: int, eps: float):
    """BatchNorm without parameters of its own, then the class's γ and β, broadcast."""
    gamma, beta = (mx.sym.Variable(f"{name}_{part}") for part in ("gamma", "beta"))
    zeros = mx.sym.Reshape(mx.sym.zeros_like(mx.sym.slice_axis(beta, axis=0, begin=0, end=1)), shape=(-1,))
    zeros, ones = mx.sym.identity(zeros, name=f"{name}_zeros"), mx.sym.ones_like(zeros, name=f"{name}_ones")
    whole = mx.sym.BatchNorm(mx.sym.Variable(_DATA), ones, zeros, name=name, fix_gamma=False, eps=eps)
    named = {f"{name}_scale": gamma, f"{name}_shift": beta}
    rows = [class_embedding(weight, layer, classes, channels) for layer, weight in named.items()]
    scale, shift = (mx.sym.Reshape(WithoutHeads(each).symbol(), shape=(0, 0, 1, 1)) for each in rows)
    return mx.sym.broadcast_add(mx.sym.broadcast_mul(whole, scale), shift, name=f"{name}_by_class")
