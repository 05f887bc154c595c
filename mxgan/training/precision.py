"""bfloat16 passes over float32 parameters: a rewritten graph, for CPUs with AVX512_BF16.

bfloat16 has float32's range and 8 bits of precision. (Transposed) convolutions multiply bfloat16 numbers and add
float32 numbers; the layers between them (BatchNorm, activations) compute in bfloat16 too. These stay float32: weights,
the gradients that the optimiser uses, BatchNorm's parameters and statistics, each network's last layer, the loss, and a
gradient penalty. So weight updates that are too small for bfloat16 are not lost (Micikevicius et al. 2018, section 3.1;
Kalamkar et al. 2019).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import ArgumentError, lookup
from mxgan.runtime import cpu_features, mx
from mxgan.runtime.rewriting import Rewriting

__all__ = ["PRECISIONS", "LowPrecision", "LowPrecisionPasses", "check_precision", "in_bfloat16"]

PRECISIONS = ("float32", "bfloat16")
BFLOAT16 = np.dtype([("bfloat16", np.uint16)])  # MXNet's name for the type in NumPy, which has no bfloat16

_MULTIPLY = ("Convolution", "Deconvolution")
_LAYERS = (*_MULTIPLY, "FullyConnected")  # candidates for "the last layer"; FullyConnected is not worth a cast
_FOLLOW = ("BatchNorm", "LeakyReLU", "Activation")  # compute in the type of their first input
_NUMBERS = {"float32": "0", "bfloat16": "12"}  # MXNet's numbers of the types, for a Variable's attributes


class LowPrecision(NamedTuple):
    """A rewritten symbol, and the names of its bfloat16 Variables, which need new values before each forward pass."""

    symbol: object
    leaves: list


def check_precision(precision: str, contexts: list) -> None:
    """Raise ArgumentError for an unknown precision, or one that these devices do not support."""
    lookup("precision", precision, PRECISIONS)
    if precision == "float32":
        return
    if [context.device_type for context in contexts] != ["cpu"]:
        raise ArgumentError("precision is 'bfloat16', which is for one CPU; leave --gpu out, or give float32.")
    if "avx512_bf16" not in cpu_features():
        raise ArgumentError(
            "precision is 'bfloat16', and this CPU has no AVX512_BF16: bfloat16 would be slower than float32 here; "
            "give float32."
        )


def in_bfloat16(symbol) -> LowPrecision:
    """The same network with its (transposed) convolutions in bfloat16, except in the last layer.

    Their weights become bfloat16 Variables of the same names, which the caller fills. A cast in the graph would not
    do: MXNet 1.9.1 crashes on the gradient of a Deconvolution's weight that is cast in the graph, and computes the
    gradient of a Convolution's weight also if nobody asks for it. If the graph itself computes a weight, the cast is in
    the graph. All other parameters stay float32 Variables.

    Raises
    ------
    ArgumentError : the graph computes the weight of a Deconvolution.
    """
    rewriting = _LowPrecision(symbol)
    return LowPrecision(rewriting.symbol(), rewriting.leaves)


class _LowPrecision(Rewriting):
    def __init__(self, symbol) -> None:
        super().__init__(symbol)
        self._casts, self.leaves = {}, []
        self._low: set = set()  # new nodes whose outputs are bfloat16
        self._lasts = self._last_layers()

    def _last_layers(self) -> set:
        """The layers without a later layer."""
        leads, lasts = set(), set()
        for number in reversed(range(len(self.old))):
            node = self.old[number]
            if node["op"] in _LAYERS and number not in leads:
                lasts.add(number)
            if node["op"] in _LAYERS or number in leads:
                leads.update(source for source, *_ in node["inputs"])
        return lasts

    def node(self, number: int, node: dict, inputs: list) -> int:
        multiplies = node["op"] in _MULTIPLY and number not in self._lasts
        if multiplies:
            self._make_leaf(node)
        follows = node["op"] in _FOLLOW and inputs[0][0] in self._low
        if not follows:  # layers that follow get no cast: their own parameters stay float32
            inputs = [self._cast(*each, low=multiplies) for each in inputs]
        made = super().node(number, node, inputs)
        self._declare(made, "float32")
        if multiplies or follows:
            self._low.add(made)
        return made

    def head(self, source: int, output: int) -> tuple:
        return self._cast(source, output, low=False)

    def _make_leaf(self, layer: dict) -> None:
        """Make the weight of a layer bfloat16 if it is a Variable."""
        weight = self.moved[layer["inputs"][1][0]]
        name, is_variable = self.nodes[weight]["name"], self.nodes[weight]["op"] == "null"
        if is_variable and name not in self.leaves:
            self._declare(weight, "bfloat16")
            self._low.add(weight)
            self.leaves.append(name)
        if not is_variable and layer["op"] == "Deconvolution":
            raise ArgumentError(
                f"the weight of {layer['name']!r} is computed in the graph, and a transposed convolution in bfloat16 "
                "does not allow that; give precision float32."
            )

    def _declare(self, number: int, dtype: str) -> None:
        """Set the type of a Variable, which MXNet cannot infer through a cast; does nothing for an operator."""
        if self.nodes[number]["op"] == "null":
            attributes = {**self.nodes[number].get("attrs", {}), "__dtype__": _NUMBERS[dtype]}
            self.nodes[number] = {**self.nodes[number], "attrs": attributes}

    def _cast(self, source: int, output: int, low: bool) -> tuple:
        """(node, output) of the same value in bfloat16 if `low`, else in float32: the value itself, or a cast."""
        if (source in self._low) == low:
            return source, output
        key, to = (source, output, low), "bfloat16" if low else "float32"
        if key not in self._casts:
            name = f"{self.nodes[source]['name']}{output or ''}_{to}"
            self._casts[key] = self.add(
                {"op": "amp_cast", "name": name, "attrs": {"dtype": to}, "inputs": [[source, output, 0]]}
            )
            if low:
                self._low.add(self._casts[key])
        return self._casts[key], 0


class LowPrecisionPasses:
    """Forward and backward passes of a Module's network in bfloat16, over the Module's own parameters and gradients.

    It has the methods `forward`, `backward`, `get_outputs` and `get_input_grads` of a Module. Convolution weights are
    cast before each forward pass, and their gradients after each backward pass, so the optimiser uses only float32.

    Parameters
    ----------
    module : mx.mod.Module on one device, bound for training, with parameters.
    low : the result of `in_bfloat16` for the Module's network, or for one with the same parameters.
    inputs : {input: shape} of that network, batch included, in the order of the batches.
    gradients_of : "parameters", or "data" for the first input.
    idle : further inputs that are always 0, {input: shape}; see `with_idle_biases`.
    """

    def __init__(
        self,
        module,
        low: LowPrecision,
        inputs: Mapping,
        gradients_of: str = "parameters",
        idle: Mapping = MappingProxyType({}),
    ) -> None:
        (self._master,) = module._exec_group.execs
        self._inputs, taken = list(inputs), low.symbol.list_arguments()
        self.symbol, self._trains, self._leaves = low.symbol, gradients_of == "parameters", low.leaves
        master, context = self._master, module._context[0]
        arrays = {name: mx.nd.zeros(shape, context) for name, shape in {**inputs, **idle}.items() if name in taken}
        arrays.update({name: mx.nd.zeros(master.arg_dict[name].shape, context, BFLOAT16) for name in low.leaves})
        trained = [name for name in module._exec_group.param_names if master.grad_dict[name] is not None]
        wanted = trained if self._trains else self._inputs[:1]
        gradients = {
            name: master.grad_dict[name] if name not in arrays else mx.nd.zeros_like(arrays[name]) for name in wanted
        }
        everything = {**master.arg_dict, **arrays}
        self.executor = low.symbol.bind(
            context,
            args={name: everything[name] for name in taken},
            args_grad=gradients,
            grad_req={name: "write" if name in wanted else "null" for name in taken},
            aux_states={name: master.aux_dict[name] for name in low.symbol.list_auxiliary_states()},
        )

    def forward(self, batch, is_train: bool) -> None:
        """As `Module.forward`, with the current parameters."""
        for name in self._leaves:
            mx.nd.amp_cast(self._master.arg_dict[name], dtype=BFLOAT16, out=self.executor.arg_dict[name])
        given = zip(self._inputs, [*batch.data, *(batch.label or ())])
        self.executor.forward(
            is_train=is_train, **{name: array for name, array in given if name in self.executor.arg_dict}
        )

    def backward(self, gradients: Optional[list] = None) -> None:
        """As `Module.backward`; writes float32 gradients to the arrays that the Module's optimiser reads."""
        self.executor.backward(gradients)
        for name in self._leaves if self._trains else ():
            mx.nd.amp_cast(self.executor.grad_dict[name], dtype="float32", out=self._master.grad_dict[name])

    def get_outputs(self) -> list:
        """As `Module.get_outputs`; float32."""
        return self.executor.outputs

    def get_input_grads(self) -> list:
        """As `Module.get_input_grads`, for the first input only; float32."""
        return [self.executor.grad_dict[self._inputs[0]]]

    def install_monitor(self, monitor) -> None:
        """As `Module.install_monitor`."""
        monitor.install(self.executor)
