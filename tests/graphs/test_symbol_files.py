"""Symbol files: mxgan's own and MXNet's old ones are read as saved; all others are refused by name."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import mxgan
from mxgan.cli import main
from mxgan.errors import CheckpointError, CorruptFileError, MXGANError, ShapeError
from mxgan.graphs.layers import summary
from mxgan.graphs.shapes import infer
from mxgan.graphs.symbol_files import MOST_BYTES, MOST_NODES, load_symbol
from mxgan.graphs.symbol_rules import OPERATORS
from mxgan.graphs.symbol_sizes import check_sizes
from mxgan.runs.pair import discriminator_symbols
from mxgan.runtime import mx
from tests.networks.helpers import discriminator_inputs, drawn, run


def symbols_of(name: str) -> list:
    """(symbol, {input: shape}) of G, of D with its head, and of the head that G is trained through."""
    recipe = mxgan.RECIPES[name]
    images = discriminator_inputs(recipe.network, 4)
    discriminators = [(symbol, images) for symbol in discriminator_symbols(recipe)[:2]]
    return [(recipe.network.generator(), recipe.network.generator_inputs(4)), *discriminators]


def written(path: Path, graph) -> Path:
    path.write_text(graph if isinstance(graph, str) else json.dumps(graph), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(mxgan.RECIPES))
def test_every_recipes_symbols_come_back_as_they_were(name, tmp_path):
    for symbol, inputs in symbols_of(name):
        symbol.save(str(tmp_path / "net.json"))
        found = load_symbol(tmp_path / "net.json")
        assert found.tojson() == symbol.tojson()
        assert found.list_outputs() == symbol.list_outputs()
        assert found.attr_dict() == symbol.attr_dict()
        check_sizes(found, inputs)
        assert found.infer_shape_partial(**inputs) == symbol.infer_shape_partial(**inputs)  # labels left open


def test_the_same_output_and_gradients(tmp_path):
    network = mxgan.DCGAN(ngf=2, image_size=16, latent_size=5)
    symbol, inputs = network.generator(), network.generator_inputs(3)
    symbol.save(str(tmp_path / "net.json"))
    values = {"rand": np.random.default_rng(0).standard_normal(inputs["rand"]), **drawn(symbol, inputs)}
    (expected,), gradients, _ = run(symbol, values)
    (found,), found_gradients, _ = run(load_symbol(tmp_path / "net.json"), values)
    np.testing.assert_array_equal(found, expected)
    assert all(np.array_equal(found_gradients[key], gradients[key]) for key in gradients)


def test_several_outputs_of_one_layer_and_a_prefix_around(tmp_path):
    parts = mx.sym.SliceChannel(mx.sym.Variable("data"), num_outputs=3, name="cut")
    group = mx.sym.Group([parts[2], parts[0] * 2, mx.sym.Variable("w", shape=(2, 3), init=mx.init.Xavier(), lr_mult=2)])
    group.save(str(tmp_path / "net.json"))
    with mx.name.Prefix("mine_"):
        found = load_symbol(tmp_path / "net.json")
    assert found.tojson() == group.tojson()


def test_every_operator_of_the_list_is_there():
    missing = [name for name in OPERATORS if not hasattr(mx.sym, name) and not hasattr(mx.sym._internal, name)]
    assert missing == []
    assert not [name for name in OPERATORS if name.startswith(("_contrib", "_subgraph", "_random", "_N", "_cv", "Cus"))]


def node(op: str, name: str, inputs=(), **attributes) -> dict:
    return {"op": op, "name": name, "inputs": [list(place) for place in inputs], "attrs": attributes}


def graph(*nodes, heads=None) -> dict:
    """A file's content; by default the last node is the result."""
    return {
        "nodes": [node("null", "data"), *nodes],
        "arg_nodes": [0],
        "heads": [[len(nodes), 0, 0]] if heads is None else heads,
        "attrs": {"mxnet_version": ["int", 10901]},
    }


FROM_0 = [(0, 0, 0)]


