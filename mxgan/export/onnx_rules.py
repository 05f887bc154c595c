"""RULES: how each operator of MXNet is written in ONNX; `rule_of` finds the rule of a layer."""

from __future__ import annotations

from typing import Callable

from mxgan.errors import ArgumentError
from mxgan.export.layers import Layer
from mxgan.export.onnx_rules_elementwise import ELEMENTWISE
from mxgan.export.onnx_rules_layers import LAYERS
from mxgan.export.onnx_rules_shapes import SHAPES

__all__ = ["RULES", "rule_of"]

RULES = {**LAYERS, **ELEMENTWISE, **SHAPES}


def rule_of(layer: Layer) -> Callable:
    """The rule of a layer's operator; ArgumentError if there is none."""
    if layer.operator not in RULES:
        raise ArgumentError(
            f"layer {layer.name!r} is a {layer.operator}, which has no rule for ONNX. Add a rule to "
            "mxgan/export/onnx_rules.py (RULES), or export in the format mxnet or npz."
        )
    return RULES[layer.operator]
