"""Every published recipe as one value: network, objective, initialisation, optimisers, schedule, source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mxgan.config import from_dict
from mxgan.errors import ArgumentError, unknown_name
from mxgan.networks import DCGAN, get_network
from mxgan.noise import InstanceNoise
from mxgan.objectives import get_objective
from mxgan.optimizers import OptimizerConfig

__all__ = ["RECIPES", "Recipe", "get_recipe"]


@dataclass(frozen=True)
class Recipe:
    """All that decides a training but the data and the seed.

    Parameters
    ----------
    summary : one line for a person.
    source : where it was published, and where this differs.
    network : a row of NETWORKS with its widths and sizes.
    objective : a row of OBJECTIVES.
    generator_optimizer, discriminator_optimizer : see `OptimizerConfig`.
    initial_sigma : standard deviation of the normal initial weights.
    batch_size : images in a step.
    real_label : D's target on real images; below 1 it is one-sided label smoothing.
    instance_noise : noise on what D sees, none by default; see `InstanceNoise`.
    """

    summary: str
    source: str
    network: Any = field(default_factory=DCGAN)
    objective: str = "gan"
    generator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    discriminator_optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    initial_sigma: float = 0.02
    batch_size: int = 64
    real_label: float = 1.0
    instance_noise: InstanceNoise = field(default_factory=InstanceNoise)

    def __post_init__(self) -> None:
        get_objective(self.objective)
        if self.batch_size < 1:
            raise ArgumentError(f"batch_size is {self.batch_size}; give at least 1.")
        if not 0 < self.initial_sigma < float("inf"):
            raise ArgumentError(f"initial_sigma is {self.initial_sigma}; give a number above 0.")

    @classmethod
    def parts_from_dict(cls, values: Mapping) -> dict:
        """Build the network by the name that its JSON object carries."""
        network = values.get("network")
        if not isinstance(network, Mapping):
            return dict(values)
        options = {key: value for key, value in network.items() if key != "name"}
        return {**values, "network": from_dict(get_network(network.get("name")), options, "network")}


RECIPES = {
    "dcgan": Recipe(
        summary="DCGAN kept in balance: instance noise and one-sided label smoothing",
        source="Radford et al. 2016; noise: Sønderby et al. 2017, section 4; smoothing: Salimans et al. 2016, 3.4",
        real_label=0.9,
        instance_noise=InstanceNoise(0.3),
    ),
    "dcgan-original": Recipe(
        summary="DCGAN with the settings of MXNet's own example, whose discriminator wins",
        source="example/gan/dcgan.py of MXNet before 1.0",
    ),
}


def get_recipe(name: str) -> Recipe:
    """The row `name` of RECIPES; ArgumentError with a suggestion when there is none."""
    if name not in RECIPES:
        raise unknown_name("recipe", name, RECIPES)
    return RECIPES[name]
