"""Answers of the explorer: facts of a run, images, files and neighbours, drawn in its threads and kept for a while.

Nothing here needs MXNet until the first request: then it is imported in the thread that uses it.
"""

from __future__ import annotations

import io
import math
import time
from collections import OrderedDict
from concurrent.futures import Future
from pathlib import Path
from typing import Callable, NamedTuple, Optional

from mxgan.errors import CheckpointError
from mxgan.pictures.report.grids import data_uri
from mxgan.runtime.inside import json_inside, refuse_links
from mxgan.web.explorer.points import FARTHEST, MOST_KEPT, MOST_SEED, PARTS, Wanted
from mxgan.web.explorer.worker import IDLE, Worker

__all__ = ["Download", "Studio"]

MOST_GENERATORS = 3
MOST_RUNS = 2  # whose training images are kept
MOST_READING = 64  # runs whose images could not be read are remembered
ASK_AGAIN = 60.0  # seconds until training images that could not be read are tried again


class Download(NamedTuple):
    """A file for the user: its name, its content."""

    name: str
    content: bytes


class Studio:
    """Generators and training images of runs. Every method gives a Future, and takes the run's folder and a request.

    Parameters
    ----------
    idle : seconds without a request, after which everything kept is given back.

    `viewer` is a name that a page gives itself: its newer request for the same thing takes the place of an older one
    that still waits.
    """

    def __init__(self, idle: float = IDLE) -> None:
        self._generators: OrderedDict = OrderedDict()
        self._neighbours: OrderedDict = OrderedDict()  # {(run, identity of its config.json): Neighbours}
        self._drawing = Worker(self._generators.clear, idle)
        self._searching = Worker(self._neighbours.clear, idle)
        self._reading: OrderedDict = OrderedDict()  # the same keys → (time, Future) of a reading

    def close(self) -> None:
        """End the threads."""
        self._drawing.close()
        self._searching.close()

    def facts(self, run: Path, wanted: Wanted) -> Future:
        """What the page needs to know of a run: its checkpoints, classes, directions; a dict for JSON."""
        return self._drawing.submit(lambda: self._facts(run, wanted))

    def image(self, run: Path, wanted: Wanted, viewer: Optional[str] = None) -> Future:
        """The image of a request as a data: URI, and D's score of it; a dict for JSON."""
        return self._drawing.submit(lambda: self._image(run, wanted), viewer and ("image", viewer))

    def picture(self, run: Path, wanted: Wanted) -> Future:
        """A Download of the image, byte for byte as `mxgan sample --num 1` writes it to a .png."""

        def draw() -> Download:
            generator, step = self._generator(run, wanted)
            return Download(_named(run, step, wanted, "png"), _png(generator.exact_image(generator.place(wanted))))

        return self._drawing.submit(draw)

    def latent(self, run: Path, wanted: Wanted) -> Future:
        """A Download of the latent as .npy: float32 of the shape of one latent."""
        return self._drawing.submit(lambda: self._latent(run, wanted))

    def pixels(self, run: Path, wanted: Wanted, viewer: Optional[str] = None) -> Future:
        """The image of a request as an array (1, C, H, W), for `neighbour`."""

        def draw():
            generator, _ = self._generator(run, wanted)
            return generator.drawn(wanted)[1]

        return self._drawing.submit(draw, viewer and ("pixels", viewer))

    def neighbour(self, run: Path, pixels, viewer: Optional[str] = None) -> Future:
        """The training image nearest to an image; a dict for JSON. It is {"ready": False} while the data are read."""
        key = (run, _identity(run / "config.json"))  # another run may have taken the name
        began, reading = self._reading.get(key, (0.0, None))
        failed = reading is not None and reading.done() and reading.exception() is not None
        if failed and time.monotonic() - began < ASK_AGAIN:
            return reading
        if key not in self._neighbours and (reading is None or reading.done()):
            reading = self._searching.submit(lambda: bool(self._read(key)))
            _kept(self._reading, key, MOST_READING, lambda: None)
            self._reading[key] = (time.monotonic(), reading)
        if reading is not None and not reading.done():
            return _done({"ready": False})
        self._reading.pop(key, None)
        return self._searching.submit(lambda: self._nearest(key, pixels), viewer and ("neighbour", viewer))

    def _generator(self, run: Path, wanted: Wanted) -> tuple:
        """(the generator of a request, its step), loaded if it is not kept."""
        from mxgan.runs.own_images import open_without_links
        from mxgan.training.checkpoint_choice import chosen_checkpoint
        from mxgan.web.explorer.generator import Generator

        folder, config = open_without_links(run)
        if wanted.checkpoint == "best":
            _refuse_linked_states(folder)
        chosen = chosen_checkpoint(folder, config.keep_best, wanted.checkpoint)
        refuse_links(run, "checkpoints", chosen.name)
        step, averaged = int(chosen.name), wanted.averaged
        if averaged is None:  # which of the two it is, so that one of them is not kept twice
            averaged = _has_average(chosen)
        key = (run, step, averaged, _identity(chosen / "state.json"), _identity(folder.config_path))
        return _kept(self._generators, key, MOST_GENERATORS, lambda: Generator(run, step, averaged)), step

    def _facts(self, run: Path, wanted: Wanted) -> dict:
        from mxgan.runs.own_images import open_without_links
        from mxgan.training.checkpoint_choice import best_step

        folder, config = open_without_links(run)
        if config.keep_best:
            _refuse_linked_states(folder)
        steps = folder.checkpoint_steps()
        generator, step = self._generator(run, wanted)
        sampler = generator.sampler
        return {
            "steps": steps,
            "latest": steps[-1],
            "best": best_step(folder, config.keep_best) if config.keep_best else None,
            "best_by": config.keep_best,
            "step": step,
            "averages": config.recipe.ema is not None,
            "classes": _titles(sampler),
            "directions": len(generator.directions),
            "no_directions": generator.no_directions,
            "image_shape": list(sampler.image_shape),
            "bounds": {"seed": MOST_SEED, "farthest": FARTHEST, "kept": MOST_KEPT, "parts": PARTS},
        }

    def _image(self, run: Path, wanted: Wanted) -> dict:
        generator, step = self._generator(run, wanted)
        place, image = generator.drawn(wanted)
        return {"step": step, "image": data_uri(_png(image), "image/png"), "score": _score(generator, image, place)}

    def _latent(self, run: Path, wanted: Wanted) -> Download:
        import numpy as np

        generator, step = self._generator(run, wanted)
        content = io.BytesIO()
        np.save(content, generator.place(wanted).latents[0])
        return Download(_named(run, step, wanted, "npy"), content.getvalue())

    def _read(self, key: tuple):
        from mxgan.runs.own_images import open_without_links
        from mxgan.web.explorer.neighbours import Neighbours

        return _kept(self._neighbours, key, MOST_RUNS, lambda: Neighbours(*open_without_links(key[0])))

    def _nearest(self, key: tuple, pixels) -> dict:
        found = self._read(key).nearest(pixels)
        shown = {"distance": found.distance, "label": found.label, "among": found.among}
        return {"ready": True, "image": data_uri(_png(found.image), "image/png"), **shown}


