"""Benchmarks of mxgan and of PyTorch in alternating turns: `python -m benchmarks` prints the table of docs/speed.md.

In reading order::

    worker.py        the process of one contender, which runs one turn on request
    ours.py          contenders: training steps, sampling and matrix products of mxgan
    theirs.py        contenders: the same work in PyTorch and onnxruntime
    theirs_residual.py  contenders: SNGAN's residual networks in PyTorch
    exported.py      contenders: sampling from exported files in other programs
    running.py       contenders: whole runs of mxgan
    reading.py       contenders: data iterators of mxgan and PyTorch
    alternate.py     turns in alternation; medians, spread, ratios of the rounds
    arithmetic.py    the number of multiply-adds of a step
    suites/          SUITES: one function for each comparison, with its goals
    machine.py       CPU, threads, versions, load
    report.py        tables, JSON, plot
    __main__.py      the command `python -m benchmarks`
    tables.py        the tables of README and docs/speed.md from its JSON, `python -m benchmarks.tables`
    quality/         minutes to a quality, beside PyTorch's example, `python -m benchmarks.quality`
    results/         sample quality: trains and judges every recipe, `python -m benchmarks.results`

`mxgan` imports nothing from here.
"""
