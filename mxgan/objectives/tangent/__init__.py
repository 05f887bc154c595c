"""Forward-mode differentiation of a network: the derivative of its score along a direction, as a symbol.

MXNet cannot differentiate a gradient again, but this is not needed. The *tangent* of the score in the direction v is
t(v) = ⟨∇ₓ D(x), v⟩. Hold v fixed: the ordinary gradient of t with respect to the weights is then exactly the gradient
of ∇ₓ D, contracted with v. So a penalty P(∇ₓ D) has dP/dW = d t(v)/dW at v = dP/d(∇ₓ D). ../bound_penalty.py computes
it this way.

In reading order::

    point.py            Point: the argument of every rule
    functions.py        rules for functions of one number, such as tanh
    normalisation.py    rules for LayerNorm, InstanceNorm, L2Normalization and softmax
    rules.py            RULES: one rule for each operator, including the two files above
    walk.py             linearize: applies the rules to a network, node by node

To add an operator, add one row to `RULES` and one to its test.
"""
