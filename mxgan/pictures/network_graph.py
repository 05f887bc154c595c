"""Drawings of networks by Graphviz: a box for each layer, the shapes on the edges."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, RuntimeUnavailableError
from mxgan.graphs.layers import KINDS, Node, nodes_of, numbers, times
from mxgan.runtime import mx
from mxgan.runtime.files import write_whole
from mxgan.runtime.paths import readable

__all__ = ["GRAPH_SUFFIXES", "render_graph"]

GRAPH_SUFFIXES = (".dot", ".pdf", ".png", ".svg")

_SHOWN_ATTRIBUTES = ("kernel", "stride", "pad", "act_type", "slope")
_COLOURS = {
    "input": "#ffffff",
    "Convolution": "#cfe2f3",
    "Deconvolution": "#cfe2f3",
    "FullyConnected": "#cfe2f3",
    "BatchNorm": "#d9ead3",
    "Activation": "#fff2cc",
    "LeakyReLU": "#fff2cc",
    "LinearRegressionOutput": "#f4cccc",
    "LogisticRegressionOutput": "#f4cccc",
    "MakeLoss": "#f4cccc",
}


def render_graph(
    symbol: mx.sym.Symbol,
    path: Union[str, Path],
    shapes: Optional[Mapping] = None,
    title: Optional[str] = None,
) -> Path:
    """Draw a network: a box for each layer, the shapes on the edges.

    Parameters
    ----------
    symbol : the network.
    path : file to write; its suffix (.png, .svg, .pdf, .dot) sets the format. Only .dot works without Graphviz.
    shapes : as in `layers`; without it the drawing has no shapes and no numbers of parameters.
    title : a line above the drawing.

    Raises
    ------
    RuntimeUnavailableError : the program `dot` is missing or fails.
    OutputError : `path` cannot be written.
    """
    path = Path(path)
    if path.suffix.lower() not in GRAPH_SUFFIXES:
        raise ArgumentError(f"graph {path}: the suffix must be one of {', '.join(GRAPH_SUFFIXES)}.")
    text = "\n".join(_dot_lines(symbol, shapes, title)) + "\n"
    content = text.encode() if path.suffix.lower() == ".dot" else _run_dot(text, path)
    write_whole(path, content)
    return path


def _run_dot(text: str, path: Path) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise RuntimeUnavailableError(
            f"graph {path}: the program `dot` of Graphviz is not installed. Install it (Debian, Ubuntu: "
            "`apt install graphviz`), or give a path that ends in .dot, which needs no program."
        )
    drawn = subprocess.run(
        [program, f"-T{path.suffix[1:].lower()}"], input=text.encode(), capture_output=True, check=False
    )
    if drawn.returncode != 0 or not drawn.stdout:
        reason = drawn.stderr.decode(errors="replace").strip().splitlines() or [f"status {drawn.returncode}"]
        raise RuntimeUnavailableError(
            f"graph {path}: `dot` failed ({reason[0]}). Install all of the package graphviz, or write a .dot file."
        )
    return drawn.stdout


def _dot_lines(symbol: mx.sym.Symbol, shapes: Optional[Mapping], title: Optional[str]) -> Iterator:
    """The drawing in Graphviz's language."""
    yield "digraph network {"
    yield "  graph [dpi=110, nodesep=0.3, ranksep=0.35, pad=0.2, labelloc=t];"
    yield '  graph [fontname="Helvetica", fontsize=18];'
    yield '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=12, margin="0.15,0.08"];'
    yield '  edge [fontname="Helvetica", fontsize=11, fontcolor="#444444", color="#777777"];'
    if title:
        yield f"  label={_quoted(readable(title))};"
    nodes = nodes_of(symbol, shapes)
    for index, node in enumerate(nodes):
        if node.row is None:
            continue
        shape = ", shape=ellipse" if node.row.operator == "input" else ""
        colour = _COLOURS.get(node.row.operator, "#eeeeee")
        yield f'  n{index} [label={_quoted(_box_text(node))}, fillcolor="{colour}"{shape}];'
        for source, output in node.inputs:
            if nodes[source].row is not None:
                known = nodes[source].output_shapes
                label = f"  {times(known[output])}" if output < len(known) else ""
                yield f"  n{source} -> n{index} [label={_quoted(label)}];"
    yield from _result_lines(symbol, nodes)
    yield "}"


def _result_lines(symbol: mx.sym.Symbol, nodes: list) -> Iterator:
    """An arrow from each output of the network, with its shape."""
    for number, (index, output, *_) in enumerate(json.loads(symbol.tojson())["heads"]):
        known = nodes[index].output_shapes
        label = f"  {times(known[output])}" if output < len(known) else ""
        yield f'  result{number} [shape=plaintext, style="", label="output"];'
        yield f"  n{index} -> result{number} [label={_quoted(label)}];"


def _box_text(node: Node) -> str:
    row = node.row
    if row.operator == "input":
        return row.name
    given = node.attributes
    shown = [_attribute_text(name, given[name]) for name in _SHOWN_ATTRIBUTES if name in given]
    counts = [f"{number:,} {kind}" for number, kind in zip(numbers(row), KINDS) if number]
    lines = [row.name, f"{row.operator} {', '.join(shown)}".strip(), ", ".join(counts)]
    return "\n".join(line for line in lines if line)


def _attribute_text(name: str, value: str) -> str:
    """`kernel` "(4, 4)" as 4×4, `stride` "(2, 2)" as stride 2×2, `act_type` "relu" as relu."""
    value = value.strip("()").replace(", ", "×").replace(",", "×")
    return value if name in ("kernel", "act_type") else f"{name} {value}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
