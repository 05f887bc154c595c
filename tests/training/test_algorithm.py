"""The choice of the operators, and pairs that train with the fast ones."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.recipes import get_recipe
from mxgan.runs.config import RunConfig
from mxgan.runs.pair import build_pair
from mxgan.runtime import cpus, mx
from mxgan.runtime.config import override
from mxgan.training.algorithm import chosen_algorithm
from mxgan.training.recipe import Recipe
from tests.tiny_run import ROOT, environment

CPU = [mx.cpu()]
SLIM = {"ngf": 2, "ndf": 32, "nc": 1, "image_size": 32}  # at batches of 64 D gains, and G does not
SETTINGS = ["network.ngf=16", "network.ndf=16", "batch_size=5"]


def test_direct_is_always_had():
    for precision, contexts in (("float32", CPU), ("bfloat16", CPU), ("float32", [mx.gpu(0)])):
        assert chosen_algorithm("direct", precision, contexts) == "direct"


@pytest.mark.parametrize("precision, contexts, reason", [
    ("bfloat16", CPU, "precision is 'bfloat16'"), ("float32", [mx.gpu(0)], "for one CPU"),
    ("float32", [mx.cpu(0), mx.cpu(1)], "for one CPU"),
])  # fmt: skip
def test_where_it_cannot_be_auto_is_direct_and_fast_is_refused(precision, contexts, reason):
    assert chosen_algorithm("auto", precision, contexts) == "direct"
    with pytest.raises(ArgumentError, match=f"algorithm is 'fast', and .*{reason}.*; give 'direct', or 'auto'"):
        chosen_algorithm("fast", precision, contexts)


def test_a_cpu_without_fma_takes_mxnets_operators(monkeypatch):
    monkeypatch.setattr(cpus, "cpu_features", lambda: ["avx"])
    assert chosen_algorithm("auto", "float32", CPU) == "direct"
    with pytest.raises(ArgumentError, match="this CPU has no fma and no avx2"):
        chosen_algorithm("fast", "float32", CPU)


def test_an_unknown_name_is_refused_by_the_recipe():
    with pytest.raises(ArgumentError, match="algorithm .quick"):
        Recipe("", "", algorithm="quick")


def test_without_numba_auto_is_direct_and_fast_names_the_extra():
    """In a process that cannot import it."""
    program = (
        "import sys; sys.modules['numba'] = None\n"
        "from mxgan.errors import RuntimeUnavailableError\n"
        "from mxgan.runtime import mx\n"
        "from mxgan.training.algorithm import chosen_algorithm\n"
        "print(chosen_algorithm('auto', 'float32', [mx.cpu()]))\n"
        "try: chosen_algorithm('fast', 'float32', [mx.cpu()])\n"
        "except RuntimeUnavailableError as error: print(error)\n"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    assert found.startswith("direct\n")
    assert "needs Numba" in found
    assert "pip install '.[speed]'" in found
    assert "--set algorithm=direct" in found


def small_layers_too(monkeypatch) -> None:
    """Our operators also for layers that they make no faster."""
    pytest.importorskip("numba", reason="Numba is not installed")
    for name in ("LEAST_PAIRS", "LEAST_PRODUCTS"):
        monkeypatch.setattr(f"mxgan.training.fast.rewriting.{name}", 0)


def pair_of(recipe: str, chosen: str):
    recipe = override(get_recipe(recipe), dict(each.split("=") for each in SETTINGS))
    return build_pair(RunConfig(recipe=replace(recipe, algorithm=chosen), steps=9, seed=4), end=9)


def gradients_of_discriminator(pair) -> dict:
    """{parameter: gradient} of the first round of D, before an update."""
    random, shape = np.random.default_rng(5), (pair.batch_size, *pair.image_shape)
    fake, real = (mx.nd.array(np.tanh(random.standard_normal(shape))) for _ in range(2))
    pair.accumulate_discriminator(fake, 0.0)
    pair.accumulate_discriminator(real, 1.0)
    if pair.penalty_points:
        mx.random.seed(3)
        pair.accumulate_penalty(real, fake)
    mx.nd.waitall()
    group = pair.discriminator._exec_group
    return {name: arrays[0].asnumpy() for name, arrays in zip(group.param_names, group.grad_arrays)}


@pytest.mark.parametrize("recipe", ["dcgan", "wgan-gp"])
def test_the_gradients_of_a_round_are_those_of_mxnets_operators(recipe, monkeypatch):
    """Those of a gradient penalty too. By rounding, a value near 0 may take the other branch of a LeakyReLU."""
    small_layers_too(monkeypatch)
    found, wanted = (gradients_of_discriminator(pair_of(recipe, chosen)) for chosen in ("fast", "direct"))
    assert found.keys() == wanted.keys()
    for name, other in wanted.items():
        assert np.linalg.norm(found[name] - other) <= 0.05 * np.linalg.norm(other), name


def test_a_recipe_trains_with_it_where_it_can(monkeypatch):
    """And MXNet's own example as it was."""
    small_layers_too(monkeypatch)
    assert get_recipe("dcgan").algorithm == "auto"
    assert get_recipe("dcgan-original").algorithm == "direct"
    wanted = chosen_algorithm("auto", "float32", CPU)
    pair = pair_of("dcgan", "auto")
    assert pair.algorithm == wanted
    assert ("mxgan_convolution" in pair.discriminator.symbol.tojson()) == (wanted == "fast")
    assert "mxgan_convolution" not in pair.symbol_json("discriminator")  # what a checkpoint has


