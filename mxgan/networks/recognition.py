"""Recognition of the network that a .params file belongs to, by parameter names and shapes."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Optional

import numpy as np

from mxgan.errors import CheckpointError, listed
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import NETWORKS
from mxgan.networks.base import Network
from mxgan.runtime import mx

__all__ = ["check_half", "from_parameters", "network_of_params"]

logger = logging.getLogger(__name__)

# Gammas of a layer that differ by no more than this, relative to the largest, were not trained: all began at 1, and
# weight decay alone changes them by the same numbers, but for the rounding of a vector's last elements.
SAME_GAMMA = 1e-5


def from_parameters(row: type, shapes: Mapping[str, tuple]) -> Network:
    """The network of this row of NETWORKS whose generator has exactly these parameters.

    Only settings that the generator's parameters determine are recovered. The discriminator's widths, and settings
    that no shape shows, keep their defaults.

    Parameters
    ----------
    row : a class in NETWORKS.
    shapes : {parameter: shape}, as in a .params file.

    Raises
    ------
    CheckpointError : the names or shapes belong to another network.
    """
    shapes = {name: tuple(shape) for name, shape in shapes.items()}
    try:
        network = row(**row.fields_of(shapes))
        wanted, _ = parameter_shapes(network.generator(), network.generator_inputs(1))
    except (LookupError, ValueError, mx.MXNetError):  # missing names, impossible sizes
        wanted = None
    if wanted != shapes:
        raise CheckpointError(
            f"these are not {row.title} generator's parameters ({row.recognised_by}); found {listed(sorted(shapes))}."
        )
    return network


def network_of_params(
    arg_params: dict, assumed: Mapping = MappingProxyType({}), discriminator: Optional[Mapping] = None
):
    """The network in NETWORKS whose generator has these parameters, found by their names and shapes.

    With the {parameter: array} of a `discriminator`, the network has these parameters too.

    Settings that change samples but that no name or shape shows are assumed; `fix_gamma` is inferred from the stored
    gammas. The log names them, and what the caller has `assumed`, {name: value}. Raises CheckpointError if no generator
    has these parameters.
    """
    shapes = {key: value.shape for key, value in arg_params.items()}
    check_half(arg_params)
    rows, generators = [row for row in NETWORKS.values() if row.recognised_by], []
    for row in rows:
        try:
            network = from_parameters(row, shapes)
        except CheckpointError:  # not this network
            continue
        generators.append(network)
        network = network if discriminator is None else _with_discriminator(network, discriminator)
        if network is not None:
            return _with_assumed(network, arg_params, assumed)
    if generators:
        raise CheckpointError(
            f"the discriminator's parameters ({listed(sorted(discriminator), 4)}) are not those of the generator's "
            f"network, {generators[0].title}. Give its symbol with --discriminator-symbol FILE.json "
            "(discriminator_symbol=…)."
        )
    known = "; ".join(f"{row.title}: {row.recognised_by}" for row in rows)
    raise CheckpointError(
        f"the parameters ({listed(sorted(shapes), 4)}) belong to no known generator. Known are {known}. Give the "
        "symbol of another network with --symbol FILE.json (symbol=…)."
    )


def _with_discriminator(network: Network, parameters: Mapping) -> Optional[Network]:
    """The network with a discriminator of exactly these parameters; None if it has no such one."""
    shapes = {name: tuple(value.shape) for name, value in parameters.items()}
    try:
        network = replace(network, **network.discriminator_fields_of(shapes))
        wanted, _ = parameter_shapes(network.discriminator(), network.images(1))
    except (LookupError, ValueError, ZeroDivisionError, mx.MXNetError):  # of another network
        return None
    return network if wanted == shapes else None


def check_half(arg_params: dict) -> None:
    """Raise CheckpointError for parameters with the names of mxgan's discriminators."""
    if "d1_weight" in arg_params and all(name.startswith("d") for name in arg_params):
        raise CheckpointError("these are a discriminator's parameters; give the file with _G_ in its name.")


def _with_assumed(network: Network, arg_params: dict, assumed: Mapping) -> Network:
    """The network with `fix_gamma` as the gammas tell; logs what is assumed, by the caller too."""
    said = {name: _spelt(getattr(network, name)) for name in network.assumed}
    if "fix_gamma" in said:
        gammas = [value.asnumpy() for name, value in arg_params.items() if name.endswith("_gamma")]
        held = all(np.ptp(gamma) <= SAME_GAMMA * np.abs(gamma).max() for gamma in gammas)
        network = replace(network, fix_gamma=held)
        if all((gamma == 1).all() for gamma in gammas):  # then it makes no difference
            del said["fix_gamma"]
        elif held:
            said["fix_gamma"] = "True (the gammas of a layer are all alike, as weight decay leaves those not in use)"
        else:
            said["fix_gamma"] = "False (the gammas of a layer differ, as only trained ones do)"
    said.update(assumed)
    if said:
        logger.warning(
            "A .params file alone does not show all settings of its network; assumed are %s. Its symbol or its run "
            "folder shows them.",
            ", ".join(f"{name} {value}" for name, value in said.items()),
        )
    return network


def _spelt(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
