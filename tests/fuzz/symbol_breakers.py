"""Symbols that stay symbols: other operators, sizes, settings and wiring, so that they get past the reader."""

from __future__ import annotations

import json
import re
from random import Random

from mxgan.graphs.symbol_rules import OPERATORS

__all__ = ["break_symbol"]

_SIZES = (0, 1, 1, 2, 3, 4, 5, 7, 8, 16, 64, 255, 4096, 2**15, 2**24, -1, -2)
_SETTINGS = (
    *[{"kernel": f"({k}, {k})", "num_filter": f"{n}"} for k, n in ((1, 3), (4, 1), (3, 2))],
    *({"axis": "1"}, {"axis": "(0, 1)"}, {"shape": "(-1, 3, 8, 8)"}, {"shape": "(0, -1)"}, {"num_hidden": "48"}),
    *({"act_type": "relu"}, {"target_shape": "(8, 8)"}, {"adj": "(1, 1)"}, {"num_group": "2"}, {"dilate": "(2, 2)"}),
    *({"layout": "NHWC"}, {"dtype": "float16"}, {"scalar": "0"}, {"begin": "(0,)", "end": "(2,)"}, {"scale": "2"}),
    *({"depth": "3"}, {"block_size": "2"}, {"p": "0.5"}, {"mode": "edge", "pad_width": "(0,0,0,0,1,1,1,1)"}, {}),
)


def break_symbol(rng: Random, content: bytes) -> tuple:
    """(the .json with one to three changes, how)."""
    graph = json.loads(content)
    layers = [node for node in graph["nodes"] if node["op"] != "null"]
    told = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        change = rng.choice((_other_number, _other_number, _other_operator, _other_input, _more_settings, _other_head))
        told.append(change(rng, graph, rng.choice(layers)))
    return json.dumps(graph).encode(), "; ".join(told)


def _other_number(rng: Random, graph: dict, node: dict) -> str:
    attributes = node.get("attrs", {})
    numeric = [name for name, value in attributes.items() if re.search(r"\d", value)]
    if not numeric:
        return _other_operator(rng, graph, node)
    name = rng.choice(sorted(numeric))
    numbers = list(re.finditer(r"-?\d+", attributes[name]))
    start, end = rng.choice(numbers).span()
    attributes[name] = f"{attributes[name][:start]}{rng.choice(_SIZES)}{attributes[name][end:]}"
    return f"{node['name']}: {name} {attributes[name]}"


def _other_operator(rng: Random, graph: dict, node: dict) -> str:
    node["op"] = rng.choice(sorted(OPERATORS))
    if rng.random() < 0.7:
        node["attrs"] = dict(rng.choice(_SETTINGS))
    return f"{node['name']} is {node['op']} {node.get('attrs')}"


def _other_input(rng: Random, graph: dict, node: dict) -> str:
    end = graph["nodes"].index(node)
    place = rng.randrange(len(node["inputs"]))
    change = rng.choice(("moved", "twice", "gone"))
    if change == "moved":
        node["inputs"][place] = [rng.randrange(end), 0, 0]
    elif change == "twice":
        node["inputs"].append(list(node["inputs"][place]))
    else:
        del node["inputs"][place]
        node["inputs"] = node["inputs"] or [[rng.randrange(end), 0, 0]]
    return f"{node['name']}: input {place} {change}"


def _more_settings(rng: Random, graph: dict, node: dict) -> str:
    more = rng.choice(_SETTINGS)
    node.setdefault("attrs", {}).update(more)
    return f"{node['name']}: {more}"


def _other_head(rng: Random, graph: dict, node: dict) -> str:
    graph["heads"] = [[graph["nodes"].index(node), 0, 0], *rng.choice(([], graph["heads"]))]
    return f"heads {graph['heads']}"
