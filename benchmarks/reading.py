"""Data iterators of mxgan and of PyTorch, without training, as units for worker.py."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Optional

from benchmarks.worker import Unit

__all__ = ["our_batches", "our_first_reading", "torch_batches"]


def our_batches(
    dataset: str, data_dir: Optional[str], batch: int = 64, size: int = 64, batches: int = 40, copies: int = 1
) -> Unit:
    """Batches of a data set, float32 in [-1, 1], over epochs. "recordio" first packs `copies` of each image."""
    from mxgan.data import open_dataset, pack_folder

    folder = tempfile.TemporaryDirectory()
    os.environ["XDG_CACHE_HOME"] = f"{folder.name}/cache"
    if dataset == "recordio":
        source, data_dir = _repeated(Path(data_dir), copies, Path(folder.name)), f"{folder.name}/packed.rec"
        pack_folder(source, data_dir)
    data = open_dataset(dataset, batch_size=batch, image_size=size, data_dir=data_dir, progress=False)
    place = [0, 0]  # epoch, batch of the epoch

    def run() -> None:
        for _ in range(batches):
            if place[1] >= data.num_images // batch:
                place[:] = [place[0] + 1, 0]
                data.seek(*place)
            data.next().data[0].wait_to_read()
            place[1] += 1

    return Unit(run, batch * batches, folder.cleanup)


def our_first_reading(data_dir: str, size: int = 64, copies: int = 1) -> Unit:
    """All images of a folder, decoded with an empty cache."""
    from mxgan.data import load_folder

    folder = tempfile.TemporaryDirectory()
    source = _repeated(Path(data_dir), copies, Path(folder.name) / "images")

    def run() -> None:
        with tempfile.TemporaryDirectory() as cache:
            os.environ["XDG_CACHE_HOME"] = cache
            load_folder(source, size, progress=False)

    return Unit(run, len(list(source.iterdir())), folder.cleanup)


def torch_batches(data_dir: str, batch: int = 64, size: int = 64, copies: int = 1) -> Unit:
    """One epoch of a torch DataLoader over the same files: Pillow decodes, scales and crops, as in torchvision.

    It has one worker process for each CPU that this process may use; the workers stay from epoch to epoch.
    """
    import numpy as np
    import torch
    from PIL import Image
    from torch.utils.data import DataLoader, Dataset

    folder = tempfile.TemporaryDirectory()
    files = sorted(_repeated(Path(data_dir), copies, Path(folder.name) / "images").iterdir())

    class Photographs(Dataset):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int):
            with Image.open(files[index]) as opened:
                image = opened.convert("RGB")
            scale = size / min(image.size)
            image = image.resize([max(size, round(side * scale)) for side in image.size], Image.BILINEAR)
            left, top = ((side - size) // 2 for side in image.size)
            pixels = np.asarray(image.crop((left, top, left + size, top + size)))
            return torch.from_numpy(pixels.copy()).permute(2, 0, 1).float().div(127.5).sub(1)

    workers = len(os.sched_getaffinity(0))
    loader = DataLoader(Photographs(), batch, shuffle=True, num_workers=workers, persistent_workers=True)

    def run() -> None:
        for _ in loader:
            pass

    return Unit(run, len(files), folder.cleanup)


def _repeated(source: Path, copies: int, folder: Path) -> Path:
    """A folder with `copies` symbolic links to every image of `source`."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(path for path in source.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png")):
        for copy in range(copies):
            (folder / f"{copy:03d}-{path.name}").symlink_to(path.resolve())
    return folder
