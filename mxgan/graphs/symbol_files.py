"""A safe reader for symbol .json files from untrusted sources.

`mx.sym.load_json` accepts damaged files that end the process by a signal, at once or during shape inference, and
operators that access memory or call code. So this module parses and checks the file, and builds the graph again, one
node at a time, with the operators' own functions. A check before `load_json` would not be enough: `load_json` connects
the inputs as the file lists them, without checking the number that the operator takes, and it updates old files by
reading inputs that may be missing. The operators' functions parse the attributes and count the inputs of one node, and
raise errors. They do not check sizes that are used as divisors, or numbers of inputs and outputs; this module checks
these first. Sizes that overflow appear only with the shapes of the inputs: call `symbol_sizes.check_sizes` before
MXNet infers shapes.
"""

from __future__ import annotations

import inspect
import itertools
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError
from mxgan.graphs.mxnet_messages import mxnets_reason
from mxgan.graphs.symbol_json import MOST_BYTES, parsed
from mxgan.graphs.symbol_rules import OPERATORS, FileFault, attributes_of, quoted
from mxgan.runtime import mx
from mxgan.runtime.files import open_plain

__all__ = ["load_symbol", "looks_like_symbol", "symbol_of"]

REMEDY = "Give a symbol's .json that MXNet or mxgan has written, with layers that GANs use."

# Hundreds of times the needs of a network.
MOST_NODES = 10_000
MOST_INPUTS = 1024  # of a node, and outputs of the network
LONGEST_NAME = 256

WITH_AUXILIARY_STATES = 900  # files name them from this version on (major · 10000 + minor · 100 + patch)
NEWEST_VERSION = 99_999
_GRAPH_KEYS = {"nodes", "arg_nodes", "node_row_ptr", "heads", "attrs"}
_NODE_KEYS = {"op", "name", "inputs", "attrs", "attr", "param", "backward_source_id", "control_deps"}


class _Node(NamedTuple):
    name: str
    operator: str
    inputs: list  # of (node index, output index)
    attributes: Optional[dict] = None
    of_inputs: Optional[dict] = None  # {(input's name, attribute): value}

    def fault(self, problem: str) -> FileFault:
        kind = "input" if self.operator == "null" else "layer"
        return FileFault(f"the {kind} {self.name!r} {problem}")


class _Graph(NamedTuple):
    nodes: list
    heads: list  # of (node index, output index)
    version: int


def load_symbol(path: Union[str, Path]):
    """Read the network in a .json of `Symbol.save`, Module.save_checkpoint or mxgan; MXNet 0.8 to 1.9.

    Returns
    -------
    mx.sym.Symbol with the names, attributes and outputs of the file.

    Raises
    ------
    CorruptFileError : a damaged file; an operator that is not in OPERATORS; an attribute, a size or a number of nodes
    that no network needs. The message names the node.
    CheckpointError : the file is missing, or is a folder, a pipe or a device.
    ArgumentError : `path` is no path.
    """
    if not isinstance(path, (str, Path)):
        raise ArgumentError(f"path is of the type {type(path).__name__}; give the path of a symbol's .json file.")
    path = Path(path)
    try:
        with open_plain(path) as stream:
            content = stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error
    return symbol_of(content, path)


def symbol_of(content: Union[str, bytes, dict], path: Path):
    """The network in the content of a symbol's file: JSON, or the object that such a JSON gives.

    Parameters
    ----------
    path : the file that has it, for the message.

    Raises CorruptFileError as `load_symbol` does.
    """
    try:
        if isinstance(content, (str, bytes)):
            content = parsed(content.encode(errors="replace") if isinstance(content, str) else content)
        return _build(_checked(content))
    except FileFault as fault:
        raise CorruptFileError(path, f"cannot be read as a symbol ({fault})", fault.offset, REMEDY) from fault


