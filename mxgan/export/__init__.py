"""Trained networks as files of other programs: ONNX, PyTorch, plain MXNet, arrays.

In reading order::

    model.py        Model: one half of a pair with its parameters, as every format takes it
    plain.py        the same function in published layers, with parameters alone as weights
    layers.py       the layers of a plain model in order, with their shapes; the batch stays open
    formats.py      FORMATS, and `write_model`
    description.py  export.json, which says what a folder holds
    array_files.py, mxnet_file.py       one file for each kind of file
    reading.py      an exported folder, back as a Model
"""
