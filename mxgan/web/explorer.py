"""The routes of the explorer: a page for each run, and the API that the page asks.

::

    GET /explore/{id}/                  the page; its query is the state, see explorer_points.py
    GET /api/explore/{id}/facts         checkpoints, classes, directions …: JSON
    GET /api/explore/{id}/image         the image as a data: URI, with D's score: JSON
    GET /api/explore/{id}/nearest       the nearest training image: JSON
    GET /api/explore/{id}/image.png     the image as a file
    GET /api/explore/{id}/latent.npy    the latent as a file

All take the parameters of explorer_points.py. A page names itself in the header X-Viewer: its newer request takes the
place of an older one that still waits, which is answered by 409. Errors are JSON, {"error": text}.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable
from pathlib import Path
from typing import Callable, Optional
from urllib.parse import parse_qsl, quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from mxgan.errors import ArgumentError, MXGANError
from mxgan.report.page import render
from mxgan.web.explorer_points import Wanted, wanted
from mxgan.web.explorer_studio import Download, Studio
from mxgan.web.explorer_worker import ReplacedError, TooBusyError
from mxgan.web.folder import NotServedError

__all__ = ["explorer_routes"]

logger = logging.getLogger(__name__)

MOST_FIELDS = 32
_VIEWER = re.compile(r"[A-Za-z0-9-]{1,40}")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_TYPES = {"png": "image/png", "npy": "application/octet-stream"}
# The first row that fits an error gives the status.
_STATUS = ((NotServedError, 404), (ReplacedError, 409), (TooBusyError, 503), (ArgumentError, 400), (MXGANError, 422))


def explorer_routes(find: Callable[[str], Awaitable[Path]], studio: Studio) -> list:
    """The routes, over the runs that `find` gives.

    Parameters
    ----------
    find : the folder of a run by its id; NotServedError if there is none.
    studio : draws; the server closes it at its end.
    """

    async def page(request: Request) -> Response:
        run_id = request.path_params["id"]
        try:
            name = (await find(run_id)).name
        except NotServedError as error:
            return Response(f"{error}\n", 404, media_type="text/plain")
        root = "../" * (request.scope["raw_path"].partition(b"?")[0].count(b"/") - 1)
        address = quote(run_id.encode("utf-8", "surrogateescape"), safe="")
        view = {"name": name, "api": f"{root}api/explore/{address}/", "run": f"{root}run/{address}/"}
        return HTMLResponse(render("explorer.html", view, inline=False, root=root))

    def api(answer: Callable) -> Callable:
        async def endpoint(request: Request) -> Response:
            try:
                asked = _asked(request)
                return await answer(await find(request.path_params["id"]), asked, _viewer(request))
            except (MXGANError, OSError) as error:
                return _refusal(error)
            except asyncio.CancelledError:  # the server ends
                return JSONResponse({"error": "The server ends."}, 503)
            except Exception:
                logger.exception("The explorer failed at %r", request.url.path)
                return JSONResponse({"error": "The explorer failed; the log of the server says how."}, 500)

        return endpoint

    async def facts(run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
        return _json(await asyncio.wrap_future(studio.facts(run, asked)))

    async def image(run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
        return _json(await asyncio.wrap_future(studio.image(run, asked, viewer)))

    async def nearest(run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
        pixels = await asyncio.wrap_future(studio.pixels(run, asked, viewer))
        return _json(await asyncio.wrap_future(studio.neighbour(run, pixels, viewer)))

    async def picture(run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
        return _file(await asyncio.wrap_future(studio.picture(run, asked)))

    async def latent(run: Path, asked: Wanted, viewer: Optional[str]) -> Response:
        return _file(await asyncio.wrap_future(studio.latent(run, asked)))

    answers = {"facts": facts, "image": image, "nearest": nearest, "image.png": picture, "latent.npy": latent}
    routes = [Route(f"/api/explore/{{id:path}}/{name}", api(answer)) for name, answer in answers.items()]
    return [Route("/explore/{id:path}/", page), *routes]


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


def _refusal(error: Exception) -> Response:
    """An error in words."""
    if isinstance(error, OSError) and not isinstance(error, MXGANError):
        return JSONResponse({"error": f"A file of the run cannot be read: {error.strerror}."}, 422)
    status = next(number for kind, number in _STATUS if isinstance(error, kind))
    text = str(error).encode("utf-8", "backslashreplace").decode()  # names of files may be no UTF-8
    return JSONResponse({"error": text}, status, {"retry-after": "2"} if status == 503 else None)


def _json(content: dict) -> Response:
    return JSONResponse(content, headers={"cache-control": "no-store"})


def _file(download: Download) -> Response:
    name = _UNSAFE.sub("_", download.name)
    headers = {"content-disposition": f'attachment; filename="{name}"', "cache-control": "no-store"}
    return Response(download.content, media_type=_TYPES[name.rpartition(".")[2]], headers=headers)
