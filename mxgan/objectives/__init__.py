"""Losses and regularisers over the raw score of a discriminator D, as MXNet symbols.

In reading order::

    heads.py               OBJECTIVES: the losses of D and G; each adds a head to the raw score
    feature_matching.py    G's loss by the means of D's features, in place of the objective's
    penalties.py           PENALTIES: gradient penalties as formulas; weight clipping
    augment/               random changes of the images before D, in its symbol
    tangent/               the derivative of the score along a direction, as a symbol
    bound_penalty.py       a gradient penalty bound to D's parameters, through tangent/
    spectral.py            spectral normalisation of D's weights, inside its symbol
"""
