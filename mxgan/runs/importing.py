"""`import_model`: a generator, or both networks, from the file of another program, as a run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Optional, Union

import numpy as np

from mxgan.data import UNKNOWN
from mxgan.errors import ArgumentError, CheckpointError, MXGANError, RunFolderError, listed
from mxgan.export.computing import computed
from mxgan.export.model import Model
from mxgan.graphs.memory import Graph, check_memory
from mxgan.graphs.params_files import in_one
from mxgan.networks import Symbols
from mxgan.recipes import OF_IMPORTS, RECIPES, get_recipe
from mxgan.runs.data import data_record, open_sources
from mxgan.runs.file_settings import FileSettings
from mxgan.runs.found import Found
from mxgan.runs.given import default_config
from mxgan.runs.import_networks import Halves, completed, joined, trial
from mxgan.runs.import_sources import discriminator_in, generator_in
from mxgan.runs.imported_run import GeneratorAlone, ImportedRun, write_run
from mxgan.runs.pair import build_pair
from mxgan.runtime.config import override
from mxgan.runtime.files import is_current
from mxgan.training.checkpoint_files import sha256_of
from mxgan.training.discriminator import discriminator_output
from mxgan.training.recipe import Recipe
from mxgan.training.run_folder import RunFolder

__all__ = ["import_model"]

logger = logging.getLogger(__name__)

LATE = 10**6  # stands for the last step where the end of the run is not known yet


def import_model(
    file: Union[str, Path],
    run_dir: Union[str, Path],
    *,
    discriminator: Union[str, Path, None] = None,
    recipe: Union[str, Recipe, None] = None,
    settings: Mapping = MappingProxyType({}),
    dataset: Optional[str] = None,
    data_dir: Union[str, Path, None] = None,
    symbol=None,
    discriminator_symbol=None,
    latent_shape: Optional[Sequence[int]] = None,
    input_name: Optional[str] = None,
    strip_prefix: Optional[str] = None,
    distribution: Optional[str] = None,
) -> Path:
    """Make a run of a network that another program has trained; returns the run's folder.

    The run has one checkpoint, of step 0, with fresh optimisers. It is sampled, evaluated and exported as every run,
    and with both networks it is trained on: `resume(run_dir, steps=N)`.

    Parameters
    ----------
    file : the generator: a state_dict of PyTorch (.pt, .pth, .safetensors) of a DCGAN, named as in PyTorch's example;
        a .params file of MXNet, Gluon or mxgan; or a folder of `export_model`, or the file in it. A file of PyTorch
        may hold both networks.
    run_dir : a folder that is empty or does not exist.
    discriminator : the discriminator, a file or folder of the same kinds; None: the run cannot be trained.
    recipe : a row of RECIPES, or a `Recipe`: the settings of further training; its network is replaced. None: those
        that an exported folder names, or those of "dcgan-original".
    settings : {setting: value} of `RunConfig`, such as {"batch_size": 128, "eps": 1e-3}; see `mxgan train --set`.
    dataset, data_dir : the images of further training and of evaluations; None: unknown.
    symbol, discriminator_symbol : for a .params file: as for `load_sampler`. D's head, or a sigmoid at its end, is
        taken off.
    latent_shape, input_name, strip_prefix, distribution : for the generator's file: as for `load_sampler`.

    Raises
    ------
    ArgumentError, ShapeError : a bad setting, or networks too large for the memory. RunFolderError : `run_dir` is in
        use or cannot be written.
    CheckpointError, CorruptFileError : a file cannot be read, is of an unknown layout, or does not fit the other.
    RuntimeUnavailableError : PyTorch or safetensors is not installed.
    """
    target = _new(run_dir)
    _check_settings(recipe, settings)
    given = FileSettings(symbol, latent_shape, input_name, strip_prefix, distribution)
    file, second = Path(file), None if discriminator is None else Path(discriminator)
    made, judge = _found(file, given, second, FileSettings(discriminator_symbol))
    second = file if judge is not None and second is None else second
    base = _recipe(recipe, made)
    halves = joined(made, judge, base)
    run = _run_of(halves, base, recipe is not None, made, distribution, settings, dataset, data_dir)
    record = {"generator": _origin(file), "discriminator": None if second is None else _origin(second)}
    write_run(target, run, record)
    return target


def _new(run_dir: Union[str, Path]) -> Path:
    """The folder of the run; RunFolderError if it is in use."""
    target = RunFolder(run_dir).path
    RunFolder.refuse_used(target)
    if is_current(target):
        raise RunFolderError(f"{target} is the current folder, or holds it; give a new --run-dir (run_dir) in it.")
    return target


def _found(file: Path, given: FileSettings, second: Optional[Path], of_second: FileSettings) -> tuple:
    """(generator, discriminator or None), the latter from its own file, or from the generator's if that has both."""
    given.check()
    of_second.check()
    if second is None and of_second.symbol is not None:
        raise ArgumentError("discriminator_symbol is given without discriminator (--discriminator FILE); give both.")
    made = generator_in(file, given)
    judge = made.partner if second is None else discriminator_in(second, of_second, made.image, made.zero_to_one)
    for note in (*made.notes, *(judge.notes if judge else ())):
        logger.info("import: %s", note)
    return made, judge


