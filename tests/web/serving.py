"""A server as a process of its own, requests to it, and folders of runs made of plain files."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np
from PIL import Image

from mxgan.runtime.config import to_dict
from tests.support import tiny_config

__all__ = ["Answer", "Here", "Server", "add_picture", "add_steps", "make_run", "serving"]

ROOT = Path(__file__).resolve().parents[2]
STAMP = "2026_01_02-03_04"


class Answer(NamedTuple):
    """An answer of the server; names of headers are lower-case."""

    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


class Client:
    """Requests to a server at `port`."""

    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def get(self, path: str, method: str = "GET", timeout: float = 30, **headers) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host="host" in headers, skip_accept_encoding=True)
            for name, value in headers.items():
                if value is not None:
                    connection.putheader(name.replace("_", "-"), value)
            connection.endheaders()
            found = connection.getresponse()
            return Answer(found.status, {name.lower(): value for name, value in found.getheaders()}, found.read())

    def send(self, content: bytes, timeout: float = 10, end: bool = True) -> bytes:
        """What comes back for these bytes, until the server closes; b"" if it cuts the connection."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            found = b""
            with contextlib.suppress(ConnectionError):
                connection.sendall(content)
                if end:
                    connection.shutdown(socket.SHUT_WR)
                while part := connection.recv(1 << 16):
                    found += part
            return found


def _heeds_ctrl_c() -> None:
    """A shell starts `pytest &` with SIGINT ignored, and its children would ignore it too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Server(Client):
    """`mxgan serve` as a process."""

    def __init__(self, *arguments, environment: Optional[dict] = None) -> None:
        command = [sys.executable, "-m", "mxgan", "serve", *map(str, arguments)]
        given = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **(environment or {})}
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `close`)
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=given,
            text=True,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            preexec_fn=_heeds_ctrl_c,
        )

    def wait_until_ready(self, seconds: float = 120) -> Server:
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        self.line = self.process.stdout.readline() if ready else ""
        found = re.search(r"http://(\[[^]]+\]|[^:/]+):(\d+)/", self.line)
        if not found:
            self.process.kill()
            raise AssertionError(f"no server: {self.line!r} {self.close()[1]}")
        self.port = int(found[2])
        return self

    def close(self) -> tuple:
        """(exit code, standard error) after SIGTERM, or of a server that has ended."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.communicate(timeout=20)
        finally:
            self.process.kill()
        if not self.errors.closed:
            self.errors.seek(0)
            with self.errors:
                self.said = self.errors.read()
        return self.process.returncode, self.said


class Here(Client):
    """A server in a thread of this process, which starts at once."""

    def __init__(self, folder: Path, names=None, token: Optional[str] = None, host: str = "127.0.0.1") -> None:
        from mxgan.web.addresses import listen, names_of, resolved
        from mxgan.web.app import make_app
        from mxgan.web.server import server_of
        from mxgan.web.site import Site
        from mxgan.web.tokens import Token

        listener = listen(resolved(host), 0)
        self.port = listener.getsockname()[1]
        token = Token(token, self.port) if token else None
        self._server = server_of(make_app(Site(folder), names_of(resolved(host), names or ()), token))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.should_exit = True
        self._thread.join(20)


@contextlib.contextmanager
def serving(*arguments, environment: Optional[dict] = None):
    server = Server(*arguments, environment=environment)
    try:
        yield server.wait_until_ready()
    finally:
        server.close()


def make_run(folder: Path, steps: int = 5, **recorded) -> Path:
    """A run of plain files: settings, `steps` lines of history, and two pictures."""
    for part in ("samples", "checkpoints"):
        (folder / part).mkdir(parents=True)
    run = {**to_dict(tiny_config(steps=100)), **recorded.pop("run", {})}
    record = {"run": run, "stamp": STAMP, "data": {"name": "digits", "count": 1797}, "versions": {"mxgan": "0.1.0"}}
    (folder / "config.json").write_text(json.dumps({**record, **recorded}))
    add_steps(folder, *range(1, steps + 1))
    add_picture(folder, "gout-000001.png")
    add_picture(folder, f"gout-{steps:06d}.png")
    return folder


def add_steps(folder: Path, *steps: int) -> None:
    rows = ({"step": step, "epoch": 0, "images_per_second": 100.0, "loss_g": 1 / step, "loss_d": 0.5} for step in steps)
    with open(folder / "history.jsonl", "a") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)


def add_picture(folder: Path, name: str, seed: int = 0, size: int = 32) -> Path:
    pixels = np.random.default_rng(seed).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / "samples" / name)
    return folder / "samples" / name
