"""A run's folder with files written by the test: what a training leaves, without one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Optional

from mxgan.runtime.config import to_dict
from tests.support import tiny_config

DATA = {"name": "digits", "count": 1797, "sha256": "0" * 64, "classes": list("0123456789")}
VERSIONS = {"mxgan": "0.1.0", "threads": {"count": 2, "reason": "two CPUs"}, "cpu_features": ["avx", "avx2"]}


def row(step: int, **values) -> dict:
    """A line of history.jsonl."""
    usual = {"facc": 0.5 + step / 1e4, "loss_g": 1 / (1 + step), "loss_d": 0.7, "d_real": 0.6, "d_fake": 0.4}
    return {"step": step, "epoch": step // 56, "images_per_second": 100.5, **usual, **values}


def write_lines(path: Path, rows: list) -> None:
    """Write rows as JSON lines."""
    path.write_text("".join(json.dumps(each) + "\n" for each in rows))


def made_run(
    path: Path,
    history: Optional[list] = None,
    events: Optional[list] = None,
    evaluation: Optional[list] = None,
    saved: int = 0,
    pictures: tuple = (),
    config=None,
    **record,
) -> Path:
    """Make the folder of a run of 100 steps, and give its path.

    Parameters
    ----------
    history, events, evaluation : rows; None: no such file. saved : the step of its one checkpoint; 0: none.
    pictures : names of files in samples/. config : its RunConfig. record : more entries of config.json.
    """
    for part in ("samples", "checkpoints"):
        (path / part).mkdir(parents=True)
    run = to_dict(config or tiny_config(steps=100))
    content = {"run": run, "stamp": "2026_01_02-03_04", "data": DATA, "versions": VERSIONS, **record}
    (path / "config.json").write_text(json.dumps(content))
    for name, rows in (("history", history), ("events", events), ("evaluation", evaluation)):
        if rows is not None:
            write_lines(path / f"{name}.jsonl", rows)
    if saved:
        (path / "checkpoints" / f"{saved:06d}").mkdir()
        state = {"step": saved, "epoch": saved // 56, "metrics": {}}
        (path / "checkpoints" / f"{saved:06d}" / "state.json").write_text(json.dumps(state))
    for name in pictures:
        (path / "samples" / name).write_bytes(b"PNG")
    return path


def made_evaluation(
    run: Path, name: str, value: float = 12.5, classifier: str = "abcdef0123456789", data=DATA, **protocol
) -> None:
    """Add a file of `mxgan evaluate` with a Fréchet distance."""
    (run / "evaluation").mkdir(exist_ok=True)
    result = {"value": value, "standard_error": 0.25, "better": "min", "summary": "a distance"}
    told = {"checkpoint": 100, "weights": "raw", "samples": 10000, "seed": 0, **protocol}
    told["reference"] = {
        "classifier": {"fingerprint": classifier},
        "split": None,
        "fingerprint": {key: data[key] for key in ("name", "count", "sha256")},
        "image_shape": [1, 16, 16],
    }
    (run / "evaluation" / name).write_text(json.dumps({"format": 1, "results": {"frechet": result}, "protocol": told}))
