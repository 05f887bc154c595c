"""`write_report`: the page of a run, or of several runs, as one file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError
from mxgan.pictures.report.grids import with_sources
from mxgan.pictures.report.overlay import overlaid, run_labels
from mxgan.pictures.report.page import render
from mxgan.pictures.report.thinning import charts_within
from mxgan.runs.comparison import compare
from mxgan.runs.nearest import nearest_images
from mxgan.runs.overview import find_runs
from mxgan.runs.view import run_view
from mxgan.runtime.files import write_whole
from mxgan.training.run_folder import RunFolder

__all__ = ["compared_view", "is_own_report", "report_path", "run_folders", "write_report"]

MOST_BYTES = 2_950_000  # of a page: below 3 MB
LEAST_PICTURES = 300_000  # bytes for pictures, whatever the curves take
FILE = "report.html"


def write_report(
    runs: Union[str, Path, Sequence[Union[str, Path]]],
    output: Union[str, Path, None] = None,
    *,
    nearest: bool = True,
    overwrite: bool = False,
) -> Path:
    """Write the page of a run, or one that compares several runs, as one HTML file that makes no request; its path.

    Parameters
    ----------
    runs : a folder of a run, or several of them.
    output : the file; None: report.html in the folder of the run, for several runs in the present folder.
    nearest : for one run: also show the nearest training image of twelve samples, for which its data are read.
    overwrite : whether a file may be replaced; the report.html in a run's own folder always is.

    Raises
    ------
    RunFolderError : a folder is not there or holds no run. ArgumentError : there is no run, or the file exists.
    OutputError : the file cannot be written; an old one is unchanged.

    Examples
    --------
    >>> write_report("runs/mnist")  # doctest: +SKIP
    PosixPath('runs/mnist/report.html')
    """
    folders = run_folders(runs)
    path = report_path(folders, output)
    if os.path.lexists(path) and not overwrite and not is_own_report(path, folders):
        raise ArgumentError(f"{path} exists; give another name, or replace it (overwrite=True, --overwrite).")
    write_whole(path, _page_of_one(folders[0], nearest) if len(folders) == 1 else _page_of_several(folders))
    return path


def report_path(runs: Sequence[Union[str, Path]], output: Union[str, Path, None] = None) -> Path:
    """Where the report of these runs is written."""
    if output is not None:
        return Path(output)
    return RunFolder(runs[0]).report_path if len(runs) == 1 else Path(FILE)


def compared_view(views: Sequence[Mapping]) -> dict:
    """The view of several runs, from theirs.

    Returns
    -------
    dict: title, problems; `charts` of `overlaid`, and no `marks`; `runs`: [{label, overview, picture}] with the newest
    frame of the first kind of pictures, None without one; `compared`: see `mxgan.runs.comparison.compare`.
    """
    labels = run_labels(views)
    return {
        "title": f"{len(views)} runs",
        "problems": [f"{label}: {text}" for label, view in zip(labels, views) for text in view["problems"]],
        "charts": overlaid(views),
        "marks": [],
        "runs": [
            {"label": label, "overview": view["overview"], "picture": _newest(view["pictures"])}
            for label, view in zip(labels, views)
        ],
        "compared": compare(views),
    }


def _newest(pictures: Sequence[Mapping]) -> Optional[dict]:
    """The last frame of the first kind of pictures, with the kind's label."""
    first = next((kind for kind in pictures if kind["frames"]), None)
    return {**first["frames"][-1], "label": first["label"]} if first else None


def run_folders(runs: Union[str, Path, Sequence[Union[str, Path]]]) -> list:
    """The folders of these runs as paths, each once; RunFolderError if one is not there or holds no run."""
    folders = [Path(runs)] if isinstance(runs, (str, Path)) else list(map(Path, runs))
    if not folders:
        raise ArgumentError("there is no run to report on; give the folder of at least one.")
    for folder in folders:
        if not folder.is_dir() or find_runs(folder) != [folder]:
            RunFolder.open(folder)  # says what is wrong with it
    return list({os.path.realpath(folder): folder for folder in folders}.values())


def is_own_report(path: Path, runs: Sequence[Union[str, Path]]) -> bool:
    """Whether the file is the report.html of the one run, which may always be replaced."""
    own = RunFolder(runs[0]).report_path
    return len(runs) == 1 and path.name == own.name and os.path.realpath(path.parent) == os.path.realpath(own.parent)


def _page_of_one(folder: Path, nearest: bool) -> str:
    view = run_view(folder)
    if nearest and view["overview"]["state"] != "unreadable":
        view["nearest"] = nearest_images(folder)
    room = _room_with_charts("run.html", {**view, "pictures": []}, view, bool(view["pictures"]))
    view["pictures"], notes = with_sources(folder, view["pictures"], room, view["title"])
    return render("run.html", {**view, "notes": notes})


def _page_of_several(folders: Sequence[Path]) -> str:
    view = compared_view([run_view(folder) for folder in folders])
    room = _room_with_charts("compare.html", view, view, any(run["picture"] for run in view["runs"]))
    for run, folder in zip(view["runs"], folders):
        if run["picture"]:
            kind = {"title": "", "label": "", "frames": [run["picture"]]}
            most = min(room, MOST_BYTES // 2) // len(folders)
            (shown,), notes = with_sources(folder, [kind], most, run["label"])
            run["picture"] = next(iter(shown["frames"]), None)
            view["problems"] += [f"{run['label']}: {note}" for note in notes]
    return render("compare.html", view)


def _room_with_charts(template: str, bare: dict, view: dict, pictures: bool) -> int:
    """The bytes for pictures in a page of this view, after its charts are thinned so far that there are some.

    `bare` is the view without pictures; `pictures` is whether there are any.
    """
    rest = len(render(template, {**bare, "charts": []}).encode())
    view["charts"] = charts_within(view["charts"], MOST_BYTES - rest - (LEAST_PICTURES if pictures else 0))
    return max(MOST_BYTES - len(render(template, {**bare, "charts": view["charts"]}).encode()), LEAST_PICTURES)