def _check_settings(recipe, settings: Mapping) -> None:
    """Raise ArgumentError for an unknown recipe, and for settings of another type."""
    if isinstance(recipe, str):
        get_recipe(recipe)
    elif not (recipe is None or isinstance(recipe, Recipe)):
        raise ArgumentError(f"recipe is of the type {type(recipe).__name__}; give a name in RECIPES, or a Recipe.")
    if not isinstance(settings, Mapping):
        raise ArgumentError(f"settings are of the type {type(settings).__name__}; give {{setting: value}}.")


def _recipe(given: Union[str, Recipe, None], made: Found) -> Recipe:
    """The recipe given; else the one that an exported folder names, with its settings; else the one for imports."""
    if given is not None:
        return get_recipe(given) if isinstance(given, str) else given
    name, changed = made.facts.get("recipe"), made.facts.get("settings")
    if not isinstance(name, str) or name not in RECIPES or not isinstance(changed, dict):
        return RECIPES[OF_IMPORTS]
    own = {key: value for key, value in changed.items() if not str(key).startswith("network")}
    try:
        return override(RECIPES[name], own)
    except MXGANError as error:  # the folder is a stranger's, or of another version
        logger.warning("The settings of training in the folder cannot be taken: %s", error)
        return RECIPES[OF_IMPORTS]


def _run_of(
    halves: Halves,
    base: Recipe,
    chosen: bool,
    made: Found,
    given: Optional[str],
    settings: Mapping,
    dataset: Optional[str],
    data_dir,
) -> ImportedRun:
    """The run, after a check of everything that its first step or its first save would need."""
    recipe = _with_network(base, halves.network, chosen)
    if made.distribution is not None:
        recipe = replace(recipe, latent_distribution=made.distribution)
    place = None if data_dir is None else str(Path(data_dir).absolute())
    if dataset is None and place is not None:
        raise ArgumentError("data_dir is given without dataset (--dataset NAME); give both.")
    config = override(default_config(recipe, {"dataset": dataset or UNKNOWN, "data_dir": place}), settings)
    set_to = config.recipe.latent_distribution
    if given not in (None, set_to):
        raise ArgumentError(
            f"the latents are said to be {given} (--distribution, distribution=…) and {set_to} (the setting "
            "latent_distribution). Leave one of them out."
        )
    network, batch = config.recipe.network, config.recipe.batch_size
    generator, notes = completed("generator", network.generator(), network.generator_inputs(batch), halves.generator)
    if halves.discriminator is None:
        check_memory({"generator": Graph(network.generator(), network.generator_inputs(1))}, training=False)
        pair = GeneratorAlone(network.generator(), generator)
    else:
        output = discriminator_output(config.recipe)
        discriminator, more = completed("discriminator", output, network.images(batch), halves.discriminator)
        notes += more
        pair = build_pair(config, config.steps or LATE)
        pair.set_params(generator, discriminator)
    if notes:
        logger.info("import: %s", listed(notes))
    _check_computes(network, generator)
    data = data_record(open_sources(config).images) if dataset else {}
    if made.class_names and network.generator_classes:
        data = {"classes": list(made.class_names), **data}
    return ImportedRun(config, pair, data)


def _with_network(recipe: Recipe, network, chosen: bool) -> Recipe:
    """The recipe with the network of the file; ArgumentError if the recipe was chosen and is for another network."""
    row = type(network)
    if isinstance(network, Symbols):
        fits = recipe.network.generator_classes == 0 or network.classes > 0
        fits, wanted = fits and not recipe.network.classifies, "without classes, whose discriminator does not classify"
    else:
        fits = type(recipe.network) is row
        names = listed([name for name, each in RECIPES.items() if type(each.network) is row], 20)
        wanted = f"of that network: {names}"
    if chosen and not fits:
        raise ArgumentError(
            f"the recipe's network is {recipe.network.title} ({recipe.network.name!r}), and the file holds {row.title} "
            f"({row.name!r}). Give a recipe {wanted}."
        )
    if not chosen and not network.classifies:
        recipe = replace(recipe, labelled_per_class=0)
    return replace(recipe, network=network)


def _check_computes(network, parameters: tuple) -> None:
    """Raise CheckpointError if the generator makes values that are not finite, as of a variance below 0."""
    inputs = {name: shape[1:] for name, shape in network.generator_inputs(1).items()}
    model = Model(network.generator(), in_one(parameters), inputs, classes=network.generator_classes)
    (images, *_) = computed(model, trial(inputs))
    if not np.isfinite(images).all():
        raise CheckpointError(
            "the generator makes values that are not finite: of a variance below 0, or of weights too large. Give "
            "another file."
        )


def _origin(path: Path) -> dict:
    """What config.json tells of a file."""
    return {"file": path.name, **({} if path.is_dir() else {"sha256": sha256_of(path)})}
