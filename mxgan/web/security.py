"""Checks of each request (size, method, host, token) before a page is made, and the headers of each answer."""

from __future__ import annotations

import logging
import os
from typing import Optional
from urllib.parse import unquote_to_bytes

from starlette.responses import JSONResponse, PlainTextResponse, Response

from mxgan.web.addresses import is_allowed_name
from mxgan.web.tokens import FailureLimit, Token

__all__ = ["HEADERS", "Guard"]

logger = logging.getLogger(__name__)

LONGEST_PATH, LONGEST_QUERY, MOST_HEADERS = 2048, 4096, 64  # h11 bounds all of them together to 16 KB
OWN_SITE = (b"same-origin", b"none")  # "same-site" is another server of this machine
MOST_TOLD = 8  # kinds of errors in the log
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
}
HEADERS = {
    "content-security-policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "private, no-cache",  # kept by the browser, and asked for again each time (ETag)
}
_NO_TOKEN = (
    "This server asks for its token. Open the address that mxgan serve has printed, with ?token=… at its end, or send "
    "the header Authorization: Bearer TOKEN. If you came by a link of another site, load this page again.\n"
)


class Guard:
    """The outermost layer of the server (ASGI).

    Parameters
    ----------
    app : the pages.
    names : what a Host header may name (`addresses.names_of`).
    token : asked of every request; None for a server that only this machine reaches.
    """

    def __init__(self, app, names: frozenset, token: Optional[Token] = None) -> None:
        self._app, self._names, self._token, self._failures = app, names, token, FailureLimit()
        self._told: set = set()

    async def __call__(self, scope, receive, send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(send)
        try:
            refusal = self._refusal(scope)
            if refusal is None:
                scope = {**scope, "path": _exact_path(scope)}
                await self._app(scope, receive, answer)
            else:
                await refusal(scope, receive, answer)
        except Exception as error:  # of one request, answered or cut by now; the server goes on
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        """Log an error, each kind once: a stranger's requests must not fill a disk, or a pipe that nobody reads."""
        place = error.__traceback__
        while place.tb_next is not None:
            place = place.tb_next
        kind = (type(error), place.tb_frame.f_code, place.tb_lineno)
        if kind not in self._told and len(self._told) < MOST_TOLD:
            self._told.add(kind)
            logger.error("a page could not be made; this error is told once", exc_info=error)

    def _refusal(self, scope) -> Optional[Response]:
        """The answer to a request that does not get further; None for one that does."""
        headers = dict(scope["headers"])
        return (
            _too_large(scope)
            or _method(scope)
            or _body(headers)
            or self._host(scope, headers)
            or _site(scope, headers)
            or self._without_token(scope, headers)
            or _bad_path(scope)
        )

    def _host(self, scope, headers: dict) -> Optional[Response]:
        given = headers.get(b"host", b"").decode("latin-1")
        allowed = is_allowed_name(given, self._names, (scope.get("server") or ("127.0.0.1",))[0])
        if allowed:
            return None
        if allowed is None:
            return _words(400, "The header Host is missing, or names no host.\n")
        return _words(421, "This server has another name. Start mxgan serve with --allow-host and that name.\n")

    def _without_token(self, scope, headers: dict) -> Optional[Response]:
        if self._token is None:
            return None
        if not Token.is_in(scope["query_string"]):
            return None if self._token.is_shown(headers) else self._failed(scope)
        right, rest = self._token.in_query(scope["query_string"])
        if not right:
            return self._failed(scope)
        target = _own_path(scope) + (f"?{rest.decode('latin-1')}" if rest else "")
        return Response(status_code=303, headers={"location": target, "set-cookie": self._token.cookie()})

    def _failed(self, scope) -> Response:
        if self._failures.is_over((scope.get("client") or ("",))[0]):
            return _words(429, "Too many wrong tokens from this address.\n", {"retry-after": "10"})
        return _words(401, _NO_TOKEN, {"www-authenticate": 'Bearer realm="mxgan"'})


class _Answer:
    """The `send` of ASGI with the headers of every answer."""

    def __init__(self, send) -> None:
        self._send = send

    async def __call__(self, message) -> None:
        if message["type"] == "http.response.start":
            given = {name.lower() for name, _ in message["headers"]}
            own = [(name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in given]
            message = {**message, "headers": [*message["headers"], *own]}
        await self._send(message)


def _words(status: int, text: str, headers: Optional[dict] = None) -> Response:
    return PlainTextResponse(text, status, {"cache-control": "no-store", "connection": "close", **(headers or {})})


def _too_large(scope) -> Optional[Response]:
    if len(scope["raw_path"]) > LONGEST_PATH or len(scope["query_string"]) > LONGEST_QUERY:
        return _words(414, "The address is too long.\n")
    return _words(431, "There are too many headers.\n") if len(scope["headers"]) > MOST_HEADERS else None


def _method(scope) -> Optional[Response]:
    if scope["method"] in ("GET", "HEAD"):
        return None
    return _words(405, "This server is only read: GET and HEAD.\n", {"allow": "GET, HEAD"})


def _body(headers: dict) -> Optional[Response]:
    """A body is never read: the answer ends the connection."""
    if b"transfer-encoding" in headers or headers.get(b"content-length", b"0").strip(b"0"):
        return _words(413, "This server reads no body of a request.\n")
    return None


def _site(scope, headers: dict) -> Optional[Response]:
    """403 for a page of another site that asks for data: its reader's browser would make this server work."""
    if not _exact_path(scope).startswith("/api/") or headers.get(b"sec-fetch-site", b"none") in OWN_SITE:
        return None
    return JSONResponse({"error": "Pages of other sites get no data of this server."}, 403)


def _exact_path(scope) -> str:
    """The path with the bytes of the address; uvicorn's has "�" for what is not UTF-8."""
    return os.fsdecode(unquote_to_bytes(scope["raw_path"].partition(b"?")[0]))


def _bad_path(scope) -> Optional[Response]:
    """404 for a path that no page has: what leads upwards, control characters, a backslash."""
    path = _exact_path(scope)
    parts = path.split("/")
    if path.startswith("/") and not {".", ".."} & set(parts) and "\\" not in path and min(path) >= " ":
        return None
    return JSONResponse({"error": NOT_THERE}, 404) if path.startswith("/api/") else _words(404, f"{NOT_THERE}\n")


NOT_THERE = "There is no such page."


def _own_path(scope) -> str:
    """The path of the request as a target that cannot lead to another host, as //other.example would."""
    return "/" + scope["raw_path"].decode("ascii").lstrip("/\\")
