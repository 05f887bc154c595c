"""The address that the server takes, and the names under which it may be asked."""

from __future__ import annotations

import errno
import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional

from mxgan.errors import ArgumentError

__all__ = ["Address", "address_text", "is_allowed_name", "listen", "names_of", "resolved"]

_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")
_NAME = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?")
_HOST_HEADER = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9_.-]{1,253})(:[0-9]{1,5})?")
_REASONS = {
    errno.EADDRINUSE: "is in use by another program",
    errno.EACCES: "may not be taken by this user",
    errno.EADDRNOTAVAIL: "is on no network of this machine",
}


@dataclass(frozen=True)
class Address:
    """One address of a host: `family` and `address` as sockets take them; whether only this machine reaches it."""

    host: str
    family: int
    address: str
    is_loopback: bool


def resolved(host: str) -> Address:
    """The address of a host, an IPv4 one if there is one. It is loopback only if all addresses of the name are.

    Raises ArgumentError for a name without an address.
    """
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM) if host else []
    except (OSError, UnicodeError):  # UnicodeError: a part of a name that is too long
        rows = []
    found = sorted((family != socket.AF_INET, family, address[0]) for family, _, _, _, address in rows)
    if not found:
        raise ArgumentError(
            f"--host {host!r:.200} has no address on this machine. Give 127.0.0.1, or a name or address."
        )
    _, family, address = found[0]
    return Address(host, family, address, all(_is_loopback(each) for _, _, each in found))


def _plain(address: str):
    """The address as a number: without its zone, and as IPv4 if it is one in the form of IPv6."""
    found = ipaddress.ip_address(address.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found


def _is_loopback(address: str) -> bool:
    return _plain(address).is_loopback


def listen(address: Address, port: int) -> socket.socket:
    """A socket that listens at the address; port 0 takes a free one. ArgumentError if it cannot be taken."""
    found = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address.address, port))
        found.listen(128)
    except OSError as error:
        found.close()
        what = _REASONS.get(error.errno, f"cannot be taken ({error.strerror})")
        raise ArgumentError(
            f"port {port} of {address.address} {what}. Give another --port, or --port 0 for any free one."
        ) from error
    return found


def address_text(address: Address, port: int) -> str:
    """The address for a browser's line; for 0.0.0.0 and :: this machine's name."""
    host = address.host
    if _plain(address.address).is_unspecified:
        host = socket.gethostname().lower()
    return f"http://[{host.strip('[]')}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def names_of(address: Address, others: Iterable[str]) -> frozenset:
    """The names that a request's Host header may have: loopback's, the address's own, and `others`.

    Raises ArgumentError for one of the others that can be no name.
    """
    others = [each.lower() for each in others]
    for each in others:
        if not (_NAME.fullmatch(each) or _HOST_HEADER.fullmatch(f"[{each.strip('[]')}]")):
            raise ArgumentError(
                f"--allow-host {each!r:.200} is no name of a host. Give a name alone, as box.example.org."
            )
    own = [address.host.lower(), address.address.lower(), socket.gethostname().lower()]
    return frozenset(
        [*_LOOPBACK_NAMES, *(f"[{each.strip('[]')}]" if ":" in each else each for each in [*own, *others])]
    )


def is_allowed_name(header: str, names: frozenset, local: str) -> Optional[bool]:
    """Whether a Host header names this server; None if it is no host at all.

    A page of another site can lead its own name to this machine (DNS rebinding), and then its requests carry that name.
    `local` is the address at which the connection came in, which no other site can use as its name.
    """
    found = _HOST_HEADER.fullmatch(header.lower())
    if not found:
        return None
    return found[1] in names or found[1].strip("[]") == str(_plain(local))