def _kept(kept: OrderedDict, key, most: int, make: Callable):
    """The value of a key, made if it is not kept; of more than `most` values the one used longest ago goes first."""
    if key not in kept:
        while len(kept) >= most:
            kept.popitem(last=False)
        kept[key] = make()
    kept.move_to_end(key)
    return kept[key]


def _identity(file: Path) -> tuple:
    """What tells a run or a checkpoint, by a file in it, from another one that took its place."""
    try:
        found = file.lstat()
    except OSError as error:
        raise CheckpointError(f"{file.parent} is gone or broken: {error.strerror}. Choose another one.") from error
    return found.st_ino, found.st_mtime_ns


def _has_average(checkpoint: Path) -> bool:
    """Whether a checkpoint has an average of the generator's weights; CorruptFileError for a broken state.json."""
    from mxgan.training.checkpoint_files import half_of_average

    state = json_inside(checkpoint, "state.json")
    sums = state.get("sha256") if isinstance(state, dict) else None
    return any(half_of_average(name) == "generator" for name in sums) if isinstance(sums, dict) else False


def _refuse_linked_states(folder) -> None:
    """CorruptFileError if a checkpoint that is looked at in the search for the best one holds links."""
    for step in folder.checkpoint_steps():
        refuse_links(folder.path, "checkpoints", folder.checkpoint(step).name)


def _titles(sampler) -> list:
    """The names of the classes; their numbers as text if they have no names."""
    return list(sampler.class_names) or [str(number) for number in range(sampler.classes)]


def _score(generator, image, place) -> dict:
    """D's score for JSON: {raw, probability}, or {text}: why there is none."""
    judge = generator.judge
    if judge is None:
        return {"text": generator.no_judge}
    if judge.takes_class and place.label is None:
        return {"text": "D is shown one class, and this is between two."}
    score = judge.score(image, place.label)
    return score._asdict() if math.isfinite(score.raw) else {"text": "D's score is not finite."}


def _png(image) -> bytes:
    from mxgan.pictures.grid import image_grid, png_bytes

    return png_bytes(image_grid(image))


def _named(run: Path, step: int, wanted: Wanted, ending: str) -> str:
    """The name of a file: run, step, and the seed or the place between kept points."""
    which = f"seed{wanted.point.seed}" if wanted.mix is None else f"mix{wanted.mix:g}"
    return f"{run.name}-{step}-{which}.{ending}"


def _done(result) -> Future:
    future: Future = Future()
    future.set_result(result)
    return future
