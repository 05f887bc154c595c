"""The command line: strings to a configuration; the rooms below do the work.

`main` is the command `mxgan`, `example` makes a program with the flags of `mxgan train`. Both are loaded when they are
first used, so that `mxgan.cli.doctor` works where click is missing.
"""

from __future__ import annotations

__all__ = ["example", "main"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module 'mxgan.cli' has no attribute {name!r}")
    from mxgan.cli import commands

    return getattr(commands, name)
