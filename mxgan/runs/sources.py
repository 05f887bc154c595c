"""A run folder or a .params file as one half of a pair: its symbol, parameters and inputs."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Optional, Union

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, lookup
from mxgan.graphs.discriminator_symbols import discriminator_of
from mxgan.graphs.generator_symbols import generator_of
from mxgan.graphs.params_files import load_params
from mxgan.graphs.symbol_files import load_symbol, looks_like_symbol
from mxgan.networks.base import Network
from mxgan.networks.recognition import check_half, network_of_params
from mxgan.runs.config import RunConfig, recorded_config
from mxgan.runs.file_settings import FileSettings, refuse, spelt
from mxgan.training.checkpoint_choice import chosen_checkpoint, generator_file
from mxgan.training.checkpoint_files import (
    AVERAGES,
    average_file,
    half_of_average,
    parameter_file,
    read_state,
    symbol_prefix,
)
from mxgan.training.discriminator import discriminator_output
from mxgan.training.run_folder import RunFolder

__all__ = ["HALVES", "RunPart", "Source", "recorded_distribution", "source_of", "symbol_beside"]

logger = logging.getLogger(__name__)

HALVES = ("generator", "discriminator")
_WITH_EPOCH = re.compile(r"(.+)-\d{4,}", re.DOTALL)


class RunPart(NamedTuple):
    """Where in a run a half comes from: the run, its settings, the checkpoint's folder, the .params file."""

    folder: RunFolder
    config: RunConfig
    checkpoint: Path
    file: Path


class Source(NamedTuple):
    """One half of a pair.

    Attributes
    ----------
    symbol : as `mxgan.export.model.Model` has it.
    parameters : (arg_params, aux_params).
    inputs : {input: shape of one sample}.
    classes, class_names : of the input `class_label`.
    distribution : of the latents; for D that of its run.
    batch_size : the one asked for, or that of the symbol.
    ranged : whether the range of the images is known: by a generator's last layers, or by the run.
    run : where in a run it comes from; None for a file.
    """

    symbol: object
    parameters: tuple
    inputs: Mapping
    half: str = "generator"
    classes: int = 0
    class_names: Sequence = ()
    distribution: str = "normal"
    batch_size: int = 64
    ranged: bool = True
    run: Optional[RunPart] = None


def source_of(
    path: Path,
    half: str = "generator",
    checkpoint: Union[str, int] = "latest",
    averaged: Optional[bool] = None,
    given: FileSettings = FileSettings(),
    batch_size: int = 64,
) -> Source:
    """One half of the pair in a run folder's checkpoint, or in a .params file; `mxgan.load_sampler` tells the rest."""
    lookup("half", half, HALVES)
    given.check()
    if path.is_dir():
        refuse(given._asdict(), f"only for a .params file; {path} is a run folder, which knows them")
        return _of_run(RunFolder.open(path), half, checkpoint, averaged, batch_size)
    if not path.exists():
        raise CheckpointError(f"{path} does not exist; give a run folder or a .params file of a {half}.")
    _check_one_file(path, checkpoint, averaged)
    symbol = symbol_beside(path) if given.symbol is None else given.symbol
    if half == "discriminator":
        return _discriminator(path, symbol, given)
    refuse({"image_shape": given.image_shape}, "only for a discriminator; a generator's symbol tells it")
    known = recorded_distribution(path) if given.distribution is None else given.distribution
    if symbol is not None:
        return _of_symbol(path, symbol, given, batch_size, known)
    of_symbol = {name: getattr(given, name) for name in ("latent_shape", "input_name", "strip_prefix")}
    refuse(of_symbol, f"only for a .params file with a symbol; {path} has none beside it: give {spelt('symbol')}")
    parameters = load_params(path)
    network = network_of_params(parameters[0], {} if known else {"distribution": "normal"})
    return _of_network(network, parameters, distribution=known or "normal", batch_size=batch_size)


def _of_network(network: Network, parameters: tuple, **more) -> Source:
    """The source of a network's generator."""
    inputs = {name: shape[1:] for name, shape in network.generator_inputs(1).items()}
    return Source(network.generator(), parameters, inputs, classes=network.generator_classes, **more)


def _of_run(folder: RunFolder, half: str, checkpoint, averaged: Optional[bool], batch_size: int) -> Source:
    config = recorded_config(folder)
    network, distribution = config.recipe.network, config.recipe.latent_distribution
    chosen = chosen_checkpoint(folder, config.keep_best, checkpoint)
    settings = {"distribution": distribution, "batch_size": batch_size}
    if half == "generator":
        file = generator_file(chosen, averaged)
        settings.update(class_names=folder.class_names(network.generator_classes))
        return _of_network(network, load_params(file), run=RunPart(folder, config, chosen, file), **settings)
    state = read_state(chosen)
    file = average_file(chosen, state, half) if averaged else parameter_file(chosen, half)
    if file is None:
        raise ArgumentError(
            f"{chosen} has no average of the discriminator (discriminator_ema); leave --ema (averaged=True) out for D."
        )
    symbol = discriminator_output(config.recipe)
    classes = network.classes if "class_label" in symbol.list_arguments() else 0
    inputs = {"data": network.image_shape, **({"class_label": ()} if classes else {})}
    settings.update(class_names=folder.class_names(classes), run=RunPart(folder, config, chosen, file))
    return Source(symbol, load_params(file), inputs, half, classes, **settings)


