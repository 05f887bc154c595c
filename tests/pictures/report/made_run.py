"""A run's folder made by hand with real pictures, for pages: `tests.made_run`, and what a page needs besides."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
from PIL import Image

from mxgan.runtime.config import to_dict
from tests.made_run import DATA, made_run

KINDS = ("gout", "diff", "data")


def history_row(step: int) -> dict:
    """A line of history.jsonl."""
    loss = 0.7 + math.sin(step / 30) / 3
    return {
        "step": step,
        "epoch": 0,
        "images_per_second": 100.0 + step,
        "facc": 0.5 + step / 2000,
        "fentropy_g": loss,
        "fentropy_d": 1 / (1 + step),
        "loss_g": loss,
        "loss_d": 1 / (3 + step),
        "d_real": 0.6,
        "d_fake": 0.4 - step / 10_000,
    }


def grid(step: int, kind: str, side: int = 64) -> np.ndarray:
    """A picture of its own for each step and kind."""
    rng = np.random.default_rng([step, KINDS.index(kind)])
    smooth = rng.integers(0, 255, (8, 8, 3), np.uint8)
    return np.asarray(Image.fromarray(smooth).resize((side, side), Image.Resampling.BICUBIC))


def make_run(folder: Path, record: dict, steps=range(10, 410, 10), pictures=range(100, 500, 100), **texts) -> Path:
    """Write the files of a run; `record` is config.json, texts are further files by their names."""
    made_run(folder, [history_row(step) for step in steps])
    (folder / "config.json").write_text(json.dumps(record))
    for step in pictures:
        for kind in KINDS:
            Image.fromarray(grid(step, kind)).save(folder / "samples" / f"{kind}-{step:06d}.png")
    for name, text in texts.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def record_of(config, **more) -> dict:
    """config.json of a run with this configuration."""
    return {
        "run": to_dict(config),
        "stamp": "2026_01_01-00_00",
        "data": {**DATA, "name": config.dataset},
        "versions": {"mxgan": "0.1.0"},
        **more,
    }
