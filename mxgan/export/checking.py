"""The files of an export, run by the library that they are for and compared with MXNet."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Optional

import numpy as np

from mxgan.errors import CheckpointError, CorruptFileError, MXGANError, RuntimeUnavailableError, first_line
from mxgan.export.computing import computed
from mxgan.export.model import OUTSIDE, Model
from mxgan.export.onnx_building import onnx_package
from mxgan.export.onnx_file import ONNX_FILE, OPSETS
from mxgan.export.reading import read_exported
from mxgan.runtime.draws import draw_latents
from mxgan.runtime.extras import needed
from mxgan.runtime.onnx_sessions import onnx_session

__all__ = ["SAMPLES", "Agreement", "agreement"]

SAMPLES = 16
# Precision → the largest difference that is let through, as a share of the largest output, or of 1 if that is less.
_MOST = {"float32": 1e-3, "float16": 5e-2}
_USUAL = {"float32": 1e-5, "float16": 5e-2}  # the same for the difference that docs/export.md promises


class Agreement(NamedTuple):
    """The largest difference between the outputs; None, and the reason, if the files were not run.

    `warning` says that the difference is larger than usual.
    """

    difference: Optional[float]
    reason: str = ""
    warning: str = ""


def agreement(model: Model, folder: Path, form: str, options: Mapping) -> Agreement:
    """Compare the outputs of MXNet with those of the files in a folder, on SAMPLES random inputs.

    Parameters
    ----------
    form, options : the format in which `write_model` has written the folder.

    Raises
    ------
    CheckpointError : the files fail, or give outputs of another shape, that differ by more than rounding, or that are
        not finite: the files must not be used.
    """
    values = _inputs(model)
    expected = computed(model, values)
    if not all(np.isfinite(each).all() for each in expected):
        raise CheckpointError(f"the {model.half} gives values that are not finite. Export an earlier checkpoint.")
    try:
        found = _RUNNERS.get(form, _read_back)(model, folder, values)
    except RuntimeUnavailableError as error:
        return Agreement(None, str(error))
    except CorruptFileError as error:
        raise _fault(form, f"are not taken ({error.problem})") from error
    except MXGANError:
        raise
    except Exception as error:  # each library has many error classes
        raise _fault(form, f"fail ({type(error).__name__}: {first_line(error)})") from error
    shapes = [[each.shape for each in group] for group in (expected, found)]
    if shapes[0] != shapes[1]:
        raise _fault(form, f"give outputs of the shapes {shapes[1]}, and MXNet {shapes[0]}")
    pairs = list(zip(expected, found))
    difference = max(float(np.abs(a.astype(np.float64) - b).max()) for a, b in pairs)
    scale = min(max(1.0, float(np.abs(a).max())) for a, _ in pairs)
    precision = options.get("precision", "float32")
    if not difference <= _MOST[precision] * scale:  # NaN too
        raise _fault(form, f"give other outputs than MXNet: they differ by {difference:.2g}")
    if difference > _USUAL[precision] * scale:
        return Agreement(difference, warning=f"more than the usual {_USUAL[precision] * scale:.2g}: compare images")
    return Agreement(difference)


def _fault(form: str, what: str) -> CheckpointError:
    return CheckpointError(
        f"the files of the format {form} {what}. Nothing was written; this is a fault of mxgan, please report it with "
        "the network's settings. Another format may work."
    )


def _inputs(model: Model) -> dict:
    """{input of the symbol: array} of SAMPLES random samples."""
    values = {}
    for name, shape in model.sizes(SAMPLES).items():
        if name == "class_label":
            highest = min(model.classes, 2**24) - 1
            classes = np.linspace(0, highest, SAMPLES) if highest >= SAMPLES else np.arange(SAMPLES) % model.classes
            values[name] = classes.round().astype(np.float32)
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
    content = (folder / ONNX_FILE).read_bytes()
    try:
        session = onnx_session(content, Path(ONNX_FILE))
    except CorruptFileError as error:
        if _runs_onnx():
            raise
        raise RuntimeUnavailableError(
            f"the onnxruntime installed here runs no file with the operators of ONNX {OPSETS[0]}, or of a newer "
            "version. Install a newer onnxruntime."
        ) from error
    return session.run(list(model.outputs), _outside(values))


def _runs_onnx() -> bool:
    """Whether the onnxruntime installed here runs the oldest operators that files are written with."""
    helper = onnx_package().helper
    ends = [helper.make_tensor_value_info(name, 1, ["N"]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "trial", ends[:1], ends[1:])
    opsets = [helper.make_opsetid("", OPSETS[0])]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=helper.find_min_ir_version_for(opsets))
    try:
        onnx_session(made.SerializeToString(), Path(ONNX_FILE))
    except CorruptFileError:
        return False
    return True


def _by_torch(model: Model, folder: Path, values: Mapping) -> list:
    torch = needed("torch", "torch", "A network of PyTorch is")
    with torch.no_grad():
        network = runpy.run_path(str(folder / "model.py"))["load"]()
        found = network(*(torch.from_numpy(value) for value in _outside(values).values()))
    return [each.numpy() for each in (found if isinstance(found, tuple) else (found,))]


_RUNNERS = {"onnx": _by_onnxruntime, "torch": _by_torch}
