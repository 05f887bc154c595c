"""Judges: the networks in whose features distances are measured, their training and their test.

The files in reading order::

    lenet.py            LeNet, the judge of grey images
    residual.py         the residual classifier, the judge of coloured images
    rotation.py         the judge of images without classes
    features.py         FeatureNetwork: a trained judge that gives features and probabilities
    settings.py         the training settings of each judge, with their draws
    data.py             the images that a judge is trained and tested on
    training.py         training of a judge on a data set
    cache.py            trained judges in the user's cache
    changes.py          changes of real images, in five levels
    examination.py      which of these changes a judge sees
    words.py            a judge in one line
    onnx_features.py    features of a user's ONNX file, such as Inception
"""