def file_of_2016() -> dict:
    """As MXNet 0.8 wrote it: "param" and "attr", no auxiliary states, places of two numbers, no version."""
    convolution = {"kernel": "(3L,3L)", "num_filter": "4", "pad": "(1,1)", "no_bias": "True", "workspace": "512",
                   "num_group": "1", "dilate": "(1,1)", "stride": "(1,1)", "cudnn_tune": "off"}  # fmt: skip
    batch_norm = {"eps": "0.001", "momentum": "0.9", "fix_gamma": "False", "use_global_stats": "False"}
    old = {"backward_source_id": -1}
    null = {"op": "null", "param": {}, "inputs": [], **old}
    return {
        "nodes": [
            {**null, "name": "data"},
            {**null, "name": "conv_weight", "attr": {"weight_lr_mult": "2"}},
            {"op": "Convolution", "name": "conv", "param": convolution, "inputs": [[0, 0], [1, 0]], **old,
             "attr": {"weight_lr_mult": "2", "ctx_group": "one"}},
            {**null, "name": "bn_gamma", "attr": {"lr_mult": "3"}},
            {**null, "name": "bn_beta"},
            {"op": "BatchNorm", "name": "bn", "param": batch_norm, "inputs": [[2, 0], [3, 0], [4, 0]], **old},
            {"op": "_PlusScalar", "name": "plus", "param": {"scalar": "1.5"}, "inputs": [[5, 0]], **old},
        ],
        "arg_nodes": [0, 1, 3, 4],
        "heads": [[6, 0]],
    }  # fmt: skip


def test_a_file_of_2016_is_read_as_mxnet_reads_it(tmp_path):
    path = written(tmp_path / "old.json", file_of_2016())
    found, expected = load_symbol(path), mx.sym.load(str(path))
    assert found.list_arguments() == expected.list_arguments() == ["data", "conv_weight", "bn_gamma", "bn_beta"]
    assert found.list_auxiliary_states() == expected.list_auxiliary_states() == ["bn_moving_mean", "bn_moving_var"]
    assert infer(found, {"data": (2, 3, 8, 8)}) == infer(expected, {"data": (2, 3, 8, 8)})
    attributes = found.attr_dict()
    assert attributes["conv_weight"]["__lr_mult__"] == expected.attr_dict()["conv_weight"]["__lr_mult__"] == "2"
    assert attributes["bn_gamma"]["__lr_mult__"] == "3"
    assert attributes["conv"]["__ctx_group__"] == "one"


DANGEROUS = [
    "_Native", "_NDArray", "Custom", "_CustomFunction", "_CachedOp", "_foreach", "_while_loop", "_cond", "_cvimread",
    "_cvimdecode", "_contrib_dgl_adjacency", "_subgraph_op", "_sg_mkldnn_conv", "_random_normal", "_backward_copy",
    "RNN", "load", "Variable", "__class__", "",
]  # fmt: skip


@pytest.mark.parametrize("operator", DANGEROUS)
def test_operators_that_are_not_layers_are_refused_by_name(operator, tmp_path):
    path = written(tmp_path / "net.json", graph(node(operator, "evil", FROM_0, op_type="os", info="0x0")))
    with pytest.raises(CorruptFileError) as caught:
        load_symbol(path)
    assert f"the layer 'evil' has the operator {operator!r}, which is not accepted from a file" in str(caught.value)
    assert "Give a symbol's .json that MXNet or mxgan has written" in str(caught.value)