def looks_like_symbol(path: Path) -> bool:
    """Whether a .json file has the key "nodes", which every symbol has. It is not checked further.

    Raises CheckpointError if it is a folder, a pipe or a device, or cannot be read.
    """
    try:
        with open_plain(path) as stream:
            return b'"nodes"' in stream.read(MOST_BYTES + 1)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror or error}.") from error


def _checked(graph: Any) -> _Graph:
    """The graph, after a check of every type, index, operator and attribute."""
    _check_keys(graph, "the file", _GRAPH_KEYS, {"nodes", "heads"})
    entries, version = graph["nodes"], _version(graph.get("attrs", {}))
    if not isinstance(entries, list) or not 1 <= len(entries) <= MOST_NODES:
        raise FileFault(f"'nodes' is not a list of 1 to {MOST_NODES} nodes")
    nodes = [_checked_node(index, entry) for index, entry in enumerate(entries)]
    names = set()
    for node in nodes:
        if node.name in names:
            raise node.fault("has the name of another node; parameters and outputs are found by name")
        names.add(node.name)
    heads = _places(graph["heads"], len(nodes), "'heads'")
    if not heads:
        raise FileFault("'heads' is empty: the network has no output")
    for index in _numbers(graph.get("arg_nodes", []), len(nodes), "'arg_nodes'"):
        if nodes[index].operator != "null":
            raise nodes[index].fault("is in 'arg_nodes', where only inputs belong")
    _numbers(graph.get("node_row_ptr", []), None, "'node_row_ptr'")
    return _Graph(nodes, heads, version)


def _check_keys(entry: Any, what: str, allowed: set, required: set) -> None:
    if not isinstance(entry, dict):
        raise FileFault(f"{what} is not a JSON object")
    unknown, missing = sorted(set(entry) - allowed), sorted(required - set(entry))
    if unknown or missing:
        raise FileFault(
            f"{what} has the unknown key {quoted(unknown[0])}" if unknown else f"{what} lacks {missing[0]!r}"
        )


def _version(attributes: Any) -> int:
    """The MXNet version that wrote the file, major · 10000 + minor · 100 + patch; files before 0.9 do not name it."""
    if isinstance(attributes, dict) and "is_np_shape" in attributes:
        raise FileFault("it was made with mx.np, whose operators are not accepted; export it without npx.set_np()")
    _check_keys(attributes, "'attrs' of the file", {"mxnet_version"}, set())
    given = attributes.get("mxnet_version", ["int", 800])
    if not isinstance(given, list) or len(given) != 2 or given[0] != "int" or not _is_index(given[1], NEWEST_VERSION):
        raise FileFault("'mxnet_version' is not of the form [\"int\", 10901]")
    return given[1]


def _checked_node(index: int, entry: Any) -> _Node:
    what = f"node {index}"
    _check_keys(entry, what, _NODE_KEYS, {"op", "name", "inputs"})
    name, operator = entry["name"], entry["op"]
    if not isinstance(name, str) or not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise FileFault(f"the name of {what} is not a printable text of 1 to {LONGEST_NAME} characters")
    node = _Node(name, operator, _places(entry["inputs"], index, f"'inputs' of {what} ({name!r})"))
    if operator != "null" and (not isinstance(operator, str) or operator not in OPERATORS):
        raise node.fault(f"has the operator {quoted(operator)}, which is not accepted from a file")
    if operator == "null" and node.inputs:
        raise node.fault("has inputs of its own")
    if entry.get("control_deps") or entry.get("backward_source_id", -1) != -1:
        raise node.fault("belongs to a backward pass")
    try:
        attributes, of_inputs = attributes_of(_attributes(entry), len(node.inputs))
    except FileFault as fault:
        raise node.fault(str(fault)) from fault
    return node._replace(attributes=attributes, of_inputs=of_inputs)


