"""Names of the runs of a sweep, from the settings in which they differ."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

__all__ = ["free_name", "names_of"]

LONGEST_NAME = 100  # characters


def names_of(differing: Sequence[Mapping]) -> list:
    """A name for each run, such as `ngf-16,lr-0.001`, of letters that no shell takes apart; each is another."""
    flat = [dict(_flat(each)) for each in differing]
    keys = {key for each in flat for key in each}
    short = {key: key.rpartition(".")[2] for key in keys}
    short = {key: name if list(short.values()).count(name) == 1 else key for key, name in short.items()}
    found: list = []
    for each in flat:
        name = ",".join(f"{_safe(short[key])}-{_safe(value)}" for key, value in each.items())
        if len(name) > LONGEST_NAME:
            digest = hashlib.sha256(json.dumps(each, sort_keys=True).encode()).hexdigest()
            name = f"{name[: LONGEST_NAME - 9]}-{digest[:8]}"
        found.append(free_name(name, found))
    return found


def _flat(values: Mapping, prefix: str = "") -> Iterator[tuple]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _safe(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return re.sub(r"[^A-Za-z0-9._+]+", "-", text).strip("-") if text[:1] != "-" else f"-{_safe(text[1:])}"


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, or the first of name_2, name_3, … that is not taken."""
    numbered = (name if number == 1 else f"{name}_{number}" for number in itertools.count(1))
    return next(each for each in numbered if each not in taken)
