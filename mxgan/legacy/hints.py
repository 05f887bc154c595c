"""Remedies for the errors that old programs end with, as a table."""

from __future__ import annotations

import re

__all__ = ["hint_for"]

_PYTHON_2 = "If the program is for Python 2, give --python2 before its name."
_DIVISION = (
    "In Python 2, / between whole numbers gave a whole number: give --python2 before the program's name. If the number "
    "comes from np.ceil, np.sqrt or the like, write int(…) around it."
)
# Modules whose package has another name.
_PACKAGES = {
    "yaml": "pyyaml",
    "skimage": "scikit-image",
    "PIL": "Pillow",
    "cv2": "opencv-python",
    "bs4": "beautifulsoup4",
}
_PYTHON_2_MODULES = [
    "__builtin__",
    "cPickle",
    "ConfigParser",
    "commands",
    "cookielib",
    "copy_reg",
    "cStringIO",
    "httplib",
    "HTMLParser",
    "Queue",
    "SocketServer",
    "StringIO",
    "Tkinter",
    "urllib2",
    "urlparse",
]
_PYTHON_2_NAMES = [
    "basestring",
    "cmp",
    "execfile",
    "file",
    "long",
    "raw_input",
    "reduce",
    "reload",
    "unichr",
    "unicode",
    "xrange",
]
_METHODS = {
    "tostring": "write tobytes()",
    "ptp": "write np.ptp(x)",
    "itemset": "write x[index] = value",
    "newbyteorder": "write x.view(x.dtype.newbyteorder(order))",
}

# (exception, pattern of its text, remedy with the pattern's groups); the first that fits is told.
_HINTS = (
    (SyntaxError, r"", _PYTHON_2),
    (NameError, rf"name '({'|'.join(_PYTHON_2_NAMES)})' is not defined", _PYTHON_2),
    (ModuleNotFoundError, rf"No module named '({'|'.join(_PYTHON_2_MODULES)})'", _PYTHON_2),
    (
        TypeError,
        r"slice indices must be integers|'(numpy\.)?float\d*' object cannot be interpreted as an integer|"
        r"indices must be integers.*float|integer argument expected, got float",
        _DIVISION,
    ),
    (IndexError, r"only integers, slices .* are valid indices", _DIVISION),
    (ValueError, r"binary mode of fromstring is removed", "Write np.frombuffer."),
    (
        AttributeError,
        rf"'numpy\.ndarray' object has no attribute '({'|'.join(_METHODS)})'|`({'|'.join(_METHODS)})` was removed",
        "NumPy 2 has no such method: {method}.",
    ),
    (
        ImportError,
        r"'(?:im\w+|toimage|fromimage)' from 'scipy\.misc'|No module named 'scipy\.misc'",
        "SciPy has no functions for pictures any more: write cv2.imread, cv2.imwrite and cv2.resize.",
    ),
    (
        ModuleNotFoundError,
        r"No module named '(sklearn\.\w+|imp|distutils[\w.]*|asyncore|symbol|parser)'",
        "This module is gone: change the import.",
    ),
    (
        UnicodeDecodeError,
        r"'ascii' codec can't decode",
        'A pickle of Python 2: write encoding="latin1" in pickle.load.',
    ),
    (Exception, r"Compile with USE_CUDA=1", "This MXNet has no GPU code: leave out --gpu, and mx.gpu() is the CPU."),
    (
        Exception,
        r"Cannot find any files that matches the URI pattern",
        "Put the file there (mxgan pack FOLDER OUT.rec makes a .rec), or give --cwd DIR before the program's name.",
    ),
    (ModuleNotFoundError, r"No module named '(\w+)'", "Install it: pip install {package}."),
)


def hint_for(error: BaseException, python2: bool = False) -> str:
    """What to do about an error of an old program; empty if nothing is known.

    Parameters
    ----------
    python2 : whether the program already runs with --python2, so that this is no remedy.
    """
    text = str(error)
    for kind, pattern, remedy in _HINTS:
        found = re.search(pattern, text) if isinstance(error, kind) else None
        if found and not (python2 and remedy == _PYTHON_2):
            word = next((group for group in found.groups() if group), "") if found.groups() else ""
            return remedy.format(package=_PACKAGES.get(word, word), method=_METHODS.get(word, ""))
    return ""
