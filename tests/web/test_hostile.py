"""Hostile requests to the real process: nothing leaks, nothing hangs, and the server answers afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import select
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mxgan.web import connections
from mxgan.web.addresses import listen, resolved
from mxgan.web.server import server_of
from tests.browser import wait_for
from tests.web.hostile import attacks
from tests.web.serving import Here, make_run

SECRET, OUTSIDE = b"the secret beside the folder", b"name of a run outside"
ALLOWED = {200, 204, 303, 304, 400, 403, 404, 405, 409, 413, 414, 421, 422, 431, 503}
PAUSE, LONGEST = 0.02, 15.0  # seconds between parts; for one attack


@pytest.fixture(scope="module", autouse=True)
def traps(runs):
    """What must not be had: links and a pipe in a run, a run behind a link, one beside the folder, a foreign folder."""
    outside = make_run(runs.parent / "outside", run={"dataset": OUTSIDE.decode()})
    evil = make_run(runs / "evil", run={"dataset": "folder", "data_dir": str(outside)}, data={})
    (evil / "checkpoints").rmdir()
    (evil / "checkpoints").symlink_to(outside)
    (make_run(runs / "drawn") / "config.json").unlink()
    (runs / "drawn/config.json").symlink_to(outside / "config.json")
    (runs / "linked").symlink_to(runs.parent / "outside")
    (runs / "a/samples/link-000001.png").symlink_to(runs.parent / "secret.txt")
    os.mkfifo(runs / "a/samples/pipe-000001.png")


def attack(port: int, what) -> tuple:
    """(what came back, seconds)."""
    began, found = time.monotonic(), b""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=LONGEST) as connection,
        contextlib.suppress(ConnectionError),
    ):
        for part in what.parts:
            connection.sendall(part)
            time.sleep(PAUSE if len(what.parts) > 1 else 0)
        while time.monotonic() - began < LONGEST and _has_more(connection, 0.2 if what.cut else LONGEST):
            part = connection.recv(1 << 16)
            if not part:
                break
            found += part
    return found, time.monotonic() - began


def _has_more(connection, seconds: float) -> bool:
    return bool(select.select([connection], [], [], seconds)[0])


def check(what, found: bytes, seconds: float) -> None:
    assert seconds < LONGEST, what
    assert SECRET not in found, what
    assert OUTSIDE not in found, what
    assert b"root:" not in found, what
    statuses = [int(code) for code in re.findall(rb"(?:^|\n)HTTP/1\.1 (\d{3}) [A-Z]", found)]
    assert set(statuses) <= ALLOWED, (what, statuses)
    assert statuses or not found, what
    assert b"Traceback" not in found, what
    assert not re.search(rb"^(X-In|Set-Cookie):", found, re.MULTILINE | re.IGNORECASE), what


def states(folder: Path) -> dict:
    """{path: (size, time)} of everything below a folder; the cache of the server is in it."""
    return {path: (path.lstat().st_size, path.lstat().st_mtime_ns) for path in folder.rglob("*")}


def survives(process, runs, count: int, seed: int) -> None:
    files = Path(f"/proc/{process.process.pid}/fd")
    process.get("/api/run/a")
    process.get("/api/explore/a/facts")  # MXNet is loaded
    before, found_there = len(list(files.iterdir())), states(runs.parent)
    whole = list(attacks(count, seed))
    with ThreadPoolExecutor(8) as pool:
        for what, (found, seconds) in zip(whole, pool.map(lambda each: attack(process.port, each), whole)):
            check(what, found, seconds)
    assert process.process.poll() is None
    assert states(runs.parent) == found_there
    began = time.monotonic()
    assert [process.get(path).status for path in ("/", "/run/a/", "/api/runs")] == [200] * 3
    assert time.monotonic() - began < 5
    assert wait_for(lambda: len(list(files.iterdir())) <= before + 8)


def test_a_hundred_hostile_requests(process, runs):
    survives(process, runs, 100, 18)


@pytest.mark.long
def test_five_hundred_hostile_requests_of_other_seeds(process, runs):
    survives(process, runs, 500, 19)


def test_the_attacks_are_what_they_say():
    whole = list(attacks(500))
    assert whole == list(attacks(500))
    assert len({each.kind for each in whole}) == 11
    assert len({each.parts for each in whole}) > 350


def test_many_connections_lock_nobody_out(process):
    """More connections that wait than the server keeps, and half of them with half a request."""
    held = []
    try:
        for number in range(connections.MOST_CONNECTIONS + 100):
            held.append(socket.create_connection(("127.0.0.1", process.port), timeout=10))
            if number % 2:
                held[-1].sendall(b"GET / HTTP/1.1\r\nHost: loc")
        assert process.get("/api/runs", timeout=10).status == 200
        assert len(list(Path(f"/proc/{process.process.pid}/fd").iterdir())) < connections.MOST_CONNECTIONS + 60
    finally:
        for each in held:
            each.close()
    assert process.get("/", timeout=10).status == 200


def test_connections_that_wait_too_long_are_closed(runs, monkeypatch):
    """One that says nothing, one with half a request, one that stays after an answer, and one that does not read."""
    monkeypatch.setattr(connections, "LONGEST_WAIT", 0.3)
    monkeypatch.setattr(connections, "LONGEST_ANSWER", 0.6)
    monkeypatch.setattr(connections, "_LOOK_EVERY", 0.1)
    big = runs / "b/samples/big-000001.png"
    with open(big, "wb") as stream:
        stream.truncate(30 << 20)
    with contextlib.closing(Here(runs)) as server:
        request = b"GET /run/b/samples/big-000001.png HTTP/1.1\r\nHost: localhost\r\n\r\n"
        for content in (b"", b"GET / HT", b"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n\r\nG", request):
            with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
                connection.sendall(content)
                time.sleep(1.2 if content == request else 0)
                received = 0
                with contextlib.suppress(ConnectionError):
                    while part := connection.recv(1 << 20):
                        received += len(part)
                assert received < 30 << 20, content
        assert server.get("/api/runs").status == 200


def test_a_slow_reader_of_an_answer_in_one_piece_gets_all_of_it(monkeypatch):
    """uvicorn calls such an answer complete while most of it waits for its reader."""
    monkeypatch.setattr(connections, "LONGEST_WAIT", 0.3)
    monkeypatch.setattr(connections, "_LOOK_EVERY", 0.05)
    body = bytes(16 << 20)

    async def app(scope, receive, send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": body})

    listener = listen(resolved("127.0.0.1"), 0)
    server = server_of(app)
    thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
    thread.start()
    try:
        with socket.create_connection(listener.getsockname(), timeout=10) as connection:
            connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            time.sleep(0.8)
            received = 0
            while part := connection.recv(1 << 20):
                received += len(part)
        assert received > len(body)
    finally:
        server.should_exit = True
        thread.join(20)


def test_a_body_is_not_read(server):
    """However long it is said to be: the answer comes at once, and ends the connection."""
    for headers in (b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"):
        found = server.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\nxyz" % headers, end=False)
        assert found.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in found.lower()
