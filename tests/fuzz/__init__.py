"""Hostile files by the thousand: good ones are made, broken by a seed, and given to what reads them.

::

    python -m tests.fuzz [--cases 2000] [--seed 0] [--kind NAME] [--case N]

    good_files.py       small real files of every kind, made once
    *_breakers.py       how bytes, JSON values, folders and arrays are broken: functions of a random.Random
    kinds.py            the table: which good files, how broken, what reads them
    worker.py           a process that runs case after case under a limit of memory, and watches
    driver.py           gives cases out, puts down what a worker died of, counts

What a case may end in is success or an MXGANError. Anything else is a fault: another exception, a signal, a hang,
memory above twice the files plus 256 MB, code run from a file, a file outside the case's folder touched, or one in it
lost by a refusal.
"""
