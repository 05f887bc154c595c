"""The command line: from strings to a configuration; the other folders do the work.

::

    commands.py     the command `mxgan`: train, recipes, pack, doctor
    sample.py       mxgan sample, and the flags that choose a generator
    latents.py      mxgan interpolate, mxgan walk
    projections.py  mxgan project
    films.py        mxgan film, and what commands that write films share
    flags.py        the flags of `mxgan train` → RunConfig
    values.py       values of flags: intervals, sizes, shapes
    settings.py     --set KEY=VALUE
    sweep.py        mxgan sweep
    launch.py       mxgan launch
    completion.py   mxgan completion, and what a shell completes
    unknown_flags.py  a setting that is given as a flag
    evaluate.py     mxgan evaluate, mxgan train-classifier
    export.py       mxgan export
    importing.py    mxgan import
    report.py       mxgan report
    summary.py      mxgan summary
    runs.py         mxgan runs
    plot.py         mxgan plot
    serve.py        mxgan serve
    doctor.py       the checks of `mxgan doctor`
    tables.py       tables for a terminal and for a pipe
    outputs.py      files at the paths that the user gives
    own_files.py    files that a command replaces, since it has written them
    terminal.py     errors, the log, signals
    messages.py     the layout of error messages
    streams.py      standard output and standard error, whatever they are

`main` is the command `mxgan`; `example` makes a program with the flags of `mxgan train`. Both are loaded when they are
first used, so `mxgan.cli.doctor` works if click is missing.
"""

from __future__ import annotations

__all__ = ["example", "main"]


def __getattr__(name: str):
    if name not in __all__:
        raise AttributeError(f"module 'mxgan.cli' has no attribute {name!r}")
    from mxgan.cli import commands

    return getattr(commands, name)