RELU = node("Activation", "act", FROM_0, act_type="relu")
DAMAGE = {
    "empty": ("", "it is not JSON"),
    "cut off": (json.dumps(graph(RELU))[:-9], "it is not JSON"),
    "a list": ([1], "the file is not a JSON object"),
    "NaN": ('{"nodes": NaN}', "NaN is not JSON"),
    "deep": ("[" * 100_000, "it is nested too deeply"),
    "a long number": ('{"nodes": ' + "9" * 100_000 + "}", "a number of 100000 digits"),
    "a key twice": ('{"nodes": [], "nodes": []}', "the key 'nodes' appears twice in one object"),
    "no heads": ({"nodes": []}, "the file lacks 'heads'"),
    "unknown key": ({**graph(RELU), "subgraphs": []}, "the file has the unknown key 'subgraphs'"),
    "no nodes": ({**graph(RELU), "nodes": []}, f"'nodes' is not a list of 1 to {MOST_NODES} nodes"),
    "many nodes": ({**graph(), "nodes": [0] * (MOST_NODES + 1)}, "'nodes' is not a list"),
    "a node that is none": ({**graph(RELU), "nodes": [3]}, "node 0 is not a JSON object"),
    "subgraphs": (graph({**RELU, "subgraphs": []}), "node 1 has the unknown key 'subgraphs'"),
    "no result": (graph(RELU, heads=[]), "'heads' is empty"),
    "head out of range": (graph(RELU, heads=[[2, 0, 0]]), "'heads' names the node 2"),
    "head's output": (graph(RELU, heads=[[1, 1, 0]]), "the layer 'act' has 1 outputs, but the file uses output 1"),
    "a circle": (graph(node("Activation", "act", [(1, 0, 0)], act_type="relu")), "names the node 1, which does not"),
    "negative": (graph(node("Activation", "act", [(-1, 0, 0)])), "is not of the form [node, output, 0]"),
    "true as index": (graph(node("Activation", "act", [(True, 0, 0)])), "is not of the form [node, output, 0]"),
    "arg_nodes": ({**graph(RELU), "arg_nodes": [1]}, "the layer 'act' is in 'arg_nodes'"),
    "node_row_ptr": ({**graph(RELU), "node_row_ptr": ["x"]}, "'node_row_ptr' is not a list"),
    "version": ({**graph(RELU), "attrs": {"mxnet_version": ["str", "x"]}}, "'mxnet_version' is not of the form"),
    "backward": (graph({**RELU, "backward_source_id": 0}), "the layer 'act' belongs to a backward pass"),
    "an input's inputs": (graph(node("null", "x", FROM_0)), "the input 'x' has inputs of its own"),
    "a name twice": (graph(RELU, RELU), "the layer 'act' has the name of another node"),
    "a name for terminals": (graph(node("null", "\x1b[2J")), "the name of node 1 is not a printable text"),
    "half a character": (graph(node("null", "\ud800")), "the name of node 1 is not a printable text"),
    "too many inputs": (graph(node("Activation", "a", FROM_0 * 2, act_type="relu")), "takes at most 1"),
    "too few inputs": (graph(node("Convolution", "c", FROM_0, kernel="(1,1)", num_filter="1")), "takes 3"),
    "no attribute": (graph(node("Activation", "act", FROM_0)), "the layer 'act' is refused by Activation"),
    "unknown word": (graph(node("Activation", "act", FROM_0, act_type="rel")), "is refused by Activation"),
    "both": (graph({**RELU, "param": {"act_type": "relu"}}), "or an attribute twice"),
}  # fmt: skip


@pytest.mark.parametrize("kind", DAMAGE)
def test_damage_is_named(kind, tmp_path):
    content, words = DAMAGE[kind]
    with pytest.raises(CorruptFileError) as caught:
        load_symbol(written(tmp_path / "net.json", content))
    assert words in str(caught.value)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "operator, attributes",
    [
        ("Pooling", {"stride": "(0, 0)"}),
        ("Convolution", {"num_group": "0"}),
        ("SliceChannel", {"num_outputs": "2147483647"}),
        ("Concat", {"num_args": "1000000000"}),
        ("depth_to_space", {"block_size": "65536"}),  # its square is 0
        ("softmax", {"use_length": "None"}),
        ("Reshape", {"shape": "(65536, 65536, 65536, 65536, -1)"}),  # their product is 0
        ("Activation", {"act_type": 3}),
        ("Activation", {"act_type": "r" * 2000}),
        ("Activation", {"act_type": "é"}),
        ("Activation", {"out": "x"}),
        ("Activation", {"__subgraph_name__": "x"}),
        ("Activation", {"__storage_type__": "1"}),
        ("Activation", {"__init__": '["load", {"param": "/etc/passwd"}]'}),
    ],
)
def test_attributes_that_end_the_process_or_reach_out_of_it(operator, attributes, tmp_path):
    ((key, _),) = attributes.items()
    with pytest.raises(
        CorruptFileError, match=f"the layer 'x' has the attribute '{key}' .*, (which is not accepted|not a)"
    ):
        load_symbol(written(tmp_path / "net.json", graph(node(operator, "x", FROM_0, **attributes))))


def test_a_file_that_is_too_large_or_none(tmp_path):
    (tmp_path / "large").write_bytes(b" " * (MOST_BYTES + 1))
    with pytest.raises(CorruptFileError, match=f"it has more than {MOST_BYTES} bytes"):
        load_symbol(tmp_path / "large")
    (tmp_path / "bytes").write_bytes(b'{"nodes\xff')
    with pytest.raises(CorruptFileError, match="byte 7: .*not UTF-8"):
        load_symbol(tmp_path / "bytes")
    os.mkfifo(tmp_path / "pipe")
    for place in ("pipe", "nothing", "."):
        with pytest.raises(CheckpointError):
            load_symbol(tmp_path / place)


