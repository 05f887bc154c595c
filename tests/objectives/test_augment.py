"""The changes of AUGMENTATIONS: identity, ranges, exact gradients, and PyTorch's own operations on the same numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from mxgan.errors import ArgumentError, ShapeError
from mxgan.objectives.augment.augmenter import Augmenter
from mxgan.objectives.augment.table import AUGMENTATIONS
from mxgan.objectives.tangent.walk import linearize
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from tests.oracle.differentiable_augmentation import changed

N = 6
SHAPES = [(3, 16, 16), (1, 12, 12), (3, 8, 14), (3, 7, 9)]
ALL = tuple(AUGMENTATIONS)


def uniform(shape, seed=1):
    return mx.nd.array(rng_for("test", seed, 0).random(shape, dtype=np.float32))


def split(augmenter, values) -> dict:
    """{name: its numbers (N, k)}."""
    return {name: values["augment"].asnumpy()[:, place] for name, place in augmenter.places.items()}


def images_of(shape, seed=2):
    return np.tanh(rng_for("images", seed, 0).standard_normal((N, *shape))).astype(np.float32)


def through(augmenter, images, values, pull=None) -> tuple:
    """(T(x), gradient of ⟨T(x), pull⟩ at x)."""
    symbol = augmenter.before(mx.sym.identity(mx.sym.Variable("data")))
    arguments = {"data": mx.nd.array(images), **values}
    gradient = mx.nd.zeros(images.shape)
    requests = {name: "write" if name == "data" else "null" for name in arguments}
    executor = symbol.bind(mx.cpu(), arguments, args_grad={"data": gradient}, grad_req=requests)
    made = executor.forward(is_train=True)[0]
    executor.backward(mx.nd.ones(made.shape) if pull is None else mx.nd.array(pull))
    return made.asnumpy(), gradient.asnumpy()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", ALL)
def test_neutral_values_change_no_bit(name, shape):
    augmenter, images = Augmenter((name,), shape), images_of(shape)
    made, _ = through(augmenter, images, augmenter.neutral(N))
    np.testing.assert_array_equal(made, images)
    other, _ = through(augmenter, images, augmenter.draw(uniform, N))
    assert (other != images).any()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("names", [*((name,) for name in ALL), ALL, ALL[::-1]], ids="+".join)
def test_values_and_gradients_are_pytorchs(names, shape):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    augmenter, images = Augmenter(names, shape), images_of(shape)
    values, pull = augmenter.draw(uniform, N), images_of(shape, seed=3)
    numbers = split(augmenter, values)
    made, gradient = through(augmenter, images, values, pull)
    expected, expected_gradient = changed(torch, images, numbers, pull)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-5)
    np.testing.assert_allclose(gradient, expected_gradient, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_each_extreme_of_the_numbers_is_pytorchs(shape):
    """Shifts in all directions, rectangles that reach beyond each edge."""
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    corners = list(itertools.product((0.0, 0.9999), repeat=2))
    for name in ("translation", "cutout"):
        augmenter, images = Augmenter((name,), shape), images_of(shape)[: len(corners)]
        drawn = mx.nd.array([[*corner, 0.5] for corner in corners])
        values = augmenter.draw(lambda wanted, drawn=drawn: drawn, len(corners))
        pull = images[::-1].copy()
        made, gradient = through(augmenter, images, values, pull)
        expected = changed(torch, images, split(augmenter, values), pull)
        np.testing.assert_array_equal(made, expected[0].astype(np.float32))
        np.testing.assert_array_equal(gradient, expected[1].astype(np.float32))


def test_the_gradient_is_that_of_finite_differences():
    shape = (3, 5, 6)
    augmenter, images = Augmenter(ALL, shape), images_of(shape)
    values, pull = augmenter.draw(uniform, N), images_of(shape, seed=3)
    gradient = through(augmenter, images, values, pull)[1]
    step, rng = 1.0, rng_for("places", 0, 0)  # the changes are linear in the image: a large step is exact
    for _ in range(20):
        place = tuple(rng.integers(size) for size in images.shape)
        moved = np.zeros_like(images)
        moved[place] = step
        ends = [(through(augmenter, images + sign * moved, values)[0] * pull).sum(dtype=np.float64) for sign in (1, -1)]
        assert gradient[place] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=2e-5)


def test_the_tangent_goes_through_all_changes():
    """Along v: the difference of scores at x + h v and x − h v, for a score that is not linear in x."""
    shape = (3, 6, 5)
    augmenter = Augmenter(ALL, shape)
    score = mx.sym.sum(mx.sym.tanh(mx.sym.Variable("data")), axis=(1, 2, 3)).reshape((-1, 1))
    values = augmenter.draw(uniform, N)
    shapes = {"data": (N, *shape), **{name: value.shape for name, value in values.items()}}
    linear = linearize(augmenter.before(score), shapes)
    images, direction, h = images_of(shape), images_of(shape, seed=4), 1e-2

    def value(symbol, data, **more):
        arguments = {"data": mx.nd.array(data), **values, **{key: mx.nd.array(each) for key, each in more.items()}}
        taken = {name: array for name, array in arguments.items() if name in symbol.list_arguments()}
        return symbol.bind(mx.cpu(), taken).forward()[0].asnumpy().astype(np.float64)

    ends = [value(augmenter.before(score), images + sign * h * direction) for sign in (1, -1)]
    found = value(linear.tangent, images, tangent=direction)
    np.testing.assert_allclose(found, (ends[0] - ends[1]) / (2 * h), rtol=0, atol=5e-3)
    assert np.abs(found).max() > 0.5


def test_the_published_ranges():
    many, sides = 20_000, (64, 32)
    augmenter = Augmenter(ALL, (3, *sides))
    drawn = split(augmenter, augmenter.draw(uniform, many))
    low, high = drawn["colour"].min(axis=0), drawn["colour"].max(axis=0)
    np.testing.assert_allclose(low, (-0.5, 0, 0.5), atol=1e-3)
    np.testing.assert_allclose(high, (0.5, 2, 1.5), atol=1e-3)
    for place, most in enumerate((8, 4)):
        shifts, counts = np.unique(drawn["translation"][:, place], return_counts=True)
        np.testing.assert_array_equal(shifts, np.arange(-most, most + 1))
        assert counts.min() > 0.8 * many / len(shifts)
    for place, side in enumerate(sides):  # the middle, which is `side // 4` further on, from 0 to the side
        np.testing.assert_array_equal(np.unique(drawn["cutout"][:, place]), np.arange(-side // 4, side - side // 4 + 1))


def test_a_uniform_number_of_one_stays_in_range():
    augmenter = Augmenter(ALL, (3, 16, 16))
    last, near = (augmenter.draw(lambda shape, u=u: mx.nd.full(shape, u), 1)["augment"] for u in (1, 0.9999999))
    np.testing.assert_allclose(last.asnumpy(), near.asnumpy(), atol=1e-6)


def test_the_probability_chooses_samples_of_each_change():
    augmenter, many = Augmenter(ALL, (3, 16, 16)), 4000
    augmenter.probability = 0.3
    values, neutral = split(augmenter, augmenter.draw(uniform, many)), split(augmenter, augmenter.neutral(many))
    chosen = [(values[name] != neutral[name]).any(axis=1) for name in ALL]
    for each in chosen[::2]:  # a shift is (0, 0) now and then
        assert each.mean() == pytest.approx(0.3, abs=0.03)
    assert (chosen[0] & chosen[2]).mean() == pytest.approx(0.09, abs=0.02)
    augmenter.probability = 0.0
    for name, value in split(augmenter, augmenter.draw(uniform, many)).items():
        np.testing.assert_array_equal(value, neutral[name])


def test_without_a_change_the_symbol_is_the_same():
    score = mx.sym.Variable("data")
    augmenter = Augmenter((), (3, 8, 8))
    assert augmenter.before(score) is score
    assert augmenter.draw(uniform, N) == {}


@pytest.mark.parametrize(
    "names, words",
    [
        (("color",), "unknown augmentation 'color'; did you mean 'colour'"),
        (("cutout", "cutout"), "augment has a name twice (cutout, cutout); give each once."),
        ("cutout", "augment is 'cutout'; give a list of colour, translation, cutout."),
    ],
)
def test_names_that_are_not_there(names, words):
    with pytest.raises(ArgumentError) as caught:
        Augmenter(names, (3, 8, 8))
    assert words in str(caught.value)


def test_only_images_can_be_changed():
    with pytest.raises(ShapeError, match=r"augment is cutout, and an image is \(2,\); give \(C, H, W\)"):
        Augmenter(("cutout",), (2,))
    assert Augmenter((), (2,)).inputs == {}
