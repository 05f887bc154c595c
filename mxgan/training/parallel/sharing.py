"""A saved training state, read from its files by rank 0, on every rank."""

from __future__ import annotations

from typing import Optional

from mxgan.runtime import mx
from mxgan.training.checkpoint import Saved
from mxgan.training.parallel.ranks import Ranks

__all__ = ["saved_on_all"]

_KINDS = ("arguments", "statistics")


def saved_on_all(ranks: Ranks, saved: Optional[Saved]) -> Saved:
    """The `Saved` of rank 0, on every rank, which thereby needs no access to the run folder; the others give None."""
    if ranks.size == 1:
        return saved
    arrays = {"/".join(path): array.asnumpy() for path, array in _flat(saved)} if ranks.is_first else None
    arrays = ranks.arrays_from_first(arrays)
    state, folder, averaged = ranks.from_first((saved.state, str(saved.folder), [*saved.averages]) if saved else None)
    if ranks.is_first:
        return saved
    parameters = {half: ({}, {}) for half in ("generator", "discriminator")}
    optimizers: dict = {half: {} for half in parameters}
    averages: dict = {half: ({}, {}) for half in averaged}
    places = {
        **{f"{half}/{kind}": group for half, groups in parameters.items() for kind, group in zip(_KINDS, groups)},
        **{f"{half}/optimizer": group for half, group in optimizers.items()},
        **{
            f"{half}'s average/{kind}": group
            for half, groups in averages.items()
            for kind, group in zip(_KINDS, groups)
        },
    }
    for path, array in arrays.items():
        owner, kind, name = path.split("/", 2)
        places[f"{owner}/{kind}"][name] = mx.nd.array(array, dtype=array.dtype)
    return Saved(folder, state, parameters, optimizers, averages)


def _flat(saved: Saved):
    """((owner, kind, name), NDArray) of every array of a saved state."""
    owners = {**saved.parameters, **{f"{half}'s average": groups for half, groups in saved.averages.items()}}
    for owner, groups in owners.items():
        for kind, group in zip(_KINDS, groups):
            for name, array in group.items():
                yield (owner, kind, name), array
    for half, group in saved.optimizers.items():
        for name, array in group.items():
            yield (half, "optimizer", name), array
