"""The report in a real browser: no request, no error; curves, slider, keys, phone, dark, print; hostile texts."""

from __future__ import annotations

import json

import pytest

from mxgan.runs.report import write_report
from tests.browser import until
from tests.pictures.report.made_run import history_row, make_run, record_of
from tests.support import tiny_config

STEPS = range(10, 410, 10)
EVENTS = "".join(
    json.dumps({"event": event, "step": step, **more}) + "\n"
    for event, step, more in (
        ("begin", 0, {"last_step": 400}),
        ("end", 200, {"how": "stopped", "reason": "SIGTERM"}),
        ("begin", 200, {"last_step": 400}),
        ("end", 400, {"how": "finished"}),
    )
)
# What the plots draw: uPlot's own data.
PLOTTED = "[...mxgan.charts.figures.values()].map(f => ({id: f.chart.id, data: f.plot.data}))"
RANGES = "[...mxgan.charts.figures.values()].map(f => [f.plot.scales.x.min, f.plot.scales.x.max])"
PIXELS = "[...document.querySelectorAll('.chart canvas')].map(c => c.toDataURL())"


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """The report of a run made by hand, with a picture of its own for each step."""
    folder = tmp_path_factory.mktemp("page") / "a run"
    make_run(folder, record_of(tiny_config(steps=400)), STEPS, events__jsonl=EVENTS)
    return write_report(folder, nearest=False)


@pytest.fixture(scope="module")
def comparison(tmp_path_factory):
    """The report of two runs of different lengths and settings."""
    place = tmp_path_factory.mktemp("pages")
    one = make_run(place / "one", record_of(tiny_config(steps=400)), STEPS)
    two = make_run(place / "two", record_of(tiny_config(steps=400, seed=5)), range(5, 205, 5))
    return write_report([one, two], place / "both.html")


def test_the_page_makes_no_request_and_has_no_error(visit, report):
    seen = visit().open(report)
    seen.page.wait_for_timeout(300)
    assert seen.requests == [report.as_uri()]
    assert seen.problems == []
    policy = seen.page.locator("meta[http-equiv=Content-Security-Policy]").get_attribute("content")
    assert policy.startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert "unsafe" not in policy
    assert seen.page.locator("img:not([alt])").count() == 0


def test_the_curves_have_the_values_of_the_history_to_the_last_digit(visit, report):
    page = visit().open(report).page
    rows = [history_row(step) for step in STEPS]
    view = json.loads(page.locator("#view").text_content())
    charts = {chart["id"]: chart for chart in view["charts"]}
    named = {each["name"]: each["values"] for chart in charts.values() for each in chart["series"]}
    assert {"loss_g", "fentropy_d", "facc", "d_real", "d_fake", "images_per_second"} <= set(named)
    for name, values in named.items():
        assert values == [row[name] for row in rows], name
    for plotted in page.evaluate(PLOTTED):
        chart = charts[plotted["id"]]
        assert plotted["data"][0] == list(STEPS)
        raw = plotted["data"][1 + len(chart["series"]) :]
        assert raw == [each["values"] for each in chart["series"]], plotted["id"]


def test_smoothing_is_the_exponential_mean_with_bias_correction(visit, report):
    page = visit().open(report).page
    page.locator("#smoothing").fill("0.9")
    x, smooth, _, raw, _ = page.evaluate(PLOTTED)[0]["data"]
    mean, expected = 0.0, []
    for count, value in enumerate(raw, start=1):
        mean = 0.9 * mean + 0.1 * value
        expected.append(mean / (1 - 0.9**count))
    assert smooth == pytest.approx(expected, rel=1e-9)
    page.locator("#smoothing").fill("0")
    assert page.evaluate(PLOTTED)[0]["data"][1] == raw
    assert len(x) == len(STEPS)


def test_a_drag_zooms_every_chart_and_a_double_click_shows_all_again(visit, report):
    page = visit().open(report).page
    whole, before = page.evaluate(RANGES), page.evaluate(PIXELS)
    over = page.locator(".chart .u-over").first
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 60, steps=4)
    page.mouse.up()
    until(page, f"{RANGES}[0][0] !== 10 && {PIXELS}.every((each, i) => each !== {json.dumps(before)}[i])")
    zoomed = page.evaluate(RANGES)
    assert len({tuple(each) for each in zoomed}) == 1
    assert zoomed[0] == pytest.approx([10 + 390 / 4, 10 + 390 / 2], abs=3)
    page.mouse.dblclick(box["x"] + 20, box["y"] + 50)
    until(page, f"{RANGES}[0][0] === 10")
    assert page.evaluate(RANGES) == whole == [[10, 400]] * len(whole)


