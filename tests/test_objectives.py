"""One contract for every row of OBJECTIVES: its heads' gradients are the derivative of the loss it stands for."""

import numpy as np
import pytest

from mxgan.errors import ArgumentError
from mxgan.objectives import OBJECTIVES, get_objective
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
    assert head.list_outputs() == ["dloss_output"]
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


def test_unknown_objective_gets_a_suggestion():
    with pytest.raises(ArgumentError, match="unknown objective 'gann'; did you mean 'gan'"):
        get_objective("gann")
