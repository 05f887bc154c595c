"""The kernels of MXNet's OpenBLAS on a processor that it does not know, as on one for which it was told older ones."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from mxgan.runtime.cpus import lacking_instructions
from tests.tiny_run import ROOT

LIBRARY = Path(find_spec("mxnet").origin).with_name("libopenblas.so.0")
PROGRAM = """
import ctypes, json, os, sys
os.environ["OPENBLAS_CORETYPE"] = sys.argv[1]
library = ctypes.CDLL(sys.argv[2])  # it chooses now, and MXNet takes the same one
library.openblas_get_corename.restype = ctypes.c_char_p
first = library.openblas_get_corename().decode()
if sys.argv[3] == "unset":
    del os.environ["OPENBLAS_CORETYPE"]

import numpy as np
from mxgan import runtime
rows = np.random.default_rng(0).normal(size=(7, 10)).astype(np.float32)
weights = np.random.default_rng(1).normal(size=(10, 64)).astype(np.float32)
made = runtime.mx.nd.dot(runtime.mx.nd.array(rows), runtime.mx.nd.array(weights)).asnumpy()
print(json.dumps({
    "kernels": [first, library.openblas_get_corename().decode()],
    "noted": runtime.versions()["kernel_variables"],
    "left": "OPENBLAS_CORETYPE" in os.environ,
    "error": float(abs(made - rows.astype(np.float64) @ weights).max()),
}))
"""

pytestmark = [
    pytest.mark.skipif(not LIBRARY.exists(), reason=f"this MXNet has no {LIBRARY.name}"),
    pytest.mark.skipif(bool(lacking_instructions()), reason="this CPU has no AVX2"),
]


def told(kernels: str, then: str) -> dict:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    command = [sys.executable, "-c", PROGRAM, kernels, str(LIBRARY), then]
    environment["PYTHONPATH"] = str(ROOT)
    found = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return json.loads(found.stdout)


def test_kernels_older_than_the_cpu_are_replaced_and_noted():
    found = told("Prescott", "unset")
    assert found["kernels"] == ["Prescott", "Haswell"]
    assert found["noted"] == ["OPENBLAS_CORETYPE=Haswell"]
    assert not found["left"]
    assert found["error"] < 1e-5


def test_kernels_for_avx2_stay():
    found = told("Zen", "unset")
    assert (found["kernels"], found["noted"]) == (["Zen", "Zen"], [])


def test_what_the_user_has_set_stays():
    found = told("Prescott", "set")
    assert found["kernels"] == ["Prescott", "Prescott"]
    assert found["noted"] == ["OPENBLAS_CORETYPE=Prescott"]
