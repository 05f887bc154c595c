"""The explorer's page in a real browser."""

from __future__ import annotations

import json
import shutil
from urllib.parse import parse_qs

import numpy as np
import pytest

from tests.browser import wait_for
from tests.web.explorer.site import BY_CLASS, digits, pixels_of, served

WAIT = 20_000  # milliseconds
QUERY = "checkpoint=8&weights=raw&seed=5&psi=0.9&d=1.5,0,-2,0,0,0,0,0,1&keep=3,1,,1&keep=4,0.5&keep=9&mix=1.25"


class Explorer:
    """The page of a run's explorer in a browser."""

    def __init__(self, visit, site, run: str, query: str = "") -> None:
        self.visit, self.page = visit.open(site.page(run, query)), visit.page

    def find(self, name: str):
        return self.page.locator(f"[data-{name}]")

    def image(self, **wanted: str) -> str:
        """The picture's data: URI, once it is the one of a query with these parameters."""
        parts = "".join(f'[data-query*="{name}={value}"]' for name, value in wanted.items())
        found = self.page.locator(f"[data-image][data-query]{parts}")
        found.wait_for(timeout=WAIT)
        return found.get_attribute("src")

    def settled(self, query: str) -> str:
        """The picture's data: URI, once it is the one of exactly this query."""
        self.page.locator(f'[data-image][data-query="{query}"]').wait_for(timeout=WAIT)
        return self.find("image").get_attribute("src")

    def address(self, **wanted: list) -> str:
        """The query of the page's address, once it has these values."""

        def query() -> str:
            return self.page.evaluate("location.search.slice(1)")

        def is_written() -> bool:
            found = parse_qs(query())
            return {**found, **wanted} == found

        assert wait_for(is_written), query()
        return query()


@pytest.fixture
def explore(visit, site):
    return lambda run, query="", **settings: Explorer(visit(**settings), site, run, query)


def test_the_class_chosen_is_the_class_drawn(explore):
    images, labels = digits()
    opened = explore(BY_CLASS, "seed=4")
    for label in ("3", "8", "0"):
        opened.find("class").select_option(label)
        grey = pixels_of(opened.image(**{"class": label}))[..., 0] / 127.5 - 1
        assert labels[((images[:, 0] - grey) ** 2).sum(axis=(1, 2)).argmin()] == int(label)  # of the nearest digit
        assert opened.find("image").get_attribute("alt") == f"Generated picture: seed 4, class {label}, step 0"
    assert opened.visit.problems == []


def test_sliders_move_the_picture_by_keyboard_and_reset_brings_it_back(explore):
    opened = explore("averaged", "checkpoint=16&weights=average&seed=2")
    first = opened.image(seed=2)
    slider = opened.page.locator("[data-direction]").nth(1)
    slider.focus()
    for _ in range(4):
        opened.page.keyboard.press("ArrowRight")
    moved = opened.settled("checkpoint=16&weights=average&seed=2&d=0,0.2")
    assert moved != first
    assert slider.get_attribute("aria-valuetext") == "+0.20 σ"
    opened.page.keyboard.press("End")
    assert opened.settled("checkpoint=16&weights=average&seed=2&d=0,3") not in (first, moved)
    opened.find("psi").focus()
    opened.page.keyboard.press("Home")
    opened.settled("checkpoint=16&weights=average&seed=2&psi=0&d=0,3")
    opened.page.keyboard.press("End")
    opened.find("reset").focus()
    opened.page.keyboard.press("Enter")
    assert opened.settled("checkpoint=16&weights=average&seed=2") == first
    opened.find("next").press("Enter")
    assert opened.image(seed=3) != first
    opened.find("seed").fill("2")
    assert opened.settled("checkpoint=16&weights=average&seed=2") == first
    assert opened.page.locator("[data-direction]").count() == 10
    assert opened.visit.problems == []


