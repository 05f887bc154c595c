"""The files of an export, run by the library that they are for and compared with MXNet."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import CheckpointError, RuntimeUnavailableError
from mxgan.export.computing import computed
from mxgan.export.model import OUTSIDE, Model
from mxgan.export.onnx_file import ONNX_FILE
from mxgan.export.reading import read_exported
from mxgan.runtime.draws import draw_latents
from mxgan.runtime.extras import needed
from mxgan.runtime.onnx_sessions import onnx_session

__all__ = ["SAMPLES", "Agreement", "agreement"]

SAMPLES = 16
# Precision → the largest difference that is let through, as a share of the largest output, or of 1 if that is less.
_MOST = {"float32": 1e-3, "float16": 5e-2}


class Agreement(NamedTuple):
    """The largest difference between the outputs; None, and the reason, if the files were not run."""

    difference: Optional[float]
    reason: str = ""


def agreement(model: Model, folder: Path, form: str, options: Mapping) -> Agreement:
    """Compare the outputs of MXNet with those of the files in a folder, on SAMPLES random inputs.

    Parameters
    ----------
    form, options : the format in which `write_model` has written the folder.

    Raises
    ------
    CheckpointError : the outputs differ by more than rounding, or are not finite: the files must not be used.
    """
    values = _inputs(model)
    expected = computed(model, values)
    if not all(np.isfinite(each).all() for each in expected):
        raise CheckpointError(f"the {model.half} gives values that are not finite. Export an earlier checkpoint.")
    try:
        found = _RUNNERS.get(form, _read_back)(model, folder, values)
    except RuntimeUnavailableError as error:
        return Agreement(None, str(error))
    pairs = list(zip(expected, found))
    difference = max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs)
    most = min(_MOST[options.get("precision", "float32")] * max(1.0, float(np.abs(a).max())) for a, _ in pairs)
    if not difference <= most:  # NaN too
        raise CheckpointError(
            f"the files of the format {form} give other outputs than MXNet: they differ by {difference:.2g}. Nothing "
            "was written; this is a fault of mxgan, please report it with the network's settings."
        )
    return Agreement(difference)


def _inputs(model: Model) -> dict:
    """{input of the symbol: array} of SAMPLES random samples."""
    values = {}
    for name, shape in model.sizes(SAMPLES).items():
        if name == "class_label":
            values[name] = (np.arange(SAMPLES) % model.classes).astype(np.float32)
        elif name == "rand":
            values[name] = draw_latents(shape, 0, 0, "samples", model.latent_distribution)
        else:
            values[name] = np.tanh(draw_latents(shape, 0, 0, "images"))
    return values


def _read_back(model: Model, folder: Path, values: Mapping) -> list:
    return computed(read_exported(folder), values)


def _outside(values: Mapping) -> dict:
    """The inputs by their names outside of MXNet; classes as whole numbers."""
    return {OUTSIDE[name]: value.astype(np.int64) if name == "class_label" else value for name, value in values.items()}


def _by_onnxruntime(model: Model, folder: Path, values: Mapping) -> list:
    path = folder / ONNX_FILE
    return onnx_session(path.read_bytes(), path).run(list(model.outputs), _outside(values))


def _by_torch(model: Model, folder: Path, values: Mapping) -> list:
    torch = needed("torch", "torch", "A network of PyTorch is")
    with torch.no_grad():
        network = runpy.run_path(str(folder / "model.py"))["load"]()
        found = network(*(torch.from_numpy(value) for value in _outside(values).values()))
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


_RUNNERS = {"onnx": _by_onnxruntime, "torch": _by_torch}
