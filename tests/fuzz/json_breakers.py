"""Files of JSON: values of other types and sizes at any place of a parsed value, or text that is no JSON any more."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

__all__ = ["break_json", "break_json_lines"]

_DEEP = "@@deep@@"  # stands for nesting that json.dumps itself could not write
_HUGE = "@@huge@@"  # and for a number that it would not
_NUMBERS = (
    *(
        0,
        -1,
        1,
        2,
        3,
        7,
        64,
        10**4,
        10**6,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**31),
        -(2**63),
    ),
    *(10**30, 0.5, -0.0, 1e-300, 1e300, float("nan"), float("inf"), float("-inf")),
)
_TEXTS = (
    *(
        "",
        "x",
        "../../outside/victim",
        "../outside/victim",
        "/dev/zero",
        "..",
        ".",
        "a/b",
        "\0",
        "\n",
        "٣",
        "²",
        "\uff11\uff12",
    ),
    *(
        "{recipe}",
        "{recipe.__class__.__mro__}",
        "{0}",
        "%s%n",
        "\ud800",
        "é" * 300,
        "x" * 300_000,
        "__class__",
        "epoch",
    ),
    *("digits", "mnist", "folder", "recordio", "adam", "test", "sgd", "wgan-gp", "layer", "none", "gradient_penalty"),
)
_OTHERS = (None, True, False, [], {}, [[]], {"name": "dcgan"}, [1, 2], ["x"], _DEEP, _HUGE, [0] * 10_000)


def hostile_value(rng: Random) -> Any:
    return copy.deepcopy(rng.choice(rng.choice((_NUMBERS, _TEXTS, _OTHERS))))


def _places(value: Any, found: list) -> list:
    """(container, key) of everything in a JSON value."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, below in items:
        found.append((value, key))
        _places(below, found)
    return found


def _like(rng: Random, value: Any) -> Any:
    """Another value of the same type, which goes further than one of another type does."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, (int, float)):
        return rng.choice((*_NUMBERS, value + 1, value - 1, -value, value * 2, value * 1000))
    if isinstance(value, str):
        return rng.choice((*_TEXTS, value[:-1], value + "x", value.upper()))
    return hostile_value(rng)


def _change(rng: Random, value: Any) -> str:
    places = _places(value, [])
    if not places:
        return "nothing"
    container, key = rng.choice(places)
    how = rng.choice(("like", "like", "like", "other", "delete", "add", "rename"))
    if how == "like":
        container[key] = _like(rng, container[key])
    elif how == "other":
        container[key] = hostile_value(rng)
    elif how == "add" and isinstance(container, dict):
        container[rng.choice(_TEXTS)] = hostile_value(rng)
    elif how == "add":
        container.append(hostile_value(rng))
    else:
        before = container.pop(key)
        if how == "rename" and isinstance(container, dict):
            container[rng.choice((*_TEXTS, key + "x", key.upper()))] = before
    return f"{how} {key!r:.40}"


def _as_text(rng: Random, value: Any) -> bytes:
    text = json.dumps(value)
    text = text.replace(f'"{_DEEP}"', "[" * 100_000 + "]" * 100_000).replace(f'"{_HUGE}"', "9" * 5000)
    return text.encode("utf-8", "surrogatepass")


def _break_text(rng: Random, data: bytes) -> tuple:
    """Text that a reader of JSON, or of UTF-8, must refuse, or may."""
    ways = {
        "utf-16": lambda: data.decode("utf-8", "replace").encode("utf-16"),
        "byte order mark": lambda: b"\xef\xbb\xbf" + data,
        "no utf-8": lambda: data.replace(b'"', b'"\xff\xfe', rng.choice((1, 10))),
        "cut off": lambda: data[: rng.randrange(len(data) + 1)],
        "twice": lambda: data + data,
        "in a list": lambda: b"[" + data + b"]",
        "a number": lambda: b"17",
        "a text": lambda: b'"run"',
        "null": lambda: b"null",
        "nothing": lambda: b"",
        "deep": lambda: b'{"a":' * 100_000,
        "NULs": lambda: bytes(100_000),
        "a key twice": lambda: data.replace(b"{", b'{"step": [], "run": 3, ', 1),
        "line ends": lambda: data.replace(b"\n", b"\r").replace(b" ", b"\xe2\x80\xa8"),
    }
    how = rng.choice(sorted(ways))
    return ways[how](), how


def break_json(rng: Random, data: bytes) -> tuple:
    """(broken content, how) of a file that is one JSON value."""
    if rng.random() < 0.2:
        return _break_text(rng, data)
    value = json.loads(data)
    how = "; ".join(_change(rng, value) for _ in range(rng.choice((1, 1, 1, 2, 4))))
    return _as_text(rng, value), how


def break_json_lines(rng: Random, data: bytes) -> tuple:
    """(broken content, how) of a file with a JSON object a line."""
    lines = data.splitlines()
    if not lines or rng.random() < 0.2:
        return _break_text(rng, data)
    at = rng.randrange(len(lines))
    lines[at], how = break_json(rng, lines[at])
    if rng.random() < 0.2:
        lines *= rng.choice((2, 1000))
    return b"\n".join(lines) + rng.choice((b"\n", b"", b"\n\n", b'\n{"step": 2')), f"line {at}: {how}"
