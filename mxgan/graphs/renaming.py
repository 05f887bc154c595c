"""`renamed`: a symbol whose inputs have other names."""

from __future__ import annotations

from mxgan.errors import ArgumentError, lookup
from mxgan.runtime.rewriting import Rewriting

__all__ = ["renamed"]


def renamed(symbol, /, **names: str):
    """The same network with other names for its inputs, such as those that `AdversarialPair` knows.

    Parameters
    ----------
    symbol : an mx.sym.Symbol; not changed.
    names : old name = new name, for each input to rename. Layers, parameters and outputs keep their names, so files of
        parameters still fit. Two inputs may swap their names.

    Returns
    -------
    mx.sym.Symbol.

    Raises
    ------
    ArgumentError : no such input (the message suggests the nearest), a new name that is no text or that another input
        or parameter has, or an auxiliary state, which is no input.

    Example
    -------
    >>> generator = renamed(generator, code="rand")
    >>> discriminator = renamed(discriminator, image="data", dloss_label="label")
    """
    arguments, states = symbol.list_arguments(), symbol.list_auxiliary_states()
    for old, new in names.items():
        if old in states:
            raise ArgumentError(f"{old!r} is an auxiliary state, which belongs to its layer; rename inputs only.")
        lookup("input", old, arguments)
        _check_new(old, new, names, {*arguments, *states} - set(names))
    return _Renaming(symbol, names).symbol()


def _check_new(old: str, new: str, names: dict, kept: set) -> None:
    if not isinstance(new, str) or not new:
        raise ArgumentError(f"the new name of {old!r} is {new!r}; give a text.")
    if new in kept:
        raise ArgumentError(f"{old!r} cannot become {new!r}: the symbol has an input or parameter of that name.")
    others = [each for each, name in names.items() if name == new and each != old]
    if others:
        raise ArgumentError(f"{others[0]!r} and {old!r} would both become {new!r}; give each a name of its own.")


class _Renaming(Rewriting):
    def __init__(self, symbol, names: dict) -> None:
        super().__init__(symbol)
        self._names = names

    def node(self, number: int, node: dict, inputs: list) -> int:
        if node["op"] == "null":
            node = {**node, "name": self._names.get(node["name"], node["name"])}
        return super().node(number, node, inputs)
