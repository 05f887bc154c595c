"""JSON of a symbol's file from an untrusted source, within bounds."""

from __future__ import annotations

import json
from typing import Any

from mxgan.graphs.symbol_rules import FileFault, quoted

__all__ = ["MOST_BYTES", "parsed"]

# Hundreds of times the needs of a network; the Python objects of the largest file still fit into 256 MB.
MOST_BYTES = 4 * 2**20
LONGEST_NUMBER = 20  # digits


def parsed(content: bytes) -> Any:
    """The value in a JSON text; FileFault for anything else, a key that appears twice, or too many bytes or digits."""
    if len(content) > MOST_BYTES:
        raise FileFault(f"it has more than {MOST_BYTES} bytes")
    try:
        text = content.decode()
        return json.loads(text, object_pairs_hook=_once, parse_int=_whole, parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise FileFault("it is not UTF-8", error.start) from error
    except json.JSONDecodeError as error:
        raise FileFault(f"it is not JSON: {error.msg}", len(text[: error.pos].encode(errors="replace"))) from error
    except RecursionError as error:
        raise FileFault("it is nested too deeply") from error


def _once(pairs: list) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))
        raise FileFault(f"the key {quoted(twice)} appears twice in one object")
    return found


def _whole(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:  # Python is slow with numbers of millions of digits
        raise FileFault(f"a number of {len(digits)} digits")
    return int(digits)


def _no_constant(name: str) -> None:
    raise FileFault(f"{name} is not JSON")
