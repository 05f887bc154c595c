"""Optional packages, imported when they are needed, with an error that names the extra."""

from __future__ import annotations

import importlib
from types import ModuleType

from mxgan.errors import RuntimeUnavailableError, first_line

__all__ = ["needed"]


def needed(module: str, extra: str, purpose: str) -> ModuleType:
    """An optional package.

    Parameters
    ----------
    module : its name, as `import` takes it.
    extra : the extra of mxgan that installs it.
    purpose : what needs it, as the begin of a sentence: "A file of ONNX is".

    Raises
    ------
    RuntimeUnavailableError : it cannot be imported; the message names the extra.
    """
    try:
        return importlib.import_module(module)
    except Exception as error:  # one that is there and broken, or built for another NumPy, raises what it likes
        raise RuntimeUnavailableError(
            f"{purpose} written or read through the package {module}, which cannot be imported here "
            f"({first_line(error)}). Install it: pip install '.[{extra}]' in a clone of mxgan."
        ) from error
