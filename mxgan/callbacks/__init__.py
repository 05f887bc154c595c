"""Callbacks of a run: one class for each task around the training steps.

::

    base.py             Periodic and Measuring: the base classes of callbacks with an interval
    history.py          Logger (history.jsonl)
    progress.py         how far the training is: a bar, or lines in the log
    equal_ranks.py      EqualRanks: ranks that are no longer equal
    finite_guard.py     FiniteGuard: an error for NaN and infinity
    diagnosis/          warnings of mode collapse and other failures
    monitor.py          MonitorOutputs: mx.mon.Monitor
    pictures.py         image grids, loss curves and other pictures
    evaluator.py        metrics of samples, accuracy of a classifying discriminator
    checkpointer.py     Checkpointer: saving, and choosing the checkpoints to keep
"""
