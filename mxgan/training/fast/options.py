"""How Numba compiles the functions of the fast operators."""

from __future__ import annotations

import logging

import numba

__all__ = ["COMPILED", "SUMMED"]

logger = logging.getLogger(__name__)


def _nothing() -> None:
    """A function to try the cache with."""


def _can_keep() -> bool:
    """Whether Numba has a folder for compiled code: beside the source, or the user's."""
    try:
        numba.njit(cache=True)(_nothing)
    except RuntimeError as error:
        logger.warning(
            "Numba cannot keep compiled code (%s), so that it compiles anew for each training. Set NUMBA_CACHE_DIR to "
            "a folder that can be written to.",
            error,
        )
        return False
    return True


COMPILED = {
    "cache": _can_keep(),
    "nogil": True,
    "boundscheck": False,
    "error_model": "numpy",
    "fastmath": {"contract"},  # a product and a sum may be one instruction
}
SUMMED = {**COMPILED, "fastmath": {"contract", "reassoc", "nsz"}}  # a sum may be one of several parts, in a fixed order
