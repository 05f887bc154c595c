"""Pictures during training: one callback for each kind, a row of `PICTURES`; a recipe names the kinds."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple, Optional, Union

import numpy as np

from mxgan.callbacks.base import Periodic
from mxgan.errors import CorruptFileError, lookup
from mxgan.pictures.figures import loss_figure, scored_figure
from mxgan.pictures.grid import image_grid, save_png, standardize
from mxgan.pictures.windows import Display
from mxgan.runtime.files import open_plain, write_whole
from mxgan.runtime.paths import readable
from mxgan.training.every import Every
from mxgan.training.run_folder import RunFolder

__all__ = ["PICTURES", "Grids", "LossCurves", "PictureTools", "Scores", "Strip", "get_picture"]

logger = logging.getLogger(__name__)

GRID_SAMPLES = 64
SAMPLES_OF_EACH_CLASS = 10
IN_A_ROW = 8


class PictureTools(NamedTuple):
    """The tools for every kind of picture.

    Attributes
    ----------
    folder : the run folder, which gets the files. display : the windows. sampler : for images of fixed latents.
    every : steps between pictures, or "epoch". seed : decides the fixed latents.
    show_every : steps between refreshes of the windows, or "epoch"; None: windows show what is saved.
    """

    folder: RunFolder
    sampler: Any
    display: Display
    every: Union[int, str]
    seed: int
    show_every: Optional[Union[int, str]] = None


class _Picture(Periodic):
    """Base of the pictures: the tools, and the last step's batch and result."""

    def __init__(self, tools: PictureTools) -> None:
        super().__init__(tools.every)
        self._tools, self._shown = tools, None

    def on_step_end(self, trainer, batch, result) -> None:
        self._shown = (batch, result)
        super().on_step_end(trainer, batch, result)

    def _act_once(self, trainer) -> None:
        """Act only after a step: a checkpoint at the end of an epoch already has its picture."""
        if self._shown is not None:
            super()._act_once(trainer)

    def restore(self, state: dict) -> None:
        super().restore(state)
        self._shown = None

    def _fixed_samples(self, trainer, latents: np.ndarray, classes) -> np.ndarray:
        self._tools.sampler.copy_from(trainer.pair)
        return self._tools.sampler.sample(latents, classes)


class _Windowed(_Picture):
    """Base of the pictures that also have windows, which may be refreshed more often than files are saved."""

    def __init__(self, tools: PictureTools) -> None:
        super().__init__(tools)
        self._refresh = Every.parse("show_every", tools.show_every) if tools.show_every is not None else None

    def images(self, trainer) -> dict:
        """{title: (images (N, C, H, W), images in a row or None)} of the step that has just ended."""
        raise NotImplementedError

    def act(self, trainer) -> None:
        for title, grid in self._grids(trainer):
            save_png(self._tools.folder.picture(title, trainer.step), grid)
            self._tools.display.show(title, grid)

    def on_step_end(self, trainer, batch, result) -> None:
        super().on_step_end(trainer, batch, result)
        due = self._refresh is not None and self._refresh.names(trainer.step, trainer.iteration)
        if due and self._done_at != trainer.step and self._tools.display.is_open:
            for title, grid in self._grids(trainer):
                self._tools.display.show(title, grid)

    def _grids(self, trainer) -> Iterator[tuple]:
        for title, (images, columns) in self.images(trainer).items():
            if np.isfinite(images).all():
                yield title, image_grid(images, columns)
            else:
                logger.warning("step %d: %s is not finite, so it is not drawn", trainer.step, title)


class Grids(_Windowed):
    """The original's three pictures, as PNG files and in windows: gout (fixed latents), diff (input gradient) and data.

    For a conditional generator, each row of gout is one class, and all rows have the same latents.
    """

    def __init__(self, tools: PictureTools) -> None:
        super().__init__(tools)
        classes = tools.sampler.classes
        count = SAMPLES_OF_EACH_CLASS if classes else GRID_SAMPLES
        latents = tools.sampler.latents(count, tools.seed, stream="fixed latents")
        self._latents = np.concatenate([latents] * max(classes, 1))
        self._classes = np.repeat(np.arange(classes), count) if classes else None
        self._columns = count if classes else None

    def images(self, trainer) -> dict:
        batch, result = self._shown
        return {
            "gout": (self._fixed_samples(trainer, self._latents, self._classes), self._columns),
            "diff": (standardize(result.input_gradient.asnumpy()), None),
            "data": (batch.data[0].asnumpy(), None),
        }

    def close(self, trainer) -> None:
        self._tools.display.close()


class Strip(_Windowed):
    """strip: eight images of fixed latents side by side."""

    def __init__(self, tools: PictureTools) -> None:
        super().__init__(tools)
        classes = tools.sampler.classes
        self._latents = tools.sampler.latents(IN_A_ROW, tools.seed, stream="fixed latents")
        self._classes = np.arange(IN_A_ROW) % classes if classes else None

    def images(self, trainer) -> dict:
        return {"strip": (self._fixed_samples(trainer, self._latents, self._classes), IN_A_ROW)}


class Scores(_Picture):
    """scores: eight fakes and eight reals of the last step, each with D's score as its title."""

    def act(self, trainer) -> None:
        batch, result = self._shown
        rows = {
            "fake": (result.fake[:IN_A_ROW].asnumpy(), result.generator_prediction[:IN_A_ROW].asnumpy()),
            "real": (batch.data[0][:IN_A_ROW].asnumpy(), result.real_prediction[:IN_A_ROW].asnumpy()),
        }
        if all(np.isfinite(images).all() for images, _ in rows.values()):
            write_whole(self._tools.folder.picture("scores", trainer.step), scored_figure(rows))
        else:
            logger.warning("step %d: scores are not drawn, the images are not finite", trainer.step)


class LossCurves(_Picture):
    """losses: the curves of G's (blue) and D's (red) loss so far, from history.jsonl."""

    def act(self, trainer) -> None:
        steps, losses = read_losses(self._tools.folder.history_path)
        if steps:
            picture = self._tools.folder.picture("losses", trainer.step)
            write_whole(picture, loss_figure(steps, losses, readable(self._tools.folder.path.name)))


def read_losses(history: Path) -> tuple:
    """(steps, {"G": values, "D": values}) of a history.jsonl; empty if it is missing, CorruptFileError if broken."""
    lines, rows = [], []
    if history.exists():
        with open_plain(history) as stream:
            lines = stream.read().splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            losses = (None if row[name] is None else float(row[name]) for name in ("loss_g", "loss_d"))
            rows.append((int(row["step"]), *losses))
        except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise CorruptFileError(history, f"line {number} has no step, loss_g and loss_d") from error
    steps, g, d = ([row[column] for row in rows] for column in range(3))
    return steps, {"G": g, "D": d}


PICTURES = {"grids": Grids, "strip": Strip, "scores": Scores, "losses": LossCurves}


def get_picture(name: str) -> type:
    """The row `name` of PICTURES; ArgumentError with a suggestion if there is none."""
    return lookup("picture", name, PICTURES)