@pytest.mark.long
def test_the_deepest_network_that_is_read(tmp_path):
    nodes = [node("Activation", f"a{i}", [(i, 0, 0)], act_type="relu") for i in range(MOST_NODES - 1)]
    found = load_symbol(written(tmp_path / "net.json", graph(*nodes)))
    assert infer(found, {"data": (2, 3)})[1] == [(2, 3)]


def test_bilinear_upsampling_comes_back(tmp_path):
    """MXNet does not count its weight as an input (num_args 1), and copies the layer's attributes to the weight."""
    data = mx.sym.Variable("data")
    symbol = mx.sym.UpSampling(data, scale=2, sample_type="bilinear", num_filter=3, num_args=1, name="u")
    symbol.save(str(tmp_path / "u.json"))
    found = load_symbol(tmp_path / "u.json")
    assert (found.list_arguments(), found.attr_dict()["u"]) == (["data", "u_weight"], symbol.attr_dict()["u"])
    weight = mx.nd.random.normal(shape=(3, 1, 4, 4))
    values = {"data": mx.nd.random.normal(shape=(2, 3, 4, 4)), "u_weight": weight}
    expected, again = (each.bind(mx.cpu(), values).forward()[0].asnumpy() for each in (symbol, found))
    assert expected.shape == (2, 3, 8, 8)
    np.testing.assert_array_equal(again, expected)


def test_a_block_of_mx_np_is_named(tmp_path):
    text = json.loads(mx.sym.tanh(mx.sym.Variable("data")).tojson())
    text["attrs"]["is_np_shape"] = ["int", 1]
    (tmp_path / "np.json").write_text(json.dumps(text))
    with pytest.raises(CorruptFileError, match=r"made with mx.np, .* not accepted; export it without npx.set_np\(\)"):
        load_symbol(tmp_path / "np.json")


def test_sizes_whose_product_overflows_are_found_before_mxnet_divides_by_it(tmp_path):
    widened = [node("broadcast_axis", f"b{i}", [(i, 0, 0)], axis=str(i), size="65536") for i in range(4)]
    content = graph(*widened, node("Reshape", "r", [(4, 0, 0)], shape="(0, 0, 0, 0, -1)"))
    symbol = load_symbol(written(tmp_path / "net.json", content))
    with pytest.raises(ShapeError, match="the layer 'b1' takes or makes 65536×65536×1×1×1 numbers; MXNet can index"):
        check_sizes(symbol, {"data": (1, 1, 1, 1, 1)})
    with pytest.raises(ShapeError, match="the layer 'data' takes or makes 65536×65536×65536×65536×1 numbers"):
        check_sizes(symbol, {"data": (65536,) * 4 + (1,)})


CASES = 500
NASTY = ["0", "-1", "2", "2147483647", "4294967296", "1e30", "nan", "None", "True", "()", "(0, 0)", "(-1, -1)", "(1,",
         "(65536, 65536)", "(2, 2, 2, 2)", "", "x", "max", "(0, -4, 2, -1)", "(1L, 2L)"]  # fmt: skip
WRONG = [0, -1, 2**31, 2**63, None, True, "x", "", [], {}, 1.5, "\0", [[0, 0, 0]]]


def mutated(text: str, rng: random.Random) -> bytes:
    """A symbol's JSON with one to three things in it changed: bytes, or attributes, operators, inputs, keys."""
    if rng.random() < 0.2:
        content = bytearray(text.encode())
        place = rng.randrange(len(content))
        content[place : place + rng.randrange(40)] = rng.choice([b"", b"\xff", b'"', b"[", b"-1", b"\\u0000", b"NaN"])
        return bytes(content)
    whole = json.loads(text)
    nodes = whole["nodes"]
    attributes = sorted({key for each in nodes for key in each.get("attrs", {})})
    for _ in range(rng.choice([1, 1, 2, 3])):
        chosen, edit = rng.choice(nodes), rng.randrange(7)
        inputs = chosen["inputs"]
        if edit <= 2 and chosen["op"] != "null":
            own = chosen.setdefault("attrs", {})
            own[rng.choice(sorted(own) if own and rng.random() < 0.7 else attributes)] = rng.choice(NASTY)
        elif edit == 3:
            chosen["op"] = rng.choice(sorted(OPERATORS))
        elif edit == 4 and inputs:
            rng.choice(inputs)[rng.randrange(2)] = rng.choice([0, 1, rng.randrange(len(nodes)), -1])
        elif edit == 5 and inputs:
            inputs.pop() if rng.random() < 0.5 else inputs.append([rng.randrange(len(nodes)), 0, 0])
        elif edit == 6:
            return json.dumps({**whole, rng.choice(list(whole)): rng.choice(WRONG)}).encode()
    return json.dumps(whole).encode()


