"""Who may ask `mxgan serve`: the token, the names of the Host header, the methods, and the headers of every answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging

import pytest

from mxgan.errors import ArgumentError
from mxgan.web.addresses import names_of, resolved
from mxgan.web.security import HEADERS, Guard
from mxgan.web.tokens import FailureLimit, checked_token
from tests.web.serving import Here

TOKEN = "a-token-of-this-test-0123"
EVERY = ("/", "/run/a/", "/api/runs", "/api/run/a", "/run/a/samples/gout-000001.png", "/static/core.js", "/nothing")
BEARER = f"Bearer {TOKEN}"


@pytest.fixture(scope="module")
def guarded(runs):
    """A server that asks for TOKEN and is also named box.lab.org."""
    with contextlib.closing(Here(runs, ["Box.lab.org"], TOKEN)) as started:
        yield started


@pytest.mark.parametrize("path", EVERY)
def test_nothing_is_answered_without_the_token(guarded, path):
    wrong = ({"authorization": "Bearer wrong"}, {"authorization": TOKEN}, {"cookie": f"mxgan_{guarded.port}="})
    for headers in ({}, *wrong):
        found = guarded.get(path, **headers)
        assert found.status in (401, 429), headers
        assert b"gout" not in found.body
    right = guarded.get(path, authorization=BEARER)
    assert right.status == (404 if path == "/nothing" else 200)


def test_a_refusal_says_how_to_show_the_token(runs):
    with contextlib.closing(Here(runs, token=TOKEN)) as fresh:
        found = fresh.get("/")
    assert found.headers["www-authenticate"] == 'Bearer realm="mxgan"'
    assert "Open the address that mxgan serve has printed" in found.body.decode()


def test_the_token_in_an_address_becomes_a_cookie_that_does_not_show_it(guarded):
    found = guarded.get(f"/run/a/?x=1%202&token={TOKEN}")
    assert (found.status, found.headers["location"]) == (303, "/run/a/?x=1%202")
    cookie, *attributes = found.headers["set-cookie"].split("; ")
    assert attributes == ["Path=/", "HttpOnly", "SameSite=Strict"]
    assert TOKEN not in found.headers["set-cookie"]
    for path in EVERY[:-1]:
        assert guarded.get(path, cookie=f"other=1; {cookie}; more=2").status == 200, path
        assert guarded.get(path, cookie=cookie[:-1] + "x").status in (401, 429), path


def test_a_name_that_ends_in_token_is_no_token(guarded):
    cookie = guarded.get(f"/?token={TOKEN}").headers["set-cookie"].partition(";")[0]
    assert guarded.get("/?mytoken=1&x=token=2", cookie=cookie).status == 200
    assert guarded.get(f"/?mytoken={TOKEN}").status in (401, 429)


def test_the_rest_of_an_address_keeps_its_bytes(guarded):
    found = guarded.get(f"/compare?run=m%FF&token={TOKEN}&run=a+b%2B&&")
    assert found.headers["location"] == "/compare?run=m%FF&run=a+b%2B&&"
    quoted = "".join(f"%{ord(char):02X}" for char in TOKEN)
    assert guarded.get(f"/?token={quoted}").status == 303


def test_a_wrong_token_in_an_address_sets_no_cookie_even_with_the_right_header(guarded):
    found = guarded.get("/?token=wrong", authorization=BEARER)
    assert found.status in (401, 429)
    assert "set-cookie" not in found.headers


def test_the_redirect_stays_on_this_server(guarded):
    found = guarded.get(f"//evil.example/%0d%0aX:%201?token={TOKEN}")
    assert found.headers["location"] == "/evil.example/%0d%0aX:%201"
    assert "x" not in found.headers


def test_failures_are_limited_and_lock_nobody_out(runs):
    with contextlib.closing(Here(runs, token=TOKEN)) as fresh:
        found = [fresh.get("/api/runs", authorization=f"Bearer {number:020}").status for number in range(30)]
        assert found[:10] == [401] * 10
        assert found[-5:] == [429] * 5
        assert fresh.get("/api/runs", authorization=BEARER).status == 200


def test_the_limit_is_for_each_address_and_its_memory_bounded():
    limit = FailureLimit(burst=2, a_second=0, most=3)
    assert [limit.is_over("a") for _ in range(4)] == [False, False, True, True]
    assert not limit.is_over("b")
    for number in range(100):
        limit.is_over(str(number))
    assert len(limit._left) == 3


def test_the_token_is_never_logged(runs, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    with contextlib.closing(Here(runs, token=TOKEN)) as fresh:
        fresh.get("/", authorization=BEARER)
        fresh.get(f"/?token={TOKEN}")
        fresh.get(f"/nothing/{TOKEN}?token={TOKEN}x")
        fresh.send(f"GET /?token={TOKEN} HTTP/1.1\r\n: broken {TOKEN}\r\n\r\n".encode())
    assert TOKEN not in caplog.text
    assert TOKEN not in "".join(capfd.readouterr())


@pytest.mark.parametrize(
    "text", ["short", "x" * 15, "x" * 257, "with a blank in it", "süß-token-sixteen", "a" * 20 + "\n"]
)
def test_a_token_that_can_be_guessed_or_not_sent_is_refused(text):
    with pytest.raises(ArgumentError, match=rf"--token has {len(text)} characters.*--token auto"):
        checked_token(text)


def test_auto_makes_another_token_each_time():
    assert checked_token("auto") != checked_token("auto")
    assert len(checked_token("auto")) >= 40


@pytest.mark.parametrize(
    "host, status",
    [
        ("localhost", 200), ("LOCALHOST:1", 200), ("127.0.0.1:8000", 200), ("[::1]:80", 200), ("box.lab.org", 200),
        ("evil.example", 421), ("localhost.evil.example", 421), ("127.0.0.1.nip.io", 421), ("10.0.0.1", 421),
        ("localhost.", 421), ("", 400), ("a b", 400), ("localhost:99999999", 400), ("local\x7fhost", 400), ("@", 400),
        ("[::1", 400), ("x" * 300, 400),
    ],
)  # fmt: skip
def test_the_host_must_be_one_of_the_names(guarded, host, status):
    assert guarded.get("/api/runs", host=host, authorization=BEARER).status == status


def test_a_request_without_a_host_is_refused(server):
    assert b" 400 " in server.send(b"GET /api/runs HTTP/1.0\r\n\r\n")


def test_the_name_of_another_server_is_refused_before_the_token_is_looked_at(guarded):
    found = guarded.get(f"/?token={TOKEN}", host="evil.example")
    assert found.status == 421
    assert "--allow-host" in found.body.decode()


@pytest.mark.parametrize("name", ["a b", "http://x", "x:1", "", "[zz", "é"])
def test_names_that_are_none_are_refused(name):
    with pytest.raises(ArgumentError, match="--allow-host"):
        names_of(resolved("127.0.0.1"), [name])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT", "BREW", "get"])
def test_other_methods_are_refused(server, method):
    found = server.get("/api/runs", method)
    assert (found.status, found.headers.get("allow")) == (405, "GET, HEAD")


@pytest.mark.parametrize("path", EVERY)
def test_every_answer_has_the_headers_and_none_that_opens_it_to_others(server, path):
    found = server.get(path, origin="https://evil.example")
    for name, value in HEADERS.items():
        assert found.headers.get(name) in (value, "no-store"), name
    assert "cache-control" in found.headers
    assert not [name for name in found.headers if name.startswith("access-control") or name == "server"]
    assert "unsafe" not in found.headers["content-security-policy"]


def test_a_request_that_cannot_even_be_judged_is_logged_and_ends_alone(caplog):
    guard = Guard(None, frozenset({"localhost"}))
    scope = {"type": "http", "method": "GET", "query_string": b"", "headers": []}  # no raw_path
    for _ in range(3):
        asyncio.run(guard(scope, None, None))
    assert caplog.text.count("KeyError: 'raw_path'") == 1


@pytest.mark.parametrize("host, alone", [("127.0.0.1", True), ("localhost", True), ("::1", True), ("127.8.9.1", True),
                                         ("0.0.0.0", False), ("::", False), ("0", False), ("::ffff:1.2.3.4", False),
                                         ("::ffff:127.0.0.1", True), ("10.1.2.3", False)])  # fmt: skip
def test_what_only_this_machine_reaches(host, alone):
    assert resolved(host).is_loopback is alone
