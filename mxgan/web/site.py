"""The state of one server, shared by all pages: its folder, threads, kept contents, and how often pages should ask."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import quote

from mxgan.pictures.report.page import render
from mxgan.pictures.report.values import in_utf_8
from mxgan.pictures.report.words import duration, size
from mxgan.runs.overview import overview
from mxgan.runs.report import compared_view
from mxgan.runs.view import run_view
from mxgan.runtime.inside import entries_inside
from mxgan.web.folder import ServedFolder, address_of
from mxgan.web.watching import Content, Kept, fingerprint
from mxgan.web.workers import Workers

__all__ = ["Pace", "Site", "sections"]

CHECK_EVERY = 15  # seconds between looks whether the process of a training is alive


class Pace:
    """How many seconds a page should wait before it asks again: longer with many viewers, so that the work is bounded.

    Parameters
    ----------
    a_second : the most answers to questions of pages, of all viewers together.
    """

    WINDOW = 10.0

    def __init__(self, a_second: float = 4.0, shortest: float = 2.0, longest: float = 30.0) -> None:
        self._a_second, self._shortest, self._longest = a_second, shortest, longest
        self.seconds, self._count, self._began = shortest, 0, time.monotonic()

    def count(self) -> None:
        """Count one question."""
        now = time.monotonic()
        self._count += 1
        if now - self._began > self.WINDOW:
            viewers = self._count / (now - self._began) * self.seconds
            self.seconds = min(max(viewers / self._a_second, self._shortest), self._longest)
            self._count, self._began = 0, now


class Site:
    """The state of one server.

    Attributes
    ----------
    folder : the runs.
    files, readers : threads for pictures, and threads that read runs, one at a time for each run.
    kept : what was read.
    pace : how often pages ask.
    more_pages : {label: begin of the address} of other pages on a run with a checkpoint; the run's id follows.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = ServedFolder(folder)
        self.files, self.readers = Workers(threads=2), Workers(threads=2)
        self.kept, self.pace = Kept(self.readers), Pace()
        self.more_pages: dict = {}
        self._rows: dict = {}  # path → (fingerprint, overview, time of the next look)

    async def runs(self) -> Content:
        """The list of runs as JSON: {folder, runs: [overview with id and address], problems}."""
        return await self.kept.get("runs", self._all_seen, self._list)

    async def view(self, run_id: str) -> Content:
        """The view of a run as JSON, with `sections`; NotServedError if there is none."""

        def look() -> tuple:
            return self._seen(self.folder.run(run_id))

        def make() -> Content:
            view = run_view(self.folder.run(run_id))
            for kind in view["pictures"]:
                for frame in kind["frames"]:
                    frame["src"] = quote(frame["file"])  # a name may hold # or %
            return Content.of({**view, "sections": sections("run.html", view, "../../")})

        return await self.kept.get(("view", run_id), look, make)

    async def comparison(self, ids: Sequence[str]) -> Content:
        """The view of several runs as JSON (`mxgan.runs.report.compared_view`), with `sections`."""
        contents = [await self.view(each) for each in ids]

        def make() -> Content:
            views = [json.loads(each.body) for each in contents]
            for run_id, view in zip(ids, views):
                for kind in view["pictures"]:
                    for frame in kind["frames"]:
                        frame["src"] = f"run/{address_of(run_id)}/{frame['src']}"
            view = compared_view(views)
            return Content.of({**view, "sections": sections("compare.html", view, "")})

        etags = tuple(each.etag for each in contents)
        return await self.kept.get(("comparison", *ids), lambda: etags, make, at_once=True)

    def links(self, run_id: str) -> list:
        """(label, address below the root) of other pages on a run: of one with a checkpoint, which they need."""
        found = entries_inside(self.folder.run(run_id), "checkpoints")
        if not any(entry.is_folder and entry.name.isdecimal() for entry in found):
            return []
        return [(label, f"{page}/{address_of(run_id)}/") for label, page in self.more_pages.items()]

    def _seen(self, path: Path) -> tuple:
        """The fingerprint of a run and its state, which changes without its files when its process is killed."""
        seen, row = self._row(path)
        return seen, row["state"]

    def _all_seen(self) -> tuple:
        runs, problems = self.folder.look()
        return tuple(runs), tuple(problems), tuple(map(self._seen, runs.values()))

    def _list(self) -> Content:
        runs, problems = self.folder.look()
        rows = [{**self._row(path)[1], "id": run_id, "address": address_of(run_id)} for run_id, path in runs.items()]
        there = set(runs.values())
        self._rows = {path: known for path, known in self._rows.copy().items() if path in there}
        return Content.of({"folder": in_utf_8(str(self.folder.path)), "runs": rows, "problems": problems})

    def _row(self, path: Path) -> tuple:
        """(fingerprint, overview) of a run; read again if its files changed, and a training's every CHECK_EVERY s."""
        now, seen = time.monotonic(), fingerprint(path)
        before, row, until = self._rows.get(path, (None, None, 0.0))
        if seen != before or (row["state"] == "training" and now > until):
            row = _with_texts(overview(path).as_dict())
            self._rows[path] = (seen, row, now + CHECK_EVERY)
        return seen, row


def _with_texts(row: Mapping) -> dict:
    """A row with what the list shows of it in words: `size` on the disk, and the time that is `left`, "" if unknown."""
    left = row["eta_seconds"]
    return {**row, "size": size(row["size_bytes"]), "left": "" if left is None else duration(left)}


def sections(template: str, view: Mapping, root: str) -> str:
    """The sections of a page as HTML, for a page that is open already; without the values of the curves."""
    charts = [{**each, "x": each["x"][-1:], "series": list(map(_last, each["series"]))} for each in view["charts"]]
    lean = {**view, "charts": charts}
    if "pictures" in view:
        lean["pictures"] = [{**kind, "frames": kind["frames"][-1:]} for kind in view["pictures"]]
    page = render(template, lean, inline=False, root=root)
    return page.partition('<main id="main">')[2].rpartition("</main>")[0]


def _last(series: Mapping) -> dict:
    return {**series, "values": series["values"][-1:], **({"x": series["x"][-1:]} if "x" in series else {})}
