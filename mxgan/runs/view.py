"""The view of a run: everything that a page shows of it, as one dict of JSON values.

Its keys are always there, and empty if there is nothing:

    overview : `mxgan.runs.overview.Overview` as a dict. title : of the page.
    charts : see `mxgan.pictures.report.curves.curves`. marks : see `mxgan.pictures.report.marks.marks`.
    pictures : [{title, label, frames: [{step, file, alt}]}], `file` relative to the run. The label of generated images
        says which weights they show.
    scores : [{metric, title, value, error, better, unit, summary, step, weights, samples, classifier, data, source,
        protocol: [[name, text]]}], the newest of evaluation.jsonl and all of evaluation/*.json. `classifier` is "" for
        a metric of images alone; `data` says which real images they are.
    recipe : {name, summary, source}. settings : [{name, published, run}] where the run differs from it.
    run_settings : [{name, value}] of the run outside the recipe. configuration : [{name, value}] of all settings;
        with `whole`, the hash of the value, if `value` is only a part of it.
    changes : [{step, settings: [{name, before, after}]}], made on resume.
    environment : [{name, value}] of the machine. data : {name, count, sha256, classes}.
    origin : for an imported run, from what, in words.
    command : the command that makes the run again. commands : {resume, sample, evaluate, export}.
    nearest : see `mxgan.runs.nearest`. problems : texts.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

from mxgan.errors import ArgumentError, MXGANError
from mxgan.pictures.report.curves import curves
from mxgan.pictures.report.lines import read_lines
from mxgan.pictures.report.marks import changes_in, marks
from mxgan.pictures.report.values import in_utf_8, mapping, plain, text
from mxgan.runs.command import command_of
from mxgan.runs.config import RunConfig, config_of_record
from mxgan.runs.drawn import weights_of_pictures
from mxgan.runs.facts import recipe_differences
from mxgan.runs.overview import overview_of, read_run
from mxgan.runs.scores import ABOUT, images_in_words, newest_scores
from mxgan.runtime.config import setting_paths
from mxgan.training.idle_settings import is_default
from mxgan.training.run_folder import RunFolder

__all__ = ["PICTURES", "run_view"]

MOST_SETTINGS = 1000
MOST_TITLES = 50
MOST_FRAMES = 1000  # of one kind of picture; above, frames between are left out

# title of the files in samples/ → (label, the alternative text of one frame)
PICTURES = {
    "gout": ("Generated images, fixed latents", "Grid of generated images at step {step}"),
    "strip": ("Eight generated images, fixed latents", "Row of generated images at step {step}"),
    "diff": ("Gradient of the discriminator's input", "Grid of the discriminator's input gradients at step {step}"),
    "data": ("Training images", "Grid of the training images of step {step}"),
    "scores": ("Images with the discriminator's scores", "Generated and real images with their scores at step {step}"),
    "losses": ("Losses", "Curves of the losses up to step {step}"),
}

SHOW_WEIGHTS = ("gout", "strip")  # the others show what D gets in training


def run_view(path: Union[str, Path], pictures: bool = True) -> dict:
    """The view of the run in a folder; it never raises for what is in the folder: `problems` says what is wrong.

    Parameters
    ----------
    pictures : whether to list the pictures.

    Returns the dict that this module describes.
    """
    path = Path(path)
    run = read_run(path)
    folder, seen, record = RunFolder(path), overview_of(run), run.record
    history, evaluation, events = map(read_lines, (folder.history_path, folder.evaluation_path, folder.events_path))
    read = [problem for lines in (history, evaluation, events) for problem in lines.problems]
    meaning = _meaning(json.dumps(record["run"])) if record else _Meaning()
    command, remark = _command(record, meaning)
    shape = meaning.config.recipe.network.image_shape if meaning.config else None
    data = images_in_words(mapping(record.get("data")), shape)
    return {
        "overview": seen.as_dict(),
        "title": seen.name,
        "charts": curves(history.rows, evaluation.rows, ABOUT),
        "marks": marks(history.rows, events.rows, record.get("changes")),
        "pictures": _pictures(folder, events.rows) if pictures else [],
        "scores": [*newest_scores(evaluation.rows, data), *run.kept],
        **_settings(record, meaning.config, seen.recipe),
        "changes": changes_in(record.get("changes")),
        "environment": _environment(mapping(record.get("versions"))),
        "data": _data(mapping(record.get("data"))),
        "origin": _origin(record.get("imported")),
        "command": command,
        "commands": _commands(path, record),
        "nearest": [],
        "problems": [*seen.problems, *filter(None, (meaning.misfit, remark)), *read],
    }


class _Meaning(NamedTuple):
    """What the settings in a config.json mean to this version of mxgan.

    Attributes
    ----------
    config : None if they do not fit it; then `misfit` says why.
    command : the command that makes the run again; "" if there is none, and then `unable` says why.
    """

    config: Optional[RunConfig] = None
    misfit: str = ""
    command: str = ""
    unable: str = ""


@functools.lru_cache(maxsize=256)  # a page is made again and again while its run goes on
def _meaning(run: str) -> _Meaning:
    """The meaning of a run's settings, given as JSON."""
    try:
        config = config_of_record({"run": json.loads(run)})
    except MXGANError as error:
        return _Meaning(misfit=f"config.json does not fit this version of mxgan: {text(str(error), 500)}")
    try:
        return _Meaning(config, command=in_utf_8(command_of(config)))
    except ArgumentError as error:
        return _Meaning(config, unable=text(str(error), 500))


