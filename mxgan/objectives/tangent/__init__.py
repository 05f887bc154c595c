"""Forward-mode differentiation of a network: the derivative of its score along a direction, as one more symbol.

MXNet cannot differentiate a gradient once more. It need not: with t(v) = ⟨∇ₓ D(x), v⟩, the *tangent* of the score
in the direction v, the ordinary gradient of t with respect to the weights, at a v that is held fixed, is exactly
that of ∇ₓ D contracted with v. A penalty P(∇ₓ D) has dP/dW = d t(v)/dW at v = dP/d(∇ₓ D); bound_penalty.py does that.

walk.py goes over the network's nodes; rules.py has the rule of each operator, those of functions.py and
normalisation.py among them; point.py is what a rule is given. A new operator is one row in `RULES` and one in its
test.
"""
