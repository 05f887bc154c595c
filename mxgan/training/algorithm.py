"""The choice between MXNet's operators and our own faster ones, which need Numba: see fast/."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Optional

from mxgan.errors import ArgumentError, RuntimeUnavailableError, first_line, lookup
from mxgan.runtime.cpus import lacking_instructions
from mxgan.training.recipe import ALGORITHMS

__all__ = ["algorithm_of_samplers", "chosen_algorithm", "numba_failure", "rewritten"]

logger = logging.getLogger(__name__)

_PATIENCE = 1.0  # seconds of a compilation before it is told


def chosen_algorithm(algorithm: str, precision: str, contexts: Sequence, networks: Optional[Mapping] = None) -> str:
    """ "direct" or "fast" for a setting of the recipe on these devices.

    "auto" is "fast" in float32 on one CPU with AVX2 and FMA where Numba is installed, for networks with layers that
    gain by it, and "direct" elsewhere: Numba is then not even imported, which takes a second and 120 MB.

    Parameters
    ----------
    networks : {network: (symbol, {input: shape})}; None: networks that gain. For networks that do not, "fast" is
        "direct" with a warning.

    Raises
    ------
    ArgumentError : an unknown name, or "fast" where it cannot be.
    RuntimeUnavailableError : "fast", and Numba is missing or cannot be used.
    """
    lookup("algorithm", algorithm, ALGORITHMS)
    if algorithm == "direct":
        return algorithm
    reason = _reason_against(precision, contexts)
    if algorithm == "fast" and reason:
        raise ArgumentError(f"algorithm is 'fast', and {reason}; give 'direct', or 'auto'.")
    if reason or (algorithm == "auto" and importlib.util.find_spec("numba") is None):
        return "direct"
    if not (networks is None or _gain(networks)):
        if algorithm == "fast":
            logger.warning("algorithm is 'fast', and no layer here is faster by it: all operators are MXNet's.")
        return "direct"
    failure = numba_failure()
    if failure and algorithm == "fast":
        raise RuntimeUnavailableError(
            f"algorithm is 'fast', which needs Numba, and it cannot be used here ({failure}). Install it: pip install "
            "'.[speed]' in a clone of mxgan; or give --set algorithm=direct."
        )
    if failure:
        logger.warning("Numba is installed and cannot be used (%s): all operators are MXNet's.", failure)
        return "direct"
    return "fast"


def algorithm_of_samplers(algorithm: str) -> str:
    """The setting of a sampler beside a training with this one: "fast" may be impossible, or of no use, for G alone."""
    return "direct" if algorithm == "direct" else "auto"


def _reason_against(precision: str, contexts: Sequence) -> str:
    """Why the fast operators cannot be used; "" if they can."""
    if precision != "float32":
        return f"precision is {precision!r}, and the fast operators compute in float32"
    if [context.device_type for context in contexts] != ["cpu"]:
        return "the fast operators are for one CPU"
    lacking = lacking_instructions()
    return f"this CPU has no {' and no '.join(lacking)}" if lacking else ""


def _gain(networks: Mapping) -> bool:
    from mxgan.training.fast.rewriting import gains

    return any(gains(symbol, inputs) for symbol, inputs in networks.values())


def rewritten(symbol, inputs: Mapping, algorithm: str):
    """The symbol that computes the same by an algorithm of `chosen_algorithm`; `inputs` : {input: shape}."""
    if algorithm == "direct":
        return symbol
    from mxgan.training.fast.rewriting import with_fast_operators

    return with_fast_operators(symbol, inputs)


@cache
def numba_failure() -> str:
    """Why Numba cannot be used; "" if it can. The fast operators are compiled here, or taken from mxgan's cache."""
    notice = threading.Timer(_PATIENCE, logger.info, [
        "Numba prepares the fast operators for this processor: about ten seconds the first time, then less than one."
    ])  # fmt: skip
    notice.daemon = True
    notice.start()
    try:
        from mxgan.training.fast.compiling import compile_all

        compile_all()
    except Exception as error:  # a broken installation raises what it likes
        logger.debug("Numba cannot be used", exc_info=True)
        return first_line(error)
    finally:
        notice.cancel()
    return ""
