"""`plain`: a network in the layers of its publication, with parameters alone as weights.

The package writes some layers as faster products of the same parameters (networks/blocks.py, residual_blocks.py,
class_norm.py), and computes some weights in the graph (objectives/spectral.py). Other programs want neither.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Optional

import numpy as np

from mxgan.export.computing import bound
from mxgan.export.model import Model
from mxgan.export.published import Published, shapes_of
from mxgan.export.unmerged import Unmerged
from mxgan.graphs.heads import WithoutHeads
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting, output_places

__all__ = ["plain"]

_VIEWS = {"Flatten", "Reshape", "expand_dims", "transpose"}  # of a weight or bias, in networks/blocks.py


def plain(model: Model, *, grey_as_deconvolution: bool = True) -> Model:
    """The same function: heads left out, weights that are computed in the graph as parameters, products as layers.

    Parameters
    ----------
    grey_as_deconvolution : whether the transposed convolution to one channel becomes a Deconvolution with one filter,
        and every other computed weight a parameter. MXNet 1.9.1 cannot run such a Deconvolution on a CPU: for MXNet
        itself give False; then this layer keeps its form and the weights their names and shapes.
    """
    symbol = _Predicting(model).symbol()
    taken = {*symbol.list_arguments()}  # a head's label is gone
    inputs = {name: shape for name, shape in model.inputs.items() if name in taken}
    model = replace(model, symbol=symbol, inputs=inputs)
    model = replace(model, symbol=Unmerged(model).symbol())
    model = _with_constants(model, views=False)
    model = replace(model, symbol=Published(model, grey_as_deconvolution).symbol())
    return _with_constants(model, views=True) if grey_as_deconvolution else _used(model)


class _Predicting(WithoutHeads):
    """The network without what only training needs, and a softmax for SoftmaxOutput."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.symbol)
        self._model = model

    def prediction(self, number: int, node: dict, inputs: list) -> Optional[int]:
        if node["op"] == "SoftmaxOutput":
            return self._softmax(node, inputs[0], number)
        return super().prediction(number, node, inputs)

    def _softmax(self, node: dict, source: tuple, number: int) -> int:
        """SoftmaxOutput's prediction: over channels, over the last axis, or over all values of a sample."""
        switches = {key for key, value in node.get("attrs", {}).items() if value in ("True", "true", "1")}
        if switches & {"multi_output", "preserve_shape"}:
            return self.added("softmax", node["name"], source, axis=1 if "multi_output" in switches else -1)
        shape = shapes_of(self._model)[number, 0]
        if len(shape) == 2:
            return self.added("softmax", node["name"], source, axis=1)
        flat = self.added("Flatten", f"{node['name']}_flat", source)
        made = self.added("softmax", f"{node['name']}_softmax", (flat, 0), axis=1)
        return self.added("Reshape", node["name"], (made, 0), shape=(-1, *shape[1:]))


def _used(model: Model) -> Model:
    """The model with the parameters that its symbol has."""
    names = {*model.symbol.list_arguments(), *model.symbol.list_auxiliary_states()}
    return replace(model, parameters={key: value for key, value in model.parameters.items() if key in names})


class _Folding(Rewriting):
    """The network with constants, outputs of some nodes, as Variables: {(node, output): name}."""

    def __init__(self, symbol, names: Mapping) -> None:
        super().__init__(symbol)
        self._names, self._variables = names, {}

    def node(self, number: int, node: dict, inputs: list) -> int:
        places = (tuple(place[:2]) for place in node["inputs"])
        inputs = [(self._variable(place), 0) if place in self._names else each for place, each in zip(places, inputs)]
        return super().node(number, node, inputs)

    def _variable(self, place: tuple) -> int:
        if place not in self._variables:
            self._variables[place] = self.add({"op": "null", "name": self._names[place], "inputs": []})
        return self._variables[place]


def _with_constants(model: Model, views: bool) -> Model:
    """The model with each largest part that depends on parameters alone as one parameter.

    Parameters
    ----------
    views : whether plain views of a weight, which the published layers are recognised by, become parameters too.
    """
    nodes = _Folding(model.symbol, {}).old
    constant, stays = _constant(nodes, model, views)
    used = {
        (source, output)
        for number, node in enumerate(nodes)
        for source, output, *_ in node["inputs"]
        if number not in constant or number in stays
    }
    tops = sorted(place for place in used if place[0] in constant - stays and nodes[place[0]]["op"] != "null")
    if not tops:
        return _used(model)
    values = _computed(model, tops)
    names = _names(nodes, values, model)
    folded = _Folding(model.symbol, names).symbol()
    parameters = {**model.parameters, **{names[place]: values[place] for place in tops}}
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


def _computed(model: Model, tops: list) -> dict:
    """{(node, output): value}, computed by MXNet."""
    internals = model.symbol.get_internals()
    places = {place: i for i, place in enumerate(output_places(internals))}
    symbol = mx.sym.Group([internals[places[place]] for place in tops])
    names = symbol.list_arguments(), symbol.list_auxiliary_states()
    arguments, states = ({name: mx.nd.array(model.parameters[name]) for name in group} for group in names)
    executor = bound(symbol, arguments, states)
    return {place: value.asnumpy() for place, value in zip(tops, executor.forward(is_train=False))}


def _names(nodes: list, values: Mapping, model: Model) -> dict:
    """{(node, output): name of the parameter that it becomes}."""
    found: dict = {}
    for place, value in values.items():
        alone = sum(number == place[0] for number, _ in values) == 1
        name = _replaced(nodes, place[0], value, model) if alone else None
        if name is None:
            name = nodes[place[0]]["name"] + (f"_{place[1]}" if place[1] else "")
            while name in model.parameters or name in model.inputs or name in found.values():
                name += "_"
        found[place] = name
    return found


def _replaced(nodes: list, number: int, value: np.ndarray, model: Model) -> Optional[str]:
    """The only parameter of a constant's shape that it is computed from, if nothing else needs it; or else None."""
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
    return same[0] if len(same) == 1 and not users else None
