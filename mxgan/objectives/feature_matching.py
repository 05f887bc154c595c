"""Feature matching: G brings the mean of D's features on its images to their mean on real images."""

from __future__ import annotations

import json

from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from mxgan.runtime.rewriting import output_places

__all__ = ["MATCHING", "REAL_IMAGES", "check_matchable", "matched"]

MATCHING = "dmatching"  # name of the loss
REAL_IMAGES = "real_data"  # an input of the head that trains G: real images, of the shape of `data`
_WEIGHTED = ("Convolution", "FullyConnected")


def check_matchable(output) -> None:
    """Raise ArgumentError for a D that takes classes: those of G's images and of the real ones differ."""
    if "class_label" in output.list_arguments():
        raise ArgumentError(
            "feature_matching is true, and D takes the class of an image as an input; the classes of G's images and of "
            "the real ones differ. Add --set feature_matching=false, or give a network whose D takes images alone."
        )


def matched(output) -> tuple:
    """D's outputs on the images of G, and the loss by which G matches D's features.

    D sees `data` and `real_data`, each (N, C, H, W), as one batch of 2N images, so that a BatchNorm has one mean and
    one variance for both. The features f are the input of D's last layer with weights. The loss of each sample is
    ‖mean f(data) − mean f(real_data)‖², the same for all. Through a BatchNorm the second mean depends on `data` too;
    the gradient has this part.

    Parameters
    ----------
    output : the raw score (N, 1) of D, or a group of the score and the class logits (N, K).

    Returns
    -------
    ([each output on `data`], the loss (N, 1)), symbols that take `data`, `real_data` and D's parameters.

    Raises
    ------
    ArgumentError : D takes classes, or has no layer with weights.

    Source: Salimans et al. 2016, section 3.1.
    """
    check_matchable(output)
    both = mx.sym.Concat(mx.sym.Variable("data"), mx.sym.Variable(REAL_IMAGES), dim=0)
    *outputs, features = mx.sym.Group([*output, _features(output)])(data=both)
    of_fakes, of_reals = (mx.sym.mean(mx.sym.Flatten(half), axis=0, keepdims=True) for half in _halves(features))
    distance = mx.sym.sum(mx.sym.square(of_fakes - of_reals), axis=1, keepdims=True)  # (1, 1)
    outputs = [_halves(each)[0] for each in outputs]
    return outputs, mx.sym.broadcast_mul(mx.sym.ones_like(outputs[0]), distance)


def _halves(symbol) -> list:
    """The first and the second half of a batch."""
    return list(mx.sym.split(symbol, num_outputs=2, axis=0))


def _features(output):
    """The input of the last layer with weights on the way to D's score; ArgumentError without one."""
    graph, internals = json.loads(output.tojson()), output.get_internals()
    nodes, (number, *_) = graph["nodes"], graph["heads"][0]
    while nodes[number]["op"] not in _WEIGHTED:
        if not nodes[number]["inputs"]:
            raise ArgumentError(
                f"feature_matching is true, and between D's score and its input {nodes[number]['name']!r} is no layer "
                f"of {' or '.join(_WEIGHTED)} whose input could be matched; add --set feature_matching=false."
            )
        number = nodes[number]["inputs"][0][0]
    source, place, *_ = nodes[number]["inputs"][0]
    return internals[output_places(internals).index((source, place))]
