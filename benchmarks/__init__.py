"""Measured against peers, alternately in one run: `python -m benchmarks` prints the tables of the README.

    worker.py               each contender in a process of its own, told when to work
    ours, theirs, …         the contenders: running.py and reading.py beside them
    arithmetic.py           how many multiply-adds a step must do
    alternate.py            turns in alternation, medians, spread, ratios round by round
    suites.py               what is compared with what, and the goal of each: one function each
    report.py, machine.py   tables, JSON, plot; versions, threads, load
    results.py              not of speed: every recipe trained and measured, `python -m benchmarks.results`

`mxgan` itself imports nothing from here.
"""
