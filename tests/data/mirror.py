"""A real HTTP server on this machine; the first part of an address names the fault that it shows."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Mirror(ThreadingHTTPServer):
    """`files` are served under /BEHAVIOUR/NAME; `requests` keeps (behaviour, Range or None)."""

    daemon_threads = True
    # Leaving the server must not wait for connections that it holds open on purpose.
    block_on_close = False

    def __init__(self, files: dict) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files, self.requests, self.closing = files, [], threading.Event()

    def base(self, behaviour: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{behaviour}/"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        _, behaviour, name = self.path.split("/")
        wanted = self.headers.get("Range")
        self.server.requests.append((behaviour, wanted))
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            getattr(self, behaviour.replace("-", "_"))(self.server.files[name], wanted)

    def log_message(self, *_):
        pass

    def answer(self, body: bytes, status: int = 200, length=None, kind: str = "application/gzip", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length != "none":
            self.send_header("Content-Length", str(len(body) if length is None else length))
        for key, value in headers.items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def good(self, content, wanted):
        start = int(wanted[len("bytes=") : -1]) if wanted else 0
        if start >= len(content):
            self.answer(b"", 416, Content_Range=f"bytes */{len(content)}")
        elif wanted:
            self.answer(content[start:], 206, Content_Range=f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.answer(content)

    def no_range(self, content, wanted):
        self.answer(content)

    def no_length(self, content, wanted):
        self.answer(content, length="none")

    def wrong_range(self, content, wanted):
        self.answer(content, 206, Content_Range=f"bytes 0-{len(content) - 1}/{len(content)}")

    def says_encoded(self, content, wanted):
        self.answer(content, Content_Encoding="gzip")

    def truncates(self, content, wanted):
        self.answer(content[: len(content) // 2], length=len(content))

    def claims_less(self, content, wanted):
        self.answer(content, length=len(content) // 2)

    def claims_more(self, content, wanted):
        self.answer(content, length=len(content) + 1000)

    def html(self, content, wanted):
        self.answer(b"<html>Please log in to this network</html>", kind="text/html")

    def missing(self, content, wanted):
        self.answer(b"<html>no</html>", 404, kind="text/html")

    def broken(self, content, wanted):
        self.answer(b"", 500)

    def other(self, content, wanted):
        self.answer(self.server.files["other"])

    def flipped(self, content, wanted):
        middle = len(content) // 2
        self.answer(content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :])

    def endless(self, content, wanted):
        self.answer(content, length="none")
        while not self.server.closing.is_set():
            self.wfile.write(bytes(2**16))

    def stalls(self, content, wanted):
        self.answer(content[: len(content) // 2], length=len(content))
        self.wfile.flush()
        self.server.closing.wait(20)

    def silent(self, content, wanted):
        self.server.closing.wait(20)

    def trickles(self, content, wanted):
        self.answer(b"", length=len(content))
        for value in content:
            if self.server.closing.is_set():
                return
            self.wfile.write(bytes([value]))
            self.wfile.flush()
            time.sleep(0.02)


@contextlib.contextmanager
def running_mirror(files: dict) -> Iterator[Mirror]:
    server = Mirror(files)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()
