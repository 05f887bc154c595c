"""The live pages in a real browser: new steps and pictures come without a reload, nothing of a run is ever run."""

from __future__ import annotations

import itertools
import json
import shutil

import pytest

from mxgan.pictures.report.words import size
from tests.browser import until, wait_for
from tests.web.serving import add_picture, add_steps, make_run

SCRIPT = '"><script>window.hit=1</script><img src=x onerror="window.hit=1">\u202e'
EVIL = "<script>window.hit=1<!script><img src=x onerror=window.hit=1>'\"#%&\u2028"  # a name of a folder: without /
ASK = "(mxgan.live.run ?? mxgan.list.watched).ask()"
SHORT_PROFILE = b"\0\0\0\2iCCPa\0\x18\x91^-"  # a chunk of a PNG for which Pillow raises IndexError
ROUTES = {"list": "", "run": "run/a/", "comparison": "compare?run=a&run=b"}


@pytest.fixture(scope="module", autouse=True)
def more_runs(runs):
    """A run that goes on, and one with markup in every name and setting."""
    make_run(runs / "live")
    evil = make_run(runs / EVIL)
    settings = json.loads((evil / "config.json").read_text())
    settings["run"] = {**_spoilt(settings["run"]), "dataset": SCRIPT}
    settings.update(versions={SCRIPT: SCRIPT}, data={"name": SCRIPT, "count": 1, "classes": [SCRIPT]}, changes=[
        {"step": 2, "settings": {SCRIPT: [SCRIPT, SCRIPT]}}
    ])  # fmt: skip
    (evil / "config.json").write_text(json.dumps(settings))
    row = {"step": 6, "loss_g": 1, SCRIPT: 2.0, "diagnoses": [{"name": SCRIPT, "evidence": SCRIPT, "remedy": SCRIPT}]}
    with open(evil / "history.jsonl", "a") as stream:
        stream.write(json.dumps(row) + "\n")
    (evil / "evaluation.jsonl").write_text(json.dumps({"step": 5, SCRIPT: 1.0, "frechet": 2.0}) + "\n")
    add_picture(evil, "<b onmouseover=window.hit=1>-000003.png")


def _spoilt(value):
    """A configuration with markup in every text; the names of settings stay."""
    if isinstance(value, dict):
        return {key: _spoilt(each) for key, each in value.items()}
    return SCRIPT if isinstance(value, str) else value


@pytest.fixture
def watched(visit, server):
    """watched(route, **settings) → a `Visit` of that page of the server."""

    def start(route: str = "", **settings):
        return visit(**settings).open(server.address + route)

    return start


def until_asked(page, condition: str) -> None:
    """`until`, where the page asks the server at once and again, so that a test need not wait for its own questions."""
    looks = itertools.count(1)

    def found() -> bool:
        if next(looks) % 5 == 0:  # twice a second: with many questions pages are told to ask less often
            page.evaluate(ASK)
        return page.evaluate(condition)

    assert wait_for(found), condition


def last_step(page) -> int:
    return page.evaluate("mxgan.charts.figures.values().next().value.chart.x.at(-1)")


def test_a_run_goes_on_without_a_reload(watched, runs):
    """A step, a picture and a mark that come later are on the page; the slider goes on to the new picture."""
    seen = watched("run/live/")
    page = seen.page
    page.evaluate("window.same = 1")
    assert last_step(page) == 5
    source = page.get_attribute(".player img", "src")
    row = {"step": 7, "loss_g": 2, "diagnoses": [{"name": "mode collapse", "evidence": "alike", "remedy": "more"}]}
    add_steps(runs / "live", 6)
    with open(runs / "live/history.jsonl", "a") as stream:
        stream.write(json.dumps(row) + "\n")
    add_picture(runs / "live", "gout-000007.png", 7)
    until(page, "mxgan.charts.figures.values().next().value.chart.x.at(-1) === 7")
    until(page, "document.querySelector('.marks')?.textContent.includes('Mode collapse')")
    assert page.get_attribute(".player img", "src") != source
    assert page.get_attribute(".player img", "src").endswith("gout-000007.png")
    until(page, "document.querySelector('.player img').naturalWidth === 32")
    assert "7 of 100" in page.inner_text(".facts")
    # Now the slider is not at the end: it stays where it is.
    page.focus(".player input[type=range]")
    page.keyboard.press("Home")
    add_steps(runs / "live", 8)
    add_picture(runs / "live", "gout-000008.png", 8)
    until_asked(page, "mxgan.charts.figures.values().next().value.chart.x.at(-1) === 8")
    assert page.get_attribute(".player img", "src").endswith("gout-000001.png")
    assert page.get_attribute(".player input[type=range]", "max") == "3"
    assert page.evaluate("window.same") == 1
    assert seen.problems == []


def test_details_stay_open_and_the_page_says_when_the_run_or_the_server_is_gone(watched, runs):
    make_run(runs / "short")
    seen = watched("run/short/")
    page = seen.page
    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
    opened = page.locator("details[open]").count()
    add_steps(runs / "short", 9)
    until_asked(page, "mxgan.charts.figures.values().next().value.chart.x.at(-1) === 9")
    assert page.locator("details[open]").count() == opened > 2
    assert page.locator(".copying").count() == page.locator("[data-copy]").count() > 0
    shutil.rmtree(runs / "short")
    until_asked(page, "document.querySelector('[data-told]').textContent.includes('There is no such run.')")
    assert page.inner_text("[data-pulse]") == "not live"
    page.route("**/api/**", lambda route: route.abort())
    page.evaluate("mxgan.live.run.ask()")
    until(page, "document.querySelector('[data-told]').textContent.includes('does not answer')")


