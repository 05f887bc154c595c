"""Equality of ranks: the same settings, data and code at the start; the same bits while they train.

Each rank applies the same summed gradients to the same parameters, so all ranks stay equal. They part where a machine
computes or stores a bit wrongly, or where a step on one rank depends on what the others do not have.
"""

from __future__ import annotations

import functools
import hashlib
import json
import logging
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Optional

import numpy as np

from mxgan.errors import RanksDifferError, RanksPartedError, counted, listed, shown
from mxgan.runtime import mx
from mxgan.training.parallel.host_arrays import read_array
from mxgan.training.parallel.ranks import Ranks

__all__ = ["check_equal", "check_same_start", "code_digest", "digests_of"]

logger = logging.getLogger(__name__)

_PACKAGE = Path(__file__).resolve().parents[2]
_LISTED = 3  # settings of a message
_SHORT = 12  # digits of a sha256 in a message
# Of the versions, those that decide what a step computes; others are mentioned, or not at all.
_STRICT, _SILENT = ("mxgan", "mxnet", "wheel"), ("platform",)


def check_equal(ranks: Ranks, pair, step: int, equal_at: Optional[int] = None) -> None:
    """Compare the training state of all ranks; every rank must call this after the same step.

    `equal_at` is the last step after which they were equal, for the message. A state with NaN or infinity has diverged,
    and counts as equal: NaN has many forms. The ranks send one digest of 16 bytes, and the digest of each array only if
    those differ. It takes the time of one reading of the state's memory by crc32.

    Raises
    ------
    RanksPartedError : a rank's state is not that of rank 0, to the bit; on all ranks with the same text.
    """
    if ranks.size == 1:
        return
    own = digests_of(pair)
    whole = hashlib.blake2b(json.dumps(own).encode(), digest_size=16).hexdigest()
    if len(set(ranks.gathered(whole))) > 1 and not ranks.any(_has_diverged(pair)):
        raise _parted(ranks.gathered({"host": ranks.host, "digests": own}), step, equal_at)


def digests_of(pair) -> dict:
    """{name: crc32} of all that an `AdversarialPair` has learned, in the order of its networks, generator first.

    These are its parameters, moving statistics, optimisers' arrays and counts, and the averages. A crc32 finds every
    change of up to 32 neighbouring bits, and another change with a probability of 1 − 2⁻³².
    """
    mx.nd.waitall()  # the engine does not know when BatchNorm's moving statistics are written
    return {name: zlib.crc32(content) for name, content in _contents(pair)}


def _contents(pair) -> Iterator[tuple]:
    """(name, bytes or array) of each part of the state."""
    for half in pair.halves():
        for name, array in (*pair.parameters(half).items(), *pair.statistics(half).items()):
            yield f"{name} of the {half}", read_array(array)
        arrays, counts = pair.optimizer_state(half)
        for name, array in arrays.items():
            yield f"{name} of the {half}'s optimiser", read_array(array)
        yield f"the update counts of the {half}", json.dumps(counts, sort_keys=True).encode()
    for half, average in pair.averages.items():
        for group in average.get_params():
            for name, array in group.items():
                yield f"{name} of the {half}'s average", read_array(array)
    numbers = (pair.learning_rate_scale, *(average.updates for average in pair.averages.values()))
    yield "the learning rates' scale, or an average's count", json.dumps(numbers).encode()


def _has_diverged(pair) -> bool:
    return not all(
        np.isfinite(read_array(array)).all() for half in pair.halves() for array in pair.parameters(half).values()
    )


