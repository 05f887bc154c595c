"""The pages and their data: list, run, comparison, styles and scripts."""

from __future__ import annotations

import json
import os
import re
from urllib.parse import unquote_to_bytes

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from mxgan.errors import ArgumentError
from mxgan.pictures.report.assets import asset
from mxgan.pictures.report.page import render
from mxgan.web.folder import NotServedError, address_of, root_of
from mxgan.web.site import Site
from mxgan.web.watching import Content, has_already

__all__ = ["all_runs", "compare_data", "compare_page", "list_page", "run_data", "run_page", "static"]

MOST_COMPARED = 12
_STATIC = re.compile(r"[a-z0-9_-]{1,40}\.(css|js)")
_TYPES = {"css": "text/css", "js": "text/javascript"}


async def all_runs(request: Request) -> Response:
    """The list of runs as JSON."""
    site: Site = request.app.state.site
    return _data(request, await site.runs())


async def run_data(request: Request) -> Response:
    """The view of a run as JSON."""
    site: Site = request.app.state.site
    return _data(request, await site.view(request.path_params["id"]))


def _data(request: Request, content: Content) -> Response:
    pace = request.app.state.site.pace
    pace.count()
    headers = {"etag": content.etag, "x-ask-again": f"{pace.seconds:.1f}"}
    if has_already(request.headers, content.etag):
        return Response(status_code=304, headers=headers)
    return Response(content.body, headers=headers, media_type="application/json")


async def list_page(request: Request) -> Response:
    """The page with the list of runs."""
    site: Site = request.app.state.site
    content = await site.runs()

    def make() -> Content:
        view = json.loads(content.body)
        return Content.of_bytes(render("runs.html", view, inline=False, etag=content.etag).encode())

    return _html(await site.kept.get("list page", lambda: content.etag, make, at_once=True))


async def run_page(request: Request) -> Response:
    """The page of a run, which goes on by itself."""
    site: Site = request.app.state.site
    run_id, root = request.path_params["id"], root_of(request.scope)
    content = await site.view(run_id)

    def make() -> Content:
        view = json.loads(content.body)
        del view["sections"]
        more = {"etag": content.etag, "address": address_of(run_id), "links": site.links(run_id)}
        return Content.of_bytes(render("live.html", view, inline=False, root=root, **more).encode())

    return _html(await site.kept.get(("page", run_id, root), lambda: content.etag, make, at_once=True))


async def compare_page(request: Request) -> Response:
    """The page that compares the runs that the address names: ?run=a&run=b."""
    site: Site = request.app.state.site
    ids = _compared(request)
    content = await site.comparison(ids)

    def make() -> Content:
        view = json.loads(content.body)
        del view["sections"]
        query = "&".join(f"run={address_of(each)}" for each in ids)
        page = render("live_comparison.html", view, inline=False, etag=content.etag, query=query)
        return Content.of_bytes(page.encode())

    return _html(await site.kept.get(("comparison page", *ids), lambda: content.etag, make, at_once=True))


async def compare_data(request: Request) -> Response:
    """The view of several runs as JSON."""
    site: Site = request.app.state.site
    return _data(request, await site.comparison(_compared(request)))


def _compared(request: Request) -> list:
    """The ids of the address, each once; ArgumentError for too few or too many."""
    pairs = (part.partition("=") for part in request.scope["query_string"].decode("latin-1").split("&"))
    ids = list(dict.fromkeys(os.fsdecode(unquote_to_bytes(value)) for name, _, value in pairs if name == "run"))
    if not 2 <= len(ids) <= MOST_COMPARED:
        raise ArgumentError(f"{len(ids)} runs are chosen; 2 to {MOST_COMPARED} can be compared. Tick them in the list.")
    return ids


async def static(request: Request) -> Response:
    """A style or a script of the pages."""
    name = request.path_params["name"]
    if not _STATIC.fullmatch(name):
        raise NotServedError("There is no such style or script.")
    try:
        body = asset(name).encode()
    except ArgumentError as error:
        raise NotServedError("There is no such style or script.") from error
    etag = Content.of_bytes(body).etag
    if has_already(request.headers, etag):
        return Response(status_code=304, headers={"etag": etag})
    return Response(body, headers={"etag": etag}, media_type=_TYPES[name.rpartition(".")[2]])


def _html(content: Content) -> Response:
    return HTMLResponse(content.body)
