from __future__ import annotations

import json
import sys
from dataclasses import replace

import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, OutputError
from mxgan.export import write_model
from mxgan.export.checking import agreement
from mxgan.export.model import OUTSIDE, Model
from mxgan.export.onnx_file import MOST_BYTES, OPSETS, check_size, onnx_model, write_onnx
from mxgan.export.plain import plain
from mxgan.export.reading import read_exported
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from tests.export.models import HALVES, VARIANTS, inputs_of, model_of, mxnet_outputs

onnxruntime = pytest.importorskip("onnxruntime")
onnx = pytest.importorskip("onnx")


def session_of(proto):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


def given(values: dict) -> dict:
    """Inputs of a symbol as the file takes them."""
    return {
        OUTSIDE.get(name, name): value.astype(np.int64) if name == "class_label" else value
        for name, value in values.items()
    }


def assert_agrees(proto, model, batches=(1, 7, 64), tolerance: float = 1e-5, alone: bool = True) -> None:
    """onnxruntime's outputs are MXNet's, relative to the largest of them where that is above 1.

    `alone` : each image is judged without the others of its batch, so that MXNet computes the largest batch alone.
    """
    session = session_of(proto)
    wanted = mxnet_outputs(model, inputs_of(model, max(batches)))
    for batch in batches:
        values = inputs_of(model, batch)  # the first rows of a larger batch
        rows = [output[:batch] for output in wanted] if alone else mxnet_outputs(model, values)
        for found, expected in zip(session.run(list(model.outputs), given(values)), rows):
            assert (found.dtype, found.shape) == (np.float32, expected.shape)
            np.testing.assert_allclose(found, expected, atol=tolerance * max(1.0, np.abs(expected).max()), rtol=0)


def tolerance_of(variant: str) -> float:
    """A network of more layers keeps more rounding: convolutions of residual ones are merged here, and not there."""
    return 5e-5 if "sngan" in variant else 1e-5


def operators(proto) -> list:
    return [node.op_type for node in proto.graph.node]


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_onnxruntime_agrees(variant, half):
    model = model_of(variant, half)
    alone = variant != "minibatch discrimination"
    assert_agrees(onnx_model(plain(model)), model, tolerance=tolerance_of(variant), alone=alone)


@pytest.mark.long
@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", mxgan.RECIPES)
def test_onnxruntime_agrees_at_the_size_of_each_recipe(variant, half):
    model = model_of(variant, half, small=False)
    assert_agrees(onnx_model(plain(model)), model, (1, 7), tolerance_of(variant))


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize(
    "variant", ["grey, biases", "trained gammas", "layer norm", "spectral cgan", "acgan", "mlp-gan"]
)
def test_float16_agrees_within_its_precision(variant, half):
    model = model_of(variant, half)
    made = onnx_model(plain(model), precision="float16")
    kinds = {weight.data_type for weight in made.graph.initializer}
    assert kinds <= {onnx.TensorProto.FLOAT16, onnx.TensorProto.INT64}
    assert_agrees(made, model, (1, 7), 1e-2)


# ---- BatchNorm ----


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", ["grey, biases", "trained gammas", "cbr-gan"])
def test_batch_norm_is_folded_unless_it_is_to_stay(variant, half):
    model = model_of(variant, half)
    layers = [node["op"] for node in json.loads(model.symbol.tojson())["nodes"]].count("BatchNorm")
    assert layers
    assert "BatchNormalization" not in operators(onnx_model(plain(model)))
    kept = onnx_model(plain(model), keep_batch_norm=True)
    assert operators(kept).count("BatchNormalization") == layers
    assert_agrees(kept, model, (7,))


def with_norm(make, shape: tuple = (4, 6, 6), **attributes) -> Model:
    """A model with the layers `make` before a BatchNorm; `make` gives the layer before it and what is added after."""
    before, after = make(mx.sym.Variable("data"))
    symbol = mx.sym.BatchNorm(before, fix_gamma=False, name="norm", **attributes)
    symbol = symbol if after is None else mx.sym.broadcast_add(symbol, mx.sym.sum(after))
    shapes, _, states = symbol.infer_shape(data=(1, *shape))
    named = [*zip(symbol.list_arguments(), shapes), *zip(symbol.list_auxiliary_states(), states)]
    rng = rng_for("norm", 0, 0)
    values = {name: 0.5 + rng.random(side).astype(np.float32) for name, side in named if name != "data"}
    return Model(symbol, values, {"data": shape}, half="discriminator")


