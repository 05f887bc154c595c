"""Symbols whose failing Deconvolutions are replaced; see deconvolution.py. binding.py calls `computable`."""

from __future__ import annotations

import json
import logging
from typing import Optional

from mxgan.errors import ArgumentError
from mxgan.runtime.deconvolution import DOUBLE_AXES, Geometry, fails, in_double, is_column_case, one_filter
from mxgan.runtime.rewriting import Rewriting, loaded_mxnet, output_places

__all__ = ["check_computable", "computable", "has_failing_layers", "input_sizes"]

logger = logging.getLogger(__name__)

_OPERATOR = "Deconvolution"
_FLOAT32 = "0"  # MXNet's number of the type, for a Variable's attributes


class _Computable(Rewriting):
    """A graph in which every layer that fails is replaced."""

    def __init__(self, symbol, types: Optional[dict], shapes: Optional[dict]) -> None:
        super().__init__(symbol)
        self._shared = _shared_variables(self.old, self._graph["heads"])
        failing = {number: self._geometry(number) for number, node in enumerate(self.old) if node["op"] == _OPERATOR}
        self.failing = {number: geometry for number, geometry in failing.items() if geometry is not None}
        self.sizes = self._input_sizes(symbol, types, shapes) if self.failing else {}

    def _geometry(self, number: int) -> Optional[Geometry]:
        """The settings of a layer that fails; None for another."""
        geometry = Geometry.of(self.old[number].get("attrs", {}))
        computed = self._weight_is_computed(number) and len(geometry.kernel) <= DOUBLE_AXES
        return geometry if fails(geometry) or computed else None

    def _weight_is_computed(self, number: int) -> bool:
        """Whether the weight is not a Variable of this layer alone."""
        weight = self.old[number]["inputs"][1][0]
        return self.old[weight]["op"] != "null" or weight in self._shared

    def _input_sizes(self, symbol, types: Optional[dict], shapes: Optional[dict]) -> dict:
        """{failing layer: its data's spatial size, None if unknown}, for float32 layers alone."""
        internals = symbol.get_internals()
        _, kinds, _ = internals.infer_type_partial(**(types or {}))
        _, shapes, _ = internals.infer_shape_partial(**(shapes or {}))
        places = output_places(internals)
        kinds, self._shapes = dict(zip(places, kinds)), dict(zip(places, shapes))
        sizes = {}
        for number in self.failing:
            source, output, *_ = self.old[number]["inputs"][0]
            shape, kind = self._shapes.get((source, output)) or (), kinds[number, 0]
            if kind is None or kind.__name__ == "float32":
                sizes[number] = shape[2:] if len(shape) > 2 and min(shape[2:]) > 0 else None
        return sizes

    def node(self, number: int, node: dict, inputs: list) -> int:
        if number not in self.sizes:
            return super().node(number, node, inputs)
        size, geometry = self.sizes[number], self.failing[number]
        self._declare(number)
        if not self._weight_is_computed(number) and size is not None:
            geometry = geometry.padded_for(size)
            if not fails(geometry):
                return super().node(number, {**node, "attrs": _with_padding(node["attrs"], geometry)}, inputs)
            if is_column_case(geometry):
                return self._replace(node, inputs, one_filter, size, geometry)
        return self._replace(node, inputs, in_double, _own(node["attrs"]))

    def _declare(self, number: int) -> None:
        """Write shapes and types into the Variables of a layer: MXNet would infer them from the Deconvolution."""
        for source, output, *_ in self.old[number]["inputs"]:
            variable, shape = self.nodes[self.moved[source]], self._shapes.get((source, output))
            if variable["op"] == "null":
                # A shape in the Variable may have zeros for what Gluon leaves to inference.
                known = {"__shape__": str(shape)} if shape and min(shape) > 0 else {}
                attributes = {"__dtype__": _FLOAT32, **variable.get("attrs", {}), **known}
                self.nodes[self.moved[source]] = {**variable, "attrs": attributes}

    def _replace(self, node: dict, inputs: list, way, *settings) -> int:
        mx = loaded_mxnet()
        names = [f"{node['name']}_{title}" for title in ("data", "weight", "bias")[: len(inputs)]]
        with mx.name.NameManager():  # a prefix that the caller has set does not apply, and no number is used up
            variables = [mx.sym.Variable(name) for name in names]
            part = way(mx.sym, *variables, *[None] * (3 - len(inputs)), node["name"], *settings)
        first = len(self.nodes)
        last = self.splice(part, dict(zip(names, inputs)))
        hidden = {key: value for key, value in node.get("attrs", {}).items() if _is_hidden(key)}
        for number in range(first, last + 1) if hidden else ():
            self.nodes[number] = {**self.nodes[number], "attrs": {**self.nodes[number].get("attrs", {}), **hidden}}
        return last