def test_keys_give_values_zoom_and_the_scale(visit, report):
    page = visit().open(report).page
    plot = page.locator(".plot").first
    plot.focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.locator(".chart .readout").all_text_contents() == ["step 20"] * page.locator(".chart").count()
    spoken = page.locator(".chart [aria-live]").first.text_content()
    assert spoken.startswith(f"Step 20: G {history_row(20)['loss_g']:.4g}")
    page.keyboard.press("+")
    until(page, f"{RANGES}[0][1] < 400")
    page.keyboard.press("0")
    until(page, f"{RANGES}[0].join() === '10,400'")
    before = page.evaluate(PIXELS)[0]
    page.keyboard.press("l")
    until(page, f"{PIXELS}[0] !== {json.dumps(before)}")
    assert page.locator(".chart button.small").first.get_attribute("aria-pressed") == "true"
    assert page.evaluate("[...mxgan.charts.figures.values()][0].plot.scales.y.distr") == 3


def test_a_name_of_the_legend_hides_its_curve_alone(visit, report):
    page = visit().open(report).page
    page.locator(".legend button").first.press("Enter")
    shown = page.evaluate("[...mxgan.charts.figures.values()].map(f => f.plot.series.slice(1).map(s => s.show))")
    assert shown[0] == [False, True, False, True]
    assert all(all(each) for each in shown[1:])


def test_the_slider_by_keys_shows_another_picture(visit, report):
    page = visit().open(report).page
    image, slider = page.locator(".player img"), page.locator(".player input[type=range]")
    sources, steps = [image.get_attribute("src")], [page.locator(".player .step").text_content()]
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
        sources.append(image.get_attribute("src"))
        steps.append(page.locator(".player .step").text_content())
    assert steps == ["Step 400", "Step 300", "Step 200", "Step 100"]
    assert page.locator(".player select").input_value() == "4"
    assert len(set(sources)) == 4
    assert all(each.startswith("data:image/webp;base64,") for each in sources)
    assert image.get_attribute("alt") == "Grid of generated images at step 100"
    assert slider.get_attribute("aria-valuetext") == "step 100, picture 1 of 4"
    assert page.locator(".player .save").get_attribute("download") == "a run-gout-000100.webp"
    page.locator(".kinds button").nth(2).press("Enter")
    assert image.get_attribute("alt") == "Grid of the training images of step 100"
    page.locator(".play").press("Enter")
    page.get_by_text("Step 400", exact=True).wait_for(timeout=10_000)
    page.get_by_role("button", name="Play", exact=True).wait_for(timeout=10_000)


def test_a_resume_is_marked_in_words_and_in_the_charts(visit, report):
    page = visit().open(report).page
    assert "Step 200 resume Resumed at step 200" in " ".join(page.locator(".marks").text_content().split())
    before = page.evaluate(PIXELS)[0]
    page.evaluate("mxgan.charts.state.marks = []; mxgan.charts.figures.forEach(f => f.plot.redraw())")
    until(page, f"{PIXELS}[0] !== {json.dumps(before)}")


def test_the_command_is_copied_from_a_file_too(visit, report):
    page = visit(permissions=["clipboard-read", "clipboard-write"]).open(report).page
    box = page.locator("[data-copy]").first
    box.locator("button").click()
    box.get_by_text("Copied.", exact=True).wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == box.locator("code").text_content()


@pytest.mark.parametrize("page, scheme", [
    ("report", "dark"),
    ("comparison", "light"),
    pytest.param("report", "light", marks=pytest.mark.long),
    pytest.param("comparison", "dark", marks=pytest.mark.long),
])  # fmt: skip
def test_no_barrier_and_no_sideways_scrolling_at_360_pixels(visit, request, page, scheme):
    seen = visit(width=360, color_scheme=scheme, reduced_motion="reduce").open(request.getfixturevalue(page))
    seen.page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true; })")
    assert seen.overflow() <= 0
    assert seen.barriers() == []
    assert seen.problems == []
    if page == "report":
        assert seen.page.locator(".player select").input_value() == "1", "reduced motion plays slowly"


