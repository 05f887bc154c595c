from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest

import mxgan
from mxgan.errors import ArgumentError, ShapeError
from mxgan.graphs.memory import Graph, check_memory, needed_bytes
from mxgan.runs.pair import discriminator_symbols
from mxgan.runtime import memory, mx

MEASURE = """
import re, sys
from dataclasses import replace
from pathlib import Path
import mxgan
from mxgan.runs.pair import build_pair
from mxgan.runtime import mx
from mxgan.training.algorithm import chosen_algorithm

def memory(name):
    return int(re.search(rf"^{name}:\\s*(\\d+)", Path("/proc/self/status").read_text(), re.M).group(1)) * 1024

recipe = replace(mxgan.RECIPES[sys.argv[1]], batch_size=int(sys.argv[2]))
image, weight = mx.nd.zeros((1, 1, 4, 4)), mx.nd.zeros((1, 1, 3, 3))
mx.nd.Convolution(image, weight, kernel=(3, 3), num_filter=1, no_bias=True).asnumpy()
if sys.argv[1] != "mlp-gan":
    chosen_algorithm("auto", "float32", [mx.cpu()])  # Numba, if it is installed: 120 MB that a process has once
before = memory("VmRSS")
pair = build_pair(mxgan.RunConfig(recipe=recipe, steps=1))
network, schedule = recipe.network, recipe.schedule
latents = [mx.nd.zeros((recipe.batch_size, *network.latent_shape))] * schedule.latent_batches
images = [mx.nd.zeros((recipe.batch_size, *network.image_shape))] * schedule.real_batches
pair.step(latents if len(latents) > 1 else latents[0], images if len(images) > 1 else images[0])
mx.nd.waitall()
print(memory("VmHWM") - before)
"""


def graphs_of(recipe) -> dict:
    network, batch = recipe.network, (recipe.batch_size,)
    trains, judges, score = discriminator_symbols(recipe)
    inputs = {"data": (*batch, *network.image_shape), "label": batch}
    graphs = {
        "generator": Graph(network.generator(), network.generator_inputs(recipe.batch_size)),
        "discriminator": Graph(trains, inputs, 1.0),
        "critic": Graph(judges, inputs),
    }
    if recipe.penalty:
        graphs["penalty"] = Graph(score, {"data": inputs["data"]}, 4.0)
    return graphs


@pytest.mark.long
@pytest.mark.parametrize(
    "name, batch_size",
    [("dcgan", 16), ("dcgan", 64), ("mlp-gan", 64), ("mlp-gan", 256), ("wgan-gp", 8), ("wgan-gp", 32)],
)
def test_the_estimate_is_near_what_is_taken(name, batch_size):
    recipe = replace(mxgan.RECIPES[name], batch_size=batch_size)
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, name, str(batch_size)], capture_output=True, text=True, check=True
    )
    real = int(done.stdout)
    assert 0.5 * real <= needed_bytes(graphs_of(recipe), training=True) <= 1.3 * real


def dense(batch: int, hidden: int = 10):
    layer = mx.sym.FullyConnected(mx.sym.Variable("data"), name="fc", num_hidden=hidden, no_bias=True)
    return Graph(layer, {"data": (batch, 5)})


def test_what_is_counted():
    weight, inputs, outputs = 50, 15, 30
    assert needed_bytes({"net": dense(3)}, training=False) == 4 * (2 * weight + inputs + outputs)
    assert needed_bytes({"net": dense(3)}, training=True) == 4 * (5 * weight + inputs + outputs)
    twice = {"net": dense(3), "same": dense(3)}  # the parameters, of the same names, are shared
    assert needed_bytes(twice, training=True) == 4 * (5 * weight + 2 * (inputs + outputs))
    assert needed_bytes({"net": dense(3)._replace(executors=2)}, training=True) == needed_bytes(twice, training=True)


def test_too_large_a_batch_is_a_sentence(monkeypatch):
    monkeypatch.setattr(memory, "available_bytes", lambda: 5_200_000_000)
    check_memory({"generator": dense(10_000)}, training=True)
    expected = (
        "the generator and the critic need about 12.0 GB of memory, and 5.2 GB are available. "
        "Give a smaller batch_size or narrower networks."
    )
    with pytest.raises(ArgumentError, match=f"^{re.escape(expected)}$"):
        check_memory({"generator": dense(10**8), "critic": dense(10**8)}, training=True)


def test_an_array_that_mxnet_cannot_index():
    with pytest.raises(ArgumentError, match=r"fc_output of the net would be 300000000×10 numbers, more than the 2,147"):
        needed_bytes({"net": dense(300_000_000)}, training=False)


def test_shapes_that_do_not_fit():
    with pytest.raises(ShapeError, match="shape"):
        needed_bytes({"net": Graph(dense(3).symbol, {"data": ()})}, training=False)
