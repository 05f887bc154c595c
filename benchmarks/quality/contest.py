"""`mxgan train --recipe dcgan` and PyTorch's DCGAN example on the same images, trained part by part.

Each part is a process of its own, by the programs of benchmarks/results: it goes on where the one before has stopped,
and its clock runs from its first step to its last. Samples are drawn and judged between the parts.
"""

from __future__ import annotations

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Optional

import numpy as np

import mxgan
from benchmarks.results.budget import config_of
from benchmarks.results.jobs import ran
from benchmarks.results.judging import SEED, array_chunks
from benchmarks.results.peer import SAMPLES, STATISTICS
from mxgan.evaluation.bundle import Settings
from mxgan.evaluation.evaluate import evaluated, gather
from mxgan.evaluation.reference import image_chunks
from mxgan.runs.data import open_images
from mxgan.runs.reference import open_reference
from mxgan.runtime.files import write_whole

__all__ = ["CONTENDERS", "Contest", "Judge", "drawn", "train_to"]

CONTENDERS = ("mxgan", "PyTorch")
IMAGES = "images.npy"


@dataclass(frozen=True)
class Contest:
    """What decides the result, apart from the length and the machine.

    Attributes
    ----------
    dataset, data_dir : as `mxgan train` takes them. size : side of the grey images. width : ngf and ndf of both.
    samples : the number of judged images. seed : of both trainings. clock : a key of CLOCKS.
    """

    dataset: str = "mnist"
    data_dir: Optional[str] = None
    size: int = 64
    width: int = 32
    samples: int = 10_000
    seed: int = 0
    clock: str = "wall"

    def words(self) -> list:
        """The flags of `mxgan train`: the recipe as it is, at this size."""
        words = ["--recipe", "dcgan", "--dataset", self.dataset]
        words += ["--data-dir", self.data_dir] if self.data_dir else []
        words += ["--nc", 1, "--image-size", self.size, "--ngf", self.width, "--ndf", self.width, "--seed", self.seed]
        return [str(each) for each in words]

    def as_dict(self) -> dict:
        """The settings that a later command must share: all but the place of the data."""
        return {name: value for name, value in asdict(self).items() if name != "data_dir"}


def train_to(contest: Contest, who: str, seconds: float, folder: Path) -> dict:
    """Train one of CONTENDERS, or go on, until its steps have taken `seconds`: {"seconds", "steps", "images", …}."""
    log, run = folder / f"{who}.log", folder / who
    words = ["--run-dir", run, "--seconds", seconds, "--clock", contest.clock]
    if who == "mxgan":
        ran([*words, "--", *contest.words()], log, module="benchmarks.results.budget")
    else:
        words += ["--images", _images_file(contest, folder), "--width", contest.width, "--seed", contest.seed]
        ran([*words, "--samples", contest.samples], log, module="benchmarks.results.peer")
    return json.loads((folder / f"{who}.time.json").read_text())


def drawn(contest: Contest, who: str, folder: Path) -> dict:
    """{kind: images (N, 1, S, S) uint8} of a contender as it is now.

    Of mxgan as `mxgan sample` draws them: by the average of G's weights. Of the example with the moving statistics of
    BatchNorm, as eval() has them, and with those of the batch, as the example draws its own pictures.
    """
    if who == "mxgan":
        images = mxgan.load_sampler(folder / who).draw(contest.samples, contest.seed)
        return {"ema": _as_bytes(images)}
    with np.load(folder / who / SAMPLES) as file:
        return {kind: file[kind] for kind in STATISTICS}


class Judge:
    """The sliced Wasserstein distance of arrays to the training images, by the functions of `mxgan evaluate`."""

    def __init__(self, contest: Contest) -> None:
        self._size = contest.size
        settings = {"count": contest.samples, "seed": SEED, "progress": False}
        self._reference = open_reference(_config(contest), ["swd"], ["swd"], **settings)

    def swd(self, images: np.ndarray) -> dict:
        """{"value": SWD × 10³, and its details} of images (N, 1, S, S) uint8."""
        made = gather(array_chunks(images, self._size), len(images), self._reference.networks, ["swd"])
        score = evaluated(["swd"], self._reference.bundle, made, Settings(seed=SEED))["swd"]
        return {"value": score.value, **score.details}


def _config(contest: Contest):
    return config_of(contest.words(), steps=1, epochs=None)


def _images_file(contest: Contest, folder: Path) -> Path:
    """The training images of mxgan as a file (N, 1, S, S) uint8, for the peer; written if it is missing."""
    path = folder / IMAGES
    if not path.exists():
        data, packed = open_images(_config(contest), progress=False), io.BytesIO()
        np.save(packed, np.concatenate([_as_bytes(images) for images, _ in image_chunks(data, data.num_images)]))
        write_whole(path, packed.getvalue())
    return path


def _as_bytes(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1] as uint8, as the peer's samples are."""
    return np.round((images + 1) * 127.5).clip(0, 255).astype(np.uint8)
