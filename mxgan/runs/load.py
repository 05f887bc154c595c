"""Generators from a run folder, an exported folder or a .params file, ready to draw images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError
from mxgan.export.model import Model
from mxgan.export.onnx_sampler import OnnxSampler
from mxgan.export.reading import described, is_exported, read_exported
from mxgan.runs.file_settings import FileSettings, refuse
from mxgan.runs.sources import source_of
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number
from mxgan.training.drawing import Drawing
from mxgan.training.sampler import Sampler

__all__ = ["load_sampler", "sampler_of"]


def load_sampler(
    source: Union[str, Path],
    batch_size: int = 64,
    checkpoint: Union[str, int] = "latest",
    averaged: Optional[bool] = None,
    *,
    symbol=None,
    latent_shape: Optional[Sequence[int]] = None,
    input_name: Optional[str] = None,
    strip_prefix: Optional[str] = None,
    distribution: Optional[str] = None,
    algorithm: str = "direct",
) -> Drawing:
    """A `Sampler` for a run's checkpoint, a folder of `mxgan export`, or a generator's .params file of MXNet or Gluon.

    A folder knows its network. A file's network is its symbol: the one given, or one beside the file
    (`PREFIX-symbol.json` for `PREFIX-0090.params`; `NAME-symbol.json` or `NAME.json` for `NAME.params`). Without a
    symbol, the file must be of one of mxgan's networks; what it does not show is assumed, and the log says what. An
    exported folder of ONNX is drawn by onnxruntime, by an `OnnxSampler`, which has the methods of `Sampler`.

    Parameters
    ----------
    batch_size : the number of latents in one forward pass; a symbol with a batch of its own keeps that.
    checkpoint : for a run: "latest", "best" (if it has `keep_best`), or the step of a checkpoint.
    averaged : for a run with `ema`: True: the average of the generator's weights; False: the weights themselves;
        None: the average if the checkpoint has one.
    symbol : for a file: the generator, as a .json file or as `load_symbol` gives it; None: the one beside it. Its first
        output is the image; a flat one of a square number of pixels and values of a sigmoid (0 to 1) are converted.
    latent_shape : for a file with a symbol: the shape of one latent, such as (100, 1, 1); None: found in the symbol.
    input_name : for a file with a symbol: the input for latents; None: `rand`, or the only one without parameters.
    strip_prefix : for a file with a symbol: what the names in the file have before those of the symbol; None: found.
    distribution : for a file: of the latents, "normal" or "uniform" on [-1, 1]; None: that of the run if the file is in
        a checkpoint of its run folder, else normal, and the log says so.
    algorithm : as in `Recipe`; "auto" is "direct" for a run that has it. The rounding of "fast" differs.

    Raises
    ------
    ArgumentError : the checkpoint or the average does not exist; the latents' input or shape cannot be found; a setting
        of another type, or for another source. ShapeError : the symbol gives no images.
    CheckpointError, CorruptFileError, RunFolderError : a file cannot be read or does not fit; the message says why.
    """
    batch_size = whole_number("batch_size", batch_size)
    given = FileSettings(symbol, latent_shape, input_name, strip_prefix, distribution)
    source = Path(source)
    if is_exported(source):
        return _of_exported(source, checkpoint, averaged, given, batch_size, algorithm)
    found = source_of(source, "generator", checkpoint, averaged, given, batch_size)
    if algorithm == "auto" and found.run is not None and found.run.config.recipe.algorithm == "direct":
        algorithm = "direct"
    return Sampler(
        found.symbol,
        found.inputs["rand"],
        found.batch_size,
        classes=found.classes,
        distribution=found.distribution,
        parameters=found.parameters,
        class_names=found.class_names,
        ranged=found.ranged,
        algorithm=algorithm,
    )


def _of_exported(
    folder: Path, checkpoint, averaged: Optional[bool], given: FileSettings, batch_size: int, algorithm: str
) -> Drawing:
    """The sampler of a folder of `mxgan export`."""
    chosen = {"checkpoint": None if checkpoint == "latest" else checkpoint, "averaged": averaged}
    refuse({**chosen, **given._asdict()}, f"not for {folder}, an exported folder, which holds one network and knows it")
    found = described(folder)
    if found.model.half != "generator":
        raise ArgumentError(f"{folder} holds a discriminator, which draws no images. Export a generator.")
    if found.format == "onnx":
        if algorithm == "fast":
            raise ArgumentError(f"algorithm is 'fast', and {folder} is drawn by onnxruntime; give 'auto'.")
        return OnnxSampler(found.file_of({".onnx"}), batch_size)
    return sampler_of(read_exported(folder), batch_size, algorithm)


def sampler_of(model: Model, batch_size: int = 64, algorithm: str = "direct") -> Sampler:
    """A sampler of a generator; `algorithm` as `load_sampler` takes it."""
    arrays = {name: mx.nd.array(value) for name, value in model.parameters.items()}
    states = {name: arrays.pop(name) for name in model.auxiliary}
    return Sampler(
        model.symbol,
        model.inputs["rand"],
        batch_size,
        classes=model.classes,
        distribution=model.latent_distribution,
        parameters=(arrays, states),
        class_names=model.class_names,
        algorithm=algorithm,
    )
