"""A contract over RULES: on the same input, onnxruntime gives what MXNet gives, for each operator and attribute."""

from __future__ import annotations

import numpy as np
import pytest

from mxgan.export.model import Model
from mxgan.export.onnx_file import OPSETS, onnx_model
from mxgan.export.onnx_rules import RULES
from mxgan.export.plain import plain
from mxgan.graphs.shapes import parameter_shapes
from mxgan.graphs.symbol_rules import OPERATORS
from mxgan.runtime import mx
from mxgan.runtime.draws import rng_for
from tests.export.models import mxnet_outputs
from tests.export.onnx_cases import CASES
from tests.export.test_onnx import session_of

MORE = {"dot": (5, 5)}  # shape of a parameter that MXNet cannot infer


def values_of(shape: tuple, name: str) -> np.ndarray:
    """Quarters from -3 to 3: with halves to round, equal values, zeros and negative ones."""
    return (rng_for(name, 0, 0).integers(-12, 13, shape) / 4).astype(np.float32)


def model_of_case(case) -> Model:
    names = ["data", *(f"input{i}" for i in range(1, len(case.inputs)))]
    variables = list(map(mx.sym.Variable, names))
    if case.operator in MORE:
        variables.append(mx.sym.Variable("matrix", shape=MORE[case.operator]))
    source = mx.sym._internal if case.operator.startswith("_") else mx.sym
    symbol = getattr(source, case.operator)(*variables, **case.attributes, name="layer")
    symbol = symbol[0] if case.operator == "LeakyReLU" else symbol  # without rrelu's mask
    shapes = parameter_shapes(symbol, {name: (2, *shape) for name, shape in zip(names, case.inputs)})
    parameters = {name: values_of(shape, name) for group in shapes for name, shape in group.items()}
    parameters = {name: abs(value) + 0.5 if name.endswith("_var") else value for name, value in parameters.items()}
    return Model(symbol, parameters, dict(zip(names, case.inputs)), half="discriminator")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_gives_what_mxnet_gives(case):
    model = model_of_case(case)
    made = onnx_model(plain(model))
    sessions = [session_of(made)]
    made.opset_import[0].version = OPSETS[0]  # the rules are the same for every opset
    sessions.append(session_of(made))
    takes_the_batch_away = case.operator == "squeeze" and not case.attributes  # where MXNet sees one sample
    for batch in (3, 4) if takes_the_batch_away else (1, 4):
        given = {name: values_of((batch, *shape), name) for name, shape in model.inputs.items()}
        renamed = {"image" if name == "data" else name: value for name, value in given.items()}
        wanted = mxnet_outputs(model, given)
        for session in sessions:
            for found, expected in zip(session.run(None, renamed), wanted):
                assert found.shape == expected.shape
                np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)


def test_every_rule_has_a_case_and_is_of_the_whitelist():
    assert {*RULES} == {case.operator for case in CASES}
    assert {*RULES} <= OPERATORS
