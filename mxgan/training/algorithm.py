"""The choice between MXNet's operators and our own faster ones, which need Numba: see fast/."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Mapping, Sequence

from mxgan.errors import ArgumentError, RuntimeUnavailableError, first_line, lookup
from mxgan.runtime import cpu_features

__all__ = ["ALGORITHMS", "chosen_algorithm", "lacking_instructions", "rewritten"]

logger = logging.getLogger(__name__)

ALGORITHMS = ("auto", "direct", "fast")
_NEEDED = ("fma", "avx2")  # without them a compiled product would be slower than MXNet's
_PATIENCE = 1.0  # seconds of a compilation before it is told


def chosen_algorithm(algorithm: str, precision: str, contexts: Sequence) -> str:
    """ "direct" or "fast" for a setting of the recipe on these devices.

    "auto" is "fast" in float32 on one CPU with AVX2 and FMA where Numba is installed, and "direct" elsewhere.

    Raises
    ------
    ArgumentError : an unknown name, or "fast" where it cannot be. RuntimeUnavailableError : "fast" without Numba.
    """
    lookup("algorithm", algorithm, ALGORITHMS)
    if algorithm == "direct":
        return algorithm
    reason = _reason_against(precision, contexts)
    if algorithm == "auto":
        return "direct" if reason or importlib.util.find_spec("numba") is None else "fast"
    if reason:
        raise ArgumentError(f"algorithm is 'fast', and {reason}; give 'direct', or 'auto'.")
    return algorithm


def _reason_against(precision: str, contexts: Sequence) -> str:
    """Why the fast operators cannot be used; "" if they can."""
    if precision != "float32":
        return f"precision is {precision!r}, and the fast operators compute in float32"
    if [context.device_type for context in contexts] != ["cpu"]:
        return "the fast operators are for one CPU"
    lacking = lacking_instructions()
    return f"this CPU has no {' and no '.join(lacking)}" if lacking else ""


def lacking_instructions() -> list:
    """The instruction sets that the fast operators need and this CPU has not."""
    return [name for name in _NEEDED if name not in cpu_features()]


def rewritten(symbol, inputs: Mapping, algorithm: str):
    """The symbol that computes the same by an algorithm: itself for "direct"; `inputs` are {input: shape}.

    Raises
    ------
    RuntimeUnavailableError : "fast", and Numba cannot be imported.
    """
    if algorithm == "direct":
        return symbol
    _prepare()
    from mxgan.training.fast.rewriting import with_fast_operators

    return with_fast_operators(symbol, inputs)


def _prepare() -> None:
    """Import the fast operators and compile them, if that has not been done on this machine."""
    notice = threading.Timer(_PATIENCE, logger.info, [
        "Numba compiles the fast operators for this processor. It takes about ten seconds, once: they are kept."
    ])  # fmt: skip
    notice.daemon = True
    notice.start()
    try:
        from mxgan.training.fast.compiling import compile_all

        compile_all()
    except ImportError as error:
        raise RuntimeUnavailableError(
            f"algorithm is 'fast', which needs Numba, and it cannot be imported here ({first_line(error)}). Install "
            "it: pip install '.[speed]' in a clone of mxgan; or give --set algorithm=direct."
        ) from error
    finally:
        notice.cancel()
