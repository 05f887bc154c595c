"""Ways through a generator's latent space: between latents, along directions, and back from an image to its latent.

The files, in reading order; the functions of the first two take and give arrays::

    paths.py        interpolation of latents and of classes, closed or open
    directions.py   the directions in which the first layer changes most (SeFa)
    parts.py        samplers of another symbol over the same parameters: mixed classes, the first layer
    drawing.py      the images along a path, frame by frame
    gradients.py    a network bound for the gradient of its input, in inference
    projection.py   the latent whose image is nearest to a given one

Truncation, which scales latents towards their mean, is `truncated` in runtime/draws.py.
"""
