"""Recognition of the network that a .params file belongs to, by parameter names and shapes."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from mxgan.errors import CheckpointError
from mxgan.graphs.shapes import parameter_shapes
from mxgan.networks import NETWORKS
from mxgan.networks.base import Network
from mxgan.runtime import mx

__all__ = ["from_parameters", "network_of_params"]

logger = logging.getLogger(__name__)


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
            f"these are not {row.title} generator's parameters ({row.recognised_by}); "
            f"found {', '.join(sorted(shapes)[:6]) or 'nothing'}."
        )
    return network


def network_of_params(arg_params: dict):
    """The network in NETWORKS whose generator has these parameters, found by their names and shapes.

    Settings that change samples but that no parameter shows are assumed; the log names them. Raises CheckpointError
    if no generator has these parameters.
    """
    shapes = {key: value.shape for key, value in arg_params.items()}
    if shapes and all(name.startswith("d") for name in shapes):
        raise CheckpointError("these are a discriminator's parameters; give the file with _G_ in its name.")
    for row in NETWORKS.values():
        try:
            network = from_parameters(row, shapes)
        except CheckpointError:  # not this network
            continue
        if network.assumed:
            assumed = ", ".join(f"{name} {getattr(network, name)}" for name in network.assumed)
            logger.warning(
                "The file does not show all settings of its network; assumed are %s. Its run folder has them.", assumed
            )
        return network
    found = f"{', '.join(sorted(shapes)[:4]) or 'nothing'}{', …' if len(shapes) > 4 else ''}"
    known = "; ".join(f"{row.title}: {row.recognised_by}" for row in NETWORKS.values())
    raise CheckpointError(f"the parameters ({found}) belong to no known generator. Known are {known}.")
