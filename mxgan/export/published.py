"""`Published`: a network in the layers of its publication, instead of the products of networks/blocks.py."""

from __future__ import annotations

import numpy as np

from mxgan.export.model import Model
from mxgan.graphs.layers import stated_numbers
from mxgan.graphs.shapes import infer
from mxgan.runtime.rewriting import Rewriting, output_places

__all__ = ["Published", "shapes_of"]

_NOTHING = {"op": "", "name": "", "inputs": []}


class Published(Rewriting):
    """The network with the products of networks/blocks.py as the transposed and plain convolutions that they are."""

    def __init__(self, model: Model, grey: bool) -> None:
        super().__init__(model.symbol)
        self._weights = {name: np.shape(value) for name, value in model.parameters.items()}
        self._shapes = shapes_of(model)
        rules = {"FullyConnected": self._convolution, "Reshape": self._ends_in_a_product, "broadcast_add": self._bias}
        self._rules = {**rules, **({"col2im": self._grey} if grey else {})}
        self._made: dict = {}  # new number of a Deconvolution made here → its node

    def node(self, number: int, node: dict, inputs: list) -> int:
        rule = self._rules.get(node["op"])
        made = rule(number, node, inputs) if rule else None
        return super().node(number, node, inputs) if made is None else made

    def _old(self, number: int, *path: int):
        """(number, old node) at the end of a path of inputs; a node without an operator where there is none."""
        for position in path:
            if position >= len(self.old[number]["inputs"]):
                return number, _NOTHING
            number = self.old[number]["inputs"][position][0]
        return number, self.old[number]

    def _weight(self, number: int, dimensions: int = 4):
        """(new node, shape) of the Variable with this many axes that an old node flattens; None if it does not."""
        node = self.old[number]
        if node["op"] != "Flatten":
            return None
        source, variable = self._old(number, 0)
        shape = self._weights.get(variable["name"], ())
        return (self.moved[source], shape) if variable["op"] == "null" and len(shape) == dimensions else None

    def _convolution(self, number: int, node: dict, inputs: list):
        """FullyConnected(Flatten(data), Flatten(weight)), the kernel as large as the data (blocks.to_vector)."""
        weight = self._weight(self._old(number, 1)[0])
        flat, flatten = self._old(number, 0)
        if weight is None or flatten["op"] != "Flatten":
            return None
        source, place = self.old[flat]["inputs"][0][:2]
        if self._shapes.get((source, place), ())[1:] != weight[1][1:]:
            return None
        attributes = node.get("attrs", {})
        layer = self.add({
            "op": "Convolution", "name": node["name"],
            "attrs": {"kernel": str(weight[1][2:]), "num_filter": str(weight[1][0]),
                      "no_bias": attributes.get("no_bias", "False")},
            "inputs": [[self.moved[source], place, 0], [weight[0], 0, 0], *([*each, 0] for each in inputs[2:])],
        })  # fmt: skip
        return self.add({"op": "Flatten", "name": f"{node['name']}_flat", "inputs": [[layer, 0, 0]]})

    def _ends_in_a_product(self, number: int, node: dict, inputs: list):
        """Reshape(dot(Flatten(pixel), Flatten(weight))), the transposed convolution of a pixel (blocks.from_latent)."""
        dot, product = self._old(number, 0)
        if product["op"] != "dot" or any(each in ("True", "1") for each in product.get("attrs", {}).values()):
            return None
        weight = self._weight(self._old(dot, 1)[0])
        flat, flatten = self._old(dot, 0)
        if weight is None or flatten["op"] != "Flatten":
            return None
        source, place = self.old[flat]["inputs"][0][:2]
        (inside, filters, *kernel) = weight[1]
        batch = self._shapes[number, 0][0]
        if self._shapes[source, place][1:] != (inside, 1, 1) or self._shapes[number, 0] != (batch, filters, *kernel):
            return None
        return self._deconvolution(node["name"], (self.moved[source], place), weight, {"kernel": str(tuple(kernel))})

    def _grey(self, number: int, node: dict, inputs: list):
        """col2im(Reshape(1×1 Convolution by the transposed weight)) (blocks.single_channel_deconvolution)."""
        reshape, _ = self._old(number, 0)
        patches, convolution = self._old(number, 0, 0)
        if self.old[reshape]["op"] != "Reshape" or convolution["op"] != "Convolution":
            return None
        path = [self._old(patches, 1, *[0] * depth)[1]["op"] for depth in range(2)]
        if path != ["expand_dims", "expand_dims"] or self._old(patches, 1, 0, 0)[1]["op"] != "transpose":
            return None
        weight = self._weight(self._old(patches, 1, 0, 0, 0)[0])
        if weight is None or weight[1][1] != 1:
            return None
        source, place = self.old[patches]["inputs"][0][:2]
        kept = {key: node["attrs"][key] for key in ("kernel", "stride", "pad") if key in node["attrs"]}
        data, given = self._shapes[source, place], {key: stated_numbers(value) for key, value in kept.items()}
        sizes = tuple(
            (side - 1) * step - 2 * border + kernel
            for side, step, border, kernel in zip(
                data[2:], given.get("stride", (1, 1)), given.get("pad", (0, 0)), given["kernel"]
            )
        )
        if self._shapes[number, 0][2:] != sizes:
            return None
        return self._deconvolution(node["name"], (self.moved[source], place), weight, kept)

    def _deconvolution(self, name: str, data: tuple, weight: tuple, attributes: dict) -> int:
        node = {
            "op": "Deconvolution", "name": name,
            "attrs": {**attributes, "num_filter": str(weight[1][1]), "no_bias": "True"},
            "inputs": [[*data, 0], [weight[0], 0, 0]],
        }  # fmt: skip
        made = self.add(node)
        self._made[made] = node
        return made

    def _bias(self, number: int, node: dict, inputs: list):
        """The sum of a transposed convolution made here and Reshape(bias)."""
        layer, (shaped, reshape) = inputs[0][0], self._old(number, 1)
        made = self._made.get(layer)
        if made is None or reshape["op"] != "Reshape":
            return None
        source, bias = self._old(shaped, 0)
        if bias["op"] != "null" or self._weights.get(bias["name"]) != (int(made["attrs"]["num_filter"]),):
            return None
        self._made[layer] = {
            **made, "name": node["name"], "attrs": {**made["attrs"], "no_bias": "False"},
            "inputs": [*made["inputs"], [self.moved[source], 0, 0]],
        }  # fmt: skip
        return self.add(self._made[layer])


def shapes_of(model: Model) -> dict:
    """{(node, output): shape} with a batch of one."""
    internals = model.symbol.get_internals()
    return dict(zip(output_places(internals), map(tuple, infer(internals, model.argument_shapes(1))[1])))