def convolution(data, name: str = "layer", **attributes):
    return mx.sym.Convolution(data, kernel=(3, 3), num_filter=4, name=name, **attributes)


WEIGHT = mx.sym.Variable("weight")
FOLDED = {
    "convolution": lambda data: (convolution(data), None),
    "groups": lambda data: (convolution(data, num_group=2, no_bias=True), None),
    "transposed, groups": lambda data: (
        mx.sym.Deconvolution(data, kernel=(2, 2), num_filter=6, num_group=2, no_bias=False, name="layer"), None,
    ),
    "matrix": lambda data: (mx.sym.FullyConnected(data, num_hidden=5, name="layer"), None),
    "shared weight": lambda data: (convolution(data, weight=WEIGHT), convolution(data, "other", weight=WEIGHT)),
}  # fmt: skip


def used_twice(data):
    layer = convolution(data)
    return layer, layer


KEPT = {
    "used twice": (used_twice, {}),
    "after an activation": (lambda data: (mx.sym.relu(convolution(data)), None), {}),
    "over another axis": (lambda data: (convolution(data), None), {"axis": 3}),
    "matrix of each row": (lambda data: (mx.sym.FullyConnected(data, num_hidden=5, flatten=False), None), {}),
    "with its statistics": (lambda data: (convolution(data), None), {"output_mean_var": True}),
    "of a computed weight": (lambda data: (mx.sym.Convolution(data, data, num_filter=2, kernel=(3, 3)), None), {}),
}


@pytest.mark.parametrize("name", FOLDED)
def test_a_norm_after_a_product_is_folded(name):
    model = with_norm(FOLDED[name])
    made = onnx_model(plain(model))
    assert "BatchNormalization" not in operators(made)
    assert_agrees(made, model, (1, 3), alone=False)


@pytest.mark.parametrize("name", [name for name in KEPT if name != "of a computed weight"])
def test_a_norm_elsewhere_stays(name):
    make, attributes = KEPT[name]
    model = with_norm(make, **attributes)
    made = onnx_model(plain(model))
    assert ("BatchNormalization" if "axis" not in attributes else "Mul") in operators(made)
    assert_agrees(made, model, (1, 3), alone=False)


def test_a_stored_gamma_that_fix_gamma_holds_at_1_is_not_believed():
    model = model_of("grey", "generator")  # its gammas are 0.5 and more, and fix_gamma is on
    for kept in (True, False):
        assert_agrees(onnx_model(plain(model), keep_batch_norm=kept), model, (3,))


# ---- the file ----


def test_the_file_says_what_it_takes_gives_and_comes_from(tmp_path):
    names = tuple("abcdefghij")
    facts = {"recipe": "cgan", "step": 300, "license": "cc0-1.0", "scores": [{"fid": 3.5}]}
    model = replace(model_of("colour cgan", "generator"), facts=facts, class_names=names)
    assert write_onnx(plain(model), tmp_path) == ("model.onnx",)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    made = onnx.load(str(tmp_path / "model.onnx"))
    session = session_of(made)
    assert [(each.name, each.type, each.shape) for each in session.get_inputs()] == [
        ("latent", "tensor(float)", ["N", 10, 1, 1]), ("class", "tensor(int64)", ["N"]),
    ]  # fmt: skip
    assert [(each.name, each.shape) for each in session.get_outputs()] == [("image", ["N", 3, 16, 16])]
    known = session.get_modelmeta().custom_metadata_map
    assert known == {
        **known, "recipe": "cgan", "step": "300", "license": "cc0-1.0", "normalisation": "images in [-1, 1]",
        "latent_distribution": "normal", "classes": "10", "class_names": json.dumps(names), "half": "generator",
    }  # fmt: skip
    assert known["library"].startswith("mxgan ")
    assert made.producer_name == "mxgan"


