"""The comparison of an export's files with MXNet, with files that are of another network."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mxgan.errors import CheckpointError
from mxgan.export import write_model
from mxgan.export.checking import _inputs, agreement
from tests.export.models import FORMS, model_of


def scaled(model, factor: float):
    """The model with other weights in its last layer."""
    return replace(model, parameters={**model.parameters, "g3_weight": model.parameters["g3_weight"] * factor})


def test_a_difference_above_the_usual_is_told_and_a_large_one_refused(tmp_path):
    model = model_of("dcgan", "generator")
    write_model(model, tmp_path, "npz")
    assert agreement(model, tmp_path, "npz", {}) == (0, "", "")
    found = agreement(scaled(model, 1.0003), tmp_path, "npz", {})
    assert 1e-5 < found.difference < 1e-3
    assert found.warning == "more than the usual 1e-05: compare images"
    with pytest.raises(CheckpointError, match="give other outputs than MXNet: they differ by"):
        agreement(scaled(model, 1.1), tmp_path, "npz", {})


@pytest.mark.parametrize("form", FORMS)
def test_outputs_of_another_shape_are_told(form, tmp_path):
    if form == "onnx":
        pytest.importorskip("onnxruntime")
    options = {"keep_batch_norm": True} if form == "onnx" else {}
    write_model(model_of("dcgan", "generator"), tmp_path, form, options)
    with pytest.raises(CheckpointError, match=r"give outputs of the shapes .*3, 16, 16.*, and MXNet .*3, 16, 24"):
        agreement(model_of("not square", "generator"), tmp_path, form, options)


@pytest.mark.parametrize("form", ["onnx", "torch"])
def test_files_that_fail_are_a_fault_in_words(form, tmp_path):
    pytest.importorskip({"onnx": "onnxruntime"}.get(form, form))
    write_model(model_of("dcgan", "generator"), tmp_path, form)
    with pytest.raises(CheckpointError, match=rf"the files of the format {form} fail \(\w+: .*Another format"):
        agreement(model_of("dcgan", "discriminator"), tmp_path, form, {})


def test_the_highest_class_is_among_the_inputs():
    model = model_of("cgan", "generator")
    assert {*_inputs(model)["class_label"]} == {*range(10)}
    assert max(_inputs(replace(model, classes=5000))["class_label"]) == 4999
