"""One contract for every row of OBJECTIVES: its heads' gradients are the derivative of the loss it stands for."""

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.objectives.heads import IGNORED_LABEL, OBJECTIVES, get_objective, with_heads
from mxgan.runtime import mx


def softplus(x):
    return np.logaddexp(0, x)


# name → (discriminator loss, generator loss), per sample, as functions of (score, label), and the prediction.
LOSSES = {
    "gan": (
        lambda s, y: y * softplus(-s) + (1 - y) * softplus(s),
        lambda s, y: y * softplus(-s) + (1 - y) * softplus(s),
        lambda s: 1 / (1 + np.exp(-s)),
    ),
    "least_squares": (lambda s, y: (s - y) ** 2 / 2, lambda s, y: (s - y) ** 2 / 2, lambda s: s),
    "hinge_loss": (lambda s, y: np.maximum(0, 1 - (2 * y - 1) * s), lambda s, y: -(2 * y - 1) * s, lambda s: s),
    "wasserstein": (lambda s, y: (1 - 2 * y) * s, lambda s, y: (1 - 2 * y) * s, lambda s: s),
}
SCORES = np.array([[-3.0], [-0.4], [0.0], [0.7], [2.5]])


def test_every_objective_is_in_the_contract():
    assert set(LOSSES) == set(OBJECTIVES)


@pytest.mark.parametrize("name", sorted(LOSSES))
@pytest.mark.parametrize("half", [0, 1])
@pytest.mark.parametrize("label", [0.0, 0.9, 1.0])
def test_gradient_is_that_of_the_loss_by_finite_differences(name, half, label):
    row = get_objective(name)
    head = (row.discriminator_head, row.generator_head)[half](mx.sym.var("score"), mx.sym.var("label"))
    assert head.list_outputs()[0] == "dloss_output"
    labels = np.full(len(SCORES), label)
    executor = head.bind(
        mx.cpu(), {"score": mx.nd.array(SCORES), "label": mx.nd.array(labels)}, {"score": mx.nd.zeros(SCORES.shape)}
    )
    executor.forward(is_train=True)
    executor.backward()
    loss, prediction = LOSSES[name][half], LOSSES[name][2]
    step = 1e-6
    expected = (loss(SCORES + step, label) - loss(SCORES - step, label)) / (2 * step)
    np.testing.assert_allclose(executor.grad_dict["score"].asnumpy(), expected, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(executor.outputs[0].asnumpy(), prediction(SCORES), rtol=1e-5)
    logged = (row.discriminator_loss, row.generator_loss)[half](prediction(SCORES).ravel(), labels)
    np.testing.assert_allclose(logged, loss(SCORES, label).ravel(), rtol=1e-6)


@pytest.mark.parametrize("name", sorted(LOSSES))
def test_the_loss_of_d_is_least_on_the_right_side_of_its_threshold(name):
    row, scores = get_objective(name), np.linspace(-4, 4, 801)
    prediction = LOSSES[name][2](scores)
    for label in (0.0, 1.0):
        best = prediction[row.discriminator_loss(prediction, label).argmin()]
        assert row.threshold is None or (best > row.threshold) == bool(label)
    assert row.probability == (prediction.min() > 0 and prediction.max() < 1)


def bound(symbol, **arrays):
    """The symbol bound over these arrays, run forward and backward; gradients for all but the labels."""
    arrays = {name: mx.nd.array(value) for name, value in arrays.items()}
    gradients = {name: mx.nd.zeros(value.shape) for name, value in arrays.items() if "label" not in name}
    executor = symbol.bind(mx.cpu(), arrays, gradients)
    executor.forward(is_train=True)
    executor.backward()
    return executor


@pytest.mark.parametrize("name", sorted(OBJECTIVES))
@pytest.mark.parametrize("labelled", [False, True])
def test_class_logits_get_a_cross_entropy_that_leaves_unknown_classes_out(name, labelled):
    output = mx.sym.Group([mx.sym.var("score"), mx.sym.var("logits")])
    logits = np.array([[1.0, 2.0, 0.5], [0.1, -1.0, 0.3], [3.0, 0.0, 0.0]])
    classes, labels = np.array([2, -1, 0]), np.array([1.0, 0.0, IGNORED_LABEL if labelled else 1.0])
    for symbol in with_heads(get_objective(name), output, labelled):
        assert symbol.list_outputs()[:2] == ["dloss_output", "closs_output"]
        executor = bound(symbol, score=SCORES[:3], logits=logits, label=labels, class_label=classes)
        softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(executor.outputs[1].asnumpy(), softmax, rtol=1e-5)
        expected = softmax - np.eye(3)[classes]
        expected[1] = 0
        np.testing.assert_allclose(executor.grad_dict["logits"].asnumpy(), expected, rtol=1e-5, atol=1e-6)
        gradient = executor.grad_dict["score"].asnumpy().ravel()
        assert gradient[0] != 0
        assert (gradient[2] == 0) == labelled


def test_a_score_alone_gets_the_plain_heads():
    for symbol in with_heads(get_objective("gan"), mx.sym.var("score")):
        assert symbol.list_arguments() == ["score", "label"]
        assert symbol.list_outputs() == ["dloss_output"]


def test_unknown_objective_gets_a_suggestion():
    with pytest.raises(ArgumentError, match="unknown objective 'gann'; did you mean 'gan'"):
        get_objective("gann")
