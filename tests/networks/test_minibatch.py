import numpy as np
import pytest

from mxgan.networks.blocks import minibatch_discrimination
from mxgan.runtime import mx
from tests.networks.helpers import applied, assert_as_in_torch, drawn, run

N, A, B, C = 5, 7, 3, 4


def closeness(features, weight):
    """Salimans et al. 2016, section 3.2, written out sample by sample."""
    projections = (features @ weight.T).reshape(len(features), B, C)
    found = np.zeros((len(features), B))
    for i, own in enumerate(projections):
        for other in projections:  # j = i too
            found[i] += np.exp(-np.abs(own - other).sum(axis=1))
    return found


def test_the_formula_and_its_gradient_by_finite_differences():
    symbol = minibatch_discrimination(mx.sym.var("f"), "dminibatch", B, C)
    rng = np.random.default_rng(0)
    values = {"f": rng.standard_normal((N, A)), "dminibatch_weight": 0.3 * rng.standard_normal((B * C, A))}
    head = rng.standard_normal((N, B))
    (found,), gradients, _ = run(symbol, values, [head])
    np.testing.assert_allclose(found, closeness(*values.values()), rtol=1e-5)
    assert (found > 1).all()
    assert (found < N).all()
    for name, value in values.items():
        direction, h = rng.standard_normal(value.shape), 1e-6
        ends = [{**values, name: value + sign * h * direction} for sign in (1, -1)]
        up, down = ((closeness(*end.values()) * head).sum() for end in ends)
        np.testing.assert_allclose((gradients[name] * direction).sum(), (up - down) / (2 * h), rtol=1e-3)


def test_a_sample_far_from_all_others_sees_itself_alone_and_copies_see_each_other():
    symbol = minibatch_discrimination(mx.sym.var("f"), "dminibatch", B, C)
    features = np.zeros((4, A))
    features[3] = 100
    weight = np.random.default_rng(0).standard_normal((B * C, A))
    (found,), _, _ = run(symbol, {"f": features, "dminibatch_weight": weight})
    np.testing.assert_allclose(found, np.repeat([[3.0], [3.0], [3.0], [1.0]], B, axis=1), rtol=1e-6)


def test_against_torch():
    torch = pytest.importorskip("torch")

    def layer(flat):
        rows = flat.reshape(len(flat), B, C)
        return torch.exp(-(rows[:, None] - rows[None]).abs().sum(3)).sum(1)

    model = torch.nn.Sequential(torch.nn.Linear(A, B * C, bias=False), applied(layer))
    features = np.random.default_rng(0).standard_normal((16, A)).astype("f")
    symbol = minibatch_discrimination(mx.sym.var("f"), "dminibatch", B, C)
    assert drawn(symbol, {"f": (16, A)})["dminibatch_weight"].shape == (B * C, A)
    assert_as_in_torch(symbol, "f", features, model)
