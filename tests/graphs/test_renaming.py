import numpy as np
import pytest

import mxgan
from mxgan.errors import ArgumentError
from mxgan.runtime import mx
from tests.networks.helpers import drawn, run


def old_discriminator():
    """With the input names of old programs, BatchNorm and a label."""
    layer = mx.sym.BatchNorm(mx.sym.FullyConnected(mx.sym.var("image"), name="d1", num_hidden=3), name="dbn1")
    score = mx.sym.FullyConnected(layer, name="d2", num_hidden=1)
    return mx.sym.LogisticRegressionOutput(score, mx.sym.var("dloss_label"), name="dloss")


def test_inputs_get_other_names_and_nothing_else_does():
    old = old_discriminator()
    before = old.tojson()
    new = mxgan.renamed(old, image="data", dloss_label="label")
    names = {"image": "data", "dloss_label": "label"}
    assert new.list_arguments() == [names.get(name, name) for name in old.list_arguments()]
    assert new.list_auxiliary_states() == old.list_auxiliary_states()
    assert new.list_outputs() == old.list_outputs()
    assert old.tojson() == before
    values = {"image": np.random.default_rng(0).standard_normal((4, 2)).astype("f"), "dloss_label": np.ones(4, "f")}
    values = {**values, **drawn(old, {name: each.shape for name, each in values.items()})}
    (expected,), gradients, _ = run(old, values)
    (found,), others, _ = run(new, {names.get(name, name): each for name, each in values.items()})
    np.testing.assert_array_equal(found, expected)
    for name, gradient in gradients.items():
        np.testing.assert_array_equal(others[names.get(name, name)], gradient)


def test_an_old_pair_trains():
    image = mx.sym.FullyConnected(mx.sym.var("code"), name="g1", num_hidden=2)
    pair = mxgan.AdversarialPair(
        mxgan.renamed(image, code="rand"), mxgan.renamed(old_discriminator(), image="data", dloss_label="label"),
        latent_shape=(3,), image_shape=(2,), batch_size=4,
    )  # fmt: skip
    assert set(pair.parameter_shapes()) == {
        f"{name}_{kind}" for name in ("g1", "d1", "d2") for kind in ("weight", "bias")
    } | {"dbn1_gamma", "dbn1_beta"}


def test_two_inputs_may_swap_and_a_name_may_stay():
    both = mx.sym.var("a") - 2 * mx.sym.var("b")
    assert mxgan.renamed(both, a="b", b="a").list_arguments() == ["b", "a"]
    assert mxgan.renamed(both, a="a").list_arguments() == ["a", "b"]
    assert mxgan.renamed(mx.sym.var("symbol") + 1, symbol="rand").list_arguments() == ["rand"]


@pytest.mark.parametrize(
    "names, words",
    [
        ({"imag": "data"}, "unknown input 'imag'; did you mean 'image'? Known: image, d1_weight"),
        ({"image": "d1_weight"}, "'image' cannot become 'd1_weight': the symbol has an input or parameter of that"),
        ({"image": "dbn1_moving_mean"}, "'image' cannot become 'dbn1_moving_mean'"),
        ({"image": "x", "dloss_label": "x"}, "'dloss_label' and 'image' would both become 'x'; give each a name"),
        ({"dbn1_moving_var": "x"}, "'dbn1_moving_var' is an auxiliary state, which belongs to its layer"),
        ({"image": 3}, "the new name of 'image' is 3; give a text"),
        ({"image": ""}, "the new name of 'image' is ''; give a text"),
    ],
)
def test_what_cannot_be_renamed_is_said(names, words):
    with pytest.raises(ArgumentError) as caught:
        mxgan.renamed(old_discriminator(), **names)
    assert words in str(caught.value)
