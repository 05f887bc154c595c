"""Names of parameters in files: MXNet's and Gluon's, with a real block of Gluon, and prefixes found or given."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import mxgan
from mxgan.errors import CheckpointError, CorruptFileError
from mxgan.graphs.parameter_names import placed_names
from mxgan.runtime import mx
from tests.support import assert_same, gluon_generator

FILE = Path("gen.params")


def small(prefix: str = ""):
    """A symbol with two weights and an auxiliary state: names c1_weight, bn1_gamma, bn1_moving_mean, …"""
    with mx.name.NameManager():
        layer = mx.sym.Deconvolution(mx.sym.Variable("rand"), name=f"{prefix}c1", kernel=(4, 4), num_filter=2)
        return mx.sym.BatchNorm(layer, name=f"{prefix}bn1")


def names_of(symbol) -> list:
    return [name for name in symbol.list_inputs() if name != "rand"]


def test_mxnets_names_need_no_symbol():
    placed = placed_names(FILE, ["arg:w", "aux:m", "arg:a:b"])
    assert list(placed.values()) == [("arg", "w"), ("aux", "m"), ("arg", "a:b")]
    assert placed_names(FILE, []) == {}


def test_the_symbol_decides_the_groups_of_gluons_names():
    symbol = small()
    placed = placed_names(FILE, names_of(symbol), symbol)
    assert {name for group, name in placed.values() if group == "aux"} == {"bn1_moving_mean", "bn1_moving_var"}
    assert [name for _, name in placed.values()] == names_of(symbol)


@pytest.mark.parametrize("mark", [True, False], ids=["arg: and aux:", "Gluon's"])
@pytest.mark.parametrize(
    "in_file, in_symbol, given",
    [("gan0_", "", None), ("", "gan0_", None), ("gan0_", "", "gan0_"), ("gan0_g_", "g_", "gan0_"), ("", "", "")],
)
def test_one_prefix_is_taken_off_or_added(in_file, in_symbol, given, mark):
    symbol = small(in_symbol)
    states = set(symbol.list_auxiliary_states())
    groups = {name: "aux" if name in states else "arg" for name in names_of(symbol)}
    keys = [(f"{groups[name]}:" if mark else "") + in_file + name[len(in_symbol) :] for name in groups]
    assert {name: group for group, name in placed_names(FILE, keys, symbol, given).values()} == groups


def test_names_that_no_prefix_makes_fit_are_left_to_the_check_of_parameters():
    placed = placed_names(FILE, ["arg:x_weight", "arg:y_bias"], small())
    assert list(placed.values()) == [("arg", "x_weight"), ("arg", "y_bias")]


def test_gluon_s_names_beside_those_of_the_symbol_are_left_to_the_check_of_parameters():
    names = names_of(small())
    placed = placed_names(FILE, [*names, "judge_weight"], small())
    assert placed.pop("judge_weight") == ("arg", "judge_weight")
    assert [place.name for place in placed.values()] == list(names)


REFUSED = {
    "no symbol": (["conv0_weight"], None, None, "has Gluon's names (conv0_weight), without 'arg:' and 'aux:'"),
    "structural": (["0.weight", "1.gamma"], small(), None, "structural names of Gluon's save_parameters (0.weight, 1."),
    "another symbol": (["x_weight"], small(), None, "they do not fit the symbol: it has no x_weight; its own are bn1_"),
    "wrong prefix": (["gan0_c1_weight", "c1_bias"], small(), "gan0_", "'c1_bias' does not begin with 'gan0_'; give"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_named(case):
    keys, symbol, prefix, words = REFUSED[case]
    with pytest.raises(CheckpointError) as caught:
        placed_names(FILE, keys, symbol, prefix)
    assert words in str(caught.value)


def test_several_prefixes_are_listed():
    with mx.name.NameManager():
        x = mx.sym.Variable("rand")
        two = mx.sym.FullyConnected(mx.sym.FullyConnected(x, name="a", num_hidden=2), name="b", num_hidden=2)
    with pytest.raises(CheckpointError, match=r"several prefixes make its names fit the symbol \(a_, b_\); give one"):
        placed_names(FILE, ["weight", "bias"], two)


def test_a_mixture_is_a_broken_file():
    with pytest.raises(CorruptFileError, match="the entry 'w' is neither 'arg:NAME' nor 'aux:NAME'"):
        placed_names(FILE, ["arg:v", "w"], small())
    with pytest.raises(CorruptFileError, match="the entry 'par:w' is neither"):
        placed_names(FILE, ["par:w"], small())


def test_files_of_a_gluon_block_give_its_parameters(tmp_path):
    """export, collect_params().save with and without the prefix: the same parameters under the symbol's names."""
    block = gluon_generator()
    block.export(str(tmp_path / "gen"))
    symbol = mxgan.load_symbol(tmp_path / "gen-symbol.json")
    block.collect_params().save(str(tmp_path / "whole.params"))
    block.collect_params().save(str(tmp_path / "short.params"), strip_prefix=block.prefix)
    block.save_parameters(str(tmp_path / "places.params"))
    expected = {name: value.data().asnumpy() for name, value in block.collect_params().items()}
    for name in ("gen-0000", "whole", "short"):
        arguments, states = mxgan.load_params(tmp_path / f"{name}.params", symbol)
        assert_same({name: value.asnumpy() for name, value in {**arguments, **states}.items()}, expected)
        assert set(states) == set(symbol.list_auxiliary_states()) != set()
    with pytest.raises(CheckpointError, match=r"structural names .*\(0.weight, 1.gamma, 1.beta, …\).*block.export"):
        mxgan.load_params(tmp_path / "places.params", symbol)
    with pytest.raises(CheckpointError, match="has Gluon's names .* Give the symbol that they belong to"):
        mxgan.load_params(tmp_path / "whole.params")


def test_values_keep_their_names_when_a_prefix_goes(tmp_path):
    symbol = small()
    values = {name: np.full(2, number, "f") for number, name in enumerate(names_of(symbol))}
    mx.nd.save(str(tmp_path / "a.params"), {f"net_{name}": mx.nd.array(value) for name, value in values.items()})
    for prefix in (None, "net_"):
        arguments, states = mxgan.load_params(tmp_path / "a.params", symbol, strip_prefix=prefix)
        assert_same({name: value.asnumpy() for name, value in {**arguments, **states}.items()}, values)
