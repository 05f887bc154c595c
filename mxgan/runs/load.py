"""Generators from a run folder or a .params file, ready to draw images."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, ShapeError, shown
from mxgan.graphs.generator_symbols import generator_of
from mxgan.graphs.params_files import load_params
from mxgan.graphs.shapes import is_shape
from mxgan.graphs.symbol_files import load_symbol, looks_like_symbol
from mxgan.networks.recognition import check_half, network_of_params
from mxgan.runs.config import recorded_config
from mxgan.runtime import mx
from mxgan.runtime.config import whole_number
from mxgan.runtime.draws import check_distribution
from mxgan.training.checkpoint import is_average, symbol_prefix
from mxgan.training.checkpoint_choice import chosen_checkpoint, generator_file
from mxgan.training.run_folder import RunFolder
from mxgan.training.sampler import Sampler

__all__ = ["load_sampler", "symbol_beside"]

logger = logging.getLogger(__name__)

_FLAGS = {"latent_shape": "--latent", "input_name": "--input", "strip_prefix": "--strip-prefix"}
_WITH_EPOCH = re.compile(r"(.+)-\d{4,}", re.DOTALL)


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
) -> Sampler:
    """A `Sampler` for a run folder's checkpoint, or for a generator's .params file of MXNet, Gluon or mxgan.

    A run folder knows its network. A file's network is its symbol: the one given, or one beside the file
    (`PREFIX-symbol.json` for `PREFIX-0090.params`; `NAME-symbol.json` or `NAME.json` for `NAME.params`). Without a
    symbol, the file must be of one of mxgan's networks; what it does not show is assumed, and the log says what.

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
    strip_prefix : for a file with a symbol: a prefix of the names in the file that the symbol's do not have; None:
        found.
    distribution : for a file: of the latents, "normal" or "uniform" on [-1, 1]; None: that of the run if the file is in
        a checkpoint of its run folder, else normal, and the log says so.

    Raises
    ------
    ArgumentError : the checkpoint or the average does not exist; the latents' input or shape cannot be found; a setting
        of another type, or for another source. ShapeError : the symbol gives no images.
    CheckpointError, CorruptFileError, RunFolderError : a file cannot be read or does not fit; the message says why.
    """
    source, batch_size = Path(source), whole_number("batch_size", batch_size)
    of_symbol = {"latent_shape": latent_shape, "input_name": input_name, "strip_prefix": strip_prefix}
    _check_given(symbol, latent_shape, distribution)
    if source.is_dir():
        given = {"symbol": symbol, **of_symbol, "distribution": distribution}
        _refuse(given, f"only for a .params file; {source} is a run folder, which knows them")
        return _of_run(RunFolder.open(source), checkpoint, averaged, batch_size)
    if not source.exists():
        raise CheckpointError(f"{source} does not exist; give a run folder or a .params file of a generator.")
    _check_one_file(source, checkpoint, averaged)
    found = symbol_beside(source) if symbol is None else symbol
    known = _recorded_distribution(source) if distribution is None else distribution
    if found is not None:
        return _of_symbol(source, found, of_symbol, batch_size, known)
    _refuse(of_symbol, f"only for a .params file with a symbol; {source} has none beside it: give {_spelt('symbol')}")
    parameters = load_params(source)
    network = network_of_params(parameters[0], {} if known else {"distribution": "normal"})
    return Sampler.of_network(network, parameters, batch_size, known or "normal")


def _of_run(folder: RunFolder, checkpoint: Union[str, int], averaged: Optional[bool], batch_size: int) -> Sampler:
    config = recorded_config(folder)
    file = generator_file(chosen_checkpoint(folder, config.keep_best, checkpoint), averaged)
    names = folder.class_names(config.recipe.network.generator_classes)
    return Sampler.of_recipe(config.recipe, load_params(file), batch_size, class_names=names)


def _check_given(symbol, latent_shape, distribution: Optional[str]) -> None:
    """Raise ArgumentError or ShapeError for a setting of another type."""
    if not (symbol is None or isinstance(symbol, (str, Path, mx.sym.Symbol))):
        kind = type(symbol).__name__
        raise ArgumentError(f"symbol is of the type {kind}; give a .json file, or an mx.sym.Symbol.")
    if not (latent_shape is None or is_shape(latent_shape)):
        raise ShapeError(f"latent_shape is {shown(latent_shape)}; give the shape of one latent, such as (100, 1, 1).")
    if distribution is not None:
        check_distribution(distribution)


def _check_one_file(source: Path, checkpoint, averaged: Optional[bool]) -> None:
    """Raise ArgumentError for settings that choose among the files of a run."""
    if checkpoint != "latest":
        raise ArgumentError(
            f"--checkpoint {checkpoint} (checkpoint=…): only for a run folder; {source} is one file of parameters."
        )
    if averaged:
        raise ArgumentError(f"{source} is one file of parameters; give the run folder for the average (--ema).")
    if averaged is False and is_average(source):
        raise ArgumentError(
            f"{source} is the average of a generator's weights (_E_ in its name); for the weights themselves (--raw), "
            "give the file with _G_, or the run folder."
        )


def _recorded_distribution(params: Path) -> Optional[str]:
    """The distribution of the latents of the run that the file is a checkpoint of; None if it is of none."""
    checkpoints = params.resolve().parent.parent
    run = RunFolder(checkpoints.parent)
    if checkpoints != run.checkpoints or not run.config_path.is_file():
        return None
    try:
        return recorded_config(RunFolder.open(run.path)).recipe.latent_distribution
    except CorruptFileError as error:
        raise CheckpointError(
            f"{params} is of a run whose config.json cannot be read, and so the distribution of its latents is not "
            f"known; --distribution normal or uniform (distribution=…) draws it without. The fault: {error}"
        ) from error


def _of_symbol(source: Path, symbol, given: dict, batch_size: int, distribution: Optional[str]) -> Sampler:
    """The sampler of a file and its symbol, a path or the symbol itself; the distribution None is assumed as normal."""
    named = symbol if isinstance(symbol, (str, Path)) else "the symbol given"
    whole = load_symbol(symbol) if isinstance(symbol, (str, Path)) else symbol
    parameters = load_params(source, whole, given["strip_prefix"])
    if "data" in whole.list_arguments():
        check_half(parameters[0])
    made = generator_of(whole, parameters, given["latent_shape"], given["input_name"], batch_size)
    said = f"latents: input {made.input_name!r}, shape {made.latent_shape}, {distribution or 'normal (assumed)'}"
    logger.info("symbol: %s; %s", named, "; ".join((said, *made.notes)))
    settings = {"classes": made.classes, "distribution": distribution or "normal", "ranged": made.ranged}
    return Sampler(made.symbol, made.latent_shape, made.batch_size, parameters=made.parameters, **settings)


def _refuse(given: dict, why: str) -> None:
    names = [_spelt(name) for name, value in given.items() if value is not None]
    if names:
        raise ArgumentError(f"{', '.join(names)}: {why}.")


def _spelt(name: str) -> str:
    """A setting as the command line and as Python name it: --latent (latent_shape=…)."""
    return f"{_FLAGS.get(name) or '--' + name} ({name}=…)"


def symbol_beside(params: Path) -> Optional[Path]:
    """The symbol's file beside a .params file; None if there is none.

    In this order: `PREFIX-symbol.json` for `PREFIX-0090.params`, as MXNet's checkpoints and those of mxgan are named
    (for `…_E_…`, the average of a generator's weights, the symbol of `…_G_…`); `NAME-symbol.json` and `NAME.json` for
    `NAME.params`. `NAME.json` may be anything, so it counts only if it has a symbol's "nodes".
    """
    name = params.name[: -len(params.suffix)] if params.suffix == ".params" else params.name
    with_epoch = _WITH_EPOCH.fullmatch(name)
    prefixes = [with_epoch[1], symbol_prefix(with_epoch[1])] if with_epoch else []
    names = [*(f"{prefix}-symbol.json" for prefix in prefixes), f"{name}-symbol.json"]
    found = next((path for path in map(params.with_name, names) if path.is_file()), None)
    other = params.with_name(f"{name}.json")
    return other if found is None and other.is_file() and looks_like_symbol(other) else found
