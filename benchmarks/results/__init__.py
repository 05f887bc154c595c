"""Sample quality: training and judging of every recipe, and of PyTorch's DCGAN example: `python -m benchmarks.results`.

In reading order::

    plans.py         PLANS: one row for each run, in suites
    photographs.py   the photographs of a zip archive: some of one class and the others, as folders; those of the peer
    budget.py        a training of mxgan for a wall time, as a program
    peer.py          PyTorch's DCGAN example for a wall time, as a program
    jobs.py          the runs of a plan, trained by `mxgan train` or by one of these programs, and their time
    judging.py       figures: of runs by `mxgan evaluate`, of arrays by the same functions
    tables.py        rows as Markdown
    goals.py         what was wanted, and whether it is reached
    pictures.py      grids
    page.py          docs/results.md, made of all that
    record.py        the rows in files: all of an output folder, and in brief those of docs
    __main__.py      the command
"""
