"""The network and the parameters of a run that is imported: halves of a file joined into a row of NETWORKS."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import CheckpointError, MXGANError
from mxgan.export.computing import computed
from mxgan.export.layers import node_names
from mxgan.export.model import Model
from mxgan.graphs.params_files import as_ndarray, in_one
from mxgan.graphs.shapes import check_parameters, parameter_shapes
from mxgan.networks import Symbols, get_network
from mxgan.networks.base import Network
from mxgan.networks.from_torch import dcgan_of
from mxgan.networks.recognition import check_half, network_of_params
from mxgan.runs.found import Found
from mxgan.runtime.config import from_dict
from mxgan.runtime.draws import draw_latents
from mxgan.runtime.rewriting import Rewriting
from mxgan.training.discriminator import discriminator_output
from mxgan.training.recipe import Recipe

__all__ = ["Halves", "completed", "joined", "trial"]

logger = logging.getLogger(__name__)

SAME = 1e-4  # that two forms of one network may differ by
TRIED = 2  # samples in a comparison
MOST_WIDTHS = 1000  # in a list of an exported folder's facts: of so many layers a symbol takes a part of a second
CONSTANTS = {"_ones": 1, "_zeros": 0}  # ends of the names that export/unmerged.py gives them, and their values
FIRST = '["zero", {}]'  # initialiser of the parameters of `Symbols`


class Halves(NamedTuple):
    """What an import has found: the network of the run, and {parameter: array} of each half; D's may be None."""

    network: Network
    generator: Mapping
    discriminator: Optional[Mapping]


def joined(generator: Found, discriminator: Optional[Found], recipe: Recipe) -> Halves:
    """The network that has both halves; the recipe tells whether D goes on to be spectrally normalised.

    It is a row of NETWORKS if the names and shapes tell one, or if an exported folder names one that computes the same;
    else `Symbols`. Raises CheckpointError or ShapeError for halves that do not fit each other.
    """
    arrays = None if discriminator is None else discriminator.arrays
    if generator.symbol is None:
        if discriminator is not None and (discriminator.names, discriminator.symbol) != (generator.names, None):
            raise CheckpointError(
                "the generator and the discriminator are files of different kinds, whose networks cannot be joined. "
                "Give both as files of PyTorch, both by names of mxgan, or both with their symbols."
            )
        return Halves(_by_names(generator, arrays), generator.arrays, arrays)
    if discriminator is not None:
        _check_fit(generator, discriminator)
    told = _told(generator, discriminator, recipe)
    return Halves(told, generator.arrays, arrays) if told is not None else _of_symbols(generator, discriminator)


def _by_names(generator: Found, arrays: Optional[Mapping]) -> Network:
    if generator.names == "torch":
        logger.info(
            "A state_dict shows no strides and activations; those of PyTorch's DCGAN example are assumed: stride 1 and "
            "no padding at the latent and the score, else stride 2 and padding 1; ReLU, tanh, LeakyReLU 0.2; eps 1e-5."
        )
        return dcgan_of(generator.arrays, arrays)
    check_half(generator.arrays)
    given = {} if arrays is None else {"discriminator": _arguments(arrays)}
    return network_of_params({k: as_ndarray(v) for k, v in _arguments(generator.arrays).items()}, **given)


def _arguments(arrays: Mapping) -> dict:
    """The parameters without BatchNorm's statistics."""
    return {name: value for name, value in arrays.items() if not name.endswith(("_moving_mean", "_moving_var"))}


def _check_fit(generator: Found, discriminator: Found) -> None:
    """Raise CheckpointError unless the two symbols are for the same images and classes."""
    if discriminator.symbol is None:
        raise CheckpointError(
            "the generator has a symbol, and the discriminator has none, so that they are of different kinds of files. "
            "Give two files of one kind, such as two folders of `mxgan export`; for a .params file, the symbol with "
            "--discriminator-symbol FILE.json (discriminator_symbol=…)."
        )
    if generator.image != discriminator.image:
        raise CheckpointError(
            f"the generator makes images {generator.image}, and the discriminator judges images {discriminator.image}. "
            "Give two halves of one pair."
        )
    if discriminator.classes not in (0, generator.classes):
        raise CheckpointError(
            f"the generator takes {generator.classes or 'no'} classes, and the discriminator {discriminator.classes}. "
            "Give two halves of one pair."
        )


def _told(generator: Found, discriminator: Optional[Found], recipe: Recipe) -> Optional[Network]:
    """The row of NETWORKS that an exported folder names, if it has these parameters and computes the same images."""
    values = generator.facts.get("network")
    if not isinstance(values, dict) or not isinstance(values.get("name"), str):
        return None
    try:
        if any(isinstance(value, list) and len(value) > MOST_WIDTHS for value in values.values()):
            raise CheckpointError("The network has too many layers.")
        network = from_dict(get_network(values["name"]), values, "network", "network.")
        sizes = network.generator_inputs(TRIED)
        same = _computes(generator, "generator", network.generator(), sizes)
        if same and discriminator is not None:
            stored = discriminator.arrays  # of a normalised D: the vectors too, or weights that are divided already
            normalised = any(name.endswith("_u") for name in stored)
            own = discriminator_output(replace(recipe, network=network)) if normalised else network.discriminator()
            same = _computes(discriminator, "discriminator", own, network.images(TRIED))
    except MXGANError:  # the folder is a stranger's: its facts need not be true
        same = False
    if not same:
        logger.info("The network that the folder names is not the one that it holds; the symbol is taken.")
    return network if same else None


