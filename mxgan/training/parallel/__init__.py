"""Data-parallel training: several processes, the ranks of an MPI job, train one run together.

Every rank makes the draws of the whole batch and computes on its own rows. Gradients are summed over the ranks before
each update, so parameters, optimisers and the average stay equal on all ranks. Rank 0 alone writes the run folder.

::

    ranks.py              `Ranks`: what the processes of a run say to each other; `ALONE` for a single process
    mpi_ranks.py          `MPIRanks`: several of them, over MPI; `all_ranks`
    shares.py             the rows of a batch for each rank
    watch.py              `Watch`: signs of life of each rank, and the end of a job after a fault
    faults.py             `Fault`: what is wrong with a rank, and the messages that tell it
    host_arrays.py        NumPy views of MXNet's arrays
    exchange.py           `Exchange`: sums of gradients and means of statistics, in buckets
    buckets.py            the buckets, and the two calls of MPI for each
    compression.py        bfloat16 on the way between ranks
    shared_batch_norm.py  BatchNorm with the statistics of the whole batch, in the bound symbols
    channel_sums.py       its arithmetic
    equality.py           the same start on all ranks; equality to the bit while they train
    agreement.py          stop and divergence, agreed on after each round of callbacks
    sharing.py            a checkpoint read by rank 0, set on every rank

Source: data-parallel synchronous SGD, Goyal et al. 2017, section 3.
"""
