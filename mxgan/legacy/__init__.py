"""Old MXNet programs, run as they are: `mxgan run OLD.py`.

The program runs in this process, in its own folder, with its own `sys.argv`. What it needs and no longer finds is
given to it, and every such change is listed at the end with the line of the program and the way to make it permanent.

The files, in reading order::

    script.py      `run_script`: everything below put together, around one program
    changes.py     the list of what was changed, with the places in the program
    sources.py     the program's own modules: found first, compiled, with NumPy's old names
    python2.py     Python 2's syntax, division and pickles, for --python2
    numpy_names.py NumPy names and habits that are gone
    mxnet_names.py MXNet names that moved; GPUs that are not there
    steps.py       the end after N updates
    datasets.py    MNIST in the forms in which old programs fetch it
    windows.py     windows as PNG files where there is no display
    modules.py     changes to other packages, made when the program imports them
    hints.py       remedies for errors that old programs end with
    log.py         a copy of what the program prints
"""

from mxgan.legacy.script import Settings, run_script

__all__ = ["Settings", "run_script"]
