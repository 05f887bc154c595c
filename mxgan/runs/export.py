"""`export_model`: a trained network as a folder of files for other programs, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple, Optional, Union

from mxgan.errors import ArgumentError, OutputError, lookup
from mxgan.export import FORMATS, check_format, write_model
from mxgan.export.card import Card, card_of, check_license
from mxgan.export.card_parts import image_shape
from mxgan.export.checking import Agreement, agreement
from mxgan.export.model import Model
from mxgan.pictures.grid import columns_of_classes, save_grid
from mxgan.runs.file_settings import FileSettings, refuse
from mxgan.runs.load import sampler_of
from mxgan.runs.model import model_of
from mxgan.runs.sources import HALVES
from mxgan.runtime.files import new_folder, write_whole
from mxgan.runtime.paths import checked_path

__all__ = ["Exported", "export_model"]

PICTURE, CARD = "samples.png", "README.md"
WIDEST = 1024  # pixels of the picture; with images of 256 pixels it has 4 columns
MOST_COLUMNS, FEWEST_COLUMNS = 8, 4
MOST_CLASSES = 16  # that get a column each


class Exported(NamedTuple):
    """What `export_model` has written.

    Attributes
    ----------
    folder : the folder. files : ((name, bytes), …).
    half : "generator" or "discriminator".
    agreement : the largest difference between MXNet and the files, or why they were not compared.
    """

    folder: Path
    files: tuple
    half: str
    agreement: Agreement


def export_model(
    source: Union[str, Path],
    out: Union[str, Path],
    format: str,  # noqa: A002 - as the command line has it
    *,
    checkpoint: Union[str, int] = "latest",
    averaged: Optional[bool] = None,
    half: str = "generator",
    precision: Optional[str] = None,
    weights: Optional[str] = None,
    keep_batch_norm: bool = False,
    license: str = "unknown",  # noqa: A002
    symbol=None,
    latent_shape: Optional[Sequence[int]] = None,
    image_shape: Optional[Sequence[int]] = None,
    input_name: Optional[str] = None,
    strip_prefix: Optional[str] = None,
    distribution: Optional[str] = None,
) -> Exported:
    """Write the network of a run or of a .params file into a new folder, in the format of another program.

    The folder gets the format's files, export.json, README.md (a model card) and, for a generator, samples.png, and is
    written whole or not at all. If the format's library is here, the files are first run and compared with MXNet.

    Parameters
    ----------
    source : a run folder, or a .params file; see `load_sampler`.
    out : a folder that does not exist, or is empty.
    format : "onnx", "torch", "safetensors", "npz" or "mxnet".
    checkpoint, averaged : as for `load_sampler`.
    half : "generator" or "discriminator". A .params file of a discriminator needs its symbol, beside it or given.
    precision : for onnx: "float32" or "float16". weights : for torch: "pt" or "safetensors". The first is the default.
    keep_batch_norm : for onnx: keep BatchNorm as layers; False: it goes into the weights before it.
    license : an identifier such as "mit" or "cc-by-4.0", or a name, for the card.
    symbol, latent_shape, input_name, strip_prefix, distribution : for a .params file, as for `load_sampler`.
    image_shape : for a discriminator's .params file: (C, H, W); None: the smallest square that fits, said in the log.

    Returns
    -------
    Exported.

    Raises
    ------
    ArgumentError : an unknown name, an option or a layer that the format does not take; `out` is not empty.
    RuntimeUnavailableError : a library that the format needs is not installed; the message names the extra.
    OutputError : the folder cannot be written. CheckpointError, CorruptFileError, RunFolderError : see `load_sampler`.

    Examples
    --------
    >>> export_model("runs/mnist", "mnist-onnx", "onnx", license="mit").files  # doctest: +SKIP
    (('README.md', 4120), ('export.json', 9310), ('model.onnx', 3512092), ('samples.png', 30412))
    """
    lookup("half", half, HALVES)
    options = _options(format, {"precision": precision, "weights": weights, "keep_batch_norm": keep_batch_norm or None})
    license = check_license(license)  # noqa: A001
    target = _new(out)
    given = FileSettings(symbol, latent_shape, input_name, strip_prefix, distribution, image_shape)
    model = model_of(source, half, checkpoint, averaged, given)
    model = replace(model, facts={**model.facts, "license": license})
    return _written(model, target, format, options)


def _options(form: str, given: Mapping) -> dict:
    """The format's options with its defaults, all checked; `given` has the arguments of `export_model`."""
    taken = lookup("format", form, FORMATS).options
    foreign = {name: value for name, value in given.items() if name not in taken}
    refuse(foreign, f"not for the format {form}; leave it out, or give the format that it is for")
    return check_format(form, {name: value for name, value in given.items() if value is not None})


def _new(out: Union[str, Path]) -> Path:
    """The path of a folder that can be made; ArgumentError if it exists, unless it is an empty folder."""
    target = checked_path("the folder of the export", out)
    try:
        used = os.path.lexists(target) and (target.is_symlink() or not target.is_dir() or any(target.iterdir()))
    except OSError as error:
        raise OutputError(f"{target} cannot be read: {error.strerror}. Give another folder.") from error
    if used:
        raise ArgumentError(f"{target} exists and is not an empty folder; nothing was changed. Give a new folder.")
    return target


def _written(model: Model, target: Path, form: str, options: Mapping) -> Exported:
    made = _missing(target.parent)
    try:
        with new_folder(target) as folder:
            write_model(model, folder, form, options)
            found = agreement(model, folder, form, options)
            pictured = _picture(model, folder / PICTURE) if model.half == "generator" else 0
            files = _files(folder)
            shown = {name: value for name, value in options.items() if value != FORMATS[form].options[name][0]}
            card = Card(form, shown, files, pictured, found.difference, found.warning)
            write_whole(folder / CARD, card_of(model, card))
            files = _files(folder)
    except BaseException as error:
        _remove_empty(made)
        if not isinstance(error, OSError):
            raise
        raise OutputError(
            f"the folder {target} cannot be written: {error.strerror}. Give a folder where you may write."
        ) from error
    return Exported(target, files, model.half, found)


def _missing(folder: Path) -> list:
    """The folder and its parents that are not there, the innermost first."""
    return [each for each in (folder, *folder.parents) if not os.path.lexists(each)]


def _remove_empty(folders: Sequence) -> None:
    """Remove folders that were made for an export that failed; one that got another file stays, with its parents."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _files(folder: Path) -> tuple:
    return tuple((path.name, path.stat().st_size) for path in sorted(folder.iterdir()))


def _picture(model: Model, path: Path) -> int:
    """Draw a grid, a column for each class if there are few; return the number of images."""
    most = min(MOST_COLUMNS, max(FEWEST_COLUMNS, WIDEST // image_shape(model)[2]))
    has_columns = 1 < model.classes <= MOST_CLASSES
    count = most * (model.classes if has_columns else most)
    columns = columns_of_classes(model.classes, count) if has_columns else most
    images = sampler_of(model).draw(count)
    save_grid(path, images, columns)
    return len(images)
