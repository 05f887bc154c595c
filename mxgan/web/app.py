"""The pages of the server as one ASGI app; `mxgan.web.security` stands in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Optional

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mxgan.errors import ArgumentError, MXGANError
from mxgan.pictures.report.page import render
from mxgan.pictures.report.values import in_utf_8
from mxgan.web import pages, pictures
from mxgan.web.explorer.worker import ReplacedError
from mxgan.web.folder import NotServedError
from mxgan.web.security import Guard
from mxgan.web.site import Site
from mxgan.web.tokens import Token
from mxgan.web.workers import BusyError

__all__ = ["make_app"]

ROUTES = {
    "/": pages.list_page,
    "/compare": pages.compare_page,
    "/static/{name}": pages.static,
    "/api/runs": pages.all_runs,
    "/api/compare": pages.compare_data,
    "/api/run/{id:path}": pages.run_data,
    "/run/{id:path}/samples/{file}": pictures.picture,
    "/run/{id:path}/thumbnails/{file}": pictures.thumbnail,
    "/run/{id:path}/": pages.run_page,
}


def make_app(site: Site, names: frozenset, token: Optional[Token] = None, more: Sequence[Route] = ()) -> Guard:
    """The server's app.

    Parameters
    ----------
    site : the folder that is served, with its threads. names : of the server, in Host headers.
    token : asked of every request, if there is one.
    more : further routes, before these. They find the site as `request.app.state.site`, and their exceptions of
        mxgan become answers in words.
    """
    routes = [*more, *(Route(path, page, methods=["GET"]) for path, page in ROUTES.items())]
    routes.append(Route("/favicon.ico", _no_icon))
    handlers = {MXGANError: _failed, OSError: _unreadable, HTTPException: _not_found, Exception: _broken}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.router.redirect_slashes = False
    app.state.site = site
    return Guard(app, names, token)


# The first row that fits an error gives the status.
STATUS = {NotServedError: 404, ReplacedError: 409, BusyError: 503, ArgumentError: 400, MXGANError: 422}
TITLES = {404: "Not found", 503: "Too busy"}
AGAIN = {"retry-after": "2"}


async def _failed(request: Request, error: Exception) -> Response:
    return _told(request, next(status for kind, status in STATUS.items() if isinstance(error, kind)), str(error))


async def _unreadable(request: Request, error: Exception) -> Response:
    return _told(request, 422, f"A file of the run cannot be read: {error.strerror}.")


async def _not_found(request: Request, error: Exception) -> Response:
    return _told(request, 404, "There is no such page.")


async def _broken(request: Request, error: Exception) -> Response:
    return _told(request, 500, "The server could not make this page; its log says why.")


def _told(request: Request, status: int, text: str) -> Response:
    """The text as JSON for a script, as a page for a reader."""
    if request.scope["path"].startswith("/api/"):
        return JSONResponse({"error": in_utf_8(text)}, status, AGAIN if status == 503 else None)
    view = {"title": TITLES.get(status, "Not possible"), "text": in_utf_8(text)}
    return HTMLResponse(render("message.html", view, inline=False, root="/"), status, AGAIN if status == 503 else None)


async def _no_icon(request: Request) -> Response:
    return Response(status_code=204)
