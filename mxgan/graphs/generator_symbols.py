"""A generator from a symbol of any origin: which input takes the latents, their shape, and the images it gives."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Optional

from mxgan.errors import ArgumentError, CheckpointError, ShapeError, lookup
from mxgan.graphs.latent_shapes import latent_candidates
from mxgan.graphs.layers import nodes_of, times
from mxgan.graphs.renaming import renamed
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_sizes import check_sizes
from mxgan.runtime import mx
from mxgan.runtime.rewriting import Rewriting

__all__ = ["GeneratorSymbol", "generator_of"]

LATENTS, CLASSES = "rand", "class_label"
SMALLEST_FLAT = 8  # pixels a side; fewer numbers are scores rather than an image
# Heads with a label that decides nothing but the loss → what they do to the data.
_HEADS = {
    "LinearRegressionOutput": ("identity", {}),
    "MAERegressionOutput": ("identity", {}),
    "LogisticRegressionOutput": ("Activation", {"act_type": "sigmoid"}),
}
_SHAPING = {"Reshape", "reshape", "Flatten", "flatten", "identity", "_copy", "BlockGrad", "stop_gradient"}


class GeneratorSymbol(NamedTuple):
    """A generator as `mxgan.Sampler` takes it.

    Attributes
    ----------
    symbol : gives images (N, 1 or 3, H, W), from -1 to 1 if its last layer is a tanh or a sigmoid; its input for
        latents is called `rand`.
    latent_shape : the shape of one latent.
    classes : the number of classes if it also takes `class_label` (N,); else 0.
    parameters : (arg_params, aux_params), those that the images depend on.
    notes : what was done or found out, in words.
    """

    symbol: object
    latent_shape: tuple
    classes: int
    parameters: tuple
    notes: tuple


def generator_of(
    symbol,
    parameters: tuple,
    latent_shape: Optional[Sequence[int]] = None,
    input_name: Optional[str] = None,
    batch_size: int = 64,
) -> GeneratorSymbol:
    """The generator in a symbol, after a check of its sizes.

    Parameters
    ----------
    symbol : as `load_symbol` gives it; its first output is the image.
    parameters : (arg_params, aux_params), as `load_params` gives them for this symbol.
    latent_shape : the shape of one latent; None: found by the first layer with a weight.
    input_name : the input for latents; None: `rand`, or else the only input that has no parameter in the file.
    batch_size : the number of latents at once.

    Raises
    ------
    ArgumentError : the latents' input or shape cannot be found; the message lists what there is.
    ShapeError : the first output is no image, or the latents do not fit.
    CheckpointError : the generator takes another input beside latents and classes.
    """
    notes = []
    whole = symbol
    if len(symbol.list_outputs()) > 1:
        notes.append(f"the first of {len(symbol.list_outputs())} outputs ({symbol.list_outputs()[0]})")
        symbol = symbol[0]
    if any(node.operator in _HEADS for node in nodes_of(symbol, None)):
        symbol = _WithoutLabels(symbol).symbol()
    parameters = _needed(symbol, whole, parameters)
    name, classes = _inputs(symbol, parameters, input_name)
    latents = _latent_shape(symbol, name, latent_shape, parameters, batch_size, classes)
    _, (made,), _ = infer(symbol, _given(name, latents, batch_size, classes))
    symbol, of_image = _image(symbol, made, batch_size)
    symbol = symbol if name == LATENTS else renamed(symbol, **{name: LATENTS})
    return GeneratorSymbol(symbol, latents, classes, parameters, (f"latents {name} {latents}", *notes, *of_image))


class _WithoutLabels(Rewriting):
    """The network without the labels of its losses, which its output does not depend on."""

    def node(self, number: int, node: dict, inputs: list) -> int:
        if node["op"] in _HEADS:
            operator, attributes = _HEADS[node["op"]]
            node, inputs = {"op": operator, "name": node["name"], "attrs": attributes}, inputs[:1]
        return super().node(number, node, inputs)


def _needed(symbol, whole, parameters: tuple) -> tuple:
    """The parameters without those that only other outputs of the whole symbol need."""
    kept = {*symbol.list_arguments(), *symbol.list_auxiliary_states()}
    known = {*whole.list_arguments(), *whole.list_auxiliary_states()}
    return tuple(
        {name: value for name, value in group.items() if name in kept or name not in known} for group in parameters
    )


def _inputs(symbol, parameters: tuple, input_name: Optional[str]) -> tuple:
    """(the latents' input, number of classes)."""
    names = symbol.list_arguments()
    free = [name for name in names if name not in parameters[0]]
    if input_name is not None:
        lookup("input", input_name, names)
        if input_name in parameters[0]:
            raise ArgumentError(f"input {input_name!r} is a parameter of the file; the inputs are {_listed(free)}.")
    elif LATENTS in free:
        input_name = LATENTS
    else:
        others = [name for name in free if name != CLASSES]
        if len(others) != 1:
            raise ArgumentError(
                f"which input takes the latents is not decided: not in the file are {_listed(others)}. Give --input "
                "NAME (input_name=…); what else is listed is a parameter that the file lacks, or a second input."
            )
        (input_name,) = others
    second = [name for name in free if name not in (input_name, CLASSES)]
    if second:
        raise CheckpointError(
            f"beside {input_name!r} the symbol wants {_listed(second)}, which the file does not have. Parameters must "
            f"be in the file, and of second inputs mxgan can only give {CLASSES!r} (N,), the class; draw from such a "
            "generator in Python, with load_symbol, load_params and mx.mod.Module."
        )
    return input_name, _classes(symbol) if CLASSES in free else 0


def _classes(symbol) -> int:
    """The number of classes: the depth of the one_hot that the input `class_label` goes into."""
    nodes = nodes_of(symbol, None)
    for node in nodes:
        if node.operator == "one_hot" and nodes[node.inputs[0][0]].name == CLASSES:
            return int(node.attributes["depth"])
    raise CheckpointError(
        f"the symbol takes {CLASSES!r}, but it does not go into one_hot, so that the number of classes is not known; "
        "draw from it in Python, with load_symbol, load_params and mx.mod.Module."
    )


def _given(name: str, latents: tuple, batch_size: int, classes: int) -> dict:
    return {name: (batch_size, *latents), **({CLASSES: (batch_size,)} if classes else {})}


def _latent_shape(symbol, name: str, given: Optional[Sequence[int]], parameters: tuple, batch_size, classes) -> tuple:
    if given is not None:
        check_sizes(symbol, _given(name, tuple(given), batch_size, classes))
        return tuple(given)
    shapes = [{key: tuple(value.shape) for key, value in group.items()} for group in parameters]
    tried = latent_candidates(symbol, name, shapes[0])
    for latents in tried:
        if _fits(symbol, _given(name, latents, batch_size, classes), shapes):
            return latents
    raise ArgumentError(
        f"the symbol and the file do not decide the shape of a latent (tried: {_listed(tried)}). Give it without the "
        "batch, as --latent 100,1,1 (latent_shape=(100, 1, 1))."
    )


def _fits(symbol, inputs: Mapping, shapes: list) -> bool:
    """Whether these inputs give every parameter the shape that it has in the file."""
    try:
        check_sizes(symbol, inputs)
        arguments, _, auxiliary = infer(symbol, inputs)
    except ShapeError:
        return False
    return all(
        found[name] == shape
        for found, group in zip((arguments, auxiliary), shapes)
        for name, shape in group.items()
        if name in found
    )


def _image(symbol, shape: tuple, batch_size: int) -> tuple:
    """(the symbol with an output (N, 1 or 3, H, W) in [-1, 1], notes)."""
    notes = []
    zero_to_one = _ends_in_sigmoid(symbol)
    if len(shape) == 2:
        image = _square(shape[1])
        if image:
            notes.append(f"{shape[1]} numbers a sample, drawn as {times(image)}")
            symbol, shape = mx.sym.Reshape(symbol, shape=(-1, *image), name="image"), (shape[0], *image)
    if len(shape) != 4 or shape[1] not in (1, 3):
        raise ShapeError(
            f"the output {symbol.list_outputs()[0]!r} is {shape}, and images are (N, 1 or 3, height, width). Give the "
            "symbol of the generator alone: symbol.get_internals()['NAME_output'].save(FILE) in MXNet, NAME the layer "
            "that makes the image."
        )
    if shape[0] != batch_size:
        raise ShapeError(
            f"the output {symbol.list_outputs()[0]!r} is {shape} for {batch_size} latents, not one image for each: a "
            "layer has the batch of its program in it. Give that, in Python, as batch_size."
        )
    if zero_to_one:
        notes.append("its sigmoid's values from 0 to 1 become -1 to 1")
        symbol = 2 * symbol - 1
    return symbol, notes


def _square(numbers: int) -> tuple:
    """(1 or 3, side, side) of a flat image; () if the number of its pixels is no square."""
    for channels in (1, 3):
        side = math.isqrt(numbers // channels)
        if channels * side * side == numbers and side >= SMALLEST_FLAT:
            return (channels, side, side)
    return ()


def _ends_in_sigmoid(symbol) -> bool:
    nodes = nodes_of(symbol, None)
    last = nodes[-1]
    while last.operator in _SHAPING:
        last = nodes[last.inputs[0][0]]
    return last.operator == "sigmoid" or last.attributes.get("act_type") == "sigmoid"


def _listed(names: Collection) -> str:
    names = list(map(str, names))
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "") if names else "none"
