"""Time to quality: minutes of training until digits are as good as a threshold, `python -m benchmarks.quality`.

In reading order::

    contest.py    the two contenders, trained part by part, and their samples
    __main__.py   the command: parts in turn, judging, JSON
    plot.py       both courses in one plot
"""