def test_an_exported_folder_holds_the_file_and_its_description(tmp_path):
    write_model(model_of("grey", "generator"), tmp_path, "onnx", {"precision": "float16"})
    assert {path.name for path in tmp_path.iterdir()} == {"export.json", "model.onnx"}
    with pytest.raises(CheckpointError, match=r"model\.onnx is not the whole network: it has no .*--keep-batch-norm"):
        read_exported(tmp_path)


def test_a_discriminator_that_classifies_gives_score_and_logits():
    session = session_of(onnx_model(plain(model_of("acgan", "discriminator"))))
    assert [each.name for each in session.get_outputs()] == ["score", "logits"]
    assert [each.name for each in session.get_inputs()] == ["image"]


def test_an_opset_can_be_asked_for():
    newest, model = min(OPSETS[1], onnx.defs.onnx_opset_version()), model_of("grey", "generator")
    made = onnx_model(plain(model), opset=18)
    assert (made.opset_import[0].version, made.ir_version) == (18, 8)
    assert_agrees(made, model, (3,))
    with pytest.raises(ArgumentError, match=rf"opset is 17; with onnx .* give 18 to {newest}"):
        onnx_model(plain(model), opset=17)


def older_runtime(most: int):
    """The session of an onnxruntime that knows the opsets up to a number."""

    def session(content: bytes, path):
        found = onnx.load_from_string(content).opset_import[0].version
        if found > most:
            raise CorruptFileError(path, f"is of opset {found}")

    return session


@pytest.mark.parametrize("most, opset", [(99, OPSETS[1]), (19, 19), (7, OPSETS[1])])
def test_the_opset_is_the_newest_that_runs_here(most, opset, monkeypatch):
    monkeypatch.setattr("mxgan.export.onnx_file.onnx_session", older_runtime(most))
    found = onnx_model(plain(model_of("grey", "generator"))).opset_import[0].version
    assert found == min(opset, onnx.defs.onnx_opset_version())


def test_files_that_an_old_or_broken_onnxruntime_does_not_run_are_written(tmp_path, monkeypatch):
    model = model_of("grey", "generator")
    for module in ("onnx_file", "checking"):
        monkeypatch.setattr(f"mxgan.export.{module}.onnx_session", older_runtime(7))
    write_model(model, tmp_path, "onnx")
    found = agreement(model, tmp_path, "onnx", {})
    assert found.difference is None
    assert "the onnxruntime installed here runs no file with the operators of ONNX 18" in found.reason
    assert str(tmp_path) not in found.reason


