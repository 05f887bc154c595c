"""The DCGAN in a state_dict of PyTorch, found by the shapes of its layers.

PyTorch's own example and tutorial name the layers by their places in a Sequential::

    generator      main.0.weight (Z, C, 4, 4)   main.1.weight (C,)   main.1.running_mean (C,)   main.3.weight …
    discriminator  main.0.weight (F, nc, 4, 4)  main.2.weight (2F, F, 4, 4)  main.3.weight (2F,) …

Here the names count only for the order: the four-dimensional weights are the convolutions, the layers with a
running_mean are the BatchNorms. So other prefixes, places and depths fit too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import CheckpointError, listed
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks.dcgan import DCGAN

__all__ = ["LAYOUT", "TorchHalf", "dcgan_of", "halves_in"]

LAYOUT = (
    "a DCGAN as in PyTorch's example: at least three convolutions of 4×4, BatchNorm between them, the widths halving "
    "towards the image, 1 or 3 channels"
)
FEWEST_LAYERS = 3
_FIELDS = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_var"}
_IGNORED = "num_batches_tracked"  # counts batches; nothing depends on it


class TorchHalf(NamedTuple):
    """One half of a DCGAN from a state_dict.

    Attributes
    ----------
    half : "generator" or "discriminator".
    parameters : {name in `DCGAN`: array}.
    """

    half: str
    parameters: Mapping


class _Unfit(Exception):
    """Arrays that are no half of a DCGAN; the message says why."""


def halves_in(arrays: Mapping) -> tuple:
    """([(key, TorchHalf)], why other groups are none) of what a file of PyTorch holds.

    Parameters
    ----------
    arrays : {name: array, or a group of the same form}: a state_dict, a checkpoint such as {"netG": …, "netD": …}, or
        both networks in one state_dict, told apart by the first part of their names. A key is "" for the file itself.
    """
    found, reasons = [], []
    for key, group in _groups(arrays, ""):
        try:
            found.append((key, _half_of(group)))
        except _Unfit as reason:
            parts = _in_parts(key, group)
            found += parts
            reasons += [] if parts else [f"{key or 'the file'}: {reason}"]
    return found, reasons


def _groups(arrays: Mapping, key: str) -> Iterator[tuple]:
    """(key, {name: array}) of each group that holds arrays."""
    own = {name: value for name, value in arrays.items() if not isinstance(value, Mapping)}
    if own:
        yield key, own
    for name, value in arrays.items():
        if isinstance(value, Mapping):
            yield from _groups(value, f"{key}.{name}".strip("."))


def _in_parts(key: str, group: Mapping) -> list:
    """(key, TorchHalf) of the parts of a group by the first part of the names; [] unless each part is a half."""
    parts: dict = {}
    for name, value in group.items():
        first, _, rest = name.partition(".")
        parts.setdefault(f"{key}.{first}".strip("."), {})[rest] = value
    try:
        return [(part, _half_of(inside)) for part, inside in parts.items()] if len(parts) > 1 else []
    except _Unfit:  # the reason of the whole group is told
        return []


def _half_of(group: Mapping) -> TorchHalf:
    layers = _layers(group)
    convolutions = [layer for layer in layers if np.ndim(layer["weight"]) == 4]
    norms = [layer for layer in layers if "running_mean" in layer]
    if len(convolutions) < FEWEST_LAYERS or len(convolutions) + len(norms) < len(layers):
        others = [
            np.shape(layer["weight"])
            for layer in layers
            if np.ndim(layer["weight"]) != 4 and "running_mean" not in layer
        ]
        also = f" and other layers, with weights {listed(others, 3)}" if others else ""
        raise _Unfit(f"{len(convolutions)} convolutions, {len(norms)} BatchNorms{also}")
    shapes = [np.shape(layer["weight"]) for layer in convolutions]
    if all(before[1] == after[0] for before, after in zip(shapes, shapes[1:])) and shapes[-1][1] in (1, 3):
        return TorchHalf("generator", _named("g", convolutions, norms, range(1, len(shapes))))
    if all(before[0] == after[1] for before, after in zip(shapes, shapes[1:])) and shapes[-1][0] == 1:
        return TorchHalf("discriminator", _named("d", convolutions, norms, range(2, len(shapes)) if norms else ()))
    raise _Unfit(f"convolutions with the weights {listed(shapes, 8)}, which do not follow one another as a DCGAN's")


def _layers(group: Mapping) -> list:
    """[{"weight": array, …}] of each layer, in the order of the numbers in the names."""
    layers: dict = {}
    for name in sorted(group, key=_natural):
        layer, _, field = name.rpartition(".")
        if field == _IGNORED:
            continue
        if field not in _FIELDS:
            raise _Unfit(f"the tensor {name!r:.80}, which a DCGAN does not have")
        layers.setdefault(layer, {})[field] = group[name]
    bare = next((name for name, layer in layers.items() if "weight" not in layer), None)
    if bare is not None:
        raise _Unfit(f"the layer {bare!r:.80} without a weight")
    return list(layers.values())


def _natural(name: str) -> list:
    """A key for sorting that counts numbers as numbers: main.3 comes before main.12."""
    parts = re.split(r"([0-9]{1,9})", name)  # every second one is a number
    return [(int(part), "") if i % 2 else (-1, part) for i, part in enumerate(parts)]


def _named(letter: str, convolutions: list, norms: list, normed: range) -> dict:
    """{name in `DCGAN`: array}; `normed` are the numbers of the layers that a BatchNorm follows."""
    if len(norms) != len(normed):
        raise _Unfit(f"{len(norms)} BatchNorms for {len(convolutions)} convolutions")
    named = {
        f"{letter}{i}_{field}": value for i, layer in enumerate(convolutions, start=1) for field, value in layer.items()
    }
    for i, layer in zip(normed, norms):
        if set(layer) != set(_FIELDS):
            raise _Unfit(f"a BatchNorm that has only {listed(sorted(layer))}")
        named.update({f"{letter}bn{i}_{_FIELDS[field]}": value for field, value in layer.items()})
    return named


def dcgan_of(generator: Mapping, discriminator: Optional[Mapping] = None) -> DCGAN:
    """The DCGAN that has these parameters; a bias that only some layers have is 0 in the others (`completed`).

    Parameters
    ----------
    generator, discriminator : {parameter: array} of a `TorchHalf`.

    Raises
    ------
    CheckpointError : sizes that no DCGAN has, or halves that do not fit each other.
    """
    shapes = {name: np.shape(value) for name, value in generator.items()}
    others = {name: np.shape(value) for name, value in (discriminator or {}).items()}
    no_bias = not any(re.fullmatch(r"[gd][0-9]+_bias", name) for name in (*shapes, *others))
    if others and _image_of("d", others) != _image_of("g", shapes):
        raise CheckpointError(
            f"the generator makes images {_image_of('g', shapes)}, and the discriminator judges images "
            f"{_image_of('d', others)}. Give two halves of one pair."
        )
    try:
        of_discriminator = DCGAN.discriminator_fields_of(others) if others else {}
        network = DCGAN(**{**DCGAN.fields_of(shapes), **of_discriminator, "no_bias": no_bias, "fix_gamma": False})
    except ValueError as error:
        raise CheckpointError(f"the weights do not make a DCGAN: {error} Known is {LAYOUT}.") from error
    wanted = parameter_shapes(network.generator(), network.generator_inputs(1))
    _check("generator", network, wanted, shapes)
    if discriminator is not None:
        _check("discriminator", network, parameter_shapes(network.discriminator(), network.images(1)), others)
    return network


def _image_of(letter: str, shapes: Mapping) -> tuple:
    """(channels, height, width) of a half's images, by the convolution at either end."""
    depth = sum(re.fullmatch(rf"{letter}[0-9]+_weight", name) is not None for name in shapes)
    near, far = (f"{letter}{depth}_weight", f"{letter}1_weight")[:: 1 if letter == "g" else -1]
    return (shapes[near][1], *(side << (depth - 1) for side in shapes[far][2:]))


def _check(half: str, network: DCGAN, wanted: tuple, found: Mapping) -> None:
    """Raise CheckpointError for the first parameter that is missing, unknown, or of another shape."""
    wanted = {name: tuple(shape) for group in wanted for name, shape in group.items()}
    for name in sorted({*wanted, *found}):
        if name.endswith("_bias") and name not in found:
            continue
        if wanted.get(name) != found.get(name):
            raise CheckpointError(
                f"the {half} has {name} of the shape {found.get(name)}, and a DCGAN of {network.nc} channels, "
                f"{network.image_size} pixels and latents of {network.latent_size} has {wanted.get(name)}. Known is "
                f"{LAYOUT}."
            )