def test_networks_without_a_layer_that_gains_do_not_load_numba():
    """Numba takes a second and 120 MB."""
    pytest.importorskip("numba", reason="Numba is not installed")
    program = (
        "import sys\n"
        "from dataclasses import replace\n"
        "import mxgan\n"
        "from mxgan.runs.pair import build_pair\n"
        "small = replace(mxgan.RECIPES['mlp-gan'], batch_size=4)\n"
        "print(build_pair(mxgan.RunConfig(recipe=small, steps=1)).algorithm, 'numba' in sys.modules)\n"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True).stdout
    assert found == "direct False\n"


def test_a_numba_that_is_there_and_broken_is_told_and_not_used(tmp_path):
    (tmp_path / "numba").mkdir()
    (tmp_path / "numba/__init__.py").write_text("raise OSError('no LLVM here')\n")
    program = (
        "import logging; logging.basicConfig(level='WARNING')\n"
        "from mxgan.runtime import mx\n"
        "from mxgan.training.algorithm import chosen_algorithm\n"
        "print(chosen_algorithm('auto', 'float32', [mx.cpu()]))\n"
    )
    variables = {**environment(), "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True)
    assert found.stdout == "direct\n"
    assert "Numba is installed and cannot be used (no LLVM here)" in found.stderr


def test_where_compiled_code_cannot_be_kept_it_is_compiled_anew_and_said(tmp_path):
    """No folder for it can be written to, as of a service without a home."""
    pytest.importorskip("numba", reason="Numba is not installed")
    program = (
        "import logging; logging.basicConfig(level='WARNING')\n"
        "from numba.core import caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "from mxgan.training.fast.options import keeps_code\n"
        "print(keeps_code())\n"
    )
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=True)
    assert found.stdout == "False\n"
    assert "Numba cannot keep compiled code" in found.stderr
    assert "XDG_CACHE_HOME" in found.stderr


def test_compiled_code_is_kept_in_mxgans_cache(tmp_path):
    pytest.importorskip("numba", reason="Numba is not installed")
    program = "from mxgan.training.algorithm import numba_failure; print(repr(numba_failure()))"
    variables = {**environment(), "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", program]
    found = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=True)
    assert found.stdout == "''\n"
    assert len(list((tmp_path / "mxgan/compiled").glob("*/**/*.nbi"))) > 10


def test_fast_operators_that_no_layer_gains_by_are_a_warning(caplog):
    pytest.importorskip("numba", reason="Numba is not installed")
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), num_hidden=3, name="fc")
    networks = {"generator": (layer, {"data": (2, 5)})}
    assert chosen_algorithm("auto", "float32", CPU, networks) == "direct"
    assert not caplog.records
    if chosen_algorithm("auto", "float32", CPU) == "fast":
        assert chosen_algorithm("fast", "float32", CPU, networks) == "direct"
        assert "no layer here is faster by it" in caplog.text


def test_a_training_in_which_d_alone_gains_warns_of_nothing(tmp_path, caplog):
    pytest.importorskip("numba", reason="Numba is not installed")
    recipe = override(get_recipe("dcgan"), {f"network.{name}": value for name, value in SLIM.items()})
    config = RunConfig(recipe=replace(recipe, algorithm="auto"), dataset="digits", steps=1)
    session = mxgan.start(config, tmp_path / "run", "none")
    session.run()
    if chosen_algorithm("auto", "float32", CPU) == "fast":
        assert session.trainer.pair.algorithm == "fast"
    assert "algorithm is 'fast'" not in caplog.text


def test_compiled_code_of_other_versions_goes_when_nobody_uses_it(tmp_path):
    options = pytest.importorskip("mxgan.training.fast.options", reason="Numba is not installed")
    used, recent, old = (tmp_path / name for name in ("used", "recent", "old"))
    for folder in (used, recent, old):
        folder.mkdir()
        (folder / "code.nbc").write_bytes(b"1")
    month = 86_400 * options.KEPT_DAYS
    for folder, age in ((used, 2 * month), (recent, month - 3_600), (old, month + 3_600)):
        os.utime(folder, (time.time() - age,) * 2)
    options._delete_unused(used)
    assert {path.name for path in tmp_path.iterdir()} == {"used", "recent"}
    assert time.time() - used.stat().st_mtime < 3_600
