"""Generators in symbols of any origin: their input, the shape of their latents, their images."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.errors import ArgumentError, CheckpointError, ShapeError
from mxgan.graphs.generator_symbols import generator_of
from mxgan.graphs.latent_shapes import latent_candidates
from mxgan.graphs.renaming import renamed
from mxgan.networks import NETWORKS
from mxgan.runtime import mx
from mxgan.training.sampler import Sampler
from tests.support import SMALLER

sym = mx.sym


def weights(symbol, **inputs) -> tuple:
    """(arg_params, aux_params) of a symbol bound to these inputs."""
    shapes, _, states = symbol.infer_shape(**inputs)
    rng = np.random.default_rng(0)
    arguments = {
        name: mx.nd.array(rng.standard_normal(shape))
        for name, shape in zip(symbol.list_arguments(), shapes)
        if name not in inputs
    }
    return arguments, {name: mx.nd.ones(shape) for name, shape in zip(symbol.list_auxiliary_states(), states)}


def grown(data, channels: int = 3, **settings):
    """Latents of one pixel → (N, channels, 4, 4)."""
    return sym.Deconvolution(data, name="up", kernel=(4, 4), num_filter=channels, **settings)


def dense(data, units: int, name: str = "fc"):
    return sym.FullyConnected(data, name=name, num_hidden=units)


def var(name: str = "noise", **settings):
    return sym.Variable(name, **settings)


def as_image(data, *shape):
    return sym.Reshape(data, shape=(-1, *shape))


# what it is → (a generator, the latents that it is bound with, the same found from symbol and parameters)
GENERATORS = {
    "deconvolution": (lambda: sym.tanh(grown(var())), (7, 1, 1)),
    "convolution": (lambda: sym.Convolution(var(), name="c", kernel=(1, 1), num_filter=3), (7, 1, 1)),
    "convolution, groups": (
        lambda: sym.Convolution(var(), name="c", kernel=(1, 1), num_filter=3, num_group=3),
        (6, 1, 1),
    ),
    "fully connected": (lambda: as_image(dense(var(), 48), 3, 4, 4), (7,)),
    "flattened": (lambda: as_image(dense(sym.Flatten(var()), 48), 3, 4, 4), (7,)),
    "reshaped before": (lambda: grown(as_image(var(), 7, 1, 1)), (7,)),
    "reshaped, a side": (lambda: grown(as_image(var(), 2, 3, 3)), (18,)),
    "expanded before": (lambda: grown(sym.expand_dims(sym.expand_dims(var(), axis=2), axis=3)), (7,)),
    "scaled before": (lambda: grown(sym.LeakyReLU(0.1 * var(), act_type="leaky")), (7, 1, 1)),
    "normalised before": (lambda: grown(sym.BatchNorm(var(), name="bn")), (7, 1, 1)),
    "stated": (lambda: grown(var(shape=(2, 7, 2, 2))), (7, 2, 2)),
    "product": (lambda: as_image(sym.dot(var(), var("w_weight", shape=(7, 48))), 3, 4, 4), (7,)),
}


@pytest.mark.parametrize("kind", GENERATORS)
def test_the_shape_of_latents_is_found(kind):
    make, latents = GENERATORS[kind]
    parameters = weights(make(), noise=(2, *latents))
    made = generator_of(make(), parameters, batch_size=2)
    assert (made.symbol.list_inputs()[0], made.latent_shape, made.classes) == ("rand", latents, 0)
    assert (made.input_name, made.batch_size, made.notes) == ("noise", 2, ())
    sampler = Sampler(made.symbol, made.latent_shape, 2, parameters=made.parameters)
    given = np.random.default_rng(1).standard_normal((2, *latents)).astype("f")
    executor = make().bind(mx.cpu(), {**parameters[0], "noise": mx.nd.array(given)}, aux_states=parameters[1])
    np.testing.assert_array_equal(sampler.sample(given), executor.forward(is_train=False)[0].asnumpy())


@pytest.mark.parametrize("name", sorted(SMALLER))
def test_every_generator_of_ours_is_found_in_its_symbol(name):
    network = NETWORKS[name](**SMALLER[name])
    symbol = network.generator()
    made = generator_of(symbol, weights(symbol, **network.generator_inputs(2)), batch_size=2)
    assert (made.latent_shape, made.classes) == (network.latent_shape, network.generator_classes)
    assert made.symbol.tojson() == symbol.tojson()


def test_latents_that_nothing_decides_are_asked_for():
    symbol = sym.tanh(sym.UpSampling(var(), scale=2, sample_type="nearest"))
    assert latent_candidates(symbol, "noise", {}) == []
    with pytest.raises(ArgumentError, match=r"do not decide the shape of a latent \(tried: none\).*--latent 100,1,1"):
        generator_of(symbol, ({}, {}))
    made = generator_of(symbol, ({}, {}), latent_shape=(3, 4, 4))
    assert made.latent_shape == (3, 4, 4)
    with pytest.raises(ArgumentError, match=r"tried: \(5, 1, 1\), \(5,\); of \(5,\): .*layer 'up'"):
        generator_of(grown(var()), ({"up_weight": mx.nd.ones((5, 3, 2, 2))}, {}))


def test_the_input_is_the_only_one_without_parameters_or_is_asked_for():
    two = grown(var() + var("code"))
    parameters = weights(two, noise=(2, 7, 1, 1), code=(2, 7, 1, 1))
    with pytest.raises(
        ArgumentError,
        match=r"not decided. Inputs without a parameter in the file: noise, code\. Choose one with --input NAME",
    ):
        generator_of(two, parameters)
    with pytest.raises(CheckpointError, match=r"beside 'noise' the symbol takes code, which the file does not have"):
        generator_of(two, parameters, input_name="noise")
    with pytest.raises(ArgumentError, match="unknown input 'nois'; did you mean 'noise'"):
        generator_of(two, parameters, input_name="nois")
    with pytest.raises(ArgumentError, match="'up_weight' is a parameter of the file; the inputs are noise, code"):
        generator_of(two, parameters, input_name="up_weight")
    with pytest.raises(ArgumentError, match="every input of the symbol has a parameter in the file, so that none"):
        generator_of(grown(var()), ({"noise": mx.nd.ones((2, 7, 1, 1)), "up_weight": mx.nd.ones((7, 3, 4, 4))}, {}))
    one = grown(var("rand") + 0 * var("code"))
    with pytest.raises(CheckpointError, match="beside 'rand' the symbol takes code"):
        generator_of(one, weights(one, rand=(2, 7, 1, 1), code=(2, 7, 1, 1)))


def test_a_class_must_go_into_one_hot():
    symbol = grown(sym.broadcast_add(var("rand"), as_image(var("class_label"), 1, 1, 1)))
    with pytest.raises(CheckpointError, match="'class_label', but it does not go into one_hot"):
        generator_of(symbol, weights(symbol, rand=(2, 7, 1, 1), class_label=(2,)))


def test_the_first_output_is_the_image_and_the_rest_is_left():
    image = sym.tanh(grown(var()))
    score = sym.MakeLoss(sym.mean(dense(image, 1, "judge")))
    whole = sym.Group([image, score])
    parameters = weights(whole, noise=(2, 7, 1, 1))
    made = generator_of(whole, parameters)
    assert set(made.parameters[0]) == {"up_weight"} == set(parameters[0]) - {"judge_weight", "judge_bias"}
    assert made.notes[0] == f"the first of 2 outputs ({image.list_outputs()[0]})"
    with pytest.raises(ShapeError, match=r"is \(1,\), and images are \(N, 1 or 3, height, width\)"):
        generator_of(sym.Group([score, image]), parameters)


@pytest.mark.parametrize("head", ["LinearRegressionOutput", "MAERegressionOutput", "LogisticRegressionOutput"])
def test_a_loss_at_the_end_is_taken_off(head):
    body = grown(var())
    symbol = getattr(sym, head)(body, var("label"), name="loss")
    parameters = weights(body, noise=(2, 7, 1, 1))
    made = generator_of(symbol, parameters, batch_size=2)
    assert made.symbol.list_arguments() == ["rand", "up_weight"]
    given = np.random.default_rng(1).standard_normal((2, 7, 1, 1)).astype("f")
    values = {**parameters[0], "noise": mx.nd.array(given), "label": mx.nd.zeros((2, 3, 4, 4))}
    expected = symbol.bind(mx.cpu(), values).forward(is_train=False)[0].asnumpy()
    if head.startswith("Logistic"):
        assert made.notes == ("its values from 0 to 1 become -1 to 1",)
        expected = 2 * expected - 1
    sampler = Sampler(made.symbol, made.latent_shape, 2, parameters=made.parameters)
    np.testing.assert_allclose(sampler.sample(given), expected, atol=1e-6)


@pytest.mark.parametrize("pixels, shape", [(784, (1, 28, 28)), (192, (3, 8, 8)), (4096 * 3, (3, 64, 64))])
def test_flat_images_of_a_square_are_drawn(pixels, shape):
    symbol = sym.Activation(dense(var(), pixels), act_type="sigmoid")
    parameters = weights(symbol, noise=(2, 7))
    made = generator_of(symbol, parameters, batch_size=2)
    times = "×".join(map(str, shape))
    assert made.notes == (
        f"{pixels} numbers a sample, drawn as {times}",
        "its values from 0 to 1 become -1 to 1",
    )
    given = np.random.default_rng(1).standard_normal((2, 7)).astype("f")
    weight, bias = (parameters[0][f"fc_{part}"].asnumpy() for part in ("weight", "bias"))
    expected = np.tanh((given @ weight.T + bias) / 2).reshape(2, *shape)  # 2 σ(x) − 1
    sampler = Sampler(made.symbol, made.latent_shape, 2, parameters=made.parameters)
    np.testing.assert_allclose(sampler.sample(given), expected, atol=1e-5)


@pytest.mark.parametrize(
    "make, shape",
    [
        (lambda: dense(var(), 1), r"\(2, 1\)"),  # a score is no image of one pixel
        (lambda: dense(var(), 785), r"\(2, 785\)"),
        (lambda: as_image(dense(var(), 32), 2, 4, 4), r"\(2, 2, 4, 4\)"),
        (lambda: as_image(dense(var(), 48), 3, 16), r"\(2, 3, 16\)"),
    ],
)
def test_what_is_no_image_is_refused(make, shape):
    with pytest.raises(
        ShapeError, match=rf"is {shape}, and images are \(N, 1 or 3, height, width\)\. Give the symbol of"
    ):
        generator_of(make(), weights(make(), noise=(2, 7)), batch_size=2)


def test_sizes_are_checked_before_mxnet_multiplies_them():
    symbol = as_image(sym.broadcast_to(sym.Reshape(var(), shape=(1, 1, 1, 1)), shape=(65536,) * 4), 3, 4, 4)
    with pytest.raises(ShapeError, match="MXNet can index"):
        generator_of(symbol, ({}, {}), latent_shape=(1,), batch_size=1)


@pytest.mark.parametrize("shape", [(-1, 3, 4, 64), (-1, 3, 255, 4)])
def test_a_reshape_to_more_numbers_than_there_are_is_refused(shape):
    """MXNet takes it, gives it a batch of 0, divides by that later, and ends the process."""
    data = sym.Reshape(dense(var(), 48), shape=shape, name="r")
    symbol = sym.Deconvolution(data, name="up", kernel=(2, 2), stride=(2, 2), num_filter=3)
    sizes = {"fc_weight": (48, 7), "fc_bias": (48,), "up_weight": (3, 3, 2, 2), "up_bias": (3,)}
    parameters = ({name: mx.nd.ones(size) for name, size in sizes.items()}, {})
    with pytest.raises(ShapeError, match=r"layer 'r' \(Reshape\) cannot make \S+ of 2×48; it belongs to other sizes"):
        generator_of(symbol, parameters, latent_shape=(7,), batch_size=2)


@pytest.mark.parametrize("given", [None, (7,)])
def test_a_batch_inside_of_the_symbol_is_taken(given):
    symbol = sym.Reshape(dense(var(), 48), shape=(4, 3, 4, 4))
    parameters = weights(dense(var(), 48), noise=(4, 7))
    assert generator_of(symbol, parameters, batch_size=4).notes == ()
    made = generator_of(symbol, parameters, given, batch_size=64)
    assert (made.latent_shape, made.batch_size, made.notes) == ((7,), 4, ("4 at once, the batch in the symbol",))
    latents = np.random.default_rng(0).standard_normal((6, 7)).astype("f")
    weight, bias = (parameters[0][f"fc_{part}"].asnumpy() for part in ("weight", "bias"))
    sampler = Sampler(made.symbol, made.latent_shape, made.batch_size, parameters=made.parameters)
    np.testing.assert_allclose(sampler.sample(latents), (latents @ weight.T + bias).reshape(6, 3, 4, 4), atol=1e-5)


def test_sizes_that_no_batch_mends_are_said():
    symbol = sym.Reshape(dense(var(), 48), shape=(5, 3, 4, 5))
    parameters = weights(dense(var(), 48), noise=(4, 7))
    why = r"cannot make 5×3×4×5 of 2×48; it belongs to other sizes of the inputs"
    with pytest.raises(ShapeError, match=why):
        generator_of(symbol, parameters, latent_shape=(7,), batch_size=2)  # which MXNet would abort on, when it runs
    with pytest.raises(
        ArgumentError, match=rf"tried: \(7,\), \(7, 1, 1\); of \(7, 1, 1\): .*{why}\)\. Give it without"
    ):
        generator_of(symbol, parameters, batch_size=2)
    with pytest.raises(ArgumentError, match=r"the parameter 'fc_bias' would be \(48,\), and is \(4,\) in the file\)"):
        generator_of(as_image(dense(var(), 48), 3, 4, 4), ({**parameters[0], "fc_bias": mx.nd.ones(4)}, {}))
    first = sym.slice_axis(grown(var()), axis=0, begin=0, end=1)
    with pytest.raises(ShapeError, match=r"is \(1, 3, 4, 4\) for 2 latents, not one image for each: .* batch_size"):
        generator_of(first, weights(first, noise=(2, 7, 1, 1)), batch_size=2)


def test_latents_beside_a_class_are_what_the_one_hot_leaves():
    """A layer of [z, one_hot(class)] has 7 + 5 columns."""
    joined = sym.Concat(var(), sym.Flatten(sym.one_hot(var("class_label"), depth=5)), dim=1)
    symbol = as_image(dense(joined, 48), 3, 4, 4)
    made = generator_of(symbol, weights(symbol, noise=(2, 7), class_label=(2,)), batch_size=2)
    assert (made.latent_shape, made.classes) == ((7,), 5)


def test_a_class_label_that_takes_the_latents_is_no_class():
    symbol = grown(as_image(0.1 * var("class_label"), 5, 1, 1))
    made = generator_of(symbol, weights(symbol, class_label=(2, 5)), input_name="class_label", batch_size=2)
    assert (made.latent_shape, made.classes, made.symbol.list_arguments()[0]) == ((5,), 0, "rand")


def test_parameters_that_the_symbol_does_not_know_are_left_out():
    """A file of a generator and its judge, and the symbol of the generator alone, as the error for a Group advises."""
    image = sym.tanh(grown(var()))
    whole = sym.Group([sym.MakeLoss(sym.mean(dense(image, 1, "judge"))), image])
    parameters = weights(whole, noise=(2, 7, 1, 1))
    with pytest.raises(ShapeError, match="Give the symbol of the generator alone"):
        generator_of(whole, parameters)
    alone = whole.get_internals()[image.list_outputs()[0]]
    made = generator_of(alone, parameters)
    assert made.notes == ("left out, since the symbol does not have them: judge_weight, judge_bias",)
    assert Sampler(made.symbol, made.latent_shape, parameters=made.parameters).draw(2).shape == (2, 3, 4, 4)


def test_the_remedy_for_a_second_input_draws():
    two = grown(var() + var("code"))
    parameters = weights(two, noise=(2, 7, 1, 1), code=(2, 7, 1, 1))
    with pytest.raises(CheckpointError) as caught:
        generator_of(two, parameters, input_name="noise")
    assert "mxgan.Sampler(mxgan.renamed(symbol, noise='rand'), latent_shape, conditions={'code': …})" in str(
        caught.value
    )
    sampler = Sampler(renamed(two, noise="rand"), (7, 1, 1), conditions={"code": (7, 1, 1)})
    sampler.set_params(*parameters)
    z, code = np.random.default_rng(0).standard_normal((2, 3, 7, 1, 1)).astype("f")
    expected = np.einsum("nc,cfhw->nfhw", (z + code)[:, :, 0, 0], parameters[0]["up_weight"].asnumpy())
    np.testing.assert_allclose(sampler.sample(z, conditions={"code": code}), expected, atol=1e-4)


def test_an_old_generator_s_grey_from_0_to_1_becomes_ours():
    symbol = sym.transpose(0.5 * sym.tanh(grown(var())) + 0.5, axes=(0, 1, 3, 2))
    made = generator_of(symbol, weights(symbol, noise=(2, 7, 1, 1)), batch_size=2)
    assert (made.ranged, made.notes) == (True, ("its values from 0 to 1 become -1 to 1",))
    images = Sampler(made.symbol, made.latent_shape, 2, parameters=made.parameters).draw(4)
    assert images.min() < -0.99
    assert images.max() > 0.99


def test_what_mxnet_cannot_bind_is_said_in_a_line():
    like = mx.sym.Variable("like_weight", shape=(2, 3, 4, 4))
    no_type = sym.broadcast_like(var("rand"), like)  # nothing decides the type of the second
    with pytest.raises(CheckpointError, match="MXNet cannot compute this generator: .*InferType pass cannot decide"):
        Sampler(no_type, (3, 1, 1), 2, parameters=({"like_weight": mx.nd.ones((2, 3, 4, 4))}, {}))


def test_images_outside_of_the_range_are_said(caplog):
    symbol = 3 * sym.tanh(grown(var()))
    made = generator_of(symbol, weights(symbol, noise=(2, 7, 1, 1)), batch_size=2)
    sampler = Sampler(made.symbol, made.latent_shape, 2, parameters=made.parameters)
    sampler.draw(4)
    (message,) = caplog.messages
    assert message.startswith("The images reach from -3 to 3; in pictures, what lies outside of -1 to 1 is cut off")
