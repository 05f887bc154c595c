"""A graph as the lines of an nn.Module: its constructor, its forward, and the names in its state_dict."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

from mxgan.errors import ArgumentError, counted
from mxgan.export.layers import Graph, Layer, check_types, graph_of
from mxgan.export.model import Model
from mxgan.export.torch_elementwise import ELEMENTWISE
from mxgan.export.torch_modules import MODULES
from mxgan.export.torch_names import identifiers
from mxgan.export.torch_pieces import Piece, Place
from mxgan.export.torch_shapes import SHAPES

__all__ = ["ARGUMENTS", "RULES", "Code", "Entry", "code_of"]

# Input of the symbol → argument of forward.
ARGUMENTS = {"rand": "latent", "class_label": "label", "data": "image"}

# Operator → its rule, Place → Piece. A further one belongs into one of these files.
RULES = {**ELEMENTWISE, **SHAPES, **MODULES}
_FILES = "mxgan/export/torch_modules.py with parameters, torch_elementwise.py or torch_shapes.py without"

_WITH_WEIGHTS = {"Convolution", "Deconvolution", "FullyConnected"}  # each begins a line of forward
_LONGEST, _LONGEST_PAIR = 100, 110  # characters of an expression, and of a line that makes two modules


class Entry(NamedTuple):
    """A tensor in the state_dict: the parameter that it is, or 1 everywhere if `ones`."""

    parameter: str
    ones: bool = False


class Code(NamedTuple):
    """The lines of a network.

    Attributes
    ----------
    arguments : of forward.
    modules, forward : lines without their indentation.
    state : {name in the state_dict: Entry}.
    """

    arguments: tuple
    modules: tuple
    forward: tuple
    state: dict


def code_of(model: Model) -> Code:
    """The code of a model that `plain` has given.

    Raises ArgumentError for an operator without a rule; the message names the layer and the file.
    """
    return _Writer(model).code()


class _Writer:
    """The lines so far. A value that is used once stays an expression until a layer with weights takes it."""

    def __init__(self, model: Model) -> None:
        self._graph: Graph = graph_of(model)
        check_types(self._graph)
        self._parameters = model.parameters
        self._inputs = {name: ARGUMENTS.get(name, name) for name in model.inputs}
        own = [name for name in self._inputs.values() if name not in ARGUMENTS.values()]
        names = [layer.name for layer in self._graph.layers]
        others = [name for name in model.parameters if name not in {*own, *names}]
        further = [value for layer in self._graph.layers for value in layer.outputs[1:]]
        self._names = identifiers([*own, *names, *others, *further])
        self._texts = {
            name: given if given in ARGUMENTS.values() else self._names[given] for name, given in self._inputs.items()
        }
        self._arguments = tuple(self._texts.values())
        self._pieces = {layer.name: self._piece(layer) for layer in self._graph.layers}
        self._left = Counter(self._graph.outputs)  # value → times that it will be used
        for layer in self._graph.layers:
            self._left.update(layer.inputs[i] for text in self._pieces[layer.name].outputs for i in _used(text))
        self._check_outputs()
        self._open: dict = {}  # value → whether it is an expression that no variable holds
        self._modules, self._lines, self._state = [], [], {}

    def _check_outputs(self) -> None:
        """Raise ArgumentError for a layer of which an output is used that its rule does not give."""
        for layer in self._graph.layers:
            given = len(self._pieces[layer.name].outputs)
            if any(self._left[value] for value in layer.outputs[given:]):
                raise self._place(layer).refused(f"of which more than {counted(given, 'output')} is used")

    def _place(self, layer: Layer) -> Place:
        shapes = [tuple(self._graph.shapes[name] for name in names) for names in (layer.inputs, layer.outputs)]
        return Place(layer, *shapes, _FILES)

    def _piece(self, layer: Layer) -> Piece:
        place = self._place(layer)
        if layer.operator not in RULES:
            raise place.refused("without a rule")
        piece = RULES[layer.operator](place)
        for suffix, position in piece.state.items():
            if layer.inputs[position] not in self._parameters:
                raise place.refused(f"whose {suffix} is computed from the input")
        return piece

    def code(self) -> Code:
        for layer in self._graph.layers:
            self._add(layer)
        outputs = ", ".join(_bare(self._texts[value]) for value in self._graph.outputs)
        return Code(self._arguments, tuple(self._modules), (*self._lines, f"return {outputs}"), self._state)

    def _add(self, layer: Layer) -> None:
        piece, name = self._pieces[layer.name], self._names[layer.name]
        if piece.module:
            self._construct(f"self.{name}", piece.module)
            for suffix, position in piece.state.items():
                self._state[f"{name}.{suffix}"] = Entry(layer.inputs[position], suffix in piece.ones)
        begins = layer.operator in _WITH_WEIGHTS
        for value in dict.fromkeys(layer.inputs):
            if self._open.get(value) and begins and "self." in self._texts[value]:
                self._hold(value)
        for value, text in zip(layer.outputs, piece.outputs):
            self._express(layer, value, text, self._names[value])

    def _construct(self, attribute: str, constructor: str) -> None:
        """A line that makes a module; a norm, or a layer of the same block, stands in the line of the layer before."""
        if self._modules and " = nn." in self._modules[-1]:
            names, _, made = self._modules[-1].partition(" = ")
            both = f"{names}, {attribute} = {made}, {constructor}"
            block, _, rest = attribute.partition("_")  # g2_conv1 is of the block g2
            fits = ("Norm" in constructor and "Norm" not in made) or (rest and names.startswith(f"{block}_"))
            if fits and len(both) <= _LONGEST_PAIR:
                self._modules[-1] = both
                return
        self._modules.append(f"{attribute} = {constructor}")

    def _express(self, layer: Layer, value: str, template: str, variable: str) -> None:
        """The expression of one output; a variable holds it if it is used more than once."""
        used = [layer.inputs[i] for i in _used(template)]
        text = self._filled(layer, template)
        while len(text) > _LONGEST and any(self._open.get(each) for each in used):
            self._hold(max((each for each in used if self._open.get(each)), key=lambda each: len(self._texts[each])))
            text = self._filled(layer, template)
        self._left.subtract(used)
        self._texts[value], self._open[value] = text, True
        if self._left[value] > 1:
            self._hold(value, variable)

    def _filled(self, layer: Layer, template: str) -> str:
        texts = [self._argument(value, template) for value in layer.inputs]
        if layer.inputs[0] == "class_label":
            template = template.replace("{0}.long()", "{0}")
        # Within parentheses or between commas, an expression needs none of its own.
        texts = [
            _bare(text) if re.search(rf"(?<=[(\[])\{{{i}\}}(?=[),])|(?<=, )\{{{i}\}}(?=[),\]])", template) else text
            for i, text in enumerate(texts)
        ]
        return template.format(*texts, self=f"self.{self._names[layer.name]}")

    def _argument(self, value: str, template: str) -> str:
        if value in self._parameters and value not in self._texts:
            if "{self}" in template:
                return ""
            name = self._names[value]
            self._modules.append(f"self.{name} = nn.Parameter(torch.empty({tuple(self._parameters[value].shape)}))")
            self._state[name], self._texts[value] = Entry(value), f"self.{name}"
        text = self._texts[value]
        if value == "class_label":
            return text if ".long()" in template else f"{text}.float()"
        return text

    def _hold(self, value: str, variable: str = "x") -> None:
        """A line that gives a variable the value of an expression: x while nothing else needs x."""
        taken = any(
            left > 0 and other != value and re.search(r"\bx\b", self._texts.get(other, ""))
            for other, left in self._left.items()
        )
        name = self._names.get(value, variable) if variable == "x" and taken else variable
        self._lines.append(f"{name} = {_bare(self._texts[value])}")
        self._texts[value], self._open[value] = name, False


def _used(template: str) -> list:
    """The positions of the inputs in an expression, each as often as it is there."""
    return [int(number) for number in re.findall(r"\{(\d+)\}", template)]


def _bare(text: str) -> str:
    """An expression without the parentheses around the whole."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[1:-1] if character == ")" and place == len(text) - 1 and place else text
    raise ArgumentError(f"the expression {text!r} has parentheses that do not close.")