def _parted(everyone: list, step: int, equal_at: Optional[int]) -> RanksPartedError:
    first = everyone[0]["digests"]
    other = {
        rank: [name for name in {**first, **each["digests"]} if each["digests"].get(name) != first.get(name)]
        for rank, each in enumerate(everyone)
    }
    parted = [f"rank {rank} on {everyone[rank]['host']}" for rank, names in other.items() if names]
    names = next(names for names in other.values() if names)
    more = f" and in {counted(len(names) - 1, 'other array')}" if len(names) > 1 else ""
    return RanksPartedError(
        f"{f'after step {step}' if step else 'before the first step'} the ranks are no longer equal: "
        f"{listed(parted)} {'differ' if len(parted) > 1 else 'differs'} from rank 0 on {everyone[0]['host']}, first in "
        f"{names[0]}{more}. "
        f"{_remedy(equal_at)}; if it comes again, test that machine's memory."
    )


def _remedy(equal_at: Optional[int]) -> str:
    if equal_at is None:
        return "Continue from the last checkpoint with --resume"
    return f"They were equal at step {equal_at}. Delete later checkpoints, and continue with --resume"


def check_same_start(ranks: Ranks, facts: Mapping) -> None:
    """Compare what the ranks were started with; every rank must call this before its first step.

    Parameters
    ----------
    facts : JSON values: "configuration", "data" and "versions", nested mappings, and "code", the `code_digest`. Of the
        versions, those of mxgan and MXNet must be equal; another one is mentioned in a warning on rank 0.

    Raises
    ------
    RanksDifferError : a rank differs from rank 0; on all ranks with the same text, which names both and both values.
    """
    everyone = ranks.gathered({"host": ranks.host, "facts": facts})
    first = everyone[0]
    found = [_differences(first["facts"], each["facts"]) for each in everyone]
    for rank, differences in enumerate(found):
        serious = [each for each in differences if _is_serious(each[0])]
        if serious:
            raise _different(f"rank {rank} on {everyone[rank]['host']}", f"rank 0 on {first['host']}", serious)
    for rank, differences in enumerate(found if ranks.is_first else ()):
        other = [f"{name} {theirs}, and not {ours}" for name, ours, theirs in differences if _is_mentioned(name)]
        if other:
            logger.warning("Rank %d on %s has %s as rank 0.", rank, everyone[rank]["host"], "; ".join(other))


def _different(rank: str, first: str, differences: list) -> RanksDifferError:
    (name, ours, theirs), *others = differences
    more = [f"{name} {theirs} and {ours}" for name, ours, theirs in others[: _LISTED - 1]]
    more += [f"{len(others) - len(more)} more"] if len(others) > len(more) else []
    return RanksDifferError(
        "; ".join([f"{rank} has {name} {theirs}, and {first} has {ours}", *more]) + ".",
        "Start every rank with the same settings, data and code.",
    )


def _differences(first: Mapping, other: Mapping) -> list:
    """[(setting, value in `first`, value in `other`)] in words, where they differ."""
    ours, theirs = dict(_leaves(first)), dict(_leaves(other))
    return [
        (_named(path), _told(path, ours.get(path), theirs.get(path)), _told(path, theirs.get(path), ours.get(path)))
        for path in {**ours, **theirs}
        if json.dumps(ours.get(path), sort_keys=True) != json.dumps(theirs.get(path), sort_keys=True)
    ]


def _leaves(value: Any, path: tuple = ()) -> Iterator[tuple]:
    """(path, value) of what is no mapping, or an empty one, in nested mappings."""
    if isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from _leaves(each, (*path, name))
    else:
        yield path, value


def _named(path: tuple) -> str:
    return ".".join(path[1:] if path[0] == "configuration" else path)


def _told(path: tuple, value: Any, other: Any) -> str:
    """A value in words; of a list, what the other one does not have."""
    if path == ("code",):
        return str(value)[:_SHORT]
    if isinstance(value, list) and isinstance(other, list):
        return shown([each for each in value if each not in other])
    return shown(value)


def _is_serious(name: str) -> bool:
    kind, _, version = name.partition(".")
    return kind != "versions" or version in _STRICT


def _is_mentioned(name: str) -> bool:
    return not _is_serious(name) and name.partition(".")[2] not in _SILENT


@functools.cache
def code_digest() -> str:
    """The sha256 of mxgan's own .py files and their names, as hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(_PACKAGE).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()