def fuzz(folder: Path) -> dict:
    """How often each outcome came; run by `test_damage_at_random`, in a process of its own."""
    bases = [pair for name in ("dcgan", "hinge", "encoder-decoder-gan", "cgan", "ssgan") for pair in symbols_of(name)]
    texts = [(symbol.tojson(), inputs) for symbol, inputs in bases]
    counts = {"refused": 0, "read": 0, "table": 0, "no table": 0}
    for seed in range(CASES):
        rng = random.Random(seed)
        text, inputs = rng.choice(texts)
        (folder / "net.json").write_bytes(mutated(text, rng))
        try:
            symbol = load_symbol(folder / "net.json")
        except CorruptFileError:
            counts["refused"] += 1
            continue
        counts["read"] += 1
        try:
            check_sizes(symbol, inputs)
            counts["table"] += bool(summary(symbol, inputs))
        except MXGANError:
            counts["no table"] += 1
    return counts


@pytest.mark.long
def test_damage_at_random_ends_no_process(tmp_path):
    command = [sys.executable, __file__, str(tmp_path)]
    root = str(Path(mxgan.__file__).parent.parent)
    environment = {**os.environ, "PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment, check=False)
    assert ended.returncode == 0, (ended.returncode, ended.stderr[-2000:])
    counts = json.loads(ended.stdout.splitlines()[-1])
    assert counts["refused"] + counts["read"] == CASES
    assert min(counts.values()) > 20  # every outcome was there


def summarize(*arguments):
    return CliRunner().invoke(main, ["summary", *map(str, arguments)], catch_exceptions=False)


def test_summary_of_a_file_is_that_of_its_network(tmp_path):
    network = mxgan.DCGAN(ngf=4, image_size=16)
    network.generator().save(str(tmp_path / "mnist_G-symbol.json"))
    result = summarize("--symbol", tmp_path / "mnist_G-symbol.json", "--shape", "rand=2,100,1,1")
    assert result.exit_code == 0, result.output
    table = summary(network.generator(), {"rand": (2, 100, 1, 1)})
    assert result.output == f"mnist_G-symbol\n{table}\n\n"


@pytest.mark.parametrize(
    "arguments, status, words",
    [
        (["--shape", "rnd=2,100,1,1"], 2, "unknown input 'rnd'; did you mean 'rand'?"),
        (["--shape", "rand=2,50,1,1"], 2, "layer 'g1_product' does not fit its input"),
        (["--shape", "rand=2,100,0,1"], 2, "--shape 'rand=2,100,0,1': give each input once, with sizes above 0"),
        (["--shape", "rand"], 2, "--shape 'rand': give each input once"),
        (
            ["--shape", "rand=1,100,1,1", "--shape", "rand=2,100,1,1"],
            2,
            "--shape 'rand=2,100,1,1': give each input once",
        ),
        (["--shape", "g1_bias=4"], 2, "unknown input 'g1_bias'"),
        (["--shape", "gbn1_gamma=16"], 2, "do not decide all others"),
        ([], 2, "--symbol needs --shape and excludes --set. Give --symbol and --shape, or a --recipe."),
        (["--shape", "rand=2,100,1,1", "--set", "ngf=4"], 2, "--symbol needs --shape and excludes --set."),
    ],
)
def test_bad_calls_of_summary(arguments, status, words, tmp_path):
    mxgan.DCGAN(ngf=4, image_size=16).generator().save(str(tmp_path / "net.json"))
    result = summarize("--symbol", tmp_path / "net.json", *arguments)
    assert result.exit_code == status
    assert words in result.output


def test_summary_of_a_hostile_file_is_one_line(tmp_path):
    path = written(tmp_path / "net.json", graph(node("Custom", "evil", FROM_0, op_type="x")))
    result = summarize("--symbol", path, "--shape", "data=1,2")
    assert result.exit_code == 1
    assert result.output.startswith(f"Error: {path}: cannot be read as a symbol (the layer 'evil' has the operator")


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    sys.stdout.write(json.dumps(fuzz(Path(sys.argv[1]))))
