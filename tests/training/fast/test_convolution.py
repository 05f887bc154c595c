"""A convolution by minimal filtering against its definition in float64, and the same bits by any number of threads."""

from __future__ import annotations

import multiprocessing
import threading

import numpy as np
import pytest

pytest.importorskip("numba", reason="Numba is not installed")

from mxgan.errors import ShapeError
from mxgan.runtime.cpus import Threads
from mxgan.training.fast import convolution, crew
from mxgan.training.fast.algorithms import KERNELS, fits
from mxgan.training.fast.convolution import FastLayer

TOLERANCE = 5e-5  # of the largest value
# (images, filters, side): whole blocks and parts of them, images that are not square, more groups than one
LAYERS = [
    ((16, 16, 8, 8), 16, 4),
    ((20, 24, 16, 8), 40, 4),
    ((3, 9, 8, 24), 5, 4),
    ((33, 16, 4, 4), 16, 3),
    ((5, 20, 8, 12), 33, 3),
    ((2, 32, 32, 32), 3, 3),
]


def arrays(images: tuple, filters: int, side: int) -> tuple:
    """(data, weights, gradients of the outputs), float32."""
    random, stride = np.random.default_rng(0), KERNELS[side]
    shapes = (images, (filters, images[1], side, side), (images[0], filters, *(size // stride for size in images[2:])))
    return tuple(random.standard_normal(shape, dtype=np.float32) for shape in shapes)


def by_definition(data, weights, gradients) -> tuple:
    """(outputs, gradients of the data, gradients of the weights) in float64, a tap at a time."""
    side, stride = weights.shape[2], KERNELS[weights.shape[2]]
    padded = np.pad(data.astype(float), ((0, 0), (0, 0), (1, 1), (1, 1)))
    height, width = gradients.shape[2:]
    outputs, for_padded = np.zeros(gradients.shape), np.zeros(padded.shape)
    for_weights = np.zeros(weights.shape)
    for y in range(side):
        for x in range(side):
            seen = (..., slice(y, y + stride * height, stride), slice(x, x + stride * width, stride))
            outputs += np.einsum("nchw,kc->nkhw", padded[seen], weights[..., y, x].astype(float))
            for_padded[seen] += np.einsum("nkhw,kc->nchw", gradients.astype(float), weights[..., y, x])
            for_weights[..., y, x] = np.einsum("nkhw,nchw->kc", gradients.astype(float), padded[seen])
    return outputs, for_padded[..., 1:-1, 1:-1], for_weights


def computed(data, weights, gradients, slope=1.0) -> tuple:
    """The same by a FastLayer, whose results are written over NaN."""
    layer = FastLayer(data.shape, len(weights), weights.shape[2], slope)
    results = tuple(np.full(each.shape, np.nan, np.float32) for each in (gradients, data, weights))
    layer.outputs(data, weights, None, results[0])
    layer.data_gradients(gradients, data, weights, results[1])
    layer.weight_gradients(data, gradients, results[2])
    return results


def run_by(count: int, monkeypatch) -> None:
    for module in (convolution, crew):
        monkeypatch.setattr(module, "threads", lambda: Threads(count, "a test"))


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_outputs_and_gradients_are_those_of_the_definition(layer):
    given = arrays(*layer)
    for found, wanted in zip(computed(*given), by_definition(*given)):
        assert np.abs(found - wanted).max() < TOLERANCE * np.abs(wanted).max()


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_an_activation_of_the_images_is_computed_along(layer):
    data, weights, gradients = arrays(*layer)
    data[0, 0, 0, :2] = 0, -0.0  # where the gradient is that of numbers below 0
    slopes = np.where(data > 0, np.float32(1), np.float32(0.2))
    wanted = list(computed(data * slopes, weights, gradients))
    wanted[1] = wanted[1] * slopes
    for found, each in zip(computed(data, weights, gradients, 0.2), wanted):
        np.testing.assert_array_equal(found, each)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_the_gradients_of_weights_are_those_also_a_few_images_at_a_time(layer, monkeypatch):
    """As of large images, whose transforms would take gigabytes."""
    monkeypatch.setattr(convolution, "_MOST_SPREAD", 1)
    given = arrays(*layer)
    wanted = by_definition(*given)[2]
    assert np.abs(computed(*given)[2] - wanted).max() < TOLERANCE * np.abs(wanted).max()


def test_images_that_are_no_whole_tiles_are_refused():
    with pytest.raises(ShapeError, match="bound for images of 12×16; their sides must be multiples of 8"):
        FastLayer.checked((2, 16, 12, 16), 16, 4)


def test_a_bias_is_added_and_its_gradient_is_the_sum():
    data, weights, gradients = given = arrays(*LAYERS[1])
    layer, plain = FastLayer(data.shape, len(weights), weights.shape[2]), computed(*given)
    for compute, images, without in ((layer.outputs, data, plain[0]), (layer.transposed, gradients, plain[1])):
        bias, with_bias = np.arange(without.shape[1], dtype=np.float32), np.empty_like(without)
        compute(images, weights, bias, with_bias)
        np.testing.assert_allclose(with_bias - without, bias[:, None, None] + 0 * without, atol=1e-4)
    sums = np.empty(given[2].shape[1], np.float32)
    FastLayer.bias_gradients(given[2], sums)
    np.testing.assert_allclose(sums, given[2].astype(float).sum(axis=(0, 2, 3)), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_any_number_of_threads_gives_the_same_bits(layer, monkeypatch):
    given, found = arrays(*layer), []
    for count in (1, 2, 7):
        with monkeypatch.context() as patched:
            run_by(count, patched)
            patched.setattr(crew, "_crew", crew.Crew())
            found.append(computed(*given))
    for others in found[1:]:
        for first, other in zip(found[0], others):
            np.testing.assert_array_equal(first, other)


def _in_a_child(pipe, given) -> None:
    pipe.send(computed(*given))


def test_a_child_process_computes_too(monkeypatch):
    """Threads do not live on in a process that is forked."""
    run_by(3, monkeypatch)
    given = arrays(*LAYERS[0])
    wanted = computed(*given)
    here, there = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_in_a_child, args=(there, given))
    child.start()
    assert here.poll(60), "no result after a minute"
    for found, each in zip(here.recv(), wanted):
        np.testing.assert_array_equal(found, each)
    child.join(60)


@pytest.mark.parametrize("side, stride, padding, sizes, fast", [
    (4, 2, 1, (64, 32, 32), True), (3, 1, 1, (8, 4, 4), True), (4, 1, 1, (64, 32, 32), False),
    (4, 2, 0, (64, 32, 32), False), (3, 1, 1, (3, 32, 32), False), (3, 1, 1, (64, 6, 6), False),
    (4, 2, 1, (64, 12, 12), False), (5, 1, 1, (64, 32, 32), False),
])  # fmt: skip
def test_what_fits(side, stride, padding, sizes, fast):
    assert fits(side, stride, padding, *sizes) is fast


def test_a_thread_that_the_system_refuses_leaves_no_call_behind(monkeypatch):
    """As under a limit on processes: nothing may write into memory whose lock is free."""
    started, begin = [], threading.Thread.start

    def start(thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        begin(thread)

    written, pool = [], crew.Crew()
    monkeypatch.setattr(crew, "threads", lambda: Threads(3, "a test"))
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", start)
        with pytest.raises(RuntimeError, match="can't start new thread"):
            pool.run([(written.append, number) for number in range(3)])
    assert written == []
    pool.run([(written.append, number) for number in range(3)])
    assert sorted(written) == [0, 1, 2]
