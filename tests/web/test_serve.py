"""The command `mxgan serve`: what it refuses, what it prints, and how it ends."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import time

import pytest
from click.testing import CliRunner

from mxgan.cli import main
from tests.web.serving import Server, make_run, serving


def refused(*arguments) -> str:
    """The message of a call that must end at once with exit code 2."""
    found = CliRunner().invoke(main, ["serve", *map(str, arguments)])
    assert found.exit_code == 2, found.output
    return " ".join(found.output.split())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "0", "::ffff:0.0.0.0", "10.1.2.3"])
def test_a_host_that_others_reach_needs_a_token(tmp_path, host):
    said = f"--host {host} can be reached from other machines, and there is no --token"
    assert said in refused(tmp_path, "--host", host)


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--host", "no.such.host.invalid"], "--host 'no.such.host.invalid' has no address"),
        (["--host", ""], "--host '' has no address"),
        (["--host", "x" * 300], "has no address"),
        (["--token", "short"], "a token has 16 to 256"),
        (["--allow-host", "a b"], "--allow-host 'a b' is no name of a host"),
        (["--port", "65536"], "65536 is not in the range"),
    ],
)
def test_bad_calls_are_refused_in_words(tmp_path, arguments, said):
    assert said in refused(tmp_path, *arguments)


def test_a_folder_that_is_none_is_refused(tmp_path):
    assert "does not exist. Give a folder of runs" in refused(tmp_path / "none")
    (tmp_path / "file").write_text("x")
    assert "is not a folder" in refused(tmp_path / "file")


def test_a_port_that_is_taken_is_said_in_words(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"port {port} of 127.0.0.1 is in use by another program. Give another --port" in refused(
            tmp_path, "--port", port
        )


def test_without_the_extra_the_message_names_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "uvicorn", None)
    found = CliRunner().invoke(main, ["serve", str(tmp_path)])
    assert found.exit_code == 1
    assert "pip install '.[web]'" in found.output


def test_ctrl_c_ends_it_within_two_seconds_with_viewers_connected(tmp_path):
    """Viewers that wait for the next question, one that has sent half a request, and one that does not read."""
    make_run(tmp_path / "runs/a")
    big = tmp_path / "runs/a/samples/big-000001.png"
    with open(big, "wb") as stream:
        stream.truncate(50 << 20)
    with contextlib.ExitStack() as held:
        server = held.enter_context(serving(tmp_path / "runs", "--port", 0, "--nice", 3))
        assert os.getpriority(os.PRIO_PROCESS, server.process.pid) == os.getpriority(os.PRIO_PROCESS, 0) + 3
        for _ in range(5):
            viewer = held.enter_context(contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port)))
            viewer.request("GET", "/api/run/a")
            assert viewer.getresponse().read()
        for content in (b"GET / HT", b"GET /run/a/samples/big-000001.png HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            held.enter_context(socket.create_connection(("127.0.0.1", server.port))).sendall(content)
        time.sleep(0.3)
        began = time.monotonic()
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(timeout=20) == 0
        assert time.monotonic() - began < 2
        assert server.close() == (0, "")


@pytest.mark.long
def test_a_token_for_a_host_that_others_reach(tmp_path):
    """`auto` is printed once, in the address; it can be had from the environment, and then is not printed."""
    make_run(tmp_path / "runs/a")
    with serving(tmp_path / "runs", "--host", "0.0.0.0", "--port", 0, "--token", "auto") as server:
        token = server.line.partition("?token=")[2].split()[0]
        assert server.get("/").status == 401
        assert server.get(f"/?token={token}").status == 303
        assert server.get("/", authorization=f"Bearer {token}").status == 200
    given = "a-token-from-the-environment"
    with serving(tmp_path / "runs", "--port", 0, environment={"MXGAN_TOKEN": given}) as server:
        assert given not in server.line
        assert server.get("/", authorization=f"Bearer {given}").status == 200
        assert server.get("/").status == 401


@pytest.mark.long
def test_the_folder_can_vanish_and_come_back_while_it_is_served(tmp_path):
    folder = tmp_path / "runs"
    make_run(folder / "a")
    server = Server(folder, "--port", 0).wait_until_ready()
    try:
        assert [each["id"] for each in server.get("/api/runs").json["runs"]] == ["a"]
        folder.rename(tmp_path / "elsewhere")
        time.sleep(2)
        found = server.get("/api/runs").json
        assert found["runs"] == []
        assert "cannot be read: No such file or directory" in found["problems"][0]
        assert server.get("/run/a/").status == 404
        folder.symlink_to(tmp_path / "elsewhere")
        time.sleep(2)
        assert server.get("/run/a/").status == 200
    finally:
        assert server.close() == (0, "")
