"""The process of `mxgan serve`: a socket, uvicorn in a thread, and an end by a signal."""

from __future__ import annotations

import logging
import socket
import threading

import uvicorn

from mxgan.runtime.signals import ENDING, handled
from mxgan.web.connections import Connection

__all__ = ["run_until_signal", "server_of"]

KEEP_ALIVE = 15  # seconds for which a connection waits after an answer
GRACE = 0.5  # seconds for answers that are under way when the server ends
HEADERS_AT_MOST = 1 << 14  # bytes of a request's line and headers


def run_until_signal(app, listener: socket.socket) -> None:
    """Serve an ASGI app at a socket until SIGINT, SIGTERM or SIGHUP; answers that are under way get GRACE seconds."""
    for name in ("uvicorn", "uvicorn.error", "asyncio"):  # one line for each bad request would fill a disk
        logging.getLogger(name).setLevel(logging.CRITICAL)
    server = server_of(app)
    thread = threading.Thread(target=server.run, args=([listener],), name="mxgan-serve", daemon=True)

    def end(number, frame) -> None:
        server.should_exit = True

    with handled(ENDING, end):
        thread.start()
        while thread.is_alive():
            thread.join(0.5)


def server_of(app) -> uvicorn.Server:
    """uvicorn with the bounds of this server. In the main thread its `run` takes over the signals; in others not."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            interface="asgi3",
            http=Connection,
            ws="none",
            loop="asyncio",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=GRACE,
            h11_max_incomplete_event_size=HEADERS_AT_MOST,
        )
    )
