"""Layers that make a sample's result depend on more than the sample: on the other samples of its batch, or on chance.

Ranks that share a batch compute what one process computes only without them, or with these layers over all ranks.
"""

from __future__ import annotations

import json

from mxgan.graphs.layers import FAST_BATCH_NORM, is_on

__all__ = ["coupled_layers", "drawing_layers"]

_BATCH_STATISTICS = (
    "BatchNorm",
    "BatchNorm_v1",
    "_contrib_BatchNormWithReLU",
    "_contrib_SyncBatchNorm",
    FAST_BATCH_NORM,
)
_DIFFERENCES = ("broadcast_sub", "broadcast_minus")
_RESHAPES = ("Reshape", "reshape")
# Prefixes of operators that draw; `_random_pdf_…` are densities, which draw nothing.
_DRAWS = ("_random_", "_sample_", "_shuffle", "_image_random_", "_contrib_dgl_csr_neighbor_")


def coupled_layers(symbol) -> list:
    """The names of layers whose result for a sample depends on the other samples of its batch.

    Found are normalisations by the statistics of a batch, unless they use the moving statistics also in training, and
    differences of each sample to each other sample, as in `minibatch_discrimination`: there the name is that of its
    learnt projection. In the networks of mxgan these are all; of a network from a file, an operator that sums over the
    first axis in another way is not found. Means in a loss are not meant.
    """
    nodes = json.loads(symbol.tojson())["nodes"]
    found = []
    for node in nodes:
        operator = _settings(node).get("op_type", node["op"])  # of a Custom operator its own name
        if operator in _BATCH_STATISTICS and not is_on(_settings(node).get("use_global_stats", "False")):
            found.append(node["name"])
        elif node["op"] in _DIFFERENCES and _is_of_all_pairs(nodes, node):
            found.append(_projection(nodes, node))
    return found


def drawing_layers(symbol) -> list:
    """The names of layers that draw random numbers in training: dropout, random rectifiers, random number operators."""
    return [node["name"] for node in json.loads(symbol.tojson())["nodes"] if _draws(node)]


def _draws(node: dict) -> bool:
    operator, settings = node["op"], _settings(node)
    if operator in ("Dropout", "RNN"):
        return float(settings.get("p", "0.5" if operator == "Dropout" else "0")) > 0
    if operator == "LeakyReLU":
        return settings.get("act_type") == "rrelu"
    return operator.startswith(_DRAWS) and not operator.startswith("_random_pdf_")


def _settings(node: dict) -> dict:
    return node.get("attrs", {})


def _is_of_all_pairs(nodes: list, difference: dict) -> bool:
    """Whether a node is x[:, None] − x[None]."""
    first, second = (nodes[source] for source, *_ in difference["inputs"])
    if {first["op"], second["op"]} != {"expand_dims"} or first["inputs"] != second["inputs"]:
        return False
    return {_settings(first)["axis"], _settings(second)["axis"]} == {"0", "1"}


def _projection(nodes: list, difference: dict) -> str:
    """The name of what the samples are compared by, without a reshaping of it."""
    node = nodes[nodes[difference["inputs"][0][0]]["inputs"][0][0]]
    while node["op"] in _RESHAPES:
        node = nodes[node["inputs"][0][0]]
    return node["name"]