def _attributes(entry: dict) -> dict:
    """The attributes: under "attrs" since MXNet 1.0, "attr" before; before 0.9 the operator's own under "param"."""
    found = {}
    for given in (entry.get(key, {}) for key in ("param", "attr", "attrs")):
        if not isinstance(given, dict) or found.keys() & given.keys():
            raise FileFault("has attributes that are not a JSON object, or an attribute twice")
        found.update(given)
    return found


def _places(given: Any, end: int, what: str) -> list:
    """(node, output) of each [node, output] or [node, output, version]; nodes are below `end`, so there is no cycle."""
    if not isinstance(given, list) or len(given) > MOST_INPUTS:
        raise FileFault(f"{what} is not a list of at most {MOST_INPUTS} places")
    for place in given:
        if not isinstance(place, list) or len(place) not in (2, 3) or not all(_is_index(n, 2**31) for n in place):
            raise FileFault(f"{what} has an entry that is not of the form [node, output, 0]")
        if place[0] >= end:
            raise FileFault(f"{what} names the node {place[0]}, which does not come before it")
    return [tuple(place[:2]) for place in given]


def _numbers(given: Any, end: Any, what: str) -> list:
    if not isinstance(given, list) or not all(_is_index(n, 2**31 if end is None else end) for n in given):
        raise FileFault(f"{what} is not a list of the numbers of nodes")
    return given


def _is_index(number: Any, end: int) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 <= number < end


def _build(graph: _Graph):
    """Build the symbol with the operators' functions; a name prefix that the caller has set does not apply."""
    made = []
    with mx.name.NameManager():
        for node in graph.nodes:
            variable = node.operator == "null"
            made.append(mx.sym.Variable(node.name, attr=node.attributes) if variable else _layer(node, graph, made))
    heads = [_output(made, graph.nodes, place) for place in graph.heads]
    symbol = mx.sym.Group(heads) if len(heads) > 1 else heads[0]
    inputs = symbol.list_inputs()
    if len(set(inputs)) != len(inputs):  # MXNet named a state of an old file like another input
        raise FileFault("two inputs have the same name")
    return symbol


def _output(made: list, nodes: list, place: tuple):
    index, output = place
    if output >= len(made[index]):
        raise nodes[index].fault(f"has {len(made[index])} outputs, but the file uses output {output}, counted from 0")
    return made[index][output]


def _layer(node: _Node, graph: _Graph, made: list):
    function = getattr(mx.sym, node.operator, None) or getattr(mx.sym._internal, node.operator)
    inputs = [_output(made, graph.nodes, place) for place in node.inputs]
    names = _input_names(function)
    if names is not None and len(inputs) > len(names):
        raise node.fault(f"has {len(inputs)} inputs, and {node.operator} takes at most {len(names)}")
    try:
        layer = function(*inputs, name=node.name, **node.attributes)
    except (mx.MXNetError, TypeError, ValueError) as error:
        raise node.fault(f"is refused by {node.operator}: {mxnets_reason(error)}") from error
    children = layer.get_children()
    taken = 0 if children is None else len(children)
    if taken != len(inputs) and graph.version >= WITH_AUXILIARY_STATES:
        raise node.fault(f"has {len(inputs)} inputs, and {node.operator} takes {taken}")
    for (name, attribute), value in node.of_inputs.items():
        place = names.index(name) if names and name in names[: len(inputs)] else None
        if place is None or graph.nodes[node.inputs[place][0]].operator != "null":
            raise node.fault(f"has the attribute {attribute} for {name!r}, which is not one of its inputs")
        inputs[place]._set_attr(**{attribute: value})
    return layer


def _input_names(function: Any) -> Optional[list]:
    """The parameters that are inputs: the first ones, with the default None. None means any number of inputs."""
    parameters = list(inspect.signature(function).parameters.values())
    if parameters[0].kind == parameters[0].VAR_POSITIONAL:
        return None
    first = itertools.takewhile(lambda each: each.default is None and each.name != "name", parameters)
    return [each.name for each in first]  # the operator's attributes have a default object of MXNet
