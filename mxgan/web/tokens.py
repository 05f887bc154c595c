"""The token of a server that other machines can reach: how a request shows it, and how many may fail."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections import OrderedDict
from typing import Optional
from urllib.parse import unquote_to_bytes

from mxgan.errors import ArgumentError

__all__ = ["FailureLimit", "Token", "checked_token"]

SHORTEST = 16  # characters; guessing is hopeless from here on, at any rate
_FIELD = b"token="
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{16,256}")


def checked_token(text: Optional[str]) -> Optional[str]:
    """The token that --token gives: a new one for "auto", None without one.

    Raises ArgumentError for one that is short, or that a header cannot carry.
    """
    if text == "auto":
        return secrets.token_urlsafe(32)
    if text is not None and not _TOKEN.fullmatch(text):
        raise ArgumentError(
            f"--token has {len(text)} characters, of which some may not be allowed; a token has {SHORTEST} to 256 of "
            "a to z, A to Z, 0 to 9 and . _ ~ + / = -. Give --token auto for a new one."
        )
    return text


class Token:
    """Decides whether a request shows the token: in `Authorization: Bearer`, in the address, or by the cookie.

    Parameters
    ----------
    text : the token.
    port : the server's; a browser keeps one cookie for all ports of a host, so its name holds the port.
    """

    def __init__(self, text: str, port: int) -> None:
        self._token = text.encode()
        self._pass = hmac.new(self._token, b"cookie of mxgan serve", hashlib.sha256).hexdigest()
        self._cookie = f"mxgan_{port}"

    def is_shown(self, headers: dict) -> bool:
        """Whether the headers (lower-case bytes) hold the token or its cookie. Every comparison takes the same time."""
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        by_header = self._equals(given.strip()) and scheme.lower() == b"bearer"
        parts = (part.strip().partition(b"=") for part in headers.get(b"cookie", b"").split(b";"))
        mine = [value for name, _, value in parts if name == self._cookie.encode()]
        by_cookie = [hmac.compare_digest(value, self._pass.encode()) for value in mine[:4]]
        return by_header or any(by_cookie)

    def _equals(self, given: bytes) -> bool:
        return hmac.compare_digest(hashlib.sha256(given).digest(), hashlib.sha256(self._token).digest())

    @staticmethod
    def is_in(query: bytes) -> bool:
        """Whether the query of an address has a token, right or wrong."""
        return any(part.startswith(_FIELD) for part in query.split(b"&"))

    def in_query(self, query: bytes) -> tuple:
        """(whether the query of an address holds the right token, the query without tokens, its bytes as they were)."""
        parts = query.split(b"&")
        given = [part[len(_FIELD) :] for part in parts if part.startswith(_FIELD)]
        rest = b"&".join(part for part in parts if not part.startswith(_FIELD))
        return bool(given) and self._equals(unquote_to_bytes(given[0])), rest

    def cookie(self) -> str:
        """The header Set-Cookie that makes later requests pass; its value does not show the token."""
        return f"{self._cookie}={self._pass}; Path=/; HttpOnly; SameSite=Strict"


class FailureLimit:
    """How many wrong tokens of one address are answered in words: a dozen at once, then one each second.

    A right token is never refused, so that one who guesses locks nobody out; the token's length is what stops guessing.
    """

    def __init__(self, burst: int = 12, a_second: float = 1.0, most: int = 1024) -> None:
        self._burst, self._a_second, self._most = burst, a_second, most
        self._left: OrderedDict = OrderedDict()  # address → (failures that are left, time)

    def is_over(self, address: str) -> bool:
        """Count a failure of this address; whether it was one too many."""
        now = time.monotonic()
        left, before = self._left.pop(address, (self._burst, now))
        left = min(self._burst, left + (now - before) * self._a_second)
        self._left[address] = (max(left - 1, 0), now)
        if len(self._left) > self._most:
            self._left.popitem(last=False)
        return left < 1
