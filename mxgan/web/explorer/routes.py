"""The routes of the explorer: a page for each run, and the API that the page asks.

::

    GET /explore/{id}/                  the page; its query is the state, see points.py
    GET /api/explore/{id}/facts         checkpoints, classes, directions …: JSON
    GET /api/explore/{id}/image         the image as a data: URI, with D's score: JSON
    GET /api/explore/{id}/nearest       the nearest training image: JSON
    GET /api/explore/{id}/image.png     the image as a file
    GET /api/explore/{id}/latent.npy    the latent as a file

All take the parameters of points.py. A page names itself in the header X-Viewer: its newer request takes the
place of an older one that still waits, which is answered by 409. Errors are JSON, {"error": text}.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mxgan.errors import ArgumentError
from mxgan.pictures.report.page import render
from mxgan.pictures.report.values import in_utf_8
from mxgan.web.explorer.points import Wanted, wanted
from mxgan.web.explorer.studio import Download, Studio
from mxgan.web.folder import address_of, root_of
from mxgan.web.site import Site

__all__ = ["explorer_routes"]

MOST_FIELDS = 32
_VIEWER = re.compile(r"[A-Za-z0-9-]{1,40}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_TYPES = {"png": "image/png", "npy": "application/octet-stream"}


def explorer_routes(studio: Studio) -> list:
    """The routes for `make_app(…, more=…)`; who starts the server closes the studio at its end."""
    answers = {
        "facts": _facts,
        "image": _image,
        "nearest": _nearest,
        "image.png": _picture,
        "latent.npy": _latent,
    }
    api = [Route(f"/api/explore/{{id:path}}/{name}", _api(answer, studio)) for name, answer in answers.items()]
    return [Route("/explore/{id:path}/", _page), *api]


async def _run(request: Request) -> Path:
    """The folder of the run that the address names; NotServedError if there is none."""
    site: Site = request.app.state.site
    return await site.files.run(site.folder.run, request.path_params["id"])


async def _page(request: Request) -> Response:
    run = await _run(request)
    root = root_of(request.scope)
    address = address_of(request.path_params["id"])
    view = {"name": run.name, "api": f"{root}api/explore/{address}/", "run": f"{root}run/{address}/"}
    return HTMLResponse(render("explorer.html", view, inline=False, root=root))


def _api(answer: Callable, studio: Studio) -> Callable:
    """The endpoint of an answer: its request checked. Its errors are put in words by the app."""

    async def endpoint(request: Request) -> Response:
        asked = _asked(request)
        return await answer(studio, await _run(request), asked, _viewer(request))

    return endpoint


async def _facts(studio: Studio, run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
    return _json(await asyncio.wrap_future(studio.facts(run, asked)))


async def _image(studio: Studio, run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
    return _json(await asyncio.wrap_future(studio.image(run, asked, viewer)))


async def _nearest(studio: Studio, run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
    pixels = await asyncio.wrap_future(studio.pixels(run, asked, viewer))
    return _json(await asyncio.wrap_future(studio.neighbour(run, pixels, viewer)))


async def _picture(studio: Studio, run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
    return _file(await asyncio.wrap_future(studio.picture(run, asked)))


async def _latent(studio: Studio, run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
    return _file(await asyncio.wrap_future(studio.latent(run, asked)))


def _asked(request: Request) -> Wanted:
    """The parameters of a request; ArgumentError if one is wrong."""
    try:
        items = parse_qsl(request.url.query, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="strict")
    except ValueError as error:
        raise ArgumentError(f"the query of the address cannot be read: {error}. Give at most {MOST_FIELDS}.") from error
    return wanted(items)


def _viewer(request: Request) -> Optional[str]:
    """The name that a page gives itself, with its address; None without one."""
    name = request.headers.get("x-viewer", "")
    return f"{request.client.host if request.client else ''} {name}" if _VIEWER.fullmatch(name) else None


def _json(content: dict) -> Response:
    return JSONResponse(in_utf_8(content), headers={"cache-control": "no-store"})


def _file(download: Download) -> Response:
    name = _UNSAFE.sub("_", download.name)
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(download.content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
