"""Network graphs (MXNet symbols) and parameter files: read, checked, measured and rewritten.

The files, in reading order::

    shapes.py           shape inference, and checks with plain errors
    layers.py           the layers of a network, with shapes and numbers of parameters
    memory.py           the memory that a network will need
    idle_biases.py      a rewritten graph that avoids a fault of MXNet
    losses.py           outputs that are losses
    renaming.py         inputs with other names
    ndarray_files.py    a checked reader for MXNet's files of named arrays
    parameter_names.py  MXNet's and Gluon's names in a file, fitted to those of a symbol
    params_files.py     .params files loaded and saved
    symbol_rules.py     the operators and attribute values allowed in a symbol file
    symbol_files.py     a safe reader for symbol .json files
    symbol_sizes.py     a size check of a network from a file
    latent_shapes.py    the shape of latents, found in a generator's symbol
    generator_symbols.py  a generator from a symbol of any origin
"""