def test_a_link_holds_everything_and_gives_the_same_bytes(explore, site):
    opened = explore("averaged", QUERY)
    image = opened.image(mix="1.25")
    np.testing.assert_array_equal(pixels_of(image), site.image("averaged", QUERY))
    thumbs = opened.page.locator("[data-kept] img[src]")
    thumbs.nth(2).wait_for(timeout=WAIT)
    before = [thumbs.nth(i).get_attribute("src") for i in range(3)]
    link = opened.address(**parse_qs(QUERY.replace("keep=9", "keep=9,1")))
    again = explore("averaged", link)
    assert again.image(mix="1.25") == image
    thumbs = again.page.locator("[data-kept] img[src]")
    thumbs.nth(2).wait_for(timeout=WAIT)
    assert [thumbs.nth(i).get_attribute("src") for i in range(3)] == before
    assert again.find("more").get_attribute("open") is not None  # direction 9 is moved
    assert opened.visit.problems == again.visit.problems == []


def test_pictures_are_kept_mixed_shown_again_and_removed(explore):
    opened = explore("averaged", "checkpoint=16&weights=raw")
    first = opened.image(seed=0)
    opened.find("keep").click()
    opened.find("next").click()
    second = opened.image(seed=1)
    opened.find("keep").click()
    opened.find("mix").focus()
    opened.page.keyboard.press("End")
    assert opened.image(mix="1") == second
    opened.page.keyboard.press("Home")
    assert opened.image(mix="0") == first
    for _ in range(3):
        opened.page.keyboard.press("ArrowRight")
    assert opened.image(mix="0.03") not in (first, second)
    assert "3 % of the way from picture 1 to 2" in opened.find("caption").inner_text()
    assert opened.find("keep").is_disabled()
    opened.page.get_by_role("button", name="Show picture 2").click()
    assert opened.settled("checkpoint=16&weights=raw&seed=1") == second
    opened.page.get_by_role("button", name="Remove picture 1").press("Enter")
    assert opened.address(keep=["1,1"])
    assert opened.page.locator("[data-kept] li").count() == 1
    assert opened.find("mix").is_hidden()
    for _ in range(11):
        opened.find("keep").click()
    assert opened.page.locator("[data-kept] li").count() == 12
    assert opened.find("keep").is_disabled()
    assert opened.visit.problems == []


def test_score_neighbour_and_files_are_those_of_the_api(explore, site, tmp_path):
    opened = explore("averaged", "seed=6&d=1")
    opened.page.locator("[data-near][src]").wait_for(timeout=WAIT)
    found = site.nearest("averaged", "seed=6&d=1")
    assert opened.find("near").get_attribute("src") == found["image"]
    assert f"among {found['among']:,}" in opened.find("near-text").inner_text()
    score = site.ask("averaged", "image", "seed=6&d=1").json["score"]
    assert opened.find("score").inner_text().startswith(f"{100 * score['probability']:.1f} %")
    query = "checkpoint=16&weights=average&seed=6&d=1"
    for name, what, file in (
        ("png", "image.png", "averaged-16-seed6.png"),
        ("npy", "latent.npy", "averaged-16-seed6.npy"),
    ):
        with opened.page.expect_download() as coming:
            opened.find(name).click()
        coming.value.save_as(tmp_path / file)
        assert coming.value.suggested_filename == file
        assert (tmp_path / file).read_bytes() == site.ask("averaged", what, query).body


@pytest.mark.parametrize("run, query, settings", [
    ("averaged", QUERY, {"width": 360, "color_scheme": "dark"}),
    pytest.param("averaged", QUERY, {}, marks=pytest.mark.long),
    pytest.param(BY_CLASS, "seed=1&keep=1&keep=2", {"color_scheme": "dark"}, marks=pytest.mark.long),
    pytest.param("averaged", QUERY, {"width": 360}, marks=pytest.mark.long),
])  # fmt: skip
def test_a_phone_and_both_colours_are_readable(run, query, settings, explore):
    opened = explore(run, query, **settings)
    opened.page.locator("[data-near][src]").wait_for(timeout=WAIT)
    assert opened.visit.overflow() <= 0
    assert opened.visit.barriers() == []
    assert opened.visit.problems == []


def test_names_of_runs_and_classes_are_texts(site, visit, tmp_path):
    hostile = '<img src=x onerror="alert(1)">'
    run = shutil.copytree(site.folder / BY_CLASS, tmp_path / "runs" / hostile)
    record = json.loads((run / "config.json").read_text())
    record["data"]["classes"] = [f"{hostile}{number}" for number in range(10)]
    (run / "config.json").write_text(json.dumps(record))
    with served(tmp_path / "runs") as mine:
        opened = Explorer(visit(), mine, hostile, "class=3&keep=1,1,4")
        opened.image()
        assert opened.find("class").locator("option").nth(3).inner_text() == f"{hostile}3"
        assert hostile in opened.page.locator("[data-kept]").inner_text()
        assert opened.page.locator("img:not([data-image], [data-near], .kept img)").count() == 0
        assert opened.visit.problems == []


