"""Grids of the runs: samples of fixed seeds, none chosen by its look."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import mxgan
from benchmarks.results.jobs import Job, Places, few_place
from benchmarks.results.peer import SAMPLES
from benchmarks.results.photographs import CHOSEN
from mxgan.data import open_dataset
from mxgan.pictures.grid import GAP, image_grid, save_png
from mxgan.runs.config import recorded_config
from mxgan.runtime import cv2
from mxgan.training.run_folder import RunFolder

__all__ = ["draw_estimate", "draw_few", "draw_grid", "draw_strip"]

COUNT, COLUMNS = 64, 8
SEED = 0  # of the latents
LINES = 10  # number of log lines over which the critic's estimate is averaged
WIDE = 12  # pixels between two grids


def draw_grid(job: Job, target: Path) -> None:
    """64 samples; of a generator that takes classes ten rows of ten, a row for each class, of the same latents."""
    save_png(target, _grid(job))


def _grid(job: Job) -> np.ndarray:
    if job.plan.recipe is None:
        with np.load(job.folder / SAMPLES) as file:
            return image_grid(file["batch"][:COUNT].astype(np.float32) / 127.5 - 1, COLUMNS)
    sampler = mxgan.load_sampler(job.folder)
    if not sampler.classes:
        return image_grid(sampler.draw(COUNT, SEED), COLUMNS)
    rows = [sampler.draw(10, SEED, only=number) for number in range(sampler.classes)]
    return image_grid(np.concatenate(rows), 10)


def draw_few(jobs: Sequence[Job], places: Places, target: Path) -> None:
    """Side by side: 64 of the photographs that these runs were trained on, then a grid of each run."""
    *_, side = recorded_config(RunFolder.open(jobs[0].folder)).recipe.network.image_shape
    data = open_dataset("folder", data_dir=few_place(jobs[0], places) / CHOSEN, image_size=side, batch_size=COUNT,
                        channels=3, progress=False)  # fmt: skip
    data.seek(0)
    photographs = next(iter(data)).data[0].asnumpy()
    save_png(target, beside([image_grid(photographs, COLUMNS), *map(_grid, jobs)]))


def beside(grids: Sequence[np.ndarray]) -> np.ndarray:
    """Pictures in one row, with white between them; the lower ones are filled up with white."""
    height = max(len(grid) for grid in grids)
    parts = [np.pad(grid, ((0, height - len(grid)), (0, WIDE), (0, 0)), constant_values=255) for grid in grids]
    return np.concatenate(parts, axis=1)[:, :-WIDE]


def draw_strip(job: Job, target: Path) -> None:
    """Ten images of a run's last picture in a row, evenly spaced so that all classes appear, each 64 pixels high."""
    picture = cv2.imread(str(max(job.folder.glob("samples/gout-*.png"))))
    *_, side = recorded_config(RunFolder.open(job.folder)).recipe.network.image_shape
    places = [range(0, length, side + GAP) for length in picture.shape[:2]]
    cells = [picture[top : top + side, left : left + side] for top in places[0] for left in places[1]]
    chosen = np.concatenate(cells[:: max(1, len(cells) // 10)][:10], axis=1)
    shown = cv2.resize(chosen, (64 * chosen.shape[1] // side, 64), interpolation=cv2.INTER_AREA)
    save_png(target, shown[..., ::-1])


def draw_estimate(job: Job, target: Path) -> None:
    """Plot the critic's Wasserstein estimate and the Fréchet distance over the steps, with their correlation.

    A run that was measured fewer than twice, as one of a small share of its length, has no plot.
    """
    steps, estimates, distances = _course(job)
    if len(steps) < 2:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from scipy.stats import pearsonr, spearmanr

    linear, ranks = pearsonr(distances, estimates)[0], spearmanr(distances, estimates)[0]
    figure, axes = pyplot.subplots(figsize=(6, 3.5), layout="constrained")
    axes.plot(steps, estimates, "b.-", label=f"critic's estimate, mean of {LINES} log lines")
    axes.set(xlabel="step", ylabel="Wasserstein estimate")
    axes.set_title(f"wgan-gp: correlation {linear:.2f}, of the ranks {ranks:.2f}")
    other = axes.twinx()
    other.plot(steps, distances, "r.-", label="Fréchet distance of 1,000 samples")
    other.set(ylabel="Fréchet distance")
    _scale(axes, estimates)
    _scale(other, distances)
    figure.legend(loc="upper right", bbox_to_anchor=(0.85, 0.85))
    figure.savefig(target, dpi=100)
    pyplot.close(figure)


def _course(job: Job) -> tuple:
    """(steps, estimates, distances) at the steps with a measurement."""
    scores, history = (_rows(job.folder / name) for name in ("evaluation.jsonl", "history.jsonl"))
    first = min((each["step"] for each in history), default=math.inf)
    found = [each for each in scores if each.get("frechet") is not None and first <= each["step"]]
    steps, distances = [each["step"] for each in found], [each["frechet"] for each in found]
    estimates = [np.mean([each["wasserstein"] for each in history if each["step"] <= step][-LINES:]) for step in steps]
    return steps, estimates, distances


def _rows(path: Path) -> list:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def _scale(axes, values: Sequence[float]) -> None:
    """A logarithmic axis, unless a value is not above 0: a critic's first estimates may be negative."""
    from matplotlib.ticker import LogLocator

    if min(values) > 0:
        axes.set_yscale("log")
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_major_formatter("{x:g}")
        axes.yaxis.set_minor_formatter("")
