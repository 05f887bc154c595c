"""Pages in a real browser: Debian's Chromium, driven by Playwright; tests skip with a reason without them.

`visit` is the fixture: `visit(width=360, color_scheme="dark")` gives a `Visit`, whose `page` is Playwright's.
"""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from tests.optional import missing, needed

__all__ = ["Visit", "browser", "until", "visit", "wait_for"]

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",  # a container has 64 MB of shared memory
)


def wait_for(condition, seconds: float = 20) -> bool:
    """Whether a condition becomes true in time."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.1)
    return True


def until(page, condition: str) -> None:
    """Wait until a JavaScript condition is true. Playwright's own way is `eval` in the page, which the pages forbid."""
    assert wait_for(lambda: page.evaluate(condition)), condition


class Visit:
    """A page in a context of its own.

    Attributes
    ----------
    page : Playwright's page.
    problems : messages of the console of the kinds error and warning, errors of scripts, and requests that failed.
    requests : the address of each request, without those of data: URIs.
    """

    def __init__(self, browser, width: int, height: int, **settings) -> None:
        self.context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        self.page, self.problems, self.requests = self.context.new_page(), [], []
        self.page.on("console", self._heard)
        self.page.on("pageerror", lambda error: self.problems.append(f"error: {error}"))
        self.page.on("requestfailed", lambda request: self.problems.append(f"failed: {request.url:.200}"))
        self.page.on("request", self._requested)
        self.page.on("dialog", self._asked)

    def _heard(self, message) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"{message.type}: {message.text}")

    def _requested(self, request) -> None:
        if not request.url.startswith("data:"):
            self.requests.append(request.url)

    def _asked(self, dialog) -> None:
        self.problems.append(f"dialog: {dialog.message}")
        dialog.dismiss()

    def open(self, address) -> Visit:
        """Open a file or an address, and wait until it is loaded."""
        self.page.goto(Path(address).resolve().as_uri() if isinstance(address, Path) else address)
        return self

    def overflow(self) -> int:
        """The pixels by which the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def barriers(self) -> list:
        """What axe-core finds that is serious or critical: (rule, HTML of the first place)."""
        axe = needed("axe_playwright_python.sync_playwright")
        found = axe.Axe().run(self.page).response["violations"]
        return [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")]


@pytest.fixture(scope="module")
def browser():
    """Chromium. Not for the whole session: while Playwright runs, no test of this process can start an asyncio loop."""
    playwright = needed("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        missing("there is no chromium: apt-get install chromium")
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield opened
        opened.close()


@pytest.fixture
def visit(browser):
    """visit(width=1200, height=900, **settings of Playwright's new_context) → `Visit`, closed after the test."""
    visits = []

    def start(width: int = 1200, height: int = 900, **settings) -> Visit:
        visits.append(Visit(browser, width, height, **settings))
        return visits[-1]

    yield start
    for each in visits:
        each.context.close()
