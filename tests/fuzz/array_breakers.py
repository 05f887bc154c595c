"""Parameter files that MXNet itself writes, of arrays that do not belong there."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np

from mxgan.runtime import mx

__all__ = ["break_arrays"]

_NAMES = (
    "arg:",
    "aux:x",
    "x",
    "",
    "arg:../../outside/victim",
    "arg:g1_weight",
    "arg:" + "x" * 10_000,
    "arg:é",
    ":",
    "arg:\n",
)


def _other_array(rng: Random, array):
    values, shape = array.asnumpy(), array.shape
    return rng.choice(
        (
            lambda: array * rng.choice((float("nan"), float("inf"), 1e30, 0)),
            lambda: mx.nd.array(np.where(np.arange(values.size).reshape(shape) == 0, np.nan, values)),
            lambda: mx.nd.array(values.T.copy()),
            lambda: mx.nd.array(values.ravel()),
            lambda: mx.nd.array(values[:1]),
            lambda: mx.nd.array(np.concatenate([values, values])),
            lambda: mx.nd.array(values, dtype=rng.choice(("float64", "float16", "int8", "uint8", "int32", "int64"))),
            lambda: mx.nd.zeros((1,)),
            lambda: mx.nd.zeros((1,) * 6),
            lambda: mx.nd.zeros((rng.choice((3, 1000)), 700)),
            lambda: mx.nd.array(values.reshape(len(values), -1)).tostype(rng.choice(("row_sparse", "csr"))),
        )
    )()


def break_arrays(rng: Random, path: Path) -> str:
    """Rewrite a .params or .optimizer file with other arrays, names or numbers of them; how."""
    arrays = mx.nd.load(str(path))
    how = rng.choice(("other", "other", "other", "missing", "extra", "renamed", "swapped", "all", "list", "none"))
    names = sorted(arrays)
    name, second = rng.choice(names), rng.choice(names)
    if how == "other":
        arrays[name] = _other_array(rng, arrays[name])
    elif how == "all":
        arrays = {each: _other_array(rng, array) for each, array in arrays.items()}
    elif how == "missing":
        del arrays[name]
    elif how == "extra":
        arrays[rng.choice(_NAMES)] = _other_array(rng, arrays[name])
    elif how == "renamed":
        arrays[rng.choice((*_NAMES, name.replace("arg", "aux"), name + "x"))] = arrays.pop(name)
    elif how == "swapped":
        arrays[name], arrays[second] = arrays[second], arrays[name]
    elif how == "list":
        arrays = list(arrays.values())
    else:
        arrays = {}
    mx.nd.save(str(path), arrays)
    return f"arrays {how} {name}"
