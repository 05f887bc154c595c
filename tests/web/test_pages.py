"""The pages of `mxgan serve` over HTTP: what is there, what is kept by browsers, and what vanishes."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
from urllib.parse import urljoin

import pytest

from tests.browser import wait_for
from tests.web.serving import add_picture, add_steps, make_run

PAGES = ("/", "/run/a/", "/run/group%2Fc/", "/run/group/c/", "/compare?run=a&run=b", "/api/runs", "/api/run/a")


@pytest.fixture(scope="module", autouse=True)
def more_runs(runs):
    """Further runs in the folder, made before the server looks at it."""
    for name in ("later", "gone", "broken", "inside", "na #%me"):
        make_run(runs / name, steps=2 if name == "later" else 5)
    make_run(runs.parent / "outside")
    (runs / "linked").symlink_to(runs.parent / "outside")


@pytest.mark.parametrize("path", PAGES)
def test_pages_are_there(server, path):
    found = server.get(path)
    assert found.status == 200
    assert found.headers["content-type"].startswith("application/json" if "/api/" in path else "text/html")


@pytest.mark.parametrize("path", ["/run/group%2Fc/", "/run/group/c/", "/run/a/"])
def test_links_and_styles_of_a_page_are_there_however_its_address_is_written(server, path):
    page = server.get(path).body.decode()
    found = re.findall('(?:href|src|data-address)="([^"#]+)"', page)
    assert len([each for each in found if "static/" in each]) > 5
    for each in found:
        assert server.get(urljoin(path, each)).status == 200, each


def test_the_list_has_every_run_and_its_state(server):
    rows = {each["id"]: each for each in server.get("/api/runs").json["runs"]}
    assert {"a", "b", "group/c"} <= rows.keys()
    assert rows["group/c"]["address"] == "group%2Fc"
    assert (rows["a"]["step"], rows["a"]["last_step"], rows["a"]["latest_picture"]) == (
        5,
        100,
        "samples/gout-000005.png",
    )


def test_a_view_holds_the_history_and_the_sections(server, runs):
    view = server.get("/api/run/b").json
    losses = next(each for each in view["charts"] if "loss_g" in [row["name"] for row in each["series"]])
    lines = [json.loads(line) for line in (runs / "b" / "history.jsonl").read_text().splitlines()]
    assert losses["x"] == [1, 2, 3, 4, 5]
    assert losses["series"][0]["values"] == [line["loss_g"] for line in lines]
    assert 'aria-labelledby="scores"' in view["sections"]
    assert "<script" not in view["sections"]


def test_a_picture_is_served_to_the_bit_and_small_ones_are_webp(server, runs):
    found = server.get("/run/a/samples/gout-000005.png")
    assert (found.headers["content-type"], found.body) == (
        "image/png", (runs / "a/samples/gout-000005.png").read_bytes()
    )  # fmt: skip
    small = server.get("/run/a/thumbnails/gout-000005.png")
    assert small.headers["content-type"] == "image/webp"
    assert small.body[:4] == b"RIFF"
    assert small.body[8:12] == b"WEBP"


@pytest.mark.parametrize(
    "path", ["/api/runs", "/api/run/a", "/run/a/samples/gout-000001.png", "/run/a/thumbnails/gout-000001.png",
             "/static/core.js", "/static/uplot.css"]
)  # fmt: skip
def test_what_has_not_changed_is_not_sent_again(server, path):
    etag = server.get(path).headers["etag"]
    again = server.get(path, if_none_match=f'W/"other", {etag}')
    assert (again.status, again.body, again.headers["etag"]) == (304, b"", etag)
    assert server.get(path, if_none_match='"other"').status == 200


@pytest.mark.parametrize("path", [*PAGES, "/run/a/samples/gout-000001.png", "/static/core.js", "/nothing"])
def test_head_has_the_headers_of_get_and_no_body(server, path):
    whole, head = server.get(path), server.get(path, "HEAD")
    assert (head.status, head.body) == (whole.status, b"")
    same = ("content-type", "content-length", "etag")
    assert [head.headers.get(name) for name in same] == [whole.headers.get(name) for name in same]


def test_nothing_is_compressed(server):
    assert "content-encoding" not in server.get("/api/run/a", accept_encoding="gzip, br, deflate, zstd").headers


def test_a_step_and_a_picture_that_come_later_are_seen(server, runs):
    etag = server.get("/api/run/later").headers["etag"]
    add_steps(runs / "later", 3)
    add_picture(runs / "later", "gout-000003.png", 3)

    def changed():
        return server.get("/api/run/later", if_none_match=etag).status == 200

    assert wait_for(changed)
    view = server.get("/api/run/later").json
    assert view["charts"][0]["x"][-1] == 3
    assert view["pictures"][0]["frames"][-1]["step"] == 3


def test_a_run_that_vanishes_is_said_to_be_gone_and_comes_back(server, runs):
    assert server.get("/run/gone/").status == 200
    shutil.rmtree(runs / "gone")
    assert wait_for(lambda: server.get("/run/gone/").status == 404)
    assert b"There is no such run. It may have been deleted or renamed." in server.get("/run/gone/").body
    assert server.get("/api/run/gone").json == {"error": "There is no such run. It may have been deleted or renamed."}
    assert "gone" not in [each["id"] for each in server.get("/api/runs").json["runs"]]
    make_run(runs / "gone")
    assert wait_for(lambda: server.get("/run/gone/").status == 200)


def test_a_broken_run_is_shown_as_what_it_is(server, runs):
    (runs / "broken/config.json").write_text('{"run": ')
    with open(runs / "broken/history.jsonl", "a") as stream:
        stream.write('{"step": 6, "lo')
    (runs / "broken/samples/gout-000009.png").write_bytes(b"\x89PNG\r\n\x1a\nhalf")
    assert server.get("/run/broken/").status == 200
    row = next(each for each in server.get("/api/runs").json["runs"] if each["id"] == "broken")
    assert (row["state"], row["step"]) == ("unreadable", 5)
    assert "config.json" in row["problems"][0]
    assert "it may be half-written" in server.get("/run/broken/thumbnails/gout-000009.png").body.decode()
    assert server.get("/run/broken/samples/gout-000009.png").status == 200  # the browser says that it is broken


def test_links_pipes_and_sockets_are_not_served(server, runs):
    outside = runs.parent / "outside"
    samples = runs / "a/samples"
    (samples / "link-000001.png").symlink_to(runs.parent / "secret.txt")
    os.mkfifo(samples / "pipe-000001.png")
    (samples / "folder-000001.png").mkdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(samples / "socket-000001.png"))
    shutil.rmtree(runs / "inside/samples")
    (runs / "inside/samples").symlink_to(outside / "samples")
    for name in ("link", "pipe", "folder", "socket"):
        assert server.get(f"/run/a/samples/{name}-000001.png", timeout=5).status == 404, name
        assert server.get(f"/run/a/thumbnails/{name}-000001.png", timeout=5).status == 404, name
    assert server.get("/run/inside/").status == 200
    assert server.get("/run/inside/samples/gout-000001.png").status == 404
    assert server.get("/run/linked/").status == 404
    assert wait_for(lambda: "Links are not followed: linked." in server.get("/api/runs").json["problems"])


def test_a_picture_with_any_name_has_an_address(server, runs):
    add_picture(runs / "na #%me", "a #%&b-000001.png")
    assert server.get("/run/na%20%23%25me/").status == 200
    frames = [kind["frames"][0]["src"] for kind in server.get("/api/run/na%20%23%25me").json["pictures"]]
    assert "samples/a%20%23%25%26b-000001.png" in frames
    for address in frames:
        assert server.get(f"/run/na%20%23%25me/{address}").status == 200


@pytest.mark.parametrize(
    "query, said",
    [("", "0 runs are chosen"), ("run=a", "1 runs are chosen"), ("run=a&run=a", "1 runs are chosen"),
     ("&".join(f"run={number}" for number in range(13)), "13 runs are chosen")],
)  # fmt: skip
def test_a_comparison_of_too_few_or_too_many(server, query, said):
    found = server.get(f"/compare?{query}")
    assert (found.status, said in found.body.decode()) == (400, True)


def test_a_comparison_with_a_run_that_is_not_there(server):
    assert server.get("/compare?run=a&run=..").status == 404