def test_a_bad_link_is_told_and_draws_nothing(explore):
    opened = explore("averaged", "seed=cat")
    opened.find("problem").wait_for(timeout=WAIT)
    assert "seed is 'cat'" in opened.find("problem").inner_text()
    assert opened.find("explorer").is_hidden()


def kept_are(opened, site, weights: str, *seeds: int) -> bool:
    """Whether the kept pictures are those of these seeds."""
    shown = opened.page.locator("[data-kept] img").evaluate_all("all => all.map((each) => each.getAttribute('src'))")
    queries = (f"checkpoint=16&weights={weights}&seed={seed}" for seed in seeds)
    return shown == [site.ask("averaged", "image", query).json["image"] for query in queries]


def test_a_kept_picture_stays_at_its_point_and_a_busy_server_is_asked_again(visit, site):
    """One of three is removed while the first is drawn; then the first answers for other weights are 503."""
    seen, held, busy = visit(), [], set()

    def answer(route):
        kind = route.request.headers["x-viewer"].rpartition("-")[2]
        if kind in busy:
            busy.remove(kind)
            route.fulfill(status=503, json={"error": "busy"})
        elif kind == "kept" and not held:
            held.append(route)
        else:
            route.continue_()

    seen.page.route("**/api/explore/**", answer)
    opened = Explorer(seen, site, "averaged", "checkpoint=16&weights=raw&seed=1&keep=2&keep=3&keep=4")
    opened.page.locator("[data-near][src]").wait_for(timeout=WAIT)
    assert held, "the first kept picture is not asked for"
    opened.page.get_by_role("button", name="Remove picture 1").click()
    held[0].continue_()
    thumbs = opened.page.locator("[data-kept] img[src]")
    thumbs.nth(1).wait_for(timeout=WAIT)
    assert kept_are(opened, site, "raw", 3, 4)
    busy.update({"kept", "nearest"})
    opened.find("near").evaluate("each => each.removeAttribute('src')")
    opened.find("weights").select_option("average")
    opened.page.locator("[data-near][src]").wait_for(timeout=WAIT)
    assert wait_for(lambda: kept_are(opened, site, "average", 3, 4))
    assert not busy
    assert opened.find("near").is_visible()


def test_a_link_to_a_checkpoint_that_is_gone_has_its_controls(explore):
    opened = explore("averaged", "checkpoint=5&weights=raw&seed=2")
    opened.page.locator("[data-problem]", has_text="has no checkpoint of step 5").wait_for(timeout=WAIT)
    assert opened.find("checkpoint").locator("option:checked").inner_text() == "step 5 · gone"
    assert opened.find("explorer").is_visible()
    opened.find("checkpoint").select_option("8")
    opened.settled("checkpoint=8&weights=raw&seed=2")
    assert opened.find("problem").is_hidden()


def test_what_vanishes_while_it_is_explored_is_told(site, visit, tmp_path):
    run = shutil.copytree(site.folder / "averaged", tmp_path / "runs" / "mine")
    with served(tmp_path / "runs") as mine:
        opened = Explorer(visit(), mine, "mine", "checkpoint=16&seed=1")
        opened.image(seed=1)
        shutil.rmtree(run / "checkpoints" / "000016")
        opened.find("next").click()
        problem = opened.page.locator("[data-problem]", has_text="has no checkpoint of step 16")
        problem.wait_for(timeout=WAIT)
        opened.page.locator("[data-checkpoint] option", has_text="step 16 · gone").wait_for(state="attached")
        opened.find("checkpoint").select_option("8")
        opened.image(checkpoint=8, seed=2)
        assert opened.find("problem").is_hidden()
        shutil.rmtree(run)
        opened.page.wait_for_timeout(2100)  # the list of runs is read every two seconds
        opened.find("next").click()
        opened.page.locator("[data-problem]", has_text="no such run").wait_for(timeout=WAIT)
