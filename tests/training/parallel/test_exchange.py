"""Sums over real ranks of MPI against NumPy's."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

from mxgan.runtime import mx
from mxgan.training.parallel.buckets import Piece, cut
from mxgan.training.parallel.host_arrays import host_view, read_array, write_array
from tests.ranks import run_ranks, said_by
from tests.training.parallel.sums_of_ranks import CASES, NOT_FINITE, arrays_of

PROGRAM = Path(__file__).with_name("sums_of_ranks.py")


@pytest.fixture(scope="module")
def results_of(tmp_path_factory):
    """results_of(count): what each of so many ranks has found, by name."""

    @functools.cache
    def run(count: int) -> list:
        folder = tmp_path_factory.mktemp("sums")
        said_by(run_ranks(count, PROGRAM, folder))
        return [dict(np.load(folder / f"{rank}.npz")) for rank in range(count)]

    return run


RANKS = pytest.mark.parametrize("count", [2, 3, pytest.param(4, marks=pytest.mark.long)])


@RANKS
@pytest.mark.parametrize("case", CASES)
def test_gradients_are_summed_in_the_order_of_the_ranks_and_statistics_averaged(results_of, count, case):
    results, gradients = results_of(count), len(CASES[case][0])
    for number, parts in enumerate(zip(*(arrays_of(case, rank) for rank in range(count)))):
        if number < gradients:
            expected = functools.reduce(np.add, parts)
        else:
            expected = (functools.reduce(np.add, [part.astype(np.float64) for part in parts]) / count).astype("f4")
        for found in results:
            np.testing.assert_array_equal(found[f"{case} None/{number}"], expected)


@RANKS
@pytest.mark.parametrize("case", CASES)
def test_in_bfloat16_all_ranks_get_the_same_bits_near_the_sum(results_of, count, case):
    results, gradients = results_of(count), len(CASES[case][0])
    for number, parts in enumerate(zip(*(arrays_of(case, rank) for rank in range(count)))):
        name, exact = f"{case} bf16/{number}", functools.reduce(np.add, parts)
        for found in results[1:]:
            np.testing.assert_array_equal(found[name], results[0][name])
        if number >= gradients:  # statistics are never compressed
            np.testing.assert_array_equal(results[0][name], results[0][f"{case} None/{number}"])
        else:  # one rounding of each part, one of the sum, each of at most 2⁻⁸
            bound = (sum(map(np.abs, parts)) + np.abs(exact)) * 2.0**-8 * 1.01
            assert (np.abs(results[0][name] - exact) <= bound).all()
            assert exact.size < 100 or (results[0][name] != exact).any()


@RANKS
@pytest.mark.parametrize("compression", [None, "bf16"])
def test_the_same_arrays_have_the_same_bits_each_time(results_of, count, compression):
    assert all(found[f"again {compression}"] for found in results_of(count))


@RANKS
@pytest.mark.parametrize("number", range(len(NOT_FINITE)))
def test_a_number_of_one_rank_that_is_not_finite_reaches_all(results_of, count, number):
    for found in results_of(count):
        for kind, scale in enumerate((count, 1)):
            result = found[f"not finite {number}/{kind}"]
            np.testing.assert_array_equal(result, np.array([scale, NOT_FINITE[number], 2 * scale], np.float32))


@RANKS
def test_statistics_that_are_equal_on_all_ranks_stay_as_they_are(results_of, count):
    for found in results_of(count):
        np.testing.assert_array_equal(found["equal/0"], found["equal/1"])


@RANKS
def test_traffic_tells_exchanges_and_bytes(results_of, count):
    elements = sum(int(np.prod(shape)) for shape in CASES["layers"][0])
    for compression, bytes_of in ((None, 4), ("bf16", 2)):
        for found in results_of(count):
            exchanges, sent, computing, exchanging = found[f"layers {compression}/traffic"]
            once = 2 * (count - 1) / count * (elements * bytes_of + 128 * 4)
            assert exchanges == 2
            assert once * 2 <= sent < once * 2 * 1.01
            assert min(computing, exchanging) > 0


def test_pieces_fill_each_bucket_from_the_last_array_to_the_first():
    assert cut((3, 5, 2), (2, 1, 0), 4) == [
        [Piece(2, 0, 2), Piece(1, 0, 2)],
        [Piece(1, 2, 3), Piece(0, 0, 1)],
        [Piece(0, 1, 2)],
    ]
    assert cut((), (), 4) == []


def test_another_type_than_float32_is_an_error_before_anything_is_sent(results_of):
    for found in results_of(2):
        assert str(found["refused"]) == "an array to be summed over the ranks is float64; give float32."


def test_a_view_is_the_array_itself():
    array = mx.nd.arange(12).reshape((3, 4))
    view = host_view(array)
    assert (view.shape, view.dtype) == ((3, 4), np.float32)
    view[1, 2] = -1
    write_array(array, 8, np.array([7, 8], np.float32))
    expected = np.arange(12, dtype=np.float32)
    expected[[6, 8, 9]] = -1, 7, 8
    np.testing.assert_array_equal(read_array(array), expected)
    np.testing.assert_array_equal((array * 2).asnumpy().reshape(-1), expected * 2)


@pytest.mark.parametrize("kind", ["float64", "float16", "int64", "uint8"])
def test_a_view_has_the_arrays_type(kind):
    array = mx.nd.array([1, 2, 3], dtype=kind)
    np.testing.assert_array_equal(host_view(array), np.array([1, 2, 3], kind))


def test_a_weight_that_onednn_keeps_in_its_own_layout_is_read_in_the_plain_one():
    weight = np.random.default_rng(0).standard_normal((32, 16, 3, 3), np.float32)
    symbol = mx.sym.Convolution(mx.sym.var("data"), kernel=(3, 3), num_filter=32, no_bias=True, name="conv")
    executor = symbol.simple_bind(mx.cpu(), data=(2, 16, 8, 8), grad_req="null")
    executor.arg_dict["conv_weight"][:] = weight
    for _ in range(3):  # inference keeps a weight in the layout that it likes
        executor.forward(is_train=False)[0].wait_to_read()
    np.testing.assert_array_equal(host_view(executor.arg_dict["conv_weight"]), weight)
