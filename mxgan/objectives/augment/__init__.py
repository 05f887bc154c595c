"""Random changes of the images that D judges, real and generated alike, for a training with few images.

In reading order::

    operators.py    the changes as symbols: colour, translation, cutout
    table.py        AUGMENTATIONS: each change with its random numbers and its source
    augmenter.py    several changes before D's symbol, and the numbers of each batch
    adaptive.py     what an adaptive probability needs; callbacks/adaptive_augmentation.py adapts it

Zhao et al. 2020: if only the real images were changed, G would learn to make changed images. If D sees T(x) and
T(G(z)) alike, with a differentiable T, then G learns from the gradient of D(T(G(z))) to make images without changes.
"""
