"""A run that may be a stranger's, and its training images, for a page that shows them."""

from __future__ import annotations

from pathlib import Path

from mxgan.data.folder import open_kept_folder
from mxgan.data.mnist import find_mnist
from mxgan.errors import ArgumentError, DatasetNotFoundError
from mxgan.runs.config import RunConfig, recorded_config
from mxgan.runs.data import data_record, open_images, trained_part, trained_split
from mxgan.runtime.inside import refuse_links
from mxgan.training.run_folder import RunFolder

__all__ = ["open_without_links", "own_images"]


def open_without_links(path: Path) -> tuple:
    """(the RunFolder, its RunConfig) of a run; CorruptFileError if its settings or one of its checkpoints are links.

    A link could show what is outside the run. Of the checkpoint that is used, see `refuse_links`.
    """
    refuse_links(path, "config.json")
    refuse_links(path, "checkpoints")
    folder = RunFolder.open(path)
    return folder, recorded_config(folder)


def own_images(folder: RunFolder, config: RunConfig, **settings):
    """The images that a run was trained on; `settings` of `open_dataset` override the run's own.

    config.json names a data set and a place, which may be any place of this machine. So images are given only if their
    sha256 is the one recorded there: its author has had them too. Nothing is downloaded. Those of a folder come from
    the cache alone, where the training has put them: no folder is searched, and nothing is written.

    Raises
    ------
    MXGANError : there is no fingerprint, or the data are missing, or are others.
    """
    recorded = folder.read_config()["data"].get("sha256")
    if not isinstance(recorded, str):
        raise ArgumentError(
            f"{folder.path} has no fingerprint of its data, so no images of this machine are compared with it. "
            "A training records one."
        )
    split = trained_split(config)
    if config.dataset == "mnist" and find_mnist(split, config.data_dir) is None:
        raise DatasetNotFoundError("MNIST is not on this machine, and a page downloads nothing. Start a training.")
    if config.dataset == "folder":
        channels, *image_size = config.recipe.network.image_shape
        own = {"batch_size": config.recipe.batch_size, "seed": config.seed, "limit": config.limit}
        own.update(image_size=image_size, channels=channels, data_dir=config.data_dir)
        data = trained_part(config, open_kept_folder(recorded, **{**own, **settings}))
    else:
        data = open_images(config, progress=False, **{"split": split, **settings})
    folder.check_data(data_record(data))
    return data
