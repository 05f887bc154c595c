"""Exported folders read back, and broken or hostile ones."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import zipfile
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError, CorruptFileError, MXGANError
from mxgan.export import check_format, write_model
from mxgan.export.model import Model
from mxgan.export.plain import plain
from mxgan.export.reading import is_exported, read_exported
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from tests.export.models import FORMS, HALVES, VARIANTS, inputs_of, model_of, mxnet_outputs
from tests.support import long_but

OPTIONS = {"onnx": {"keep_batch_norm": True}}  # in which the whole network can be had back
SAME_BITS = ("npz", "safetensors")  # the network of the run itself; the others have its published layers


def exported(folder, form: str, variant: str = "cgan", half: str = "generator"):
    folder.mkdir()
    write_model(model_of(variant, half), folder, form, OPTIONS.get(form, {}))
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """kept(format): one folder for each format, written once; tests copy them."""
    top = tmp_path_factory.mktemp("kept")
    return cache(lambda form: exported(top / form, form))


def copy_of(kept, form: str, folder):
    return shutil.copytree(kept(form), folder / form)


def described(folder) -> dict:
    return json.loads((folder / "export.json").read_text())


def describe(folder, content: dict) -> None:
    """Write export.json with the sums that the files have, as a stranger would."""
    for file in content.get("files", []):
        path = folder / str(file.get("name"))
        if path.is_file():
            file.update(bytes=path.stat().st_size, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    (folder / "export.json").write_text(json.dumps(content))


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", long_but(VARIANTS, "dcgan", "hinge", "acgan", "uniform latents", "grey, biases"))
def test_npz_comes_back_as_it_was(variant, half, tmp_path):
    model = model_of(variant, half)
    assert not is_exported(tmp_path)
    write_model(model, tmp_path, "npz")
    assert is_exported(tmp_path)
    found = read_exported(tmp_path)
    assert found.symbol.list_arguments() == model.symbol.list_arguments()
    assert (found.half, found.classes, found.inputs) == (model.half, model.classes, model.inputs)
    assert (found.outputs, found.latent_distribution) == (model.outputs, model.latent_distribution)
    assert list(found.parameters) == list(model.parameters)
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(found.parameters[name], value)


@pytest.mark.parametrize("form", FORMS)
def test_a_model_that_was_read_computes_the_same(form, tmp_path):
    model = model_of("spectral cgan", "discriminator")
    write_model(model, tmp_path, form, OPTIONS.get(form, {}))
    values = inputs_of(model, 5)
    (result,), (expected,) = mxnet_outputs(read_exported(tmp_path), values), mxnet_outputs(model, values)
    np.testing.assert_allclose(result, expected, atol=0 if form in SAME_BITS else 1e-5, rtol=0)


def test_facts_and_class_names_come_back(tmp_path):
    names = tuple(f"class\n{i} \udcff ü" for i in range(10))
    facts = {"recipe": "cgan", "scores": [{"fid": float("nan"), "kid": 0.5}], "license": "mit"}
    model = replace(model_of("cgan", "generator"), class_names=names, facts=facts)
    write_model(model, tmp_path, "npz")
    found = read_exported(tmp_path)
    assert found.class_names == names
    assert found.facts == {**facts, "scores": [{"fid": None, "kid": 0.5}]}  # JSON has no NaN


def test_export_json_says_what_a_reader_needs(kept):
    content = described(kept("npz"))
    assert content["inputs"] == {
        "latent": {"symbol": "rand", "shape": [10, 1, 1], "dtype": "float32"},
        "class": {"symbol": "class_label", "shape": [], "dtype": "int64"},
    }
    assert content["outputs"] == {"image": [1, 16, 16]}
    assert content["graph"]["parameters"]["g1_weight"] == [10, 8, 4, 4]
    assert [layer["shape"] for layer in content["graph"]["layers"]][-1] == ["N", 1, 16, 16]
    (file,) = content["files"]
    assert file["sha256"] == hashlib.sha256((kept("npz") / file["name"]).read_bytes()).hexdigest()


def test_two_layers_of_one_name_are_told_apart(tmp_path):
    once = mx.sym.FullyConnected(mx.sym.var("data"), num_hidden=2, name="layer")
    symbol = mx.sym.Activation(mx.sym.relu(once, name="twice"), act_type="tanh", name="twice")
    values = {"layer_weight": np.ones((2, 3), np.float32), "layer_bias": np.ones(2, np.float32)}
    write_model(Model(symbol, values, {"data": (3,)}, "discriminator"), tmp_path, "npz")
    assert read_exported(tmp_path).parameters.keys() == values.keys()


def test_arrays_may_have_any_name(tmp_path):
    symbol = mx.sym.broadcast_add(mx.sym.var("data"), mx.sym.var("file", shape=(1, 3)))
    model = Model(symbol, {"file": np.ones((1, 3), np.float32)}, {"data": (3,)}, "discriminator")
    write_model(model, tmp_path, "npz")
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        assert list(arrays) == ["file"]
    assert list(read_exported(tmp_path).parameters) == ["file"]


def test_parameters_that_no_reader_would_take_are_not_written(tmp_path):
    model = model_of("dcgan", "generator")
    spoilt = model.parameters["g1_weight"].copy()
    spoilt[0, 0] = np.nan
    for value in (spoilt, spoilt.astype(np.float64)):
        with pytest.raises(CheckpointError, match="'g1_weight' of the generator is"):
            write_model(replace(model, parameters={**model.parameters, "g1_weight": value}), tmp_path, "npz")
    assert not any(tmp_path.iterdir())


def test_an_option_is_checked_before_any_work():
    assert check_format("torch", {"weights": "safetensors"}) == {"weights": "safetensors"}
    with pytest.raises(ArgumentError, match=r"unknown format 'npx'; did you mean 'npz'\?"):
        check_format("npx")
    with pytest.raises(ArgumentError, match=r"the format npz takes no weights\. Formats that take it: torch"):
        check_format("npz", {"weights": "pt"})
    with pytest.raises(ArgumentError, match=r"unknown weights 'pth'; did you mean 'pt'\?"):
        check_format("torch", {"weights": "pth"})


def spoil(key, value):
    def change(content: dict) -> None:
        *path, last = key.split(".")
        for each in path:
            content = content[int(each) if isinstance(content, list) else each]
        content[int(last) if isinstance(content, list) else last] = value

    return change


def foreign_operator(content: dict) -> None:
    node = next(node for node in content["graph"]["symbol"]["nodes"] if node["op"] == "Activation")
    node["op"] = "Custom"


def larger_layer(content: dict) -> None:
    node = next(node for node in content["graph"]["symbol"]["nodes"] if node["name"] == "g2")
    node["attrs"]["num_filter"] = "8000000"


HOSTILE = {
    "it is of version 2, and this mxgan reads version 1": spoil("format_version", 2),
    "'format_version' is '1'": spoil("format_version", "1"),
    "is of the unknown format 'pickle'": spoil("format", "pickle"),
    "half is 'both'": spoil("half", "both"),
    "'classes' is -1": spoil("classes", -1),
    "'classes' is 0": spoil("classes", 0),
    "'class_names' is not one name": spoil("class_names", ["one"]),
    "'latent_distribution' is 'cauchy'": spoil("latent_distribution", "cauchy"),
    "is not the name of a file in this folder": spoil("files.0", {"name": "../model.npz", "bytes": 1, "sha256": ""}),
    "names no file for the values": spoil("files", []),
    "the shape .* is of more numbers": spoil("graph.parameters", {"g1_weight": [2**20, 2**20]}),
    "is not a shape": spoil("inputs.latent.shape", [10, -1, 1]),
    "'inputs' and 'parameters' are not those of its graph": spoil("graph.parameters", {}),
    "does not fit its input": spoil("inputs.latent.shape", [11, 1, 1]),
    "has the operator 'Custom', which is not accepted": foreign_operator,
    "does not describe an export": larger_layer,
    "it has no 'graph'": lambda content: content.pop("graph"),
    "'nodes' is not a list": spoil("graph.symbol", {"nodes": {}, "heads": []}),
}


@pytest.mark.parametrize("fault", HOSTILE)
def test_a_strangers_export_json_is_checked(fault, kept, tmp_path):
    folder = copy_of(kept, "npz", tmp_path)
    content = described(folder)
    HOSTILE[fault](content)
    describe(folder, content)
    with pytest.raises(CorruptFileError, match=fault):
        read_exported(folder)


@pytest.mark.parametrize(
    "text", ["", "[]", "{", "1" * 30, '{"a": 1, "a": 2}', "[" * 100_000, "\ud800", " " * 5_000_000]
)
def test_what_is_no_description_is_refused(text, tmp_path):
    (tmp_path / "export.json").write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(CorruptFileError, match="does not describe an export"):
        read_exported(tmp_path)


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_was_changed_or_lost_is_named(form, kept, tmp_path):
    folder = copy_of(kept, form, tmp_path)
    last = folder / described(folder)["files"][-1]["name"]
    content = bytearray(last.read_bytes())
    content[len(content) // 2] ^= 1
    last.write_bytes(content)
    with pytest.raises(CorruptFileError, match=rf"{last.name}: is not the file that export\.json describes"):
        read_exported(folder)
    last.unlink()
    with pytest.raises(CheckpointError, match=rf"{last.name} cannot be read"):
        read_exported(folder)
    os.mkfifo(last)
    with pytest.raises(CheckpointError, match="a pipe or a device"):
        read_exported(folder)


def npz_with(**arrays) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def npz_of_objects(arrays: dict) -> bytes:
    return npz_with(**{**arrays, "g1_weight": np.array([print], object)})


def npz_that_claims(arrays: dict) -> bytes:
    """The header of each array of one shape says another one, of 28 MB."""
    content = npz_with(**arrays)
    stream = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as old, zipfile.ZipFile(stream, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b"(10, 8, 4, 4)", b"(10,8,9999,9)"))
    return stream.getvalue()


def npz_bomb(arrays: dict) -> bytes:
    stream = io.BytesIO()
    np.savez_compressed(stream, **{**arrays, "g1_weight": np.zeros(10_000_000, np.float32)})
    return stream.getvalue()


BAD_NPZ = {
    "cannot be read": lambda arrays: b"no zip",
    "cannot be read (cut)": lambda arrays: npz_with(**arrays)[:-100],
    "lacks g1_weight": lambda arrays: npz_with(**{key: arrays[key] for key in arrays if key != "g1_weight"}),
    "has the unknown more": lambda arrays: npz_with(**arrays, more=np.ones(3, np.float32)),
    "has 'g1_weight' as int32": lambda arrays: npz_with(**{**arrays, "g1_weight": arrays["g1_weight"].astype("i4")}),
    "claims 40000128 bytes for 'g1_weight'": npz_bomb,
    r"has 'g1_class_weight' as float32 \(10, 8, 9999, 9\)": npz_that_claims,
    "has 'g1_weight' as object": npz_of_objects,
    "has values in 'g1_weight' that are not finite": lambda arrays: npz_with(
        **{**arrays, "g1_weight": np.full_like(arrays["g1_weight"], np.inf)}
    ),
}


@pytest.mark.parametrize("fault", BAD_NPZ)
def test_a_strangers_arrays_are_checked(fault, kept, tmp_path):
    folder = copy_of(kept, "npz", tmp_path)
    arrays = dict(model_of("cgan", "generator").parameters)
    (folder / "model.npz").write_bytes(BAD_NPZ[fault](arrays))
    describe(folder, described(folder))
    with pytest.raises(CorruptFileError, match=rf"model\.npz.*{fault.partition(' (cut)')[0]}"):
        read_exported(folder)


def test_a_file_larger_than_its_arrays_is_not_opened(kept, tmp_path):
    folder = copy_of(kept, "safetensors", tmp_path)
    with (folder / "model.safetensors").open("ab") as stream:
        stream.truncate(10_000_000)
    describe(folder, described(folder))
    with pytest.raises(CorruptFileError, match="has 10000000 bytes, and its arrays take at most"):
        read_exported(folder)


@pytest.mark.parametrize("options", [{}, {"keep_batch_norm": True, "precision": "float16"}])
def test_a_file_of_onnx_without_the_whole_network_is_refused(options, tmp_path):
    write_model(model_of("dcgan", "generator"), tmp_path, "onnx", options)
    with pytest.raises(CheckpointError, match=r"is not the whole network: .*--keep-batch-norm"):
        read_exported(tmp_path)


def onnx_of(folder, change) -> None:
    """A copy of the file of ONNX after a change of its first large initializer."""
    onnx = pytest.importorskip("onnx")
    path = folder / "model.onnx"
    made = onnx.load(path)
    change(onnx, next(each for each in made.graph.initializer if each.name == "g1_weight"))
    path.write_bytes(made.SerializeToString())
    describe(folder, described(folder))


def in_another_file(onnx, tensor) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret")


def with_claims(onnx, tensor) -> None:
    tensor.dims[0] = 2**40


def shorter(onnx, tensor) -> None:
    tensor.raw_data = tensor.raw_data[:-4]


BAD_ONNX = {
    "keeps g1_weight in another file": in_another_file,
    r"has 'g1_weight' as float32 \(1099511627776, 8, 4, 4\)": with_claims,
    "cannot be read as ONNX": shorter,
}


@pytest.mark.parametrize("fault", BAD_ONNX)
def test_a_strangers_file_of_onnx_is_checked(fault, kept, tmp_path):
    folder = copy_of(kept, "onnx", tmp_path)
    onnx_of(folder, BAD_ONNX[fault])
    with pytest.raises(CorruptFileError, match=fault):
        read_exported(folder)


@pytest.mark.long
@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_onnx_comes_back_as_the_published_layers(variant, half, tmp_path):
    model = model_of(variant, half)
    write_model(model, tmp_path, "onnx", OPTIONS["onnx"])
    found, published = read_exported(tmp_path), plain(model)
    assert found.parameters.keys() == published.parameters.keys()
    for name, value in found.parameters.items():
        if not name.endswith("_gamma"):
            np.testing.assert_array_equal(value, published.parameters[name])


@pytest.mark.long
@pytest.mark.parametrize("form", FORMS)
def test_no_damage_is_more_than_a_named_error(form, kept, tmp_path):
    """Flipped bytes, cut files, and parts of export.json exchanged; whoever made them also corrected the sums."""
    folder, rng = copy_of(kept, form, tmp_path), rng_for("fuzz", 0, 0)
    names = [file["name"] for file in described(folder)["files"]]
    whole = {name: (folder / name).read_bytes() for name in [*names, "export.json"]}
    refused = 0
    for turn in range(400):
        for name, content in whole.items():
            (folder / name).write_bytes(content)
        target = ["export.json", names[-1]][turn % 2]
        content = bytearray(whole[target])
        reach = len(content) if turn % 3 else min(600, len(content))  # half of the turns in the file's head
        for _ in range(rng.integers(1, 4)):
            content[rng.integers(reach)] = rng.integers(256)
        if turn % 5 == 0:
            del content[rng.integers(len(content)) :]
        (folder / target).write_bytes(content)
        if target != "export.json":
            describe(folder, described(folder))
        try:
            read_exported(folder)
        except MXGANError:
            refused += 1
    assert refused > 100
