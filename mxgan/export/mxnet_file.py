"""Plain MXNet: the symbol as .json and the parameters as .params, as `mx.model.save_checkpoint` names them."""

from __future__ import annotations

from pathlib import Path

from mxgan.export.model import Model
from mxgan.export.plain import plain
from mxgan.graphs.params_files import save_params
from mxgan.runtime import mx
from mxgan.runtime.files import write_whole

__all__ = ["published_for_mxnet", "write_mxnet"]

FILES = ("model-symbol.json", "model-0000.params")


def published_for_mxnet(model: Model) -> Model:
    """The model in the layers of its publication, as far as MXNet can run them: see `plain`."""
    return plain(model, grey_as_deconvolution=False)


def write_mxnet(model: Model, folder: Path) -> tuple:
    """Write what `mx.model.load_checkpoint("model", 0)` loads; return the files' names."""
    groups = {"arg": {}, "aux": {}}
    for name, value in model.parameters.items():
        groups["aux" if name in model.auxiliary else "arg"][name] = mx.nd.array(value)
    write_whole(folder / FILES[0], model.symbol.tojson())
    save_params(folder / FILES[1], groups["arg"], groups["aux"])
    return FILES
