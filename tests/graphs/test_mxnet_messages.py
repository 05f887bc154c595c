"""MXNet's messages in one sentence; the texts are those of MXNet 1.9.1."""

from __future__ import annotations

import pytest

from mxgan.graphs.mxnet_messages import LONGEST, mxnets_reason
from mxgan.runtime import mx

sym = mx.sym
DATA = sym.Variable("data")


def bound(symbol, **shapes):
    return lambda: symbol.simple_bind(mx.cpu(), **shapes)


CASES = {
    "a missing setting": (
        lambda: sym.Convolution(DATA, kernel=(1, 1)),
        'Required parameter num_filter of int (non-negative) is not presented, in operator Convolution(name="", '
        'kernel="(1, 1)")',
    ),
    "an unknown setting": (
        lambda: sym.Convolution(DATA, kernel=(1, 1), num_filter=3, colour=3),
        "Cannot find argument 'colour'",
    ),
    "a layer": (
        bound(sym.Pooling(DATA, kernel=(9, 9), name="p"), data=(2, 3, 1, 1)),
        "layer 'p': kernel size (9) exceeds input (1 padded to 1)",
    ),
    "a list on the next line": (
        bound(sym.broadcast_like(DATA, sym.var("like", shape=(2, 3))), data=(2, 1), type_dict={"data": "float32"}),
        "InferType pass cannot decide dtypes for the following arguments (-1 means unknown dtype). Please consider "
        "providing them as inputs: like: -1",
    ),
}


@pytest.mark.parametrize("kind", CASES)
def test_the_reason_is_one_sentence(kind):
    call, expected = CASES[kind]
    with pytest.raises((mx.MXNetError, RuntimeError)) as caught:
        call()
    assert mxnets_reason(caught.value) == expected


def test_a_check_is_said_without_its_source_and_condition():
    text = (
        'Traceback (most recent call last):\n  File "../include/x.h", line 255\nMXNetError: Check failed: a == b: '
        "TBlob: data type do not match specified type.Expected: int v.s. given float.\n"
    )
    assert mxnets_reason(RuntimeError(text)).endswith(
        "data type do not match specified type.Expected: int v.s. given float"
    )
    assert mxnets_reason(ValueError("")) == "ValueError"


def test_what_comes_from_a_file_stays_on_one_short_line():
    assert mxnets_reason(ValueError("a\x1b[31m\x00b" + "c" * 999)) == "a [31m b" + "c" * (LONGEST - 8) + " …"