def _computes(found: Found, half: str, own, sizes: Mapping) -> bool:
    """Whether the symbol of a half of a network gives what the symbol of the file gives, with the same parameters."""
    groups, _ = completed(half, own, sizes, found.arrays)
    arrays = in_one(groups)
    inputs = {name: shape[1:] for name, shape in sizes.items()}
    values = trial(inputs)
    models = (Model(own[0], arrays, inputs, half), Model(found.symbol, found.arrays, inputs, half))
    first, second = (computed(model, values)[0] for model in models)
    scale = max(1.0, float(np.abs(second).max()))
    return first.shape == second.shape and np.allclose(first, second, rtol=0, atol=SAME * scale)


def trial(inputs: Mapping) -> dict:
    """{input: values} of a few samples, between -1 and 1 as of images, and of the class 0; `inputs` of one sample."""
    drawn = {name: np.tanh(draw_latents((TRIED, *shape), 0, 0, "import")) for name, shape in inputs.items()}
    return {**drawn, **({"class_label": np.zeros(TRIED, np.float32)} if "class_label" in drawn else {})}


def _of_symbols(generator: Found, discriminator: Optional[Found]) -> Halves:
    """The network of two symbols; names that both halves have get the half's first letter in front."""
    found = {"g": generator, **({} if discriminator is None else {"d": discriminator})}
    shared = set.intersection(*({*each.arrays} for each in found.values())) if discriminator is not None else set()
    names = {key: {name: f"{key}_{name}" if shared else name for name in each.arrays} for key, each in found.items()}
    texts = {key: _text(_Renaming(each.symbol, names[key]).symbol()) for key, each in found.items()}
    arrays = {key: {names[key][name]: value for name, value in each.arrays.items()} for key, each in found.items()}
    channels, *sides = generator.image
    network = Symbols(texts["g"], texts.get("d", ""), channels, tuple(sides), generator.latent, generator.classes)
    return Halves(network, arrays["g"], arrays.get("d"))


class _Renaming(Rewriting):
    """The network with other names of its parameters and auxiliary states, and each name of a layer once.

    Its parameters begin at 0, whatever their names are: MXNet draws no first value for a name that it does not know,
    and an imported run always begins with those of its checkpoint.
    """

    def __init__(self, symbol, names: Mapping) -> None:
        super().__init__(symbol)
        self._names = node_names(self.old)
        self._given = names

    def node(self, number: int, node: dict, inputs: list) -> int:
        if node["op"] != "null":
            return super().node(number, {**node, "name": self._names[number]}, inputs)
        attributes = {**node.get("attrs", {}), **({"__init__": FIRST} if node["name"] in self._given else {})}
        name = self._given.get(node["name"], node["name"])
        return super().node(number, {**node, "name": name, "attrs": attributes}, inputs)


def _text(symbol) -> str:
    return json.dumps(json.loads(symbol.tojson()), separators=(",", ":"))


def completed(half: str, symbol, sizes: Mapping, arrays: Mapping) -> tuple:
    """((arg_params, aux_params) of a half as NDArrays, notes): what only this library has is added.

    That is: a bias of 0, where only some layers have one; and for a spectrally normalised weight the vector of its
    largest singular value, from which the power iteration goes on.

    The ones and zeros that an export writes out for a BatchNorm without parameters of its own are left out.

    Raises CheckpointError for other missing or unknown names, and for other shapes.
    """
    wanted, notes = parameter_shapes(symbol, sizes), []
    taken = {name for group in wanted for name in group}
    arrays = {name: array for name, array in arrays.items() if name in taken or not _is_constant(name, array)}
    known = {name: shape for group in wanted for name, shape in group.items() if name in arrays}
    check_parameters(half, known, {name: arrays[name] for name in known})  # before anything is made of that size
    for name, shape in wanted[0].items():
        weight = next((each for each in (f"{name[:-2]}_weight", name[:-2]) if each in arrays), None)
        if name not in arrays and re.fullmatch(r"[gd][0-9]+_bias", name) and f"{name[:-4]}weight" in arrays:
            arrays[name] = np.zeros(shape, np.float32)
            notes.append(f"{name} is 0")
        elif name not in arrays and name.endswith("_u") and weight:
            rows = arrays[weight].reshape(shape[1], -1)
            left, values, _ = np.linalg.svd(rows, full_matrices=False)
            arrays[name] = left[:, :1].T.astype(np.float32)
            notes.append(f"{weight} is divided by its largest singular value, {values[0]:.3g}")
    given = {name: as_ndarray(np.float32(value)) for name, value in arrays.items()}
    check_parameters(half, {**wanted[0], **wanted[1]}, given)
    for name in wanted[1]:
        if name.endswith("_var") and arrays[name].min() < 0:
            raise CheckpointError(f"the variance {name!r} of the {half} is below 0; the file is damaged. Give another.")
    return tuple({name: given[name] for name in shapes} for shapes in wanted), notes


def _is_constant(name: str, array: np.ndarray) -> bool:
    return any(name.endswith(end) and np.all(array == value) for end, value in CONSTANTS.items())