def _shared_variables(nodes: list, heads: list) -> set:
    """The Variables that more than one node, or a node and an output of the graph, use."""
    users: dict = {source: {"head"} for source, *_ in heads}
    for number, node in enumerate(nodes):
        for source, *_ in node["inputs"]:
            users.setdefault(source, set()).add(number)
    return {source for source, found in users.items() if len(found) > 1}


def _is_hidden(key: str) -> bool:
    return key.startswith("__") and key.endswith("__")


def _own(attributes: dict) -> dict:
    """The operator's own settings, without MXNet's hidden ones."""
    return {key: value for key, value in attributes.items() if not _is_hidden(key)}


def _with_padding(attributes: dict, geometry: Geometry) -> dict:
    kept = {key: value for key, value in attributes.items() if key != "target_shape"}
    return {**kept, "pad": str(geometry.pad), "adj": str(geometry.adj)}


def computable(symbol, types: Optional[dict] = None, shapes: Optional[dict] = None):
    """The symbol with every failing Deconvolution replaced; the same object if there is none.

    Parameters
    ----------
    types, shapes : {argument: type}, {argument: shape} as far as they are known.
    """
    try:
        rewriting = _Computable(symbol, types, shapes)
    except loaded_mxnet().MXNetError as error:  # types or shapes do not fit: MXNet raises the same error when it binds
        logger.debug("A symbol is bound as it is: %s", error)
        return symbol
    if not rewriting.sizes:
        return symbol
    made = rewriting.symbol()
    for listed in ("list_arguments", "list_auxiliary_states", "list_outputs", "list_inputs"):
        before, after = getattr(symbol, listed)(), getattr(made, listed)()
        if before != after:  # callers go by the order of these lists
            raise ArgumentError(
                f"the Deconvolutions of this symbol cannot be computed: {listed} would change from {before[:4]}… to "
                f"{after[:4]}…. Set MXNET_MKLDNN_ENABLED=0 before MXNet is loaded, which computes them without oneDNN."
            )
    return made


def check_computable(owner: str, symbol) -> None:
    """Raise ArgumentError for a layer that a CPU cannot compute, even after `computable`; the message names it.

    Parameters
    ----------
    owner : the network's name in the message, "generator" or "discriminator".
    """
    graph = json.loads(symbol.tojson())
    _check_nodes(owner, graph["nodes"], graph["heads"])


def _check_nodes(owner: str, nodes: list, heads: list, inside: bool = False) -> None:
    shared = _shared_variables(nodes, heads)
    for node in nodes:
        for part in node.get("subgraphs", ()):
            _check_nodes(owner, part["nodes"], part["heads"], inside=True)
        problem = _problem(nodes, node, shared, inside) if node["op"] in ("Convolution", _OPERATOR) else ""
        if problem:
            raise ArgumentError(f"the layer {node['name']!r} of the {owner} cannot run on a CPU: {problem}.")


def _problem(nodes: list, node: dict, shared: set, inside: bool) -> str:
    """The reason in words; empty if the layer runs. `inside`: in a loop or a condition of the graph."""
    layout = node.get("attrs", {}).get("layout", "None")
    if layout not in ("None", "NCW", "NCHW", "NCDHW"):
        return f"its layout is {layout}; give NCHW, the channels first"
    geometry = Geometry.of(node.get("attrs", {}))
    if node["op"] == _OPERATOR and inside and fails(geometry):
        return "with target_shape or with one filter in each group it runs only outside of loops and conditions"
    if node["op"] != _OPERATOR or len(geometry.kernel) <= DOUBLE_AXES:
        return ""
    if geometry.filters == geometry.groups:
        return "MXNet computes no Deconvolution on three axes with one filter in each group; give two filters"
    weight = node["inputs"][1][0]
    if nodes[weight]["op"] != "null" or weight in shared:
        return "the weight of a Deconvolution on three axes must be a Variable of that layer alone"
    return ""


def input_sizes(symbol, types: Optional[dict], shapes: Optional[dict]) -> dict:
    """{number of a failing layer: the spatial size of its input}, for these types and shapes of arguments."""
    return _Computable(symbol, types, shapes).sizes


def has_failing_layers(symbol) -> bool:
    """Whether a graph has a layer that fails for float32 on a CPU."""
    return bool(_Computable(symbol, None, None).failing)
