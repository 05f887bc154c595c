"""bfloat16 for the passes of a network, float32 for its parameters: the graph rewritten, for CPUs with AVX512_BF16.

bfloat16 has float32's range and 8 bits of precision. (Transposed) convolutions multiply bfloat16 numbers and add
float32 ones; what lies between them (BatchNorm, activations) follows. Weights, gradients as the optimiser sees them,
BatchNorm's parameters and statistics, each network's last layer and the loss stay float32, so that a step smaller than
bfloat16 can tell is not lost (Micikevicius et al. 2018, section 3.1; Kalamkar et al. 2019).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mxgan.errors import ArgumentError, unknown_name
from mxgan.runtime import mx

__all__ = ["PRECISIONS", "LowPrecision", "LowPrecisionPasses", "check_precision", "in_bfloat16"]

PRECISIONS = ("float32", "bfloat16")
BFLOAT16 = np.dtype([("bfloat16", np.uint16)])  # how MXNet names it to NumPy, which has no such type

_MULTIPLY = ("Convolution", "Deconvolution")
_FOLLOW = ("BatchNorm", "LeakyReLU", "Activation")  # in the type of their first input
_NUMBERS = {"float32": "0", "bfloat16": "12"}  # of the types, in a Variable's attributes


class LowPrecision(NamedTuple):
    """A rewritten symbol, and its Variables that are bfloat16 now, to be filled before each forward pass."""

    symbol: object
    leaves: list


def check_precision(precision: str, contexts: list) -> None:
    """Raise ArgumentError for an unknown precision, or one that these devices do not compute in."""
    if precision not in PRECISIONS:
        raise unknown_name("precision", precision, PRECISIONS)
    if precision == "float32":
        return
    if [context.device_type for context in contexts] != ["cpu"]:
        raise ArgumentError("precision is 'bfloat16', which is for one CPU; leave --gpu out, or give float32.")
    if "avx512_bf16" not in _cpu_flags():
        raise ArgumentError(
            "precision is 'bfloat16', and this CPU has no AVX512_BF16, without which it would be slower than float32; "
            "give float32."
        )


def _cpu_flags() -> list:
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # no Linux: nothing is known of the CPU
        return []
    return next((line.split() for line in text.splitlines() if line.startswith("flags")), [])


def in_bfloat16(symbol) -> LowPrecision:
    """The same network with its (transposed) convolutions, all but the last, in bfloat16.

    The gradient of a Deconvolution's weight must be an argument's own array (MXNet 1.9.1 crashes otherwise), so that
    such a weight cannot be cast in the graph: it becomes a bfloat16 Variable of the same name, to be fed from outside.
    Every other parameter stays a float32 Variable.
    """
    graph = _Rewriting(json.loads(symbol.tojson()))
    return LowPrecision(mx.sym.load_json(json.dumps(graph.rewritten())), graph.leaves)


class _Rewriting:
    """One walk over a graph's nodes in their order, in which each comes after its inputs."""

    def __init__(self, graph: dict) -> None:
        self._graph, self._old = graph, graph["nodes"]
        self._nodes, self._moved, self._casts, self.leaves = [], {}, {}, []
        self._low: set = set()  # new nodes whose outputs are bfloat16
        self._lasts = self._last_layers()

    def _last_layers(self) -> set:
        """The convolutions that no other convolution comes after."""
        leads, lasts = set(), set()
        for number in reversed(range(len(self._old))):
            node = self._old[number]
            multiplies = node["op"] in _MULTIPLY
            if multiplies and number not in leads:
                lasts.add(number)
            if multiplies or number in leads:
                leads.update(source for source, *_ in node["inputs"])
        return lasts

    def rewritten(self) -> dict:
        """The new graph, in MXNet's form."""
        for number, node in enumerate(self._old):
            multiplies = node["op"] in _MULTIPLY and number not in self._lasts
            if multiplies and node["op"] == "Deconvolution":
                self._make_leaf(node)
            inputs = [(self._moved[source], output) for source, output, *_ in node["inputs"]]
            follows = node["op"] in _FOLLOW and inputs[0][0] in self._low
            if not follows:  # what follows has its own parameters beside, which stay float32
                inputs = [self._cast(*each, low=multiplies) for each in inputs]
            self._moved[number] = self._add({**node, "inputs": [[*each, 0] for each in inputs]})
            self._declare(self._moved[number], "float32")
            if multiplies or follows:
                self._low.add(self._moved[number])
        heads = [self._cast(self._moved[source], output, low=False) for source, output, *_ in self._graph["heads"]]
        variables = [number for number, node in enumerate(self._nodes) if node["op"] == "null"]
        return {**self._graph, "nodes": self._nodes, "arg_nodes": variables, "heads": [[*head, 0] for head in heads],
                "node_row_ptr": list(range(len(self._nodes) + 1))}  # fmt: skip

    def _add(self, node: dict) -> int:
        self._nodes.append(node)
        return len(self._nodes) - 1

    def _make_leaf(self, node: dict) -> None:
        """The weight of a Deconvolution: a Variable of its own, here bfloat16."""
        weight = self._moved[node["inputs"][1][0]]
        self._declare(weight, "bfloat16")
        self._low.add(weight)
        self.leaves.append(self._nodes[weight]["name"])

    def _declare(self, number: int, dtype: str) -> None:
        """Fix the type of a Variable, which MXNet does not find through a cast; nothing for an operator."""
        if self._nodes[number]["op"] == "null":
            attributes = {**self._nodes[number].get("attrs", {}), "__dtype__": _NUMBERS[dtype]}
            self._nodes[number] = {**self._nodes[number], "attrs": attributes}

    def _cast(self, source: int, output: int, low: bool) -> tuple:
        """(node, output) of the same value in that type: itself, or a cast of it."""
        if (source in self._low) == low:
            return source, output
        key, to = (source, output, low), "bfloat16" if low else "float32"
        if key not in self._casts:
            name = f"{self._nodes[source]['name']}_{to}"
            self._casts[key] = self._add(
                {"op": "amp_cast", "name": name, "attrs": {"dtype": to}, "inputs": [[source, output, 0]]}
            )
            if low:
                self._low.add(self._casts[key])
        return self._casts[key], 0


