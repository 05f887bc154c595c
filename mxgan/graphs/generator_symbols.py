"""A generator from a symbol of any origin: which input takes the latents, their shape, and the images it gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Optional

from mxgan.errors import ArgumentError, CheckpointError, ShapeError, listed, lookup
from mxgan.graphs.heads import LABELLED, WithoutHeads
from mxgan.graphs.image_outputs import image_of
from mxgan.graphs.latent_shapes import batch_candidates, latent_candidates
from mxgan.graphs.layers import nodes_of
from mxgan.graphs.renaming import renamed
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_sizes import check_sizes

__all__ = ["CLASSES", "LATENTS", "GeneratorSymbol", "chosen_input", "classes_of", "generator_of"]

LATENTS, CLASSES = "rand", "class_label"


class GeneratorSymbol(NamedTuple):
    """A generator as `mxgan.Sampler` takes it.

    Attributes
    ----------
    symbol : gives images (N, 1 or 3, H, W), from -1 to 1 if its last layers tell their range; its input for latents is
        called `rand`.
    input_name : what that input was called.
    latent_shape : the shape of one latent.
    classes : the number of classes if it also takes `class_label` (N,); else 0.
    batch_size : the number of latents at once: the one asked for, or that of the symbol.
    parameters : (arg_params, aux_params), those that the images depend on.
    ranged : whether its last layers tell the range of the images.
    notes : what was done or found out, in words.
    """

    symbol: object
    input_name: str
    latent_shape: tuple
    classes: int
    batch_size: int
    parameters: tuple
    ranged: bool
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
    parameters : (arg_params, aux_params), as `load_params` gives them for this symbol; those that it does not know are
        left out.
    latent_shape : the shape of one latent; None: found by the first layer with a weight.
    input_name : the input for latents; None: `rand`, or else the only input that has no parameter in the file.
    batch_size : the number of latents at once. If a layer has the batch of its program in it, that is taken.

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
    if any(node.operator in LABELLED for node in nodes_of(symbol, None)):
        symbol = WithoutHeads(symbol).symbol()
    parameters, unknown = _needed(symbol, whole, parameters)
    if unknown:
        notes.append(f"left out, since the symbol does not have them: {listed(unknown)}")
    name, classes = _inputs(symbol, parameters, input_name)
    batch, latents = _sizes(symbol, name, latent_shape, parameters, batch_size, classes)
    if batch != batch_size:
        notes.append(f"{batch} at once, the batch in the symbol")
    _, (made,), _ = infer(symbol, _given(name, latents, batch, classes))
    image = image_of(symbol, made, batch)
    symbol = image.symbol if name == LATENTS else renamed(image.symbol, **{name: LATENTS})
    return GeneratorSymbol(symbol, name, latents, classes, batch, parameters, image.ranged, (*notes, *image.notes))


def _needed(symbol, whole, parameters: tuple) -> tuple:
    """(the parameters of a symbol, names of those that not even the whole symbol, with its other outputs, has)."""
    kept = {*symbol.list_arguments(), *symbol.list_auxiliary_states()}
    known = {*whole.list_arguments(), *whole.list_auxiliary_states()}
    unknown = [name for group in parameters for name in group if name not in known]
    return tuple({name: value for name, value in group.items() if name in kept} for group in parameters), unknown


def _inputs(symbol, parameters: tuple, input_name: Optional[str]) -> tuple:
    """(the latents' input, number of classes)."""
    input_name, free = chosen_input(symbol, parameters, input_name, LATENTS, "latents")
    second = [name for name in free if name not in (input_name, CLASSES)]
    if second:
        raise CheckpointError(
            f"beside {input_name!r} the symbol takes {listed(second)}, which the file does not have. A parameter must "
            f"be in the file. For an input, draw in Python: {_by_hand(input_name, f'conditions={{{second[0]!r}: …}}')}"
            "; then sample(latents, conditions={…})."
        )
    return input_name, classes_of(symbol, input_name) if CLASSES in free and input_name != CLASSES else 0


def chosen_input(symbol, parameters: tuple, given: Optional[str], usual: str, what: str) -> tuple:
    """(the input that takes latents or images, every input without a parameter in the file).

    Parameters
    ----------
    given : its name; None: the usual one, or else the only one. what : what it takes, for errors.

    Raises ArgumentError if it is no input, or is not decided.
    """
    names = symbol.list_arguments()
    free = [name for name in names if name not in parameters[0]]
    if given is not None:
        lookup("input", given, names)
        if given in parameters[0]:
            raise ArgumentError(f"input {given!r} is a parameter of the file; the inputs are {listed(free)}.")
        return given, free
    if usual in free:
        return usual, free
    others = [name for name in free if name != CLASSES]
    if not others:
        raise ArgumentError(
            f"every input of the symbol has a parameter in the file, so that none is left for the {what}; give the "
            "symbol that belongs to the file."
        )
    if len(others) > 1:
        raise ArgumentError(
            f"which input takes the {what} is not decided. Inputs without a parameter in the file: "
            f"{listed(others)}. Choose one with --input NAME (input_name=…); the others must be in the file."
        )
    return others[0], free


def _by_hand(name: str, settings: str) -> str:
    """The Python of a sampler with inputs that a file cannot tell."""
    taken = "symbol" if name == LATENTS else f"mxgan.renamed(symbol, {name}={LATENTS!r})"
    return (
        f"sampler = mxgan.Sampler({taken}, latent_shape, {settings}), symbol = mxgan.load_symbol(FILE.json), and "
        "sampler.set_params(*mxgan.load_params(FILE))"
    )


def classes_of(symbol, name: str) -> int:
    """The number of classes: the depth of the one_hot that the input `class_label` goes into."""
    nodes = nodes_of(symbol, None)
    for node in nodes:
        if node.operator == "one_hot" and nodes[node.inputs[0][0]].name == CLASSES:
            return int(node.attributes["depth"])
    raise CheckpointError(
        f"the symbol takes {CLASSES!r}, but it does not go into one_hot, so that the number of classes is not known; "
        f"give it in Python: {_by_hand(name, 'classes=…')}."
    )


def _given(name: str, latents: tuple, batch_size: int, classes: int) -> dict:
    return {name: (batch_size, *latents), **({CLASSES: (batch_size,)} if classes else {})}


def _sizes(symbol, name: str, given: Optional[Sequence[int]], parameters: tuple, batch_size: int, classes) -> tuple:
    """(batch, shape of one latent) that fit: with the batch asked for, or else with one that the symbol has in it."""
    shapes = [{key: tuple(value.shape) for key, value in group.items()} for group in parameters]
    tried = latent_candidates(symbol, name, shapes[0]) if given is None else [tuple(given)]
    misfits = []
    for batch in (batch_size, *batch_candidates(symbol, name)):
        for latents in tried:
            misfit = _misfit(symbol, _given(name, latents, batch, classes), shapes if given is None else ())
            if misfit is None:
                return batch, latents
            misfits.append(misfit)
    if given is not None:
        raise misfits[0]
    last = f"; of {tried[-1]}: {misfits[len(tried) - 1]}" if tried else ""
    raise ArgumentError(
        f"the symbol and the file do not decide the shape of a latent (tried: {listed(tried)}{last.rstrip('.')}). Give "
        "it without the batch, as --latent 100,1,1 (latent_shape=(100, 1, 1))."
    )


def _misfit(symbol, inputs: Mapping, shapes: Sequence) -> Optional[ShapeError]:
    """Why these inputs do not give every parameter the shape that it has in the file; None if they do."""
    try:
        check_sizes(symbol, inputs)
        arguments, _, auxiliary = infer(symbol, inputs)
    except ShapeError as error:
        return error
    for found, group in zip((arguments, auxiliary), shapes):
        for name, shape in group.items():
            if found.get(name, shape) != shape:
                return ShapeError(f"the parameter {name!r} would be {found[name]}, and is {shape} in the file")
    return None
