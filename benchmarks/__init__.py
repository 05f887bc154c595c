"""Measured against peers, alternately in one run: `python -m benchmarks` prints the tables of the README.

    worker.py, contenders   each contender in a process of its own, told when to work
    alternate.py            turns in alternation, medians, spread, ratios round by round
    suites.py               what is compared with what, and the goal of each: one function each
    report.py, machine.py   tables, JSON, plot; versions, threads, load

`mxgan` itself imports nothing from here.
"""
