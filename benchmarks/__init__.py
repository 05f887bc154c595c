"""Benchmarks of mxgan and of PyTorch in alternating turns: `python -m benchmarks` prints the table of docs/speed.md.

In reading order::

    worker.py        the process of one contender, which runs one turn on request
    ours.py          contenders: training steps, sampling and matrix products of mxgan
    theirs.py        contenders: the same work in PyTorch and onnxruntime
    exported.py      contenders: sampling from exported files in other programs
    running.py       contenders: whole runs of mxgan
    reading.py       contenders: data iterators of mxgan and PyTorch
    alternate.py     turns in alternation; medians, spread, ratios of the rounds
    arithmetic.py    the number of multiply-adds of a step
    suites.py        SUITES: one function for each comparison, with its goals
    machine.py       CPU, threads, versions, load
    report.py        tables, JSON, plot
    __main__.py      the command `python -m benchmarks`
    results/         sample quality: trains and judges every recipe, `python -m benchmarks.results`

`mxgan` imports nothing from here.
"""
