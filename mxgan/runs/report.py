"""`write_report`: the page of a run, or of several runs, as one file that needs nothing else."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError
from mxgan.report.grids import with_sources
from mxgan.report.overlay import overlaid, run_labels
from mxgan.report.page import render
from mxgan.runs.comparison import compare
from mxgan.runs.nearest import nearest_images
from mxgan.runs.overview import find_runs
from mxgan.runs.view import run_view
from mxgan.runtime.files import write_whole
from mxgan.training.run_folder import RunFolder

__all__ = ["compared_view", "report_path", "write_report"]

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
    folders = _folders(runs)
    path = report_path(folders, output)
    if os.path.lexists(path) and not overwrite and not _is_own(path, folders):
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


def _folders(runs: Union[str, Path, Sequence[Union[str, Path]]]) -> list:
    folders = [Path(runs)] if isinstance(runs, (str, Path)) else list(map(Path, runs))
    if not folders:
        raise ArgumentError("there is no run to report on; give the folder of at least one.")
    for folder in folders:
        if not folder.is_dir() or find_runs(folder) != [folder]:
            RunFolder.open(folder)  # says what is wrong with it
    return list({os.path.realpath(folder): folder for folder in folders}.values())


def _is_own(path: Path, folders: Sequence[Path]) -> bool:
    """Whether the file is the report of the run itself."""
    return len(folders) == 1 and os.path.abspath(path) == os.path.abspath(RunFolder(folders[0]).report_path)


def _page_of_one(folder: Path, nearest: bool) -> str:
    view = run_view(folder)
    if nearest and view["overview"]["state"] != "unreadable":
        view["nearest"] = nearest_images(folder)
    rest = len(render("run.html", {**view, "pictures": []}).encode())
    room = max(MOST_BYTES - rest, LEAST_PICTURES)
    view["pictures"], notes = with_sources(folder, view["pictures"], room, view["title"])
    return render("run.html", {**view, "notes": notes})


def _page_of_several(folders: Sequence[Path]) -> str:
    view = compared_view([run_view(folder) for folder in folders])
    for run, folder in zip(view["runs"], folders):
        if run["picture"]:
            kind = {"title": "", "label": "", "frames": [run["picture"]]}
            (shown,), notes = with_sources(folder, [kind], MOST_BYTES // 2 // len(folders), run["label"])
            run["picture"] = next(iter(shown["frames"]), None)
            view["problems"] += [f"{run['label']}: {note}" for note in notes]
    return render("compare.html", view)
