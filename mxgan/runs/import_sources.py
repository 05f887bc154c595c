"""One half of a pair in a file of PyTorch, safetensors or MXNet, or in an exported folder, for `mxgan import`."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, ShapeError, listed
from mxgan.export.description_reading import read_description
from mxgan.export.model import Model
from mxgan.export.reading import is_exported, read_exported
from mxgan.export.tensor_files import is_safetensors, is_torch, read_safetensors, read_torch
from mxgan.graphs.discriminator_symbols import IMAGES, discriminator_of
from mxgan.graphs.generator_symbols import LATENTS, generator_of
from mxgan.graphs.image_outputs import value_range
from mxgan.graphs.params_files import in_one, load_params
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_files import load_symbol
from mxgan.networks.from_torch import LAYOUT, TorchHalf, halves_in
from mxgan.networks.recognition import check_half
from mxgan.runs.file_settings import FileSettings, refuse
from mxgan.runs.found import Found
from mxgan.runs.sources import HALVES, recorded_distribution, symbol_beside
from mxgan.runtime import mx
from mxgan.runtime.files import open_plain

__all__ = ["discriminator_in", "generator_in"]

_PARAMS_HEAD = (0x112).to_bytes(8, "little")
_BATCH = 64  # that a symbol is tried with
_FOREIGN = 2**22  # bytes that are read of an export.json of another program
KNOWN = (
    "a state_dict of PyTorch (.pt, .pth), a .safetensors of the same names, a .params file of MXNet or mxgan, or a "
    "folder of `mxgan export`"
)


def generator_in(path: Path, given: FileSettings) -> Found:
    """The generator in a file or an exported folder; the errors are those of `mxgan.import_model`."""
    kind = _kind(path)
    if kind == "params":
        return _generator_of_params(path, given)
    refuse(given._replace(distribution=None)._asdict(), f"only for a .params file, which {path} is not")
    if kind == "exported":
        found = _of_model(_model(path, "generator"))
        return found._replace(distribution=given.distribution or found.distribution)
    return _of_torch(path, kind, "generator")._replace(distribution=given.distribution)


def discriminator_in(path: Path, given: FileSettings, image: tuple, zero_to_one: bool) -> Found:
    """The discriminator in a file or an exported folder.

    Parameters
    ----------
    image : shape of the images that the generator makes, for a symbol; () if the generator has none.
    zero_to_one : whether the program had images from 0 to 1.
    """
    kind = _kind(path)
    if kind == "params":
        return _discriminator_of_params(path, given, image, zero_to_one)
    refuse(given._asdict(), f"only for a .params file, which {path} is not")
    return _of_model(_model(path, "discriminator")) if kind == "exported" else _of_torch(path, kind, "discriminator")


_READERS = {"torch": read_torch, "safetensors": read_safetensors}


def _kind(path: Path) -> str:
    """ "exported", "torch", "safetensors" or "params", by the content."""
    if path.is_dir():
        if is_exported(path):
            return "exported"
        what = "a run, which needs no import" if (path / "config.json").is_file() else "a folder without export.json"
        raise ArgumentError(f"{path} is {what}. Give {KNOWN}.")
    with open_plain(path) as stream:
        head = stream.read(16)
    if is_exported(path.parent) and _is_listed(path):
        return "exported"
    for kind, fits in {
        "params": head.startswith(_PARAMS_HEAD),
        "torch": is_torch(head),
        "safetensors": is_safetensors(head),
    }.items():
        if fits:
            return kind
    raise CheckpointError(f"{path} is of a kind that cannot be imported; it begins with {head[:8]!r}. Give {KNOWN}.")


def _is_listed(path: Path) -> bool:
    """Whether the export.json beside a file lists it; one that cannot be read counts if the name stands in it."""
    try:
        return path.name in (file.name for file in read_description(path.parent).files)
    except CorruptFileError:
        with open_plain(path.with_name("export.json")) as stream:
            if os.fsencode(path.name) in stream.read(_FOREIGN):
                raise
        return False


def _of_torch(path: Path, kind: str, half: str) -> Found:
    halves, reasons = halves_in(_READERS[kind](path))
    found = {name: [(key, each) for key, each in halves if each.half == name] for name in HALVES}
    wanted, others = found[half], found["discriminator"] if half == "generator" else []
    if len(wanted) > 1:
        raise CheckpointError(f"{path} holds several {half}s ({_keys(wanted)}); save the state_dict of one alone.")
    if not wanted and halves:
        raise CheckpointError(
            f"{path} holds a {halves[0][1].half}, and no {half}. The first file is the generator's, and "
            "--discriminator (discriminator=…) the discriminator's."
        )
    if not wanted:
        raise CheckpointError(f"{path} holds {'; '.join(reasons) or 'no tensors'}. Known is {LAYOUT}.")
    notes = (f"the {half} in {_keys(wanted)}",) if wanted[0][0] else ()
    if len(others) > 1:
        notes += (f"none of several discriminators ({_keys(others)}); --discriminator FILE chooses one",)
    partner = _of_half(path, *others[0]) if len(others) == 1 else None
    return _of_half(path, *wanted[0])._replace(partner=partner, notes=notes)


def _keys(halves: list) -> str:
    return listed([repr(key) for key, _ in halves])


def _of_half(path: Path, key: str, half: TorchHalf) -> Found:
    for name, value in half.parameters.items():
        if not np.isfinite(value).all():
            raise CheckpointError(f"{path}: {name!r} has values that are not finite; use an earlier file.")
    arrays = {name: value.astype(np.float32) for name, value in half.parameters.items()}
    return Found("torch", arrays, notes=(f"the {half.half} in {key!r}",) if key else ())


def _model(path: Path, half: str) -> Model:
    model = read_exported(path if path.is_dir() else path.parent)
    if model.half != half:
        raise CheckpointError(
            f"{path} holds a {model.half}, and no {half}. The first folder is the generator's, and --discriminator "
            "(discriminator=…) the discriminator's."
        )
    return model


def _of_model(model: Model) -> Found:
    symbol, (first, *_) = model.symbol, model.inputs
    settings = {"classes": model.classes, "class_names": tuple(model.class_names), "facts": model.facts}
    if model.half == "discriminator":
        image = tuple(model.inputs[first])
        return Found("mxnet", model.parameters, one_score(symbol[0], image), image=image, **settings)
    _, (made, *_), _ = infer(symbol, model.argument_shapes(1))
    if len(made) != 4 or made[1] not in (1, 3) or first != "rand":
        raise ShapeError(f"the exported generator makes {made} of {first!r}, not images of 1 or 3 channels of 'rand'.")
    latent, distribution = tuple(model.inputs["rand"]), model.latent_distribution
    return Found("mxnet", model.parameters, symbol, latent, made[1:], distribution=distribution, **settings)


def _generator_of_params(path: Path, given: FileSettings) -> Found:
    recorded = recorded_distribution(path) if given.distribution is None else None
    distribution, notes = given.distribution or recorded, (f"{recorded} latents, as of its run",) if recorded else ()
    symbol = _symbol(path, given)
    if symbol is None:
        refuse(given._replace(distribution=None)._asdict(), f"only with a symbol, and {path} has none beside it")
        return Found("mxnet", _arrays(load_params(path)), distribution=distribution, notes=notes)
    parameters = load_params(path, symbol, given.strip_prefix)
    if IMAGES in symbol.list_arguments():
        check_half(parameters[0])
    made = generator_of(symbol, parameters, given.latent_shape, given.input_name, _BATCH)
    if made.batch_size != _BATCH:
        raise ArgumentError(
            f"a layer of the symbol has the batch {made.batch_size} of its program in it, and a run takes any. Give a "
            "symbol whose layers leave the batch open (0 or -1 in a Reshape)."
        )
    sizes = {"rand": (1, *made.latent_shape), **({"class_label": (1,)} if made.classes else {})}
    return Found(
        "mxnet",
        _arrays(made.parameters),
        made.symbol,
        tuple(made.latent_shape),
        tuple(infer(made.symbol, sizes)[1][0][1:]),
        made.classes,
        distribution=distribution,
        zero_to_one=value_range(symbol[0]) == (0.0, 1.0),
        notes=(*notes, *made.notes),
    )


def _discriminator_of_params(path: Path, given: FileSettings, image: tuple, zero_to_one: bool) -> Found:
    symbol = _symbol(path, given)
    if symbol is None:
        return Found("mxnet", _arrays(load_params(path)))
    if LATENTS in symbol.list_arguments():
        raise CheckpointError(f"the symbol of {path} takes {LATENTS!r}, as a generator's; give a discriminator's file.")
    if not image:
        raise ArgumentError(
            f"{path} has a symbol, and the generator's file has none, so that they cannot be joined. Give the "
            "generator's symbol with --symbol FILE.json (symbol=…)."
        )
    judged = discriminator_of(symbol, load_params(path, symbol, given.strip_prefix), image, given.input_name)
    score = one_score(judged.symbol[0], image)
    kept = {*score.list_arguments(), *score.list_auxiliary_states()}
    arrays = {name: value for name, value in _arrays(judged.parameters).items() if name in kept}
    if zero_to_one:
        score = score(data=(mx.sym.Variable("data") + 1) / 2)
    return Found("mxnet", arrays, score, image=image, classes=judged.classes, notes=tuple(judged.notes))


def one_score(symbol, image: tuple):
    """A discriminator's score as (N, 1); ShapeError if it gives several numbers for an image."""
    labels = {"class_label": (2,)} if "class_label" in symbol.list_arguments() else {}
    (made,) = infer(symbol, {"data": (2, *image), **labels})[1]
    if np.prod(made) != 2:
        raise ShapeError(f"the discriminator gives {made} for 2 images; a score is one number for each image.")
    return symbol if made == (2, 1) else mx.sym.Reshape(symbol, shape=(-1, 1), name="score")


def _symbol(path: Path, given: FileSettings):
    chosen = symbol_beside(path) if given.symbol is None else given.symbol
    return load_symbol(chosen) if isinstance(chosen, (str, Path)) else chosen


def _arrays(groups: tuple) -> dict:
    """{parameter: float32 array} of (arg_params, aux_params)."""
    return {name: value.astype(np.float32) for name, value in in_one(groups).items()}