def test_a_broken_onnxruntime_is_as_none(tmp_path, monkeypatch):
    broken = tmp_path / "onnxruntime"
    broken.mkdir()
    (broken / "__init__.py").write_text("raise AttributeError('_ARRAY_API not found')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, name)
    model = model_of("grey", "generator")
    write_model(model, tmp_path, "onnx")
    found = agreement(model, tmp_path, "onnx", {})
    assert (found.difference, "cannot be imported here (_ARRAY_API not found)" in found.reason) == (None, True)


def test_a_file_that_onnxruntime_refuses_is_a_fault(tmp_path):
    model = model_of("grey", "generator")
    write_model(model, tmp_path, "onnx")
    (tmp_path / "model.onnx").write_bytes(b"no file of ONNX")
    with pytest.raises(CheckpointError, match=r"^the files of the format onnx are not taken") as raised:
        agreement(model, tmp_path, "onnx", {})
    assert str(tmp_path) not in str(raised.value)


def with_classes(classes: int, own) -> Model:
    """A generator of one number for each of many classes; `own` is between the class and its table."""
    symbol = mx.sym.Embedding(own(mx.sym.Variable("class_label")), input_dim=classes, output_dim=1, name="table")
    symbol = mx.sym.broadcast_add(mx.sym.Variable("rand"), symbol)
    weight = rng_for("table", 0, 0).random((classes, 1)).astype(np.float32)
    return Model(symbol, {"table_weight": weight}, {"rand": (1,), "class_label": ()}, classes=classes)


def test_classes_above_2048_are_whole_in_float16():
    model = with_classes(5000, lambda label: label)
    session = session_of(onnx_model(plain(model), precision="float16"))
    classes = np.array([2047, 2049, 3333, 4999])
    found = session.run(None, {"latent": np.zeros((4, 1), np.float32), "class": classes})[0]
    np.testing.assert_allclose(found, model.parameters["table_weight"][classes], atol=1e-3)
    model = with_classes(5000, lambda label: mx.sym.Reshape(label, shape=(-1,), name="next"))
    with pytest.raises(ArgumentError, match="layer 'next' .* computes with numbers of classes up to 4999, and float16"):
        onnx_model(plain(model), precision="float16")


def foreign(symbol, **more) -> Model:
    return Model(symbol, {}, {"data": (4, 6)}, half="discriminator", **more)


def test_names_inside_do_not_meet_those_outside():
    layer = mx.sym.relu(mx.sym.Variable("data"), name="image")
    model = foreign(mx.sym.Group([mx.sym.tanh(layer, name="logits"), layer]))
    assert_agrees(onnx_model(plain(model)), model, (3,))


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_outputs_that_are_inputs_or_the_same_value_have_their_own_names(precision):
    data = mx.sym.Variable("data")
    layer = mx.sym.relu(data, name="layer")
    for symbol in (mx.sym.Group([layer, layer]), mx.sym.Group([layer, mx.sym.BlockGrad(data)])):
        assert_agrees(onnx_model(plain(foreign(symbol)), precision=precision), foreign(symbol), (3,), 1e-2)


DATA = mx.sym.Variable("data")
REFUSED = {
    "no rule": (
        mx.sym.softmax_cross_entropy(mx.sym.Flatten(DATA), mx.sym.sum(DATA, axis=(1, 2)), name="loss"),
        "layer 'loss' is a softmax_cross_entropy, which has no rule for ONNX. Add a rule to mxgan/export/onnx_rules",
    ),
    "lengths": (
        mx.sym.softmax(DATA, mx.sym.cast(mx.sym.sum(DATA, axis=-1), "int32"), use_length=True, name="long", axis=-1),
        "layer 'long' .softmax. takes whole numbers",
    ),
    "whole numbers": (mx.sym._internal._div_scalar(mx.sym.cast(DATA, "int32"), scalar=2, name="half"),
                      "layer 'half' ._div_scalar. takes whole numbers, from a Cast.* a Cast to float32"),
    "windows behind the image": (
        mx.sym.Pooling(mx.sym.slice_axis(mx.sym.expand_dims(DATA, 1), axis=3, begin=0, end=5), kernel=(2, 2),
                       stride=(2, 2), pad=(1, 1), pool_type="max", pooling_convention="full", name="p"),
        "layer 'p' is a Pooling with windows outside",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name in REFUSED if name not in ("open sides", "lengths")])
def test_what_onnx_does_not_have_is_named_with_its_layer(name):
    symbol, words = REFUSED[name]
    with pytest.raises(ArgumentError, match=words):
        onnx_model(plain(foreign(symbol)))


def test_an_input_and_an_output_of_one_name_are_refused():
    symbol = mx.sym.relu(DATA)
    with pytest.raises(ArgumentError, match="takes image and gives image; .* mxgan.renamed"):
        onnx_model(plain(Model(symbol, {}, {"data": (4, 6)})))


def test_weights_too_large_for_float16_are_named():
    model = model_of("grey", "generator")
    model = replace(model, parameters={**model.parameters, "g3_weight": model.parameters["g3_weight"] * 1e6})
    with pytest.raises(ArgumentError, match="g3_weight has the value .*, and the largest of float16 is 65504"):
        onnx_model(plain(model), precision="float16")


def test_weights_too_large_for_a_file_are_refused():
    weights = {"a": np.broadcast_to(np.float32(0), (2**15, 2**14))}
    check_size(weights, "float16")
    with pytest.raises(ArgumentError, match=f"the weights are 2,147,483,648 bytes in float32, .*{MOST_BYTES:,}"):
        check_size(weights, "float32")


def test_bad_settings_and_folders_are_said(tmp_path):
    model = model_of("grey", "generator")
    with pytest.raises(ArgumentError, match="unknown precision 'float61'; did you mean 'float16'"):
        onnx_model(plain(model), precision="float61")
    with pytest.raises(OutputError, match="model.onnx cannot be written"):
        write_onnx(plain(model), tmp_path / "none")
    assert not list(tmp_path.iterdir())
