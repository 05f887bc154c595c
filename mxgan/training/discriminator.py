"""The discriminator of a recipe as a symbol."""

from __future__ import annotations

from mxgan.objectives.spectral import spectral_normalize
from mxgan.training.recipe import Recipe

__all__ = ["discriminator_output"]


def discriminator_output(recipe: Recipe):
    """A recipe's discriminator without a head, spectrally normalised if the recipe says so."""
    network = recipe.network
    output = network.discriminator()
    if not recipe.spectral_norm:
        return output
    labels = {"class_label": (1,)} if "class_label" in output.list_arguments() else {}
    inputs = {"data": (1, *network.image_shape), **labels}
    return spectral_normalize(output, inputs, network.normalises_every_weight)
