"""Seeded hostile requests: each is (kind, the bytes to send, whether the sender stops in the middle)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Attack", "attacks"]

_UP = ("..", "%2e%2e", ".%2e", "%2E.", "..%00", "%252e%252e", "..;", "%c0%ae%c0%ae", "\uff0e\uff0e", "....")
_SLASHES = ("/", "%2f", "%2F", "%5c", "\\", "//", "%c0%af", "/./", "%252f")
_TARGETS = (
    "secret.txt",
    "outside/samples/gout-000001.png",
    "runs/a/config.json",
    "etc/passwd",
    "a/config.json",
    ".lock",
)
_BEGINS = (
    "/",
    "/run/a/",
    "/run/a/samples/",
    "/run/",
    "/static/",
    "/api/run/",
    "/api/",
    "/run/a/thumbnails/",
    "/compare?run=",
    "/explore/",
    "/explore/a/",
    "/api/explore/",
    "/api/explore/a/",
)
_WELL = (
    "/",
    "/run/a/",
    "/api/runs",
    "/api/run/a",
    "/run/a/samples/gout-000001.png",
    "/static/core.js",
    "/compare?run=a&run=b",
    "/explore/a/",
)
_METHODS = (
    "POST",
    "PUT",
    "DELETE",
    "PATCH",
    "OPTIONS",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "GETX",
    "get",
    "G\x01T",
    "",
    "PRI",
    "\xff",
)
_HEADERS = (
    "Host: evil.example",
    "Host: localhost\r\nHost: evil.example",
    "Host: localhost, evil.example",
    "Host:",
    "Host : localhost",
    "X-Forwarded-Host: evil.example",
    "X-Original-URL: /../secret.txt",
    "Range: bytes=0-",
    "Range: bytes=-1,0-0,5-1",
    "Transfer-Encoding: chunked",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: \x0bchunked",
    "Content-Length: 99999999999999999999",
    "Content-Length: -1",
    "Content-Length: 5\r\nContent-Length: 6",
    "Content-Length: 5\r\nTransfer-Encoding: chunked",
    "Expect: 100-continue\r\nContent-Length: 10",
    "Upgrade: h2c\r\nConnection: Upgrade",
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: x\r\nSec-WebSocket-Version: 13",
    "Cookie: " + "a=b; " * 900,
    "If-None-Match: " + '"x",' * 900,
    "If-None-Match: \xff\xfe",
    "A: b\r\n c: folded",
    ": nameless",
    "Na me: x",
    "N\x00l: x",
    "X: \x00",
    "X: \xff\xfe\xfd",
    "Authorization: Bearer " + "x" * 4000,
    "Accept-Encoding: gzip;q=1, *;q=0",
    "Connection: close, \x7f",
    "Host: localhost:99999999999",
    "Host: [::1",
    "Content-Encoding: gzip\r\nContent-Length: 3",
)


class Attack(NamedTuple):
    """One connection: its parts are sent one after another with short pauses; a `cut` one has no end."""

    kind: str
    parts: tuple
    cut: bool = False


def _request(target: str, method: str = "GET", headers: str = "", host: str = "localhost") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close", *([headers] if headers else [])]
    return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")


def _upwards(rng: random.Random) -> Attack:
    up = "".join(rng.choice(_UP) + rng.choice(_SLASHES) for _ in range(rng.randint(1, 5)))
    target = rng.choice(_BEGINS) + up + rng.choice(_TARGETS)
    return Attack("upwards", (_request(target),))


def _garbled_path(rng: random.Random) -> Attack:
    alphabet = "/%.:;?#&=\\abc012 \x00\x01\x7f\x80\xff\r\n\t"
    target = "/" + "".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60)))
    return Attack("garbled path", (_request(target),))


def _strange_target(rng: random.Random) -> Attack:
    found = (
        "*",
        "http://evil.example/",
        "//evil.example/",
        "file:///etc/passwd",
        "evil.example:443",
        "/%",
        "/%zz",
        "/%00",
        "/run/a/samples/gout-000001.png%00.png",
        "/run/a/samples/link-000001.png",
        "/run/linked/samples/gout-000001.png",
        "/run/a/samples/pipe-000001.png",
        "/run/a/thumbnails/pipe-000001.png",
        "/run/%ff%fe/",
        "/static/%2e%2e%2fpage.py",
        "/compare?" + "run=a&" * 500,
        "/?token=" + "x" * 3000,
        "/%0d%0aSet-Cookie:%20x=1",
        "/run/a/\r\nX-In: 1",
    )
    return Attack("strange target", (_request(rng.choice(found)),))


def _method(rng: random.Random) -> Attack:
    return Attack("method", (_request(rng.choice(_WELL), rng.choice(_METHODS)),))


def _header(rng: random.Random) -> Attack:
    headers = "\r\n".join(rng.sample(_HEADERS, rng.randint(1, 3)))
    return Attack("header", (_request(rng.choice(_WELL), headers=headers),))


def _size(rng: random.Random) -> Attack:
    many = "\r\n".join(f"X-{number}: {'y' * rng.randint(0, 40)}" for number in range(rng.choice((60, 70, 400, 3000))))
    found = (
        _request("/" + "a" * rng.choice((2047, 2049, 9000, 70_000))),
        _request("/?q=" + "a" * rng.choice((4000, 5000, 60_000))),
        _request("/", headers=many),
        _request("/", headers="X: " + "y" * rng.choice((9000, 100_000, 1_000_000))),
        _request("/", headers="Content-Length: 3000000") + bytes(3_000_000),
    )
    return Attack("size", (rng.choice(found),))


def _half(rng: random.Random) -> Attack:
    whole = _request(rng.choice(_WELL), headers="Content-Length: 20\r\nX: y") + b"0123456789"
    return Attack("half", (whole[: rng.randint(0, len(whole))],), cut=True)


def _slow(rng: random.Random) -> Attack:
    whole = _request(rng.choice(_WELL), "POST", headers="Transfer-Encoding: chunked") + b"1\r\nx\r\n" * 4
    step = max(len(whole) // rng.randint(3, 6), 1)
    return Attack("slow", tuple(whole[at : at + step] for at in range(0, len(whole), step)), cut=True)


def _pipeline(rng: random.Random) -> Attack:
    each = b"GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n"
    parts = b"".join(each % rng.choice(_WELL).encode() for _ in range(rng.randint(2, 30)))
    return Attack("pipeline", (parts + _request("/../secret.txt"),))


def _explorer(rng: random.Random) -> Attack:
    run = rng.choice(("a", "evil", "linked", "drawn", "..", "a%2f..%2f..%2foutside", "%ff", "nothing"))
    what = rng.choice(("facts", "image", "nearest", "image.png", "latent.npy", "", "../facts", "facts/"))
    query = rng.choice(
        (
            "",
            "checkpoint=1",
            "checkpoint=../../outside",
            "checkpoint=best",
            "seed=" + "9" * 4000,
            "d=" + ",".join(["1e999"] * 200),
            "&".join(["keep=1"] * 300),
            "mix=nan&keep=1&keep=2",
            "weights=%00",
            "%ff=%fe",
            "class=-1",
        )
    )
    headers = rng.choice(("", "Sec-Fetch-Site: cross-site", "X-Viewer: " + "v" * 500, "X-Viewer: \xff"))
    return Attack("explorer", (_request(f"/api/explore/{run}/{what}?{query}", headers=headers),))


def _noise(rng: random.Random) -> Attack:
    found = (
        rng.randbytes(rng.randint(1, 2000)),
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + rng.randbytes(200),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"\r\n" * 500,
        b"GET / HTTP/1.1\nHost: localhost\n\n",
        b"SSH-2.0-x\r\n",
        b"\x00" * 500,
    )
    return Attack("noise", (rng.choice(found),), cut=True)


_KINDS = (_upwards, _garbled_path, _strange_target, _method, _header, _size, _half, _slow, _pipeline, _noise, _explorer)


def attacks(count: int, seed: int = 18) -> Iterator[Attack]:
    """So many attacks, of every kind in turn; a function of the seed."""
    rng = random.Random(seed)
    for number in range(count):
        yield _KINDS[number % len(_KINDS)](rng)
