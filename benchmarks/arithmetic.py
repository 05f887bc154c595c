"""The number of multiply-adds of a training step, counted from the graphs; it gives a lower bound of the step's time.

As usual, products with the zeros of a padding count. In DCGAN they are 14 %, and a kernel may skip them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mxgan.graphs.layers import nodes_of

__all__ = ["multiply_adds", "step_multiply_adds"]

LAYERS = ("Convolution", "Deconvolution", "FullyConnected", "dot")


def multiply_adds(symbol, shapes: Mapping) -> list:
    """The multiply-adds of one forward pass, for each (transposed) convolution and fully connected layer in order.

    A convolution does one multiply-add for each weight number at each output position; a transposed convolution, at
    each input position. This gives batch × positions × weight numbers (Goodfellow et al. 2016, section 9.5).
    """
    nodes, found = nodes_of(symbol, shapes), []
    for node in nodes:
        if node.operator not in LAYERS:
            continue
        data, weight = (nodes[source].output_shapes[output] for source, output in node.inputs[:2])
        places = data if node.operator == "Deconvolution" else node.output_shapes[0]
        found.append(places[0] * math.prod(places[2:]) * math.prod(weight))
    return found


def step_multiply_adds(network, batch: int) -> int:
    """The multiply-adds of one step of MXNet's DCGAN example, without gradients that are not needed.

    For each layer, the gradients of its weights cost as much as its forward pass; so do the gradients of its input.

    D: three forward passes, weight gradients in two of them, input gradients in all three. For D's first layer, input
    gradients only in G's update.
    G: one forward pass, weight gradients, and input gradients except for the first layer.
    """
    generator = multiply_adds(network.generator(), network.generator_inputs(batch))
    discriminator = multiply_adds(network.discriminator(), {"data": (batch, *network.image_shape)})
    first_of_generator, first_of_discriminator = generator[0], discriminator[0]
    return 3 * sum(generator) - first_of_generator + 8 * sum(discriminator) - 2 * first_of_discriminator
