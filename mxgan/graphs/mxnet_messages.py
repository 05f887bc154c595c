"""MXNet's error messages, cut down to the layer and its fault."""

from __future__ import annotations

import re

__all__ = ["fault_of", "mxnets_reason"]

LONGEST = 300  # characters of a reason
_PLACE = r"(?:\[[^\]]*\] )?(?:\S+:\d+: )?(?:Check failed: .*? ?: (?!:))?"  # time, C++ file and line, condition


def fault_of(error: Exception) -> tuple:
    """(the layer's name, the fault): the text of an error of MXNet without the place in its source; "" for no layer.

    In MXNet's texts, the fault follows "Error in operator NAME:" or "MXNetError:". A sentence that ends in a colon has
    its list on the next line, but for the list of all arguments of an operator.
    """
    text = str(error)
    found = re.search(rf"Error in operator (\S+): {_PLACE}(.*)", text)
    if found:
        return found.group(1), _plain(found.group(2))
    lines = [line.strip() for line in text.splitlines() if line.strip()] or [type(error).__name__]
    first = next((i for i, line in enumerate(lines) if "MXNetError: " in line), len(lines) - 1)
    said = lines[first].rpartition("MXNetError: ")[2]
    said = re.sub(r",? Possible Arguments:$", "", said)
    if said.endswith(":"):
        said = f"{said} {' '.join(lines[first + 1 : first + 2])}"
    return "", _plain(re.sub(rf"^{_PLACE}", "", said))


def mxnets_reason(error: Exception) -> str:
    """The fault in one sentence without its full stop, with the layer if MXNet names it."""
    layer, fault = fault_of(error)
    return f"layer {layer!r}: {fault}" if layer else fault


def _plain(text: str) -> str:
    """One line of printable characters, without stops at its end."""
    text = "".join(each if each.isprintable() else " " for each in text).strip().rstrip(".,:; ")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]} …"
