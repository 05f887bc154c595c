"""Generators from a run folder or a .params file, ready to draw images."""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Optional, Union

from mxgan.errors import ArgumentError, CheckpointError
from mxgan.graphs.generator_symbols import generator_of
from mxgan.graphs.params_files import load_params
from mxgan.graphs.symbol_files import load_symbol
from mxgan.networks.recognition import check_half, network_of_params
from mxgan.runs.config import recorded_config
from mxgan.training.checkpoint import symbol_prefix
from mxgan.training.checkpoint_choice import chosen_checkpoint, generator_file
from mxgan.training.run_folder import RunFolder
from mxgan.training.sampler import Sampler

__all__ = ["load_sampler", "symbol_beside"]

logger = logging.getLogger(__name__)

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
    (`PREFIX-symbol.json` for `PREFIX-0090.params`; `NAME.json` or `NAME-symbol.json` for `NAME.params`). Without a
    symbol, the file must be of one of mxgan's networks; what it does not show is assumed, and the log says what.

    Parameters
    ----------
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
        a checkpoint, else normal.

    Raises
    ------
    ArgumentError : the checkpoint or the average does not exist; the input or the shape of latents cannot be found.
    ShapeError : the symbol gives no images.
    CheckpointError, CorruptFileError, RunFolderError : a file cannot be read or does not fit; the message says why.
    """
    source = Path(source)
    given = {"latent_shape": latent_shape, "input_name": input_name, "strip_prefix": strip_prefix}
    if source.is_dir():
        _refuse(
            {"symbol": symbol, **given, "distribution": distribution}, f"{source} is a run folder, which knows them"
        )
        folder = RunFolder.open(source)
        config = recorded_config(folder)
        file, recipe = generator_file(chosen_checkpoint(folder, config.keep_best, checkpoint), averaged), config.recipe
        return Sampler.of_network(recipe.network, load_params(file), batch_size, recipe.latent_distribution)
    if not source.exists():
        raise CheckpointError(f"{source} does not exist; give a run folder or a .params file of a generator.")
    if averaged:
        raise ArgumentError(f"{source} is one file of parameters; give the run folder for the average (--ema).")
    found = symbol_beside(source) if symbol is None else symbol
    distribution = distribution or _recorded_distribution(source)
    if found is None:
        _refuse(given, f"{source} has no symbol beside it; give it with --symbol FILE.json (symbol=…)")
        parameters = load_params(source)
        return Sampler.of_network(network_of_params(parameters[0]), parameters, batch_size, distribution)
    return _of_symbol(source, found, given, batch_size, distribution)


def _recorded_distribution(params: Path) -> str:
    """The distribution of the latents of the run that the file is a checkpoint of; normal if it is of none."""
    checkpoints = params.absolute().parent.parent
    run = RunFolder(checkpoints.parent)
    if checkpoints == run.checkpoints.absolute() and run.config_path.is_file():
        return recorded_config(RunFolder.open(run.path)).recipe.latent_distribution
    return "normal"


def _of_symbol(source: Path, symbol, given: dict, batch_size: int, distribution: str) -> Sampler:
    """The sampler of a file and its symbol, a path or the symbol itself."""
    named = symbol if isinstance(symbol, (str, Path)) else "the symbol given"
    whole = load_symbol(symbol) if isinstance(symbol, (str, Path)) else symbol
    parameters = load_params(source, whole, given["strip_prefix"])
    if "data" in whole.list_arguments():
        check_half(parameters[0])
    made = generator_of(whole, parameters, given["latent_shape"], given["input_name"], batch_size)
    logger.info("symbol: %s; %s", named, "; ".join(made.notes))
    settings = {"classes": made.classes, "distribution": distribution}
    return Sampler.of_params(made.symbol, made.latent_shape, made.parameters, batch_size, **settings)


def _refuse(given: dict, why: str) -> None:
    names = [name for name, value in given.items() if value is not None]
    if names:
        raise ArgumentError(f"{', '.join(names)}: only for a .params file with a symbol; {why}.")


def symbol_beside(params: Path) -> Optional[Path]:
    """The symbol's file beside a .params file; None if there is none.

    In this order: `PREFIX-symbol.json` for `PREFIX-0090.params`, as MXNet's checkpoints and those of mxgan are named
    (for `…_E_…`, the average of a generator's weights, the symbol of `…_G_…`); `NAME-symbol.json` and `NAME.json` for
    `NAME.params`.
    """
    name = params.name[: -len(params.suffix)] if params.suffix == ".params" else params.name
    with_epoch = _WITH_EPOCH.fullmatch(name)
    prefixes = [with_epoch[1], symbol_prefix(with_epoch[1])] if with_epoch else []
    names = [*(f"{prefix}-symbol.json" for prefix in prefixes), f"{name}-symbol.json", f"{name}.json"]
    return next((path for path in map(params.with_name, names) if path.is_file()), None)
