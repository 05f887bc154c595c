"""Recognition: the network that a file of parameters belongs to, by its names and shapes."""

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

    Only what the generator fixes is recovered; the discriminator's widths, and what no shape tells, stay at their
    defaults.

    Parameters
    ----------
    row : a class in NETWORKS.
    shapes : {parameter: shape}, as a .params file has them.

    Raises
    ------
    CheckpointError : names or shapes of another network.
    """
    shapes = {name: tuple(shape) for name, shape in shapes.items()}
    try:
        network = row(**row.fields_of(shapes))
        wanted, _ = parameter_shapes(network.generator(), network.generator_inputs(1))
    except (LookupError, ValueError, mx.MXNetError):  # names that are missing, sizes that cannot be
        wanted = None
    if wanted != shapes:
        raise CheckpointError(
            f"these are not {row.title} generator's parameters ({row.recognised_by}); "
            f"found {', '.join(sorted(shapes)[:6]) or 'nothing'}."
        )
    return network


def network_of_params(arg_params: dict):
    """The network whose generator has these parameters, found by their names and shapes among NETWORKS.

    What no parameter tells and samples depend on is assumed, and said in the log.
    """
    shapes = {key: value.shape for key, value in arg_params.items()}
    if shapes and all(name.startswith("d") for name in shapes):
        raise CheckpointError("these are a discriminator's parameters; give the file with _G_ in its name.")
    for row in NETWORKS.values():
        try:
            network = from_parameters(row, shapes)
        except CheckpointError:  # one of the others, or none
            continue
        if network.assumed:
            assumed = ", ".join(f"{name} {getattr(network, name)}" for name in network.assumed)
            logger.warning("The file does not tell all of its network: assumed are %s. Its run folder does.", assumed)
        return network
    found = f"{', '.join(sorted(shapes)[:4]) or 'nothing'}{', …' if len(shapes) > 4 else ''}"
    known = "; ".join(f"{row.title}: {row.recognised_by}" for row in NETWORKS.values())
    raise CheckpointError(f"the parameters ({found}) are those of no generator known here. Known are {known}.")
