"""Data-parallel training: several processes, the ranks of an MPI job, train one run together.

Every rank makes the draws of the whole batch and computes on its own rows. Gradients are summed over the ranks before
each update, so parameters, optimisers and the average stay equal on all ranks. Rank 0 alone writes the run folder.

::

    ranks.py              `Ranks`: what the processes of a run say to each other; `ALONE` for a single process
    host_arrays.py        NumPy views of MXNet's arrays
    agreement.py          stop and divergence, agreed on after each round of callbacks
    sharing.py            a checkpoint read by rank 0, set on every rank

Source: data-parallel synchronous SGD, Goyal et al. 2017, section 3.
"""
