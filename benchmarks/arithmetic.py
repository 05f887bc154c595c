"""How many multiply-adds a training step does, counted off the graphs as is usual: the floor of its time.

Products with the zeros of a padding are counted; of DCGAN's they are 14 %, and a kernel may leave them out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from mxgan.graphs.layers import nodes_of

__all__ = ["multiply_adds", "step_multiply_adds"]

LAYERS = ("Convolution", "Deconvolution", "FullyConnected", "dot")


def multiply_adds(symbol, shapes: Mapping) -> list:
    """Multiply-adds of one forward pass, for each (transposed) convolution and fully connected layer in order.

    A convolution does one for every number of its weight at each output position, a transposed one at each input
    position: batch × positions × numbers of the weight (Goodfellow et al. 2016, section 9.5).
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
    """Of one step of MXNet's own DCGAN example, with nothing worked out that is not needed.

    A backward pass costs as much again for the gradients of the weights, and as much again for those of the layer's
    input. D: three forward passes; gradients of weights in two; of inputs in three, of the first layer's in G's alone.
    G: one of each, none of its first layer's input.
    """
    generator = multiply_adds(network.generator(), network.generator_inputs(batch))
    discriminator = multiply_adds(network.discriminator(), {"data": (batch, *network.image_shape)})
    first_of_generator, first_of_discriminator = generator[0], discriminator[0]
    return 3 * sum(generator) - first_of_generator + 8 * sum(discriminator) - 2 * first_of_discriminator