def _command(record: Mapping, meaning: _Meaning) -> tuple:
    """(the command that makes the run again, what is to be said of it); "" if there is none."""
    if isinstance(record.get("imported"), Mapping):
        return "", ""
    changed = [str(each["step"]) for each in changes_in(record.get("changes"))]
    said = f"Settings were changed at step {', '.join(changed)}; the command has the last ones from its beginning."
    return meaning.command, meaning.unable or (said if changed and meaning.command else "")


def _pictures(folder: RunFolder, events: Sequence[dict]) -> list:
    """All pictures but those whose names UTF-8 does not have: no page could name their files."""
    found = []
    for title, files in folder.all_pictures().items():
        if title != in_utf_8(title) or len(found) == MOST_TITLES:
            continue
        label, alt = PICTURES.get(title, (title, f"{title} at step {{step}}"))
        if title in SHOW_WEIGHTS:
            label = f"{label}; {weights_of_pictures(events, list(files))}"
        frames = [
            {"step": step, "file": f"samples/{files[step].name}", "alt": alt.replace("{step}", str(step))}
            for step in _thinned(list(files))
        ]
        found.append({"title": title, "label": label, "frames": frames})
    order = {title: number for number, title in enumerate(PICTURES)}
    return sorted(found, key=lambda each: order.get(each["title"], len(order)))


def _thinned(steps: Sequence[int]) -> list:
    """At most MOST_FRAMES of the steps, evenly, with the first and the last."""
    if len(steps) <= MOST_FRAMES:
        return list(steps)
    return [steps[index * (len(steps) - 1) // (MOST_FRAMES - 1)] for index in range(MOST_FRAMES)]


def _settings(record: Mapping, config: Optional[RunConfig], published: Optional[str]) -> dict:
    """The entries recipe, settings, run_settings and configuration."""
    run = mapping(record.get("run"))
    recipe = mapping(run.get("recipe"))
    differing = recipe_differences(config, published) if config and published else {}
    return {
        "recipe": {"name": published, **{key: text(recipe.get(key)) for key in ("summary", "source")}},
        "settings": [
            {"name": name, "published": plain(then), "run": plain(own)} for name, (then, own) in differing.items()
        ],
        "run_settings": [
            {"name": text(name, 200), "value": plain(value)}
            for name, value in list(run.items())[:MOST_SETTINGS]
            if name != "recipe"
        ],
        "configuration": [
            {"name": text(name, 400), "value": plain(value), **_whole(value)}
            for name, value in list(setting_paths(run).items())[:MOST_SETTINGS]
            if not is_default(name)
        ],
    }


def _whole(value: Any) -> dict:
    """{"whole": a hash of the value} if a view has only a part of it: two values with the same beginning differ."""
    if plain(value) == value:
        return {}
    return {"whole": hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()}


def _environment(versions: Mapping) -> list:
    found = {}
    for name, value in versions.items():
        if value == []:  # as of kernel_variables where none is set
            continue
        if isinstance(value, Mapping):
            value = "; ".join(str(plain(each)) for each in value.values())
        found[text(name, 100)] = ", ".join(map(str, plain(value))) if isinstance(value, list) else plain(value)
    return [{"name": name, "value": value} for name, value in list(found.items())[:50]]


def _data(data: Mapping) -> dict:
    classes = data.get("classes")
    return {**plain(data), "classes": plain(classes) if isinstance(classes, list) else []} if data else {}


def _origin(imported: Any) -> str:
    """From what a run was imported, in words; "" for a run that was trained here from its beginning."""
    if not isinstance(imported, Mapping):
        return ""
    halves = [
        f"{half} from {text(mapping(imported.get(half)).get('file'), 500) or 'a file'}"
        for half in ("generator", "discriminator")
        if imported.get(half) is not None
    ]
    return f"Imported: {'; '.join(halves)}."


def _commands(path: Path, record: Mapping) -> dict:
    """The commands that go on with the run, for a shell in the present folder."""
    if not record:
        return {}
    run = shlex.quote(in_utf_8(str(path)))
    return {
        "resume": f"mxgan train --resume {run}",
        "sample": f"mxgan sample {run} --output samples.png",
        "evaluate": f"mxgan evaluate {run}",
        "export": f"mxgan export {run} exported --format onnx",
    }