class LowPrecisionPasses:
    """Forward and backward passes of a Module's network in bfloat16, over the Module's own parameters.

    Has `forward`, `backward` and `get_outputs` of a Module. Weights that cannot be cast in the graph are cast before
    each forward pass, and their gradients after each backward pass, so that the Module's optimiser sees float32 alone.

    Parameters
    ----------
    module : mx.mod.Module on one device, bound for training, with its parameters in.
    symbol : its network, or one with the same parameters.
    """

    def __init__(self, module, symbol) -> None:
        low, (device,) = in_bfloat16(symbol), module._exec_group.execs
        masters = {name: device.arg_dict[name] for name in low.leaves}
        self._masters = list(masters.values())
        self._gradients = [device.grad_dict[name] for name in masters]
        self._labels = module.label_names or None
        self._module = mx.mod.Module(low.symbol, [*module.data_names, *masters], self._labels, context=module._context)
        # A layout without N: not to be split, nor compared with the batch
        weights = [mx.io.DataDesc(name, array.shape, BFLOAT16, layout="IOHW") for name, array in masters.items()]
        self._module.bind(
            [*module.data_shapes, *weights], module.label_shapes, inputs_need_grad=True, shared_module=module
        )

    def forward(self, batch, is_train: bool) -> None:
        """As `Module.forward`, with the parameters that the optimiser has left."""
        self._module.forward(mx.io.DataBatch([*batch.data, *self._masters], batch.label), is_train=is_train)

    def backward(self, gradients: list) -> None:
        """As `Module.backward`; the gradients are float32 and where the Module's optimiser takes them."""
        self._module.backward(gradients)
        of_weights = self._module.get_input_grads()[-len(self._masters) :] if self._masters else []
        for low, gradient in zip(of_weights, self._gradients):
            mx.nd.amp_cast(low, dtype="float32", out=gradient)

    def get_outputs(self) -> list:
        """As `Module.get_outputs`; float32."""
        return self._module.get_outputs()
