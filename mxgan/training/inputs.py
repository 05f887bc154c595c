"""Checks of a pair's inputs: devices, conditions and their shapes, batches, adversarial labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Optional, Union

import numpy as np

from mxgan.errors import ArgumentError, ShapeError, lookup, shown
from mxgan.graphs.shapes import is_shape
from mxgan.objectives.feature_matching import REAL_IMAGES
from mxgan.runtime import mx
from mxgan.runtime.config import FLOAT32_MAX, is_number

__all__ = [
    "RESERVED",
    "check_array",
    "check_conditions",
    "checked_batches",
    "checked_label",
    "device_list",
    "generator_inputs",
    "given_conditions",
    "order_of_data",
    "taken_inputs",
]

RESERVED = ("rand", "data", "label", "class_label", REAL_IMAGES)  # inputs that have a meaning of their own


def device_list(contexts) -> list:
    """[mx.Context, …] of one device or several, as a Module takes them; None is the CPU."""
    given = [mx.cpu()] if contexts is None else [contexts] if isinstance(contexts, mx.Context) else contexts
    several = isinstance(given, (list, tuple)) and len(given) > 0
    if not several or not all(isinstance(each, mx.Context) for each in given):
        raise ArgumentError(f"the devices are {shown(contexts)}; give mx.cpu(), mx.gpu(0), or a list of such.")
    return list(given)


def check_conditions(conditions: Optional[Mapping], *symbols) -> dict:
    """{name: shape of one sample} as tuples, {} for None.

    Raises ArgumentError for another kind, a reserved name, no shape, or what no network takes.
    """
    taken = {name for symbol in symbols for name in symbol.list_arguments()}
    conditions = _mapping(conditions, "{'cond': (10,)}: each input with the shape of one sample")
    for name, shape in conditions.items():
        if name in RESERVED:
            raise ArgumentError(f"a condition has the name {name!r}, which is an input of its own; rename the input.")
        lookup("condition", name, sorted(taken), "A condition is an input of one of the networks.")
        if shape != () and not is_shape(shape):
            raise ShapeError(f"the condition {name!r} is {shown(shape)}; give the shape of one sample, such as (10,).")
    return {name: tuple(map(int, shape)) for name, shape in conditions.items()}


def given_conditions(given: Optional[Mapping], known: Collection) -> Mapping:
    """The conditions of one call, {name: values}, {} for None; ArgumentError for another kind or an unknown name."""
    given = _mapping(given, "{'cond': values}: each condition with its values")
    for name in given:
        if not known:
            raise ArgumentError(f"conditions has {name!r}, and this network takes none; leave conditions out.")
        lookup("condition", name, list(known), "They were named by conditions=… when this was made.")
    return given


def _mapping(given: Optional[Mapping], wanted: str) -> Mapping:
    if given is not None and not isinstance(given, Mapping):
        raise ArgumentError(f"conditions is {shown(given)}; give {wanted}; or None.")
    return given or {}


def taken_inputs(symbol, shapes: Mapping, needed: Sequence = ("data",)) -> dict:
    """The {input: shape} in `shapes` that a network takes; those in `needed` come first, whether it takes them or not.

    The first input is the data of MXNet's Module, and the others are its labels. Raises ArgumentError for a symbol with
    two Variables of one name, which MXNet cannot bind.
    """
    arguments = symbol.list_arguments()
    twice = [name for name in dict.fromkeys(arguments) if arguments.count(name) > 1]
    if twice:
        raise ArgumentError(
            f"a network has several Variables {twice[0]!r}; make it once, x = mx.sym.var({twice[0]!r}), and use this x "
            "in all places."
        )
    others = [name for name in shapes if name in arguments and name not in needed]
    return {name: shapes[name] for name in (*needed, *others)}


def generator_inputs(generator, latent_shape: Optional[Sequence], conditions: Mapping, batch_size: int) -> dict:
    """{input: shape} of a generator, batch included: `rand`, `class_label` and conditions, as far as it takes them.

    Raises
    ------
    ArgumentError : it takes neither `rand` nor a condition, or `class_label` without `rand`, or `rand` without a shape.
    """
    arguments, batch = generator.list_arguments(), (batch_size,)
    without = "rand" not in arguments and any(name in arguments for name in conditions)
    if without and "class_label" in arguments:
        raise ArgumentError("the generator takes 'class_label' and no 'rand'; give the class as a condition.")
    if not without and latent_shape is None:
        raise ArgumentError("latent_shape is None, and the generator takes 'rand'; give the shape of one latent.")
    known = {"rand": batch + tuple(latent_shape or ()), "class_label": batch}
    known.update({name: batch + tuple(shape) for name, shape in conditions.items()})
    return taken_inputs(generator, known, needed=() if without else ("rand",))


def checked_batches(name: str, given, shapes: Mapping, count: int, classes: bool) -> list:
    """`given` as a list of `count` mx.io.DataBatch, each checked.

    Parameters
    ----------
    name : the name for messages.
    given : an NDArray, a DataBatch (with class labels (N,) as its first label), or a sequence of these.
    shapes : {input: shape} of the arrays of each batch, in their order; the batch is included.
    classes : whether each batch must have class labels.

    Raises
    ------
    ShapeError : an array of another kind, shape or type. ArgumentError : another number of batches or of arrays, or no
        classes.
    """
    several = list(given) if isinstance(given, (list, tuple)) else [given]
    if len(several) != count:
        raise ArgumentError(f"{name!r} has {len(several)} batches; the schedule of a step takes {count}.")
    batches = [each if isinstance(each, mx.io.DataBatch) else mx.io.DataBatch([each]) for each in several]
    for batch in batches:
        if len(batch.data or ()) != len(shapes):
            raise ArgumentError(
                f"a batch of {name!r} has {len(batch.data or ())} arrays, and the pair takes {len(shapes)} "
                f"({', '.join(shapes)}); give an mx.io.DataBatch whose data are these. Inputs beside the images are "
                "conditions=… of the pair."
            )
        for each, (title, shape) in zip(batch.data, shapes.items()):
            check_array(title if title != "data" else name, each, shape)
        if not classes:
            continue
        size = next(iter(shapes.values()))[0]
        if not batch.label:
            raise ArgumentError(
                f"{name!r} has no class labels, and this network needs them; give an mx.io.DataBatch whose "
                f"label is one array of {size} whole numbers from 0 as float32."
            )
        check_array(f"class labels of {name}", batch.label[0], (size,))
    return batches if classes else [mx.io.DataBatch(batch.data) for batch in batches]


def check_array(name: str, given, shape: tuple) -> None:
    """Raise ShapeError unless `given` is a float32 NDArray of this shape."""
    found = getattr(given, "shape", None)
    if not isinstance(given, mx.nd.NDArray) or found != shape or given.dtype != np.float32:
        kind = type(given).__name__ + (f" {found} {np.dtype(given.dtype).name}" if found is not None else "")
        kind = "None" if given is None else kind
        raise ShapeError(f"{name!r} is {kind}; give a float32 mx.nd.NDArray {shape}.")


def checked_label(label, batch_size: int) -> Union[float, mx.nd.NDArray]:
    """An adversarial label as a float for all samples, or as an NDArray (N,) of each; anything else is refused.

    An array's values are read here, to find NaN; this waits until they are computed.
    """
    if is_number(label, lambda value: abs(value) <= FLOAT32_MAX):
        return float(label)
    fits = isinstance(label, mx.nd.NDArray) and label.shape in ((batch_size,), (batch_size, 1))
    if fits and label.dtype == np.float32 and np.isfinite(label.asnumpy()).all():
        return label.reshape((-1,))
    shape, dtype = getattr(label, "shape", None), getattr(label, "dtype", None)
    found = repr(label) if shape is None else f"{type(label).__name__} {shape} {np.dtype(dtype).name}"
    raise ArgumentError(
        f"label is {found:.80}{', not all of it finite' if fits and dtype == np.float32 else ''}; give a finite number "
        f"for all samples, or a float32 mx.nd.NDArray of each sample's: ({batch_size},) or ({batch_size}, 1)."
    )


def order_of_data(described: Sequence, conditions: Mapping) -> Optional[list]:
    """The positions of the images and of each condition in a batch of an iterator with this `provide_data`.

    They are found by name if the iterator has `data` and every condition by their names. mx.io.NDArrayIter sorts its
    arrays by name. None: the arrays are in the pair's own order.
    """
    wanted, names = ["data", *conditions], [name for name, *_ in described]
    if set(wanted) <= set(names):
        return [names.index(name) for name in wanted]
    astray = [name for name, expected in zip(names, wanted) if name in wanted and name != expected]
    if astray:
        raise ArgumentError(
            f"the data give {', '.join(names)}, and the pair takes {', '.join(wanted)}: {astray[0]!r} is in another "
            "place. Name the images 'data', or give the arrays in the order of conditions."
        )
    return None