def _check_one_file(source: Path, checkpoint, averaged: Optional[bool]) -> None:
    """Raise ArgumentError for settings that choose among the files of a run."""
    if checkpoint != "latest":
        raise ArgumentError(
            f"--checkpoint {checkpoint} (checkpoint=…): only for a run folder; {source} is one file of parameters."
        )
    if averaged:
        raise ArgumentError(f"{source} is one file of parameters; give the run folder for the average (--ema).")
    half = half_of_average(source.name)
    if averaged is False and half:
        raise ArgumentError(
            f"{source} is the average of a {half}'s weights (_{AVERAGES[half].initials}_ in its name); for the weights "
            f"themselves (--raw), give the file with _{half[0].upper()}_, or the run folder."
        )


def _config_of(params: Path) -> Optional[RunConfig]:
    """The settings of the run that the file is a checkpoint of; None if it is of none; CorruptFileError."""
    checkpoints = params.resolve().parent.parent
    run = RunFolder(checkpoints.parent)
    if checkpoints != run.checkpoints or not run.config_path.is_file():
        return None
    return recorded_config(RunFolder.open(run.path))


def recorded_distribution(params: Path) -> Optional[str]:
    """The distribution of the latents of the run that the file is a checkpoint of; None if it is of none."""
    try:
        config = _config_of(params)
    except CorruptFileError as error:
        raise CheckpointError(
            f"{params} is of a run whose config.json cannot be read, and so the distribution of its latents is not "
            f"known; --distribution normal or uniform (distribution=…) draws it without. The fault: {error}"
        ) from error
    return config and config.recipe.latent_distribution


def _of_symbol(source: Path, symbol, given: FileSettings, batch_size: int, distribution: Optional[str]) -> Source:
    """The generator of a file and its symbol, a path or the symbol itself; the distribution None becomes normal."""
    named, whole = _loaded(symbol)
    parameters = load_params(source, whole, given.strip_prefix)
    if "data" in whole.list_arguments():
        check_half(parameters[0])
    made = generator_of(whole, parameters, given.latent_shape, given.input_name, batch_size)
    said = f"latents: input {made.input_name!r}, shape {made.latent_shape}, {distribution or 'normal (assumed)'}"
    logger.info("symbol: %s; %s", named, "; ".join((said, *made.notes)))
    inputs = {"rand": made.latent_shape, **({"class_label": ()} if made.classes else {})}
    settings = {"distribution": distribution or "normal", "batch_size": made.batch_size, "ranged": made.ranged}
    return Source(made.symbol, made.parameters, inputs, classes=made.classes, **settings)


def _discriminator(source: Path, symbol, given: FileSettings) -> Source:
    """The discriminator of a file and its symbol."""
    settings = {"latent_shape": given.latent_shape, "distribution": given.distribution}
    refuse(settings, "only for a generator; a discriminator takes images")
    if symbol is None:
        raise ArgumentError(
            f"{source} has no symbol beside it, and a discriminator's file alone does not tell its network. Give the "
            f"run folder, or {spelt('symbol')}."
        )
    named, whole = _loaded(symbol)
    config = _config_of(source) if given.image_shape is None else None
    shape = config.recipe.network.image_shape if config else given.image_shape
    found = discriminator_of(whole, load_params(source, whole, given.strip_prefix), shape, given.input_name)
    said = f"images: input {found.input_name!r}, shape {found.image_shape}"
    logger.info("symbol: %s; %s", named, "; ".join((said, *found.notes)))
    inputs = {"data": found.image_shape, **({"class_label": ()} if found.classes else {})}
    known = config is not None  # a file of a run, whose images are from -1 to 1
    return Source(found.symbol, found.parameters, inputs, "discriminator", found.classes, ranged=known)


def _loaded(symbol) -> tuple:
    """(what it is called, the symbol itself) of a path or a symbol."""
    if isinstance(symbol, (str, Path)):
        return symbol, load_symbol(symbol)
    return "the symbol given", symbol


def symbol_beside(params: Path) -> Optional[Path]:
    """The symbol's file beside a .params file; None if there is none.

    In this order: `PREFIX-symbol.json` for `PREFIX-0090.params`, as MXNet's checkpoints and those of mxgan are named
    (for an average, `…_E_…` or `…_ED_…`, the symbol of `…_G_…` or `…_D_…`); `NAME-symbol.json` and `NAME.json` for
    `NAME.params`. `NAME.json` may be anything, so it counts only if it has a symbol's "nodes".
    """
    name = params.name[: -len(params.suffix)] if params.suffix == ".params" else params.name
    with_epoch = _WITH_EPOCH.fullmatch(name)
    prefixes = [with_epoch[1], symbol_prefix(with_epoch[1])] if with_epoch else []
    names = [*(f"{prefix}-symbol.json" for prefix in prefixes), f"{name}-symbol.json"]
    found = next((path for path in map(params.with_name, names) if path.is_file()), None)
    other = params.with_name(f"{name}.json")
    return other if found is None and other.is_file() and looks_like_symbol(other) else found
