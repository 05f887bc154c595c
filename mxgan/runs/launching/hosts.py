"""The file of hosts for mpirun, checked before a job starts."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Optional

from mxgan.errors import ArgumentError

__all__ = ["check_hosts", "slots_in"]

FORM = "a line is HOST or HOST slots=N, such as 10.0.0.2 slots=4"
_WORD = re.compile(r"(?:max[_-]?slots|user|username|port)=\S+")


def check_hosts(path: str, ranks: int) -> None:
    """Raise ArgumentError unless the file can be read, each line is of Open MPI's form, and it has room for the ranks.

    The room is Open MPI's: a host with slots=N takes N ranks; one that stands on several lines without slots takes as
    many ranks as it has lines; one on a single line without slots takes as many as it has cores, which is not known
    here, so that nothing is counted then.
    """
    room = slots_in(path)
    if room is not None and room < ranks:
        raise ArgumentError(
            f"{path} has {room} slots, and {ranks} ranks need one each. Give more slots or hosts, or -n {room}."
        )


def slots_in(path: str) -> Optional[int]:
    """The number of ranks for which a file of hosts has room; None if only the hosts themselves know it."""
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise ArgumentError(f"--hosts {path} cannot be read ({reason}). Give a file in which {FORM}.") from error
    slots: dict = {}
    mentions: Counter = Counter()
    for number, line in enumerate(lines, 1):
        host, *words = line.partition("#")[0].split() or [""]
        if host:
            mentions[host] += 1
            slots[host] = _slots(words, host, f"{path}, line {number}") or slots.get(host)
    if not mentions:
        raise ArgumentError(f"{path} names no host; {FORM}.")
    for host, given in slots.items():
        if given and mentions[host] > 1:
            raise ArgumentError(
                f"{path} names {host} on {mentions[host]} lines, with slots=; Open MPI does not add them up. Give the "
                "host one line, with all its slots."
            )
    rooms = [given or (mentions[host] if mentions[host] > 1 else None) for host, given in slots.items()]
    return None if None in rooms else sum(rooms)


def _slots(words: list, host: str, place: str) -> Optional[int]:
    """The N of slots=N; None without it."""
    if re.search(r":[0-9]+$", host) and host.count(":") == 1:
        name, _, count = host.partition(":")
        raise ArgumentError(f"{place}: {host!r} is a form of mpirun's --host. Write here: {name} slots={count}.")
    found = None
    for word in words:
        slots = re.fullmatch(r"slots=([1-9][0-9]{0,5})", word)
        if not slots and not _WORD.fullmatch(word):
            raise ArgumentError(f"{place}: {word!r} is not understood; {FORM}.")
        found = int(slots[1]) if slots else found
    return found
