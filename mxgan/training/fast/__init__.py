"""Operators of our own for training on a CPU, faster than MXNet's, compiled by Numba, which is an optional package.

    algorithms.py             the matrices of Winograd's minimal filtering
    instructions.py           a product and transforms as vector code
    filtering.py              the passes of a convolution over its memory
    options.py                how Numba compiles
    crew.py                   threads and working memory of all operators
    convolution.py            one convolution: its three passes on several threads
    convolution_operator.py   it as an operator of MXNet
    batch_norm_kernels.py     BatchNorm with the activation behind it
    batch_norm_operator.py    it as an operator of MXNet
    image_kernels.py          doubled pixels, means of 2×2 pixels, all augmentations of a batch
    resampling_operator.py    the first two as an operator of MXNet
    augmentation_operator.py  the last as an operator of MXNet
    writing.py                results as MXNet asks for them
    kinds.py                  the nodes of a symbol that are replaced
    rewriting.py              symbols with these operators
    compiling.py              the compilation before a training

Two kinds of convolutions have a fast algorithm here: 4×4 of stride 2, as in DCGAN, and 3×3 of stride 1, as in residual
networks, both with padding 1. For an output number a 4×4 convolution then needs 6¼ products and not 16, and a 3×3
convolution 2¼ and not 9.

Sources: Winograd 1980, "Arithmetic complexity of computations"; Lavin and Gray 2016, "Fast algorithms for convolutional
neural networks", sections 4 and 5. A convolution of stride 2 is one of stride 1 over the four phases of its image:
every second row and column, from the first or the second on.
"""
