"""A discriminator from a symbol of any origin: its raw score without losses, its inputs, the shape of its images."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import NamedTuple, Optional

from mxgan.errors import ArgumentError, ShapeError, listed, shown
from mxgan.graphs.generator_symbols import CLASSES, LATENTS, chosen_input, classes_of
from mxgan.graphs.heads import WithoutHeads
from mxgan.graphs.latent_shapes import latent_candidates
from mxgan.graphs.renaming import renamed
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_sizes import check_sizes
from mxgan.runtime import mx

__all__ = ["IMAGES", "DiscriminatorSymbol", "discriminator_of", "raw_scores"]

IMAGES = "data"
_LOGITS = "closs_output"  # the class probabilities of mxgan's discriminators
_HEADS = {"LogisticRegressionOutput", "SoftmaxOutput"}  # that predict from the score
_SIDES = range(4, 300)  # pixels that are tried, the usual ones first
_USUAL = (64, 32, 28, 128, 16, 256, 8)
_UNDECIDED = "the symbol and the file do not decide the shape of an image. Give it as --image 3,64,64 (image_shape=…)."


class DiscriminatorSymbol(NamedTuple):
    """A discriminator without losses.

    Attributes
    ----------
    symbol : `data` (N, C, H, W), and `class_label` (N,) if it takes a class → raw score, then class logits if it
        classifies.
    input_name : what the input for images was called.
    image_shape : (C, H, W).
    classes : the number of classes of `class_label`; 0 without it.
    parameters : (arg_params, aux_params), those that the outputs depend on.
    notes : what was done or found out, in words.
    """

    symbol: object
    input_name: str
    image_shape: tuple
    classes: int
    parameters: tuple
    notes: tuple


def discriminator_of(
    symbol, parameters: tuple, image_shape: Optional[Sequence[int]] = None, input_name: Optional[str] = None
) -> DiscriminatorSymbol:
    """The discriminator in a symbol, after a check of its sizes.

    Parameters
    ----------
    symbol : as `load_symbol` gives it; its first output is the score, or a loss over the score.
    parameters : (arg_params, aux_params), as `load_params` gives them for this symbol.
    image_shape : (C, H, W); None: the smallest square that fits the parameters.
    input_name : the input for images; None: `data`, or else the only input that has no parameter in the file.

    Raises
    ------
    ArgumentError : the images' input or shape cannot be found. ShapeError : the images do not fit.
    """
    symbol = raw_scores(symbol)
    kept = {*symbol.list_arguments(), *symbol.list_auxiliary_states()}
    parameters = tuple({name: value for name, value in group.items() if name in kept} for group in parameters)
    name, classes = _inputs(symbol, parameters, input_name)
    shape, notes = _image_shape(symbol, name, image_shape, parameters, classes)
    if name != IMAGES:
        symbol = renamed(symbol, **{name: IMAGES})
    return DiscriminatorSymbol(symbol, name, shape, classes, parameters, notes)


def raw_scores(symbol):
    """The symbol's score, and class logits if it has mxgan's output of class probabilities, without heads and labels.

    A sigmoid at the very end is left out too: the score is its logit.
    """
    outputs = [symbol[0], *(symbol[i] for i, name in enumerate(symbol.list_outputs()) if i and name == _LOGITS)]
    return _RawScores(mx.sym.Group(outputs) if len(outputs) > 1 else outputs[0]).symbol()


class _RawScores(WithoutHeads):
    """The network without what only training needs; what predicts gives its input, the score."""

    def prediction(self, number: int, node: dict, inputs: list) -> Optional[int]:
        """The score of a head; for a choice between a value and the same value without gradient, that value."""
        if node["op"] in _HEADS:
            return self.passed(node, inputs)
        if node["op"] == "where" and inputs[1] == inputs[2]:
            return self.passed(node, inputs[1:])
        return None

    def head(self, source: int, output: int) -> tuple:
        """The input of a sigmoid that is an output of the network."""
        node = self.nodes[source]
        if node["op"] == "sigmoid" or node.get("attrs", {}).get("act_type") == "sigmoid":
            return tuple(node["inputs"][0][:2])
        return super().head(source, output)


def _inputs(symbol, parameters: tuple, input_name: Optional[str]) -> tuple:
    """(the images' input, number of classes)."""
    names = symbol.list_arguments()
    if input_name is None and LATENTS in names and IMAGES not in names:
        raise ArgumentError(
            f"the symbol takes latents ({LATENTS!r}) and no images: it is a generator's. Give the discriminator's "
            "files, or --half generator (half=…)."
        )
    name, free = chosen_input(symbol, parameters, input_name, IMAGES, "images")
    others = [other for other in free if other not in (name, CLASSES)]
    if others:
        raise ArgumentError(
            f"beside {name!r} the symbol takes {listed(others)}, which the file does not have. Give the symbol of the "
            "discriminator alone, or a file with these parameters."
        )
    return name, classes_of(symbol, name) if CLASSES in free and name != CLASSES else 0


def _image_shape(symbol, name: str, given: Optional[Sequence[int]], parameters: tuple, classes: int) -> tuple:
    """(shape of an image, notes): the one given, or the smallest square that fits the parameters."""
    if given is not None:
        given = tuple(given)
        if len(given) != 3 or not _fits(symbol, name, given, parameters, classes):
            raise ShapeError(
                f"images of the shape {shown(given)} do not fit the discriminator's parameters; give the shape of one "
                "image, such as (3, 64, 64)."
            )
        return given, ()
    possible = _channels(symbol, name, parameters)
    for sides, channels in itertools.product((_USUAL, _SIDES), possible):

        def fits(side: int, channels: int = channels) -> bool:
            return _fits(symbol, name, (channels, side, side), parameters, classes)

        found = next(filter(fits, sides), None)
        if found is not None:
            return _smallest(channels, found, fits)
    raise ArgumentError(_UNDECIDED)


def _smallest(channels: int, found: int, fits: Callable) -> tuple:
    """(shape of the smallest square that fits, notes); ArgumentError if too many fit."""
    below = list(itertools.takewhile(fits, range(found - 1, _SIDES[0] - 1, -1)))
    above = list(itertools.takewhile(fits, range(found + 1, _SIDES[-1] + 1)))
    smallest, largest = min((found, *below)), max((found, *above))
    if largest == _SIDES[-1]:
        raise ArgumentError(_UNDECIDED)
    shape = (channels, smallest, smallest)
    more = f" (the parameters allow sides up to {largest})" if largest > smallest else ""
    return shape, (f"images {shape}{more}",)


def _channels(symbol, name: str, parameters: tuple) -> list:
    """The numbers of channels that images may have; the weight of a first convolution over images alone tells it."""
    shapes = {key: tuple(value.shape) for key, value in parameters[0].items()}
    found = [shape[0] for shape in latent_candidates(symbol, name, shapes) if len(shape) == 3 and shape[0] in (1, 3)]
    return found or [1, 3]


def _fits(symbol, name: str, shape: tuple, parameters: tuple, classes: int) -> bool:
    """Whether images of this shape give every parameter the shape that it has in the file."""
    inputs = {name: (1, *shape), **({CLASSES: (1,)} if classes else {})}
    try:
        check_sizes(symbol, inputs)
        arguments, _, auxiliary = infer(symbol, inputs)
    except ShapeError:  # another size
        return False
    return all(
        found.get(key, ()) == tuple(value.shape)
        for found, group in zip((arguments, auxiliary), parameters)
        for key, value in group.items()
    )
