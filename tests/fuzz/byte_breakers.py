"""Files as bytes: each breaker takes (random.Random, content, content of another file) and returns other content."""

from __future__ import annotations

import gzip
import pickle
from random import Random

__all__ = ["BREAKERS", "MARKER", "Payload", "break_bytes"]

# Run by whatever unpickles it, in the folder where a case runs.
MARKER = "code-was-run"

_LENGTHS = (
    0,
    1,
    2**15,
    2**16 - 1,
    2**24,
    2**29 - 1,
    2**31 - 1,
    2**31,
    2**32 - 1,
    2**33,
    2**40,
    2**62,
    2**63,
    2**64 - 1,
)
_MAGICS = (
    b"\x89PNG\r\n\x1a\n",
    b"\xff\xd8\xff\xe0",
    b"GIF89a",
    b"BM",
    b"\x1f\x8b\x08\x00",
    b"PK\x03\x04",
    b"\x80\x04",
    b"\0" * 8,
)


class Payload:
    """A pickle of it creates the file MARKER."""

    def __reduce__(self) -> tuple:
        return open, (MARKER, "w")


def truncate(rng: Random, data: bytes, other: bytes) -> bytes:
    return data[: rng.randrange(len(data) + 1)]


def empty(rng: Random, data: bytes, other: bytes) -> bytes:
    return b""


def flip_bits(rng: Random, data: bytes, other: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 8, 64)) if data else 0):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def huge_length(rng: Random, data: bytes, other: bytes) -> bytes:
    """A number where a length may be, most often in the head."""
    size, order = rng.choice((2, 4, 8)), rng.choice(("little", "big"))
    number = (rng.choice(_LENGTHS) % 2 ** (8 * size)).to_bytes(size, order)
    at = rng.randrange(min(len(data), rng.choice((16, 64, 128, 1 << 30))) + 1) & ~(rng.choice((1, 2, 4, 8)) - 1)
    return data[:at] + number + data[at + size :]


def wrong_magic(rng: Random, data: bytes, other: bytes) -> bytes:
    magic = rng.choice((*_MAGICS, rng.randbytes(8)))
    return magic + data[len(magic) :]


def _cut(rng: Random, data: bytes) -> tuple:
    start = rng.randrange(len(data) + 1)
    return start, min(len(data), start + rng.choice((1, 3, 4, 8, 64, 1000)))


def insert(rng: Random, data: bytes, other: bytes) -> bytes:
    at, _ = _cut(rng, data)
    return data[:at] + rng.randbytes(rng.choice((1, 4, 64, 1000))) + data[at:]


def delete(rng: Random, data: bytes, other: bytes) -> bytes:
    start, end = _cut(rng, data)
    return data[:start] + data[end:]


def duplicate(rng: Random, data: bytes, other: bytes) -> bytes:
    start, end = _cut(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 2, 100)) + data[end:]


def overwrite(rng: Random, data: bytes, other: bytes) -> bytes:
    start, end = _cut(rng, data)
    return data[:start] + rng.choice((b"\0", b"\xff", b"9", b"\n"))[:1] * (end - start) + data[end:]


def splice(rng: Random, data: bytes, other: bytes) -> bytes:
    """The beginning of this file, the end of another."""
    return data[: rng.randrange(len(data) + 1)] + other[rng.randrange(len(other) + 1) :]


def append(rng: Random, data: bytes, other: bytes) -> bytes:
    return data + rng.choice((b"\0", other, data, rng.randbytes(100)))


def pickled(rng: Random, data: bytes, other: bytes) -> bytes:
    return pickle.dumps(Payload(), protocol=rng.choice((0, 2, 4)))


def zipped_zeros(rng: Random, data: bytes, other: bytes) -> bytes:
    """A gzip bomb: the file, then gigabytes of zeros in members of 16 MB."""
    return gzip.compress(data[: rng.choice((0, 16, len(data)))]) + _ZEROS * rng.choice((1, 64, 256))


_ZEROS = gzip.compress(bytes(2**24), compresslevel=9, mtime=0)

BREAKERS = (
    *(truncate, empty, flip_bits, flip_bits, huge_length, huge_length, huge_length, wrong_magic, insert, delete),
    *(duplicate, overwrite, splice, append, pickled, zipped_zeros),
)


def break_bytes(rng: Random, data: bytes, other: bytes) -> tuple:
    """(broken content, how)."""
    names = []
    for breaker in rng.choices(BREAKERS, k=rng.choice((1, 1, 1, 2, 3))):
        data = breaker(rng, data, other)
        names.append(breaker.__name__)
    return data, "+".join(names)
