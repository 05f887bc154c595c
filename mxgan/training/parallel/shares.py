"""Shares of a batch: as many rows for each rank."""

from __future__ import annotations

from mxgan.errors import ArgumentError

__all__ = ["share_of"]


def share_of(batch_size: int, ranks: int) -> int:
    """The rows of one rank; ArgumentError if the batch cannot be shared evenly."""
    share, rest = divmod(batch_size, ranks)
    if rest or not share:
        fitting = " or ".join(str(each * ranks) for each in (share, share + 1) if each)
        raise ArgumentError(
            f"batch_size is {batch_size}, which {ranks} ranks cannot share evenly. Give a multiple of {ranks}, such as "
            f"{fitting}, or another number of ranks."
        )
    return share
