from __future__ import annotations

import numpy as np
import pytest

from mxgan.export import FORMATS, write_model
from mxgan.export.reading import read_exported
from tests.export.models import HALVES, VARIANTS, inputs_of, model_of, mxnet_outputs

SAME_BITS = ("npz", "safetensors")


@pytest.fixture(scope="module")
def npz(tmp_path_factory):
    """A small conditional generator as npz."""
    folder = tmp_path_factory.mktemp("npz")
    write_model(model_of("cgan", "generator"), folder, "npz")
    return folder


@pytest.mark.parametrize("half", HALVES)
@pytest.mark.parametrize("variant", VARIANTS)
def test_an_export_comes_back_as_it_was(variant, half, tmp_path):
    model = model_of(variant, half)
    write_model(model, tmp_path, "npz")
    found = read_exported(tmp_path)
    assert found.inputs == model.inputs
    assert (found.half, found.classes, found.outputs) == (model.half, model.classes, model.outputs)
    assert found.latent_distribution == model.latent_distribution
    assert found.parameters.keys() <= model.parameters.keys()
    values = inputs_of(model, 3)
    for result, expected in zip(mxnet_outputs(found, values), mxnet_outputs(model, values)):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize("form", [form for form in FORMATS if FORMATS[form].read])
def test_every_format_comes_back(form, tmp_path):
    model = model_of("spectral cgan", "discriminator")
    write_model(model, tmp_path, form)
    found = read_exported(tmp_path)
    values = inputs_of(model, 5)
    (result,), (expected,) = mxnet_outputs(found, values), mxnet_outputs(model, values)
    np.testing.assert_allclose(result, expected, atol=0 if form in SAME_BITS else 1e-5)