def test_in_print_the_page_is_light_and_has_no_controls(visit, report):
    page = visit(color_scheme="dark").open(report).page
    page.emulate_media(media="print")
    until(page, "getComputedStyle(document.body).backgroundColor === 'rgb(255, 255, 255)'")
    assert not page.locator(".play").is_visible()
    assert not page.locator("#smoothing").is_visible()
    assert page.locator(".player img").is_visible()
    assert (
        page.evaluate("[...mxgan.charts.figures.values()][0].plot.axes[0]._stroke ?? mxgan.color('--soft')")
        == "#5a5d66"
    )


def test_without_scripts_pictures_and_tables_are_there(visit, report):
    page = visit(java_script_enabled=False).open(report).page
    assert page.locator(".player img").count() == 3
    assert page.locator("noscript p").is_visible()
    page.locator("summary", has_text="Last values").click()
    assert "Losses" in page.locator("details[open] table").text_content()


def test_several_runs_lie_over_each_other_and_their_differences_are_told(visit, comparison):
    seen = visit().open(comparison)
    page = seen.page
    assert seen.requests == [comparison.as_uri()]
    assert page.locator(".chart h3").first.text_content() == "Losses: G"
    steps, one, two, *_ = page.evaluate(PLOTTED)[0]["data"]
    raw = page.evaluate(PLOTTED)[0]["data"][3:]
    assert steps == sorted({*STEPS, *range(5, 205, 5)})
    own = {step: value for step, value in zip(steps, raw[1]) if value is not None}
    assert own == {step: history_row(step)["loss_g"] for step in range(5, 205, 5)}
    assert len(one) == len(two) == len(steps)
    page.locator(".legend button", has_text="two").first.click()
    shown = page.evaluate("[...mxgan.charts.figures.values()].map(f => f.plot.series.slice(1, 3).map(s => s.show))")
    assert shown == [[True, False]] * len(shown), "a run is hidden in all charts"
    dashes = page.evaluate("[...mxgan.charts.figures.values()][0].plot.series.slice(1, 3).map(s => s.dash ?? [])")
    assert dashes[0] != dashes[1]
    table = page.locator("table", has_text="seed")
    assert table.locator("tbody tr").all_text_contents() == ["seed05"] or "seed" in table.text_content()
    assert page.locator(".side img").count() == 2


HOSTILE = "<script>document.title='run'</script><img src=x onerror=alert(1)>\"'`{{7*7}}\u202e\u2067" + "x" * 300


def hostile(value):
    """Every text of a record with markup in it."""
    if isinstance(value, dict):
        return {name: hostile(each) for name, each in value.items()}
    if isinstance(value, list):
        return [hostile(each) for each in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.mark.parametrize("settings", ["fitting", pytest.param("broken", marks=pytest.mark.long)])
def test_markup_in_every_text_of_a_run_stays_text(visit, tmp_path, settings):
    record = record_of(tiny_config(steps=400))
    if settings == "broken":
        record = {**hostile(record), HOSTILE: HOSTILE}
        record["run"][HOSTILE] = HOSTILE
    else:
        record["run"].update(data_dir=HOSTILE)
        record["data"].update(name=HOSTILE, classes=[HOSTILE] * 10)
        record["versions"] = {HOSTILE: HOSTILE}
        record["changes"] = [{"step": 100, "settings": {HOSTILE: [HOSTILE, HOSTILE]}}]
    name = "<script>alert(1)</script>'\"&\u202e".replace("/", "\u2215") + "n" * 80
    run = make_run(tmp_path / name, record, STEPS, events__jsonl=EVENTS.replace("SIGTERM", "</script><script>alert(2)"))
    rows = [
        {**history_row(step), HOSTILE[:90]: 1.0, "diagnoses": [{"name": HOSTILE, "evidence": HOSTILE}]}
        for step in STEPS
    ]
    (run / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for frame in (run / "samples").glob("diff-*.png"):
        frame.rename(frame.with_name(frame.name.replace("diff", "<b onclick=alert(3)>")))
    other = make_run(tmp_path / HOSTILE[:60].replace("/", "\u2215"), record, STEPS)
    one = write_report(run, tmp_path / "one.html", nearest=False)
    for file in (one, write_report([run, other], tmp_path / "two.html")):
        seen = visit(width=360).open(file)
        seen.page.wait_for_timeout(200)
        assert seen.problems == []
        assert seen.requests == [file.as_uri()]
        assert seen.page.title().endswith("· mxgan")
        assert seen.page.locator("main script, main [onerror], main [onclick], img[src=x]").count() == 0
        assert seen.overflow() <= 0
