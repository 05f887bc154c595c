"""The names of parameters in a file: MXNet's, with ``arg:`` and ``aux:``, and Gluon's; fitted to those of a symbol.

=================================  ==============================================================
written by                         names
=================================  ==============================================================
Module.save_params, Block.export   ``arg:g1_weight``, ``aux:gbn1_moving_mean``
collect_params().save              ``gan0_conv0_weight``; before Gluon 1.3 and with a prefix stripped: ``conv0_weight``
save_parameters                    ``0.weight``: the places of the blocks, which no symbol knows
=================================  ==============================================================
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple, Optional

from mxgan.errors import CheckpointError, CorruptFileError, listed

__all__ = ["Placed", "placed_names"]

_GROUPS = ("arg", "aux")


class Placed(NamedTuple):
    """Where an array of a file belongs: the group, "arg" or "aux", and the parameter's name."""

    group: str
    name: str


def placed_names(path: Path, keys: Collection, symbol=None, strip_prefix: Optional[str] = None) -> dict:
    """{name in the file: `Placed`} of a file of parameters.

    Parameters
    ----------
    path : the file, for messages.
    keys : the names in it.
    symbol : the network that the parameters are for. Gluon's files need it: their names do not show which arrays are
        auxiliary states. Where names do not fit it, the one prefix that makes all of them fit is taken off, or added.
    strip_prefix : the prefix to take off each name; None: find it with the symbol.

    Raises
    ------
    CorruptFileError : some names are neither MXNet's nor Gluon's.
    CheckpointError : Gluon's names without a symbol, or with one that has none of them; a name without `strip_prefix`.
    """
    gluons = bool(keys) and not any(":" in key for key in keys)
    placed = {key: Placed("", key) if gluons else _marked(path, key) for key in keys}
    if strip_prefix:
        placed = {key: place._replace(name=_stripped(path, place.name, strip_prefix)) for key, place in placed.items()}
    if gluons:
        _check_gluons(path, [place.name for place in placed.values()], symbol)
    if symbol is None:
        return placed
    auxiliary = set(symbol.list_auxiliary_states())
    names = auxiliary.union(symbol.list_arguments())
    if not strip_prefix:
        placed = _fitted(path, placed, names)
    return _grouped(path, placed, names, auxiliary) if gluons else placed


def _check_gluons(path: Path, names: list, symbol) -> None:
    if any("." in name for name in names):
        raise CheckpointError(
            f"{path} has the structural names of Gluon's save_parameters ({listed(names, 3)}), which fit no symbol. "
            "Load it into its block with load_parameters, and write it again with block.export(PREFIX), or with "
            "block.collect_params().save(FILE)."
        )
    if symbol is None:
        raise CheckpointError(
            f"{path} has Gluon's names ({listed(names, 3)}), without 'arg:' and 'aux:'. Give the symbol that they "
            "belong to: `mxgan sample --symbol FILE.json`, or in Python symbol=…."
        )


def _grouped(path: Path, placed: dict, names: set, auxiliary: set) -> dict:
    """Gluon's names, with the group that the symbol has them in; those that it does not know are arguments."""
    given = {place.name for place in placed.values()}
    unknown = sorted(given - names)
    if not given & names:
        raise CheckpointError(
            f"{path} has Gluon's names, and they do not fit the symbol: it has no {listed(unknown, 3)}; its own are "
            f"{listed(sorted(names), 3)}. Give the symbol that the same block has exported, or --strip-prefix PREFIX "
            "(strip_prefix=…)."
        )
    return {key: Placed("aux" if place.name in auxiliary else "arg", place.name) for key, place in placed.items()}


def _marked(path: Path, key: str) -> Placed:
    group, colon, name = key.partition(":")
    if not colon or group not in _GROUPS:
        raise CorruptFileError(path, f"the entry {key!r} is neither 'arg:NAME' nor 'aux:NAME'")
    return Placed(group, name)


def _stripped(path: Path, name: str, prefix: str) -> str:
    if not name.startswith(prefix):
        raise CheckpointError(f"{path}: the parameter {name!r} does not begin with {prefix!r}; give another prefix.")
    return name[len(prefix) :]


def _fitted(path: Path, placed: dict, names: set) -> dict:
    """`placed` with one prefix taken off or added, so that all fit; unchanged if all fit already or nothing helps."""
    given = {place.name for place in placed.values()}
    if not given or given <= names:
        return placed
    first = min(given)
    off = {first[: -len(name)] for name in names if first.endswith(name)}
    off = {prefix for prefix in off if all(each.startswith(prefix) and each[len(prefix) :] in names for each in given)}
    on = {name[: -len(first)] for name in names if name.endswith(first)}
    on = {prefix for prefix in on if all(prefix + each in names for each in given)}
    if len(off) + len(on) > 1:
        raise CheckpointError(
            f"{path}: several prefixes make its names fit the symbol ({listed(sorted(off | on), 3)}); give one as "
            "--strip-prefix (strip_prefix=…)."
        )
    for prefix in off:
        return {key: place._replace(name=place.name[len(prefix) :]) for key, place in placed.items()}
    for prefix in on:
        return {key: place._replace(name=prefix + place.name) for key, place in placed.items()}
    return placed
