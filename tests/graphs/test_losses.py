"""Which outputs are losses: what MXNet itself says in a backward pass."""

import pytest

from mxgan.errors import ArgumentError
from mxgan.graphs.losses import check_losses
from mxgan.runtime import mx

data, label, row = (mx.sym.var(name) for name in ("data", "label", "row"))
HEADS = {
    "BlockGrad": mx.sym.BlockGrad(data),
    "LinearRegressionOutput": mx.sym.LinearRegressionOutput(data, row),
    "LogisticRegressionOutput": mx.sym.LogisticRegressionOutput(data, row),
    "MAERegressionOutput": mx.sym.MAERegressionOutput(data, row),
    "MakeLoss": mx.sym.MakeLoss(data),
    "SVMOutput": mx.sym.SVMOutput(data, label),
    "SoftmaxOutput": mx.sym.SoftmaxOutput(data, label),
    "make_loss": mx.sym.make_loss(data),
}
OTHERS = {
    "_copy": mx.sym.identity(data),
    "square": mx.sym.square(data),
    "softmax_cross_entropy": mx.sym.softmax_cross_entropy(data, label),
    "FullyConnected": mx.sym.FullyConnected(data, num_hidden=2),
}


def backward(symbol) -> None:
    shapes = {"data": (4, 3), "label": (4,), "row": (4, 3)}
    taken = {name: shape for name, shape in shapes.items() if name in symbol.list_arguments()}
    executor = symbol.simple_bind(mx.cpu(), **taken)
    executor.forward(is_train=True)
    executor.backward()
    mx.nd.waitall()


@pytest.mark.parametrize("name", HEADS)
def test_a_head_needs_no_gradient_from_outside(name):
    backward(HEADS[name])
    check_losses("discriminator", HEADS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_another_output_needs_one_and_is_refused(name):
    with pytest.raises(mx.MXNetError, match="head_gradient is required"):
        backward(OTHERS[name])
    with pytest.raises(ArgumentError) as caught:
        check_losses("discriminator", mx.sym.Group([HEADS["MakeLoss"], OTHERS[name]]), first=1)
    assert f"of the discriminator is a {name}, which is no loss; give a loss (mx.sym.MakeLoss(…)" in str(caught.value)
    check_losses("generator", mx.sym.Group([OTHERS[name], HEADS["MakeLoss"]]), first=1)


def test_a_softmax_that_multiplies_by_a_gradient_from_outside_is_refused():
    with pytest.raises(ArgumentError, match="is a SoftmaxOutput with out_grad, which is no loss"):
        check_losses("discriminator", mx.sym.SoftmaxOutput(data, label, out_grad=True))


def test_an_input_as_an_output_is_refused():
    with pytest.raises(ArgumentError, match="the output 'data' of the generator is an input, which is no loss"):
        check_losses("generator", mx.sym.Group([mx.sym.MakeLoss(data), data]), first=1)