def test_what_the_reader_uses_stays_until_he_leaves_it(watched, runs):
    """A page opened before the first step: its words go, the focus stays, and a selection only holds a change up."""
    run = make_run(runs / "fresh", steps=0)
    page = watched("run/fresh/").page
    assert page.inner_text("[data-no-charts]") == "No values yet."
    for kind in ("gout", "diff"):
        add_picture(run, f"{kind}-000002.png")
    add_steps(run, 1)
    until_asked(page, "document.querySelectorAll('.kinds button').length === 2 && mxgan.charts.figures.size > 0")
    assert page.locator("[data-no-charts]").count() == 0
    page.focus(".kinds button:nth-child(2)")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.facts'))")
    add_steps(run, 2)
    add_picture(run, "gout-000003.png")
    until_asked(page, "mxgan.charts.figures.values().next().value.chart.x.at(-1) === 2")
    assert page.evaluate("document.activeElement === document.querySelector('.kinds button:nth-child(2)')")
    assert "1 of 100" in page.inner_text(".facts")
    page.evaluate("getSelection().removeAllRanges()")
    until(page, "document.querySelector('.facts').textContent.includes('2 of 100')")


def test_a_small_picture_that_fails_is_asked_for_again_at_the_next_change(watched, runs):
    run = make_run(runs / "failing", steps=6)
    picture = add_picture(run, "gout-000004.png")
    (run / "samples/gout-000006.png").unlink()
    content = picture.read_bytes()
    picture.write_bytes(content[:-12] + SHORT_PROFILE + content[-12:])
    page = watched().page
    row = page.locator(".run", has=page.locator("a", has_text="failing"))
    state = "[...document.querySelectorAll('.run')].find((each) => each.textContent.includes('failing'))"
    until(page, f"{state}.querySelector('.frame').classList.contains('none')")
    assert row.locator("img").get_attribute("alt") == "Latest picture of failing, step 4"
    add_steps(run, 7)
    until_asked(page, f"{state}.textContent.includes('step 7')")
    assert "none" in row.locator(".frame").get_attribute("class")
    add_picture(run, "gout-000004.png")
    add_steps(run, 8)
    until_asked(page, f"{state}.querySelector('img').naturalWidth > 0")
    assert "none" not in row.locator(".frame").get_attribute("class")


def test_the_list_goes_on_sorts_filters_and_compares(watched, runs, server):
    seen = watched()
    page = seen.page
    page.wait_for_selector(".run")
    names = lambda: page.locator(".run a").all_inner_texts()  # noqa: E731
    page.fill("[name=find]", "dcgan digits zzz")
    assert page.inner_text("[data-rows]") == "No run is like that."
    page.fill("[name=find]", "")
    page.select_option("[name=sort]", "name")
    assert names() == sorted(names(), key=str.lower)
    make_run(runs / "aaa new", steps=50)
    until(page, "[...document.querySelectorAll('.run a')].some((each) => each.textContent === 'aaa new')")
    assert names().index("aaa new") == names().index("a") + 1
    row = page.locator(".run", has_text="aaa new")
    assert "step 50 of 100" in row.inner_text()
    told = next(each for each in server.get("/api/runs").json["runs"] if each["id"] == "aaa new")
    assert (told["size"], told["left"]) == (size(told["size_bytes"]), "")
    assert told["size"] in row.inner_text()
    assert row.locator("progress").evaluate("each => each.value") == 0.5
    until(page, "document.querySelector('.run img').naturalWidth > 0")
    assert page.is_disabled("[data-compare]")
    page.focus("input[aria-label='Compare a']")
    page.keyboard.press("Space")
    shutil.rmtree(runs / "aaa new")
    until(page, "![...document.querySelectorAll('.run a')].some((each) => each.textContent === 'aaa new')")
    assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Compare a"
    page.check("input[aria-label='Compare group/c']")
    assert page.inner_text("[data-compare]") == "Compare 2 runs"
    assert page.url == f"{server.address}#sort=name"
    page.click("[data-compare]")
    page.wait_for_url("**/compare?**")
    assert page.url == f"{server.address}compare?run=a&run=group%2Fc"
    assert page.locator(".side img").evaluate_all("all => all.every((each) => each.naturalWidth > 0)")
    # The click may come while the list asks for the runs, and ends that request.
    assert [each for each in seen.problems if not each.endswith("/api/runs")] == []


@pytest.mark.parametrize("route", ["", "run/{}/", pytest.param("compare?run={}&run=a", marks=pytest.mark.long)])
def test_markup_in_names_and_settings_is_text(watched, server, route):
    rows = server.get("/api/runs").json["runs"]
    address = next(each["address"] for each in rows if each["id"] == EVIL.replace("/", ""))
    seen = watched(route.format(address))
    seen.page.wait_for_timeout(300)
    seen.page.evaluate("(mxgan.live.run ?? mxgan.list.watched).state.etag = null")
    seen.page.evaluate(ASK)  # the same by the way of an update
    seen.page.wait_for_timeout(500)
    assert seen.page.evaluate("window.hit") is None
    assert "window.hit=1" in seen.page.inner_text("main")
    assert seen.problems == []


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("colours", ["dark", pytest.param("light", marks=pytest.mark.long)])
def test_pages_are_accessible_and_narrow_enough(watched, server, route, colours):
    seen = watched(ROUTES[route], width=360, color_scheme=colours)
    seen.page.wait_for_selector(".run, .chart")
    assert seen.barriers() == []
    assert seen.overflow() <= 0
    assert seen.problems == []
    assert all(each.startswith(server.address) for each in seen.requests)
