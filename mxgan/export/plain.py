"""`plain`: a network in the layers of its publication, with parameters alone as weights.

The package writes some layers as faster products of the same parameters (networks/blocks.py), and computes some weights
in the graph (objectives/spectral.py). Other programs want neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from mxgan.export.model import Model
from mxgan.graphs.layers import stated_numbers
from mxgan.graphs.shapes import infer
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting, output_places

__all__ = ["plain"]

# Operators that only pass their first input on in inference.
_PASSING = {
    "BlockGrad", "Dropout", "LinearRegressionOutput", "MAERegressionOutput", "MakeLoss", "_copy", "identity",
    "make_loss", "stop_gradient",
}  # fmt: skip
# Heads whose prediction is a function of their first input.
_PREDICTING = {
    "LogisticRegressionOutput": ("Activation", {"act_type": "sigmoid"}),
    "SoftmaxOutput": ("softmax", {"axis": "1"}),
}
_NOTHING = {"op": "", "name": "", "inputs": []}
_VIEWS = {"Flatten", "Reshape", "expand_dims", "transpose"}  # of a weight or bias, in networks/blocks.py


def plain(model: Model, *, grey_as_deconvolution: bool = True) -> Model:
    """The same function: heads left out, weights that are computed in the graph as parameters, products as layers.

    Parameters
    ----------
    grey_as_deconvolution : whether the transposed convolution to one channel becomes a Deconvolution with one filter,
        and every other computed weight a parameter. MXNet 1.9.1 cannot run such a Deconvolution on a CPU: for MXNet
        itself give False; then this layer keeps its form and the weights their names and shapes.
    """
    model = replace(model, symbol=_WithoutHeads(model.symbol).symbol())
    model = _with_constants(model, views=False)
    model = replace(model, symbol=_Published(model, grey_as_deconvolution).symbol())
    return _with_constants(model, views=True) if grey_as_deconvolution else _used(model)


class _WithoutHeads(Rewriting):
    """The network without what only training needs."""

    def node(self, number: int, node: dict, inputs: list) -> int:
        if node["op"] in _PREDICTING:
            operator, attributes = _PREDICTING[node["op"]]
            node, inputs = {"op": operator, "name": node["name"], "attrs": attributes}, inputs[:1]
        if node["op"] in _PASSING and inputs[0][1] == 0:
            return inputs[0][0]
        return super().node(number, node, inputs)


def _used(model: Model) -> Model:
    """The model with the parameters that its symbol has."""
    names = {*model.symbol.list_arguments(), *model.symbol.list_auxiliary_states()}
    return replace(model, parameters={key: value for key, value in model.parameters.items() if key in names})


class _Folding(Rewriting):
    """The network with constants, the outputs of some nodes, as Variables of other names."""

    def __init__(self, symbol, names: Mapping) -> None:
        super().__init__(symbol)
        self._names = names

    def node(self, number: int, node: dict, inputs: list) -> int:
        if number in self._names:
            return self.add({"op": "null", "name": self._names[number], "inputs": []})
        return super().node(number, node, inputs)


def _with_constants(model: Model, views: bool) -> Model:
    """The model with each largest part that depends on parameters alone as one parameter.

    Parameters
    ----------
    views : whether plain views of a weight, which the published layers are recognised by, become parameters too.
    """
    folding = _Folding(model.symbol, {})
    constant, stays = _constant(folding.old, model, views)
    used = {
        source
        for number, node in enumerate(folding.old)
        for source, *_ in node["inputs"]
        if number not in constant or number in stays
    }
    tops = [number for number in sorted(constant - stays) if number in used and folding.old[number]["op"] != "null"]
    if not tops:
        return _used(model)
    values = _computed(model, folding.old, tops)
    names = {number: _name(folding.old, number, values[number], model) for number in tops}
    folded = _Folding(model.symbol, names).symbol()
    parameters = {**model.parameters, **{names[number]: values[number] for number in tops}}
    return _used(replace(model, symbol=folded, parameters=parameters))


def _constant(nodes: list, model: Model, views: bool) -> tuple:
    """(numbers of the nodes that depend on parameters alone, those of them that are views and stay)."""
    constant, stays = set(), set()
    for number, node in enumerate(nodes):
        sources = [source for source, *_ in node["inputs"]]
        if node["op"] == "null":
            if node["name"] not in model.inputs:
                constant.add(number)
        elif sources and constant.issuperset(sources):
            constant.add(number)
            # The Reshape of a spectral norm's product is part of a weight that is computed.
            computed = node["op"] == "Reshape" and nodes[sources[0]]["op"] != "null"
            if not views and node["op"] in _VIEWS and not computed:
                stays.add(number)
    return constant, stays


def _computed(model: Model, nodes: list, tops: list) -> dict:
    """{number of a node: value of its first output}, computed by MXNet."""
    internals = model.symbol.get_internals()
    places = {place: i for i, place in enumerate(output_places(internals))}
    values = mx.sym.Group([internals[places[number, 0]] for number in tops])
    arguments = {name: mx.nd.array(model.parameters[name]) for name in values.list_arguments()}
    executor = values.bind(mx.cpu(), arguments, grad_req="null")
    return {number: value.asnumpy() for number, value in zip(tops, executor.forward(is_train=False))}


def _name(nodes: list, number: int, value: np.ndarray, model: Model) -> str:
    """A constant's name: that of the only parameter of its shape that it is computed from, or else of its node."""
    below, open_ = set(), [number]
    while open_:
        for source, *_ in nodes[open_.pop()]["inputs"]:
            if source not in below:
                below.add(source)
                open_.append(source)
    names = [nodes[source]["name"] for source in below if nodes[source]["op"] == "null"]
    same = [name for name in names if np.shape(model.parameters[name]) == value.shape]
    users = [
        each for each, node in enumerate(nodes) if each not in below | {number} for source, *_ in node["inputs"]
        if same and nodes[source]["name"] == same[0]
    ]  # fmt: skip
    return same[0] if len(same) == 1 and not users else nodes[number]["name"]


class _Published(Rewriting):
    """The network with the products of networks/blocks.py as the transposed and plain convolutions that they are."""

    def __init__(self, model: Model, grey: bool) -> None:
        super().__init__(model.symbol)
        self._weights = {name: np.shape(value) for name, value in model.parameters.items()}
        self._shapes = _shapes_of(model)
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


def _shapes_of(model: Model) -> dict:
    """{(node, output): shape} with a batch of one."""
    internals = model.symbol.get_internals()
    return dict(zip(output_places(internals), map(tuple, infer(internals, model.argument_shapes(1))[1])))
