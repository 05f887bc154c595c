"""Pictures of samples as answers: the files as they are, and small ones for the list."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncIterator
from typing import BinaryIO

from PIL import Image
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from mxgan.errors import CorruptFileError
from mxgan.pictures.report.foreign import foreign_picture
from mxgan.web.folder import NotServedError
from mxgan.web.site import Site
from mxgan.web.watching import Content, has_already

__all__ = ["picture", "thumbnail"]

PART = 1 << 18  # bytes that are read at a time
SMALL = 192  # pixels of the longer side of a thumbnail
MOST_PIXELS = 1 << 25  # of a picture that is made smaller: 128 MB as RGBA


async def picture(request: Request) -> Response:
    """A PNG of samples/, as it is; read in parts, so that a slow reader holds no memory."""
    site: Site = request.app.state.site
    stream = await site.files.run(site.folder.picture, request.path_params["id"], request.path_params["file"])
    found = os.fstat(stream.fileno())
    headers = {"etag": _etag(found), "content-length": str(found.st_size)}
    if has_already(request.headers, headers["etag"]) or request.method == "HEAD":
        stream.close()
        if request.method == "HEAD":
            return Response(headers=headers, media_type="image/png")
        return Response(status_code=304, headers={"etag": headers["etag"]})
    return StreamingResponse(_parts(site, stream, found.st_size), headers=headers, media_type="image/png")


async def _parts(site: Site, stream: BinaryIO, size: int) -> AsyncIterator[bytes]:
    with stream:
        while size > 0:
            part = await site.files.run(stream.read, min(PART, size))
            if not part:  # the file was cut; the connection is cut too, as its length was promised
                return
            size -= len(part)
            yield part


async def thumbnail(request: Request) -> Response:
    """A picture of samples/ as a small WebP."""
    site: Site = request.app.state.site
    run_id, name = request.path_params["id"], request.path_params["file"]

    def look() -> str:
        with site.folder.picture(run_id, name) as stream:
            return _etag(os.fstat(stream.fileno()))

    def make() -> Content:
        with site.folder.picture(run_id, name) as stream:
            return Content.of_bytes(_smaller(stream))

    found = await site.kept.get(("small", run_id, name), look, make)
    if has_already(request.headers, found.etag):
        return Response(status_code=304, headers={"etag": found.etag})
    return Response(found.body, headers={"etag": found.etag}, media_type="image/webp")


def _smaller(stream: BinaryIO) -> bytes:
    try:
        small = foreign_picture(stream, "The picture", MOST_PIXELS)
    except CorruptFileError as error:
        raise NotServedError(f"The picture cannot be shown; it may be half-written: {error.problem}.") from error
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS)
    kept = io.BytesIO()
    small.save(kept, "WEBP", quality=80)
    return kept.getvalue()


def _etag(found: os.stat_result) -> str:
    return f'"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"'
